"""Activations: functions of one number each, and the softmaxes.

Each class is a pair: `f(x)`, and `df(x, y)`, its derivative at x where y = f(x) is already known. The base
class does the rest: y = f(x) going forward, dL/dx = dL/dy · f'(x) going back. At a kink the derivative is
torch's choice: 0 for ReLU at 0, and so on; the comparisons below (> or >=) decide it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .core import Layer, Parameter, as_float, check_count
from .erf import erf


class Activation(Layer):
    """y = f(x), element by element; dx = g · f'(x)."""

    def f(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def forward(self, x: Any) -> np.ndarray:
        x = as_float(x)
        y = self.f(x)
        return self.remember(y, x, y)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (x, y) = self.recall(grad_output)
        return grad_output * self.df(x, y)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1/(1 + exp(-x)), written with exp(-|x|) so that nothing overflows."""
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, z) / (1 + z)


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)); its derivative is the sigmoid."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


class ReLU(Activation):
    """max(x, 0); derivative 1 above 0, else 0."""

    def f(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return x > 0


class LeakyReLU(Activation):
    """x above 0, negative_slope · x below; derivative 1 and negative_slope (also at 0)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def f(self, x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, self.negative_slope * x)

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return _choose(x > 0, 1.0, self.negative_slope, x)


class ReLU6(Activation):
    """ReLU capped at 6; derivative 1 strictly between 0 and 6."""

    def f(self, x: np.ndarray) -> np.ndarray:
        return np.clip(x, 0, 6)

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x > 0) & (x < 6)


class Hardtanh(Activation):
    """x limited to [min_val, max_val]; derivative 1 strictly inside."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__()
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val {min_val} must be below max_val {max_val}; swap them")
        self.min_val, self.max_val = min_val, max_val

    def f(self, x: np.ndarray) -> np.ndarray:
        return np.clip(x, self.min_val, self.max_val)

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x > self.min_val) & (x < self.max_val)


class Sigmoid(Activation):
    """σ(x) = 1/(1 + exp(-x)); derivative σ(1 - σ)."""

    def f(self, x: np.ndarray) -> np.ndarray:
        return sigmoid(x)

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return y * (1 - y)


class Tanh(Activation):
    """tanh(x); derivative 1 - tanh²."""

    def f(self, x: np.ndarray) -> np.ndarray:
        return np.tanh(x)

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 1 - y * y


class LogSigmoid(Activation):
    """log σ(x) = -softplus(-x); derivative 1 - σ(x) = σ(-x)."""

    def f(self, x: np.ndarray) -> np.ndarray:
        return -softplus(-x)

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return sigmoid(-x)


class Softplus(Activation):
    """log(1 + exp(βx))/β, and x itself where βx > threshold; derivative σ(βx), there 1."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        if beta == 0:
            raise ValueError("Softplus: beta is 0, and the formula divides by it; use another value, such as 1")
        self.beta, self.threshold = beta, threshold

    def f(self, x: np.ndarray) -> np.ndarray:
        return np.where(self.beta * x > self.threshold, x, softplus(self.beta * x) / self.beta)

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where(self.beta * x > self.threshold, 1, sigmoid(self.beta * x))


class Softsign(Activation):
    """x/(1 + |x|); derivative 1/(1 + |x|)²."""

    def f(self, x: np.ndarray) -> np.ndarray:
        return x / (1 + np.abs(x))

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.abs(x)) ** 2


