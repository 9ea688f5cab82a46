"""Networks for the comparison that are written out here, once in torch and once in NumPy, layer beside layer.

Each is a function (dtype) -> (torch network, NumPy network, shape of one sample). Weights are drawn by the caller.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from playground import scratch

Pair = tuple[nn.Sequential, scratch.Sequential, tuple[int, ...]]


class LastState(nn.LSTM):
    """An LSTM (N, T, I) -> (N, H) that hands on only where it ended."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[1][0][-1]


class NumpyLastState(scratch.LSTM):
    """The same in NumPy: backward receives the gradient of the last hidden state alone."""

    def forward(self, x: Any, state: Any = None) -> Any:
        return super().forward(x, state)[1][0][-1]

    def backward(self, grad_output: Any) -> np.ndarray:
        return super().backward((None, (grad_output[None], None)))


def cnn(dtype: Any) -> Pair:
    """8x8 -> 32 maps -> 4x4 -> 64 maps -> 2x2 -> 128 -> 10."""
    theirs = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    ours = scratch.Sequential(
        scratch.Conv2d(1, 32, 3, padding=1, dtype=dtype),
        scratch.ReLU(),
        scratch.MaxPool2d(2),
        scratch.Conv2d(32, 64, 3, padding=1, dtype=dtype),
        scratch.ReLU(),
        scratch.MaxPool2d(2),
        scratch.Flatten(),
        scratch.Linear(256, 128, dtype=dtype),
        scratch.ReLU(),
        scratch.Linear(128, 10, dtype=dtype),
    )
    return theirs, ours, (1, 8, 8)


def lstm(dtype: Any) -> Pair:
    """Eight rows of eight pixels -> 32 -> 10."""
    theirs = nn.Sequential(LastState(8, 32, batch_first=True), nn.Linear(32, 10))
    ours = scratch.Sequential(NumpyLastState(8, 32, batch_first=True, dtype=dtype), scratch.Linear(32, 10, dtype=dtype))
    return theirs, ours, (8, 8)


NETWORKS: dict[str, Callable[[Any], Pair]] = {"cnn": cnn, "lstm": lstm}
