"""What the templates are filled with: the parts of an experiment as text."""

import ast
import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from playground import scratch
from playground.catalog import INITS, LAYERS
from playground.catalog.base import Entry
from playground.catalog.inits import DEFAULT
from playground.catalog.points import Point
from playground.data import made_from
from playground.data.features import FUNCTIONS
from playground.export.sources import pasted
from playground.one_to_one import ONE_TO_ONE
from playground.shapes import LayerReport
from playground.spec import Experiment, LayerSpec

LINE_LENGTH = 100
OWN = "playground."
"""Where what a script pastes comes from; anything else is imported by it."""
FILES = {"csv": "upload.csv", "npz": "upload.npz"}
"""Kind of uploaded file -> its name beside the script; the page Data gives it back."""
TWINS = "playground.scratch."


class Code(str):
    """An argument that is written as it stands."""


def common(experiment: Experiment, epochs: int) -> dict[str, Any]:
    """What every form says in the same words: the data, the length of the run, and the settings of its loop."""
    entry, training, reports = experiment.data.entry, experiment.training, experiment.outline()
    validates = experiment.data.train_count < experiment.data.args["n"]
    return {
        **_data(experiment),
        "title": entry.title,
        "summary": entry.summary,
        "validation": validates,
        "watched": "val_loss" if validates else "train_loss",
        "reports": reports,
        "parameters": f"{sum(report.parameters for report in reports):,}",
        "seed": experiment.seed,
        "engine": training.engine,
        "epochs": epochs,
        "batch_size": training.batch_size,
        "shuffle": training.shuffle,
        "drop_last": training.drop_last,
        "clip_norm": training.clip_norm,
        "l1": training.l1,
        "l2": training.l2,
        "patience": training.patience,
        **_schedule(experiment, epochs),
    }


def torch_parts(experiment: Experiment) -> dict[str, Any]:
    """Targets, network, loss, optimizer and schedule in PyTorch, and the imports they need."""
    training, reports = experiment.training, experiment.outline()
    penalties = []
    if training.l1:
        penalties.append(f"{training.l1!r} * sum(w.abs().sum() for w in weights)")
    if training.l2:
        penalties.append(f"{training.l2!r} / 2 * sum(w.square().sum() for w in weights)")
    keywords = _rates(experiment) | ({"fused": True} if experiment.optimizer.entry.fused else {})
    schedule = experiment.scheduler
    text, imports = pasted([target for target in _layer_targets(reports) if target.startswith(OWN)])
    return {
        **_torch_targets(experiment, reports[-1].out_shape),
        "layers": [layer_call(report) for report in reports],
        "initialised": [
            (index, place, ", ".join(_rule(layer.init))) for index, place, layer in _initialised(experiment)
        ],
        "loss": loss_call(experiment),
        "optimizer": _call(experiment.optimizer.entry.target, [Code("model.parameters()")], keywords),
        "scheduler": _call(schedule.entry.target, [Code("optimizer")], schedule.args) if schedule else "",
        "penalty": penalties,
        "mixed": training.precision == "mixed",
        "closure": experiment.optimizer.entry.closure,
        "pasted": text,
        "pasted_imports": imports,
    }


def numpy_parts(experiment: Experiment) -> dict[str, Any]:
    """The same out of `playground.scratch`, with the source of what is used."""
    training, reports, schedule = experiment.training, experiment.outline(), experiment.scheduler
    names = [experiment.loss.name, experiment.optimizer.name]
    names += [schedule.name] if schedule else []
    names += ["clip_grad_norm_"] if training.clip_norm else []
    names += [rule for _, _, layer in _initialised(experiment) for rule in (_rule_name(layer.init), "zeros_")]
    layers = [_twin_class(report) for report in every_report(reports)]
    twins = [f"{twin.__module__}.{twin.__name__}" for twin in layers]
    text, imports = pasted([*twins, *(TWINS + name for name in ("Generator", "Sequential", *names))])
    gradients = []
    if training.l1:
        gradients.append(f"{training.l1!r} * np.sign(w.data)")
    if training.l2:
        gradients.append(f"{training.l2!r} * w.data")
    return {
        **_numpy_targets(experiment, reports[-1].out_shape),
        "layers": [_twin_call(report) for report in reports],
        "initialised": [(index, place, _twin_rule(layer.init)) for index, place, layer in _initialised(experiment)],
        "loss": loss_call(experiment).removeprefix("nn."),
        "optimizer": _call(experiment.optimizer.name, [Code("model.parameters()")], _rates(experiment)),
        "scheduler": _call(schedule.name, [Code("optimizer")], schedule.args) if schedule else "",
        "penalty_gradient": " + ".join(gradients),
        "dropout": any(report.name.startswith("Dropout") for report in every_report(reports)),
        "pasted": text,
        "pasted_imports": imports,
    }


