"""The advice: silent on healthy runs, one sentence and a working cure on sick ones."""

import subprocess
import sys

import pytest
import torch

from playground.advice import RULES, advise, remarks
from playground.catalog import DATASETS
from playground.fit import findings
from playground.spec import Experiment, needs_reset
from playground.training import Run
from playground.training.diagnostics import health

torch.set_num_threads(1)


def layer(**fields):
    plain = {
        "index": 0,
        "name": "Linear",
        "title": "Linear 8",
        "weight": {"norm": 1.0, "rms": 0.2},
        "gradient": {"norm": 0.1, "rms": 0.02},
        "gradient_share": 0.5,
        "update_ratio": 0.001,
        "dead": None,
        "saturated": None,
    }
    return {**plain, **fields}


def activation(name, **fields):
    return layer(name=name, title=name, weight=None, gradient=None, update_ratio=None, **fields)


def facts(train, val=None, accuracy=0.6, r2=None, **fields):
    """A run of one evaluation per epoch."""
    val = train if val is None else val
    plain = {
        "status": "ready",
        "step": 25 * (len(train) - 1),
        "epoch": float(len(train) - 1),
        "lr": 0.01,
        "train": {"loss": train[-1], "accuracy": accuracy, "r2": r2},
        "val": {"loss": val[-1], "accuracy": accuracy, "r2": r2},
        "targets": [-1.0, 1.0],
        "curve": {"step": list(range(len(train))), "train_loss": train, "val_loss": val},
        "layers": [layer()],
    }
    return {**plain, **fields}


def rules(experiment, table):
    return [advice.rule for advice in advise(experiment, table)]


SPIRAL = Experiment()
FALLING = [0.7 * 0.97**epoch for epoch in range(80)]
LEVEL = [0.69 + 0.001 * (epoch % 3) for epoch in range(80)]


# -- healthy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATASETS)
def test_no_rule_fires_on_a_healthy_run(name):
    run = Run(Experiment.starter(name), "cpu")
    for epochs in (0, 1, 9, 15):
        run.advance(steps=epochs * run.steps_per_epoch)
        assert advise(run.experiment, health(run, full=False)) == []


@pytest.mark.parametrize(
    "query",
    [
        "data=circle&net=Linear.4~Tanh~Linear.2~Tanh~Linear.1&opt=SGD.0.03",
        "data=moons&net=Linear.16~ReLU~Dropout.0.2~Linear.1&opt=Adam.0.01&l2=0.001",
        "data=blobs&net=Linear.16~BatchNorm1d~ReLU~Linear.3&loss=CrossEntropyLoss&opt=SGD.0.1..0.9",
        "data=gauss&net=Linear.1&opt=SGD.0.1",
        "data=multigauss&net=Linear.16~Tanh~Linear.1&loss=MSELoss&opt=RMSprop.0.01",
        "data=xor&net=Linear.8~Tanh~Linear.1~Tanh&loss=MSELoss&opt=Adam.0.01",
    ],
)
def test_no_rule_fires_on_other_networks_that_learn(query):
    run = Run(Experiment.from_query(query), "cpu")
    for epochs in (1, 9, 15):
        run.advance(steps=epochs * run.steps_per_epoch)
        assert advise(run.experiment, health(run, full=False)) == []


def test_nothing_is_said_before_the_first_step_or_of_a_falling_loss():
    assert advise(SPIRAL, facts([0.7])) == []
    assert advise(SPIRAL, facts(FALLING)) == []
    assert advise(SPIRAL, facts(LEVEL, accuracy=0.99)) == []


# -- by hand ------------------------------------------------------------------------------------------------------


def test_divergence_asks_for_smaller_steps_then_for_clipping():
    table = facts([0.7], status="diverged", lr=3.0)
    (first, *_) = advise(SPIRAL.but(optimizer=SPIRAL.optimizer.set(lr=3.0)), table)
    assert (first.rule, first.cure, first.fix.optimizer["lr"], first.anew) == (
        "divergence",
        "Learning rate 0.3",
        0.3,
        True,
    )
    (first, *_) = advise(SPIRAL.but(optimizer=SPIRAL.optimizer.set(lr=0.001)), table)
    assert (first.cure, first.fix.training.clip_norm) == ("Clip gradients to norm 1", 1.0)
    assert rules(SPIRAL, facts([0.7, 2.0, 5.0, 4.0, 6.0, 5.0]))[0] == "divergence"


