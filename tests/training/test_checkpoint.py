"""A run in a file: it goes on with the same bits, and no file that anybody could upload does harm."""

import base64
import copy
import io
import json
import pickle
import re
import time
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import nn

from playground import checkpoints
from playground.catalog import OPTIMIZERS, SCHEDULERS
from playground.checkpoints import opened, to_checkpoint, weights_of
from playground.export import to_script
from playground.limits import LIMITS
from playground.spec import DataSpec, Experiment, LayerSpec, OptimizerSpec, SchedulerSpec, TrainingSpec
from playground.training import record, restored, started
from playground.training.diagnostics import QUESTIONS

pytestmark = pytest.mark.filterwarnings("ignore")


def layer(name: str, **args) -> LayerSpec:
    return LayerSpec(name=name, args=args)


DATA = DataSpec(name="circle", args={"n": 60, "noise": 0.2})
NETWORK = (layer("Linear", out_features=4), layer("Tanh"), layer("Linear", out_features=1))
PLAIN = Experiment(
    data=DATA,
    layers=NETWORK,
    optimizer=OptimizerSpec(name="Adam", args={"lr": 0.03}),
    training=TrainingSpec(batch_size=8, epochs=40),
    seed=3,
)
DROPPING = (layer("Linear", out_features=6), layer("BatchNorm1d"), layer("ReLU"), layer("Dropout"), NETWORK[-1])


def cases():
    yield "plain", PLAIN
    yield "dropout and batch norm", PLAIN.but(layers=DROPPING)
    yield "early stopping", PLAIN.but(training=PLAIN.training.but(patience=30))
    yield "penalties", PLAIN.but(training=PLAIN.training.but(l1=0.01, l2=0.01, clip_norm=1.0))
    yield "in order", PLAIN.but(training=PLAIN.training.but(shuffle=False))
    yield "mixed", PLAIN.but(training=PLAIN.training.but(precision="mixed"))
    yield "regression", Experiment(data=DataSpec(name="diabetes", args={"n": 60}))
    for name in OPTIMIZERS:
        yield name, PLAIN.but(optimizer=OptimizerSpec(name=name))
    for name in SCHEDULERS:
        yield name, PLAIN.but(scheduler=SchedulerSpec(name=name))
    for name, experiment in list({"plain": PLAIN, "dropout": PLAIN.but(layers=DROPPING)}.items()):
        yield f"NumPy {name}", experiment.but(training=experiment.training.but(engine="numpy"))
    for name, entry in OPTIMIZERS.items():
        if entry.twin:
            numpy = PLAIN.but(optimizer=OptimizerSpec(name=name))
            yield f"NumPy {name}", numpy.but(training=numpy.training.but(engine="numpy"))


CASES = dict(cases())


