"""An experiment as one complete script, as it would be written by hand.

>>> from playground.spec import Experiment
>>> "nn.Linear(2, 8)" in to_script(Experiment())
True
"""

import ast
import inspect
import json
import math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from playground.catalog import INITS, LAYERS
from playground.catalog.base import Entry
from playground.catalog.inits import DEFAULT
from playground.catalog.points import Point
from playground.data import made_from
from playground.data.features import FUNCTIONS
from playground.shapes import LayerReport
from playground.spec import Experiment, LayerSpec

__all__ = ["to_script"]

LINE_LENGTH = 100
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)


def to_script(experiment: Experiment, epochs: int | None = None) -> str:
    """A script that trains `experiment` and prints its losses: run in a fresh process, those of `training.Run`.

    Only what the experiment uses appears. `epochs` replaces `experiment.training.epochs`, for a run that was
    stopped by hand.

    Raises:
        ShapeError: a layer cannot take what the layer before it gives.
    """
    epochs = experiment.training.epochs if epochs is None else epochs
    reports = experiment.outline()
    return TEMPLATES.get_template("script.py.j2").render(
        **_data(experiment),
        **_targets(experiment, reports[-1].out_shape),
        **_training(experiment, epochs),
        **_scheduler(experiment, epochs),
        parameters=f"{sum(report.parameters for report in reports):,}",
        layers=[_layer(report) for report in reports],
        initialised=[_init(index, layer) for index, layer in enumerate(experiment.layers) if layer.init != DEFAULT],
        loss=_call(experiment.loss.entry.target, keywords=_changed(experiment.loss.entry, experiment.loss.args)),
        optimizer=_optimizer(experiment),
    )


def _data(experiment: Experiment) -> dict[str, Any]:
    data, regression = experiment.data, experiment.data.entry.task == "regression"
    module, _, name = data.entry.target.rpartition(".")
    computed = data.features not in ((), ("x", "y"))
    return {
        "title": data.entry.title,
        **(_drawn(data.points) if data.points else _made(name, getattr(import_module(module), name), made_from(data))),
        "data_seed": data.seed,
        "labels": "values" if regression else "labels",
        "features": ", ".join(_expression(FUNCTIONS[feature]) for feature in data.features) if computed else "",
        "count": data.args["n"],
        "train_count": data.train_count,
        "validation": data.train_count < data.args["n"],
        "standardize": data.entry.standardize,
        "regression": regression,
        "shape": data.input_shape if len(data.input_shape) > 1 else (),
    }


def _made(name: str, function: Callable[..., Any], args: Mapping[str, Any]) -> dict[str, str]:
    """The function that makes the data, and its call."""
    call = _call(name, keywords={**args, "rng": _Code("rng")})
    return {"data_source": inspect.getsource(function), "data_call": call}


def _drawn(points: Sequence[Point]) -> dict[str, str]:
    """Points that were drawn by hand, as they stand."""
    rows = [points[start : start + 4] for start in range(0, len(points), 4)]
    table = "".join(f"    {', '.join(map(repr, row))},\n" for row in rows)
    source = f"# x, y and class of every point, as drawn\ndrawn = np.array([\n{table}])\n"
    return {"data_source": source, "data_call": "drawn[:, :2], drawn[:, 2].astype(np.int64)"}


def _targets(experiment: Experiment, output: tuple[int, ...]) -> dict[str, Any]:
    """The targets as the loss takes them, and which outputs are right."""
    loss, outputs = experiment.loss.entry, math.prod(output)
    if not experiment.data.classes:
        return {"targets": "values[:, np.newaxis]", "target_type": "torch.float32", "correct": ""}
    if loss.targets == "indices":
        return {"targets": "labels", "target_type": "torch.int64", "correct": "outputs.argmax(dim=1) == y"}
    if outputs > 1:
        return {
            "targets": f"np.eye({outputs})[labels]",
            "target_type": "torch.float32",
            "correct": "outputs.argmax(dim=1) == y.argmax(dim=1)",
        }
    column = "labels[:, np.newaxis]"
    threshold = 0.5 if loss.prediction == "probability" else 0
    return {
        "targets": column if loss.targets == "zero_one" else f"2 * {column} - 1",
        "target_type": "torch.float32",
        "correct": f"({'outputs' if output else 'outputs.unsqueeze(1)'} > {threshold}) == (y > 0)",
    }


