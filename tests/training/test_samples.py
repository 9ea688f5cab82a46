"""What the page 'Data' is told is what the run trains on."""

import base64
import json

import numpy as np
import pytest

from playground.catalog import DATASETS
from playground.data import load
from playground.spec import Experiment
from playground.templates import TEMPLATES
from playground.training import Run
from playground.training.diagnostics import QUESTIONS


def told(experiment: Experiment, steps: int = 0) -> tuple[Run, dict]:
    run = Run(experiment, "cpu")
    run.advance(steps=steps)
    return run, QUESTIONS["data"](run)


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_is_told(name):
    run, facts = told(Experiment.starter(name))
    data = run.data
    text = json.dumps(facts, allow_nan=False)
    assert len(text) < 30_000
    assert sum(facts["counts"]["train"]) == facts["train"] == len(data.x_train)
    assert sum(facts["counts"]["val"]) == facts["val"] == len(data.x_val)
    assert len(facts["batch"]) == min(32, facts["size"])
    coming = run.batches.coming().tolist()
    assert [one["row"] for one in facts["batch"]] == coming[:32]
    losses = [one["loss"] for one in facts["batch"]]
    if facts["size"] == len(losses):
        assert facts["mean"] == pytest.approx(np.mean(losses))
    for one in facts["samples"]:
        y = getattr(data, f"y_{one['split']}")[one["row"]]
        assert one["target"] == pytest.approx(float(y * data.y_std + data.y_mean), rel=1e-3, abs=1e-4)
        assert one["index"] == getattr(data, f"index_{one['split']}")[one["row"]]
    for row in facts["inputs"]:
        if facts["standardize"] and not DATASETS[name].image:
            assert row["train"] == pytest.approx([0, 1], abs=1e-3)


def test_a_picture_is_told_pixel_by_pixel():
    _, facts = told(Experiment.starter("digits"))
    one = facts["samples"][0]
    pixels = np.frombuffer(base64.b64decode(one["value"]["pixels"]), np.uint8).reshape(one["value"]["shape"])
    raw = load(Experiment.starter("digits").data).raw_train[one["row"]].reshape(1, 8, 8)
    np.testing.assert_allclose(pixels, raw / raw.max() * 255, atol=1)


def test_what_the_network_says_of_a_batch():
    run, facts = told(Experiment.starter("iris"), steps=50)
    rows = [one["row"] for one in facts["batch"]]
    chances = run.probabilities(run.data.x_train[rows])
    assert [one["said"] for one in facts["batch"]] == chances.argmax(1).tolist()
    assert [one["sure"] for one in facts["batch"]] == pytest.approx(chances.max(1), rel=1e-3)


def test_inputs_that_are_their_own_target():
    data = Experiment.starter("digits").data
    template = next(template for template in TEMPLATES.values() if template.target == "inputs")
    _, facts = told(template.experiment(data))
    assert facts["names"] == []
    assert facts["batch"][0]["target"] is None
    assert facts["batch"][0]["loss"] > 0
