"""Rows of a sweep are single runs; the others run one by one."""

import numpy as np
import pytest

from playground.catalog import OPTIMIZERS
from playground.landscapes import LANDSCAPES, Racer, from_expression, race, sweep

ROWS = [name for name, entry in OPTIMIZERS.items() if entry.elementwise]
RATES = [1e-3, 0.05, 30.0]


def starts_on(landscape, count=13):
    rng = np.random.default_rng(0)
    return np.stack([rng.uniform(*side, count) for side in landscape.domain], axis=1)


def test_eleven_are_elementwise():
    assert len(ROWS) == 11


@pytest.mark.parametrize("name", ROWS)
def test_rows_equal_single_runs_bit_for_bit(name):
    landscape = LANDSCAPES["rosenbrock"]
    starts = starts_on(landscape)
    paths = sweep(landscape, name, RATES, starts, 30).paths
    assert paths.shape == (3, 13, 31, 2)
    for rate, row in [(0, 0), (0, 12), (1, 5), (2, 3)]:
        [trail] = race(landscape, [Racer(name, RATES[rate])], starts[row], 30)
        np.testing.assert_array_equal(paths[rate, row], trail.path)


@pytest.mark.parametrize(
    "landscape",
    [*LANDSCAPES.values(), from_expression("x**4 + exp(y/3) + abs(x*y)**1.5")],
    ids=lambda landscape: landscape.key or "typed",
)
def test_rows_equal_single_runs_on_every_landscape(landscape):
    starts = starts_on(landscape)
    result = sweep(landscape, "Adam", [0.05], starts, 15, args={"amsgrad": True})
    for row in (0, 7, 12):
        [trail] = race(landscape, [Racer("Adam", 0.05, {"amsgrad": True})], starts[row], 15)
        np.testing.assert_array_equal(result.paths[0, row], trail.path)
        assert result.losses[0, row] == trail.loss[-1]


@pytest.mark.parametrize("name", ["Adafactor", "LBFGS"])
def test_the_others_run_one_by_one(name):
    landscape = LANDSCAPES["booth"]
    result = sweep(landscape, name, [0.5], [(1.0, 2.0), (-3.0, 4.0)], 4)
    for row, start in enumerate([(1.0, 2.0), (-3.0, 4.0)]):
        [trail] = race(landscape, [Racer(name, 0.5)], start, 4)
        np.testing.assert_array_equal(result.paths[0, row], trail.path)


def test_large_sweeps_keep_the_ends_only_and_are_arrays():
    landscape = LANDSCAPES["himmelblau"]
    large = sweep(landscape, "SGD", [0.01], starts_on(landscape, 50), 20, keep_paths=False)
    small = sweep(landscape, "SGD", [0.01], starts_on(landscape, 50), 20)
    assert large.paths is None
    assert large.shape == (1, 50, 2)
    np.testing.assert_array_equal(np.asarray(large), small[:, :, -1])
    assert sweep(landscape, "SGD", [0.01], np.zeros((200_000, 2)), 21).paths is None


def test_it_says_who_diverged_and_who_arrived():
    landscape = LANDSCAPES["bowl"]
    result = sweep(landscape, "SGD", [0.05, 200.0], [(1.0, 1.0), (0.0, 0.0)], 300)
    assert (result.reached_at[0] >= 0).all()
    assert result.reached_at[0, 1] == 0
    assert result.diverged_at[1, 0] > 0
    assert np.isnan(result.ends[1, 0]).all()
    assert result.diverged_at[0, 0] == -1
    assert result.travelled[0, 0] < 1e-3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer": "Muon"}, "Muon"),
        ({"lrs": []}, "0 rates"),
        ({"lrs": [0.0]}, "above 0"),
        ({"lrs": 0.1}, "list of learning rates"),
        ({"starts": [(1.0, np.nan)]}, "not finite"),
        ({"starts": [1.0, 2.0]}, "starts of shape"),
        ({"steps": 0}, "0 steps"),
        ({"starts": np.zeros((2_000_000, 2))}, "2,000,000 starts"),
        ({"starts": np.zeros((900_000, 2)), "steps": 9_000}, "steps in all"),
        ({"optimizer": "LBFGS", "starts": np.zeros((90_000, 2)), "steps": 100}, "one by one"),
        ({"args": {"speed": 1}}, "speed"),
    ],
)
def test_what_is_too_much_or_no_sweep_is_refused(change, words):
    given = {"optimizer": "SGD", "lrs": [0.1], "starts": [(0.0, 0.0)], "steps": 10} | change
    with pytest.raises(ValueError, match=r"\.$") as caught:
        sweep(LANDSCAPES["bowl"], **given)
    assert words in str(caught.value)
