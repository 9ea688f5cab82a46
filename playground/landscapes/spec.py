"""The race as a value: widgets, address bar, picture and script are all drawn from it.

>>> RaceSpec.from_query(RaceSpec().to_query()) == RaceSpec()
True
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, Self

from pydantic import ConfigDict, ValidationError, field_validator, model_validator

from playground.catalog import OPTIMIZERS, lookup
from playground.catalog.base import Param
from playground.landscapes.expression import from_expression
from playground.landscapes.functions import LANDSCAPES
from playground.landscapes.landscape import Landscape
from playground.landscapes.racing import Racer, check_start, check_steps
from playground.limits import LIMITS
from playground.parts import Args, Frozen, sentence
from playground.spec import OptimizerSpec, SchedulerSpec

STEPS = Param("steps", "int", 100, 1, LIMITS.max_race_steps, "How many steps every optimizer takes.", label="steps")
LR = Param("lr", "float", 1e-3, 1e-12, 1e6, "How far one step goes.", scale="log", label="learning rate")
CLIP = Param(
    "clip",
    "float",
    0.0,
    0.0,
    1e6,
    "Scales the gradient down to this norm; 0 leaves it alone.",
    label="clip gradient to norm",
)
TOLERANCE = Param(
    "tolerance",
    "float",
    1e-3,
    1e-12,
    1e6,
    "A loss so near to the lowest value counts as there.",
    scale="log",
    label="tolerance",
)
DEFAULT_LANDSCAPE = "rosenbrock"
EXPRESSION = "expression"
"""What stands for a typed landscape where others have their key."""
Budget = Literal["steps", "gradients"]


class RacerSpec(Frozen):
    """One row of the racer table."""

    optimizer: OptimizerSpec
    scheduler: SchedulerSpec | None = None
    clip: float = 0.0

    @field_validator("clip")
    @classmethod
    def _clip(cls, value: float) -> float:
        return CLIP.check(value, "racer")  # type: ignore[return-value]

    @field_validator("optimizer")
    @classmethod
    def _rate(cls, value: OptimizerSpec) -> OptimizerSpec:
        LR.check(value["lr"], f"racer ({value.name})")
        return value

    @classmethod
    def of_class(cls, name: str) -> Self:
        """An optimizer with a learning rate that suits Rosenbrock's valley."""
        entry = lookup(OPTIMIZERS, name, "racer")
        return cls(optimizer=OptimizerSpec(name=name, args=Args({"lr": entry.race_lr} if entry.race_lr else {})))

    def racer(self, lr: float | None = None) -> Racer:
        """What races, with its own learning rate or with the one for all."""
        args = dict(self.optimizer.args)
        own = args.pop("lr")
        return Racer(self.optimizer.name, own if lr is None else lr, args, self.scheduler, self.clip or None)

    def to_text(self) -> str:
        """`SGD.0.001..0.9~clip.1.0~StepLR.30`."""
        parts = [self.optimizer.to_text()]
        parts += [f"clip.{self.clip!r}"] if self.clip else []
        parts += [self.scheduler.to_text()] if self.scheduler else []
        return "~".join(parts)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What `to_text` wrote.

        Raises:
            ValueError: one sentence.
        """
        optimizer, *rest = text.split("~")
        fields: dict[str, Any] = {"optimizer": OptimizerSpec.from_text(optimizer)}
        for part in rest:
            if part.startswith("clip."):
                fields["clip"] = CLIP.from_text(part.removeprefix("clip."), "racer")
            else:
                fields["scheduler"] = SchedulerSpec.from_text(part)
        return cls.of(**fields)


def _lesson() -> tuple[RacerSpec, ...]:
    return tuple(RacerSpec.from_text(text) for text in ("SGD.0.001", "SGD.0.001..0.9", "Adam.0.01", "RMSprop.0.01"))


class RaceSpec(Frozen):
    """A landscape, a start, and who races for how long. Same value, same trails.

    Attributes:
        landscape: a key of LANDSCAPES, or 'expression'.
        args: arguments of the landscape.
        expression: what was typed.
        start: (x, y); None for the landscape's own first start.
        shared_lr: one learning rate for all, or None: everybody's own.
        budget: whether racers are compared after as many steps or as many gradients.
        tolerance: how near to the lowest value counts as there.
    """

    landscape: str = DEFAULT_LANDSCAPE
    args: Args = Args()
    expression: str = ""
    start: tuple[float, float] | None = None
    steps: int = 100
    racers: tuple[RacerSpec, ...] = ()
    shared_lr: float | None = None
    budget: Budget = "steps"
    tolerance: float = 1e-3

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        given = {"racers": _lesson(), **given}
        if not isinstance(given.get("args") or {}, Mapping):
            raise ValueError("race: the arguments of the landscape are not a table of names and values.")
        place = _place(given.get("landscape", DEFAULT_LANDSCAPE), given.get("expression", ""), given.get("args") or {})
        return {**given, "args": place.args, "expression": place.text}

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        if not 1 <= len(self.racers) <= LIMITS.max_racers:
            raise ValueError(f"race: {len(self.racers)} racers; it takes 1 to {LIMITS.max_racers}.")
        check_steps(self.steps)
        if self.start is not None:
            check_start(self.start)
        if self.shared_lr is not None:
            LR.check(self.shared_lr, "race")
        TOLERANCE.check(self.tolerance, "race")
        return self

    @property
    def place(self) -> Landscape:
        """The landscape itself."""
        return _place(self.landscape, self.expression, self.args)

    @property
    def begin(self) -> tuple[float, float]:
        """Where all start."""
        return self.place.starts[0] if self.start is None else self.start

    def field(self) -> list[Racer]:
        """The racers as they race."""
        return [racer.racer(self.shared_lr) for racer in self.racers]

    def on(self, landscape: str, expression: str = "") -> Self:
        """The same racers elsewhere, from that landscape's own start."""
        return self.but(landscape=landscape, args=Args(), expression=expression, start=None)

    def with_racer(self, index: int, racer: RacerSpec) -> Self:
        """The same race with one racer exchanged."""
        return self.but(racers=(*self.racers[:index], racer, *self.racers[index + 1 :]))

    def to_query(self) -> dict[str, str]:
        """The address bar of this race; what has its plain value is left out."""
        params = [param for param in self.place.params if self.args.get(param.name, param.default) != param.default]
        words = {
            "v": QUERY_VERSION,
            "on": "" if self.landscape == DEFAULT_LANDSCAPE else self.landscape,
            "expr": self.expression,
            "place": "~".join(f"{param.name}.{param.to_text(self.args[param.name])}" for param in params),
            "start": "" if self.start is None else "_".join(map(repr, self.start)),
            "steps": "" if self.steps == STEPS.default else str(self.steps),
            "race": "~~".join(racer.to_text() for racer in self.racers),
            "lr": "" if self.shared_lr is None else repr(self.shared_lr),
            "budget": "" if self.budget == "steps" else self.budget,
            "tol": "" if self.tolerance == TOLERANCE.default else repr(self.tolerance),
        }
        return {word: text for word, text in words.items() if text}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """The race that `to_query` described; unknown words are ignored, missing ones have their plain value.

        Raises:
            ValueError: one sentence that says which word is wrong.
        """
        words = {word: str(text) for word, text in query.items() if word in WORDS}
        if (version := words.get("v", QUERY_VERSION)) != QUERY_VERSION:
            raise ValueError(f"v: this playground reads links of version {QUERY_VERSION}, not {version[:12]!r}.")
        if too_long := [word for word, text in words.items() if len(text) > MAX_WORD]:
            raise ValueError(
                f"{too_long[0]}: the text has {len(words[too_long[0]]):,} characters; the most is {MAX_WORD:,}."
            )
        try:
            return cls._from_words(words)
        except ValidationError as error:
            raise ValueError(sentence(error)) from None

    @classmethod
    def _from_words(cls, words: Mapping[str, str]) -> Self:
        fields: dict[str, Any] = {"landscape": words.get("on", DEFAULT_LANDSCAPE), "expression": words.get("expr", "")}
        place = _place(fields["landscape"], fields["expression"], {})
        params = {param.name: param for param in place.params}
        args = {}
        for part in filter(None, words.get("place", "").split("~")):
            name, _, text = part.partition(".")
            args[name] = lookup(params, name, "place").from_text(text, "place")
        if "start" in words:
            fields["start"] = check_start(words["start"].split("_"))
        if "steps" in words:
            fields["steps"] = STEPS.from_text(words["steps"], "steps")
        if "race" in words:
            texts = words["race"].split("~~")
            if len(texts) > LIMITS.max_racers:
                raise ValueError(f"race: {len(texts)} racers; it takes 1 to {LIMITS.max_racers}.")
            fields["racers"] = tuple(RacerSpec.from_text(text) for text in texts)
        if "lr" in words:
            fields["shared_lr"] = LR.from_text(words["lr"], "lr")
        if "tol" in words:
            fields["tolerance"] = TOLERANCE.from_text(words["tol"], "tol")
        if "budget" in words:
            fields["budget"] = words["budget"]
        return cls.of(**fields, args=Args(args))


QUERY_VERSION = "1"
MAX_WORD = 2_000
WORDS = {"v", "on", "expr", "place", "start", "steps", "race", "lr", "budget", "tol"}


@lru_cache(maxsize=32)
def _typed(expression: str) -> Landscape:
    return from_expression(expression)


@lru_cache(maxsize=64)
def _placed(landscape: str, expression: str, args: Args) -> Landscape:
    place = _typed(expression) if landscape == EXPRESSION else lookup(LANDSCAPES, landscape, "landscape")
    return place.but(args)


def _place(landscape: Any, expression: Any, args: Mapping[str, Any]) -> Landscape:
    """The landscape, made once: looking for the lowest point of a typed one takes some milliseconds."""
    if landscape != EXPRESSION:
        lookup(LANDSCAPES, landscape, "landscape")
    return _placed(landscape, str(expression) if landscape == EXPRESSION else "", Args(args))