def same(first, second) -> bool:
    """Whether nested state is the same to the bit; nan is nan."""
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and first.numpy().tobytes() == second.numpy().tobytes()
    if isinstance(first, dict):
        return set(first) == set(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def saved(experiment: Experiment, steps: int) -> tuple:
    run = started(experiment, "cpu")
    run.advance(steps=steps)
    return run, to_checkpoint(run.state())


@pytest.mark.parametrize("steps", [0, 9, 16])
@pytest.mark.parametrize("label", CASES)
def test_a_run_from_a_file_goes_on_with_the_same_bits(label, steps):
    """Also from step 0, from the middle of an epoch (9 of 4 batches each) and from between two."""
    run, file = saved(CASES[label], steps)
    experiment, state = opened(file, Experiment())
    assert experiment == CASES[label]
    again = restored(state, "cpu")
    assert (again.step, again.status) == (run.step, run.status)
    run.advance(steps=25)
    again.advance(steps=25)
    kept, came_back = record.parse(run.state()), record.parse(again.state())
    assert kept.pop("status")[0] == came_back.pop("status")[0]
    assert same(kept, came_back)


def test_early_stopping_remembers_its_best_weights():
    stopping = PLAIN.but(
        optimizer=OptimizerSpec(name="SGD", args={"lr": 3.0}),
        training=TrainingSpec(batch_size=8, patience=3, epochs=200),
    )
    run, file = saved(stopping, 6)
    again = restored(opened(file, Experiment())[1], "cpu")
    run.advance(steps=1_000)
    again.advance(steps=1_000)
    assert run.status == again.status == "stopped"
    assert run.message == again.message
    assert same(dict(run.model.state_dict()), dict(again.model.state_dict()))


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": PLAIN.optimizer.set(lr=0.5)},
        {"optimizer": OptimizerSpec(name="SGD", args={"momentum": 0.9})},
        {"optimizer": OptimizerSpec(name="SGD", args={"momentum": 0.9, "nesterov": True})},
        {"scheduler": SchedulerSpec(name="OneCycleLR", args={"total_steps": 50})},
        {"training": PLAIN.training.but(batch_size=5, l2=0.1)},
    ],
)
def test_settings_that_were_changed_on_the_way_are_in_the_file(change):
    run = started(PLAIN, "cpu")
    run.advance(steps=5)
    for experiment in (PLAIN.but(**change), PLAIN.but(scheduler=SchedulerSpec(name="StepLR")), PLAIN.but(**change)):
        assert run.update(experiment) is None
        again = restored(opened(to_checkpoint(run.state()), Experiment())[1], "cpu")
        before = run.step
        run.advance(steps=3)
        again.advance(steps=3)
        assert run.step == before + 3
        assert same(record.parse(run.state())["course"], record.parse(again.state())["course"])


def test_a_stopped_run_says_so_in_words_of_this_page():
    run, _ = saved(PLAIN.but(training=PLAIN.training.but(epochs=1)), 100)
    run.message = "[click](https://evil.example) <b>now</b>"
    again = restored(opened(to_checkpoint(run.state()), Experiment())[1], "cpu")
    assert again.status == "finished"
    assert "evil" not in again.message
    assert again.message.endswith(".")


# -- weights alone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["plain", "dropout and batch norm", "NumPy plain"])
def test_weights_are_a_safetensors_state_dict(label):
    run, _ = saved(CASES[label], 9)
    file = weights_of(run.state())
    assert same(dict(run.model.state_dict()), load(file))
    experiment, state = opened(file, CASES[label])
    again = restored(state, "cpu")
    assert experiment == CASES[label]
    assert again.step == 0
    assert same(dict(run.model.state_dict()), dict(again.model.state_dict()))
    assert again.scores == run.evaluate()
    assert len(again.history["eval_step"]) == 1
    again.advance(steps=2)
    again.reset()
    assert same(dict(started(CASES[label], "cpu").model.state_dict()), dict(again.model.state_dict()))


@pytest.mark.parametrize("label", ["plain", "dropout and batch norm", "NumPy plain"])
def test_a_pt_file_is_what_the_exported_network_loads(label):
    run, _ = saved(CASES[label], 9)
    file = base64.b64decode(QUESTIONS["state dict"](run)["pt"])
    weights = torch.load(io.BytesIO(file), weights_only=True)
    assert same(dict(run.model.state_dict()), dict(weights))
    namespace: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda *args: None)
        before, threads = torch.random.get_rng_state(), torch.get_num_threads()
        exec(to_script(CASES[label], epochs=1), namespace)
        torch.random.set_rng_state(before)
        torch.set_num_threads(threads)
    namespace["model"].load_state_dict(weights)


# -- hostile files ------------------------------------------------------------------------------------------------

RUN, FILE = saved(CASES["dropout and batch norm"].but(scheduler=SchedulerSpec(name="ReduceLROnPlateau")), 9)
WEIGHTS = weights_of(RUN.state())


def refused(data: bytes, experiment: Experiment | None = None) -> str:
    """The one sentence with which a file is refused, on the page or in the host."""
    start = time.process_time()
    with pytest.raises(ValueError) as caught:
        restored(opened(data, experiment or RUN.experiment)[1], "cpu")
    assert time.process_time() - start < 5
    return sentence(caught.value)


