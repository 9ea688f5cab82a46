"""The shape, the parameters and the constructor arguments of every layer, before anything is allocated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from playground.catalog import LAYERS
from playground.catalog.base import Value
from playground.catalog.layers import Shape


class NamedLayer(Protocol):
    """What `outline` needs to know of a layer."""

    @property
    def name(self) -> str: ...
    @property
    def args(self) -> Mapping[str, Value]: ...


@dataclass(frozen=True)
class LayerReport:
    """One layer in its place: shapes of one sample, trained values, and the torch constructor's keywords."""

    name: str
    in_shape: Shape
    out_shape: Shape
    parameters: int
    arguments: dict[str, Any]


class ShapeError(ValueError):
    """A layer that cannot take what the layer before it gives; `index` counts from 0."""

    def __init__(self, index: int, message: str):
        super().__init__(f"Layer {index + 1}: {message}")
        self.index = index


def outline(layers: Sequence[NamedLayer], input_shape: Shape) -> list[LayerReport]:
    """What every layer does to a sample of `input_shape`, first to last.

    Raises:
        ShapeError: at the first layer that cannot take its input.
    """
    reports, shape = [], input_shape
    for index, layer in enumerate(layers):
        entry = LAYERS[layer.name]
        try:
            report = LayerReport(
                layer.name,
                shape,
                entry.shape(layer.args, shape),
                entry.parameters(layer.args, shape),
                entry.construct(layer.args, shape),
            )
        except ValueError as error:
            raise ShapeError(index, str(error)) from None
        reports.append(report)
        shape = report.out_shape
    return reports


def shape_text(shape: Shape) -> str:
    """`(N, 8)`: a shape with its batch dimension, as torch prints it."""
    return f"({', '.join(['N', *map(str, shape)])}{')' if shape else ',)'}"
