"""One optimizer step on a few numbers, both sides, with the rule's own lines of code read out in numbers."""

import ast
import inspect
import math
import re
import sys
import textwrap
from types import FrameType
from typing import Any

import numpy as np
import torch

from playground.catalog import OPTIMIZERS
from playground.models import resolve
from playground.parity.lockstep import DTYPES, difference, tolerance_of
from playground.scratch import Parameter
from playground.twins import twin_class

NUMBERS = 4
"""How many weights are stepped."""
MAX_STEPS = 50


def compare_step(name: str, args: dict[str, Any], step: int, seed: int, dtype: str) -> dict[str, Any]:
    """Weight, gradient and state before and after step number `step`, on both sides; numbers and lists only.

    The weights and the gradients of all steps are drawn from `seed`.

    Raises:
        NoTwin: `playground.scratch` has no such optimizer.
        ValueError: an argument is out of range.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"there is no optimizer {name!r}; choose one of {', '.join(OPTIMIZERS)}.")
    if not 1 <= step <= MAX_STEPS:
        raise ValueError(f"step is {step}; choose 1 to {MAX_STEPS}.")
    entry, made = OPTIMIZERS[name], twin_class(name, "optimizer")
    args = entry.arguments(args, "optimizer")
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(NUMBERS).round(2).astype(dtype)
    gradients = rng.standard_normal((step, NUMBERS)).round(2).astype(dtype)

    weight = Parameter(start)
    ours = made([weight], **args)
    theirs_weight = torch.tensor(start, dtype=DTYPES[dtype], requires_grad=True)
    theirs = resolve(entry.target)([theirs_weight], **args)
    for gradient in gradients[:-1]:
        _step(ours, weight, theirs, theirs_weight, gradient)

    before = weight.data.copy(), theirs_weight.detach().numpy().copy()
    state_before = _numpy_state(ours, weight), _torch_state(theirs, theirs_weight)
    lines = _read_out(ours, weight, gradients[-1])
    _step(ours, weight, theirs, theirs_weight, gradients[-1])
    after = weight.data.copy(), theirs_weight.detach().numpy().copy()
    state_after = _numpy_state(ours, weight), _torch_state(theirs, theirs_weight)

    shared = [key for key in state_after[0] if key in state_after[1]]
    arrays = [key for key in shared if state_after[0][key].shape == start.shape]
    pairs = {"weight": after, **{key: (state_after[0][key], state_after[1][key]) for key in arrays}}
    gaps = [difference([key], [mine], [other]) for key, (mine, other) in pairs.items()]
    gap = max(gaps, key=lambda one: one.relative)
    tolerance, note = tolerance_of(theirs, dtype)
    return {
        "gradient": _numbers(gradients[-1]),
        "weight": [[_numbers(side) for side in when] for when in (before, after)],
        "state": {
            key: [[_numbers(side.get(key)) for side in when] for when in (state_before, state_after)] for key in shared
        },
        "absolute": gap.absolute,
        "relative": gap.relative,
        "where": gap.where,
        "tolerance": tolerance,
        "note": note,
        "lines": lines,
        "torch_code": [
            f"optimizer = torch.optim.{name}([weight], {', '.join(f'{key}={value!r}' for key, value in args.items())})",
            "optimizer.zero_grad()",
            "loss.backward()",
            "optimizer.step()",
        ],
    }


def _step(ours: Any, weight: Any, theirs: Any, theirs_weight: torch.Tensor, gradient: np.ndarray) -> None:
    weight.grad, theirs_weight.grad = gradient.copy(), torch.from_numpy(gradient.copy())
    ours.step()
    theirs.step()


def _numpy_state(optimizer: Any, weight: Any) -> dict[str, np.ndarray]:
    return {key: np.array(value, np.float64) for key, value in optimizer.state[weight].items() if value is not None}


def _torch_state(optimizer: Any, weight: torch.Tensor) -> dict[str, np.ndarray]:
    state = optimizer.state[weight]
    return {key: torch.as_tensor(v).double().numpy().copy() for key, v in state.items() if v is not None}


def _numbers(array: np.ndarray | None) -> list[float | None] | None:
    """Finite numbers of an array of any shape; None where there is no array yet."""
    if array is None:
        return None
    return [float(value) if math.isfinite(value) else None for value in np.asarray(array).reshape(-1)]


# -- the rule in numbers --------------------------------------------------------------------------------------------


def _read_out(optimizer: Any, weight: Any, gradient: np.ndarray) -> list[list[str]]:
    """[line of `update`, the same with numbers] for every line that runs, for the first weight alone.

    The rule runs on copies of the first weight, its gradient and its state, so nothing is changed.
    """
    memory = {
        key: value.reshape(-1)[:1].copy() if isinstance(value, np.ndarray) else value
        for key, value in optimizer.state[weight].items()
    }
    reader = _Reader(type(optimizer).update)
    reader.run(optimizer, weight.data[:1].copy(), gradient[:1].copy(), memory, optimizer.param_groups[0])
    return reader.read


class _Reader:
    """Runs a method and writes down every simple statement, as it stands and with the values of its names."""

    def __init__(self, method: Any):
        self.method = method
        source, first = inspect.getsourcelines(method)
        tree = ast.parse(textwrap.dedent("".join(source)))
        self.statements = {
            node.lineno + first - 1: node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AugAssign)
        }
        self.read: list[list[str]] = []
        self._open: tuple[ast.Assign | ast.AugAssign, str] | None = None  # the statement under way, in numbers

    def run(self, *arguments: Any) -> None:
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            self.method(*arguments)
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code is self.method.__code__ else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event in ("line", "return"):
            self._finish(frame)
            statement = self.statements.get(frame.f_lineno) if event == "line" else None
            if statement is not None:
                self._open = statement, _computation(statement, frame)
        return self._line

    def _finish(self, frame: FrameType) -> None:
        """The statement that has just run, with what its target holds now; what only renames numbers says nothing."""
        if self._open is None:
            return
        (statement, computation), self._open = self._open, None
        result = _filled(_target(statement), frame)
        if computation != result:
            self.read.append([ast.unparse(statement), f"{computation} = {result}"])


def _computation(statement: ast.Assign | ast.AugAssign, frame: FrameType) -> str:
    """The right side in numbers; for `-=` and its like with the target's old value before it."""
    right = _filled(statement.value, frame)
    if isinstance(statement, ast.Assign):
        return right
    if isinstance(statement.value, ast.BinOp):
        right = f"({right})"
    sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}[type(statement.op)]
    return f"{_filled(_target(statement), frame)} {sign} {right}"


