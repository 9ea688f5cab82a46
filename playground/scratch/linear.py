"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .core import Layer, check_count, ones, uniform


class Linear(Layer):
    """y = x Wᵀ + b, with W: (out_features, in_features) as in torch.

    In components y_no = Σ_i x_ni W_oi + b_o. With g = dL/dy the chain rule gives, term by term,

        dL/dW_oi = Σ_n g_no x_ni   ->  dW = gᵀ x
        dL/db_o  = Σ_n g_no        ->  db = 1ᵀ g, the sum over the batch
        dL/dx_ni = Σ_o g_no W_oi   ->  dx = g W

    x: (..., in_features), y: (..., out_features). Starts as torch does: U(±1/sqrt(in_features)).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        check_count("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features, self.dtype = in_features, out_features, np.dtype(dtype)
        bound = 1 / math.sqrt(in_features)
        self.params["weight"] = uniform(rng, bound, (out_features, in_features), dtype)
        if bias:
            self.params["bias"] = uniform(rng, bound, (out_features,), dtype)

    def forward(self, x: Any) -> np.ndarray:
        x = np.asarray(x, self.dtype)
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(
                f"Linear expects {self.in_features} features in the last dimension but the input has shape "
                f"{x.shape}; set in_features={x.shape[-1] if x.ndim else 1} or change what comes before"
            )
        rows = x if x.ndim == 2 else x.reshape(-1, self.in_features)  # (N, in): leading dimensions are samples
        y = rows.dot(self.params["weight"].data.T)
        if "bias" in self.params:
            y += self.params["bias"].data
        return self.remember(y if x.ndim == 2 else y.reshape(*x.shape[:-1], self.out_features), rows, x.shape)

    def backward(self, grad_output: Any) -> np.ndarray | None:
        grad_output, (rows, shape) = self.recall(grad_output)
        g = grad_output if len(shape) == 2 else grad_output.reshape(-1, self.out_features)  # (N, out)
        weight = self.params["weight"]
        weight.accumulate(g.T.dot(rows))
        if "bias" in self.params:
            self.params["bias"].accumulate(ones(len(g), self.dtype).dot(g))  # 1ᵀg, for few rows faster than sum
        return g.dot(weight.data).reshape(shape) if self.needs_input_grad else None
