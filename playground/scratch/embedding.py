"""A table of learned vectors, looked up by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Layer, Parameter, check_count


class Embedding(Layer):
    """y = weight[x]: row x of a table, for whole numbers x of any shape.

    It is a Linear layer fed with one-hot vectors, without the multiplications by 0. Hence the gradient of a
    row is the sum of the gradients of all places where its index occurred. The row `padding_idx` starts at 0
    and its gradient stays 0. An index has no derivative: `backward` returns None. Starts from N(0, 1).
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        check_count("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if max_norm is not None or scale_grad_by_freq or sparse:
            raise ValueError("Embedding: max_norm, scale_grad_by_freq and sparse are not written here; leave them")
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"Embedding: padding_idx {padding_idx} is not a row of the table; "
                    f"it has rows 0 to {num_embeddings - 1}"
                )
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.dtype = np.dtype(dtype)
        rng = np.random.default_rng() if rng is None else rng
        weight = rng.standard_normal((num_embeddings, embedding_dim)).astype(dtype)
        if padding_idx is not None:
            weight[padding_idx] = 0
        self.params["weight"] = Parameter(weight)

    def forward(self, x: Any) -> np.ndarray:
        x = np.asarray(x)
        if x.dtype.kind not in "iu" and x.size:
            raise ValueError(f"Embedding looks up whole numbers but the input is {x.dtype}; convert it to int64")
        x = x.astype(np.int64)
        if x.size and (x.min() < 0 or x.max() >= self.num_embeddings):
            wrong = x.min() if x.min() < 0 else x.max()
            raise ValueError(
                f"Embedding: index {wrong} is out of range; the table has rows 0 to {self.num_embeddings - 1}"
            )
        return self.remember(self.params["weight"].data[x], x)  # (..., embedding_dim)

    def backward(self, grad_output: Any) -> None:
        grad_output, (x,) = self.recall(grad_output)
        grad = np.zeros_like(self.params["weight"].data)
        np.add.at(grad, x, grad_output)  # unlike grad[x] += ..., repeated indices add up
        if self.padding_idx is not None:
            grad[self.padding_idx] = 0
        self.params["weight"].accumulate(grad)
