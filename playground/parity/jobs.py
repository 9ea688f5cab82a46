"""What takes longer than a page may wait: jobs that are moved on a little at a time and can be dropped."""

import math
import statistics
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from playground.data import features_of
from playground.parity import speed
from playground.parity.lockstep import Lockstep
from playground.parity.presets import PRESETS
from playground.spec import Experiment
from playground.training import metrics
from playground.training.history import Table
from playground.work.job import Job

COLUMNS = ("step", "numpy_loss", "torch_loss", "outputs", "gradients", "parameters")
MAX_ROWS = 512
SIDE, SAMPLES = 40, 8
MAX_STEPS = 20_000
"""Steps of one comparison: what a visitor may ask of the worker."""


class LockstepJob(Job):
    """A whole training on both sides.

    Raises:
        ValueError: there is no such preset, or the experiment cannot be compared.
    """

    def __init__(self, preset: str, query: str, dtype: str, epochs: int):
        if preset and preset not in PRESETS:
            raise ValueError(f"there is no preset {preset!r}; choose one of {', '.join(PRESETS)}.")
        experiment = PRESETS[preset].experiment if preset else Experiment.from_query(query)
        experiment = experiment.but(training=experiment.training.but(epochs=epochs))
        self.both = Lockstep.of(experiment, dtype, PRESETS[preset].network if preset else "")
        self.wanted = epochs * len(self.both.batches)
        self.steps = min(MAX_STEPS, self.wanted)
        self.table = Table(COLUMNS, MAX_ROWS)
        self.last: tuple[float, ...] = ()
        self.where, self.largest = "", 0.0
        self.seconds: tuple[deque[float], deque[float]] = deque(maxlen=500), deque(maxlen=500)
        super().__init__()

    def pieces(self) -> Iterator[None]:
        while self.both.running and self.both.step < self.steps:
            step = self.both.advance()
            gaps = step.outputs, step.gradients, step.parameters
            self.last = (step.step, step.numpy_loss, step.torch_loss, *(gap.relative for gap in gaps))
            self.table.append(*self.last)
            if step.parameters.relative > self.largest:
                self.largest, self.where = step.parameters.relative, step.parameters.where
            for kept, seconds in zip(self.seconds, (step.numpy_seconds, step.torch_seconds), strict=True):
                kept.append(seconds)
            self.fraction = step.step / self.steps
            yield

    def report(self) -> dict[str, Any]:
        both = self.both
        columns = {name: [_finite(value) for value in column] for name, column in self.table.columns.items()}
        if self.last and (not columns["step"] or columns["step"][-1] != self.last[0]):
            for name, value in zip(COLUMNS, self.last, strict=True):
                columns[name].append(_finite(value))
        tolerance, note = both.tolerance()
        scores = both.evaluate() if self.done else ()  # predicting takes longer than a step
        return {
            "step": both.step,
            "steps": self.steps,
            "epoch": round(both.batches.epoch, 3),
            "columns": columns,
            "largest": _finite(self.largest),
            "where": self.where,
            "tolerance": tolerance,
            "note": note,
            "milliseconds": [1e3 * statistics.median(side) if side else None for side in self.seconds],
            "scores": [[_finite(value) for value in side] for side in scores],
            "split": "validation" if len(both.x_val) else "training",
            "samples": self._samples() if self.done else [],
            "surface": self._surface() if self.done else None,
            "status": self._ended(),
        }

    def _ended(self) -> str:
        """Why the comparison is over before its last step, or nothing."""
        if self.both.step >= MAX_STEPS < self.wanted:
            return f"A comparison ends after {MAX_STEPS:,} steps; all {self.wanted:,} are for the page Train."
        if not self.last or (math.isfinite(self.last[1]) and math.isfinite(self.last[2])):
            return ""
        ours, theirs = self.last[1:3]
        return f"The loss is {ours} in NumPy and {theirs} in PyTorch at step {self.both.step:,}: the comparison ends."

    def _samples(self) -> list[list[float | None]]:
        """[true value or class, output shown, NumPy's and torch's number] of the first samples.

        Of several outputs the largest of torch's is shown.
        """
        data = self.both.data
        x, y = (data.x_val, data.y_val) if len(data.x_val) else (data.x_train, data.y_train)
        rows = []
        for true, ours, theirs in zip(y[:SAMPLES], *self.both.predict(x[:SAMPLES]), strict=True):
            winner = int(np.argmax(theirs)) if theirs.size > 1 else 0
            rows.append([float(true), float(winner), *(_finite(float(o.reshape(-1)[winner])) for o in (ours, theirs))])
        return rows

    def _surface(self) -> dict[str, Any] | None:
        """What both sides say over the plane of a two-class or regression set; None for other data."""
        experiment, data = self.both.experiment, self.both.data
        entry, classes = experiment.data.entry, experiment.data.classes
        if entry.view != "plane" or classes > 2:
            return None
        low, high = entry.domain
        axis = np.linspace(low, high, SIDE)
        x, y = np.meshgrid(axis, axis)
        outputs = self.both.predict(features_of(np.stack([x.ravel(), y.ravel()], 1), experiment.data.features))
        sides = []
        for output in outputs:
            if classes:
                output = metrics.probabilities(experiment.loss.entry, torch.from_numpy(output))[:, 1].numpy()
            sides.append([[_finite(float(f"{v:.4g}")) for v in row] for row in output.reshape(SIDE, SIDE).tolist()])
        return {
            "axis": axis.round(4).tolist(),
            "numpy": sides[0],
            "torch": sides[1],
            "points": np.column_stack([data.raw_train, data.y_train])[:200].round(4).tolist(),
            "probability": bool(classes),
        }


