"""A race is the plain loop, bit for bit, and says when somebody diverges."""

import math

import numpy as np
import pytest
import torch

from playground.catalog import OPTIMIZERS, SCHEDULERS
from playground.landscapes import CANNOT_RACE, LANDSCAPES, Racer, from_expression, race, sweep
from playground.parts import Args
from playground.spec import SchedulerSpec

ROSENBROCK = LANDSCAPES["rosenbrock"]
LESSON = [Racer("SGD", 1e-3), Racer("SGD", 1e-3, {"momentum": 0.9}), Racer("Adam", 1e-2), Racer("RMSprop", 1e-2)]


def plain_loop(function, make, start, steps, dtype=torch.float64):
    """zero_grad, loss, backward, step: the loop that everybody writes."""
    point = torch.tensor(start, dtype=dtype, requires_grad=True)
    optimizer = make([point])
    path, losses = [point.detach().clone()], []
    for _ in range(steps):

        def closure():
            optimizer.zero_grad()
            loss = function(point[0], point[1])
            loss.backward()
            return loss

        losses.append(function(point[0], point[1]).item())
        if isinstance(optimizer, torch.optim.LBFGS):
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        path.append(point.detach().clone())
    losses.append(function(point[0], point[1]).item())
    return torch.stack(path).double().numpy(), np.array(losses)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("lr", [None, 20.0], ids=["own rate", "rate 20"])
def test_every_optimizer_equals_the_plain_loop_bit_for_bit(name, lr):
    rate = lr or OPTIMIZERS[name].race_lr or OPTIMIZERS[name].params[0].default
    steps = 8 if name == "LBFGS" else 40
    [trail] = race(ROSENBROCK, [Racer(name, rate)], (-1.0, 1.0), steps)
    path, losses = plain_loop(ROSENBROCK.function, lambda p: getattr(torch.optim, name)(p, lr=rate), (-1.0, 1.0), steps)
    np.testing.assert_array_equal(trail.path, path)
    np.testing.assert_array_equal(trail.loss, losses)


@pytest.mark.parametrize("key", LANDSCAPES)
def test_every_landscape_equals_the_plain_loop_bit_for_bit(key):
    landscape = LANDSCAPES[key]
    start = landscape.starts[0]
    [trail] = race(landscape, [Racer("Adam", 0.05, {"amsgrad": True})], start, 25)
    path, losses = plain_loop(landscape.function, lambda p: torch.optim.Adam(p, lr=0.05, amsgrad=True), start, 25)
    np.testing.assert_array_equal(trail.path, path)
    np.testing.assert_array_equal(trail.loss, losses)


def test_the_lessons_race_ends_where_the_lesson_says():
    trails = race(ROSENBROCK, LESSON, (-1, 1), 100)
    ends = [(-0.913, 0.841), (0.294, 0.082), (-0.335, 0.117), (-0.745, 0.561)]
    for trail, end in zip(trails, ends, strict=True):
        assert trail.path.shape == (101, 2)
        assert trail.loss.shape == (101,)
        assert trail.path[-1] == pytest.approx(end, abs=1e-3)
        assert trail.diverged_at is None
        assert (np.diff(trail.seconds) > 0).all()
        assert trail.evaluations[-1] == 100


def test_float32_is_float32():
    [trail] = race(ROSENBROCK, [Racer("Adam", 1e-2)], (-1, 1), 50, dtype="float32")
    path, _ = plain_loop(ROSENBROCK.function, lambda p: torch.optim.Adam(p, lr=1e-2), (-1.0, 1.0), 50, torch.float32)
    np.testing.assert_array_equal(trail.path, path)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedules_and_clipping_equal_the_plain_loop(name):
    part = SchedulerSpec(name=name, args=Args({"total_steps": 12}) if name == "OneCycleLR" else Args())
    [trail] = race(ROSENBROCK, [Racer("SGD", 0.02, {"momentum": 0.5}, (name, dict(part.args)), clip=1.0)], (-1, 1), 30)
    point = torch.tensor([-1.0, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=0.02, momentum=0.5)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **part.args)
    for step in range(30):
        assert trail.lr[step] == optimizer.param_groups[0]["lr"]
        optimizer.zero_grad()
        loss = ROSENBROCK.function(point[0], point[1])
        loss.backward()
        torch.nn.utils.clip_grad_norm_([point], 1.0)
        optimizer.step()
        if name == "ReduceLROnPlateau":
            scheduler.step(loss.item())
        elif name != "OneCycleLR" or step < 11:
            scheduler.step()
        np.testing.assert_array_equal(trail.path[step + 1], point.detach().numpy())


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("StepLR", {"step_size": 4}),
        ("ReduceLROnPlateau", {"patience": 1}),
        ("OneCycleLR", {"max_lr": 1e-3, "total_steps": 9}),
    ],
)
def test_what_a_schedule_is_not_given_has_torchs_default(name, args):
    [trail] = race(ROSENBROCK, [Racer("SGD", 0.01, {"momentum": 0.9}, (name, args))], (-1, 1), 9)
    point = torch.tensor([-1.0, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=0.01, momentum=0.9)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **args)
    for step in range(9):
        optimizer.zero_grad()
        loss = ROSENBROCK.function(point[0], point[1])
        loss.backward()
        assert trail.lr[step] == optimizer.param_groups[0]["lr"]
        optimizer.step()
        if step < 8:
            scheduler.step(loss.item()) if name == "ReduceLROnPlateau" else scheduler.step()
    assert trail.path[-1].tolist() == point.tolist()


