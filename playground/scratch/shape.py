"""Layers that only rearrange numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .core import Layer, as_float


class Flatten(Layer):
    """Joins the dimensions start_dim..end_dim into one; backward cuts the gradient back into the old shape."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> np.ndarray:
        x = as_float(x)
        shape = x.shape or (1,)  # a single number flattens to one element
        start, end = (dim + len(shape) if dim < 0 else dim for dim in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < len(shape):
            raise ValueError(
                f"Flatten joins dimensions {self.start_dim} to {self.end_dim}, which an input of shape {x.shape} "
                f"does not have in this order; it has dimensions 0 to {len(shape) - 1}"
            )
        joined = int(np.prod(shape[start : end + 1]))
        return self.remember(x.reshape(*shape[:start], joined, *shape[end + 1 :]), x.shape)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (shape,) = self.recall(grad_output)
        return grad_output.reshape(shape)


class Unflatten(Layer):
    """Cuts dimension `dim` into several; backward joins the gradient again."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Any) -> np.ndarray:
        x = as_float(x)
        dim = self.dim + x.ndim if self.dim < 0 else self.dim
        if not 0 <= dim < x.ndim or x.shape[dim] != math.prod(self.unflattened_size):
            raise ValueError(
                f"Unflatten cuts dimension {self.dim} into {self.unflattened_size}, but the input has shape {x.shape}; "
                f"this dimension needs {math.prod(self.unflattened_size)} numbers"
            )
        return self.remember(x.reshape(*x.shape[:dim], *self.unflattened_size, *x.shape[dim + 1 :]), x.shape)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (shape,) = self.recall(grad_output)
        return grad_output.reshape(shape)
