"""The picture of a run: header and arrays of one snapshot, in the layout that `snapshot` packs.

Drawing never touches the run's course: the network is put into evaluation mode and back, and no generator is used.
What does not change while a run trains (grids, points, labels) is made once; one forward pass gives the rest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from playground.catalog import FEATURES
from playground.data import Dataset, features_of
from playground.engine.snapshot import facts
from playground.spec import Experiment
from playground.training import Run
from playground.training.metrics import predicted_classes, probabilities

SURFACE, MAP, LINE, LINE_MAP = 50, 16, 200, 64  # points along one side
MAX_UNITS = 16  # shown in one column
MAX_CURVE, MAX_POINTS, MAX_SCATTER, MAX_SAMPLES, MAX_WORST = 64, 500, 300, 256, 6

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Column:
    """A column of the drawn network: layers `first` up to `last` of the Sequential; the input may have none."""

    title: str
    units: int
    last: int
    labels: tuple[str, ...] = ()
    linear: int | None = None

    @property
    def shown(self) -> int:
        return min(self.units, MAX_UNITS)


class Painter:
    """Draws one run, whose data and layers stay the same."""

    def __init__(self, run: Run):
        self.run = run
        experiment = run.experiment
        self.facts = facts(experiment)
        self.columns = columns_of(experiment)
        self.parameters = sum(parameter.numel() for parameter in run.model.parameters())
        self.value_scale = _scale(run.data.y_train) if self.facts["task"] == "regression" else None
        x, self.tail = _inputs(experiment, run.data)
        self.x = torch.tensor(x, dtype=torch.float32, device=run.device)
        self.fixed = _points(experiment, run.data, self.value_scale)

    def picture(self) -> tuple[dict[str, Any], Arrays]:
        """Header (without run, seq, status, message and speed) and arrays at the run's present step."""
        scores, (output, units) = self.run.evaluate(), self._forward()
        maps, scales = self._maps(units)
        arrays = {**self._curves(scores), **self._weights(), **maps, **self.fixed}
        header = {"v": 1, **self._numbers(scores), **self.facts}
        header["columns"] = [
            {"title": c.title, "units": c.units, "shown": c.shown, "labels": list(c.labels), "scale": scale}
            for c, scale in zip(self.columns, scales, strict=True)
        ]
        header |= {"value_scale": self.value_scale, "worst": [], "confusion_split": None}
        view = {"plane": self._plane, "line": self._line, "table": self._table}[self.facts["view"]]
        more, drawn = view(output)
        return header | more, arrays | drawn

    # -- numbers --------------------------------------------------------------------------------------------------

    def _numbers(self, scores: dict[str, dict[str, float | None]]) -> dict[str, Any]:
        run = self.run
        train, val = ({name: _finite(value) for name, value in scores[split].items()} for split in ("train", "val"))
        return {
            "step": run.step,
            "epoch": round(run.epoch, 4),
            "steps_per_epoch": run.steps_per_epoch,
            "lr": _finite(run.lr),
            "device": str(run.device),
            "train": train,
            "val": val if len(run.data.x_val) else None,
            "parameters": self.parameters,
        }

    def _curves(self, scores: dict[str, dict[str, float | None]]) -> Arrays:
        """Losses and accuracies, at most MAX_CURVE points, the last of them the present one."""
        history = self.run.history
        steps = history["eval_step"]
        kept = len(steps) - (len(steps) > 0 and steps[-1] == self.run.step)  # an evaluation of now would be twice there
        index = _spread(kept, MAX_CURVE - 1)
        curves = {"curve_step": np.append(steps[index], self.run.step).astype(np.float32)}
        for split in ("train", "val"):
            for name in ("loss", "accuracy"):
                now = scores[split][name]
                column = np.append(history[f"{split}_{name}"][index], math.nan if now is None else now)
                curves[f"curve_{split}_{name}"] = column.astype(np.float32)
        return curves

    # -- the network ----------------------------------------------------------------------------------------------

    def _forward(self) -> tuple[Tensor, list[Tensor]]:
        """Outputs for all rows of `x`, and every column's values for the rows behind `tail`: (rows, shown)."""
        model, x, units = self.run.model, self.x, []
        ends = {column.last: column for column in self.columns}
        training = model.training
        model.eval()
        try:
            with torch.inference_mode():
                if -1 in ends:
                    units.append(x[self.tail :, : ends[-1].shown])
                for index, module in enumerate(model):
                    x = module(x)
                    if index in ends:
                        units.append(x.reshape(len(self.x), -1)[self.tail :, : ends[index].shown])
        finally:
            model.train(training)
        return x, units

    def _maps(self, units: list[Tensor]) -> tuple[Arrays, list[float]]:
        """Each unit over the plane or the line, or its mean over samples; and what 255 (or 1) stands for."""
        values = torch.cat(units, 1).cpu().numpy()  # (rows, all units shown)
        view = self.facts["view"]
        if view == "table":
            values = values.mean(0, keepdims=True)
        ends = np.cumsum([column.shown for column in self.columns])[:-1]
        parts = np.split(values, ends, axis=1)
        scales = [_scale(part) for part in parts]
        arrays: Arrays = {}
        for index, (part, scale) in enumerate(zip(parts, scales, strict=True)):
            if view == "table":
                arrays[f"mean_{index}"] = np.nan_to_num(part[0] / np.float32(scale), posinf=1, neginf=-1)
            else:
                shape = (MAP, MAP) if view == "plane" else (1, LINE_MAP)
                arrays[f"map_{index}"] = _signed(part.T, scale).reshape(-1, *shape)
        return arrays, scales

    def _weights(self) -> Arrays:
        """The Linear layers' own numbers, of the units shown; a layer without bias has zeros."""
        arrays: Arrays = {}
        before = self.columns[0]
        for index, column in enumerate(self.columns[1:], 1):
            layer = self.run.model[column.linear]
            if isinstance(layer, nn.Linear):
                weight = layer.weight.detach()[: column.shown, : before.shown]
                arrays[f"weight_{index}"] = _sent(weight)
                bias = np.zeros(column.shown, np.float32) if layer.bias is None else layer.bias.detach()[: column.shown]
                arrays[f"bias_{index}"] = bias if isinstance(bias, np.ndarray) else _sent(bias)
            before = column
        return arrays

    # -- the output -----------------------------------------------------------------------------------------------

    def _plane(self, output: Tensor) -> tuple[dict[str, Any], Arrays]:
        output, square = output[: self.tail], (SURFACE, SURFACE)
        classes = len(self.facts["classes"])
        if not classes:
            values = output.reshape(self.tail, -1)[:, 0].cpu().numpy()
            return {}, {"surface": _signed(values, self.value_scale or 1.0).reshape(square)}
        chances = probabilities(self.run.experiment.loss.entry, output).cpu().numpy()
        if classes == 2:
            return {}, {"surface": _unsigned(chances[:, 1]).reshape(square)}
        winner = predicted_classes(self.run.experiment.loss.entry, output).cpu().numpy()
        sure = np.take_along_axis(chances, winner[:, None], 1)[:, 0]
        surface = winner.astype(np.uint8).reshape(square)
        return {}, {"surface": surface, "confidence": _unsigned(sure).reshape(square)}

    def _line(self, output: Tensor) -> tuple[dict[str, Any], Arrays]:
        values = output[: self.tail].reshape(self.tail, -1)[:, 0]
        return {}, {"line": np.nan_to_num(values.cpu().numpy().astype(np.float32))}

    def _table(self, output: Tensor) -> tuple[dict[str, Any], Arrays]:
        """Confusion matrix and most confidently wrong samples, or true against predicted values."""
        data, of_val = self.run.data, len(self.run.data.x_val) > 0
        split = "validation" if of_val else "training"
        true = data.y_val if of_val else data.y_train
        index = data.index_val if of_val else data.index_train
        output = output[: len(true)]
        if self.facts["task"] == "regression":
            predicted = np.nan_to_num(output.reshape(len(true), -1)[:, 0].cpu().numpy())
            return self._values(true, predicted, index)
        loss, classes = self.run.experiment.loss.entry, len(self.facts["classes"])
        chances, guess = probabilities(loss, output).cpu().numpy(), predicted_classes(loss, output).cpu().numpy()
        counts = np.bincount(true * classes + guess.clip(max=classes - 1), minlength=classes**2)
        sure = np.nan_to_num(chances[np.arange(len(guess)), guess])
        wrong = np.flatnonzero(guess != true)
        worst = wrong[np.argsort(-sure[wrong], kind="stable")][:MAX_WORST]
        header = {
            "confusion_split": split,
            "worst": [
                {
                    "index": int(index[row]),
                    "true": int(true[row]),
                    "predicted": int(guess[row]),
                    "probability": round(float(sure[row]), 4),
                }
                for row in worst
            ],
        }
        arrays = {"confusion": counts.reshape(classes, classes).astype(np.float32)}
        if shape := self.run.experiment.data.entry.image:
            pixels = (data.raw_val if of_val else data.raw_train)[worst].reshape(-1, *shape)
            arrays["worst_images"] = _unsigned(pixels / (data.raw_train.max() or 1))
        return header, arrays

    def _values(self, true: np.ndarray, predicted: np.ndarray, index: np.ndarray) -> tuple[dict[str, Any], Arrays]:
        data = self.run.data
        true, predicted = true * data.y_std + data.y_mean, predicted * data.y_std + data.y_mean
        worst = np.argsort(-np.abs(true - predicted), kind="stable")[:MAX_WORST]
        split = np.full(len(true), float(len(data.x_val) > 0))
        rows = _spread(len(true), MAX_SCATTER)
        header = {
            "worst": [
                {
                    "index": int(index[row]),
                    "true": float(f"{true[row]:.6g}"),
                    "predicted": float(f"{predicted[row]:.6g}"),
                }
                for row in worst
            ]
        }
        return header, {"scatter": np.stack([true, predicted, split], 1)[rows].astype(np.float32)}