class ELU(Activation):
    """x above 0, α(exp(x) - 1) below (Clevert et al., 2015); derivative 1, and α exp(x)."""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def f(self, x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where(x > 0, 1, self.alpha * np.exp(np.minimum(x, 0)))


class SELU(Activation):
    """λ·ELU(x) with the λ and α that keep mean 0 and variance 1 (Klambauer et al., 2017)."""

    alpha = 1.6732632423543772848170429916717
    scale = 1.0507009873554804934193349852946

    def f(self, x: np.ndarray) -> np.ndarray:
        return self.scale * np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self.scale * np.where(x > 0, 1, self.alpha * np.exp(np.minimum(x, 0)))


class GELU(Activation):
    """x Φ(x), with Φ the normal distribution function (Hendrycks and Gimpel, 2016).

    approximate="none": Φ(x) = (1 + erf(x/√2))/2, whose derivative is φ(x) = exp(-x²/2)/√(2π), so f' = Φ + xφ.
    approximate="tanh": x (1 + tanh u)/2 with u = √(2/π)(x + 0.044715 x³), differentiated as it stands.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate is {approximate!r}; choose 'none' (erf) or 'tanh'")
        self.approximate = approximate

    def f(self, x: np.ndarray) -> np.ndarray:
        if self.approximate == "tanh":
            return 0.5 * x * (1 + np.tanh(self._u(x)))
        return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.approximate == "tanh":
            t = np.tanh(self._u(x))
            du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
            return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return 0.5 * (1 + erf(x * math.sqrt(0.5))) + x * density

    def _u(self, x: np.ndarray) -> np.ndarray:
        return math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)


class SiLU(Activation):
    """x σ(x), also called swish (Elfwing et al., 2017); derivative σ(1 + x(1 - σ))."""

    def f(self, x: np.ndarray) -> np.ndarray:
        return x * sigmoid(x)

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        s = sigmoid(x)
        return s * (1 + x * (1 - s))


class Mish(Activation):
    """x tanh(softplus(x)) (Misra, 2019); with t the tanh, derivative t + x σ(x)(1 - t²)."""

    def f(self, x: np.ndarray) -> np.ndarray:
        return x * np.tanh(softplus(x))

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        t = np.tanh(softplus(x))
        return t + x * sigmoid(x) * (1 - t * t)


class Hardsigmoid(Activation):
    """The straight line (x + 3)/6 limited to [0, 1]; derivative 1/6 strictly between -3 and 3."""

    slope = float(np.float32(1 / 6))  # torch's constant is a float32, which the last digits show

    def f(self, x: np.ndarray) -> np.ndarray:
        return np.clip(x + 3, 0, 6) / 6

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return _choose((x > -3) & (x < 3), self.slope, 0.0, x)


class Hardswish(Activation):
    """x · Hardsigmoid(x) (Howard et al., 2019); derivative 0 up to -3, x/3 + 1/2, and 1 from 3 on."""

    def f(self, x: np.ndarray) -> np.ndarray:
        return x * np.clip(x + 3, 0, 6) / 6

    def df(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where(x <= -3, 0, np.where(x < 3, x / 3 + 0.5, 1))


class PReLU(Layer):
    """x above 0, a·x below, with a learned: one for all (num_parameters=1) or one per channel (dimension 1).

    (He et al., 2015.) Derivative by x: 1, and a where x <= 0. By a: x where x <= 0, summed over all that share it.
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        *,
        rng: np.random.Generator | None = None,  # accepted for a uniform call: nothing is drawn
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        check_count("PReLU", num_parameters=num_parameters)
        self.num_parameters, self.dtype = num_parameters, np.dtype(dtype)
        self.params["weight"] = Parameter(np.full(num_parameters, init, dtype))

    def forward(self, x: Any) -> np.ndarray:
        x = np.asarray(x, dtype=self.dtype)
        channels = x.shape[1] if x.ndim > 1 else 1
        if self.num_parameters not in (1, channels):
            raise ValueError(
                f"PReLU has {self.num_parameters} slopes but the input of shape {x.shape} has {channels} channels; "
                f"set num_parameters={channels} or 1"
            )
        slope = self.params["weight"].data
        view = () if self.num_parameters == 1 else (-1, *[1] * (x.ndim - 2))
        slope = slope.reshape(view)  # (C, 1, ...) lines up with (N, C, ...)
        return self.remember(np.where(x > 0, x, slope * x), x, slope)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (x, slope) = self.recall(grad_output)
        shared = None if self.num_parameters == 1 else (0, *range(2, x.ndim))  # all that one slope served
        grad_slope = np.where(x > 0, 0, grad_output * x).sum(axis=shared)
        self.params["weight"].accumulate(grad_slope.reshape(self.num_parameters))
        return np.where(x > 0, grad_output, slope * grad_output)


class Softmax(Layer):
    """y_i = exp(x_i)/Σ_j exp(x_j) along `dim`; the largest x is subtracted first, so that exp cannot overflow.

    ∂y_i/∂x_j = y_i(δ_ij - y_j): every output depends on every input. Summed with g this is dx = y(g - Σ_j g_j y_j).
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> np.ndarray:
        x = as_float(x)
        axis = _softmax_axis(self.name, self.dim, x)
        y = softmax(x, axis)
        return self.remember(y, y, axis)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (y, axis) = self.recall(grad_output)
        return y * (grad_output - (grad_output * y).sum(axis=axis, keepdims=True))


class LogSoftmax(Layer):
    """y_i = x_i - log Σ_j exp(x_j) along `dim`.

    ∂y_i/∂x_j = δ_ij - softmax_j, hence dx = g - softmax(x) · Σ_j g_j.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> np.ndarray:
        x = as_float(x)
        axis = _softmax_axis(self.name, self.dim, x)
        y = log_softmax(x, axis)
        return self.remember(y, y, axis)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (y, axis) = self.recall(grad_output)
        return grad_output - np.exp(y) * grad_output.sum(axis=axis, keepdims=True)


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    return y / y.sum(axis=axis, keepdims=True)


def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _softmax_axis(layer: str, dim: int | None, x: np.ndarray) -> int:
    """`dim` counted from the front; None means torch's old rule: 0 for 0, 1 or 3 dimensions, else 1."""
    if dim is None:
        dim = 0 if x.ndim in (0, 1, 3) else 1
    if not -max(x.ndim, 1) <= dim < max(x.ndim, 1):
        raise ValueError(f"{layer}: dim {dim} does not exist in an input of shape {x.shape}")
    return dim


def _choose(condition: np.ndarray, yes: float, no: float, x: np.ndarray) -> np.ndarray:
    """One of two numbers per element, in the dtype of x."""
    return np.where(condition, x.dtype.type(yes), x.dtype.type(no))
