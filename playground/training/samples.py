"""What a run learns from, as the page 'Data' shows it: samples, classes, split, standardisation, and the next batch."""

import base64
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from playground.training import metrics

if TYPE_CHECKING:
    from playground.training.run import Run

MAX_ROWS, MAX_POINTS, MAX_BATCH_SHOWN, MAX_INPUTS, BINS = 24, 500, 32, 12, 16
"""Samples shown of the set, as rows and as points, and of a batch; inputs whose mean is shown; bars of a histogram."""


def samples(run: "Run", batch: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything in JSON.

    `kind`: 'picture', 'tokens', 'sequence', or 'row'; `names` of the classes; `counts`: {"train", "val"} of each class,
    or of each of `BINS` equal parts from `low` to `high` for a regression; `train` and `val`: how many samples;
    `samples`: {row, index, split, target, value}, evenly spread over the training part, then over the validation part;
    `places`: [x, y, target, whether it trains] of a set in the plane, or of one input, whose target is y; else none;
    `inputs`: {name, mean, std} of raw inputs in training, and of the inputs as the network gets them in both parts;
    `batch`: rows as the question 'batch' gives them, with index, target and value.
    """
    data, spec = run.data, run.experiment.data
    return {
        "kind": _kind(run),
        "names": list(data.names or spec.entry.names or map(str, range(spec.classes)))[: spec.classes],
        "letters": list(spec.entry.names) if spec.entry.tokens else [],
        "train": len(data.x_train),
        "val": len(data.x_val),
        "standardize": spec.entry.standardize,
        **_balance(run),
        "samples": [
            *(_sample(run, row, "train") for row in _spread(len(data.x_train), MAX_ROWS - MAX_ROWS // 3)),
            *(_sample(run, row, "val") for row in _spread(len(data.x_val), MAX_ROWS // 3)),
        ],
        "places": _points(run),
        "inputs": _inputs(run),
        "batch": [{**_sample(run, row["row"], "train"), **_said(run, row)} for row in batch[:MAX_BATCH_SHOWN]],
    }


def _kind(run: "Run") -> str:
    spec = run.experiment.data
    if spec.entry.picture(spec.args):
        return "picture"
    if spec.entry.tokens:
        return "tokens"
    return "sequence" if len(spec.input_shape) == 2 else "row"


def _balance(run: "Run") -> dict[str, Any]:
    data, classes = run.data, run.experiment.data.classes
    if classes:
        counts = {
            split: np.bincount(y, minlength=classes).tolist()
            for split, y in (("train", data.y_train), ("val", data.y_val))
        }
        return {"counts": counts, "low": None, "high": None}
    values = {split: y * data.y_std + data.y_mean for split, y in (("train", data.y_train), ("val", data.y_val))}
    together = np.concatenate(list(values.values()))
    low, high = float(together.min()), float(together.max())
    edges = (low, high if high > low else low + 1)
    counts = {split: np.histogram(y, BINS, edges)[0].tolist() for split, y in values.items()}
    return {"counts": counts, "low": low, "high": high}


def _sample(run: "Run", row: int, split: str) -> dict[str, Any]:
    data = run.data
    raw, y, index = (getattr(data, f"{name}_{split}")[row] for name in ("raw", "y", "index"))
    target = None  # where the inputs themselves are asked for
    if not y.ndim:
        target = int(y) if run.experiment.data.classes else float(f"{y * data.y_std + data.y_mean:.5g}")
    return {"row": int(row), "index": int(index), "split": split, "target": target, "value": _value(run, raw)}


def _points(run: "Run") -> list[list[float]]:
    """The set as a picture: training and validation part in their true proportion."""
    data, view = run.data, run.experiment.data.entry.view
    if view not in ("plane", "line"):
        return []
    total, points = len(data.x_train) + len(data.x_val), []
    for split in ("train", "val"):
        raw, y = getattr(data, f"raw_{split}"), getattr(data, f"y_{split}") * data.y_std + data.y_mean
        for row in _spread(len(raw), min(len(raw), -(-MAX_POINTS * len(raw) // max(total, MAX_POINTS)))):
            place = raw[row] if view == "plane" else (raw[row][0], y[row])
            points.append([*(float(f"{value:.3g}") for value in (*place, y[row])), float(split == "train")])
    return points


def _value(run: "Run", raw: np.ndarray) -> Any:
    """A picture as base64 of its bytes; tokens as numbers; a sequence by columns; a row as it is."""
    spec = run.experiment.data
    if picture := spec.entry.picture(spec.args):
        whole = raw.max() if raw.dtype != np.uint8 else 255
        pixels = np.clip(raw.reshape(picture) / (whole or 1) * 255, 0, 255).astype(np.uint8)
        return {"shape": list(picture), "pixels": base64.b64encode(pixels.tobytes()).decode()}
    if spec.entry.tokens:
        return (raw if raw.ndim == 1 else raw.argmax(-1)).tolist()
    if raw.ndim == 2:
        return [[_short(value) for value in column[:120]] for column in raw.T[:4].tolist()]
    return [_short(value) for value in raw[:MAX_INPUTS].tolist()]


def _said(run: "Run", row: dict[str, Any]) -> dict[str, Any]:
    """Loss of a sample of the batch, and what the network says of it."""
    import torch

    output, data = torch.tensor([row["output"]]), run.data
    entry = run.experiment.loss.entry
    if run.data.y_train.ndim > 1:  # the inputs themselves are asked for
        return {"loss": row["loss"], "said": None, "sure": None}
    if run.experiment.data.classes:
        said = int(metrics.predicted_classes(entry, output)[0])
        return {"loss": row["loss"], "said": said, "sure": _short(float(metrics.probabilities(entry, output)[0].max()))}
    return {"loss": row["loss"], "said": _short(row["output"][0] * data.y_std + data.y_mean), "sure": None}


def _inputs(run: "Run") -> list[dict[str, Any]]:
    """Mean and standard deviation, of the raw training part and of both parts as the network gets them."""
    data, spec = run.data, run.experiment.data
    if spec.entry.tokens:
        return []
    from playground.data import features_of

    raw = features_of(data.raw_train, spec.features) if spec.features else data.raw_train
    if spec.entry.together or len(spec.input_shape) > 1 or spec.entry.picture(spec.args):
        parts = [("all values", raw.reshape(-1), data.x_train.reshape(-1), data.x_val.reshape(-1))]
    else:
        names = spec.features or [f"input {k + 1}" for k in range(raw.shape[1])]
        parts = [(name, raw[:, k], data.x_train[:, k], data.x_val[:, k]) for k, name in enumerate(names[:MAX_INPUTS])]
    return [
        {"name": name, "raw": _moments(before), "train": _moments(after), "val": _moments(val) if len(val) else None}
        for name, before, after, val in parts
    ]


def _moments(values: np.ndarray) -> list[float | None]:
    return [_short(float(values.mean(dtype=np.float64))), _short(float(values.std(dtype=np.float64)))]


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` rows, evenly spread."""
    return [k * count // min(count, most) for k in range(min(count, most))]


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
