"""What the Autograd page shows, as one frozen value: a program with its values, a network, a depth, an experiment."""

import math
from collections.abc import Mapping
from typing import Any, Self

from pydantic import field_validator, model_validator

from playground.autograd.depth import MAX_DEPTH, MAX_GAIN, MAX_WIDTH, activations
from playground.autograd.experiments import EXPERIMENTS
from playground.autograd.expression import parse
from playground.autograd.presets import PRESETS, Preset, Value
from playground.parts import Frozen

VIEWS = {"program": "Program", "network": "Network", "depth": "Depth", "experiments": "Experiments"}
DRAWN = {"graph": "Graph", "torchviz": "torchviz"}
SWITCHES = {
    "attrs": ("show_attrs", "What each backward node keeps, as text."),
    "saved": ("show_saved", "Saved tensors as boxes of their own."),
    "after": ("after backward()", "Draw when the graph has been walked and freed."),
}
"""What torchviz's picture can be asked for: label and help."""
DETAILS = {"modules": "By module", "nodes": "Every node"}
DEFAULT_PRESET = "neuron"
MAX_ELEMENTS = 8
"""Numbers of one vector."""
MAX_VALUE = 1e6
MAX_BATCH = 64
"""Samples of one batch through the network."""


class DepthStudy(Frozen):
    """A network of equal layers: how many, which activation, how wide, and the spread of its weights."""

    depth: int = 20
    activation: str = "Sigmoid"
    width: int = 16
    gain: float = 1.0
    seed: int = 0

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        limits = {"depth": (1, MAX_DEPTH), "width": (1, MAX_WIDTH), "gain": (0.01, MAX_GAIN), "seed": (0, 2**31 - 1)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value:g}; it must be between {low:g} and {high:g}.")
        if self.activation not in activations():
            raise ValueError(
                f"there is no activation {self.activation[:20]!r}; choose among {', '.join(activations())}."
            )
        return self


class Study(Frozen):
    """Everything that decides what the page shows.

    Attributes:
        view: which of VIEWS.
        drawn: "graph", or "torchviz" for its picture of the same.
        torchviz: which of SWITCHES are on in that picture.
        preset: key of PRESETS; "" for a program of the visitor's own.
        text, otherwise: the program; and what runs instead where its first name is not above 0 ("" without a branch).
        values: of the inputs, by name: numbers or vectors.
        step, node: where in the walk, and which node is chosen; None at its end, and for no node.
        detail: of the network's graph, one of DETAILS.
        batch: samples that go through the network at once.
        trial: key of EXPERIMENTS.
    """

    view: str = "program"
    drawn: str = "graph"
    torchviz: tuple[str, ...] = ()
    preset: str = DEFAULT_PRESET
    text: str = PRESETS[DEFAULT_PRESET].text
    otherwise: str = ""
    values: tuple[tuple[str, float | tuple[float, ...]], ...] = tuple(PRESETS[DEFAULT_PRESET].values.items())
    step: int | None = None
    node: int | None = None
    detail: str = "modules"
    batch: int = 4
    depth: DepthStudy = DepthStudy()
    trial: str = "twice"

    @field_validator("view", "drawn", "detail", "trial")
    @classmethod
    def _known(cls, value: str, info: Any) -> str:
        choices = {"view": VIEWS, "drawn": DRAWN, "detail": DETAILS, "trial": EXPERIMENTS}
        known = [*choices[info.field_name]]  # type: ignore[misc]
        if value not in known:
            raise ValueError(f"{info.field_name}: there is no {value[:20]!r}; choose one of {', '.join(known)}.")
        return value

    @field_validator("torchviz")
    @classmethod
    def _switches(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in SWITCHES]:
            raise ValueError(f"torchviz: there is no {unknown[0][:20]!r}; choose among {', '.join(SWITCHES)}.")
        return tuple(name for name in SWITCHES if name in value)

    @field_validator("batch")
    @classmethod
    def _batch(cls, value: int) -> int:
        if not 1 <= value <= MAX_BATCH:
            raise ValueError(f"batch: {value} samples; it must be between 1 and {MAX_BATCH}.")
        return value

    @field_validator("step", "node")
    @classmethod
    def _place(cls, value: int | None) -> int | None:
        return None if value is None or value < 0 else value

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        given = dict(self.values)
        names = list(parse(self.text).names)
        if self.otherwise:
            names += [name for name in parse(self.otherwise).names if name not in names]
        values = {name: _checked(name, given.get(name, 1.0)) for name in names}
        if self.otherwise and (not names or isinstance(values[names[0]], tuple)):
            raise ValueError("a branch needs a program with an input, and the first of them must be one number.")
        object.__setattr__(self, "values", tuple(values.items()))
        return self

    @classmethod
    def of_preset(cls, key: str, **fields: Any) -> Self:
        """A preset with its own values."""
        preset = PRESETS[key]
        values = tuple(preset.values.items())
        return cls.of(preset=key, text=preset.text, otherwise=preset.otherwise, values=values, **fields)

    @property
    def given(self) -> dict[str, Value]:
        """The value of every input."""
        return dict(self.values)

    @property
    def taken(self) -> bool:
        """Whether the first program runs, and not the one after `else`."""
        return not self.otherwise or float(self.values[0][1]) > 0  # type: ignore[arg-type]

    @property
    def running(self) -> str:
        """The text of the program that runs."""
        return self.text if self.taken else self.otherwise

    @property
    def origin(self) -> Preset | None:
        """The preset, if the program still is that of one."""
        preset = PRESETS.get(self.preset)
        return preset if preset and (preset.text, preset.otherwise) == (self.text, self.otherwise) else None

    def to_query(self) -> dict[str, str]:
        """The address bar of this study; what has its plain value is left out."""
        words = {"view": self.view, "drawn": self.drawn, "detail": self.detail, "batch_of": str(self.batch)}
        words |= {"trial": self.trial, "depth": depth_text(self.depth), "torchviz": "_".join(self.torchviz)}
        plain = Study()
        plain_words = {"view": plain.view, "drawn": plain.drawn, "detail": plain.detail, "batch_of": str(plain.batch)}
        plain_words |= {"trial": plain.trial, "depth": depth_text(plain.depth), "torchviz": ""}
        query = {word: text for word, text in words.items() if text != plain_words[word]}
        origin = self.origin
        if origin is not None:
            query["preset"] = self.preset
        else:
            query |= {"program": self.text} | ({"otherwise": self.otherwise} if self.otherwise else {})
        changed = {name: value for name, value in self.values if origin is None or value != origin.values.get(name)}
        if changed:
            query["at"] = "~".join(f"{name}:{_value_text(value)}" for name, value in changed.items())
        for word, place in (("step", self.step), ("node", self.node)):
            if place is not None:
                query[word] = str(place)
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """What `to_query` described. Unknown words are ignored.

        Raises:
            ValueError: one sentence that says which word is wrong.
        """
        fields: dict[str, Any] = {word: query[word] for word in ("view", "drawn", "detail", "trial") if word in query}
        for word, name in (("batch_of", "batch"), ("step", "step"), ("node", "node")):
            if word in query:
                fields[name] = int(_number(query[word], word))
        if "torchviz" in query:
            fields["torchviz"] = tuple(filter(None, query["torchviz"].split("_")))
        if "depth" in query:
            fields["depth"] = _depth(query["depth"])
        values: dict[str, Value] = {}
        if "program" in query:
            fields |= {"preset": "", "text": query["program"], "otherwise": query.get("otherwise", "")}
        else:
            key = query.get("preset", DEFAULT_PRESET)
            if key not in PRESETS:
                raise ValueError(f"preset: there is no {key[:20]!r}; choose one of {', '.join(PRESETS)}.")
            preset = PRESETS[key]
            fields |= {"preset": key, "text": preset.text, "otherwise": preset.otherwise}
            values |= preset.values
        for pair in filter(None, query.get("at", "").split("~")):
            name, _, text = pair.partition(":")
            numbers = tuple(_number(part, f"at ({name[:20]!r})") for part in text.split("_") if part or "_" not in text)
            values[name] = numbers if len(numbers) > 1 or "_" in text else numbers[0]
        return cls.of(values=tuple(values.items()), **fields)