def test_overfitting_goes_from_the_penalty_over_dropout_to_stopping_early():
    val = [*FALLING[:20], *(FALLING[19] + 0.02 * k for k in range(60))]
    table = facts(FALLING, val, accuracy=1.0)
    experiment, cures = SPIRAL, []
    for _ in range(3):
        (advice,) = advise(experiment, table)
        assert advice.rule == "overfitting"
        cures.append(advice.cure)
        experiment = advice.fix
    assert cures == ["L2 penalty 0.01", "Add dropout", "Stop early, after 20 epochs"]
    (advice,) = advise(experiment, table)
    assert advice.fix is None
    assert advise(SPIRAL, facts(FALLING, [value + 0.05 for value in FALLING], accuracy=1.0)) == []
    assert advise(SPIRAL, facts(LEVEL, val, accuracy=1.0)) == [], "the training loss does not fall"
    assert advise(SPIRAL, facts(FALLING, [None] * 80, accuracy=1.0)) == [], "without a validation part"


def test_dead_units_matter_only_where_learning_has_stopped():
    relu = Experiment.from_query("data=spiral&net=Linear.8~ReLU~Linear.1")
    dead = [layer(), activation("ReLU", index=1, dead=0.75), layer(index=2)]
    first = advise(relu, facts(LEVEL, layers=dead))[0]
    assert first.rule == "dead units"
    assert "75 % of the units after layer 2 (ReLU)" in first.message
    assert [part.name for part in first.fix.layers] == ["Linear", "LeakyReLU", "Linear"]
    assert advise(relu, facts(FALLING, accuracy=1.0, layers=dead)) == []
    alive = [layer(), activation("ReLU", index=1, dead=0.25), layer(index=2)]
    assert "dead units" not in rules(relu, facts(LEVEL, layers=alive))


def test_gradients_that_vanish_through_sigmoids_are_noticed():
    deep = Experiment.from_query("data=spiral&net=Linear.8~Sigmoid~Linear.8~Sigmoid~Linear.1~Sigmoid&loss=BCELoss")
    small = {"norm": 1e-6, "rms": 1e-7}
    layers = [layer(gradient=small), activation("Sigmoid", saturated=0.0), layer(), layer()]
    first = advise(deep, facts(LEVEL[:4], layers=layers))[0]
    assert first.rule == "vanishing gradients"
    assert "200,000" in first.message
    assert [part.name for part in first.fix.layers if part.name != "Linear"] == ["ReLU", "ReLU", "Sigmoid"]
    assert "vanishing gradients" not in rules(deep, facts(LEVEL[:4], layers=[layer(), layer(), layer()]))


def test_saturation_is_laid_to_large_steps_where_they_are_large():
    layers = [layer(), activation("Tanh", index=1, saturated=0.9), layer(index=2)]
    assert advise(SPIRAL, facts(LEVEL, layers=layers))[0].cure == "Use ReLU"
    large = SPIRAL.but(optimizer=SPIRAL.optimizer.set(lr=1.0))
    assert advise(large, facts(LEVEL, layers=layers))[0].cure == "Learning rate 0.01"
    assert advise(SPIRAL, facts(FALLING, accuracy=1.0, layers=layers)) == []


@pytest.mark.parametrize(
    ("query", "fires"),
    [
        ("data=circle&net=Linear.4~Tanh~Linear.1~ReLU", True),
        ("data=multigauss&net=Linear.4~Tanh~Linear.1~Sigmoid&loss=MSELoss", True),
        ("data=circle&net=Linear.4~Tanh~Linear.1~Sigmoid&loss=MSELoss", True),
        ("data=circle&net=Linear.4~Tanh~Linear.1~Tanh&loss=MSELoss", False),
        ("data=circle&net=Linear.4~Tanh~Linear.1~Sigmoid&loss=BCELoss", False),
        ("data=circle&net=Linear.4~Tanh~Linear.1", False),
    ],
)
def test_an_output_that_cannot_reach_what_the_loss_asks_for(query, fires):
    experiment = Experiment.from_query(query)
    found = advise(experiment, facts([0.7]))
    assert [advice.rule for advice in found] == (["output"] if fires else [])
    if fires:
        assert found[0].fix.layers == experiment.layers[:-1]


@pytest.mark.parametrize(
    ("query", "cure"),
    [
        ("data=xor&net=Linear.1", "Add a hidden layer"),
        ("data=spiral&net=Linear.8~Tanh~Linear.1&sched=StepLR", "Constant learning rate"),
        ("data=spiral&net=Linear.8~Tanh~Linear.1&opt=SGD.0.001", "Learning rate 0.01"),
        ("data=spiral&net=Linear.8~Tanh~Linear.1&opt=SGD.0.3", "Use Adam"),
        ("data=spiral&net=Linear.2~Tanh~Linear.1&opt=Adam.0.01", "Twice as many units"),
        ("data=spiral&net=Linear.64~Tanh~Linear.1&opt=Adam.0.01", ""),
    ],
)
def test_a_plateau_has_the_cure_that_fits_its_cause(query, cure):
    (advice,) = advise(Experiment.from_query(query), facts(LEVEL, lr=1e-4))
    assert (advice.rule, advice.cure) == ("plateau", cure)
    assert (advice.fix is None) == (not cure)


