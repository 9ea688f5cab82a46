"""Every scheduler beside torch's, sixty steps, with one and two groups."""

import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playground import scratch

CASES = [
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [3, 20, 20, 41], "gamma": 0.3}),
    ("MultiStepLR", {"milestones": (30, 5)}),
    ("ExponentialLR", {"gamma": 0.93}),
    ("CosineAnnealingLR", {"T_max": 20}),
    ("CosineAnnealingLR", {"T_max": 13, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 7}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2, "eta_min": 0.001}),
    ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 23}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 30}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.2, "total_iters": 17}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 40, "power": 2.5}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60}),
    ("OneCycleLR", {"max_lr": 0.5, "epochs": 6, "steps_per_epoch": 11, "anneal_strategy": "linear", "pct_start": 0.21}),
    (
        "OneCycleLR",
        {"max_lr": 0.5, "total_steps": 61, "three_phase": True, "div_factor": 10.0, "final_div_factor": 50.0},
    ),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60, "base_momentum": 0.7, "max_momentum": 0.99}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60, "cycle_momentum": False, "pct_start": 0.9}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60, "pct_start": 0.0}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 7}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 5, "step_size_down": 9, "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 6, "mode": "exp_range", "gamma": 0.97}),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.2,
            "step_size_up": 6,
            "scale_fn": lambda x: 1 / (1 + x),
            "scale_mode": "iterations",
        },
    ),
    (
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 6, "scale_fn": lambda x: 1 / (1 + x), "cycle_momentum": False},
    ),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 2000, "base_momentum": 0.5, "max_momentum": 0.6}),
]
IDS = [f"{i}-{name}" for i, (name, _) in enumerate(CASES)]


def optimizers(kind, groups=1):
    def build(library, parameter):
        options = {"lr": 0.1, "momentum": 0.9} if kind == "SGD" else {"lr": 0.1}
        given = [{"params": [parameter()]}] if groups == 1 else [{"params": [parameter()], "lr": r} for r in (0.1, 0.3)]
        return getattr(library, kind)(given, **options)

    return (
        build(scratch, lambda: scratch.Parameter([1.0])),
        build(torch.optim, lambda: torch.nn.Parameter(torch.ones(1))),
    )


def same(ours, theirs, scheduler, reference):
    np.testing.assert_allclose(scheduler.get_last_lr(), reference.get_last_lr(), rtol=1e-10, atol=1e-15)
    for group, other in zip(ours.param_groups, theirs.param_groups, strict=True):
        for key in ("lr", "momentum", "betas"):
            if key in group:
                np.testing.assert_allclose(group[key], other[key], rtol=1e-10, atol=1e-15, err_msg=key)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_sixty_steps(name, options, kind, groups):
    ours, theirs = optimizers(kind, groups)
    scheduler = getattr(scratch, name)(ours, **options)
    reference = getattr(torch.optim.lr_scheduler, name)(theirs, **options)
    same(ours, theirs, scheduler, reference)
    for _ in range(60):
        theirs.step()
        ours.step()
        scheduler.step()
        reference.step()
        same(ours, theirs, scheduler, reference)
        assert scheduler.last_epoch == reference.last_epoch


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("second", ["ExponentialLR", "LinearLR", "CosineAnnealingLR"])
def test_two_schedules_over_one_optimizer_and_a_rate_set_by_hand(name, options, second):
    more = {"ExponentialLR": {"gamma": 0.98}, "LinearLR": {"total_iters": 9}, "CosineAnnealingLR": {"T_max": 11}}[
        second
    ]
    ours, theirs = optimizers("SGD", groups=2)
    mine = [getattr(scratch, name)(ours, **options), getattr(scratch, second)(ours, **more)]
    other = [
        getattr(torch.optim.lr_scheduler, name)(theirs, **options),
        getattr(torch.optim.lr_scheduler, second)(theirs, **more),
    ]
    theirs.step()
    for step in range(50):
        if step == 20:
            ours.param_groups[0]["lr"] = theirs.param_groups[0]["lr"] = 0.05
        for scheduler, reference in zip(mine, other, strict=True):
            scheduler.step()
            reference.step()
            same(ours, theirs, scheduler, reference)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2},
        {"patience": 0, "factor": 0.5, "cooldown": 3},
        {"patience": 1, "mode": "max", "threshold": 0.1, "threshold_mode": "abs"},
        {"patience": 1, "threshold": 0.05, "min_lr": 0.004},
        {"patience": 0, "mode": "max", "eps": 1e-3},
        {"patience": 3, "threshold_mode": "abs", "threshold": 0.2, "min_lr": [0.01, 0.02]},
    ],
)
def test_plateau(options):
    ours, theirs = optimizers("SGD", groups=2)
    scheduler = scratch.ReduceLROnPlateau(ours, **options)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    rng = np.random.default_rng(0)
    for step in range(120):
        metric = math.nan if step == 50 else 1 / (1 + step) + 0.2 * rng.random()
        scheduler.step(metric)
        reference.step(metric)
        same(ours, theirs, scheduler, reference)
        assert scheduler.num_bad_epochs == reference.num_bad_epochs


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_one_cycle(data):
    steps, pct = data.draw(st.integers(8, 60)), data.draw(st.floats(0.3, 0.45))
    options = {"max_lr": 0.7, "total_steps": steps, "pct_start": pct, "three_phase": data.draw(st.booleans())}
    options["anneal_strategy"] = data.draw(st.sampled_from(["cos", "linear"]))
    ours, theirs = optimizers("Adam")
    scheduler, reference = scratch.OneCycleLR(ours, **options), torch.optim.lr_scheduler.OneCycleLR(theirs, **options)
    for _ in range(steps - 1):
        theirs.step()
        scheduler.step()
        reference.step()
        same(ours, theirs, scheduler, reference)