def picture(run: Run) -> tuple[dict[str, Any], Arrays]:
    """One picture of a run; a `Painter` that is kept makes the next one cheaper."""
    return Painter(run).picture()


def columns_of(experiment: Experiment) -> list[Column]:
    """The input, then one column from every layer whose role is 'units'."""
    labels = tuple(FEATURES[name] for name in experiment.data.features)
    column = Column("input", math.prod(experiment.data.input_shape), -1, labels)
    columns = []
    for index, (layer, report) in enumerate(zip(experiment.layers, experiment.outline(), strict=True)):
        units = math.prod(report.out_shape)
        if layer.entry.role == "units":
            columns.append(column)
            column = Column(f"{layer.name} {units}", units, index, linear=index)
        else:
            column = Column(f"{column.title} · {layer.name}", units, index, column.labels, column.linear)
    return [*columns, column]


def _inputs(experiment: Experiment, data: Dataset) -> tuple[np.ndarray, int]:
    """Rows for the one forward pass, and where those begin on which units are looked at."""
    entry = experiment.data.entry
    low, high = entry.domain
    if entry.view == "plane":
        raw = np.concatenate([_grid(low, high, SURFACE), _grid(low, high, MAP)])
        return features_of(raw, experiment.data.features), SURFACE**2
    if entry.view == "line":
        return np.concatenate([np.linspace(low, high, LINE), np.linspace(low, high, LINE_MAP)])[:, None], LINE
    looked_at = data.x_val if len(data.x_val) else data.x_train
    samples = data.x_train[_spread(len(data.x_train), MAX_SAMPLES)]
    return np.concatenate([looked_at, samples]), len(looked_at)


