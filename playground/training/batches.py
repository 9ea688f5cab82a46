"""Batches as a seeded DataLoader gives them, with every epoch gathered once instead of once per step."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


class Batches:
    """Goes over (inputs, targets) epoch after epoch, in the order of `DataLoader(generator=...)` to the bit.

    Args:
        least: samples that a batch must have. A rest that is smaller, which only `resize` can leave, joins the batch
            before it.

    Attributes:
        position: samples of the present epoch that were given out; 0 between two epochs.
        epochs_done: epochs that were given out whole.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        size: int,
        shuffle: bool,
        seed: int,
        drop_last: bool = False,
        least: int = 1,
    ):
        self.inputs, self.targets, self.size, self.shuffle = inputs, targets, size, shuffle
        self.drop_last, self.least = drop_last, least
        self.generator = torch.Generator().manual_seed(seed)
        self.position, self.epochs_done = 0, 0
        self._order = self._past = torch.empty(0, dtype=torch.int64)
        self._given = (0, 0)  # where in its epoch the last batch began, and how many samples it had
        self._left: Iterator[tuple[Any, Any]] = iter(())

    def __len__(self) -> int:
        """Batches in a whole epoch, with the last, shorter one unless it is dropped."""
        return len(self.inputs) // self.size if self.drop_last else -(-len(self.inputs) // self.size)

    @property
    def _end(self) -> int:
        """How many samples of the present epoch are given out in all."""
        count = self.inputs.shape[0]  # len(tensor) takes longer, and this is asked at every step
        return count - ((count - self.position) % self.size if self.drop_last else 0)

    @property
    def epoch(self) -> float:
        """Passes over the data so far."""
        return self.epochs_done + self.position / max(self._end, 1)

    def next(self) -> tuple[Any, Any]:
        """The next batch, from a new epoch if the present one is used up. `done` says that it was used."""
        batch = next(self._left, None)
        if batch is None:
            self._draw_order()
            batch = next(self._left)
        return batch

    @property
    def left(self) -> int:
        """Batches to the end of the epoch under way; a whole epoch's between two."""
        whole, rest = divmod(self._end - self.position, self.size)
        return max(1, whole + (rest > 0 and not (whole and rest < self.least)))

    def _sizes(self, count: int) -> list[int]:
        """How so many samples are shared out."""
        whole, rest = divmod(count, self.size)
        sizes = [self.size] * whole
        if whole and 0 < rest < self.least:
            sizes[-1] += rest
        elif rest:
            sizes.append(rest)
        return sizes

    def done(self, count: int) -> bool:
        """A batch of `count` samples was trained on; whether it was the last of its epoch."""
        self._given = self.position, count
        self.position += count
        if self.position < self._end:
            return False
        self._end_epoch()
        return True

    def _end_epoch(self) -> None:
        self.position, self._past, self._order = 0, self._order, self._order[:0]
        self.epochs_done += 1

    @property
    def last(self) -> Tensor:
        """Rows of the batch that was trained on last, in its order; empty before the first one."""
        order, (start, count) = self.last_state()
        return order[start : start + count]

    def last_state(self) -> tuple[Tensor, tuple[int, int]]:
        """Which batch is `last`, for `load_last`."""
        return (self._order if self.position else self._past), self._given

    def load_last(self, state: tuple[Tensor, tuple[int, int]]) -> None:
        """After `load_state_dict`, which does not tell which batch was the last one."""
        order, self._given = state
        if not self.position:
            self._past = order

    def coming(self) -> Tensor:
        """Rows of the next batch, in its order; the next epoch's order is looked at, but not drawn."""
        if self.position:
            return self._order[self.position :][: self._sizes(self._end - self.position)[0]]
        generator = torch.Generator()
        generator.set_state(self.generator.get_state())
        return self._drawn_order(generator)[: self.size]

    def resize(self, size: int, shuffle: bool, drop_last: bool = False) -> None:
        """Another batch size, from the next batch on; another kind of order, from the next epoch on.

        An epoch whose rest is dropped by the new settings is over.
        """
        self.size, self.shuffle, self.drop_last = size, shuffle, drop_last
        if self.position and self.position >= self._end:
            self._end_epoch()
        self._cut()

    def _draw_order(self) -> None:
        self._order = self._drawn_order(self.generator)
        self._cut()

    def _drawn_order(self, generator: torch.Generator) -> Tensor:
        """Draw what a DataLoader draws: a seed for workers, the order, and one order that it throws away."""
        count = len(self.inputs)
        torch.empty((), dtype=torch.int64).random_(generator=generator)
        if not self.shuffle:
            return torch.arange(count)
        order = torch.randperm(count, generator=generator)
        torch.randperm(count, generator=generator)
        return order

    def _cut(self) -> None:
        """Gather what the epoch has left, in batches."""
        left = self._order[self.position : self._end].to(self.inputs.device)
        self._left = iter(self._parts(self.inputs[left], self.targets[left]) if len(left) else ())

    def _parts(self, inputs: Tensor, targets: Tensor) -> list[tuple[Any, Any]]:
        sizes = self._sizes(len(inputs))
        return list(zip(inputs.split(sizes), targets.split(sizes), strict=True))

    def state_dict(self) -> dict[str, Any]:
        return {
            "position": self.position,
            "epochs_done": self.epochs_done,
            "order": self._order,
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.position, self.epochs_done, self._order = state["position"], state["epochs_done"], state["order"]
        self.generator.set_state(state["generator"])
        self._past, self._given = self._order[:0], (0, 0)
        self._cut()


class ArrayBatches(Batches):
    """The same batches as NumPy arrays."""

    def _parts(self, inputs: Tensor, targets: Tensor) -> list[tuple[Any, Any]]:
        parts = super()._parts(inputs, targets)
        return [(x.numpy(), t.numpy()) for x, t in parts]
