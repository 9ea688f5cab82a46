"""Moments of a run that it can go back to: in bounded memory, and evenly spaced over its course."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from playground.spec import Experiment
from playground.training import record

MAX_MOMENTS = 64
MAX_BYTES = 16 * 2**20
"""What all moments of one run may take; a network of which not even two moments fit has no timeline."""
MOST_KEPT = 2 * 2**20
"""What they may take in a state, which waits in the web process until its run is opened again."""


@dataclass(frozen=True)
class Moment:
    """Where a run was at one step.

    Attributes:
        experiment: what it trained then.
        course: all that decides the steps that follow.
        status, message: those of the run.
        gradients, update: of the last step, by parameter; None before the first one, or where it was not measured.
        batch: the order of the last batch's epoch, where in it the batch began, and how many samples it had.
    """

    step: int
    epoch: float
    experiment: Experiment
    course: dict[str, Any]
    status: str
    message: str
    gradients: list[Tensor | None] | None = None
    update: list[Tensor] | None = None
    batch: tuple[Tensor, tuple[int, int]] | None = None

    @property
    def size(self) -> int:
        """Bytes of all its tensors."""
        return sum(map(size, (self.course, self.gradients, self.update, self.batch)))

    def packed(self) -> Tensor:
        """All of it as the bytes of one tensor: among others, dozens of tensors of each would be a long list."""
        state = record.dump({**vars(self), "experiment": self.experiment.model_dump_json()})
        return torch.frombuffer(bytearray(state), dtype=torch.uint8)

    @classmethod
    def of(cls, packed: Tensor) -> Self:
        """The moment that was `packed`.

        Raises:
            ValueError: the bytes are none.
        """
        state = record.parse(packed.numpy().tobytes())
        return cls(**{**state, "experiment": Experiment.model_validate_json(state["experiment"])})


class Timeline:
    """Moments at the ends of epochs. When it is full, every other one goes and only every other one still comes."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.stride = 1

    def state_dict(self) -> dict[str, Any]:
        """The moments; where they take more than is kept, every other one."""
        moments, stride = self.moments, self.stride
        while len(moments) > 1 and sum(moment.size for moment in moments) > MOST_KEPT:
            moments, stride = moments[::2], 2 * stride
        return {"stride": stride, "moments": [moment.packed() for moment in moments]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.stride, self.moments = state["stride"], [Moment.of(moment) for moment in state["moments"]]

    def __iter__(self) -> Iterator[Moment]:
        return iter(self.moments)

    def due(self, epoch: int) -> bool:
        """Whether the end of this epoch is to be kept."""
        return self.stride > 0 and epoch % self.stride == 0

    def keep(self, moment: Moment) -> None:
        """Take in a moment; its course is not copied."""
        self.cut(moment.step - 1)
        self.moments.append(moment)
        most = min(MAX_MOMENTS, MAX_BYTES // max(1, moment.size))
        while len(self.moments) > max(1, most):
            self.stride *= 2
            kept = [it for it in self.moments if round(it.epoch) % self.stride == 0]
            self.moments = kept if len(kept) < len(self.moments) else self.moments[::2]
        if most < 2:
            self.moments, self.stride = [], 0

    def complete(self, step: int, update: list[Tensor]) -> None:
        """Add what the last step has done to the moment that was kept at its end, if one was."""
        if self.moments and self.moments[-1].step == step:
            self.moments[-1] = replace(self.moments[-1], update=update)

    def at(self, step: int) -> Moment:
        """The moment nearest to a step, the earlier one of two.

        Raises:
            ValueError: nothing was kept.
        """
        if not self.moments:
            raise ValueError("no moment of this run was kept: the network is too large for a timeline.")
        return min(self.moments, key=lambda moment: (abs(moment.step - step), moment.step))

    def cut(self, step: int) -> None:
        """Forget what came after `step`."""
        self.moments = [moment for moment in self.moments if moment.step <= step]


def size(value: Any) -> int:
    """Bytes of all tensors in nested state."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(size(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(size(item) for item in value)
    return 0
