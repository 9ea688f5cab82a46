"""NumPy beside torch: every registry entry agrees or says that it has no twin, and the presets agree to 1e-9."""

import inspect
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from playground import scratch
from playground.catalog import LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.figures.parity import speed_lines
from playground.parity import PRESETS, compare, compare_layer, compare_step
from playground.parity import speed as speed_module
from playground.parity.jobs import LockstepJob, SpeedJob
from playground.parity.lockstep import Lockstep, difference
from playground.parity.spec import WORD, ParitySpec
from playground.spec import KNOWN_WORDS, Experiment, LayerSpec, LossSpec, OptimizerSpec, SchedulerSpec
from playground.training import Run
from playground.twins import NoTwin
from playground.ui.parity import crossing_words
from playground.work.client import Client
from tests.layers_around import REAL, around

WITH_TWIN = [name for name, entry in (*LAYERS.items(), *LOSSES.items()) if entry.twin]
NO_TWIN = {name for name in OPTIMIZERS if not hasattr(scratch, name)}


def worst(steps) -> float:
    return max(gap.relative for step in steps for gap in (step.outputs, step.gradients, step.parameters))


def small_args(name: str) -> dict[str, int]:
    """Few units, so that all numbers can be looked at."""
    size = LAYERS[name].size if name in LAYERS else ""
    return {size: 3} if size else {}


def with_layer(name: str) -> Experiment:
    after = [LayerSpec.from_text(text) for text in ("Linear.5", "Tanh", "Linear.1")]
    return Experiment(layers=(*around(name), *after), optimizer=OptimizerSpec.from_text("SGD.0.1..0.9"))


@pytest.mark.parametrize("name", REAL)
def test_every_layer_trains_in_lockstep_or_says_that_it_has_no_twin(name):
    if not LAYERS[name].twin:
        with pytest.raises(NoTwin, match=f"{name} has no NumPy twin"):
            next(compare(with_layer(name), steps=1))
        return
    steps = list(compare(with_layer(name), steps=30))
    assert worst(steps) < 1e-9
    assert abs(steps[-1].numpy_loss - steps[-1].torch_loss) < 1e-9
    assert steps[-1].numpy_loss != steps[0].numpy_loss


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains_in_lockstep(name):
    entry = LOSSES[name]
    ends = {"probability": "Linear.1~Sigmoid", "logits": "Linear.2"}.get(entry.prediction, "Linear.1")
    wanted = Experiment.from_query(f"data=spiral&net=Linear.8~Tanh~{ends}&loss={name}&opt=SGD.0.1")
    assert worst(compare(wanted, steps=30)) < 1e-9


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains_in_lockstep_or_says_that_it_has_no_twin(name):
    wanted = Experiment().but(optimizer=OptimizerSpec(name=name))
    if name in NO_TWIN:
        with pytest.raises(NoTwin, match=f"{name} has no NumPy twin"):
            next(compare(wanted, steps=1))
        return
    both = Lockstep.of(wanted)
    gap = worst(both.advance() for _ in range(30))
    tolerance, note = both.tolerance()
    assert gap < tolerance
    assert (tolerance == 1e-9) == (not note)
    assert bool(note) == (name in ("NAdam", "ASGD"))  # torch's own float32 state


def test_only_two_optimizers_have_no_twin():
    assert sorted(NO_TWIN) == ["Adafactor", "LBFGS"]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_schedule_moves_both_rates_alike(name):
    wanted = Experiment().but(scheduler=SchedulerSpec(name=name))
    both = Lockstep.of(wanted)
    for _ in range(60):
        both.advance()
        assert both.twin.optimizer.param_groups[0]["lr"] == pytest.approx(
            both.optimizer.param_groups[0]["lr"], rel=1e-12
        )


def test_penalties_and_clipping_take_part():
    wanted = Experiment.from_query("data=spiral&net=Linear.8~Tanh~Linear.1&opt=SGD.0.3&l1=0.01&l2=0.1&clip=0.05")
    assert worst(compare(wanted, steps=60)) < 1e-9