@pytest.mark.parametrize("name", sorted({*(name for name, _ in CASES), "ReduceLROnPlateau"}))
def test_arguments_and_defaults_are_torchs(name):
    ours = inspect.signature(getattr(scratch, name)).parameters
    theirs = inspect.signature(getattr(torch.optim.lr_scheduler, name)).parameters
    assert [(key, p.default) for key, p in ours.items()] == [(key, p.default) for key, p in theirs.items()]


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_a_saved_schedule_goes_on(name, options):
    first, second = optimizers("SGD")[0], optimizers("SGD")[0]
    one, two = getattr(scratch, name)(first, **options), getattr(scratch, name)(second, **options)
    for _ in range(9):
        one.step()
    second.load_state_dict(first.state_dict())  # the rate is the optimizer's
    two.load_state_dict(one.state_dict())
    for _ in range(9):
        one.step()
        two.step()
        assert one.get_last_lr() == two.get_last_lr()


def sgd(**options):
    return scratch.SGD([scratch.Parameter([1.0])], **{"lr": 0.1, "momentum": 0.9, **options})


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: scratch.StepLR(sgd(), 0), "step_size is 0"),
        (lambda: scratch.CosineAnnealingLR(sgd(), 0), "T_max is 0"),
        (lambda: scratch.CosineAnnealingWarmRestarts(sgd(), 5, T_mult=0), "T_mult is 0"),
        (lambda: scratch.LinearLR(sgd(), start_factor=0), "start_factor is 0"),
        (lambda: scratch.ConstantLR(sgd(), factor=2), "factor is 2"),
        (lambda: scratch.OneCycleLR(sgd(), 0.1), "total_steps"),
        (lambda: scratch.OneCycleLR(sgd(), 0.1, total_steps=5, pct_start=2.0), "pct_start is 2.0"),
        (lambda: scratch.OneCycleLR(sgd(), 0.1, total_steps=5, anneal_strategy="step"), "step"),
        (lambda: scratch.OneCycleLR(sgd(), [0.1, 0.2], total_steps=5), "2 values for 1"),
        (lambda: scratch.OneCycleLR(scratch.Adagrad([scratch.Parameter([1.0])]), 0.1, total_steps=5), "no momentum"),
        (lambda: scratch.CyclicLR(sgd(), 0.1, 0.2, mode="square"), "square"),
        (lambda: scratch.CyclicLR(scratch.Adagrad([scratch.Parameter([1.0])]), 0.1, 0.2), "no momentum"),
        (lambda: scratch.ReduceLROnPlateau(sgd(), factor=1.0), "factor is 1.0"),
        (lambda: scratch.ReduceLROnPlateau(sgd(), mode="best"), "best"),
        (lambda: scratch.StepLR(sgd(), 5, last_epoch=3), "initial_lr"),
    ],
)
def test_bad_options(attempt, words):
    with pytest.raises(ValueError, match=words):
        attempt()


def test_one_cycle_ends():
    scheduler = scratch.OneCycleLR(sgd(), 0.1, total_steps=3)
    for _ in range(3):
        scheduler.step()
    with pytest.raises(ValueError, match="total_steps=3"):
        scheduler.step()


@pytest.mark.parametrize("name", ["LinearLR", "ConstantLR"])
def test_without_iterations_the_rate_stays_where_it_begins_as_in_torch(name):
    weight = torch.nn.Parameter(torch.zeros(1))
    theirs = torch.optim.SGD([weight], lr=0.5)
    ours = scratch.SGD([scratch.Parameter(np.zeros(1))], lr=0.5)
    their_schedule = getattr(torch.optim.lr_scheduler, name)(theirs, total_iters=0)
    our_schedule = getattr(scratch, name)(ours, total_iters=0)
    for _ in range(4):
        assert our_schedule.get_last_lr() == pytest.approx(their_schedule.get_last_lr(), rel=1e-12)
        theirs.step()
        their_schedule.step()
        ours.step()
        our_schedule.step()
