"""The operations of a program, and what they are for floats and NumPy arrays, torch tensors and scratch tensors."""

import contextlib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

ELEMENTWISE = ("sin", "cos", "tan", "tanh", "exp", "log", "sqrt", "abs", "relu", "sigmoid", "softplus")
FUNCTIONS: dict[str, int] = {
    **dict.fromkeys(ELEMENTWISE, 1),
    "max": 2,
    "min": 2,
    "sum": 1,
    "mean": 1,
    "detach": 1,
    "no_grad": 1,
}
"""Every function and how many arguments it takes. `detach` and `no_grad` change what is recorded, not the value."""
SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "neg": "-"}
"""The operators, by the name of the operation."""


@dataclass(frozen=True)
class Ops:
    """What the steps need of a kind of numbers."""

    table: Mapping[str, Callable[..., Any]]
    constant: Callable[[Any], Any]
    value: Callable[[Any], Any]
    finite: Callable[[Any], bool]
    tell: Callable[[Any], str]
    no_grad: Callable[[], Any] = contextlib.nullcontext


def is_plain(value: Any) -> bool:
    return isinstance(value, np.generic | np.ndarray) and np.ndim(value) == 0


def _same(value: Any) -> Any:
    return value


def _relu(x: Any) -> Any:
    return np.maximum(x, 0.0)


def _sigmoid(x: Any) -> Any:
    return np.exp(-np.logaddexp(0.0, -x))  # 1 / (1 + exp(-x)) without overflow, exact for small results


def _softplus(x: Any) -> Any:
    return np.where(x > 20, x, np.logaddexp(0.0, x))  # the identity above 20, as in torch


NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
    "pow": np.power,
    "neg": np.negative,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "max": np.maximum,
    "min": np.minimum,
    "sum": np.sum,
    "mean": np.mean,
    "detach": _same,
    "no_grad": _same,
}


def numpy_value(value: Any) -> Any:
    """A float64 or an array of them.

    Raises:
        ValueError, TypeError: it holds no real numbers.
        OverflowError: it is an integer that no float64 can hold.
    """
    array = np.asarray(float(value) if type(value) is int else value)  # NumPy's integers end at 2**64
    if array.dtype.kind not in "fiu":
        raise ValueError("no real numbers")
    return array.astype(np.float64) if array.ndim else np.float64(array[()])


def tell(value: Any) -> str:
    """The first number that is not finite, as a word."""
    flat = np.ravel(np.asarray(value))
    bad = float(flat[~np.isfinite(flat)][0])
    return "nan" if math.isnan(bad) else "inf" if bad > 0 else "-inf"


PLAIN = Ops(NUMPY, np.float64, numpy_value, lambda value: bool(np.all(np.isfinite(value))), tell)


def operations_for(values: list[Any]) -> Ops:
    """The operations for the most capable kind of number among the values."""
    torch = sys.modules.get("torch")  # a torch tensor can only be there if torch is
    if torch is not None and (tensors := [value for value in values if isinstance(value, torch.Tensor)]):
        return _torch_ops(torch, tensors[0].device)
    scratch = sys.modules.get("playground.scratch.autograd")
    if scratch is not None and any(isinstance(value, scratch.Tensor) for value in values):
        return _scratch_ops(scratch)
    return PLAIN


def _torch_ops(torch: Any, device: Any) -> Ops:
    def constant(value: Any) -> Any:
        return torch.tensor(float(value), dtype=torch.float64, device=device)

    def given(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return torch.as_tensor(numpy_value(value), device=device)
        if value.is_complex():
            raise ValueError("complex")
        return value if value.is_floating_point() else value.to(torch.float64)

    own = {"softplus", "max", "min", "detach", "no_grad"}  # these have another name, or another meaning, in torch
    table = {name: getattr(torch, name) for name in (*SYMBOLS, *FUNCTIONS) if name not in own}
    table |= {
        "softplus": torch.nn.functional.softplus,
        "max": torch.maximum,
        "min": torch.minimum,
        "detach": torch.Tensor.detach,
        "no_grad": torch.Tensor.detach,
    }
    return Ops(
        table,
        constant,
        given,
        lambda value: bool(torch.isfinite(value).all()),
        lambda value: tell(value.detach().cpu().numpy()),
        torch.no_grad,
    )


def _scratch_ops(scratch: Any) -> Ops:
    tensor = scratch.Tensor

    def given(value: Any) -> Any:
        return value if isinstance(value, tensor) else tensor(numpy_value(value))

    table: dict[str, Callable[..., Any]] = {name: getattr(tensor, name) for name in (*ELEMENTWISE, "sum", "mean")}
    table |= {name: getattr(tensor, f"__{name}__") for name in ("add", "sub", "mul", "pow", "neg")}
    table |= {"div": tensor.__truediv__, "max": scratch.maximum, "min": scratch.minimum}
    table |= {"detach": tensor.detach, "no_grad": tensor.detach}
    return Ops(
        table,
        tensor,
        given,
        lambda value: bool(np.all(np.isfinite(value.data))),
        lambda value: tell(value.data),
        scratch.no_grad,
    )