def _grid(low: float, high: float, side: int) -> np.ndarray:
    """(side * side, 2): x from left to right, y from the top down."""
    x, y = np.meshgrid(np.linspace(low, high, side), np.linspace(high, low, side))
    return np.stack([x.ravel(), y.ravel()], 1)


def _points(experiment: Experiment, data: Dataset, value_scale: float | None) -> Arrays:
    """The points of a plane or a line; none for a table."""
    entry = experiment.data.entry
    if entry.view == "table":
        return {}
    rows = _spread(len(data.raw_train) + len(data.raw_val), MAX_POINTS)
    raw = np.concatenate([data.raw_train, data.raw_val])[rows]
    y = np.concatenate([data.y_train, data.y_val])[rows]
    split = (rows >= len(data.raw_train)).astype(np.uint8)
    if entry.view == "line":
        return {"line_points": np.stack([raw[:, 0], y, split], 1).astype(np.float32)}
    low, high = entry.domain
    place = _unsigned((raw - low) / (high - low))
    value = y.astype(np.uint8) if value_scale is None else _signed(y, value_scale)
    return {"points": np.column_stack([place, value, split]).astype(np.uint8)}


def _spread(count: int, most: int) -> np.ndarray:
    """At most `most` indices of `count` rows, evenly spread, the first and the last among them."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).round().astype(int)


def _scale(values: np.ndarray) -> float:
    """The largest absolute finite value, to 4 digits; 1 where there is none above 0."""
    largest = float(np.abs(values).max(initial=0))
    if not math.isfinite(largest):
        largest = float(np.abs(values[np.isfinite(values)]).max(initial=0))
    return float(f"{largest:.4g}") or 1.0


def _signed(values: np.ndarray, scale: float) -> np.ndarray:
    """-scale..scale as 0..255."""
    return _unsigned(values / np.float32(2 * scale) + np.float32(0.5))


def _unsigned(values: np.ndarray) -> np.ndarray:
    """0..1 as 0..255; what is not a number becomes 0."""
    return np.nan_to_num(values * 255).clip(0, 255).round().astype(np.uint8)


def _sent(tensor: Tensor) -> np.ndarray:
    """Finite float32 values of a tensor."""
    return np.nan_to_num(tensor.cpu().numpy().astype(np.float32))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


__all__: Sequence[str] = ["Column", "Painter", "columns_of", "picture"]