def test_mixed_precision_has_no_twin():
    wanted = Experiment().but(training=Experiment().training.but(precision="mixed"))
    with pytest.raises(NoTwin, match="bfloat16"):
        next(compare(wanted))


def test_outputs_that_torch_would_broadcast_have_no_twin():
    wanted = Experiment.from_query("data=spiral&net=Linear.8~Tanh~Linear.1~Flatten.0&loss=MSELoss")
    with pytest.raises(NoTwin, match="Remove Flatten"):
        next(compare(wanted))


@pytest.mark.parametrize("name", ["xor", "digits"])
def test_the_presets_agree_to_1e_9_in_float64(name):
    preset = PRESETS[name]
    steps = list(compare(preset.experiment, dtype="float64"))
    assert len(steps) == preset.epochs * -(-preset.experiment.data.train_count // preset.experiment.training.batch_size)
    assert worst(steps) < 1e-9
    assert abs(steps[-1].numpy_loss - steps[-1].torch_loss) <= 1e-9 * abs(steps[-1].torch_loss)
    assert steps[-1].numpy_loss < steps[0].numpy_loss / 10


@pytest.mark.parametrize("name", ["cnn", "lstm"])
def test_the_networks_written_out_agree_to_1e_9_in_float64(name):
    preset = PRESETS[name]
    both = Lockstep.of(preset.experiment, "float64", preset.network)
    assert worst(both.advance() for _ in range(preset.epochs * len(both.batches))) < 1e-9
    ours, theirs = both.predict(both.data.x_val[:9])
    assert ours.shape == (9, 10)
    assert np.allclose(ours, theirs, rtol=1e-9)


def test_characters_are_embedded_alike_on_both_sides():
    plain = Experiment.starter("characters")
    net = ("Embedding.6", "Flatten", "Linear.16", "Tanh", "Linear.30")
    tokens = plain.data.set(encoding="tokens", n=200)
    wanted = plain.but(data=tokens, layers=[LayerSpec.from_text(text) for text in net])
    assert wanted.data.tokens
    steps = list(compare(wanted, steps=20, dtype="float64"))
    assert worst(steps) < 1e-9


def test_xor_is_solved_and_both_sides_say_so():
    both = Lockstep.of(PRESETS["xor"].experiment)
    while both.running:
        both.advance()
    (our_loss, our_accuracy), (their_loss, their_accuracy) = both.evaluate()
    assert our_accuracy == their_accuracy == 1
    assert our_loss == pytest.approx(their_loss, rel=1e-9)
    assert both.step == 2000


def test_float32_opens_a_gap_near_1e_7_that_float64_does_not():
    small = [step.parameters.relative for step in compare(Experiment(), steps=50, dtype="float32")]
    assert 1e-8 < max(small) < 1e-3
    assert worst(compare(Experiment(), steps=50)) < 1e-12


def test_the_course_in_float32_is_that_of_the_run():
    run = Run(Experiment(), "cpu")
    run.advance(steps=40)
    losses = [step.torch_loss for step in compare(Experiment(), steps=40, dtype="float32")]
    assert losses == run.history["loss"][:40].tolist()


def test_dropout_drops_the_same_values_on_both_sides():
    wanted = Experiment.from_query("data=moons&net=Linear.16~ReLU~Dropout.0.3~Linear.8~Dropout~Linear.1&opt=SGD.0.1")
    steps = list(compare(wanted, steps=40))
    assert worst(steps) < 1e-9
    assert len({step.numpy_loss for step in steps}) == 40


def test_the_difference_names_the_number_and_counts_nan_beside_nan_as_equal():
    ours = np.array([[1.0, np.nan], [np.inf, 2.0]])
    theirs = ours.copy()
    assert difference(["w"], [ours], [theirs]).relative == 0
    theirs[1, 1] = 2.5
    found = difference(["b", "w"], [np.zeros(2), ours], [np.zeros(2), theirs])
    assert found.absolute == 0.5
    assert found.where == "w[1, 1]"
    assert difference(["w"], [np.array([1.0])], [np.array([np.nan])]).relative == np.inf


def test_nothing_global_is_touched():
    torch_state = torch.get_rng_state()
    Lockstep.of(PRESETS["cnn"].experiment, "float32", "cnn")
    compare_layer("Dropout", {}, 3, 3, 0, "float32")
    compare_step("Adam", {}, 2, 0, "float32")
    assert torch.equal(torch.get_rng_state(), torch_state)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WITH_TWIN)