def _target(statement: ast.Assign | ast.AugAssign) -> ast.expr:
    """What is assigned to; the array itself where a part of it is."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    if isinstance(target, ast.Subscript) and not (
        isinstance(target.slice, ast.Constant) and target.slice.value is not ...
    ):
        return target.value
    return target


def _filled(node: ast.expr, frame: FrameType) -> str:
    text = ast.unparse(_Filled(frame.f_locals).visit(_copied(node)))
    return text[1:-1] if re.fullmatch(r"\(-[\d.e+-]+\)", text) else text


def _copied(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


class _Filled(ast.NodeTransformer):
    """Names and table entries with a known number become that number; all else stays as it is written."""

    def __init__(self, values: dict[str, Any]):
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._number(self.values.get(node.id), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Constant):
            table = self.values.get(node.value.id)
            if isinstance(table, dict):
                return self._number(table.get(node.slice.value), node)
        return self.generic_visit(node)

    @staticmethod
    def _number(value: Any, node: ast.AST) -> ast.AST:
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.item()
        if isinstance(value, tuple) and all(isinstance(one, int | float) for one in value):
            return ast.Name(f"({', '.join(f'{one:.6g}' for one in value)})")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return node
        return ast.Name(f"{value:.6g}" if value >= 0 else f"({value:.6g})")
