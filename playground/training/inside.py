"""What happens inside a network: one sample on its way through all layers, and how values spread through depth."""

import base64
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from playground.catalog import INITS
from playground.models import build
from playground.training.run import Run

MAX_MAPS, MAX_SIDE, MAX_FEATURES = 16, 64, 512
"""Maps of one layer, rows and columns of one map, and numbers of a vector that are sent."""
SPREAD_SAMPLES, SPREAD_BINS = 256, 41


def activations(run: Run, sample: int = 0, split: str = "val") -> dict[str, Any]:
    """One sample through the present weights, in evaluation mode.

    `layers`: the input and what comes out of every layer: {title, shape, maps, rows, columns, stride, scale, low, high,
    mean, values (base64 of little-endian float32, maps x rows x columns), more}. Of a large layer the first maps, rows
    and columns are sent, every `stride`-th of these. `count`: samples of the split; `target`: class or value;
    `output`: the last layer's numbers; `probabilities`: of the classes, or None.

    Raises:
        ValueError: there is no such sample, or no such split, or a layer needs more than one.
    """
    if split not in ("train", "val"):
        raise ValueError(f"there are training and validation samples, but no {split!r}.")
    split = "val" if split == "val" and len(run.x_val) else "train"
    x, y = (run.x_val, run.y_val) if split == "val" else (run.x_train, run.y_train)
    if not 0 <= sample < len(x):
        raise ValueError(f"there is no sample {sample:,}; there are {len(x):,}, counted from 0.")
    value = x[sample : sample + 1]
    layers = [_picture("input", value)]
    with run.evaluating():
        for number, (layer, module) in enumerate(zip(run.experiment.layers, run.model, strict=True), 1):
            try:
                value = module(value)
            except ValueError as error:  # of a group norm of one unit
                raise ValueError(
                    f"Layer {number} ({layer.name}) cannot take one sample alone: a single value cannot be normalised; "
                    "give the layer before it more units."
                ) from error
            layers.append(_picture(f"{number} {layer.name}", value))
    classes = run.experiment.data.classes
    inputs = x[sample : sample + 1].cpu().numpy()
    return {
        "step": run.step,
        "split": split,
        "sample": sample,
        "count": len(x),
        "layers": layers,
        "target": y[sample].item(),
        "output": [_finite(number) for number in value.reshape(-1)[:MAX_FEATURES].tolist()],
        "probabilities": [_finite(p) for p in run.probabilities(inputs)[0].tolist()] if classes else None,
    }


def _picture(title: str, batch: Tensor) -> dict[str, Any]:
    """One value of shape (1, ...) as maps: channels of a picture, steps of a sequence, or one row."""
    value = batch[0].detach().float().cpu().numpy() if batch.dim() > 1 else batch.detach().float().cpu().numpy()
    shape, stride, more = list(batch.shape[1:]), 1, ""
    if value.ndim >= 3:
        maps = value.reshape(-1, *value.shape[-2:])
        stride = max(1, math.ceil(max(maps.shape[1:]) / MAX_SIDE))
        if len(maps) > MAX_MAPS:
            more = f"and {len(maps) - MAX_MAPS} more"
        sent = maps[:MAX_MAPS, ::stride, ::stride]
    elif value.ndim == 2:
        sent = value.T[np.newaxis, :MAX_SIDE, :MAX_FEATURES]  # time runs to the right
    else:
        more = f"and {value.size - MAX_FEATURES} more" if value.size > MAX_FEATURES else ""
        sent = value.reshape(1, 1, -1)[..., :MAX_FEATURES]
    numbers = value[np.isfinite(value)]
    largest = float(np.abs(numbers).max()) if numbers.size else 0.0
    return {
        "title": title,
        "shape": shape,
        "maps": sent.shape[0],
        "rows": sent.shape[1],
        "columns": sent.shape[2],
        "stride": stride,
        "scale": largest,
        "low": float(numbers.min()) if numbers.size else None,
        "high": float(numbers.max()) if numbers.size else None,
        "mean": float(numbers.mean()) if numbers.size else None,
        "values": base64.b64encode(np.ascontiguousarray(sent, "<f4").tobytes()).decode(),
        "more": more,
    }


def spread(run: Run) -> dict[str, Any]:
    """What the beginning of the weights does to the values: up to 256 training samples through the untrained network.

    `layers`: {index, name, init, mean, std, zero (share of exact zeros), ratio (std over that of the input), counts,
    edges} for the input (index -1) and every layer. The run is not touched.
    """
    experiment = run.experiment
    model = build(experiment, torch.Generator().manual_seed(experiment.seed)).eval()
    x = run.x_train[:: max(1, len(run.x_train) // SPREAD_SAMPLES)][:SPREAD_SAMPLES].cpu()
    first = _spread(x)
    layers = [{"index": -1, "name": "input", "init": "", **first, "ratio": 1.0}]
    with torch.inference_mode():
        for index, (layer, module) in enumerate(zip(experiment.layers, model, strict=True)):
            x = module(x)
            found = _spread(x)
            ratio = found["std"] / first["std"] if found["std"] is not None and first["std"] else None
            init = INITS[layer.init].title if layer.entry.has_weights else ""
            layers.append({"index": index, "name": layer.name, "init": init, **found, "ratio": ratio})
    return {"samples": len(x), "layers": layers}


def _spread(values: Tensor) -> dict[str, Any]:
    numbers = values.detach().double().numpy().ravel()
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return {"mean": None, "std": None, "zero": None, "counts": [], "edges": []}
    reach = float(np.quantile(np.abs(numbers), 0.995)) or 1.0
    counts, edges = np.histogram(numbers, SPREAD_BINS, (-reach, reach))
    return {
        "mean": float(numbers.mean()),
        "std": float(numbers.std()),
        "zero": float((numbers == 0).mean()),
        "counts": counts.tolist(),
        "edges": [float(edges[0]), float(edges[-1])],
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
