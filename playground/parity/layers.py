"""One layer or loss, looked at closely: both forwards, both backwards, and finite differences as third witness."""

import ast
import inspect
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import nn

from playground import scratch
from playground.catalog import LAYERS, LOSSES
from playground.models import construct, own_dropout, resolve
from playground.parity.lockstep import DTYPES, TOLERANCE, difference
from playground.shapes import outline
from playground.spec import Args, LayerSpec
from playground.twins import layer_twin, twin_class

STEP_SIZES = tuple(10.0**-power for power in range(1, 13))
"""Steps of the central differences on the error curve."""
BEST_STEP = {"float32": 1e-2, "float64": 1e-5}
"""Near the cube root of the dtype's rounding, where truncation and rounding errors of a central difference meet."""
MAX_SIDE = 6
"""Rows and columns of an input that is still read as numbers."""


@dataclass(frozen=True)
class Grid:
    """One array as both sides have it, as a table of numbers.

    Attributes:
        name: 'y', 'dL/dx', 'dL/dweight'.
        numpy, torch: the same array from each side.
        witness: the same from finite differences; None for what is no gradient.
    """

    name: str
    numpy: np.ndarray
    torch: np.ndarray
    witness: np.ndarray | None = None

    def as_json(self) -> dict[str, Any]:
        gap = difference([self.name], [self.numpy], [self.torch])
        return {
            "name": self.name,
            "shape": list(self.numpy.shape),
            "numpy": _rows(self.numpy),
            "torch": _rows(self.torch),
            "witness": None if self.witness is None else _rows(self.witness),
            "absolute": gap.absolute,
            "relative": gap.relative,
            "where": gap.where,
        }