WORDS = {
    "view",
    "drawn",
    "detail",
    "batch_of",
    "trial",
    "torchviz",
    "depth",
    "preset",
    "program",
    "otherwise",
    "at",
    "step",
    "node",
}
"""Every word of the address bar that is this page's."""


def depth_text(depth: DepthStudy) -> str:
    return f"{depth.depth}_{depth.activation}_{depth.width}_{depth.gain!r}_{depth.seed}"


def _depth(text: str) -> DepthStudy:
    parts = text.split("_")
    if len(parts) != 5:
        raise ValueError("depth: it is written as layers_activation_width_gain_seed, such as 20_Sigmoid_16_1.0_0.")
    depth, activation, width, gain, seed = parts
    return DepthStudy.of(
        depth=int(_number(depth, "depth")),
        activation=activation,
        width=int(_number(width, "depth")),
        gain=_number(gain, "depth"),
        seed=int(_number(seed, "depth")),
    )


def numbers(text: str, name: str) -> Value:
    """What was typed for an input: one number, or several with commas or spaces between them.

    Raises:
        ValueError: it is neither.
    """
    parts = text.replace("[", " ").replace("]", " ").replace(",", " ").split()
    if not parts:
        raise ValueError(f"{name}: type a number, or several with commas between them.")
    found = tuple(_number(part, name) for part in parts)
    return found if len(found) > 1 or "," in text or "[" in text else found[0]


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name}: {text[:20]!r} is no number.") from None
    if not math.isfinite(value):
        raise ValueError(f"{name}: {text[:20]!r} is not finite.")
    return value


def _checked(name: str, value: Any) -> Value:
    elements = value if isinstance(value, tuple) else (value,)
    if not 1 <= len(elements) <= MAX_ELEMENTS:
        raise ValueError(f"{name} has {len(elements)} elements; the page shows vectors of 1 to {MAX_ELEMENTS}.")
    for element in elements:
        if not math.isfinite(element) or abs(element) > MAX_VALUE:
            raise ValueError(f"{name} is {element:g}; it must be between -{MAX_VALUE:g} and {MAX_VALUE:g}.")
    return tuple(map(float, value)) if isinstance(value, tuple) else float(value)


def _value_text(value: Value) -> str:
    if isinstance(value, tuple):
        return "_".join(map(repr, value)) + ("_" if len(value) == 1 else "")
    return repr(value)
