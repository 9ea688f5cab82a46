"""Dropout (Srivastava et al., 2014)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Layer, as_float, check_probability


class Dropout(Layer):
    """In training each value is set to 0 with probability p, the others are divided by 1 - p.

    y = x · mask with mask = kept / (1 - p): the mean stays that of x, so that `eval()` can be the identity.
    The mask is a constant of this forward, hence dx = g · mask. With p = 1 everything is 0.
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | None = None, dtype: Any = np.float64) -> None:
        super().__init__()
        check_probability("Dropout", p)
        self.p, self.dtype = p, np.dtype(dtype)  # dtype: of the random numbers; the output has x's own
        self.rng = np.random.default_rng() if rng is None else rng

    def forward(self, x: Any) -> np.ndarray:
        x = as_float(x)
        if not self.training or self.p == 0:
            return self.remember(x, 1.0)
        if self.p == 1:
            return self.remember(np.zeros_like(x), 0.0)
        kept = self.rng.random(x.shape, dtype=self.dtype) >= self.p
        mask = kept.astype(x.dtype) / (1 - self.p)
        return self.remember(x * mask, mask)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (mask,) = self.recall(grad_output)
        return grad_output * mask


class Dropout2d(Dropout):
    """Dropout of whole channels of (N, C, H, W): one draw for each picture and channel."""

    def forward(self, x: Any) -> np.ndarray:
        x = as_float(x)
        if x.ndim != 4:
            raise ValueError(f"Dropout2d expects (N, C, H, W) but the input has shape {x.shape}")
        if not self.training or self.p == 0:
            return self.remember(x, 1.0)
        if self.p == 1:
            return self.remember(np.zeros_like(x), 0.0)
        kept = self.rng.random((*x.shape[:2], 1, 1), dtype=self.dtype) >= self.p
        mask = kept.astype(x.dtype) / (1 - self.p)  # (N, C, 1, 1)
        return self.remember(x * mask, mask)
