"""How weights begin: rules that fill an array in place, with torch's names (`torch.nn.init`) and torch's numbers.

weight: (out, in, *kernel). The fan_in of a unit is how many numbers it adds up, its fan_out how many units it feeds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def zeros_(weight: np.ndarray) -> None:
    """w = 0."""
    weight[...] = 0


def normal_(weight: np.ndarray, mean: float = 0.0, std: float = 1.0, *, rng: Any) -> None:
    """w ~ N(mean, std²)."""
    weight[...] = mean + std * rng.standard_normal(weight.shape)


def xavier_uniform_(weight: np.ndarray, *, rng: Any) -> None:
    """w ~ U(±√(6 / (fan_in + fan_out))), which suits tanh (Glorot and Bengio, 2010)."""
    field = math.prod(weight.shape[2:])
    bound = math.sqrt(3) * math.sqrt(2 / (weight.shape[1] * field + weight.shape[0] * field))
    weight[...] = rng.uniform(-bound, bound, weight.shape)


def kaiming_uniform_(weight: np.ndarray, nonlinearity: str = "leaky_relu", *, rng: Any) -> None:
    """w ~ U(±√(6 / fan_in)), which suits ReLU (He et al., 2015)."""
    if nonlinearity not in ("relu", "leaky_relu"):
        raise ValueError(f"kaiming_uniform_: nonlinearity is {nonlinearity!r}; it is 'relu' or 'leaky_relu'")
    bound = math.sqrt(3) * (math.sqrt(2) / math.sqrt(math.prod(weight.shape[1:])))
    weight[...] = rng.uniform(-bound, bound, weight.shape)
