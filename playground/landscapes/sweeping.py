"""Sweeps: many starts and many learning rates at once, as rows and parameter groups of one optimizer."""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from playground.catalog import OPTIMIZERS
from playground.landscapes.landscape import Landscape
from playground.landscapes.racing import Racer, build_optimizer, check_landscape, check_steps, race, torch_dtype
from playground.limits import LIMITS

MAX_PATH_NUMBERS = 8_000_000
"""Numbers in the paths of a sweep up to which they are kept: 64 MB."""

Progress = Generator[float, None, "Sweep"]
"""Yields the fraction done, and returns the sweep."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """Where every start came to with every learning rate. As an array it is its `paths`, or its `ends`.

    Attributes:
        lrs: (rates,).
        starts: (starts, 2).
        paths: (rates, starts, steps + 1, 2), or None for sweeps too large to keep them.
        ends: (rates, starts, 2), the last points.
        losses: (rates, starts), the values there.
        diverged_at: (rates, starts) as in a Trail: the first step without finite numbers, or else the one from which on
            a start's point stays far from the picture, or -1.
        reached_at: (rates, starts) first step whose loss is within the tolerance of the lowest value, or -1.
        travelled: (rates, starts) distance from the point at nine tenths of the steps to the end.
    """

    lrs: np.ndarray
    starts: np.ndarray
    paths: np.ndarray | None
    ends: np.ndarray
    losses: np.ndarray
    diverged_at: np.ndarray
    reached_at: np.ndarray
    travelled: np.ndarray

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.ends if self.paths is None else self.paths
        return np.array(array, dtype) if copy else np.asarray(array, dtype)

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self)[index]

    @property
    def shape(self) -> tuple[int, ...]:
        return np.asarray(self).shape


def sweep(
    landscape: Landscape,
    optimizer: str,
    lrs: Sequence[float],
    starts: Any,
    steps: int,
    args: Mapping[str, Any] | None = None,
    dtype: Any = "float64",
    tolerance: float = 1e-3,
    keep_paths: bool | None = None,
) -> Sweep:
    """Every start with every learning rate.

    Optimizers that step each number for itself take all starts as rows of one tensor, and the rates as parameter
    groups: row by row the same bits as single runs, thousands of times cheaper. LBFGS and Adafactor, whose numbers
    depend on each other, run one by one.

    Args:
        lrs: learning rates, each above 0.
        starts: (starts, 2).
        args: further arguments of the optimizer.
        tolerance: how near to the landscape's lowest value counts as reached.
        keep_paths: True or False; None keeps them where they are small.

    Raises:
        ValueError: as for `race`, and for more starts, rates and steps together than the limits allow.
    """
    running = sweeping(landscape, optimizer, lrs, starts, steps, args, dtype, tolerance, keep_paths)
    while True:
        try:
            next(running)
        except StopIteration as end:
            return end.value


def sweeping(
    landscape: Landscape,
    optimizer: str,
    lrs: Sequence[float],
    starts: Any,
    steps: int,
    args: Mapping[str, Any] | None = None,
    dtype: Any = "float64",
    tolerance: float = 1e-3,
    keep_paths: bool | None = None,
) -> Progress:
    """`sweep` in pieces: what it is given is checked at once, and each `next` does one step of all rows.

    Raises:
        ValueError: see `sweep`.
    """
    check_landscape(landscape)
    racers, points, steps = _checked(optimizer, lrs, starts, steps, args)
    if keep_paths is None:
        keep_paths = 2 * len(racers) * len(points) * (steps + 1) <= MAX_PATH_NUMBERS
    record = _Record(landscape, [racer.lr for racer in racers], points, steps, tolerance, keep_paths)
    course = _rows if OPTIMIZERS[optimizer].elementwise else _one_by_one
    return course(landscape, racers, points, steps, dtype, record)


def _checked(
    optimizer: str, lrs: Any, starts: Any, steps: Any, args: Mapping[str, Any] | None
) -> tuple[list[Racer], np.ndarray, int]:
    try:
        rates = [float(lr) for lr in lrs]
        points = np.array(starts, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("sweep: it takes a list of learning rates and a list of starts (x, y).") from None
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not rates:
        raise ValueError(
            f"sweep: {len(rates)} rates and starts of shape {points.shape}; it takes rates and (n, 2) starts."
        )
    if not np.isfinite(points).all():
        raise ValueError("sweep: a start holds a number that is not finite.")
    if len(rates) * len(points) > LIMITS.max_sweep_points:
        raise ValueError(
            f"sweep: {len(rates):,} rates times {len(points):,} starts; the most is {LIMITS.max_sweep_points:,}."
        )
    steps = check_steps(steps)
    racers = [Racer(optimizer, lr, args or {}) for lr in rates]
    work = len(rates) * len(points) * steps
    most = LIMITS.max_sweep_work if OPTIMIZERS[optimizer].elementwise else LIMITS.max_sweep_loop
    if work > most:
        why = "" if OPTIMIZERS[optimizer].elementwise else f", since {optimizer} takes them one by one"
        raise ValueError(f"sweep: {work:,} steps in all; the most is {most:,}{why}. Take fewer starts, rates or steps.")
    return racers, points, steps


class _Record:
    """What a sweep keeps, filled from the points and values of each step."""

    def __init__(
        self, landscape: Landscape, lrs: list[float], starts: np.ndarray, steps: int, tolerance: float, keep: bool
    ):
        shape = (len(lrs), len(starts))
        self.lrs, self.starts, self.steps, self.late = np.array(lrs), starts, steps, steps - steps // 10
        floor = landscape.floor
        self.goal = -math.inf if floor is None else floor + tolerance
        self.paths = np.full((*shape, steps + 1, 2), np.nan) if keep else None
        self.landscape = landscape
        self.diverged_at, self.reached_at, self.far_since = (np.full(shape, -1) for _ in range(3))
        self.before = self.ends = np.empty((*shape, 2))

    def step(self, k: int, points: np.ndarray, losses: np.ndarray) -> None:
        """points: (rates, starts, 2) at step k, and their losses: (rates, starts)."""
        if self.paths is not None:
            self.paths[:, :, k] = points
        finite = np.isfinite(losses)
        if not finite.all():
            self.diverged_at[~finite & (self.diverged_at < 0)] = k
        far = self.landscape.is_far(points)
        if far.any():
            self.far_since[far & (self.far_since < 0)] = k
        self.far_since[~far] = -1
        near = losses <= self.goal
        if near.any():
            self.reached_at[near & (self.reached_at < 0)] = k
        if k == self.late:
            self.before = points.copy()
        if k == self.steps:
            self.ends, self.losses = points.copy(), losses.copy()

    def sweep(self) -> Sweep:
        self.ends[self.diverged_at >= 0] = np.nan
        self.diverged_at = np.where(self.diverged_at < 0, self.far_since, self.diverged_at)
        travelled = np.hypot(*np.moveaxis(self.ends - self.before, -1, 0))
        return Sweep(
            self.lrs, self.starts, self.paths, self.ends, self.losses, self.diverged_at, self.reached_at, travelled
        )


def _rows(
    landscape: Landscape, racers: list[Racer], starts: np.ndarray, steps: int, dtype: Any, record: _Record
) -> Progress:
    import torch

    columns, kind = np.ascontiguousarray(starts.T), torch_dtype(dtype)  # (2, starts): x and y lie together in memory
    parameters = [torch.tensor(columns, dtype=kind, requires_grad=True) for _ in racers]
    groups = [{"params": [points], "lr": racer.lr} for points, racer in zip(parameters, racers, strict=True)]
    optimizer = build_optimizer(racers[0], groups)
    for k in range(steps + 1):
        optimizer.zero_grad()
        points = torch.stack(parameters) if len(parameters) > 1 else parameters[0].unsqueeze(0)
        losses = landscape.function(*points.unbind(1))
        record.step(k, points.detach().numpy().transpose(0, 2, 1), losses.detach().numpy())
        if k < steps:
            losses.sum().backward()
            optimizer.step()
            yield (k + 1) / steps
    return record.sweep()


def _one_by_one(
    landscape: Landscape, racers: list[Racer], starts: np.ndarray, steps: int, dtype: Any, record: _Record
) -> Progress:
    shape = (len(racers), len(starts), steps + 1)
    paths, losses = np.empty((*shape, 2)), np.empty(shape)
    for row, racer in enumerate(racers):
        for column, start in enumerate(starts):
            [trail] = race(landscape, [racer], start, steps, dtype)
            paths[row, column], losses[row, column] = trail.path, trail.loss
            yield (row * len(starts) + column + 1) / (len(racers) * len(starts))
    for k in range(steps + 1):
        record.step(k, paths[:, :, k], losses[:, :, k])
    return record.sweep()
