"""What a run is like inside, as plain tables: nothing here changes its course, and nothing is invented.

Where there is nothing to measure yet (no backward pass, no measured step) the table holds None, not 0.
"""

import base64
import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from playground.models import resolve
from playground.training.inside import activations, spread
from playground.training.run import Run
from playground.training.samples import samples

MAX_SAMPLES = 512
"""Training points, evenly spread, whose values are looked at."""
MAX_CURVE, MAX_BATCH, MAX_NUMBERS, BINS = 96, 256, 16, 24
FLAT_SLOPE = 0.05
"""A value is at a flat end where the slope of its activation is below this share of the steepest one."""

SLOPES = {"Sigmoid": lambda a: 4 * a * (1 - a), "Tanh": lambda a: 1 - a.square()}
"""Slope of an activation over its steepest slope, from its output a."""

STATE_NAMES = {
    "momentum_buffer": "momentum: the running sum of gradients",
    "exp_avg": "m: the running mean of the gradient",
    "exp_avg_sq": "v: the running mean of its square",
    "max_exp_avg_sq": "the largest v so far",
    "exp_inf": "u: the running largest gradient",
    "square_avg": "v: the running mean of the squared gradient",
    "grad_avg": "the running mean of the gradient",
    "acc_delta": "the running mean of the squared step",
    "sum": "the sum of all squared gradients",
    "prev": "the gradient of the step before",
    "step_size": "the step size of this weight",
    "mu_product": "the product of all momenta so far",
}
"""What the optimizers of torch keep for every weight, in words."""


def health(run: Run, full: bool = True) -> dict[str, Any]:
    """The numbers by which a run is judged, and those of every layer.

    `layers[i]`: index, name, title, parameters; `weight`, `gradient`: {norm, rms, histogram} or None; `gradient_share`:
    its rms over the largest one of all layers; `update_ratio`: norm of the last step over the norm of the weights;
    `dead`: share of the units of a ReLU that are 0 for every training point; `saturated`: share of a Sigmoid's or
    Tanh's values at its flat ends; `activation`: {histogram}; `numbers`: {name: a number for each unit} of a layer
    without a matrix. Histograms, which are {counts, edges}, and numbers are there only if `full`. Gradients are those
    of the last step. Weight, gradient and update are of the layer's weights; biases are left out.
    """
    scores = run.evaluate()
    targets = run.data.y_train if not run.experiment.data.classes else np.zeros(1)
    return _plain(
        {
            "step": run.step,
            "epoch": run.epoch,
            "status": run.status,
            "message": run.message,
            "lr": run.lr,
            "train": scores["train"],
            "val": scores["val"],
            "targets": [float(targets.min()), float(targets.max())],
            "curve": _curve(run, scores),
            "layers": _layers(run, full),
        }
    )


def _curve(run: Run, scores: Mapping[str, Mapping[str, float | None]]) -> dict[str, list[float | None]]:
    """Evaluations, thinned to MAX_CURVE, the last of them the present one."""
    steps = run.history["eval_step"]
    kept = int(np.count_nonzero(steps < run.step))
    index = np.unique(np.linspace(0, max(0, kept - 1), min(kept, MAX_CURVE - 1)).round().astype(int))
    curve: dict[str, list[float | None]] = {"step": [*steps[index].tolist(), run.step]}
    for split in ("train", "val"):
        curve[f"{split}_loss"] = [*run.history[f"{split}_loss"][index].tolist(), scores[split]["loss"]]
    return curve


def _layers(run: Run, full: bool) -> list[dict[str, Any]]:
    updates = dict(zip(run.model.parameters(), run.last_update or [], strict=False))
    tables: list[dict[str, Any]] = []
    for index, (layer, module, values) in enumerate(zip(run.experiment.layers, run.model, _values(run), strict=True)):
        weight = getattr(module, "weight", None)
        units = layer.entry.size
        tables.append(
            {
                "index": index,
                "name": layer.name,
                "title": f"{layer.name} {layer[units]}" if units else layer.name,
                "parameters": {name: list(parameter.shape) for name, parameter in module.named_parameters()},
                "weight": None if weight is None else _sizes(weight, full),
                "gradient": None if weight is None or weight.grad is None else _sizes(weight.grad, full),
                "update_ratio": _ratio(updates.get(weight), weight),
                "dead": _dead(values) if layer.name == "ReLU" else None,
                "saturated": _saturated(layer.name, values) if layer.name in SLOPES else None,
                "activation": {"histogram": _histogram(values)} if full else None,
                "numbers": _numbers(module) if full else {},
            }
        )
    largest = max((table["gradient"]["rms"] for table in tables if table["gradient"]), default=0.0)
    for table in tables:
        table["gradient_share"] = table["gradient"]["rms"] / largest if table["gradient"] and largest else None
    return tables