class SpeedJob(Job):
    """Seconds per step against batch size and width."""

    def __init__(self, width: int, batch: int):
        for what, value, most in (("width", width, 256), ("batch size", batch, 1000)):
            if not 1 <= value <= most:
                raise ValueError(f"{what} is {value}; choose 1 to {most}.")
        self.width, self.batch = width, batch
        self.lines: dict[str, dict[str, dict[str, list[float]]]] = {"batch": {}, "width": {}}
        super().__init__()

    def pieces(self) -> Iterator[None]:
        for number, found in enumerate(speed.measure_speed(self.width, self.batch), 1):
            self.fraction = number / speed.count()
            if found:
                line = self.lines[found["along"]].setdefault(found["side"], {"x": [], "seconds": []})
                line["x"].append(found["value"])
                line["seconds"].append(found["seconds"])
            yield

    def report(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "width": self.width,
            "batch": self.batch,
            "crossings": {along: self._crossings(sides) for along, sides in self.lines.items()},
        }

    @staticmethod
    def _crossings(sides: dict[str, dict[str, list[float]]]) -> dict[str, float | None]:
        """Where NumPy's line rises above each of the others, as far as they are measured."""
        if "NumPy" not in sides:
            return {}
        numpy, found = sides["NumPy"], {}
        for side, line in sides.items():
            known = min(len(line["x"]), len(numpy["x"]))
            if side != "NumPy" and known:
                found[side] = speed.crossing(numpy["x"][:known], numpy["seconds"][:known], line["seconds"][:known])
        return found


class AspectsJob(Job):
    """The table; measured once for all visitors."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        super().__init__()

    def pieces(self) -> Iterator[None]:
        for number, row in enumerate(speed.aspects(), 1):
            self.fraction = min(1.0, number / speed.aspect_count())
            if row:
                self.rows.append(row)
            yield

    def report(self) -> dict[str, Any]:
        return {"rows": self.rows}


JOBS: dict[str, type[Job]] = {"lockstep": LockstepJob, "speed": SpeedJob, "aspects": AspectsJob}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