def _initialised(experiment: Experiment) -> list[tuple[int, str, LayerSpec]]:
    """The layers whose weights do not begin as torch has it: (0, ".body[2]", layer 2 inside of layer 0)."""
    return [
        (index, place, layer)
        for index, outer in enumerate(experiment.layers)
        for place, layer in _within(outer, "")
        if layer.init != DEFAULT
    ]


def _within(layer: LayerSpec, place: str) -> Iterator[tuple[str, LayerSpec]]:
    """What a block holds, then itself, each with its place."""
    for index, inner in enumerate(layer.layers):
        yield from _within(inner, f"{place}.body[{index}]")
    yield place, layer


def _rule(init: str) -> list[str]:
    """`nn.init.normal_` and `std=0.01`: the rule, and what it is called with."""
    entry = INITS[init]
    return [entry.target.removeprefix("torch."), *(f"{name}={_text(value)}" for name, value in entry.keywords.items())]


def _rule_name(init: str) -> str:
    return INITS[init].target.rpartition(".")[2]


def _twin_rule(init: str) -> str:
    own = ["rng=generator"] if INITS[init].draws else []
    return ", ".join([_rule_name(init), *_rule(init)[1:], *own])


def loss_call(experiment: Experiment) -> str:
    """`nn.MSELoss()`, with the arguments that differ from torch's defaults."""
    return _call(experiment.loss.entry.target, keywords=_changed(experiment.loss.entry, experiment.loss.args))


def layer_call(report: LayerReport) -> str:
    """The constructor: its sizes without their names, and other arguments where they differ from torch's defaults.

    A single argument is always written. What a block holds stands in front, one layer per line.
    """
    positional, keywords = _layer_arguments(report)
    inside = [Code(layer_call(inner)) for inner in report.layers]
    return _call(LAYERS[report.name].target, [*inside, *positional], keywords, lines=bool(inside))


def _twin_class(report: LayerReport) -> type:
    found: type = getattr(scratch, report.name)
    return ONE_TO_ONE.get(found, found)


def _twin_call(report: LayerReport) -> str:
    """The same of the layer's NumPy twin, which starts from float32 numbers of torch's generator."""
    takes = inspect.signature(getattr(scratch, report.name)).parameters
    positional, keywords = _layer_arguments(report)
    inside = [Code(_twin_call(inner)) for inner in report.layers]
    own = {"rng": Code("generator"), "dtype": Code("np.float32")}
    keywords |= {name: text for name, text in own.items() if name in takes}
    return _call(_twin_class(report).__name__, [*inside, *positional], keywords, lines=bool(inside))


def _layer_arguments(report: LayerReport) -> tuple[list[Any], dict[str, Any]]:
    entry, given = LAYERS[report.name], report.arguments
    plain = {param.name: param.default for param in entry.params}
    placed = list(given)[: entry.positional]
    named = {name: value for name, value in given.items() if name not in placed}
    if len(given) > 1:
        named = {name: value for name, value in named.items() if name not in plain or value != plain[name]}
    return [given[name] for name in placed], named


def every_report(reports: Sequence[LayerReport]) -> Iterator[LayerReport]:
    """All layers, each block before what it holds."""
    for report in reports:
        yield report
        yield from every_report(report.layers)


def _layer_targets(reports: Sequence[LayerReport]) -> list[str]:
    return [LAYERS[report.name].target for report in every_report(reports)]


def _data(experiment: Experiment) -> dict[str, Any]:
    data = experiment.data
    regression = not data.classes and data.target == "labels"
    module, _, name = (data.entry.script or data.entry.target).rpartition(".")
    given = "image" if data.entry.file == "npz" else "flat"  # how its function gives a picture
    computed = data.features not in ((), ("x", "y"))
    made = (
        _drawn(data.points)
        if data.points
        else _made(name, getattr(import_module(module), name), made_from(data, FILES.get(data.entry.file, "")))
    )
    return {
        **made,
        "needs_sklearn": "sklearn" in made["data_source"],
        "data_seed": data.seed,
        "labels": "values" if regression else "labels",
        "features": ", ".join(_expression(FUNCTIONS[feature]) for feature in data.features) if computed else "",
        "count": data.args["n"],
        "train_count": data.train_count,
        "missing": data.entry.file == "csv",
        "standardize": data.entry.standardize,
        "regression": regression,
        "shape": data.input_shape if data.args.get("layout", given) != given else (),
        "order": "np.arange" if data.entry.ordered else "rng.permutation",
        "order_why": "  # neighbours overlap: the first ones train" if data.entry.ordered else "",
        "input_type": "int64" if data.tokens else "float32",
        "axis": "" if data.entry.together else "axis=0",
    }


