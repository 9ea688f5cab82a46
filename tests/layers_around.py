"""Any layer of the catalog in the middle of a small network for rows of numbers."""

from math import prod

from playground.catalog import LAYERS
from playground.catalog.base import Param
from playground.shapes import ShapeError, outline
from playground.spec import Args, LayerSpec

REAL = [name for name, entry in LAYERS.items() if not entry.takes_tokens]
"""The layers that take real numbers."""


def layer(name: str, **args) -> LayerSpec:
    return LayerSpec(name=name, args=Args(args))


def around(name: str, **args) -> tuple[LayerSpec, ...]:
    """The layer, with what makes of a row of numbers what it takes, and of what it gives a row again."""
    first, *rest = (size or 5 for size in LAYERS[name].sample)
    shape = (first * args.get("groups", 1), *rest)
    before = [layer("Linear", out_features=prod(shape))]
    if len(shape) > 1:
        before.append(layer("Unflatten", unflattened_size=shape))
    while True:
        try:
            reports = outline([*before, layer(name, **args)], (3,))
        except ShapeError as error:  # an argument that needs another one changed as well
            before, args = list(error.fix[:-1]), dict(error.fix[-1].args)
            continue
        after = [layer("Flatten")] if len(reports[-1].out_shape) > 1 else []
        return (*before, layer(name, **args), *after)


def another(param: Param):
    """A value of the argument that is not its default, or the default where there is none."""
    if param.kind == "bool":
        return not param.default
    if param.choices:
        return next((choice for choice in param.choices if choice != param.default), param.default)
    if param.kind == "expression":
        return "max(x, 0.1*x) - exp(-x**2)"
    if param.kind == "pair":
        return tuple(number * 0.9 for number in param.default)
    if param.kind == "sizes":
        return (64,)
    if param.default is None:
        return param.default if param.kind == "int" and param.high == 10**9 else 2 if param.kind == "int" else 1e-3
    if param.kind == "int":
        return max(int(param.low), 2 if param.default != 2 else 4)
    if not param.default:
        return min(0.05, param.high)
    return param.default * 1.25 if param.default * 1.25 <= param.high else param.default * 0.75