class Bench:
    """A layer or loss on both sides with the same weights, its input and the gradient that comes from above."""

    def __init__(self, name: str, args: dict[str, Any], rows: int, columns: int, seed: int, dtype: str):
        if dtype not in DTYPES:
            raise ValueError(f"dtype is {dtype!r}; choose one of {', '.join(DTYPES)}.")
        for what, value in (("rows", rows), ("columns", columns)):
            if not 1 <= value <= MAX_SIDE:
                raise ValueError(f"{what} is {value}; choose 1 to {MAX_SIDE}.")
        self.name, self.dtype = name, dtype
        rng = np.random.default_rng(seed)
        entry = LAYERS.get(name)
        shape = (rows, *(size or columns for size in entry.sample)) if entry else (rows, columns)
        self.holds = entry is not None and entry.holds  # its layers accumulate what their weights are given
        self.tokens = entry.sample_tokens if entry else 0
        self.x = rng.standard_normal(shape).round(2).astype(dtype)
        if self.tokens:
            self.x = rng.integers(0, self.tokens, shape)
        self.upstream = np.ones((), dtype)
        self.target: np.ndarray | None = None
        self.is_loss = name in LOSSES
        if self.is_loss:
            self._make_loss(args, rng)
        else:
            self._make_layer(args, rng, seed)

    def _make_layer(self, args: dict[str, Any], rng: np.random.Generator, seed: int) -> None:
        if self.name not in LAYERS:
            raise ValueError(f"there is no layer {self.name!r}; choose one of {', '.join(LAYERS)}.")
        spec = LayerSpec.of(name=self.name, args=Args(args))
        (report,) = outline([spec], self.x.shape[1:], self.tokens)
        self.keywords, self.seed = report.arguments, seed
        self.masks, drawing = torch.Generator(), torch.Generator().manual_seed(seed)
        self.ours = layer_twin(report, self.dtype, self.masks)
        self.theirs: nn.Module = own_dropout(construct(report, drawing), drawing).to(DTYPES[self.dtype])
        drawing.manual_seed(seed)
        self.ours.load_state_dict(self.theirs.state_dict())
        self.upstream = rng.standard_normal(self.forward().shape).round(2).astype(self.dtype)

    def _make_loss(self, args: dict[str, Any], rng: np.random.Generator) -> None:
        entry = LOSSES[self.name]
        self.keywords = entry.arguments(args, "loss")
        if entry.prediction == "probability":
            self.x = (1 / (1 + np.exp(-self.x))).round(2).astype(self.dtype)
        if entry.targets == "indices":
            self.target = rng.integers(0, self.x.shape[1], len(self.x))
        elif entry.targets == "zero_one":
            self.target = rng.integers(0, 2, self.x.shape).astype(self.dtype)
        else:
            self.target = rng.standard_normal(self.x.shape).round(2).astype(self.dtype)
        self.ours = twin_class(self.name, "loss")(**self.keywords)
        self.theirs = resolve(entry.target)(**self.keywords)

    def forward(self) -> np.ndarray:
        """What NumPy makes of `x`; dropout drops the same values every time."""
        if self.is_loss:
            return np.asarray(self.ours.forward(self.x, self.target))
        self.masks.manual_seed(self.seed)
        return self.ours.forward(self.x)

    def grids(self) -> list[Grid]:
        """Output and gradients from both sides, the gradients with their finite differences."""
        y = self.forward()
        if self.is_loss:
            g, params = self.ours.backward(), {}
        else:
            g = self.ours.backward(self.upstream)
            params = {name: parameter.grad for name, parameter in self.ours.params.items()}
        x = torch.from_numpy(self.x.copy()).requires_grad_(not self.tokens)
        inputs = (x,) if self.target is None else (x, torch.from_numpy(self.target))
        output = self.theirs(*inputs)
        output.backward(None if self.is_loss else torch.from_numpy(self.upstream))
        theirs = {name: p.grad.numpy() for name, p in self.theirs.named_parameters() if p.grad is not None}
        witness = self.differences(BEST_STEP[self.dtype])
        return [
            Grid("y" if not self.is_loss else "L", y, output.detach().numpy()),
            *([] if x.grad is None else [Grid("dL/dx", g, x.grad.numpy(), witness["x"])]),
            *(Grid(f"dL/d{name}", grad, theirs[name], witness[name]) for name, grad in params.items()),
        ]

    def differences(self, h: float) -> dict[str, np.ndarray]:
        """(L(w + h) - L(w - h)) / 2h for every number of the input and of the weights, with L = sum of g * y."""
        params = {} if self.is_loss else {name: p.data for name, p in self.ours.params.items()}
        inputs = {} if self.tokens else {"x": self.x}  # whole numbers have no derivative
        return {name: self._central(array, h) for name, array in {**inputs, **params}.items()}

    def _central(self, array: np.ndarray, h: float) -> np.ndarray:
        slopes, numbers = np.empty(array.size), array.reshape(-1)
        for index, kept in enumerate(numbers.copy()):
            numbers[index] = kept + array.dtype.type(h)
            above, high = self._loss(), float(numbers[index])
            numbers[index] = kept - array.dtype.type(h)
            below, low = self._loss(), float(numbers[index])
            numbers[index] = kept
            slopes[index] = (above - below) / (high - low) if high > low else math.nan  # the step that was really made
        return slopes.reshape(array.shape)

    def _loss(self) -> float:
        return float((self.forward().astype(np.float64) * self.upstream).sum())

    def error_curve(self, grids: list[Grid]) -> list[float]:
        """For every step size: how far the finite differences are at most from NumPy's backward."""
        exact = {grid.name.removeprefix("dL/d"): grid.numpy for grid in grids if grid.witness is not None}
        curve = []
        for h in STEP_SIZES:
            with np.errstate(all="ignore"):
                slopes = self.differences(h)
                curve.append(max(float(np.abs(slopes[name] - exact[name]).max()) for name in exact))
        return curve


def compare_layer(name: str, args: dict[str, Any], rows: int, columns: int, seed: int, dtype: str) -> dict[str, Any]:
    """A layer or loss of the catalog on a drawn input of `rows` x `columns`, on both sides; numbers and lists only.

    Raises:
        NoTwin: `playground.scratch` has no layer of this name.
        ValueError: an argument or size is out of range.
    """
    bench = Bench(name, args, rows, columns, seed, dtype)
    if bench.is_loss and bench.x.shape[1] < 2 and LOSSES[name].targets == "indices":
        raise ValueError("Class numbers need at least 2 columns, one per class.")
    grids = bench.grids()
    worst = max((grid.as_json() for grid in grids), key=lambda grid: grid["relative"])
    running = [] if bench.is_loss else [(key, value) for key, value in bench.ours.buffers.items() if value.ndim]
    buffers = dict(bench.theirs.named_buffers())
    written = twin_class(name, "loss" if bench.is_loss else "layer")
    return {
        "x": _rows(bench.x),
        "target": None if bench.target is None else _rows(bench.target),
        "upstream": None if bench.is_loss else _rows(bench.upstream),
        "shapes": {"x": list(bench.x.shape), "g": list(bench.upstream.shape)},
        "grids": [grid.as_json() for grid in grids],
        "running": [Grid(key, value, buffers[key].numpy()).as_json() for key, value in running],
        "absolute": worst["absolute"],
        "relative": worst["relative"],
        "where": f"{worst['name']}{worst['where'].removeprefix(worst['name'])}" if worst["where"] else "",
        "tolerance": TOLERANCE[dtype],
        "step_sizes": list(STEP_SIZES),
        "errors": bench.error_curve(grids),
        "best_step": BEST_STEP[dtype],
        "rule": inspect.cleandoc(written.__doc__ or ""),
        "numpy_code": numpy_code(written),
        "torch_code": torch_code(bench),
    }


