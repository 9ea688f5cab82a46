"""What a run remembers of its course, in bounded memory."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from playground.limits import LIMITS

STEP_COLUMNS = ("step", "loss", "lr")
EVALUATION_COLUMNS = ("eval_step", "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy")


class Table:
    """Rows of numbers under named columns; when full, every other row goes and only every other one still comes.

    The kept rows are always evenly spaced: every `stride`-th one, counted from the first.
    """

    def __init__(self, columns: Sequence[str], capacity: int):
        self.columns = {name: array("d") for name in columns}
        self.capacity, self.stride, self.count = capacity, 1, 0

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def append(self, *row: float) -> None:
        """One row, in the order of the columns."""
        if self.count % self.stride == 0:
            for column, value in zip(self.columns.values(), row, strict=True):
                column.append(value)
            if len(self) >= self.capacity:
                self.columns = {name: column[::2] for name, column in self.columns.items()}
                self.stride *= 2
        self.count += 1

    def cut(self, limit: float) -> None:
        """Forget the rows whose first column is above `limit`."""
        first = next(iter(self.columns.values()))
        kept = next((index for index, value in enumerate(first) if value > limit), len(first))
        if kept < len(first):
            self.columns = {name: column[:kept] for name, column in self.columns.items()}
            self.count = kept * self.stride

    def state_dict(self) -> dict[str, Any]:
        columns = {name: torch.tensor(column, dtype=torch.float64) for name, column in self.columns.items()}
        return {"stride": self.stride, "count": self.count, "columns": columns}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.stride, self.count = state["stride"], state["count"]
        self.columns = {name: array("d", state["columns"][name].tolist()) for name in self.columns}


class History(Mapping[str, np.ndarray]):
    """Columns of a run: one row per step (`step`, `loss`, `lr`), one per evaluation (the others).

    `history["loss"]` is a fresh float64 array; what does not apply (the accuracy of a regression) is nan.
    """

    def __init__(self) -> None:
        self.steps = Table(STEP_COLUMNS, LIMITS.history_points)
        self.evaluations = Table(EVALUATION_COLUMNS, max(2, LIMITS.history_points // 4))

    def __getitem__(self, name: str) -> np.ndarray:
        table = self.steps if name in STEP_COLUMNS else self.evaluations
        values = np.array(table.columns[name])
        return values.astype(np.int64) if name in ("step", "eval_step") else values

    def __iter__(self) -> Iterator[str]:
        return iter((*STEP_COLUMNS, *EVALUATION_COLUMNS))

    def __len__(self) -> int:
        return len(STEP_COLUMNS) + len(EVALUATION_COLUMNS)

    def cut(self, step: int) -> None:
        """Forget what came after `step`."""
        self.steps.cut(step)
        self.evaluations.cut(step)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps.state_dict(), "evaluations": self.evaluations.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps.load_state_dict(state["steps"])
        self.evaluations.load_state_dict(state["evaluations"])
