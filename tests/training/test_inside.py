"""What happens inside a network: the pictures of one sample, and how values spread before training."""

import base64

import numpy as np
import pytest
import torch

from playground.catalog import INITS
from playground.spec import Experiment
from playground.training import Run
from playground.training.diagnostics import QUESTIONS
from playground.training.inside import MAX_MAPS, activations, spread

NETS = {
    "rows": "data=spiral.60&net=Linear~Tanh~Dropout~Linear.1",
    "classes": "data=iris&net=Linear.700~ReLU~Linear.3&loss=CrossEntropyLoss",
    "pictures": "data=digits.100..image&net=Conv2d.20~ReLU~MaxPool2d~Flatten~Linear.10&loss=CrossEntropyLoss",
    "value": "data=plane.60&net=Linear.4~ReLU~Linear.1&loss=MSELoss",
}


def numbers(layer: dict) -> np.ndarray:
    sent = np.frombuffer(base64.b64decode(layer["values"]), "<f4")
    return sent.reshape(layer["maps"], layer["rows"], layer["columns"])


@pytest.mark.parametrize("name", NETS)
def test_every_layer_shows_what_it_really_gives_and_the_run_goes_on_untouched(name):
    experiment = Experiment.from_query(NETS[name])
    run, twin = Run(experiment, "cpu"), Run(experiment, "cpu")
    run.advance(steps=3)
    found = activations(run, 2)
    with run.evaluating():
        value = run.x_val[2:3]
        for layer, module in zip(found["layers"], [torch.nn.Identity(), *run.model], strict=True):
            value = module(value)
            whole = value[0].numpy()
            sent = numbers(layer)
            assert layer["shape"] == list(whole.shape)
            expected = whole[:MAX_MAPS] if whole.ndim == 3 else whole.reshape(1, 1, -1)[..., :512]
            assert np.array_equal(sent, expected)
            assert layer["scale"] == pytest.approx(np.abs(whole).max())
            assert ("more" in layer["more"]) == (expected.size < whole.size)
    assert found["count"] == len(run.x_val)
    assert found["target"] == run.y_val[2].item()
    assert (found["probabilities"] is None) == (not experiment.data.classes)
    run.advance(steps=3)
    twin.advance(steps=6)
    assert run.history["loss"].tolist() == twin.history["loss"].tolist()


def test_without_a_validation_part_it_is_a_training_sample():
    run = Run(Experiment.from_query("data=xor4&split=1.0&net=Linear.4~Tanh~Linear.1&loss=BCEWithLogitsLoss"), "cpu")
    found = activations(run, 0)
    assert (found["split"], found["count"]) == ("train", 4)


@pytest.mark.parametrize(("arguments", "said"), [
    ({"sample": -1}, "there is no sample -1"), ({"sample": 10**9}, "there is no sample 1,000,000,000"),
    ({"split": "test"}, "no 'test'"),
])  # fmt: skip
def test_what_is_not_there_is_a_sentence(arguments, said):
    with pytest.raises(ValueError, match=said):
        activations(Run(Experiment(), "cpu"), **arguments)


def test_sequences_show_time_to_the_right():
    net = "Flatten~Unflatten.8_8~Linear.5~Flatten~Linear.10"
    run = Run(Experiment.from_query(f"data=digits.100..image&net={net}&loss=CrossEntropyLoss"), "cpu")
    steps = activations(run, 0)["layers"][3]
    assert (steps["shape"], steps["maps"], steps["rows"], steps["columns"]) == ([8, 5], 1, 5, 8)


@pytest.mark.parametrize("name", NETS)
def test_spread_counts_every_value_of_the_untrained_network(name):
    run = Run(Experiment.from_query(NETS[name]), "cpu")
    before = spread(run)
    run.advance(steps=5)
    assert spread(run) == before, "training does not change how it began"
    for layer in before["layers"]:
        assert sum(layer["counts"]) <= before["samples"] * 10**6
        assert layer["std"] >= 0
    assert [layer["index"] for layer in before["layers"]] == [-1, *range(len(run.model))]


def test_through_depth_values_fade_vanish_or_stay_as_the_rule_says():
    last = {}
    for init in INITS:
        name = "" if init == "default" else f"-{init}"
        net = "~".join([f"Linear{name}.64~ReLU"] * 8 + [f"Linear{name}.1"])
        last[init] = spread(Run(Experiment.from_query(f"data=spiral&net={net}"), "cpu"))["layers"][-2]["ratio"]
    assert last["zeros"] == 0
    assert last["normal"] < 1e-6 < last["default"]
    assert last["default"] < 0.2 < last["he"] < 5
    assert last["xavier"] < last["he"] / 4


def test_a_page_can_ask_for_both():
    assert QUESTIONS["activations"] is activations
    assert QUESTIONS["spread"] is spread


def test_a_layer_that_cannot_take_one_sample_says_so():
    run = Run(Experiment.from_query("data=circle.60&net=Linear.1~GroupNorm.1~Linear.1"))
    with pytest.raises(ValueError, match=r"Layer 2 \(GroupNorm\) cannot take one sample alone: .* more units\."):
        activations(run)