def test_the_state_is_the_optimizers_own():
    [trail] = race(ROSENBROCK, [Racer("Adam", 1e-2)], (-1, 1), 20)
    point = torch.tensor([-1.0, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([point], lr=1e-2)
    for step in range(20):
        optimizer.zero_grad()
        ROSENBROCK.function(point[0], point[1]).backward()
        np.testing.assert_array_equal(trail.grad[step], point.grad.numpy())
        optimizer.step()
        state = optimizer.state[point]
        np.testing.assert_array_equal(trail.state["exp_avg"][step], state["exp_avg"].numpy())
        np.testing.assert_array_equal(trail.state[step]["v"], state["exp_avg_sq"].numpy())
    m_hat, v_hat = trail.state["m_hat"], trail.state["v_hat"]
    np.testing.assert_allclose(-0.01 * m_hat / (np.sqrt(v_hat) + 1e-8), trail.state["update"], rtol=1e-9)
    np.testing.assert_allclose(trail.grad[-1], [-400 * x * (y - x * x) + 2 * (x - 1) if i == 0 else 200 * (y - x * x)
                                                for i in range(2) for x, y in [trail.path[-1]]])  # fmt: skip


def test_a_momentum_buffer_is_kept_and_plain_sgd_has_none():
    sgd, momentum = race(ROSENBROCK, LESSON[:2], (-1, 1), 10)
    assert set(sgd.state) == {"update"}
    np.testing.assert_allclose(-1e-3 * momentum.state["momentum_buffer"], momentum.state["update"], atol=1e-15)


def test_divergence_is_told_with_its_step():
    [trail] = race(ROSENBROCK, [Racer("SGD", 2e-3)], (-2.0, 2.0), 100)
    assert trail.diverged_at is not None
    assert 2 <= trail.diverged_at <= 12
    assert np.isfinite(trail.loss[: trail.diverged_at]).all()
    assert np.isfinite(trail.path[: trail.diverged_at]).all()
    assert not np.isfinite(trail.loss[trail.diverged_at])


def test_who_leaves_for_good_with_finite_numbers_has_diverged_too():
    """Down a saddle there is no end: it counts from the step after which the point stays ten pictures away."""
    saddle = LANDSCAPES["saddle"]
    [trail] = race(saddle, [Racer("SGD", 0.1)], (0.3, 0.1), 100)
    assert np.isfinite(trail.loss).all()
    (x0, x1), (y0, y1) = saddle.domain
    away = np.abs(trail.path - [(x0 + x1) / 2, (y0 + y1) / 2]) > [10 * (x1 - x0), 10 * (y1 - y0)]
    assert trail.diverged_at == int(np.argmax(away.any(1))) > 0
    [rows] = sweep(saddle, "SGD", [0.1], [(0.3, 0.1), (0.3, 0.0)], 100).diverged_at
    assert rows.tolist() == [trail.diverged_at, -1]


def test_who_comes_back_from_far_away_has_not_diverged():
    [trail] = race(LANDSCAPES["bowl"], [Racer("SGD", 0.01)], (300.0, 300.0), 3_000)
    assert LANDSCAPES["bowl"].is_far(trail.path[:1])
    assert trail.diverged_at is None
    assert sweep(LANDSCAPES["bowl"], "SGD", [0.01], [(300.0, 300.0)], 3_000).diverged_at.tolist() == [[-1]]


def test_above_the_largest_stable_rate_plain_descent_leaves_and_below_it_stays():
    bowl = LANDSCAPES["bowl"]
    limit = bowl.largest_stable_lr()
    below, above = race(bowl, [Racer("SGD", 0.98 * limit), Racer("SGD", 1.02 * limit)], (0.1, -0.1), 400)
    assert below.loss[-1] < 1e-5
    assert above.loss[-1] > 1e3


def test_a_typed_landscape_may_become_nan_on_the_way():
    [trail] = race(from_expression("sqrt(x) + y**2"), [Racer("SGD", 1.0)], (0.3, 0.2), 20)
    assert trail.diverged_at == 1


def test_lbfgs_counts_its_gradients():
    [trail] = race(ROSENBROCK, [Racer("LBFGS", 1.0, {"line_search_fn": "strong_wolfe"})], (-1, 1), 5)
    assert trail.loss[-1] < 1e-8
    assert trail.evaluations[0] == 0
    assert trail.evaluations[1] > 5


def test_arguments_beyond_the_catalog_are_torchs():
    [down, up] = race(ROSENBROCK, [Racer("SGD", 1e-4), Racer("SGD", 1e-4, {"maximize": True})], (0, 0), 3)
    assert up.loss[-1] > up.loss[0] > down.loss[-1]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Racer("Muon", 1e-3), "vector"),
        (lambda: Racer("SparseAdam", 1e-3), "sparse"),
        (lambda: Racer("Adamm", 1e-3), "there is no 'Adamm'"),
        (lambda: Racer("SGD", 1e-3, {"beta": 1}), "no argument 'beta'"),
        (lambda: Racer("SGD", 1e-3, {"lr": 1}), "twice"),
        (lambda: Racer("SGD", 0), "above 0"),
        (lambda: Racer("SGD", -1.0), "-1.0"),
        (lambda: Racer("SGD", math.nan), "takes a number"),
        (lambda: Racer("SGD", 1e-3, {"nesterov": True}), "nesterov"),
        (lambda: Racer("SGD", 1e-3, clip=0), "above 0"),
        (lambda: Racer("SGD", 1e-3, scheduler="Never"), "Never"),
        (lambda: Racer("SGD", 1e-3, scheduler=3), "name and its arguments"),
        (lambda: Racer("SGD", 1e-3, scheduler=("StepLR", {"size": 3})), "size"),
        (lambda: Racer("SGD", 1e-3, scheduler=("StepLR", 3)), "dict of names and values"),
        (lambda: Racer(["SGD"], 1e-3), "there is no"),
        (lambda: race(ROSENBROCK, [Racer("Rprop", 1e-3, {}, "OneCycleLR")], (0, 0), 3), "torch refuses OneCycleLR"),
        (lambda: Racer("SGD", 1e-3, 3), "dict of names and values"),
        (lambda: Racer("SGD", 1e-3, {"maximize": "yes"}), "maximize of SGD is 'yes'"),
        (lambda: Racer("Adam", 1e-3, {"capturable": True}), "torch refuses"),
        (lambda: Racer("Adam", 1e-3, {"fused": True, "foreach": True}), "cannot be `True` together"),
        (lambda: race("rosenbrock", LESSON, (0, 0), 10), "'rosenbrock' is no landscape"),
        (lambda: race(ROSENBROCK, LESSON[0], (0, 0), 10), "list of racers"),
        (lambda: race(ROSENBROCK, ["SGD"], (0, 0), 10), "list of racers"),
        (lambda: race(ROSENBROCK, LESSON, (10**400, 0), 10), "two numbers"),
        (lambda: race(ROSENBROCK, [], (0, 0), 10), "0 racers"),
        (lambda: race(ROSENBROCK, LESSON * 20, (0, 0), 10), "80 racers"),
        (lambda: race(ROSENBROCK, LESSON, (math.nan, 1), 10), "finite"),
        (lambda: race(ROSENBROCK, LESSON, (1, 2, 3), 10), "two numbers"),
        (lambda: race(ROSENBROCK, LESSON, "there", 10), "two numbers"),
        (lambda: race(ROSENBROCK, LESSON, (0, 0), 0), "0 steps"),
        (lambda: race(ROSENBROCK, LESSON, (0, 0), 1_000_000), "1,000,000 steps"),
        (lambda: race(ROSENBROCK, LESSON, (0, 0), 1.5), "whole number"),
        (lambda: race(ROSENBROCK, LESSON, (0, 0), 5, dtype="int8"), "float64 or float32"),
    ],
)
def test_what_cannot_race_is_refused_in_a_sentence(make, words):
    with pytest.raises(ValueError, match=r"\.$") as caught:
        make()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_everything_in_torch_optim_races_or_is_listed_with_the_reason():
    classes = {name for name, member in vars(torch.optim).items() if isinstance(member, type)} - {"Optimizer"}
    assert classes == set(OPTIMIZERS) | set(CANNOT_RACE)
