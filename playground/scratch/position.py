"""What tells attention where in the sequence a step is (Vaswani et al., 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Layer, Parameter, as_float, check_count


class PositionalEncoding(Layer):
    """y_t = x_t + P_t for x: (N, steps, features): the same row of numbers is added to step t of every sample.

    P holds sin(t / 10000^(2i/E)) in the even features and cos in the odd ones. It is a constant, so dx = g; learned, it
    begins as N(0, 0.02^2) and dP = sum of g over the samples.
    """

    def __init__(
        self,
        steps: int,
        features: int,
        learned: bool = False,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        check_count(self.name, steps=steps, features=features)
        self.learned = learned
        if learned:
            rng = np.random.default_rng() if rng is None else rng
            self.params["table"] = Parameter((0.02 * rng.standard_normal((steps, features))).astype(dtype))
            return
        angle = np.arange(steps)[:, None] / 10_000 ** (np.arange(0, features, 2) / features)  # (steps, features / 2)
        self.constant = np.zeros((steps, features), np.float32)  # also among float64 numbers, as in torch
        self.constant[:, 0::2] = np.sin(angle)
        self.constant[:, 1::2] = np.cos(angle[:, : features // 2])

    def forward(self, x: Any) -> np.ndarray:
        x = as_float(x)
        added = self.params["table"].data if self.learned else self.constant
        if x.shape[-2:] != added.shape:
            steps, features = added.shape
            raise ValueError(
                f"PositionalEncoding expects (N, steps, features) = (N, {steps}, {features}) but the input has shape "
                f"{x.shape}"
            )
        return self.remember(x + added.astype(x.dtype))

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, _ = self.recall(grad_output)
        if self.learned:
            self.params["table"].accumulate(grad_output.reshape(-1, *grad_output.shape[-2:]).sum(axis=0))
        return grad_output
