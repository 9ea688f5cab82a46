"""The same race in NumPy: optimizers and gradients from scratch, beside torch's."""

from collections.abc import Generator
from typing import Any

import numpy as np

from playground.landscapes.landscape import Landscape
from playground.landscapes.racing import Racer, race
from playground.landscapes.spec import RaceSpec


def has_twin(racer: Racer) -> str:
    """'' if the racer can be run in NumPy, else one sentence that says why not."""
    from playground import scratch

    if not hasattr(scratch, racer.optimizer):
        return f"{racer.optimizer} has not been written from scratch."
    if racer.scheduler and not hasattr(scratch, racer.scheduler.name):
        return f"{racer.scheduler.name} has not been written from scratch."
    return ""


class _Methods:
    """What a landscape's rule calls as functions of a module, as methods of scratch's tensors."""

    def __getattr__(self, name: str) -> Any:
        return lambda tensor, *others: getattr(tensor, name)(*others)

    def maximum(self, a: Any, b: Any) -> Any:
        from playground.scratch import autograd

        return autograd.maximum(a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        from playground.scratch import autograd

        return autograd.minimum(a, b)


def gradient(landscape: Landscape, x: float, y: float) -> tuple[float, float, float]:
    """(value, df/dx, df/dy) by the reverse-mode engine in `playground.scratch`."""
    from playground.scratch.autograd import Tensor

    a, b = Tensor(np.array(x), requires_grad=True), Tensor(np.array(y), requires_grad=True)
    value = landscape.rule(_Methods(), a, b, **landscape.args)
    value.backward()
    assert a.grad is not None, "every landscape depends on x"
    assert b.grad is not None, "every landscape depends on y"
    return float(value.data), float(a.grad), float(b.grad)


def numpy_race(landscape: Landscape, racer: Racer, start: Any, steps: int) -> np.ndarray:
    """(steps + 1, 2): the racer's path, without torch; nan after a divergence."""
    from playground import scratch

    point = scratch.Parameter(np.array(start, float))
    known = set(getattr(scratch, racer.optimizer).__init__.__code__.co_varnames)
    args = {name: value for name, value in racer.args.items() if name in known}
    optimizer = getattr(scratch, racer.optimizer)([point], lr=racer.lr, **args)
    part = racer.scheduler
    scheduler = getattr(scratch, part.name)(optimizer, **part.args) if part else None
    left = part.args[part.entry.last_step] - 1 if part and part.entry.last_step else steps
    path = np.full((steps + 1, 2), np.nan)
    path[0] = point.data
    with np.errstate(all="ignore"):
        for step in range(steps):
            loss, gx, gy = gradient(landscape, *point.data)
            point.grad = np.array([gx, gy])
            if racer.clip is not None:
                scratch.clip_grad_norm_([point], racer.clip)
            optimizer.step()
            if scheduler is not None and step < left:
                scheduler.step(loss) if part.entry.metric else scheduler.step()
            path[step + 1] = point.data
            if np.isnan(point.data).all():
                break
    return path


def compare(spec: RaceSpec) -> Generator[float, None, list[dict[str, Any]]]:
    """For each racer: the largest difference of the two paths, over both coordinates and all steps."""
    rows: list[dict[str, Any]] = []
    field = spec.field()
    for index, racer in enumerate(field):
        row: dict[str, Any] = {"label": racer.label, "optimizer": racer.optimizer, "reason": has_twin(racer)}
        if not row["reason"]:
            [trail] = race(spec.place, [racer], spec.begin, spec.steps)
            yield (index + 0.3) / len(field)
            path = numpy_race(spec.place, racer, spec.begin, spec.steps)
            both = np.isfinite(trail.path).all(1) & np.isfinite(path).all(1)
            with np.errstate(all="ignore"):
                size = np.maximum(1.0, np.abs(trail.path[both]))
                row["difference"] = float((np.abs(trail.path[both] - path[both])).max())
                row["relative"] = float((np.abs(trail.path[both] - path[both]) / size).max())
            row["torch"] = [float(number) for number in trail.path[both][-1]]
            row["numpy"] = [float(number) for number in path[both][-1]]
            row["compared"] = int(both.sum()) - 1
            row["diverged"] = not both.all()
        rows.append(row)
        yield (index + 1) / len(field)
    return rows