def sentence(error: Exception) -> str:
    text = str(error)
    assert type(error) is ValueError, repr(error)
    assert text.endswith("."), text
    assert "\n" not in text
    assert len(text) < 400
    assert not re.search(r"weights_only|Traceback|<class|\x1b", text), text
    return text


class Payload:
    def __reduce__(self):
        return (print, ("pwned",))


def pickled(protocol: int) -> bytes:
    return pickle.dumps(Payload(), protocol=protocol)


def zipped() -> bytes:
    file = io.BytesIO()
    torch.save({"0.weight": torch.zeros(2)}, file)
    return file.getvalue()


def empty_zip() -> bytes:
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    return file.getvalue()


@pytest.mark.parametrize("data", [pickled(2), pickled(3), pickled(4), pickled(5), zipped(), empty_zip()])
def test_pickles_are_refused_unread(data, capsys, monkeypatch):
    monkeypatch.setattr("pickle.loads", None)
    monkeypatch.setattr("torch.load", None)
    assert "was not opened" in refused(data)
    assert "pwned" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\x00" * 7,
        b"\x00" * 64,
        b"hello, world, this is text",
        pickled(0),
        b"\xff" * 200,
        b"\x89PNG\r\n\x1a\n" * 9,
    ],
)
def test_other_files_are_refused(data):
    assert "not a file of weights" in refused(data)


def made(header, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def one(dtype="F32", shape=(2,), place=(0, 8), **more):
    return {"0.weight": {"dtype": dtype, "shape": list(shape), "data_offsets": list(place), **more}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (made(one(), bytes(8), length=2**63), "not a file of weights"),
        (made(one(), bytes(8), length=2**20 - 1), "damaged"),
        (made(b"{" + b" " * 2**20 + b"}", b""), "the most is 1,048,576"),
        (made(b"{" + b"[" * 100_000, b""), "header cannot be read"),
        (made(b'{"a": ' + b'{"a": ' * 50_000, b""), "header cannot be read"),
        (made(b'{"a": 1' + b"0" * 5_000 + b"}"), "header cannot be read"),
        (made(b'{"a": {}, "a": {}}'), "header cannot be read"),
        (made(b'{"\xff": 1}'), "header cannot be read"),
        (made({}), "no weights at all"),
        (made({"a": 1}), "does not say what"),
        (made(one(more=1), bytes(8)), "does not say what"),
        (made(one(shape=(10**6, 10**6)), bytes(8)), "does not have the 8 bytes"),
        (made(one(shape=(2**62, 4)), bytes(8)), "is none"),
        (made(one(shape=(-1,)), bytes(8)), "is none"),
        (made(one(shape=(2.0,)), bytes(8)), "is none"),
        (made(one(shape=(True, 2)), bytes(8)), "is none"),
        (made(one(shape=(1,) * 9), bytes(8)), "is none"),
        (made(one(place=(8, 0)), bytes(8)), "is none"),
        (made(one(place=(4, 12)), bytes(12)), "leave a gap"),
        (made(one(dtype="F128"), bytes(8)), "unknown here"),
        (made(one(dtype="a\nb"), bytes(8)), "unknown here"),
        (made(one(), bytes(9)), "9 are there"),
        (made(one(), bytes(7)), "7 are there"),
        (made({**one(), "b": one()["0.weight"]}, bytes(8)), "overlap"),
        (made({**one(), "b": one(place=(4, 12))["0.weight"]}, bytes(12)), "overlap"),
        (made({**one(), "__metadata__": {"format": 1}}, bytes(8)), "no texts"),
        (made({**one(), "__metadata__": {"format": checkpoints.CHECKPOINT}}, bytes(8)), "which experiment"),
        (made({**one(), "__metadata__": {"format": checkpoints.RUN, "plan": "{}"}}, bytes(8)), "another version"),
        (made(one(), bytes(8)), "another network"),
    ],
)
def test_damaged_and_lying_files_are_refused(data, words):
    assert words in refused(data)