def test_one_layer_agrees_with_torch_and_with_finite_differences(name, dtype):
    result = compare_layer(name, small_args(name), 4, 3, 1, dtype)
    assert result["relative"] <= result["tolerance"]
    if name not in LAYERS or not LAYERS[name].takes_tokens:
        assert [grid["name"] for grid in result["grids"]][1] == "dL/dx"
    for grid in result["grids"][1:]:
        scale = max(1.0, np.abs(grid["numpy"]).max())
        assert np.abs(np.subtract(grid["numpy"], grid["witness"])).max() < scale * (
            1e-6 if dtype == "float64" else 2e-2
        )
    assert len(result["errors"]) == len(result["step_sizes"])


@pytest.mark.parametrize("name", WITH_TWIN)
def test_the_source_shown_is_the_real_one_with_every_sign_on_both_sides(name):
    result = compare_layer(name, small_args(name), 3, 4, 0, "float64")
    source = "\n".join(text for text, _ in result["numpy_code"])
    real = inspect.getsource(getattr(scratch, name).forward)
    assert real.strip().splitlines()[-1].strip() in source
    marks = {mark for _, mark in result["numpy_code"]} - {""}
    inputs = set() if name in LAYERS and LAYERS[name].takes_tokens else {"input"}
    assert marks >= {mark for _, mark in result["torch_code"]} - {""} >= {"forward", *inputs}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in NO_TWIN])
def test_one_optimizer_step_agrees_and_reads_its_rule_out_in_numbers(name, dtype):
    for step in (1, 2, 17):
        result = compare_step(name, {}, step, 3, dtype)
        assert result["relative"] <= result["tolerance"]
    (before, _), (after, _) = result["weight"]
    assert before != after
    assert result["lines"]
    source = inspect.getsource(getattr(scratch, name).update)
    for line, filled in result["lines"]:
        assert line.replace("'", '"').split(" ")[0] in source
        assert "=" in filled
    last = [filled for line, filled in result["lines"] if line.startswith("theta")][-1]
    assert float(last.rpartition("=")[2]) == pytest.approx(after[0], rel=1e-4)


def test_a_step_without_twin_is_said():
    with pytest.raises(NoTwin, match="LBFGS has no NumPy twin"):
        compare_step("LBFGS", {}, 1, 0, "float64")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: compare_layer("Linear", {}, 0, 3, 0, "float64"), "rows is 0"),
        (lambda: compare_layer("Linear", {}, 3, 99, 0, "float64"), "columns is 99"),
        (lambda: compare_layer("Nothing", {}, 3, 3, 0, "float64"), "there is no layer"),
        (lambda: compare_layer("Linear", {}, 3, 3, 0, "float16"), "dtype is 'float16'"),
        (lambda: compare_layer("BatchNorm1d", {}, 1, 3, 0, "float64"), "more than one value per channel"),
        (lambda: compare_step("Adam", {}, 51, 0, "float64"), "step is 51"),
        (lambda: list(compare(Experiment(), 1, "int8")), "dtype is 'int8'"),
        (lambda: LockstepJob("nothing", "", "float64", 1), "there is no preset"),
        (lambda: SpeedJob(0, 10), "width is 0"),
    ],
)
def test_bad_questions_get_a_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_a_comparison_that_is_cut_says_so(monkeypatch):
    monkeypatch.setattr("playground.parity.jobs.MAX_STEPS", 6)
    job = LockstepJob("xor", "", "float64", 20)
    while not job.done:
        job.work(0.5)
    report = job.report()
    assert (report["step"], report["steps"]) == (6, 6)
    assert report["status"] == "A comparison ends after 6 steps; all 20 are for the page Train."