# -- the code, with what belongs together marked alike ---------------------------------------------------------------

FORWARD, PARAMETERS, INPUT = "forward", "parameters", "input"
Line = list[str]
"""[text, mark]; the mark is one of the three above, or empty."""


def numpy_code(layer: type) -> list[Line]:
    """The source of forward and backward and of what they call, with the marks of the torch lines they stand for."""
    lines: list[Line] = []
    seen: set[FunctionType] = set()
    for start, backward in ((layer.forward, False), (layer.backward, True)):  # type: ignore[attr-defined]
        for function in _with_helpers(start, layer):
            if function not in seen:
                seen.add(function)
                lines += [["", ""]] if lines else []
                lines += _marked(_without_docstring(function), backward)
    return lines


def _marked(source: str, backward: bool) -> list[Line]:
    """Going forward every statement makes y; going back what is accumulated is a weight's, what is returned x's."""
    source = inspect.cleandoc("\n" + source)
    marks: dict[int, str] = {}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Return):
            continue
        if backward:
            accumulates = isinstance(node, ast.Expr) and ".accumulate(" in ast.unparse(node)
            mark = PARAMETERS if accumulates else INPUT if isinstance(node, ast.Return) else ""
        else:
            mark = FORWARD
        marks |= dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), mark)
    return [[text, marks.get(number, "")] for number, text in enumerate(source.splitlines(), 1)]


def _with_helpers(function: Callable[..., Any], layer: type) -> Iterator[FunctionType]:
    """The function, then the methods and functions of the library that it calls, in the order in which it does."""
    waiting, seen = [function], set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, FunctionType) or one in seen:
            continue
        seen.add(one)
        yield one
        for owner, called in re.findall(r"(self\.)?\b([A-Za-z_]\w*)\(", inspect.getsource(one)):
            found = getattr(layer, called, None) if owner else one.__globals__.get(called)
            module = getattr(found, "__module__", "")
            ours = module.startswith("playground.scratch.") and not module.endswith((".core", ".erf"))
            if ours and isinstance(found, FunctionType) and not _of_all_losses(found):
                waiting.append(found)


def _of_all_losses(function: FunctionType) -> bool:
    """The bookkeeping that every loss shares says nothing about this one."""
    return function in (scratch.Loss.recall, scratch.Loss.reduce)


def _without_docstring(function: FunctionType) -> str:
    source = inspect.getsource(function)
    documented = inspect.getdoc(function)
    return re.sub(r'\n[ ]*"""(?:.|\n)*?"""(?=\n)', "", source, count=1) if documented else source


def torch_code(bench: Bench) -> list[Line]:
    """The torch lines that do the same."""
    given = ", ".join(f"{key}={value!r}" for key, value in bench.keywords.items())
    if bench.is_loss:
        return [
            [f"loss = nn.{bench.name}({given})", ""],
            ["L = loss(x, target)", FORWARD],
            ["L.backward()", ""],
            ["x.grad", INPUT],
        ]
    made = LAYERS[bench.name].target.removeprefix("torch.").removeprefix("playground.modules.")
    lines = [[f"layer = {made}({given})", ""], ["y = layer(x)", FORWARD], ["y.backward(g)", ""]]
    if bench.ours.params:
        lines.append([", ".join(f"layer.{name}.grad" for name in bench.ours.params), "" if bench.holds else PARAMETERS])
    return lines if bench.tokens else [*lines, ["x.grad", INPUT]]


def _rows(array: np.ndarray) -> list[list[float | None]]:
    """The array as rows of numbers, whatever its dimensions; None for what is not finite."""
    table = array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(1, -1)
    return [[float(value) if math.isfinite(value) else None for value in row] for row in table.tolist()]
