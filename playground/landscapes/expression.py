"""A landscape from what a user types: an expression in x and y, read by our own parser and never by Python's."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from playground.autograd.expression import ExpressionError, Program, parse
from playground.catalog.base import Param
from playground.landscapes.landscape import Landscape, Minimum
from playground.parts import Args

EXTENT = Param(
    "extent", "float", 4.0, 0.01, 1000.0, "The picture reaches so far from 0 in every direction.", label="extent"
)
NOT_OF_POINTS = {
    "sum": "it adds up a vector, and x and y are numbers",
    "mean": "it averages a vector, and x and y are numbers",
    "detach": "it hides a part from the gradient, and an optimizer would walk along a false one",
    "no_grad": "it hides a part from the gradient, and an optimizer would walk along a false one",
}


def from_expression(text: str, extent: float = EXTENT.default) -> Landscape:  # type: ignore[assignment]
    """A landscape over x and y from -extent to extent.

    Its minimum, if one is found inside of the picture, is the lowest point of a grid, narrowed down.

    Raises:
        ValueError: one sentence; the text is no expression, or not one in exactly x and y.
    """
    program = parse(text)
    _check(program)
    limit = float(EXTENT.check(extent, "landscape"))  # type: ignore[arg-type]

    def rule(m: Any, x: Any, y: Any, extent: float) -> Any:
        return value_of(program, m, {"x": x, "y": y})

    def make(extent: float) -> Landscape:
        return from_expression(text, extent)

    domain = ((-limit, limit), (-limit, limit))
    shape = " ".join(text.split())
    start = (round(-0.7 * limit, 4), round(0.6 * limit, 4))
    fields: dict[str, Any] = {
        "key": "",
        "label": shape if len(shape) <= 40 else f"{shape[:39]}…",
        "rule": rule,
        "domain": domain,
        "starts": (start,),
        "source": "typed in",
        "summary": "Your own landscape.",
        "params": (EXTENT,),
        "args": Args(extent=limit),
        "text": text,
    }
    plain = Landscape(**fields)
    values = plain.grid()
    if not np.isfinite(values).any():
        raise ValueError(
            "landscape: the expression has no finite value anywhere in the picture; change it or the extent."
        )
    return Landscape(**fields | {"make": make, "minima": _lowest(plain), "log": _spans_decades(values)})


SIGNS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
}
NUMPY_NAMES: dict[str, Callable[..., Any]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": lambda x: np.exp(-np.logaddexp(0.0, -x)),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "max": np.maximum,
    "min": np.minimum,
}


def value_of(program: Program, m: Any, given: Mapping[str, Any]) -> Any:
    """A program's value with the operations of `m`; numbers that are not finite are let through, as races need it."""
    values: list[Any] = []
    with np.errstate(all="ignore"):
        for step in program.steps:
            if step.op == "input":
                values.append(given[step.name])
            elif step.op == "constant":
                values.append(step.value)
            else:
                args = [values[arg] for arg in step.args]
                plain = all(isinstance(arg, float) for arg in args)
                value = _operation(np if plain else m, step.op)(*(map(np.float64, args) if plain else args))
                values.append(float(value) if plain else value)
    return values[program.output]


def _operation(m: Any, name: str) -> Callable[..., Any]:
    if name in SIGNS:
        return SIGNS[name]
    if m is np:
        return NUMPY_NAMES.get(name) or getattr(np, name)
    if name in ("max", "min"):
        return lambda a, b: _larger(m, name, a, b)
    if name == "softplus" and hasattr(m, "nn"):
        return m.nn.functional.softplus
    return getattr(m, name)


def _larger(m: Any, name: str, a: Any, b: Any) -> Any:
    """max or min of which one may be a plain number."""
    if hasattr(m, "as_tensor"):
        a, b = (m.as_tensor(c, dtype=(b if isinstance(a, float) else a).dtype) for c in (a, b))
    return getattr(m, f"{name}imum")(a, b)


def _check(program: Program) -> None:
    names = set(program.names)
    if others := sorted(names - {"x", "y"}):
        raise ValueError(f"landscape: the expression has the name {others[0]!r}; only x and y are free.")
    if missing := sorted({"x", "y"} - names):
        raise ValueError(
            f"landscape: the expression has no {missing[0]}; it takes both x and y, such as x**2 + 3*y**2."
        )
    for step in program.steps:
        if step.op in NOT_OF_POINTS:
            raise ValueError(f"landscape: {step.op} has no place here: {NOT_OF_POINTS[step.op]}.")


def _spans_decades(values: np.ndarray) -> bool:
    """Whether linear levels would leave most of the picture blank."""
    finite = values[np.isfinite(values)]
    lowest, middle, highest = np.quantile(finite, [0, 0.5, 1])
    return bool(highest - lowest > 20 * (middle - lowest) > 0)


def _lowest(landscape: Landscape) -> tuple[Minimum, ...]:
    """The lowest point of the picture, unless it lies on its edge."""
    (x0, x1), (y0, _) = landscape.domain
    values = np.where(np.isfinite(grid := landscape.grid()), grid, np.inf)
    row, column = np.unravel_index(np.argmin(values), values.shape)
    size = len(values) - 1
    if min(row, column) == 0 or max(row, column) == size:
        return ()
    cell = (x1 - x0) / size
    x, y = landscape.narrowed(x0 + column * cell, y0 + row * cell, cell)
    value = float(landscape.function(x, y))
    return ((x, y, value),) if np.isfinite(value) else ()  # a pole has no lowest point


__all__ = ["EXTENT", "ExpressionError", "from_expression"]