def test_a_file_that_is_too_large_is_not_looked_at():
    assert f"the most is {LIMITS.max_checkpoint:,}" in refused(bytes(LIMITS.max_checkpoint + 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda weights: weights.pop("0.bias"), "has no '0.bias'"),
        (lambda weights: weights.update(extra=torch.zeros(1)), "has 'extra'"),
        (lambda weights: weights.update({"0.weight": torch.zeros(6, 3)}), "(6, 3) in the file and (6, 2)"),
        (lambda weights: weights.update({"0.weight": torch.zeros(6, 2, dtype=torch.float64)}), "float64 in the file"),
        (lambda weights: weights.update({"0.weight": torch.zeros(6, 2, dtype=torch.int64)}), "int64 in the file"),
        (lambda weights: weights.update({"0.bias": torch.full((6,), torch.nan)}), "not finite"),
        (lambda weights: weights.update({"1.running_var": torch.full((6,), torch.inf)}), "not finite"),
    ],
)
def test_weights_of_another_network_are_refused(change, words):
    weights = load(WEIGHTS)
    change(weights)
    assert words in refused(save(weights))


def test_weights_of_another_framework_are_refused():
    assert "another network" in refused(save(dict(nn.LSTM(2, 3).state_dict())))


def edited(change) -> bytes:
    """The checkpoint after something in it was changed, nested state and all."""
    kept = record.parse(FILE)
    change(kept)
    return to_checkpoint(record.dump(kept))


def setting(path: str, value):
    """`course.batches.position` = value."""

    def change(kept):
        *way, last = (int(step) if step.isdecimal() else step for step in path.split("/"))
        for step in way:
            kept = kept[step]
        kept[last] = value

    return change


BATCHES = "course/batches/"
GROUP = "course/optimizer/param_groups/0/"
HOSTILE = {
    "course/step": [-1, 10**30, 1.5, True, "1", None],
    "course/evaluated_at": [-1, None],
    "course/first_loss": [float("nan"), "1", [1]],
    "course/best/loss": [float("nan"), None],
    "course/best/weights": [{"0.weight": torch.zeros(6, 2)}, None, 1],
    "course/model/0.weight": [torch.full((6, 2), torch.nan), torch.zeros(2, 6), torch.zeros(6, 2).double(), 1.0],
    "course/model": [{}, None, []],
    BATCHES + "position": [-1, 30, 31, 10**9, None, 1.0],
    BATCHES + "order": [
        torch.arange(29),
        torch.zeros(30, dtype=torch.int64),
        torch.arange(30) - 1,
        torch.arange(30.0),
        5,
    ],
    BATCHES + "generator": [torch.zeros(5056, dtype=torch.uint8), torch.zeros(10, dtype=torch.uint8), None],
    "course/generators": [[], [torch.zeros(16, dtype=torch.uint8)], None],
    "course/optimizer/state": [{99: {}}, {"0": {}}, {-1: {}}, [], {0: {"step": 1}}, {0: []}],
    "course/optimizer/state/0/exp_avg": [
        torch.zeros(10**6),
        torch.zeros(6, 2, dtype=torch.int64),
        5,
        torch.full((6, 2), torch.nan),
    ],
    "course/optimizer/state/0/step": [torch.zeros(6, 2), torch.tensor(torch.nan), "1"],
    GROUP + "lr": [float("nan"), float("inf"), "0.1", None, [1], True],
    GROUP + "betas": [(0.9,), [0.9, 0.9], (0.9, float("nan")), 5],
    GROUP + "params": [[0, 0, 1], [5, 6], [], None],
    GROUP + "fused": [False, 1],
    GROUP + "capturable": [True],
    GROUP + "differentiable": [True],
    GROUP + "extra": ["text", float("nan"), [1]],
    "course/optimizer/param_groups": [[], [{}], None],
    "course/scheduler": [None, {}, {"step": 1}],
    "course/scheduler/last_epoch": [-5, 10**6, "1"],
    "course/scheduler/factor": [2.0, "a"],
    "course/scheduler/best": [float("nan"), "a"],
    "history": [{}, None],
    "history/steps/stride": [0, -1, 1.5],
    "history/steps/count": [-1, 1],
    "history/steps/columns/loss": [torch.zeros(3), torch.zeros(2, 2), torch.zeros(9), [1.0]],
    "history/steps/columns/step": [
        torch.zeros(9, dtype=torch.float64),
        torch.full((9,), torch.nan, dtype=torch.float64),
    ],
    "status": [[], ["playing", ""], ["ready", 1], "ready"],
    "experiment": ["", "{}", "[]", None, 5, '{"data": {"name": "nothing"}}', PLAIN.model_dump_json()],
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in HOSTILE.items() for value in values])
def test_every_part_of_a_checkpoint_is_looked_at(path, value):
    refused(edited(setting(path, value)))


