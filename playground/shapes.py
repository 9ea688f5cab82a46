"""The shape, the cost and the constructor arguments of every layer, before anything is allocated."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from playground.catalog import LAYERS
from playground.catalog.base import Value
from playground.catalog.layers import Edit, Given, Mistake, Shape
from playground.catalog.layers.base import text as shape_text

__all__ = ["LayerReport", "ShapeError", "outline", "shape_text"]

BYTES = 4
"""Of one number, float32."""


class NamedLayer(Protocol):
    """What `outline` needs to know of a layer: a `LayerSpec` is one."""

    @property
    def name(self) -> str: ...
    @property
    def args(self) -> Mapping[str, Value]: ...
    @property
    def layers(self) -> Sequence["NamedLayer"]: ...
    def but(self, **changes: Any) -> Self: ...
    def become(self, name: str, args: Mapping[str, Value]) -> Self: ...


@dataclass(frozen=True)
class LayerReport:
    """One layer in its place.

    Attributes:
        name: of the entry.
        in_shape, out_shape: of one sample.
        parameters: trained values, those of the layers inside included.
        arguments: the constructor's keywords.
        macs: multiply-adds of one sample's forward pass, those inside included.
        memory: bytes of float32 that one sample's forward pass makes and keeps for the backward, the output among them.
        formula: the arithmetic of the shape with its numbers.
        layers: reports of the layers that a block holds.
    """

    name: str
    in_shape: Shape
    out_shape: Shape
    parameters: int
    arguments: dict[str, Any]
    macs: int = 0
    memory: int = 0
    formula: str = ""
    layers: tuple["LayerReport", ...] = ()


class ShapeError(ValueError):
    """The first layer that cannot take its input or its own arguments.

    Attributes:
        index: of the layer, from 0; within a block, of the block.
        reports: of the layers before it.
        cure: what mends it, in a few words; empty where nothing single does.
        fix: all layers with the cure applied; None where there is none.
    """

    def __init__(
        self,
        index: int,
        message: str,
        reports: Sequence[LayerReport] = (),
        cure: str = "",
        fix: tuple[Any, ...] | None = None,
    ):
        super().__init__(message)
        self.index, self.reports, self.cure, self.fix = index, list(reports), cure, fix


def outline(layers: Sequence[NamedLayer], input_shape: Shape, tokens: int = 0) -> list[LayerReport]:
    """What every layer does to a sample of `input_shape`, first to last; nothing is allocated.

    tokens: how many different whole numbers the input is made of; 0 for real numbers.

    Raises:
        ShapeError: at the first layer that cannot take its input; it holds the reports so far and the fix.
    """
    return _outlined(tuple(layers), Given(tuple(input_shape), tokens), "Layer ")


def _outlined(layers: tuple[NamedLayer, ...], given: Given, place: str) -> list[LayerReport]:
    reports: list[LayerReport] = []
    for index, layer in enumerate(layers):
        where = f"{place}{index + 1}, {LAYERS[layer.name].title}"
        try:
            report = _report(layer, given, where)
        except Mistake as mistake:
            fix = _fixed(layers, index, mistake.edit)
            raise ShapeError(index, f"{where}, {mistake}.", reports, _capital(mistake.cure), fix) from None
        except ShapeError as inner:
            fix = _mended_inside(layers, index, inner.fix)
            raise ShapeError(index, str(inner), reports, inner.cure, fix) from None
        reports.append(report)
        given = Given(report.out_shape, source=LAYERS[layer.name].title)
    return reports


def _report(layer: NamedLayer, given: Given, where: str) -> LayerReport:
    entry = LAYERS[layer.name]
    inside: tuple[LayerReport, ...] = ()
    if entry.holds:
        assert entry.combine is not None, f"{layer.name} holds layers, but says nothing of them together"
        inside = tuple(_outlined(tuple(layer.layers), given, f"{where}, layer "))
        plan = entry.combine(layer.args, given, inside[-1].out_shape)
    else:
        plan = entry.planned(layer.args, given)
    return LayerReport(
        layer.name,
        given.shape,
        plan.out_shape,
        plan.parameters + sum(report.parameters for report in inside),
        plan.arguments,
        plan.macs + sum(report.macs for report in inside),
        BYTES * plan.kept + sum(report.memory for report in inside),
        plan.formula,
        inside,
    )


def _mended_inside(
    layers: tuple[NamedLayer, ...], index: int, inside: tuple[Any, ...] | None
) -> tuple[NamedLayer, ...] | None:
    return None if inside is None else _replaced(layers, index, lambda block: (block.but(layers=inside),))


def _capital(cure: str) -> str:
    return cure[:1].upper() + cure[1:]


def _fixed(layers: tuple[NamedLayer, ...], index: int, edit: Edit | None) -> tuple[NamedLayer, ...] | None:
    """The layers after the edit at `index`; None where it cannot be made."""
    if edit is None:
        return None
    if edit.remove:
        gone = index if edit.remove > 0 else index - 1
        return (layers[:gone] + layers[gone + 1 :]) or None if gone >= 0 else None

    def edited(layer: NamedLayer) -> tuple[NamedLayer, ...]:
        if edit.before:
            name, args = edit.before
            return (layer.become(name, args), layer)
        if edit.name:
            return (layer.become(edit.name, edit.args),)
        return (layer.but(args={**layer.args, **edit.args}),)

    return _replaced(layers, index, edited)


def _replaced(
    layers: tuple[NamedLayer, ...], index: int, made: Callable[[NamedLayer], tuple[NamedLayer, ...]]
) -> tuple[NamedLayer, ...] | None:
    """The layers with others in the place of one; None where an argument of those is out of range."""
    try:
        return (*layers[:index], *made(layers[index]), *layers[index + 1 :])
    except ValueError:
        return None
