"""Multi-head attention (Vaswani et al., 2017)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .activations import softmax
from .core import Layer, NotWritten, Parameter, check_count, uniform


class MultiheadAttention(Layer):
    """Every query looks at all keys and takes the weighted mean of their values, in num_heads subspaces.

        Q, K, V = query W_qᵀ + b_q, key W_kᵀ + b_k, value W_vᵀ + b_v       in_proj_weight stacks W_q, W_k, W_v
        A = softmax(Q Kᵀ/√d), d = embed_dim/num_heads                        one (T, S) table for each head
        output = concat(A V) W_oᵀ + b_o

    Backwards, for each head and with G = dL/d(A V):  dV = Aᵀ G,  dA = G Vᵀ,  the softmax's rule
    dS = A(dA - Σ A dA), then dQ = dS K/√d and dK = dSᵀ Q/√d; the projections are Linear layers.

    query: (T, N, E), key and value: (S, N, E); with batch_first (N, T, E); or without N. `forward` returns the output
    and the weights A averaged over heads, (N, T, S); `backward` takes the output's gradient, or the pair of both, and
    returns those of query, key and value.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        check_count(self.name, embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads={num_heads} must divide embed_dim={embed_dim}; "
                "every head takes an equal share"
            )
        if dropout or add_bias_kv or add_zero_attn or kdim not in (None, embed_dim) or vdim not in (None, embed_dim):
            raise ValueError(
                "MultiheadAttention: dropout, add_bias_kv, add_zero_attn, kdim and vdim are not written here; "
                "leave them at their defaults"
            )
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.batch_first, self.dtype = batch_first, np.dtype(dtype)
        rng = np.random.default_rng() if rng is None else rng
        # torch: Linear's bound for the output, whose drawn bias it sets to 0; then Glorot's √(6/(fan_in + fan_out)) for
        # the stacked (3E, E).
        out_weight = uniform(rng, 1 / math.sqrt(embed_dim), (embed_dim, embed_dim), dtype)
        if bias:
            uniform(rng, 1 / math.sqrt(embed_dim), (embed_dim,), dtype)
        self.params["in_proj_weight"] = uniform(rng, math.sqrt(6 / (4 * embed_dim)), (3 * embed_dim, embed_dim), dtype)
        if bias:
            self.params["in_proj_bias"] = Parameter(np.zeros(3 * embed_dim, dtype))
        self.params["out_proj.weight"] = out_weight
        if bias:
            self.params["out_proj.bias"] = Parameter(np.zeros(embed_dim, dtype))

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        key_padding_mask: None = None,
        need_weights: bool = True,
        attn_mask: None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        if not (key_padding_mask is None and attn_mask is None and not is_causal and need_weights is True):
            raise NotWritten("MultiheadAttention: masks and need_weights=False are not written here; leave them out")
        if average_attn_weights is not True:
            raise NotWritten("MultiheadAttention: only average_attn_weights=True is written here; leave it out")
        if key is None or value is None:
            raise ValueError("MultiheadAttention: forward takes query, key and value; for self-attention pass x, x, x")
        inputs = self._inputs(query, key, value)  # each (N, T or S, E)
        weights = np.split(self.params["in_proj_weight"].data, 3)
        biases = np.split(self.params["in_proj_bias"].data, 3) if "in_proj_bias" in self.params else (0, 0, 0)
        q, k, v = (self._heads(x @ w.T + b) for x, w, b in zip(inputs, weights, biases, strict=True))
        scores = q @ k.swapaxes(2, 3) / math.sqrt(self.head_dim)  # (N, heads, T, S)
        attention = softmax(scores, -1)
        mixed = self._join(attention @ v)  # (N, T, E)
        output = mixed @ self.params["out_proj.weight"].data.T
        if "out_proj.bias" in self.params:
            output += self.params["out_proj.bias"].data
        output = self._as_given(output)
        average = attention.mean(axis=1)  # (N, T, S)
        self.remember(output, inputs, q, k, v, attention, mixed)
        return output, average if self._batched else average[0]

    def backward(self, grad_output: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        grad_output, grad_average = grad_output if isinstance(grad_output, (tuple, list)) else (grad_output, None)
        if grad_output is None:
            grad_output = np.zeros(self._output[0])
        grad_output, (inputs, q, k, v, attention, mixed) = self.recall(grad_output)
        g = self._to_batch(grad_output)  # (N, T, E)
        self._accumulate("out_proj.weight", "out_proj.bias", g, mixed)
        grad_mixed = self._heads(g @ self.params["out_proj.weight"].data)  # (N, heads, T, d)

        grad_v = attention.swapaxes(2, 3) @ grad_mixed
        grad_attention = grad_mixed @ v.swapaxes(2, 3)  # (N, heads, T, S)
        if grad_average is not None:
            grad_average = np.asarray(grad_average, dtype=self.dtype)
            grad_average = grad_average if self._batched else grad_average[None]
            grad_attention = grad_attention + grad_average[:, None] / self.num_heads
        inner = (grad_attention * attention).sum(axis=-1, keepdims=True)
        grad_scores = attention * (grad_attention - inner) / math.sqrt(self.head_dim)
        grad_q, grad_k = grad_scores @ k, grad_scores.swapaxes(2, 3) @ q

        grads = [self._join(grad) for grad in (grad_q, grad_k, grad_v)]  # (N, T or S, E)
        self._accumulate_in_proj(grads, inputs)
        weights = np.split(self.params["in_proj_weight"].data, 3)
        d_query, d_key, d_value = (self._as_given(grad @ w) for grad, w in zip(grads, weights, strict=True))
        return d_query, d_key, d_value

    def _accumulate(self, weight: str, bias: str, g: np.ndarray, x: np.ndarray) -> None:
        """Linear's rule: dW = gᵀ x, db = Σ g."""
        g, x = g.reshape(-1, self.embed_dim), x.reshape(-1, self.embed_dim)
        self.params[weight].accumulate(g.T @ x)
        if bias in self.params:
            self.params[bias].accumulate(g.sum(axis=0))

    def _accumulate_in_proj(self, grads: list[np.ndarray], inputs: tuple[np.ndarray, ...]) -> None:
        rows = [grad.reshape(-1, self.embed_dim) for grad in grads]
        fed = [x.reshape(-1, self.embed_dim) for x in inputs]
        stacked = np.concatenate([g.T @ x for g, x in zip(rows, fed, strict=True)])
        self.params["in_proj_weight"].accumulate(stacked)
        if "in_proj_bias" in self.params:
            self.params["in_proj_bias"].accumulate(np.concatenate([g.sum(axis=0) for g in rows]))

    def _heads(self, x: np.ndarray) -> np.ndarray:
        """(N, T, E) as (N, heads, T, d)."""
        return x.reshape(*x.shape[:2], self.num_heads, self.head_dim).swapaxes(1, 2)

    def _join(self, x: np.ndarray) -> np.ndarray:
        """(N, heads, T, d) as (N, T, E)."""
        return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], self.embed_dim)

    def _inputs(self, *given: Any) -> tuple[np.ndarray, ...]:
        arrays = [np.asarray(x, dtype=self.dtype) for x in given]
        query, key, value = (x.shape for x in arrays)
        if any(len(s) not in (2, 3) or len(s) != len(query) or s[-1] != self.embed_dim for s in (query, key, value)):
            order = "(N, T, E)" if self.batch_first else "(T, N, E)"
            raise ValueError(
                f"MultiheadAttention expects query, key and value as {order}, or (T, E) without a batch, with "
                f"E = {self.embed_dim}, but their shapes are {query}, {key} and {value}"
            )
        batch = 0 if self.batch_first else 1
        if key != value or (len(query) == 3 and query[batch] != key[batch]):
            raise ValueError(
                f"MultiheadAttention: every key needs one value and every query its batch of keys, "
                f"but the shapes of query, key and value are {query}, {key} and {value}"
            )
        self._batched = len(query) == 3
        return tuple(self._to_batch(x) for x in arrays)

    def _to_batch(self, x: np.ndarray) -> np.ndarray:
        if not self._batched:
            return x[None]
        return x if self.batch_first else x.swapaxes(0, 1)

    def _as_given(self, x: np.ndarray) -> np.ndarray:
        if not self._batched:
            return x[0]
        return x if self.batch_first else x.swapaxes(0, 1)
