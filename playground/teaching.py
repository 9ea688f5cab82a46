"""A teacher's link: what a class is asked to do, and which controls it does without.

It travels as words of the address bar beside those of the experiment. It guides and protects nothing: whoever takes the
words out of the address has every control again.

>>> Teaching(task="Find a rate that diverges.", lock=("data", "layers")).to_query()
{'task': 'Find a rate that diverges.', 'lock': 'data_layers'}
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import field_validator

from playground.limits import LIMITS
from playground.parts import Frozen
from playground.spec import Experiment


@dataclass(frozen=True)
class Controls:
    """A group of controls of the Train page.

    Attributes:
        title: as the form and the sentences name it.
        of: what of an experiment they set; None where they set nothing, so that there is nothing to lock.
    """

    title: str
    of: Callable[[Experiment], Any] | None = None


CONTROLS: dict[str, Controls] = {
    "data": Controls("Data", lambda experiment: {name: part for name, part in experiment.data if name != "seed"}),
    "layers": Controls("Layers", lambda experiment: experiment.layers),
    "loss": Controls("Loss", lambda experiment: experiment.loss),
    "optimizer": Controls("Optimizer and rate", lambda experiment: experiment.optimizer),
    "schedule": Controls("Schedule", lambda experiment: experiment.scheduler),
    "training": Controls("Batches and the loop", lambda experiment: experiment.training),
    "seed": Controls("Seed", lambda experiment: (experiment.seed, experiment.data.seed)),
    "time": Controls("Time"),
    "health": Controls("Health"),
    "batch": Controls("The batch"),
    "code": Controls("Code"),
}
LOCKABLE = tuple(name for name, group in CONTROLS.items() if group.of is not None)
WORDS = ("task", "hide", "lock")
"""What the address bar says of it, on every page."""
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories of characters that steer a line instead of being seen: controls, direction overrides."""
JOINERS = "\u200c\u200d"
"""Exceptions: Persian words and emoji are spelt with them."""


class Teaching(Frozen):
    """What a teacher's link adds to the page.

    Attributes:
        task: plain text above the page.
        hide: keys of CONTROLS that are not drawn.
        lock: keys of CONTROLS that are drawn and cannot be used.
    """

    task: str = ""
    hide: tuple[str, ...] = ()
    lock: tuple[str, ...] = ()

    @field_validator("task")
    @classmethod
    def _task(cls, value: str) -> str:
        if len(value) > LIMITS.max_task:
            raise ValueError(f"task: the text has {len(value):,} characters; the most is {LIMITS.max_task:,}.")
        return cleaned(value)

    @field_validator("hide", "lock")
    @classmethod
    def _groups(cls, value: tuple[str, ...], info: Any) -> tuple[str, ...]:
        known = LOCKABLE if info.field_name == "lock" else tuple(CONTROLS)
        if unknown := [name for name in value if name not in known]:
            raise ValueError(
                f"{info.field_name}: there are no controls {unknown[0][:20]!r}; choose among {', '.join(known)}."
            )
        return tuple(name for name in known if name in value)

    def __bool__(self) -> bool:
        return bool(self.task or self.hide or self.lock)

    def fixes(self, name: str) -> bool:
        """Whether the controls of this group are locked or hidden."""
        return name in self.lock or name in self.hide

    def refusal(self, old: Experiment, new: Experiment) -> str | None:
        """Why the change from `old` to `new` is not made, as a sentence; None where it may be."""
        for name in LOCKABLE:
            group = CONTROLS[name]
            if group.of is not None and self.fixes(name) and group.of(old) != group.of(new):
                return (
                    f"{group.title}: fixed by the link of this task, so nothing was changed; change something else, "
                    "or leave the task under Share."
                )
        return None

    def to_query(self) -> dict[str, str]:
        """Its words of the address bar; what says nothing is left out."""
        words = {"task": self.task, "hide": "_".join(self.hide), "lock": "_".join(self.lock)}
        return {word: text for word, text in words.items() if text}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """What `to_query` described; other words are ignored.

        Raises:
            ValueError: one sentence that says which word is wrong.
        """
        lists = {word: tuple(filter(None, query.get(word, "").split("_"))) for word in ("hide", "lock")}
        return cls.of(task=query.get("task", ""), **lists)


def cleaned(text: str) -> str:
    """The text without the characters that steer instead of being seen; line breaks stay, at most two together."""
    lines = (_seen(line).strip() for line in text.replace("\t", " ").splitlines())
    whole = "\n".join(lines).strip()
    while "\n\n\n" in whole:
        whole = whole.replace("\n\n\n", "\n\n")
    return whole


def _seen(characters: Iterable[str]) -> str:
    return "".join(char for char in characters if char in JOINERS or unicodedata.category(char) not in UNSEEN)
