"""What every part of an experiment is: a frozen, validated value that names an entry of a registry."""

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from playground.catalog import lookup
from playground.catalog.base import Entry, Value


class Args(dict[str, Any]):
    """Arguments by name: a dict that can be hashed and cannot be changed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))

    def _frozen(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the arguments of a part of an experiment cannot be changed; make a new part")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _frozen


class Frozen(BaseModel):
    """A pydantic model whose values cannot be changed and whose unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, **fields: Any) -> Self:
        """A value of these fields, checked.

        Raises:
            ValueError: one sentence that names the value and the limit.
        """
        try:
            return cls(**fields)
        except ValidationError as error:
            raise ValueError(sentence(error)) from None

    def but(self, **changes: Any) -> Self:
        """This value with some fields changed, checked again.

        Raises:
            ValueError: one sentence that names the value and the limit.
        """
        return self.of(**{name: getattr(self, name) for name in type(self).model_fields} | changes)


class Part(Frozen):
    """A named entry of a registry with its arguments; those not given take their defaults."""

    registry: ClassVar[Mapping[str, Entry]]
    place: ClassVar[str]

    name: str
    args: Args = Args()

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        entry = lookup(cls.registry, given.get("name"), cls.place)
        args = given.get("args") or {}
        if not isinstance(args, Mapping):
            raise ValueError(f"{cls.place}: the arguments of {entry.name} are not a table of names and values.")
        return {**given, "args": Args(entry.arguments(args, cls.place))}

    @property
    def entry(self) -> Any:
        """The registry entry that this part names."""
        return self.registry[self.name]

    def __getitem__(self, argument: str) -> Any:
        return self.args[argument]

    def set(self, **arguments: Value) -> Self:
        """This part with some arguments changed."""
        return self.but(args={**self.args, **arguments})

    def to_text(self) -> str:
        """`Adam.0.01`: name and arguments, for the address bar."""
        return self.entry.to_text(self.args)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What `to_text` wrote.

        Raises:
            ValueError: there is no such entry, or an argument is out of range.
        """
        name, _, rest = text.partition(".")
        entry = lookup(cls.registry, name, cls.place)
        return cls.model_validate({"name": name, "args": entry.from_text(rest, cls.place)})


def sentence(error: ValidationError) -> str:
    """The first mistake that pydantic found, as one sentence."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return message if first["type"] == "value_error" else f"{place or 'experiment'}: {message[:200]}."
