"""What does not fit is said with its cure, and the cure cures."""

import pytest

from playground.catalog import DATASETS, LOSSES
from playground.fit import findings, fitted
from playground.spec import Experiment, LossSpec, output_for
from playground.training import Run

CASES = {
    "softmax twice": ("data=iris&net=Linear~ReLU~Linear.3~Softmax&loss=CrossEntropyLoss", "applied twice", False),
    "sigmoid twice": ("data=circle&net=Linear~Tanh~Linear.1~Sigmoid&loss=BCEWithLogitsLoss", "applied twice", False),
    "no probability": ("data=circle&net=Linear~Tanh~Linear.1&loss=BCELoss", "BCELoss takes probabilities", True),
    "softmax of one": ("data=circle&net=Linear~Tanh~Linear.1~Softmax&loss=BCELoss", "over one unit is 1", False),
    "broadcast": ("data=sine&net=Linear~Tanh~Linear.1~Flatten.0&loss=MSELoss", "broadcasts them to (N, N)", False),
    "flat logits": ("data=circle&net=Linear~Tanh~Linear.1~Flatten.0", "remove Flatten", True),
    "too few outputs": ("data=iris&net=Linear~ReLU~Linear.2&loss=CrossEntropyLoss", "set the last Linear to 3", True),
    "too many outputs": ("data=sine&net=Linear~ReLU~Linear.4&loss=MSELoss", "set the last Linear to 1", True),
    "no output layer": ("data=iris&net=ReLU&loss=MSELoss", "set the last Linear to 3", True),
    "classes for values": ("data=sine&net=Linear~ReLU~Linear.1&loss=CrossEntropyLoss", "use MSELoss", True),
    "mixed samples": ("data=circle&net=Linear~Flatten.0~Linear.1", "mixes the samples", True),
    "no momentum": ("data=circle&net=Linear.1&opt=Adagrad&sched=OneCycleLR.........1", "Adagrad has none", True),
    "batch of one": ("data=circle.102&net=Linear~BatchNorm1d~Linear.1&batch=10", "at least 2 samples", True),
}


@pytest.mark.parametrize("name", CASES)
def test_each_mistake_is_found_and_its_cure_cures(name):
    query, part, fatal = CASES[name]
    experiment = Experiment.from_query(query)
    found = findings(experiment)
    first = found[0]
    assert part in first.message
    assert first.fatal is fatal
    assert first.cure
    assert first.fix is not None
    assert first.message not in [finding.message for finding in findings(first.fix)]


@pytest.mark.parametrize("name", DATASETS)
def test_starters_have_nothing_to_mend(name):
    assert findings(Experiment.starter(name)) == []


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_can_be_fitted_to_any_data(name, loss):
    experiment = Experiment.starter("spiral").but(loss=LossSpec(name=loss))
    data = Experiment.starter(name).data
    assert not any(finding.fatal for finding in findings(fitted(experiment, data)))


def test_more_classes_bring_their_own_loss_and_a_chosen_one_stays():
    two = Experiment.starter("circle")
    three = fitted(two, Experiment.starter("spirals").data)
    assert (three.loss.name, three.layers[-1]["out_features"]) == ("CrossEntropyLoss", 3)
    assert fitted(three, two.data).loss.name == "BCEWithLogitsLoss"
    chosen = three.but(loss=two.loss)
    assert fitted(chosen, chosen.data.but(seed=1)).loss == two.loss


@pytest.mark.parametrize("name", [name for name in DATASETS if len(Experiment.starter(name).data.input_shape) == 1])
@pytest.mark.parametrize("former", ["circle", "blobs", "plane", "diabetes"])
def test_data_bring_the_loss_of_their_task(former, name):
    data = Experiment.starter(name).data
    assert fitted(Experiment.starter(former), data).loss == output_for(data)[1]


def test_a_network_without_weights_is_fatal_and_a_linear_layer_mends_it():
    experiment = Experiment.from_query("data=circle&features=x&net=Tanh")
    (finding,) = findings(experiment)
    assert finding.fatal
    assert "nothing to learn" in finding.message
    assert finding.fix.layers[-1].name == "Linear"
    assert findings(finding.fix) == []


def test_a_single_picture_is_batch_enough_for_a_norm_over_its_places():
    net = "Conv2d.4~BatchNorm2d~ReLU~MaxPool2d~Flatten~Linear.10"
    pictures = Experiment.from_query(f"data=digits.100..image&net={net}&loss=CrossEntropyLoss&batch=1")
    assert not [finding for finding in findings(pictures) if finding.fatal]
    run = Run(pictures)
    assert run.advance(steps=3) == 3
