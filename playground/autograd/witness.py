"""Three witnesses of one derivative: torch, the scratch Tensor, and differences of function values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from playground.autograd.expression import ExpressionError, Program
from playground.autograd.tape import Plain, Tape
from playground.scratch.autograd import Tensor

STEP = 1e-4
"""Relative width of a difference: the error of the formula is below 1e-16, that of rounding near 1e-12."""


@dataclass(frozen=True)
class Statement:
    """The derivative of the (summed) output by one number.

    Attributes:
        name: `x`, or `x[2]` for an element of a vector.
        torch, scratch, differences: what each says; None where it says nothing.
    """

    name: str
    torch: float | None
    scratch: float | None
    differences: float | None

    @property
    def spread(self) -> float | None:
        """The largest difference between two of them."""
        said = [value for value in (self.torch, self.scratch, self.differences) if value is not None]
        return max(said) - min(said) if len(said) > 1 else None


def scratch_gradients(program: Program, values: Mapping[str, Any]) -> dict[str, Plain]:
    """The gradient of every input by `playground.scratch.Tensor`; None where none arrives."""
    leaves = {name: Tensor(np.asarray(values[name], float), requires_grad=True) for name in program.names}
    output = program(**leaves) if leaves else None
    if isinstance(output, Tensor) and output.requires_grad:
        output.backward(np.ones(output.shape))
    return {name: None if leaf.grad is None else leaf.grad.tolist() for name, leaf in leaves.items()}


def differences(program: Program, values: Mapping[str, Any]) -> dict[str, Plain]:
    """f' = (f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h)) / 12h for every number; None where f is not defined nearby."""
    arrays = {name: np.asarray(values[name], float) for name in program.names}
    found: dict[str, Plain] = {}
    for name, array in arrays.items():
        slopes = [_slope(program, arrays, name, index) for index in np.ndindex(array.shape)]
        found[name] = slopes[0] if array.ndim == 0 else slopes
    return found


def _slope(program: Program, arrays: dict[str, np.ndarray], name: str, index: tuple[int, ...]) -> float | None:
    h = STEP * max(1.0, abs(float(arrays[name][index])))
    total = 0.0
    for steps, weight in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)):
        moved = arrays[name].copy()
        moved[index] += steps * h
        try:
            total += weight * float(np.sum(program(**{**arrays, name: moved})))
        except ExpressionError:
            return None
    return total / (12 * h)


def witnesses(program: Program, values: Mapping[str, Any], tape: Tape) -> list[Statement]:
    """One row per number of every input. What is cut off by `detach` has no gradient, but its differences show it."""
    ours, slopes = scratch_gradients(program, values), differences(program, values)
    rows = []
    for leaf in tape.leaves:
        count = int(np.prod(leaf.shape, dtype=int))
        columns = [_flat(grad, count) for grad in (leaf.grad, ours[leaf.name], slopes[leaf.name])]
        for place, row in enumerate(zip(*columns, strict=True)):
            rows.append(Statement(f"{leaf.name}[{place}]" if leaf.shape else leaf.name, *row))
    return rows


def _flat(value: Plain, count: int) -> list[float | None]:
    if value is None:
        return [None] * count
    return list(np.ravel(np.asarray(value, dtype=object)))