def test_the_lines_cross_where_they_do():
    values = [1.0, 10.0, 100.0]
    assert speed_module.crossing(values, [1, 1, 4], [2, 2, 2]) == pytest.approx(10**1.5)
    assert speed_module.crossing(values, [1, 1, 1], [2, 2, 2]) is None


def test_speed_is_measured_for_every_size_and_counted_right(monkeypatch):
    monkeypatch.setattr(speed_module, "BATCHES", (1, 20))
    monkeypatch.setattr(speed_module, "WIDTHS", (4, 8))
    monkeypatch.setattr(speed_module, "ROUND_SECONDS", 0.0005)
    job = SpeedJob(4, 10)
    while not job.done:
        job.work(0.5)
    report = job.report()
    assert report["lines"]["batch"]["NumPy"]["x"] == [1, 20]
    assert report["lines"]["width"]["PyTorch, cpu"]["x"] == [4, 8]
    assert all(0 < s < 1 for s in report["lines"]["width"]["NumPy"]["seconds"])
    assert len(list(speed_module.measure_speed(4, 10))) == speed_module.count()


@pytest.fixture
def waits(monkeypatch):
    """A machine with an accelerator: torch's device without numbers stands in for one. It takes every operation at once,
    and has 2 ms of work left for whoever waits until all is done; yields a list with an entry for each time."""
    waited = []
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: torch.device("meta"))
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: waited.append(time.sleep(0.002)))
    monkeypatch.setattr("playground.device.chip_name", lambda where: "Stand-in 9000")
    return waited


def test_an_accelerator_is_timed_on_the_wall_until_all_its_work_is_done(waits):
    side = "PyTorch, meta (Stand-in 9000)"
    assert list(speed_module.sides()) == ["NumPy", "PyTorch, cpu", side]
    net = speed_module.sides()[side](4, 10)
    seconds = speed_module.timed(net.step, speed_module._clock(side), 1)
    assert net.value.device.type == "meta"
    assert len(waits) == 2, "before the first step, and after the last"
    assert seconds > 0.002, "what was left is part of it, although no processor was at work"
    speed_module.timed(speed_module.sides()["PyTorch, cpu"](4, 10).step, speed_module._clock("PyTorch, cpu"), 1)
    assert len(waits) == 2, "the processor waits for nobody"


def test_an_accelerator_has_a_line_a_crossing_and_its_name_in_the_table(monkeypatch, waits):
    monkeypatch.setattr(speed_module, "BATCHES", (1, 20))
    monkeypatch.setattr(speed_module, "WIDTHS", (4, 8))
    monkeypatch.setattr(speed_module, "ROUND_SECONDS", 0.0005)
    side = "PyTorch, meta (Stand-in 9000)"
    job = SpeedJob(4, 10)
    while not job.done:
        job.work(0.5)
    for along, sizes in {"batch": [1, 20], "width": [4, 8]}.items():
        lines, crossings = job.report()["lines"][along], job.report()["crossings"][along]
        assert lines[side]["x"] == sizes
        assert set(crossings) == {"PyTorch, cpu", side}
        assert [trace.name for trace in speed_lines(lines, along).data] == ["NumPy", "PyTorch, cpu", side]
        assert len({trace.line.color for trace in speed_lines(lines, along).data}) == 3
        assert f"{side} do not cross" in crossing_words(crossings, lines, along)
        assert f"{side} overtakes NumPy near {along} 15:" in crossing_words({side: 15.0}, lines, along)
    monkeypatch.setattr(speed_module, "ROUNDS", 1)
    (row,) = [row for row in speed_module.aspects() if row and row["aspect"] == "Device"]
    assert row["torch_measured"] == "cpu, meta"


