"""Layers of `playground.scratch` that take or give several arrays, in a form that takes one and gives one.

They are to that library what `playground.modules` is to torch; a NumPy script that needs one carries its source.
"""

from typing import Any

import numpy as np

from playground.scratch import GRU, LSTM, RNN, MultiheadAttention

__all__ = ["ONE_TO_ONE", "GRUState", "LSTMState", "RNNState", "SelfAttention"]


class OneState:
    """What makes of a recurrent layer one that gives the state at every step, or where every direction ended.

    x: (N, steps, features) -> (N, steps, directions * hidden), or (N, directions * hidden) where output is 'last'.
    """

    def __init__(self, *args: Any, output: str = "last", **options: Any):
        super().__init__(*args, **{**options, "batch_first": True})
        self.output = output

    def forward(self: Any, x: Any, state: Any = None) -> Any:
        sequence, last = super().forward(x, state)  # type: ignore[misc]
        if self.output == "sequence":
            return sequence
        hidden = last[0] if self.states == 2 else last
        self.last_shape = hidden.shape  # (layers * directions, N, hidden)
        return np.concatenate(list(hidden[-self.directions :]), axis=1)

    def backward(self: Any, grad_output: Any) -> Any:
        if self.output == "sequence":
            return super().backward(grad_output)  # type: ignore[misc]
        grad = np.zeros(self.last_shape, self.dtype)
        grad[-self.directions :] = np.split(np.asarray(grad_output), self.directions, axis=1)
        return super().backward((None, (grad, None) if self.states == 2 else grad))  # type: ignore[misc]


class RNNState(OneState, RNN):
    """RNN with one output."""


class LSTMState(OneState, LSTM):
    """LSTM with one output."""


class GRUState(OneState, GRU):
    """GRU with one output."""


class SelfAttention(MultiheadAttention):
    """Queries, keys and values are the same sequence (N, steps, features), whose gradient is the sum of the three."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **{**options, "batch_first": True})

    def forward(self, query: Any, key: Any = None, value: Any = None, *options: Any) -> Any:
        return super().forward(query, query, query, *options)[0]

    def backward(self, grad_output: Any) -> Any:
        return sum(super().backward(grad_output))


ONE_TO_ONE: dict[type, type] = {RNN: RNNState, LSTM: LSTMState, GRU: GRUState, MultiheadAttention: SelfAttention}
"""Class of `playground.scratch` -> what stands for it in a network."""
