"""A race, packed for the browser: the surface, every trail, and the numbers of every step.

The buffer is the engine's (`playground.engine.snapshot`): a JSON header and float32 arrays.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from playground.catalog import OPTIMIZERS
from playground.engine.snapshot import pack
from playground.landscapes.landscape import FAR, Landscape
from playground.landscapes.racing import Trail
from playground.landscapes.spec import RaceSpec
from playground.landscapes.worked import MEANING, numbers, rule

MAX_SHOWN = 2_000
"""Steps of a trail that a browser is sent; of longer ones every second, third, ... is."""
LARGEST = 3e38  # of a float32


def surface_picture(spec: RaceSpec) -> bytes:
    """The surface and the start alone: what can be drawn before torch is there."""
    return pack({**_scene(spec), "racers": [], "shown": [0]}, {"grid": _grid(spec.place)})


def race_picture(spec: RaceSpec, trails: list[Trail]) -> bytes:
    """Everything that the race's view draws; its header also holds the scoreboard."""
    stride = math.ceil(spec.steps / MAX_SHOWN)
    shown = np.unique([*range(0, spec.steps + 1, stride), spec.steps])
    arrays = {"grid": _grid(spec.place)}
    racers = []
    for index, trail in enumerate(trails):
        before = np.minimum(shown, spec.steps - 1)  # a step is told at the point where it begins
        columns = {
            "path": trail.path[shown],
            "loss": trail.loss[shown],
            "grad": trail.grad[shown],
            "update": trail.state["update"][before],
            "evaluations": trail.evaluations[shown],
        }
        known = numbers(trail)
        names = [name for name in known if name in rule_names(trail) and known[name].ndim]
        columns |= {f"n_{name}": known[name][before] for name in names}
        columns |= {name: known[name][before] for name in ("m", "v") if name in known}
        arrays |= {f"{name}_{index}": _float32(column) for name, column in columns.items()}
        racers.append({**score(spec, trail), **_told(trail, names, known)})
    header = {**_scene(spec), "racers": racers, "shown": shown.tolist()}
    return pack(header, arrays)


def _scene(spec: RaceSpec) -> dict[str, Any]:
    place = spec.place
    return {
        "v": 1,
        "label": place.label,
        "domain": [list(side) for side in place.domain],
        "log": place.log,
        "floor": place.floor,
        "start": list(spec.begin),
        "minima": [list(minimum) for minimum in place.minima],
        "local_minima": [list(minimum) for minimum in place.local_minima],
        "steps": spec.steps,
        "budget": spec.budget,
        "tolerance": spec.tolerance,
        "key": "~".join([spec.landscape, spec.expression, str(sorted(spec.args.items()))]),
    }


def _grid(place: Landscape) -> np.ndarray:
    return _float32(place.grid())


def _float32(values: Any) -> np.ndarray:
    """Values as float32; finite ones stay finite."""
    values = np.asarray(values, float)
    with np.errstate(over="ignore", invalid="ignore"):
        clipped = np.where(np.isfinite(values), np.clip(values, -LARGEST, LARGEST), values)
        return np.ascontiguousarray(clipped, np.float32)


def rule_names(trail: Trail) -> list[str]:
    """The names in the racer's rule, without the functions."""
    from playground.autograd.expression import parse

    return list(parse(rule(trail.racer)).names)


def _told(trail: Trail, names: list[str], known: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What a worked step is written with: the rule, the numbers that stay, and what the names mean."""
    entry = OPTIMIZERS[trail.racer.optimizer]
    wanted = rule_names(trail)
    return {
        "rule": rule(trail.racer),
        "formula": entry.formula,
        "names": names,
        "constants": {name: float(known[name]) for name in wanted if not known[name].ndim},
        "meaning": {name: MEANING[name] for name in wanted if name in MEANING},
    }


def score(spec: RaceSpec, trail: Trail) -> dict[str, Any]:
    """A row of the scoreboard, within the budget; None where a number does not exist.

    `cut` is the last step within the budget, `reached` the step whose loss came within the tolerance of the lowest
    value, with the gradients and seconds spent by then.
    """
    cut = spec.steps
    if spec.budget == "gradients":
        cut = int(np.searchsorted(trail.evaluations, spec.steps, side="right")) - 1
    floor, reached = spec.place.floor, None
    if floor is not None and (near := np.flatnonzero(trail.loss[: cut + 1] <= floor + spec.tolerance)).size:
        reached = int(near[0])
    x, y = trail.path[cut]
    diverged = trail.diverged_at if trail.diverged_at is not None and trail.diverged_at <= cut else None
    return {
        "label": trail.racer.label,
        "optimizer": trail.racer.optimizer,
        "plain": trail.racer.optimizer == "SGD" and not trail.racer.args["momentum"],
        "lr": trail.racer.lr,
        "cut": cut,
        "loss": _number(trail.loss[cut]),
        "distance": _number(spec.place.distance(x, y)),
        "evaluations": int(trail.evaluations[cut]),
        "seconds": _number(trail.seconds[cut]),
        "reached": reached,
        "reached_evaluations": None if reached is None else int(trail.evaluations[reached]),
        "reached_seconds": None if reached is None else _number(trail.seconds[reached]),
        "diverged_at": diverged,
        "diverged": "" if diverged is None else _divergence(trail, diverged),
    }


def _divergence(trail: Trail, step: int) -> str:
    """What is meant by diverged at this step."""
    if np.isfinite(trail.loss[step]) and np.isfinite(trail.path[step]).all():
        return f"from step {step} on more than {FAR} picture sides away"
    return f"no finite number at step {step} any more"


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def csv_of(trails: list[Trail]) -> str:
    """All trails as a table: one line per racer and point, in full precision."""
    lines = ["racer,step,x,y,loss,grad_x,grad_y,gradients"]
    for trail in trails:
        name = trail.racer.label.replace('"', "'")
        for step, ((x, y), loss, (gx, gy)) in enumerate(zip(trail.path, trail.loss, trail.grad, strict=True)):
            numbers_ = ",".join(repr(float(number)) for number in (x, y, loss, gx, gy))
            lines.append(f'"{name}",{step},{numbers_},{trail.evaluations[step]}')
    return "\n".join([*lines, ""])
