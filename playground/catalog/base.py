"""What a catalog entry is: data that every control, check, model and script is drawn from.

Entries name what they stand for (`"torch.nn.Linear"`) and import neither torch nor NumPy, so a page can draw
its controls and check every limit before either is loaded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

Value = int | float | bool | str | tuple[float, ...] | None
Kind = Literal["int", "float", "bool", "choice", "pair", "sizes", "expression"]
ESCAPES = {
    "_": "__", ".": "_f", "+": "_p", "-": "_m", "*": "_t", "/": "_d", "(": "_o", ")": "_c", ",": "_k", "=": "_e",
    " ": "_s", "\n": "_n", "\t": "_i",
}  # fmt: skip
"""Characters of an expression as the address bar has them, which needs none of them escaped."""
UNESCAPES = {escaped: character for character, escaped in ESCAPES.items()}
MOST_SIZES = 4
"""Numbers in an argument of kind 'sizes'."""


@dataclass(frozen=True)
class Param:
    """One argument of an entry: its name as in torch, its default, and what it may be.

    `low` and `high` are inclusive and hold for each number of a `pair` and of `sizes` (up to 4 whole numbers).
    `scale="log"` asks for a slider over orders of magnitude; `choices` belong to `kind="choice"`, and to numbers picked
    from a list; an `expression` is a typed formula in x, applied to each number. A number whose default is None may be
    left out: it then follows from something else.
    """

    name: str
    kind: Kind
    default: Value
    low: float | None = None
    high: float | None = None
    help: str = ""
    choices: tuple[Value, ...] = ()
    scale: Literal["linear", "log"] = "linear"
    label: str = ""

    def check(self, value: Any, where: str) -> Value:
        """`value` in its own type, or a ValueError that names the value, the limit and the place."""
        place = f"{where}: {self.name}"
        if value is None and self.default is None:
            return None
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise ValueError(f"{place} is {value!r}; it is either true or false.")
            return value
        if self.kind == "choice":
            chosen = [choice for choice in self.choices if choice == value and type(choice) is type(value)]
            if not chosen:
                raise ValueError(f"{place} is {_short(value)}; choose one of {_listed(self.choices)}.")
            return chosen[0]
        if self.kind == "pair":
            if not isinstance(value, tuple | list) or len(value) != 2:
                raise ValueError(f"{place} is {_short(value)}; it takes two numbers.")
            first, second = (self._number(number, place) for number in value)
            return (float(first), float(second))
        if self.kind == "expression":
            return _formula(value, place)
        if self.kind == "sizes":
            if not isinstance(value, tuple | list) or not 1 <= len(value) <= MOST_SIZES:
                raise ValueError(f"{place} is {_short(value)}; it takes 1 to {MOST_SIZES} whole numbers.")
            return tuple(int(self._number(number, place)) for number in value)
        return self._number(value, place)

    def _number(self, value: Any, place: str) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise ValueError(f"{place} is {_short(value)}; it takes a number.")
        if self.low is not None and value < self.low:
            raise ValueError(f"{place} is {_amount(value)}; the least is {self.low:,}.")
        if self.high is not None and value > self.high:
            raise ValueError(f"{place} is {_amount(value)}; the most is {self.high:,}.")
        whole = self.kind in ("int", "sizes")
        if whole and value != int(value):
            raise ValueError(f"{place} is {value:g}; it takes a whole number.")
        return int(value) if whole else float(value)

    def to_text(self, value: Value) -> str:
        """`value` for the address bar, in characters that need no escaping."""
        if isinstance(value, bool):
            return "1" if value else "0"
        if isinstance(value, tuple):
            return "_".join(repr(number) for number in value)
        if self.kind == "expression":
            return "".join(ESCAPES.get(character, character) for character in str(value))
        return repr(value) if isinstance(value, float) else str(value)

    def from_text(self, text: str, where: str) -> Value:
        """What `to_text` wrote, checked.

        Raises:
            ValueError: the text is no such value; the message names the place.
        """
        value: Any = text
        try:
            if self.kind == "bool":
                value = {"0": False, "1": True}.get(text, text)
            elif self.kind == "int":
                value = int(text)
            elif self.kind == "float":
                value = float(text)
            elif self.kind == "pair":
                value = tuple(float(part) for part in text.split("_"))
            elif self.kind == "sizes":
                value = tuple(int(part) for part in text.split("_"))
            elif self.kind == "expression":
                value = re.sub("_(.?)", lambda found: UNESCAPES.get(found[0], found[0]), text)
            elif self.kind == "choice":
                value = next((choice for choice in self.choices if str(choice) == text), text)
        except ValueError:
            pass  # `check` says in one sentence what is wrong
        return self.check(value, where)


@dataclass(frozen=True)
class Entry:
    """One thing a visitor can choose.

    Attributes:
        name: the class name in torch, or the key of a data set.
        target: dotted path of what the entry stands for, imported only where it is used.
        params: the arguments that a visitor sets, in the constructor's order.
        formula: the rule, in LaTeX.
        summary: one sentence of intuition, shown as help.
        doc: address of the manual page.
        twin: whether `playground.scratch` has the same under the same name (of what torch has).
    """

    name: str
    target: str
    params: tuple[Param, ...] = ()
    formula: str = ""
    summary: str = ""
    doc: str = ""
    label: str = ""
    twin: bool = True

    @property
    def title(self) -> str:
        """The name a visitor reads."""
        return self.label or self.name

    def arguments(self, given: Mapping[str, Any], where: str) -> dict[str, Value]:
        """All arguments of the entry: those given, checked, and the defaults of the rest.

        Raises:
            ValueError: an argument is unknown or outside its limits.
        """
        known = {param.name for param in self.params}
        if unknown := sorted(set(given) - known):
            takes = ", ".join(param.name for param in self.params) or "no arguments"
            raise ValueError(f"{where}: {self.name} has no argument {_short(unknown[0])}; it takes {takes}.")
        return {
            param.name: param.check(given.get(param.name, param.default), f"{where} ({self.name})")
            for param in self.params
        }

    def to_text(self, args: Mapping[str, Value]) -> str:
        """`Linear.8..0`: the name, then the arguments in order, defaults left empty and trailing ones dropped."""
        texts = ["" if args[param.name] == param.default else param.to_text(args[param.name]) for param in self.params]
        while texts and not texts[-1]:
            texts.pop()
        return ".".join([self.name, "..".join(texts)]) if texts else self.name

    def from_text(self, text: str, where: str) -> dict[str, Value]:
        """The arguments that `to_text` wrote behind the name; further ones, from a later version, are ignored."""
        texts = text.split("..") if text else []
        return {
            param.name: param.from_text(part, f"{where} ({self.name})")
            for param, part in zip(self.params, texts, strict=False)
            if part
        }


def _formula(value: Any, place: str) -> str:
    """`value` as it was typed, if it is a formula in x alone that works on each number by itself."""
    from playground.autograd.expression import (  # brings NumPy along, which nothing else here does
        ExpressionError,
        parse,
    )

    if not isinstance(value, str):
        raise ValueError(f"{place} is {_short(value)}; it takes a formula in x.")
    try:
        program = parse(value)
    except ExpressionError as error:
        raise ValueError(f"{place}: {str(error).rstrip('.')}.") from None
    if others := [name for name in program.names if name != "x"]:
        raise ValueError(f"{place}: {others[0]} has no value here; the only variable is x.")
    if not program.names:
        raise ValueError(f"{place}: {_short(value)} does not depend on x; write a formula in x.")
    mixing = [step.op for step in program.steps if step.op in ("sum", "mean", "detach", "no_grad")]
    if mixing:
        raise ValueError(f"{place}: {mixing[0]} does not work on each number by itself; leave it out.")
    return value


def _listed(choices: tuple[Value, ...]) -> str:
    """The choices as a sentence names them; a long row of numbers by its ends."""
    numbers = [choice for choice in choices if isinstance(choice, int)]
    if len(numbers) < 9:
        return ", ".join(map(str, choices))
    return ", ".join([f"{numbers[0]} to {numbers[-1]}", *(str(choice) for choice in choices if choice not in numbers)])


def _amount(value: float) -> str:
    """A number as it stands in a sentence, also one of a thousand digits."""
    text = f"{value:,}"
    return text if len(text) <= 40 else f"a number of {len(text.replace(',', '')):,} digits"


def _short(value: Any) -> str:
    """`value` as it was given, cut to what fits into a sentence."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def lookup(registry: Mapping[str, Any], name: Any, what: str) -> Any:
    """The entry called `name`.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    if not isinstance(name, str) or name not in registry:
        names = ", ".join(registry)
        if len(names) > 300:  # a sentence, not a page: those that are spelled most alike
            names = f"the {len(registry)}, such as {', '.join(get_close_matches(_short(name), registry, 3, 0.0))}"
        raise ValueError(f"{what}: there is no {_short(name)}; choose one of {names}.")
    return registry[name]
