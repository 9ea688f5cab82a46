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


@pytest.mark.parametrize("name", ["spiral", "sine", "iris"])
def test_a_set_of_one_or_two_inputs_is_told_as_points(name):
    run, facts = told(Experiment.starter(name))
    data, view = run.data, run.experiment.data.entry.view
    if view == "table":
        assert facts["places"] == []
        return
    assert len(facts["places"]) == len(data.x_train) + len(data.x_val) <= 500
    x, y, target, trains = facts["places"][0]
    first = data.y_train[0] * data.y_std + data.y_mean
    assert (x, target, trains) == (pytest.approx(data.raw_train[0][0], rel=1e-2), pytest.approx(first, rel=1e-2), 1)
    assert y == pytest.approx(data.raw_train[0][1] if view == "plane" else first, rel=1e-2)
    assert sum(place[3] for place in facts["places"]) == len(data.x_train)


def test_of_a_large_set_no_more_points_are_told_than_can_be_seen():
    _, facts = told(Experiment.starter("spiral").but(data={"name": "spiral", "args": {"n": 3000}}))
    assert 490 <= len(facts["places"]) <= 510
    assert len(json.dumps(facts)) < 30_000
