"""What the page 'NumPy vs PyTorch' shows, as one value: the address bar carries it, the widgets edit it.

>>> ParitySpec.from_query({"show": "step", "rule": "Adam.0.01"}).rule.name
'Adam'
>>> ParitySpec(rows=5).to_query()
{'rows': '5'}
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Self

from pydantic import ValidationError, field_validator, model_validator

from playground.catalog import LAYERS, LOSSES
from playground.catalog.base import Param
from playground.parity.presets import PRESETS
from playground.parts import Args, Frozen, sentence
from playground.spec import LayerSpec, LossSpec, OptimizerSpec, layers_from_text

VIEWS = {"layer": "One layer", "step": "One optimizer step", "training": "Whole training", "speed": "Speed"}
MAX_UNITS = 8
"""Units of a layer whose numbers are still read one by one."""
TRAIN_PAGE = "train"
"""The preset that stands for the network of the Train page."""

_DTYPE = Param("dtype", "choice", "float64", choices=("float64", "float32"), help="Of every number on both sides.")
_PRESET = Param("preset", "choice", "xor", choices=(*PRESETS, TRAIN_PAGE), help="What both sides train.")
NUMBERS: dict[str, Param] = {
    param.name: param
    for param in (
        Param("rows", "int", 3, 1, 6, "Samples in the batch."),
        Param("columns", "int", 4, 1, 6, "Numbers in one sample."),
        Param("draw", "int", 0, 0, 9_999, "Seed of the numbers: another one draws others."),
        Param("step", "int", 3, 1, 50, "Which step of the optimizer to look at."),
        Param("passes", "int", 0, 0, 5_000, "Epochs of the comparison; 0 takes those of the preset."),
        Param("width", "int", 8, 1, 256, "Units in each hidden layer of 2-w-w-1."),
        Param("batch", "int", 10, 1, 1_000, "Samples in one step."),
    )
}


class ParitySpec(Frozen):
    """One state of the page.

    Attributes:
        show: which of VIEWS.
        part: the layer or loss that is looked at, as in the address bar of an experiment: `Linear.3`.
        rule: the optimizer whose step is looked at.
        preset: what is trained as a whole: one of PRESETS, or the network of the Train page.
        dtype: 'float64' or 'float32'.
    """

    show: str = "layer"
    part: LayerSpec | LossSpec = LayerSpec(name="Linear", args=Args(out_features=3))
    rule: OptimizerSpec = OptimizerSpec(name="Adam", args=Args(lr=0.01))
    preset: str = "xor"
    dtype: str = "float64"
    rows: int = 3
    columns: int = 4
    draw: int = 0
    step: int = 3
    passes: int = 0
    width: int = 8
    batch: int = 10

    @model_validator(mode="before")
    @classmethod
    def _in_range(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        checked = {name: NUMBERS[name].check(value, "page") for name, value in given.items() if name in NUMBERS}
        return {**given, **checked}

    @field_validator("show")
    @classmethod
    def _view(cls, value: str) -> str:
        if value not in VIEWS:
            raise ValueError(f"show: there is no view {value[:40]!r}; choose one of {', '.join(VIEWS)}.")
        return value

    @field_validator("dtype")
    @classmethod
    def _dtype(cls, value: str) -> str:
        return str(_DTYPE.check(value, "page"))

    @field_validator("preset")
    @classmethod
    def _known(cls, value: str) -> str:
        return str(_PRESET.check(value, "page"))

    @field_validator("part")
    @classmethod
    def _small(cls, value: LayerSpec | LossSpec) -> LayerSpec | LossSpec:
        size = value.entry.size if isinstance(value, LayerSpec) else ""
        if size and value[size] > MAX_UNITS:
            raise ValueError(f"part: {size} is {value[size]:,}; the most whose numbers can be read is {MAX_UNITS}.")
        return value

    @property
    def epochs(self) -> int:
        """Of the whole training."""
        return self.passes or (PRESETS[self.preset].epochs if self.preset in PRESETS else 20)

    def _words(self) -> dict[str, str]:
        words = {"show": self.show, "part": self.part.to_text(), "rule": self.rule.to_text()}
        words |= {"preset": self.preset, "dtype": self.dtype}
        return words | {name: str(getattr(self, name)) for name in NUMBERS}

    def to_query(self) -> dict[str, str]:
        """The address bar; what has its plain value is left out."""
        plain = ParitySpec()._words()
        return {WORD[name]: text for name, text in self._words().items() if text != plain[name]}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """What `to_query` described; other words are ignored.

        Raises:
            ValueError: one sentence that says which word is wrong.
        """
        given = {name: query[word][:200] for name, word in WORD.items() if word in query}
        readers: dict[str, Callable[[str], Any]] = {"part": part_from_text, "rule": OptimizerSpec.from_text}
        readers |= {name: lambda text, param=param: param.from_text(text, "page") for name, param in NUMBERS.items()}  # type: ignore[misc]
        try:
            return cls.of(**{name: readers.get(name, str)(text) for name, text in given.items()})
        except ValidationError as error:
            raise ValueError(sentence(error)) from None


WORD = {name: name for name in ParitySpec.model_fields} | {"batch": "many", "width": "wide", "columns": "numbers"}
"""Field -> word in the address bar; those of an experiment mean the network of the Train page."""


def part_from_text(text: str) -> LayerSpec | LossSpec:
    """A layer or a loss as the address bar has them. Both sides begin alike, and a block holds what is plain for it.

    Raises:
        ValueError: there is neither, or more than one.
    """
    name = re.split("[.~-]", text, maxsplit=1)[0]
    if name in LOSSES:
        return LossSpec.from_text(text)
    if name not in LAYERS:
        raise ValueError(f"part: there is no {name[:40]!r}; choose one of {', '.join([*LAYERS, *LOSSES])}.")
    parts = layers_from_text(text) if "~" in text else (LayerSpec.from_text(text),)
    if len(parts) != 1:
        raise ValueError(f"part: {text[:40]!r} are {len(parts)} layers; it is one.")
    return LayerSpec(name=name, args=parts[0].args)


__all__ = ["NUMBERS", "TRAIN_PAGE", "VIEWS", "WORD", "ParitySpec", "part_from_text"]