@pytest.mark.parametrize(
    "spec",
    [
        ParitySpec(),
        ParitySpec(show="step", rule=OptimizerSpec.from_text("RMSprop.0.1"), step=7, dtype="float32"),
        ParitySpec(part=LossSpec(name="HuberLoss"), rows=5, draw=3),
        ParitySpec(show="training", preset="cnn", passes=3),
        ParitySpec(show="speed", width=64, batch=100),
        *(
            ParitySpec(rows=5, part=LayerSpec.of(name=name, args={size: 4} if (size := entry.size) else {}))
            for name, entry in LAYERS.items()
        ),
        *(ParitySpec(rows=5, part=LossSpec(name=name)) for name in LOSSES),
    ],
)
def test_the_address_bar_carries_the_page(spec):
    assert ParitySpec.from_query(spec.to_query()) == spec
    assert not set(WORD.values()) & KNOWN_WORDS, "those of an experiment mean the network of the Train page"


@pytest.mark.parametrize(
    "query",
    [
        {"show": "<b>"},
        {"part": "os.system"},
        {"part": "ReLU~Tanh"},
        {"part": "Residual~Tanh"},
        {"part": "~-"},
        {"rows": "1e9"},
        {"part": "Linear.999"},
        {"dtype": "x"},
        {"preset": "x"},
    ],
)
def test_a_hostile_address_is_answered_with_a_sentence(query):
    with pytest.raises(ValueError, match=r"\.$"):
        ParitySpec.from_query(query)


@pytest.fixture(scope="module")
def worker():
    client = Client("playground.parity")
    yield client
    client.close()


def finish(worker, job, seconds=40):
    end = time.monotonic() + seconds
    while not (report := worker.ask("poll", job=job))["done"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    return report


def test_the_worker_answers_refuses_and_trains_in_slices(worker):
    result = worker.compute("layer", name="Linear", args={}, rows=3, columns=4, seed=0, dtype="float64")
    assert result["relative"] <= 1e-9
    with pytest.raises(ValueError, match="Adafactor has no NumPy twin"):
        worker.compute("step", name="Adafactor", args={}, step=1, seed=0, dtype="float64")
    job = worker.ask("open", kind="lockstep", preset="xor", query="", dtype="float64", epochs=60)["job"]
    report = finish(worker, job)
    assert report["step"] == report["steps"] == 60
    assert report["largest"] < 1e-9
    assert len(report["samples"]) == 4
    assert len(report["surface"]["numpy"]) == 40
    assert worker.ask("poll", job=job)["gone"]


def test_a_long_training_can_be_stopped_while_others_are_answered(worker):
    job = worker.ask("open", kind="lockstep", preset="digits", query="", dtype="float64", epochs=400)["job"]
    time.sleep(0.3)
    worker.compute("step", name="Adam", args={}, step=2, seed=0, dtype="float32")
    report = worker.ask("poll", job=job)
    assert 0 < report["step"] < report["steps"]
    worker.ask("stop", job=job)
    assert worker.ask("poll", job=job)["gone"]


def test_a_lost_worker_is_said_and_the_next_question_starts_another(worker):
    worker.compute("step", name="SGD", args={}, step=1, seed=0, dtype="float64")
    worker._link.kill()
    deadline = time.monotonic() + 10
    while worker._link.alive:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert worker.compute("step", name="SGD", args={}, step=1, seed=0, dtype="float64")["relative"] == 0


def test_the_page_side_imports_neither_torch_nor_numpy():
    code = "import sys, playground.parity, playground.parity.spec, playground.work.client; print('torch' in sys.modules, 'numpy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]
