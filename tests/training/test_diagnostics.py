"""What is measured of a run: right against numbers worked out by hand, and without touching the course."""

import json
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from playground.spec import Experiment
from playground.training import NumpyRun, Run, record
from playground.training.diagnostics import BINS, batch, health, weight

torch.set_num_threads(1)

COURSES = {
    "adam": "data=spiral.100&net=Linear~Tanh~Linear~Tanh~Linear.1",
    "dropout and batch norm": "data=moons.90&net=Linear.16~BatchNorm1d~ReLU~Dropout.0.3~Linear.1&opt=SGD.0.1..0.9&batch=7",
    "closure": "data=circle.80&net=Linear.4~Tanh~Linear.1&opt=LBFGS.0.5..5&batch=40",
    "early stopping": "data=moons.60&net=Linear.16~ReLU~Linear.1&opt=Adam.0.05&patience=3&batch=8",
    "table": "data=iris&net=Linear.16~ReLU~Linear.3&loss=CrossEntropyLoss&batch=16",
}


def run_of(query: str) -> Run:
    return Run(Experiment.from_query(query), "cpu")


def same(one, other) -> bool:
    """Whether two nested states are equal, bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def states_are_the_same(one: Run, other: Run) -> bool:
    first, second = (record.parse(run.state()) for run in (one, other))
    for state in (first, second):  # the accuracy of a regression is nan, which equals nothing
        state["history"]["evaluations"]["columns"] = {
            name: torch.nan_to_num(column) for name, column in state["history"]["evaluations"]["columns"].items()
        }
    return same(first, second)


def look(run: Run) -> None:
    health(run)
    for which in ("next", "last"):
        batch(run, which)
    weight(run, 0, "weight", [0, 0])


@pytest.mark.parametrize("name", COURSES)
def test_looking_never_changes_the_course(name):
    plain, watched = run_of(COURSES[name]), run_of(COURSES[name])
    plain.advance(steps=60)
    look(watched)
    for steps in (1, 1, 7, 20, 31):
        watched.advance(steps=steps)
        look(watched)
    assert states_are_the_same(watched, plain)


@pytest.mark.parametrize("name", COURSES)
def test_answers_are_json_without_nan(name):
    run = run_of(COURSES[name])
    for steps in (0, 3):
        run.advance(steps=steps)
        for answer in (health(run), batch(run), batch(run, "last"), weight(run, 0, "bias", [0])):
            json.dumps(answer, allow_nan=False)


def test_before_the_first_step_there_is_no_gradient_and_no_update():
    run = run_of(COURSES["adam"])
    first = health(run)["layers"][0]
    assert first["gradient"] is None
    assert first["update_ratio"] is None
    assert weight(run, 0, "weight", [0, 0]) | {"value": 0} == {
        "step": 0, "lr": 0.01, "value": 0, "gradient": None, "update": None, "state": [],
    }  # fmt: skip
    run.advance(steps=1)
    first = health(run)["layers"][0]
    assert first["gradient"]["norm"] > 0
    assert first["update_ratio"] > 0
    assert Run.restore(run.state(), "cpu").last_update is None


def test_an_update_that_was_not_measured_is_not_made_up():
    run = run_of("data=spiral.5000&batch=1")  # an epoch takes longer; its last step would be measured
    run.advance(steps=1)
    run.advance(seconds=0.01)
    assert run.step > 1
    assert run.last_update is None
    assert health(run)["layers"][0]["update_ratio"] is None
    assert health(run)["layers"][0]["gradient"] is not None
    run.reset()
    assert run.last_update is None


def test_norms_and_ratio_are_those_of_the_numbers():
    run = run_of("data=xor4&split=1.0&loss=BCEWithLogitsLoss&net=Linear.2~ReLU~Linear.1&batch=4&opt=SGD.0.5")
    before = run.model[0].weight.detach().numpy().copy()
    run.advance(steps=1)
    first = health(run)["layers"][0]
    now, grad = run.model[0].weight.detach().numpy(), run.model[0].weight.grad.numpy()
    assert first["weight"]["norm"] == pytest.approx(float(np.sqrt((now**2).sum())))
    assert first["weight"]["rms"] == pytest.approx(float(np.sqrt((now**2).mean())))
    assert first["gradient"]["norm"] == pytest.approx(float(np.sqrt((grad**2).sum())))
    assert first["update_ratio"] == pytest.approx(np.linalg.norm(0.5 * grad) / np.linalg.norm(before), rel=1e-5)
    histogram = first["weight"]["histogram"]
    assert sum(histogram["counts"]) == 4
    assert len(histogram["counts"]) == BINS == len(histogram["edges"]) - 1
    assert histogram["edges"][0] == pytest.approx(float(now.min()))


def test_dead_units_and_flat_ends_are_counted_on_a_network_set_by_hand():
    run = run_of(
        "data=xor4&split=1.0&loss=BCEWithLogitsLoss&net=Linear.4~ReLU~Linear.2~Tanh~Linear.2~Sigmoid~Linear.1&batch=4"
    )
    with torch.no_grad():
        run.model[0].weight.zero_()
        run.model[0].bias.copy_(torch.tensor([1.0, -1.0, -1.0, -1.0]))
        run.model[2].weight.zero_()
        run.model[2].bias.copy_(torch.tensor([9.0, 0.0]))
        run.model[4].weight.zero_()
        run.model[4].bias.copy_(torch.tensor([-9.0, 9.0]))
    layers = health(run)["layers"]
    assert [it["dead"] for it in layers] == [None, 0.75, None, None, None, None, None]
    assert [it["saturated"] for it in layers] == [None, None, None, 0.5, None, 1.0, None]
    assert [it["title"] for it in layers][:3] == ["Linear 4", "ReLU", "Linear 2"]
    assert layers[1]["weight"] is None


@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        ("SGD.0.1", []),
        ("SGD.0.1..0.9", ["momentum_buffer"]),
        ("Adam.0.01", ["exp_avg", "exp_avg_sq"]),
        ("RMSprop.0.01", ["square_avg"]),
        ("Adagrad.0.1", ["sum"]),
        ("LBFGS", []),
    ],
)
def test_the_optimizer_s_own_numbers_for_one_weight(optimizer, names):
    run = run_of(f"data=circle.40&net=Linear.4~Tanh~Linear.1&opt={optimizer}&batch=20")
    run.advance(steps=3)
    told = weight(run, 0, "weight", [2, 1])
    parameter = run.model[0].weight
    assert [item["name"] for item in told["state"]] == names
    for item in told["state"]:
        assert item["value"] == run.optimizer.state[parameter][item["name"]][2, 1].item()
    assert told["value"] == parameter[2, 1].item()
    assert told["gradient"] == parameter.grad[2, 1].item()
    assert told["update"] == run.last_update[0][2, 1].item()
    if optimizer == "SGD.0.1":
        assert told["update"] == pytest.approx(-0.1 * told["gradient"], rel=1e-3)


def test_a_run_that_numpy_computes_answers_as_well():
    query = "data=spiral.100&net=Linear~Tanh~Linear.1&opt=Adam.0.01"
    runs = [made(Experiment.from_query(query), "cpu") for made in (Run, NumpyRun)]
    answers = []
    for run in runs:
        run.advance(steps=8)
        layers = health(run)["layers"]
        told = weight(run, 0, "weight", [2, 1])
        assert [item["name"] for item in told["state"]] == ["exp_avg", "exp_avg_sq"]
        answers.append([*(item["value"] for item in told["state"]), told["update"], layers[0]["gradient"]["norm"]])
        assert len(batch(run)["rows"]) == 10
    assert answers[0] == pytest.approx(answers[1], rel=1e-3)


@pytest.mark.parametrize(
    ("layer", "name", "index", "said"),
    [
        (9, "weight", [0, 0], "there is no layer 10; the network has 3"),
        (1, "weight", [0, 0], "layer 2 has no 'weight'; it has nothing to learn"),
        (0, "weight", [4, 0], r"layer 1 has no weight\[4, 0\]: its shape is \(4, 2\)"),
        (0, "bias", [-1], r"its shape is \(4,\)"),
        (0, "weight", [0], "its shape is"),
    ],
)
def test_a_weight_that_is_not_there_is_answered_with_a_sentence(layer, name, index, said):
    with pytest.raises(ValueError, match=said):
        weight(run_of("data=circle.40&net=Linear.4~Tanh~Linear.1"), layer, name, index)


# -- the batch ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [0, 1])
def test_the_batch_that_was_foretold_is_the_one_that_comes(shuffle):
    run = run_of(f"data=spiral.50&net=Linear~Tanh~Linear.1&batch=10&shuffle={shuffle}&opt=SGD.0.1")
    assert batch(run, "last")["rows"] == []
    assert batch(run, "last")["number"] is None
    told = []
    for step in range(7):  # three batches an epoch: 10, 10 and 5 of 25 points
        coming = batch(run)
        told.append([row["row"] for row in coming["rows"]])
        assert coming["number"] == step % 3 + 1
        assert coming["size"] == (5 if step % 3 == 2 else 10)
        run.advance(steps=1)
        last = batch(run, "last")
        assert [row["row"] for row in last["rows"]] == told[-1]
        assert last["number"] == step % 3 + 1
        assert coming["mean"] == pytest.approx(run.history["loss"][-1], rel=1e-5)
    assert sorted(row for part in told[:3] for row in part) == list(range(25))
    assert (told[0] == told[3]) == (not shuffle)
    assert batch(run)["sizes"] == [[10, 2], [5, 1]]


def test_losses_of_a_batch_are_those_of_its_points():
    run = run_of("data=blobs.60&net=Linear.8~ReLU~Linear.3&loss=CrossEntropyLoss&batch=12")
    run.advance(steps=2)
    for row in batch(run)["rows"]:
        output = torch.tensor(row["output"])
        assert row["loss"] == pytest.approx(F.cross_entropy(output, torch.tensor(row["target"])).item(), rel=1e-5)
        assert row["inputs"] == run.data.raw_train[row["row"]].tolist()


def test_batch_sizes_are_told_as_they_come():
    assert batch(run_of("data=spiral.50&net=Linear.1&batch=5"))["sizes"] == [[5, 5]]
    assert batch(run_of("data=spiral.50&net=Linear.1&batch=100"))["sizes"] == [[25, 1]]
    with pytest.raises(ValueError, match="a next and a last batch"):
        batch(run_of("data=spiral.50&net=Linear.1"), "other")


def test_the_curve_ends_with_now_and_is_thinned():
    run = run_of("data=spiral.20&net=Linear.1&opt=SGD.0.01")
    run.advance(steps=26 * 120)
    curve = health(run, full=False)["curve"]
    assert len(curve["step"]) <= 96
    assert curve["step"] == sorted(set(curve["step"]))
    assert curve["step"][-1] == run.step
    assert curve["train_loss"][-1] == run.evaluate()["train"]["loss"]
    assert all(math.isfinite(value) for value in curve["val_loss"])


def test_what_a_batch_norm_computes_with_is_told_in_full():
    run = Run(Experiment.from_query("data=moons.90&net=Linear.4~BatchNorm1d~ReLU~Linear.1&batch=9"), "cpu")
    run.advance(steps=3)
    linear, norm, _, last = health(run)["layers"]
    assert linear["numbers"] == last["numbers"] == {}
    module = run.model[1]
    for name, tensor in (("running_mean", module.running_mean), ("weight", module.weight), ("bias", module.bias)):
        assert norm["numbers"][name] == tensor.tolist()
    with run.evaluating():
        x = run.model[0](run.x_train[:5])
        kept = {name: torch.tensor(values) for name, values in norm["numbers"].items()}
        by_hand = (x - kept["running_mean"]) / (kept["running_var"] + 1e-5).sqrt() * kept["weight"] + kept["bias"]
        assert torch.allclose(by_hand, module(x), atol=1e-6)
    assert health(run, full=False)["layers"][1]["numbers"] == {}


def test_the_share_of_a_gradient_is_of_the_largest_layers():
    run = Run(Experiment.from_query("data=circle.60&net=Linear.3~Tanh~Linear.1"), "cpu")
    assert [layer["gradient_share"] for layer in health(run)["layers"]] == [None, None, None]
    run.advance(steps=1)
    sizes = [run.model[k].weight.grad.square().mean().sqrt().item() for k in (0, 2)]
    first, _, last = (layer["gradient_share"] for layer in health(run)["layers"])
    assert (first, last) == pytest.approx((sizes[0] / max(sizes), sizes[1] / max(sizes)))
