"""The lessons: every one shows what it says."""

import pytest
import torch

from playground.fit import findings
from playground.lessons import LESSONS
from playground.spec import KNOWN_WORDS, Experiment
from playground.training import Run
from playground.training.diagnostics import health

torch.set_num_threads(1)
_RUNS: dict[str, Run] = {}


def trained(name: str) -> Run:
    """The lesson's run after its epochs; trained once."""
    if name not in _RUNS:
        run = _RUNS[name] = Run(LESSONS[name].experiment, "cpu")
        run.advance(steps=LESSONS[name].epochs * run.steps_per_epoch)
    return _RUNS[name]


def accuracy(name: str) -> float:
    return trained(name).scores["train"]["accuracy"]


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_is_a_whole_question_and_a_link_that_opens_it(name):
    lesson = LESSONS[name]
    assert not findings(lesson.experiment)
    assert 0 <= lesson.right < len(lesson.choices)
    assert lesson.question.endswith("?")
    assert lesson.notice.endswith(".")
    assert "lesson" not in KNOWN_WORDS
    assert Experiment.from_query(lesson.address()) == lesson.experiment
    assert lesson.address()["lesson"] == name


def gradient_share(name: str) -> float:
    """Gradient of the first layer over that of the last."""
    sizes = [layer["gradient"]["rms"] for layer in health(trained(name))["layers"] if layer["name"] == "Linear"]
    return sizes[0] / sizes[-1]


def test_xor_needs_a_hidden_layer():
    assert accuracy("xor-line") < 0.75
    assert 0.6 < trained("xor-line").scores["train"]["loss"] < 0.75
    assert accuracy("xor-hidden") > 0.95


def test_sigmoids_lose_the_gradient_and_relus_and_batch_norm_keep_it():
    assert accuracy("vanishing-sigmoid") < 0.7
    assert gradient_share("vanishing-sigmoid") < 1e-3
    assert accuracy("vanishing-relu") > 0.9
    assert gradient_share("vanishing-relu") > 1e-2
    assert accuracy("batch-norm") > 0.9


def test_too_large_a_step_diverges_and_a_hundredth_of_it_arrives():
    assert trained("large-step").status == "diverged"
    assert trained("small-step").scores["train"]["r2"] > 0.9


def test_overfitting_and_its_two_cures():
    by_heart, dropout, stopped = (trained(name) for name in ("overfitting", "dropout", "early-stopping"))
    assert by_heart.step == 100 * by_heart.steps_per_epoch
    val = by_heart.history["val_loss"]
    assert val[-1] > 2 * val.min()
    assert by_heart.history["train_loss"][-1] < 0.1
    assert dropout.scores["val"]["loss"] < 0.6 * val[-1]
    assert stopped.status == "stopped"
    assert stopped.scores["val"]["loss"] < 0.6 * val[-1]
    assert sum(parameter.numel() for parameter in by_heart.model.parameters()) == 4417


def test_adam_and_sgd_start_from_the_same_weights_and_end_elsewhere():
    first, second = (Run(LESSONS[name].experiment, "cpu") for name in ("sgd", "adam"))
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True))
    assert first.batches.coming().tolist() == second.batches.coming().tolist()
    assert accuracy("sgd") < 0.8
    assert trained("adam").scores["train"]["loss"] < 0.5 * trained("sgd").scores["train"]["loss"]


def test_every_claim_is_tested():
    assert set(_RUNS) <= set(LESSONS)