def _made(name: str, function: Callable[..., Any], args: Mapping[str, Any]) -> dict[str, str]:
    """The function that makes the data, and its call."""
    call = _call(name, keywords={**args, "rng": Code("rng")})
    return {"data_source": inspect.getsource(function), "data_call": call}


def _drawn(points: Sequence[Point]) -> dict[str, str]:
    """Points that were drawn by hand, as they stand."""
    rows = [points[start : start + 4] for start in range(0, len(points), 4)]
    table = "".join(f"    {', '.join(map(repr, row))},\n" for row in rows)
    source = f"# x, y and class of every point, as drawn\ndrawn = np.array([\n{table}])\n"
    return {"data_source": source, "data_call": "drawn[:, :2], drawn[:, 2].astype(np.int64)"}


def _targets(experiment: Experiment, outputs: int) -> str:
    """The targets as the loss takes them, in NumPy."""
    loss = experiment.loss.entry
    if experiment.data.target == "inputs":
        return "inputs.reshape(len(inputs), -1)"
    if not experiment.data.classes:
        return "values[:, np.newaxis]"
    if loss.targets == "indices":
        return "labels"
    if outputs > 1:
        return f"np.eye({outputs})[labels]"
    column = "labels[:, np.newaxis]"
    return column if loss.targets == "zero_one" else f"2 * {column} - 1"


def _torch_targets(experiment: Experiment, output: tuple[int, ...]) -> dict[str, Any]:
    """The targets, and which outputs are right."""
    loss, outputs, indices = experiment.loss.entry, math.prod(output), experiment.loss.entry.targets == "indices"
    threshold = 0.5 if loss.prediction == "probability" else 0
    if not experiment.data.classes:
        correct = ""
    elif indices:
        correct = "outputs.argmax(dim=1) == y"
    elif outputs > 1:
        correct = "outputs.argmax(dim=1) == y.argmax(dim=1)"
    else:
        correct = f"({'outputs' if output else 'outputs.unsqueeze(1)'} > {threshold}) == (y > 0)"
    whole = experiment.data.classes and indices
    target_type = "torch.int64" if whole else "torch.float32"
    return {"targets": _targets(experiment, outputs), "target_type": target_type, "correct": correct}


def _numpy_targets(experiment: Experiment, output: tuple[int, ...]) -> dict[str, Any]:
    words = _torch_targets(experiment, output)
    correct = words["correct"].replace("dim=", "axis=").replace("outputs.unsqueeze(1)", "outputs[:, np.newaxis]")
    return words | {"target_type": words["target_type"].replace("torch.", "np."), "correct": correct}


def _rates(experiment: Experiment) -> dict[str, Any]:
    part = experiment.optimizer
    return {"lr": part["lr"], **_changed(part.entry, part.args)}


def _schedule(experiment: Experiment, epochs: int) -> dict[str, Any]:
    part = experiment.scheduler
    if part is None:
        return {"scheduler_every": "", "scheduler_metric": False, "scheduler_calls": 0}
    count, training = experiment.data.train_count, experiment.training
    short = 0 if training.drop_last else training.batch_size - 1
    steps = epochs * ((count + short) // training.batch_size)
    last = part.args.get(part.entry.last_step, math.inf)
    return {
        "scheduler_every": part.entry.every,
        "scheduler_metric": part.entry.metric,
        "scheduler_calls": last if last <= steps else 0,
    }


def _changed(entry: Entry, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that differ from the entry's defaults, which are torch's."""
    return {param.name: args[param.name] for param in entry.params if args[param.name] != param.default}


def _call(
    target: str, positional: Sequence[Any] = (), keywords: Mapping[str, Any] | None = None, lines: bool = False
) -> str:
    """`nn.Linear(2, 8)`; one argument per line if it gets long, or if asked for."""
    function = target.removeprefix("torch.") if target.startswith("torch.nn.") else target
    function = function.rpartition(".")[2] if function.startswith(OWN) else function
    arguments = [_text(value) for value in positional]
    arguments += [f"{name}={_text(value)}" for name, value in (keywords or {}).items()]
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= LINE_LENGTH and not lines:
        return line
    indented = [argument.replace("\n", "\n    ") for argument in arguments]
    return f"{function}(\n" + "".join(f"    {argument},\n" for argument in indented) + ")"


def _text(value: Any) -> str:
    if isinstance(value, Code):
        return value
    if isinstance(value, tuple) and len(repr(value)) > LINE_LENGTH // 2:
        return "(\n" + "".join(f"    {_text(part)},\n" for part in value) + ")"
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
