"""A shortcut around some layers (He et al., 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .conv import Conv2d
from .core import Layer, Sequential
from .linear import Linear


class Residual(Layer):
    """y = f(x) + s(x), with f the layers and s a shortcut: x itself, or a Linear or 1x1 convolution without bias.

    The gradient takes both ways and adds up: dx = f'(g) + s'(g). With s(x) = x it reaches x undiminished, however deep
    f is.
    """

    def __init__(
        self,
        *layers: Layer,
        shortcut: Mapping[str, int] | None = None,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        self.body = Sequential(*layers)
        self.shortcut: Layer | None = None
        if shortcut is not None and "in_channels" in shortcut:
            sizes = (shortcut["in_channels"], shortcut["out_channels"], 1, shortcut.get("stride", 1))
            self.shortcut = Conv2d(*sizes, bias=False, rng=rng, dtype=dtype)
        elif shortcut is not None:
            self.shortcut = Linear(**shortcut, bias=False, rng=rng, dtype=dtype)
        for name, part in self._parts():
            self.params.update({f"{name}.{key}": param for key, param in part.params.items()})
            self.buffers.update({f"{name}.{key}": buffer for key, buffer in part.buffers.items()})

    def _parts(self) -> list[tuple[str, Layer]]:
        return [("body", self.body), *([("shortcut", self.shortcut)] if self.shortcut else [])]

    def forward(self, x: Any) -> np.ndarray:
        y, kept = self.body.forward(x), self.shortcut.forward(x) if self.shortcut else np.asarray(x)
        if y.shape != kept.shape:
            raise ValueError(f"Residual: its layers give {y.shape}, its shortcut {kept.shape}; they must agree")
        return self.remember(y + kept)

    def backward(self, grad_output: Any) -> Any:
        grad_output, _ = self.recall(grad_output)
        straight = self.shortcut.backward(grad_output) if self.shortcut else grad_output
        return self.body.backward(grad_output) + straight

    def train(self, mode: bool = True) -> Layer:
        for _, part in self._parts():
            part.train(mode)
        return super().train(mode)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Part after part, the order of torch's keys."""
        return {f"{name}.{key}": value for name, part in self._parts() for key, value in part.state_dict().items()}