def _training(experiment: Experiment, epochs: int) -> dict[str, Any]:
    training, data = experiment.training, experiment.data
    penalties = []
    if training.l1:
        penalties.append(f"{training.l1!r} * sum(w.abs().sum() for w in weights)")
    if training.l2:
        penalties.append(f"{training.l2!r} / 2 * sum(w.square().sum() for w in weights)")
    return {
        "epochs": epochs,
        "seed": experiment.seed,
        "batch_size": training.batch_size,
        "shuffle": training.shuffle,
        "clip_norm": training.clip_norm,
        "penalty": penalties,
        "patience": training.patience,
        "mixed": training.precision == "mixed",
        "closure": experiment.optimizer.entry.closure,
        "watched": "val_loss" if data.train_count < data.args["n"] else "train_loss",
    }


def _optimizer(experiment: Experiment) -> str:
    part = experiment.optimizer
    keywords = {"lr": part["lr"], **_changed(part.entry, part.args)}
    if part.entry.fused:
        keywords["fused"] = True
    return _call(part.entry.target, [_Code("model.parameters()")], keywords)


def _scheduler(experiment: Experiment, epochs: int) -> dict[str, Any]:
    part = experiment.scheduler
    if part is None:
        return {"scheduler": "", "scheduler_every": "", "scheduler_metric": False, "scheduler_calls": 0}
    steps = epochs * math.ceil(experiment.data.train_count / experiment.training.batch_size)
    last = part.args.get(part.entry.last_step, math.inf)
    return {
        "scheduler": _call(part.entry.target, [_Code("optimizer")], part.args),
        "scheduler_every": part.entry.every,
        "scheduler_metric": part.entry.metric,
        "scheduler_calls": last if last <= steps else 0,
    }


def _layer(report: LayerReport) -> str:
    """The constructor: its sizes without their names, and other arguments where they differ from torch's defaults.

    A single argument is always written.
    """
    entry = LAYERS[report.name]
    params = {param.name: param for param in entry.params}
    sizes = [value for name, value in report.arguments.items() if name not in params or params[name].kind == "int"]
    written = _changed(entry, report.arguments) if len(report.arguments) > 1 else report.arguments
    return _call(entry.target, sizes, {name: value for name, value in written.items() if params[name].kind != "int"})


def _init(index: int, layer: LayerSpec) -> str:
    """The line that gives the layer its weights."""
    entry = INITS[layer.init]
    rule = entry.target.removeprefix("torch.")
    return _call("initialise", [_Code(f"model[{index}]"), _Code(rule)], entry.keywords)


def _changed(entry: Entry, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that differ from the entry's defaults, which are torch's."""
    return {param.name: args[param.name] for param in entry.params if args[param.name] != param.default}


class _Code(str):
    """An argument that is written as it stands."""


def _call(target: str, positional: Sequence[Any] = (), keywords: Mapping[str, Any] | None = None) -> str:
    """`nn.Linear(2, 8)`; one argument per line if it gets long."""
    function = target.removeprefix("torch.") if target.startswith("torch.nn.") else target
    arguments = [_text(value) for value in positional]
    arguments += [f"{name}={_text(value)}" for name, value in (keywords or {}).items()]
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= LINE_LENGTH:
        return line
    return f"{function}(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"


def _text(value: Any) -> str:
    if isinstance(value, _Code):
        return value
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _expression(function: Callable[..., Any]) -> str:
    """What a one-line function returns, as it is written: `np.sin(x)`."""
    source = inspect.getsource(function)
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef), f"{function} is no plain function"
    returned = definition.body[-1]
    assert isinstance(returned, ast.Return), f"{function.__name__} does not end with return"
    assert returned.value is not None, f"{function.__name__} returns nothing"
    expression = ast.get_source_segment(source, returned.value)
    assert expression is not None, f"{function.__name__} has no source"
    return expression
