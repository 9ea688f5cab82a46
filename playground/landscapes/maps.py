"""Maps made of many races: learning rate x optimizer, and where every start of the plane ends."""

from collections.abc import Generator
from typing import Any

import numpy as np

from playground.catalog import OPTIMIZERS
from playground.landscapes.landscape import Landscape
from playground.landscapes.racing import Racer, race
from playground.landscapes.spec import RaceSpec
from playground.landscapes.sweeping import Sweep, sweeping

RATES = tuple(float(f"{10 ** (power / 4):.3g}") for power in range(-20, 5))
"""Learning rates from 1e-5 to 10, four to every power of ten."""
NEAR = 0.03
"""Share of the picture's sides within which an end counts as at a minimum."""
BASINS = 12
"""Ends that are told apart in a basin map."""

Job = Generator[float, None, Any]


def heat(spec: RaceSpec) -> Job:
    """Loss of every optimizer after the race's steps, for every rate; the other arguments are torch's defaults.

    A step is a gradient: LBFGS, which asks for many in one call, stops when it has had as many as the others.

    Returns:
        {"loss": (optimizers, rates), "diverged": (optimizers, rates) step or -1}.
    """
    place, losses, diverged = spec.place, [], []
    for row, (name, entry) in enumerate(OPTIMIZERS.items()):
        if entry.elementwise:
            result = yield from _within(sweeping(place, name, RATES, [spec.begin], spec.steps), row)
            losses.append(result.losses[:, 0])
            diverged.append(result.diverged_at[:, 0])
            continue
        ends = []
        for column, lr in enumerate(RATES):
            ends.append(_after_gradients(place, Racer(name, lr), spec.begin, spec.steps))
            yield (row + column / len(RATES)) / len(OPTIMIZERS)
        losses.append(np.array([loss for loss, _ in ends]))
        diverged.append(np.array([step for _, step in ends]))
    return {"loss": np.array(losses), "diverged": np.array(diverged)}


def _within(running: Generator[float, None, Sweep], row: int) -> Generator[float, None, Sweep]:
    """A part of a longer job."""
    while True:
        try:
            fraction = next(running)
        except StopIteration as end:
            return end.value
        yield (row + fraction) / len(OPTIMIZERS)


def _after_gradients(place: Landscape, racer: Racer, start: Any, gradients: int) -> tuple[float, int]:
    """(loss, step of divergence or -1) when a racer has had so many gradients."""
    calls = gradients
    if OPTIMIZERS[racer.optimizer].closure:
        calls = max(1, gradients // racer.args["max_iter"])
    [trail] = race(place, [racer], start, calls)
    last = int(np.searchsorted(trail.evaluations, gradients, side="right")) - 1
    lost = trail.diverged_at
    return float(trail.loss[last]), -1 if lost is None else int(trail.evaluations[lost])


def basin(spec: RaceSpec, index: int, size: int) -> Job:
    """Where racer `index` ends from each start of a (size, size) grid over the picture, row 0 being the lowest y.

    Its schedule and clipping are left out: they would join the rows.

    Returns:
        {"basin": (size, size) index into "ends", or ELSEWHERE, MOVING, LOST; "loss": (size, size) at the end;
        "steps": (size, size) step within the tolerance of the lowest value, or -1; "ends": [(x, y, value, share)]}.
    """
    place, racer = spec.place, spec.field()[index]
    (x0, x1), (y0, y1) = place.domain
    x, y = np.meshgrid(np.linspace(x0, x1, size), np.linspace(y0, y1, size))
    starts = np.stack([x.ravel(), y.ravel()], axis=1)
    running = sweeping(
        place, racer.optimizer, [racer.lr], starts, spec.steps, racer.args, tolerance=spec.tolerance, keep_paths=False
    )
    result = yield from running
    basins, ends = settle(place, result)
    return {
        "basin": basins.reshape(size, size),
        "steps": result.reached_at[0].reshape(size, size),
        "loss": result.losses[0].reshape(size, size),
        "ends": ends,
    }


ELSEWHERE, MOVING, LOST = 253, 254, 255
"""Codes of starts that come to rest at none of the ends listed, are still on their way, or diverged."""


def settle(place: Landscape, result: Sweep) -> tuple[np.ndarray, list[tuple[float, float, float, float]]]:
    """Which minimum each start has come to: the known ones first, then wherever most others came to rest."""
    (x0, x1), (y0, y1) = place.domain
    scale = np.array([x1 - x0, y1 - y0])
    points, lost = result.ends[0], result.diverged_at[0] >= 0
    places = np.where(lost[:, None], np.inf, points) / scale
    with np.errstate(invalid="ignore"):
        resting = (result.travelled[0] < 0.005 * scale.max()) & ~lost
    codes = np.where(lost, LOST, MOVING).astype(np.uint8)
    centres: list[np.ndarray] = []

    def gather(centre: np.ndarray) -> None:
        near = codes == MOVING
        near[near] = np.hypot(*(places[near] - centre).T) < NEAR
        if near.any():
            codes[near] = len(centres)
            centres.append(centre * scale)

    for minimum in (*place.minima, *place.local_minima)[:BASINS]:
        gather(np.array(minimum[:2]) / scale)
    asked = np.zeros(len(codes), bool)
    for _ in range(4 * BASINS):
        left = resting & (codes == MOVING) & ~asked
        if len(centres) >= BASINS or left.sum() <= 0.001 * len(codes):
            break
        # a cell as one number: unique rows would be sought ten times as long
        across, up = np.round(places[left] / 0.01).astype(np.int64).T
        cells, counts = np.unique((across << 32) + up + (1 << 31), return_counts=True)
        most = int(cells[np.argmax(counts)])
        around = np.array([most >> 32, (most & 0xFFFFFFFF) - (1 << 31)]) * 0.01
        x, y = (float(number) for number in around * scale)
        lowest = np.array(place.narrowed(x, y, 0.005 * float(scale.min()))) / scale
        if np.hypot(*(lowest - around)) < NEAR:  # otherwise they crawl along a valley
            gather(lowest)
        asked[np.flatnonzero(left)[np.hypot(*(places[left] - around).T) < NEAR]] = True
    codes[resting & (codes == MOVING) & ~asked] = ELSEWHERE
    ends = []
    for code, centre in enumerate(centres):
        value = float(place.function(*centre))
        ends.append((float(centre[0]), float(centre[1]), value, float((codes == code).mean())))
    return codes, ends
