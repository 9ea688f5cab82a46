"""Normalisations: every value minus a mean, over a standard deviation, then scaled by learned weights.

They differ in which values share one mean. For x: (N, C, *size) BatchNorm shares over N and size, LayerNorm over
the last dimensions, GroupNorm over a group of channels and size; RMSNorm leaves the mean out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .core import Layer, Parameter, check_count

Axes = tuple[int, ...]


def standardize(x: np.ndarray, axes: Axes, eps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x̂ = (x - μ)·r with r = 1/√(σ² + eps), μ and σ² the mean and the biased variance over `axes`.

    Returns x̂, r, μ and σ², the last three with `axes` kept at length 1.
    """
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    var = (centred * centred).mean(axis=axes, keepdims=True)
    r = 1 / np.sqrt(var + eps)
    return centred * r, r, mean, var


def standardize_backward(g: np.ndarray, x_hat: np.ndarray, r: np.ndarray, axes: Axes) -> np.ndarray:
    """dx from g = dL/dx̂.

    x moves x̂ on three ways: directly (r), through μ and through r. With m(·) the mean over `axes`,

        ∂x̂_j/∂x_i = r(δ_ij - 1/n - x̂_i x̂_j/n)   ->   dx = r(g - m(g) - x̂·m(g·x̂))

    so g loses its component along 1 and along x̂: shifting or stretching all x changes nothing.
    """
    mean_g = g.mean(axis=axes, keepdims=True)
    mean_gx = (g * x_hat).mean(axis=axes, keepdims=True)
    return r * (g - mean_g - x_hat * mean_gx)