# -- really sick --------------------------------------------------------------------------------------------------

SICK = {
    "divergence": ("data=circle&net=Linear.8~ReLU~Linear.8~ReLU~Linear.1&loss=MSELoss&opt=SGD.3.0", 2),
    "output": ("data=circle.200&net=Linear.8~Tanh~Linear.1~ReLU&opt=Adam.0.03", 10),
    "dead units": (
        "data=xor4&split=1.0&net=Linear.4~ReLU~Linear.1~Sigmoid&loss=BCELoss&batch=4&opt=SGD.0.5&seed=2",
        300,
    ),
    "vanishing gradients": ("data=circle.200&net=" + "Linear.8~Sigmoid~" * 5 + "Linear.1&opt=Adam.0.01", 4),
    "saturation": ("data=spiral&net=Linear.8~Tanh~Linear.8~Tanh~Linear.1&opt=Adam.1.0", 12),
    "overfitting": ("data=moons.60..0.4&net=Linear.64~ReLU~Linear.64~ReLU~Linear.1&opt=Adam.0.01", 100),
    "plateau": ("data=xor.200&net=Linear.1&opt=SGD.0.03", 30),
}


@pytest.mark.parametrize("rule", SICK)
def test_every_rule_fires_on_a_run_that_has_its_sickness_and_the_cure_can_be_trained(rule):
    query, epochs = SICK[rule]
    run = Run(Experiment.from_query(query), "cpu")
    run.advance(steps=epochs * run.steps_per_epoch)
    first = advise(run.experiment, health(run, full=False))[0]
    assert first.rule == rule
    assert first.message.endswith(".")
    assert first.fix != run.experiment
    assert not any(finding.fatal for finding in findings(first.fix))
    again = Run(first.fix, "cpu")
    again.advance(steps=epochs * run.steps_per_epoch)
    assert again.status == "ready"
    if rule == "overfitting":
        assert again.scores["val"]["loss"] < 0.7 * run.scores["val"]["loss"]
        return
    assert again.scores["train"]["loss"] <= run.scores["train"]["loss"] + 1e-3
    assert rule not in [advice.rule for advice in advise(first.fix, health(again, full=False))]


def test_every_rule_has_a_sick_run():
    assert len(SICK) == len(RULES)


def test_the_cure_of_a_plateau_can_be_taken_without_losing_the_weights():
    slow = Experiment.from_query("data=spiral&net=Linear.8~Tanh~Linear.1&opt=SGD.0.001")
    (advice,) = advise(slow, facts(LEVEL))
    assert needs_reset(slow, advice.fix) is None


# -- one layer ----------------------------------------------------------------------------------------------------


def test_remarks_say_what_is_not_there_yet_and_what_is_too_much():
    new = remarks(layer(gradient=None, update_ratio=None))
    assert new["gradient"].level == new["update"].level == "none"
    assert "No gradient yet" in new["gradient"].sentence
    assert remarks(layer(update_ratio=0.5))["update"].level == "watch"
    assert remarks(layer(update_ratio=1e-7))["update"].level == "watch"
    assert remarks(layer(update_ratio=1e-3))["update"].level == "good"
    assert remarks(layer(gradient={"norm": 0.0, "rms": 0.0}))["gradient"].level == "watch"
    assert remarks(activation("ReLU", dead=0.5))["dead"].level == "watch"
    assert remarks(activation("ReLU", dead=0.4))["dead"].level == "good"
    assert remarks(activation("Tanh", saturated=0.7))["saturated"].level == "watch"
    assert set(remarks(activation("Dropout"))) == set()
    assert remarks(layer())["weight"].level == remarks(layer())["gradient"].level == "good"
    assert "Try L2" in remarks(layer(weight={"norm": 99.0, "rms": 12.5}))["weight"].sentence
    assert remarks(layer(weight={"norm": 0.0, "rms": 0.0}))["weight"].level == "watch"
    assert "hardly teaches" in remarks(layer(gradient_share=5e-4))["gradient"].sentence


def test_advice_needs_neither_torch_nor_numpy():
    program = "import sys, playground.advice; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