def test_limits_hold_for_the_experiment_in_a_file():
    large = json.loads(RUN.experiment.model_dump_json())
    large["layers"][0]["args"]["out_features"] = 10**9
    assert "out_features" in refused(edited(setting("experiment", json.dumps(large))))


def test_a_short_plan_cannot_ask_for_a_tensor_many_times():
    state = {"experiment": RUN.experiment.model_dump_json(), "course": torch.zeros(1000), "history": {}, "status": []}
    data = to_checkpoint(record.dump(state))
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = header["__metadata__"]
    metadata["plan"] = metadata["plan"].replace('{"tensor": "0"}', json.dumps([{"tensor": "0"}] * 5000))
    refused(made(header, data[8 + int.from_bytes(data[:8], "little") :]))


# -- whatever else: mutations of good files -----------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
FUZZ = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


def survives(data: bytes) -> None:
    """Either refused with a sentence, or a run that can make a step; and soon."""
    start = time.process_time()
    try:
        run = restored(opened(data, RUN.experiment)[1], "cpu")
    except ValueError as error:
        sentence(error)
    else:
        run.advance(steps=2)
        assert np.isfinite(run.scores["train"]["loss"])
    assert time.process_time() - start < 5


@FUZZ
@given(st.sampled_from([FILE, WEIGHTS]), st.data())
def test_bytes_changed_anywhere_do_no_harm(data, draw):
    changed = bytearray(data)
    header = int.from_bytes(data[:8], "little")
    for _ in range(draw.draw(st.integers(1, 4))):
        inside = draw.draw(st.sampled_from([8, 8 + header, len(data)]))
        changed[draw.draw(st.integers(0, inside - 1))] = draw.draw(st.integers(0, 255))
    survives(bytes(changed))


@FUZZ
@given(st.sampled_from([FILE, WEIGHTS]), st.integers(0, 10**6), st.binary(max_size=20))
def test_files_cut_short_or_lengthened_do_no_harm(data, end, more):
    survives(data[: end % len(data)] + more)


def places(value, path=()):
    """Every place inside nested JSON."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one_of in inner:
        yield from places(one_of, (*path, step))


@FUZZ
@given(st.data(), JSON)
def test_any_part_of_the_plan_replaced_by_anything_does_no_harm(draw, value):
    length = int.from_bytes(FILE[:8], "little")
    header = json.loads(FILE[8 : 8 + length])
    plan = json.loads(header["__metadata__"]["plan"])
    path = draw.draw(st.sampled_from(list(places(plan))))
    if path:
        target = plan
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = copy.deepcopy(value)
    else:
        plan = value
    header["__metadata__"]["plan"] = json.dumps(plan)
    survives(made(header, FILE[8 + length :]))


@FUZZ
@given(st.data(), JSON)
def test_any_part_of_the_header_replaced_by_anything_does_no_harm(draw, value):
    data = draw.draw(st.sampled_from([FILE, WEIGHTS]))
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    path = draw.draw(st.sampled_from([path for path in places(header) if path]))
    target = header
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    survives(made(header, data[8 + length :]))