class _Norm(Layer):
    """The learned part of all of them: y = x̂·weight + bias, where one number serves a row, a channel or a cell."""

    def _make_params(self, shape: tuple[int, ...], weight: bool, bias: bool, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        if weight:
            self.params["weight"] = Parameter(np.ones(shape, dtype))
        if weight and bias:
            self.params["bias"] = Parameter(np.zeros(shape, dtype))

    def _affine(self, x_hat: np.ndarray, view: tuple[int, ...]) -> np.ndarray:
        """`view`: the shape in which the parameters line up with x̂."""
        y = x_hat
        if "weight" in self.params:
            y = y * self.params["weight"].data.reshape(view)
        if "bias" in self.params:
            y = y + self.params["bias"].data.reshape(view)
        return y

    def _affine_backward(self, g: np.ndarray, x_hat: np.ndarray, view: tuple[int, ...], axes: Axes) -> np.ndarray:
        """dweight = Σ g·x̂ and dbias = Σ g over `axes`, all that one number served; returns dL/dx̂."""
        if "bias" in self.params:
            bias = self.params["bias"]
            bias.accumulate(g.sum(axis=axes).reshape(bias.shape))
        if "weight" not in self.params:
            return g
        weight = self.params["weight"]
        weight.accumulate((g * x_hat).sum(axis=axes).reshape(weight.shape))
        return g * weight.data.reshape(view)


class _BatchNorm(_Norm):
    """Every channel is normalised over the batch and all places (Ioffe and Szegedy, 2015).

    Training uses the batch's mean and biased variance, and keeps running averages of the mean and of the unbiased
    variance: running = (1 - momentum)·running + momentum·batch, or the plain average with momentum=None. `eval()`
    uses those, constants now, so that backward shrinks to dx = g·weight·r. Without track_running_stats the
    batch's own numbers are used always.
    """

    dims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        rng: np.random.Generator | None = None,  # accepted for a uniform call: nothing is drawn
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        check_count(self.name, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.track_running_stats = track_running_stats
        self._make_params((num_features,), affine, bias, dtype)
        if track_running_stats:
            self.buffers["running_mean"] = np.zeros(num_features, dtype)
            self.buffers["running_var"] = np.ones(num_features, dtype)
            self.buffers["num_batches_tracked"] = np.zeros((), np.int64)

    def forward(self, x: Any) -> np.ndarray:
        x = np.asarray(x, dtype=self.dtype)
        if x.ndim not in self.dims or x.shape[1] != self.num_features:
            dims = " or ".join(str(d) for d in self.dims)
            raise ValueError(
                f"{self.name} expects {self.num_features} channels in dimension 1 of {dims} dimensions "
                f"but the input has shape {x.shape}"
            )
        axes = (0, *range(2, x.ndim))
        view = (1, -1, *[1] * (x.ndim - 2))
        if self.training or not self.track_running_stats:
            n = x.size // self.num_features
            if n <= 1:
                raise ValueError(
                    f"{self.name} needs more than one value per channel in training but an input of shape {x.shape} "
                    f"has {n}; use a larger batch, or eval()"
                )
            x_hat, r, mean, var = standardize(x, axes, self.eps)
            if self.training and self.track_running_stats:
                self._track(mean.reshape(-1), var.reshape(-1) * (n / (n - 1)))
            y = self._affine(x_hat, view)
            return self.remember(y, x_hat, r, True)
        r = 1 / np.sqrt(self.buffers["running_var"].reshape(view) + self.eps)
        x_hat = (x - self.buffers["running_mean"].reshape(view)) * r
        return self.remember(self._affine(x_hat, view), x_hat, r, False)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (x_hat, r, from_batch) = self.recall(grad_output)
        axes = (0, *range(2, x_hat.ndim))
        g = self._affine_backward(grad_output, x_hat, (1, -1, *[1] * (x_hat.ndim - 2)), axes)
        return standardize_backward(g, x_hat, r, axes) if from_batch else g * r

    def _track(self, mean: np.ndarray, unbiased_var: np.ndarray) -> None:
        self.buffers["num_batches_tracked"] += 1
        momentum = 1 / int(self.buffers["num_batches_tracked"]) if self.momentum is None else self.momentum
        for key, new in (("running_mean", mean), ("running_var", unbiased_var)):
            running = self.buffers[key]
            running[...] = (1 - momentum) * running + momentum * new


class BatchNorm1d(_BatchNorm):
    __doc__ = f"x: (N, C) or (N, C, L). {_BatchNorm.__doc__}"
    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    __doc__ = f"x: (N, C, H, W). {_BatchNorm.__doc__}"
    dims = (4,)


class LayerNorm(_Norm):
    """Every sample is normalised over its last dimensions, normalized_shape (Ba et al., 2016); no running averages."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        rng: np.random.Generator | None = None,  # accepted for a uniform call: nothing is drawn
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = _shape(self.name, normalized_shape), eps
        self._make_params(self.normalized_shape, elementwise_affine, bias, dtype)

    def forward(self, x: Any) -> np.ndarray:
        x = _trailing(self, x)
        x_hat, r, _, _ = standardize(x, _last(self.normalized_shape), self.eps)
        return self.remember(self._affine(x_hat, self.normalized_shape), x_hat, r)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (x_hat, r) = self.recall(grad_output)
        shared = tuple(range(x_hat.ndim - len(self.normalized_shape)))
        g = self._affine_backward(grad_output, x_hat, self.normalized_shape, shared)
        return standardize_backward(g, x_hat, r, _last(self.normalized_shape))


class RMSNorm(_Norm):
    """x̂ = x·r with r = 1/√(mean(x²) + eps) over the last dimensions (Zhang and Sennrich, 2019).

    LayerNorm without the mean, hence without its term in the gradient: dx = r(g - x̂·m(g·x̂)).
    eps=None means the smallest step of the dtype at 1, as in torch.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        rng: np.random.Generator | None = None,  # accepted for a uniform call: nothing is drawn
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(self.name, normalized_shape)
        self.eps = eps
        self._make_params(self.normalized_shape, elementwise_affine, False, dtype)

    def forward(self, x: Any) -> np.ndarray:
        x = _trailing(self, x)
        eps = float(np.finfo(x.dtype).eps) if self.eps is None else self.eps
        r = 1 / np.sqrt((x * x).mean(axis=_last(self.normalized_shape), keepdims=True) + eps)
        x_hat = x * r
        return self.remember(self._affine(x_hat, self.normalized_shape), x_hat, r)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (x_hat, r) = self.recall(grad_output)
        shared = tuple(range(x_hat.ndim - len(self.normalized_shape)))
        g = self._affine_backward(grad_output, x_hat, self.normalized_shape, shared)
        mean_gx = (g * x_hat).mean(axis=_last(self.normalized_shape), keepdims=True)
        return r * (g - x_hat * mean_gx)


class GroupNorm(_Norm):
    """Every sample is normalised over each of num_groups groups of channels (Wu and He, 2018). x: (N, C, *size)."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        rng: np.random.Generator | None = None,  # accepted for a uniform call: nothing is drawn
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        check_count("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups={num_groups} must divide num_channels={num_channels}; "
                "every group takes an equal share"
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._make_params((num_channels,), affine, bias, dtype)

    def forward(self, x: Any) -> np.ndarray:
        x = np.asarray(x, dtype=self.dtype)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(
                f"GroupNorm expects {self.num_channels} channels in dimension 1 but the input has shape {x.shape}"
            )
        if x.size <= self.num_groups:
            raise ValueError(
                f"GroupNorm needs more than one value per group but an input of shape {x.shape} has {x.size} for "
                f"{self.num_groups} groups; use fewer groups or a larger batch"
            )
        grouped = x.reshape(x.shape[0], self.num_groups, -1)  # (N, G, C/G · size)
        x_hat, r, _, _ = standardize(grouped, (2,), self.eps)
        x_hat = x_hat.reshape(x.shape)
        return self.remember(self._affine(x_hat, (-1, *[1] * (x.ndim - 2))), x_hat, r)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (x_hat, r) = self.recall(grad_output)
        view = (-1, *[1] * (x_hat.ndim - 2))
        g = self._affine_backward(grad_output, x_hat, view, (0, *range(2, x_hat.ndim)))
        grouped = (*x_hat.shape[:1], self.num_groups, -1)
        return standardize_backward(g.reshape(grouped), x_hat.reshape(grouped), r, (2,)).reshape(x_hat.shape)


def _shape(layer: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    given = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    for size in given:
        check_count(layer, normalized_shape=size)
    if not given:
        raise ValueError(f"{layer}: normalized_shape is empty; name at least the last dimension")
    return tuple(int(size) for size in given)


def _last(normalized_shape: tuple[int, ...]) -> Axes:
    return tuple(range(-len(normalized_shape), 0))


def _trailing(layer: Any, x: Any) -> np.ndarray:
    """x in the layer's dtype, its last dimensions checked."""
    x = np.asarray(x, dtype=layer.dtype)
    expected = layer.normalized_shape
    if x.shape[max(x.ndim - len(expected), 0) :] != expected:
        raise ValueError(
            f"{layer.name} normalises over the last dimensions {expected} but the input has shape {x.shape}; "
            f"set normalized_shape={x.shape[-len(expected) :]}"
        )
    return x
