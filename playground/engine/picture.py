"""The picture of a run: header and arrays of one snapshot, in the layout that `snapshot` packs.

Drawing never touches the run's course: the network is put into evaluation mode and back, and no generator is used.
What does not change while a run trains (grids, points, labels) is made once; one forward pass gives the rest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
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

SURFACE, LINE, LINE_MAP = 50, 200, 64  # points along one side
MAP_LEAST, MAP_MOST, MAP_CELLS = 10, 16, 3_000  # side of a unit's map: least, most, and cells of all maps together
MAX_UNITS = 16  # shown in one column
CONTINUED = 30  # values, or characters, that a network of sequences goes on by itself
MAX_CURVE, MAX_POINTS, MAX_SCATTER, MAX_SAMPLES, MAX_WORST = 64, 500, 300, 256, 6
MAX_MOVING = 128  # parameters shown up to which gradients and updates travel also while the run plays
LIGHT_WORK = 40_000_000  # multiply-adds of one picture, about; more would take from the training it shows
MAX_NAME = 40  # letters of an input's name that travel
NEAR = 0.02  # of the domain: so near to a point that the point itself is traced

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Column:
    """A column of the drawn network: layers up to `last` of the Sequential; the input may have none.

    The units of a picture or of a convolution are its channels, each shown by its mean over all places; those of a
    sequence are its features, each by its mean over all steps.
    """

    title: str
    units: int
    last: int
    labels: tuple[str, ...] = ()
    linear: int | None = None
    channels_first: bool = False

    @property
    def shown(self) -> int:
        return min(self.units, MAX_UNITS)

    def values(self, x: Tensor) -> Tensor:
        """(rows, shown) of the output (rows, ...) of the layer `last`."""
        x = x.float()
        if x.dim() == 4 or (x.dim() == 3 and self.channels_first):
            x = x.flatten(2).mean(2)
        elif x.dim() == 3:
            x = x.mean(1)
        return x.reshape(len(x), -1)[:, : self.shown]


class Painter:
    """Draws one run, whose data and layers stay the same.

    Attributes:
        still: whether the run stands; gradients and updates always travel then, and while it plays if they are few.
        heavy: whether evaluating the whole set for a picture is too much work beside training. While such a run plays,
            losses, confusion matrix and predictions are those of its last evaluation, whose step the header names.
        traced: the place (x, y) whose way through the network is drawn; None for no such thing.
    """

    def __init__(self, run: Run):
        self.run = run
        experiment = run.experiment
        self.facts = facts(experiment)
        if run.data.names:  # of an uploaded set, whose file only a host reads
            self.facts["classes"] = list(run.data.names)
        self.columns = columns_of(experiment)
        if len(run.data.columns) == self.columns[0].units:
            named = tuple(name[:MAX_NAME] for name in run.data.columns[:MAX_UNITS])
            self.columns[0] = replace(self.columns[0], labels=named)
        self.parameters = sum(parameter.numel() for parameter in run.model.parameters())
        self.value_scale = _scale(run.data.y_train) if self.facts["task"] == "regression" else None
        self.side = _map_side(self.columns)
        x, self.tail = _inputs(experiment, run.data, self.side, samples=LIGHT_WORK // (8 * max(1, run.sample_work)))
        work = run.sample_work * (len(x) + len(run.x_train) + len(run.x_val))
        self.heavy = self.facts["view"] == "table" and work > LIGHT_WORK
        self.x = torch.tensor(x, dtype=run.x_train.dtype, device=run.device)
        self.fixed, self.train_points = _points(experiment, run.data, self.value_scale)
        self.blocks = self._parameters_shown()
        self.still = True
        self.traced: tuple[float, float] | None = None

    def step(self) -> int:
        """One step of the run, whose update is measured for the picture; the number of steps done."""
        return self.run.advance(steps=1)

    def picture(self) -> tuple[dict[str, Any], Arrays]:
        """Header (without run, seq, status, message and speed) and arrays at the run's present step."""
        if self.heavy and not self.still:
            (_, units), output = self._of_samples(self.x[self.tail :]), self.run.outputs
        else:
            self.run.evaluate()
            output, units = self._forward()
        scores = self.run.scores
        maps, scales = self._maps(units)
        arrays = {**self._curves(scores), **self._weights(), **self._changes(), **maps, **self.fixed}
        header = {"v": 1, **self._numbers(scores), **self.facts}
        header["columns"] = [
            {"title": c.title, "units": c.units, "shown": c.shown, "labels": list(c.labels), "scale": scale}
            for c, scale in zip(self.columns, scales, strict=True)
        ]
        header |= {"value_scale": self.value_scale, "worst": [], "confusion_split": None}
        header["train_points"] = self.train_points
        if self.run.looking_back:
            header["now"] = self.run.present_step
        if self.run.forks:
            header["forks"] = self.run.forks
        if self.traced is not None:
            header["trace"] = self._trace(self.traced)
        view = {"plane": self._plane, "line": self._line, "table": self._table}[self.facts["view"]]
        more, drawn = view(output)
        if self.facts["view"] == "table":
            continued, values = self._continued()
            more, drawn = more | continued, drawn | values | self._feature_maps()
        return header | more, arrays | drawn

    # -- numbers --------------------------------------------------------------------------------------------------

    def _numbers(self, scores: dict[str, dict[str, float | None]]) -> dict[str, Any]:
        run = self.run
        train, val = ({name: _finite(value) for name, value in scores[split].items()} for split in ("train", "val"))
        return {
            "step": run.step,
            "scored": run.scored_at,
            "epoch": round(run.epoch, 4),
            "steps_per_epoch": run.steps_per_epoch,
            "lr": _finite(run.lr),
            "device": run.where,
            "train": train,
            "val": val if len(run.data.x_val) else None,
            "parameters": self.parameters,
        }

    def _curves(self, scores: dict[str, dict[str, float | None]]) -> Arrays:
        """Losses and accuracies, at most MAX_CURVE points, the last of them the last evaluation.

        While the run looks back they are those of its whole course.
        """
        history = self.run.present_history
        if self.run.looking_back:
            index = _spread(len(history["eval_step"]), MAX_CURVE)
            names = {"eval_step": "curve_step"} | {
                f"{split}_{name}": f"curve_{split}_{name}"
                for split in ("train", "val")
                for name in ("loss", "accuracy")
            }
            return {curve: history[name][index].astype(np.float32) for name, curve in names.items()}
        steps, now_at = history["eval_step"], self.run.scored_at
        kept = len(steps) - (len(steps) > 0 and steps[-1] == now_at)  # an evaluation of now would be twice there
        index = _spread(kept, MAX_CURVE - 1)
        curves = {"curve_step": np.append(steps[index], now_at).astype(np.float32)}
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
        self.features: list[Tensor | None] = [None] * len(self.columns)
        ends = {column.last: column for column in self.columns}
        training = model.training
        model.eval()
        try:
            with torch.inference_mode():
                if -1 in ends:
                    units.append(ends[-1].values(x[self.tail :]))
                    self._look(0, x)
                for index, module in enumerate(model):
                    x = module(x)
                    self._look(len(units), x)
                    if index in ends:
                        units.append(ends[index].values(x[self.tail :]))
        finally:
            model.train(training)
        return x, units

    def _look(self, column: int, x: Tensor) -> None:
        """Keep the feature maps of one sample: the last ones of the column that are still laid out as pictures."""
        if x.dim() == 4 and x.shape[2] * x.shape[3] > 1 and column < len(self.columns) and self.tail < len(x):
            self.features[column] = x[self.tail, : self.columns[column].shown]

    def _feature_maps(self) -> Arrays:
        """`feature_0`, ...: one sample on its way through the channels shown, no finer than the maps of a plane."""
        found = {index: maps for index, maps in enumerate(self.features) if maps is not None}
        side = min(MAP_MOST, math.isqrt(2 * MAP_CELLS // max(1, sum(len(maps) for maps in found.values()))))
        arrays: Arrays = {}
        for index, maps in found.items():
            size = [min(side, length) for length in maps.shape[1:]]
            small = nn.functional.adaptive_avg_pool2d(maps.float(), size).cpu().numpy()
            arrays[f"feature_{index}"] = _signed(small, _scale(small))
        return arrays

    def _continued(self) -> tuple[dict[str, Any], Arrays]:
        """How the network goes on by itself from the first sample that is looked at: every answer is its next input."""
        spec, data = self.run.experiment.data, self.run.data
        numbers = not spec.classes and spec.target == "labels" and spec.input_shape[1:] == (1,)
        if not (spec.entry.tokens or numbers) or spec.columns not in ((), (spec.args.get("target"),)):
            return {}, {}
        raw = (data.raw_val if len(data.raw_val) else data.raw_train)[0]
        window = list(raw.argmax(-1) if raw.ndim == 2 and spec.entry.tokens else raw.reshape(-1))
        steps = len(window)
        training = self.run.model.training
        self.run.model.eval()
        try:
            with torch.inference_mode():
                for _ in range(CONTINUED):
                    window.append(self._next(np.array(window[-steps:])))
        finally:
            self.run.model.train(training)
        if numbers:
            return {"continued": {"seen": steps, "text": None}}, {"continued": np.array(window, np.float32)}
        text = "".join(spec.entry.names[int(token)] for token in window)
        return {"continued": {"seen": steps, "text": text}}, {}

    def _next(self, window: np.ndarray) -> float:
        """What follows a window, in the units of the data."""
        run, data, spec = self.run, self.run.data, self.run.experiment.data
        if spec.entry.tokens:
            x = window if spec.tokens else np.eye(spec.entry.tokens)[window]
        else:
            x = (window[:, None] - data.x_mean) / data.x_std
        given = torch.tensor(x, dtype=run.x_train.dtype, device=run.device)[None]
        output = run.model(given)
        if spec.entry.tokens:
            return predicted_classes(run.experiment.loss.entry, output)[0].item()
        return float(np.nan_to_num(output.reshape(-1)[0].item() * data.y_std + data.y_mean))

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
                shape = (self.side, self.side) if view == "plane" else (1, LINE_MAP)
                arrays[f"map_{index}"] = _signed(part.T, scale).reshape(-1, *shape)
        return arrays, scales

    def _weights(self) -> Arrays:
        """The Linear layers' own numbers, of the units shown; a layer without bias has zeros."""
        arrays: Arrays = {}
        before = self.columns[0]
        for index, column in enumerate(self.columns[1:], 1):
            if layer := self._edges(before, column):
                weight = layer.weight.detach()[: column.shown, : before.shown]
                arrays[f"weight_{index}"] = _sent(weight)
                bias = np.zeros(column.shown, np.float32) if layer.bias is None else layer.bias.detach()[: column.shown]
                arrays[f"bias_{index}"] = bias if isinstance(bias, np.ndarray) else _sent(bias)
            before = column
        return arrays

    def _edges(self, before: Column, column: Column) -> nn.Linear | None:
        """The Linear layer whose weights are the edges between the units of two columns; None where it is not so."""
        layer = self.run.model[column.linear]
        if not isinstance(layer, nn.Linear):
            return None
        return layer if (layer.in_features, layer.out_features) == (before.units, column.units) else None

    def _parameters_shown(self) -> list[tuple[Tensor, Tensor | None]]:
        """Weights and biases of the Linear layers, as far as they are shown; views of the parameters themselves."""
        blocks = []
        for before, column in zip(self.columns, self.columns[1:], strict=False):
            if layer := self._edges(before, column):
                bias = None if layer.bias is None else layer.bias.detach()[: column.shown]
                blocks.append((layer.weight.detach()[: column.shown, : before.shown], bias))
        return blocks

    def _changes(self) -> Arrays:
        """Gradients of the last batch and the last update: a layer's weights row by row, then its biases.

        NaN is a gradient that there is not; a bias that there is not has an update of 0.
        """
        shown = sum(weight.numel() + len(weight) for weight, _ in self.blocks)
        if not shown or (not self.still and shown > MAX_MOVING):
            return {}
        arrays: Arrays = {}
        gradients = [gradient for pair in self._gradients() for gradient in pair]
        if any(gradient is not None for gradient in gradients):
            sizes = [size for weight, _ in self.blocks for size in (weight.numel(), len(weight))]
            parts = [
                np.full(size, math.nan, np.float32) if gradient is None else gradient.reshape(-1).cpu().numpy()
                for gradient, size in zip(gradients, sizes, strict=True)
            ]
            arrays["gradients"] = np.concatenate(parts).astype(np.float32)
        if self.run.last_update is not None:
            parts = [part.reshape(-1).cpu().numpy() for pair in self._updates(self.run.last_update) for part in pair]
            arrays["updates"] = np.concatenate(parts).astype(np.float32)
        return arrays

    def _updates(self, last: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        of = dict(zip(self.run.model.parameters(), last, strict=True))
        found = []
        for before, column in zip(self.columns, self.columns[1:], strict=False):
            if layer := self._edges(before, column):
                weight = of[layer.weight][: column.shown, : before.shown]
                bias = weight.new_zeros(len(weight)) if layer.bias is None else of[layer.bias][: column.shown]
                found.append((weight, bias))
        return found

    def _gradients(self) -> list[tuple[Tensor | None, Tensor | None]]:
        found = []
        for before, column in zip(self.columns, self.columns[1:], strict=False):
            if layer := self._edges(before, column):
                weight, bias = layer.weight.grad, None if layer.bias is None else layer.bias.grad
                found.append(
                    (
                        None if weight is None else weight[: column.shown, : before.shown],
                        None if bias is None else bias[: column.shown],
                    )
                )
        return found

    def _trace(self, place: tuple[float, float]) -> dict[str, Any]:
        """One sample on its way through the network: the values of every column, and its loss if it is a point."""
        run, data = self.run, self.run.data
        low, high = run.experiment.data.entry.domain
        raw = np.array(place[: data.raw_train.shape[1]])
        points = np.concatenate([data.raw_train, data.raw_val])
        distances = np.linalg.norm(points - raw, axis=1)
        nearest = int(distances.argmin())
        split, loss, true = None, None, None
        if distances[nearest] <= NEAR * (high - low):
            raw = points[nearest]
            split = "training" if nearest < len(data.raw_train) else "validation"
            row = nearest if split == "training" else nearest - len(data.raw_train)
            labels, targets = (run.y_train, run.t_train) if split == "training" else (run.y_val, run.t_val)
            true = labels[row].item()
        x = features_of(raw[None], run.experiment.data.features) if run.experiment.data.features else raw[None]
        output, values = self._values_of(torch.tensor(x, dtype=torch.float32, device=run.device))
        if split:
            with torch.inference_mode():
                loss = run.loss(output, targets[row : row + 1]).item()
        chances = None
        if self.facts["classes"]:
            chances = [_short(value) for value in probabilities(run.experiment.loss.entry, output)[0].tolist()]
        return {
            "at": [_short(value) for value in raw.tolist()],
            "split": split,
            "true": true,
            "loss": None if loss is None else _short(loss),
            "chances": chances,
            "values": [[_short(value) for value in column] for column in values],
        }

    def _values_of(self, x: Tensor) -> tuple[Tensor, list[list[float]]]:
        """Output and shown values of every column for one row of inputs."""
        output, units = self._of_samples(x)
        return output, [column[0].tolist() for column in units]

    def _of_samples(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """`_forward` for these rows alone."""
        whole, self.x, tail, self.tail = self.x, x, self.tail, 0
        try:
            return self._forward()
        finally:
            self.x, self.tail = whole, tail

    # -- the output -----------------------------------------------------------------------------------------------

    def _plane(self, output: Tensor) -> tuple[dict[str, Any], Arrays]:
        surface, points = output[: SURFACE**2], output[SURFACE**2 : self.tail]
        square, classes, loss = (SURFACE, SURFACE), len(self.facts["classes"]), self.run.experiment.loss.entry
        if not classes:
            values = surface.reshape(len(surface), -1)[:, 0].cpu().numpy()
            return {}, {"surface": _signed(values, self.value_scale or 1.0).reshape(square)}
        guess = predicted_classes(loss, points).cpu().numpy()
        wrong = {"wrong": np.packbits(guess != self.fixed["points"][:, 2])}
        chances = probabilities(loss, surface).cpu().numpy()
        if classes == 2:
            return {}, {"surface": _unsigned(chances[:, 1]).reshape(square), **wrong}
        winner = predicted_classes(loss, surface).cpu().numpy()
        sure = np.take_along_axis(chances, winner[:, None], 1)[:, 0]
        drawn = winner.astype(np.uint8).reshape(square)
        return {}, {"surface": drawn, "confidence": _unsigned(sure).reshape(square), **wrong}

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
            true = true.reshape(len(true), -1)  # several where the sample itself is the answer
            predicted = np.nan_to_num(output.reshape(len(true), -1)[:, : true.shape[1]].cpu().numpy())
            return self._values(true.ravel(), predicted.ravel(), np.repeat(index, true.shape[1]))
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
    labels, shape = tuple(FEATURES[name] for name in experiment.data.features), experiment.data.input_shape
    column = Column("input", _units(shape, False), -1, labels)
    columns = []
    for index, (layer, report) in enumerate(zip(experiment.layers, experiment.outline(), strict=True)):
        entry, shape = layer.entry, report.out_shape
        if entry.role == "units":
            columns.append(column)
            units = _units(shape, entry.channels_first)
            column = Column(f"{entry.title} {units}", units, index, (), index, entry.channels_first)
        elif 0 < len(shape) < len(report.in_shape) and columns:  # a Flatten: the same numbers, but not the same units
            column = replace(column, title=f"{column.title} · {entry.title}")
        else:
            units, title = _units(shape, column.channels_first), f"{column.title} · {entry.title}"
            column = replace(column, title=title, units=units, last=index)
    return [*columns, column]


def _units(shape: tuple[int, ...], channels_first: bool) -> int:
    """How many units a sample of this shape has, as `Column` counts them."""
    if len(shape) < 2:
        return math.prod(shape)
    return shape[0] if channels_first or len(shape) > 2 else shape[-1]


def _map_side(columns: list[Column]) -> int:
    """Cells along one side of a unit's map: fewer where there are many units, whose tiles are small."""
    units = sum(column.shown for column in columns)
    return max(MAP_LEAST, min(MAP_MOST, math.isqrt(MAP_CELLS // units)))


def _inputs(experiment: Experiment, data: Dataset, side: int, samples: int) -> tuple[np.ndarray, int]:
    """Rows for the one forward pass, and where those begin on which units are looked at: `samples` of a table."""
    entry = experiment.data.entry
    low, high = entry.domain
    if entry.view == "plane":
        points = _points_shown(data)[0] if experiment.data.classes else np.empty((0, 2))
        raw = np.concatenate([_grid(low, high, SURFACE), points, _grid(low, high, side)])
        return features_of(raw, experiment.data.features), SURFACE**2 + len(points)
    if entry.view == "line":
        return np.concatenate([np.linspace(low, high, LINE), np.linspace(low, high, LINE_MAP)])[:, None], LINE
    looked_at = data.x_val if len(data.x_val) else data.x_train
    rows = _spread(len(data.x_train), max(1, min(MAX_SAMPLES, samples)))
    return np.concatenate([looked_at, data.x_train[rows]]), len(looked_at)


def _grid(low: float, high: float, side: int) -> np.ndarray:
    """(side * side, 2): x from left to right, y from the top down."""
    x, y = np.meshgrid(np.linspace(low, high, side), np.linspace(high, low, side))
    return np.stack([x.ravel(), y.ravel()], 1)


def _points_shown(data: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Raw inputs, targets and split (0 or 1) of the points shown, those of the training part first."""
    rows = _spread(len(data.raw_train) + len(data.raw_val), MAX_POINTS)
    raw = np.concatenate([data.raw_train, data.raw_val])[rows]
    return raw, np.concatenate([data.y_train, data.y_val])[rows], rows >= len(data.raw_train)


def _points(experiment: Experiment, data: Dataset, value_scale: float | None) -> tuple[Arrays, int | None]:
    """The points of a plane or a line, and how many of them, the first ones, are for training; none for a table."""
    entry = experiment.data.entry
    if entry.view == "table":
        return {}, None
    raw, y, split = _points_shown(data)
    train = int((~split).sum())
    if entry.view == "line":
        return {"line_points": np.stack([raw[:, 0], y, split], 1).astype(np.float32)}, train
    low, high = entry.domain
    place = _unsigned((raw - low) / (high - low))
    value = y.astype(np.uint8) if value_scale is None else _signed(y, value_scale)
    return {"points": np.column_stack([place, value]).astype(np.uint8)}, train


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


def _short(value: float) -> float | None:
    """Six digits of it; None if it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


__all__: Sequence[str] = ["Column", "Painter", "columns_of", "picture"]