def _numbers(module: torch.nn.Module) -> dict[str, list[float]]:
    """What a layer without a matrix of weights works with, one number for each unit, such as a running mean."""
    tensors = dict((*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)))
    if any(tensor.dim() > 1 for tensor in tensors.values()):
        return {}
    return {name: tensor[:MAX_NUMBERS].tolist() for name, tensor in tensors.items() if tensor.dim() == 1}


def _values(run: Run) -> list[Tensor]:
    """What comes out of every layer for a sample of the training points, in evaluation mode: (rows, units) each."""
    stride = -(-len(run.x_train) // MAX_SAMPLES)
    x, values = run.x_train[::stride], []
    with run.evaluating():
        for module in run.model:
            x = module(x)
            values.append(x.reshape(len(x), -1) if x.dim() != 1 else x.unsqueeze(1))
    return values


def _sizes(values: Tensor, full: bool) -> dict[str, Any]:
    values = values.detach()
    norm = values.norm().item()
    sizes: dict[str, Any] = {"norm": norm, "rms": norm / math.sqrt(values.numel())}
    return sizes | ({"histogram": _histogram(values)} if full else {})


def _ratio(update: Tensor | None, weight: Tensor | None) -> float | None:
    """Norm of the last step over the norm of the weights before it."""
    if update is None or weight is None:
        return None
    before = (weight.detach() - update).norm().item()
    return update.norm().item() / before if before else None


def _dead(values: Tensor) -> float:
    return (values == 0).all(0).float().mean().item()


def _saturated(name: str, values: Tensor) -> float:
    return (SLOPES[name](values) < FLAT_SLOPE).float().mean().item()


def _histogram(values: Tensor) -> dict[str, list[float]]:
    """Counts of BINS equal bins and their edges; values that are not finite are left out."""
    numbers = values.detach().cpu().double().numpy().ravel()
    counts, edges = np.histogram(numbers[np.isfinite(numbers)], BINS)
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def weight(run: Run, layer: int, name: str, index: list[int]) -> dict[str, Any]:
    """One weight or bias: `value`, `gradient` and `update` of the last step, and what the optimizer keeps for it.

    `state` is a list of {name, meaning, value}; empty before the first step. L-BFGS keeps no numbers of single
    weights: its state is empty too.

    Raises:
        ValueError: there is no such weight.
    """
    parameter = _parameter(run, layer, name)
    place = tuple(index)
    if len(place) != parameter.dim() or not all(0 <= i < size for i, size in zip(place, parameter.shape, strict=True)):
        shape = tuple(parameter.shape)
        raise ValueError(f"layer {layer + 1} has no {name}{list(index)}: its shape is {shape}, counted from 0.")
    updates = dict(zip(run.model.parameters(), run.last_update or [], strict=False))
    number = next(i for i, other in enumerate(run.model.parameters()) if other is parameter)
    kept = run.optimizer.state_dict()["state"].get(number, {})
    state = [
        {"name": key, "meaning": STATE_NAMES[key], "value": float(held[place] if held.ndim else held)}
        for key, held in kept.items()
        if key in STATE_NAMES and getattr(held, "shape", None) in (parameter.shape, ())
    ]
    return _plain(
        {
            "step": run.step,
            "lr": run.lr,
            "value": parameter[place].item(),
            "gradient": None if parameter.grad is None else parameter.grad[place].item(),
            "update": updates[parameter][place].item() if parameter in updates else None,
            "state": state,
        }
    )


def _parameter(run: Run, layer: int, name: str) -> torch.nn.Parameter:
    if not 0 <= layer < len(run.model):
        raise ValueError(f"there is no layer {layer + 1}; the network has {len(run.model)}.")
    parameters = dict(run.model[layer].named_parameters())
    if name not in parameters:
        has = " and ".join(parameters) or "nothing to learn"
        raise ValueError(f"layer {layer + 1} has no {name!r}; it has {has}.")
    return parameters[name]


def batch(run: Run, which: str = "next") -> dict[str, Any]:
    """The batch that comes next, or the one before, in its order.

    `rows`: {row (of the training points), inputs (raw), target, loss, output}, at most MAX_BATCH of them;
    `size` of the batch; `sizes`: of all batches of an epoch as [[size, how often], ...]; `number`: place of the batch
    in its epoch, from 1; `mean`: the mean loss, which is what the step lowers. Losses are those of the present
    weights without dropout.

    Raises:
        ValueError: `which` is neither 'next' nor 'last'.
    """
    if which not in ("next", "last"):
        raise ValueError(f"there is a next and a last batch, but no {which!r}.")
    batches = run.batches
    chosen = (batches.coming() if which == "next" else batches.last).cpu()
    number = _number(run, which)
    count, size = len(run.x_train), run.experiment.training.batch_size
    short = [[count % size, 1]] if count > size and count % size and not batches.drop_last else []
    sizes = [[min(size, count), count // size or 1], *short]
    rows = _rows(run, chosen)
    return _plain(
        {
            "step": run.step,
            "epoch": run.epoch,
            "points": count,
            "which": which,
            "number": number,
            "size": len(chosen),
            "batches": len(batches),
            "sizes": sizes,
            "shuffle": run.experiment.training.shuffle,
            "rows": rows,
            "mean": _mean_loss(run, chosen),
            "all": [_raw(run, row) for row in range(0, count, -(-count // 500))],
        }
    )


def _number(run: Run, which: str) -> int | None:
    """Place of the batch in its epoch, from 1."""
    size, position = run.batches.size, run.batches.position
    if which == "next":
        return position // size + 1
    began, count = run.batches.last_state()[1]
    return began // size + 1 if count else None


def _mean_loss(run: Run, chosen: Tensor) -> float | None:
    """Of a whole batch."""
    if not len(chosen):
        return None
    rows = chosen.to(run.device)
    with run.evaluating():
        return run.loss(run.model(run.x_train[rows]), run.t_train[rows]).item()


def _rows(run: Run, chosen: Tensor) -> list[dict[str, Any]]:
    chosen = chosen[:MAX_BATCH]
    if not len(chosen):
        return []
    entry = run.experiment.loss.entry
    separate = resolve(entry.target)(**run.experiment.loss.args, reduction="none")
    rows = chosen.to(run.device)
    with run.evaluating():
        output = run.model(run.x_train[rows])
        losses = separate(output, run.t_train[rows])
    losses = losses.reshape(len(chosen), -1).mean(1).tolist()
    outputs = output.reshape(len(chosen), -1).tolist()
    return [
        {**_raw(run, int(row)), "loss": loss, "output": out}
        for row, loss, out in zip(chosen, losses, outputs, strict=True)
    ]


def _raw(run: Run, row: int) -> dict[str, Any]:
    """A training point as it stands in its data set: up to four of its raw inputs, and its target."""
    return {
        "row": row,
        "inputs": run.data.raw_train[row].ravel()[:4].tolist(),
        "target": run.data.y_train[row].flat[0].item(),
    }


def _plain(value: Any) -> Any:
    """`value` for JSON: what is not finite becomes None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def timeline(run: Run) -> dict[str, Any]:
    """The moments to which the run can go back: `kept` as {step, epoch}; `shown` and `now` are steps.

    `shown` is the step that is looked at; it is `now` while nothing else is.
    """
    kept = [{"step": moment.step, "epoch": moment.epoch} for moment in run.timeline if moment.step < run.present_step]
    return {"kept": kept, "shown": run.step, "now": run.present_step, "looking_back": run.looking_back}


def state_dict(run: Run) -> dict[str, Any]:
    """The weights as `torch.save(model.state_dict(), file)` writes them, on the CPU: {"pt": base64}."""
    file = io.BytesIO()
    torch.save({name: tensor.detach().cpu().clone() for name, tensor in run.model.state_dict().items()}, file)
    return {"pt": base64.b64encode(file.getvalue()).decode()}


def data(run: Run, which: str = "next") -> dict[str, Any]:
    """`batch`, and all that `samples` tells of the data; its rows are those of the batch with their samples."""
    told = batch(run, which)
    shown = samples(run, told["rows"])
    return _plain({**{name: value for name, value in told.items() if name not in ("rows", "all")}, **shown})


QUESTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "health": health,
    "weight": weight,
    "batch": batch,
    "data": data,
    "timeline": timeline,
    "state dict": state_dict,
    "activations": activations,
    "spread": spread,
}
"""What can be asked of a run by name, with arguments and answers that are JSON."""
