"""Losses: how wrong a prediction is, and in which direction it should move.

`forward(input, target)` gives a number (an array with reduction="none"), `backward()` its gradient with respect
to the input. Each class is a pair of formulas for one element, `f` and its derivative `df`; the reduction around
them is the same for all: "mean" divides the sum by the number of elements, and so does the gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .activations import log_softmax
from .core import Named, as_float

REDUCTIONS = ("none", "mean", "sum")


class Loss(metaclass=Named):
    """The reduction, and the memory between forward and backward."""

    reductions: tuple[str, ...] = REDUCTIONS

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in self.reductions:
            raise ValueError(f"{self.name}: reduction is {reduction!r}; choose one of {', '.join(self.reductions)}")
        self.reduction = reduction
        self._saved: tuple[Any, ...] | None = None

    @property
    def name(self) -> str:
        return type(self).__name__

    def __call__(self, input: Any, target: Any) -> Any:
        return self.forward(input, target)

    def forward(self, input: Any, target: Any) -> Any:
        raise NotImplementedError

    def backward(self, grad_output: Any = None) -> np.ndarray:
        raise NotImplementedError

    def reduce(self, losses: np.ndarray, divisor: float, *saved: Any) -> Any:
        """The value of the loss; `divisor` is what "mean" divides by."""
        self._saved = (losses.shape, losses.dtype, divisor, saved)
        if self.reduction == "none":
            return losses
        total = float(np.add.reduce(losses, axis=None))
        if self.reduction == "sum":
            return total
        return total / divisor if divisor else math.nan

    def recall(self, grad_output: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
        """dL/d(losses), the gradient each element's loss receives, and what `forward` kept.

        grad_output: the gradient of what forward returned; None means 1, where the chain rule starts.
        """
        if self._saved is None:
            raise ValueError(f"{self.name}: backward was called before forward; compute the loss first")
        shape, dtype, divisor, saved = self._saved
        if self.reduction == "none":
            grad = np.asarray(1 if grad_output is None else grad_output, dtype=dtype)
            if grad.shape not in ((), shape):
                raise ValueError(
                    f"{self.name}: grad_output has shape {grad.shape} but the losses have shape {shape}; "
                    "pass one number per loss"
                )
            return grad, saved
        factor = 1.0 if grad_output is None else np.asarray(grad_output, dtype=dtype).item()
        if self.reduction != "sum":
            factor = factor / divisor if divisor else 0.0
        return dtype.type(factor), saved


class _Elementwise(Loss):
    """A loss that compares input and target number by number: loss = f(x, t), gradient g · df(x, t)."""

    def f(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def df(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def forward(self, input: Any, target: Any) -> Any:
        x = as_float(input)
        t = np.asarray(target, dtype=x.dtype)
        if x.shape != t.shape:
            raise ValueError(
                f"{self.name} compares number by number but the input has shape {x.shape} and the target {t.shape}; "
                f"reshape the target to {x.shape}"
            )
        return self.reduce(self.f(x, t), self.divisor(x), x, t)

    def divisor(self, x: np.ndarray) -> int:
        """What "mean" divides by."""
        return x.size

    def backward(self, grad_output: Any = None) -> np.ndarray:
        grad, (x, t) = self.recall(grad_output)
        return grad * self.df(x, t)


class MSELoss(_Elementwise):
    """(x - t)²; derivative 2(x - t). Large errors count by their square."""

    def f(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        d = x - t
        return d * d

    def df(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        d = x - t
        return d + d


class L1Loss(_Elementwise):
    """|x - t|; derivative the sign of x - t, and 0 where they are equal."""

    def f(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        return np.abs(x - t)

    def df(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        return np.sign(x - t)


class SmoothL1Loss(_Elementwise):
    """With d = x - t: d²/(2β) where |d| < β, else |d| - β/2 (Girshick, 2015); derivative d/β, else its sign."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        if beta < 0:
            raise ValueError(f"SmoothL1Loss: beta is {beta}; it is the half width of the parabola, at least 0")
        self.beta = beta

    def f(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        d = np.abs(x - t)
        return np.where(d < self.beta, d * d / (2 * (self.beta or 1)), d - 0.5 * self.beta)

    def df(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        d = x - t
        return np.where(np.abs(d) < self.beta, d / (self.beta or 1), np.sign(d))


class HuberLoss(_Elementwise):
    """With d = x - t: d²/2 where |d| <= δ, else δ(|d| - δ/2) (Huber, 1964); derivative d limited to ±δ."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if delta <= 0:
            raise ValueError(f"HuberLoss: delta is {delta}; it is the half width of the parabola, above 0")
        self.delta = delta

    def f(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        d = np.abs(x - t)
        return np.where(d <= self.delta, 0.5 * d * d, self.delta * (d - 0.5 * self.delta))

    def df(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        return np.clip(x - t, -self.delta, self.delta)


class BCELoss(_Elementwise):
    """-(t log p + (1 - t) log(1 - p)) for probabilities p; derivative (p - t)/(p(1 - p)).

    As in torch, each log stops at -100 and the denominator at 1e-12, so that p = 0 and p = 1 stay finite.
    """

    smallest = float(np.float32(1e-12))  # torch's constant is a float32, which the last digits show

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        if weight is not None:
            raise ValueError("BCELoss: a weight per element is not written here; multiply the 'none' losses by it")

    def forward(self, input: Any, target: Any) -> Any:
        p = as_float(input)
        if p.size and not (p.min() >= 0 and p.max() <= 1):
            raise ValueError(
                f"BCELoss: the input must be probabilities between 0 and 1 but ranges from {p.min():g} to "
                f"{p.max():g}; apply a sigmoid first, or use BCEWithLogitsLoss"
            )
        return super().forward(p, target)

    def f(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            log_p, log_q = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
        return -(t * log_p + (1 - t) * log_q)

    def df(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        return (x - t) / np.maximum((1 - x) * x, self.smallest)


class BCEWithLogitsLoss(_Elementwise):
    """BCE of σ(x) in one formula that never takes the log of 0; with w = pos_weight for the positive class:

        (1 - t)·softplus(x) + w·t·softplus(-x);   derivative (1 - t)σ(x) - w·t·σ(-x)

    With w = 1 the derivative is σ(x) - t: prediction minus target.
    """

    def __init__(self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        if weight is not None:
            raise ValueError(
                "BCEWithLogitsLoss: a weight per element is not written here; multiply the 'none' losses by it"
            )
        self.pos_weight = None if pos_weight is None else as_float(pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        shape = np.shape(input)
        if self.pos_weight is not None and _broadcast(self.pos_weight.shape, shape) != shape:
            raise ValueError(
                f"BCEWithLogitsLoss: pos_weight of shape {self.pos_weight.shape} does not fit an input of shape "
                f"{shape}; give one number, or one for each of the last dimension"
            )
        return super().forward(input, target)

    def f(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        tail = np.log1p(np.exp(-np.abs(x)))  # softplus(x) is max(x, 0) and this, softplus(-x) is max(-x, 0) and this
        return (1 - t) * (np.maximum(x, 0) + tail) + self._positive(t) * (np.maximum(-x, 0) + tail)

    def df(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        z = np.exp(-np.abs(x))  # σ(x) is 1 / (1 + z) on one side of 0 and z / (1 + z) on the other
        above, below = np.where(x >= 0, 1, z), np.where(x <= 0, 1, z)
        return ((1 - t) * (above / (1 + z))) - self._positive(t) * (below / (1 + z))

    def _positive(self, t: np.ndarray) -> np.ndarray:
        return t if self.pos_weight is None else self.pos_weight.astype(t.dtype) * t


class KLDivLoss(_Elementwise):
    """t(log t - x) for log-probabilities x: how far x is from t (Kullback and Leibler, 1951); derivative -t.

    With log_target the target is log t as well. "mean" divides by all elements, "batchmean" by the batch size,
    which is the divergence as mathematics defines it. Where t = 0 the loss is 0.
    """

    reductions = ("none", "mean", "batchmean", "sum")

    def __init__(self, reduction: str = "mean", *, log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def divisor(self, x: np.ndarray) -> int:
        return len(x) if self.reduction == "batchmean" and x.ndim else x.size

    def f(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        if self.log_target:
            return np.exp(t) * (t - x)
        return t * np.log(np.where(t > 0, t, 1)) - t * x

    def df(self, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        return -np.exp(t) if self.log_target else -t


class _Classes(Loss):
    """Losses over classes: input (C,), (N, C) or (N, C, ...) and a class index for each sample and place.

    Inside, classes come last and samples and places are one dimension: (M, C).
    """

    weight: np.ndarray | None = None
    ignore_index = -100

    def _rows(self, input: Any) -> tuple[np.ndarray, tuple[int, ...]]:
        """The input as (M, C), and the shape of the losses."""
        x = as_float(input)
        if x.ndim == 0 or x.size == 0:
            raise ValueError(f"{self.name} expects (C,), (N, C) or (N, C, ...) but the input has shape {x.shape}")
        moved = x if x.ndim < 3 else np.moveaxis(x, 1, -1)
        classes = moved.shape[-1]
        if self.weight is not None and self.weight.shape != (classes,):
            raise ValueError(
                f"{self.name}: weight has shape {self.weight.shape} but the input has {classes} classes; "
                "give one number for each"
            )
        return moved.reshape(-1, classes), moved.shape[:-1]

    def _targets(self, target: Any, shape: tuple[int, ...], classes: int) -> tuple[np.ndarray, np.ndarray]:
        """The class of every row (0 where ignored), and which rows count."""
        target = np.asarray(target)
        if target.dtype.kind not in "iu":
            raise ValueError(f"{self.name}: class indices are whole numbers but the target is {target.dtype}")
        if target.shape != shape:
            raise ValueError(
                f"{self.name}: the target has shape {target.shape} but one class for each sample is needed, "
                f"shape {shape}"
            )
        target = target.reshape(-1)
        counts = target != self.ignore_index
        wrong = target[counts & ((target < 0) | (target >= classes))]
        if len(wrong):
            raise ValueError(
                f"{self.name}: target {wrong[0]} is out of range; with {classes} classes it must be "
                f"0 to {classes - 1}, or {self.ignore_index} to be ignored"
            )
        return np.where(counts, target, 0), counts

    def _as_given(self, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """(M, C) back in the input's shape."""
        rows = rows.reshape(*shape, rows.shape[-1])
        return rows if rows.ndim < 3 else np.moveaxis(rows, -1, 1)

    def _class_weights(self, classes: int, dtype: Any) -> np.ndarray:
        return np.ones(classes, dtype) if self.weight is None else self.weight.astype(dtype)


class NLLLoss(_Classes):
    """-w_y · x_y for log-probabilities x and class y; derivative -w_y at y, 0 elsewhere.

    "mean" divides by the sum of the weights w_y of the rows that count, so that it is a weighted mean.
    """

    def __init__(self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight = None if weight is None else as_float(weight)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        x, shape = self._rows(input)  # (M, C)
        y, counts = self._targets(target, shape, x.shape[1])
        w = self._class_weights(x.shape[1], x.dtype)[y] * counts  # (M,)
        losses = -w * np.where(counts, x[np.arange(len(y)), y], 0)
        return self.reduce(losses.reshape(shape), float(w.sum()), x.shape, y, w)

    def backward(self, grad_output: Any = None) -> np.ndarray:
        grad, (rows, y, w) = self.recall(grad_output)
        dx = np.zeros(rows, w.dtype)
        dx[np.arange(len(y)), y] = -w * grad.reshape(-1)
        assert self._saved is not None
        return self._as_given(dx, self._saved[0])


class CrossEntropyLoss(_Classes):
    """-Σ_c w_c q_c log p_c with p = softmax(x), from logits x.

    q is the target as probabilities: 1 at class y, or the target itself if it has the input's shape.
    label_smoothing e mixes it with the uniform one, (1 - e) q + e/C (Szegedy et al., 2016).

    Written with v_c = w_c q_c, the derivative of log p_c by x_j is δ_cj - p_j, so

        dx_j = p_j Σ_c v_c - v_j        for plain targets: prediction minus target, p - q

    "mean" divides by the sum of the w_y of the rows that count; for probabilities by the number of rows.
    """

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing is {label_smoothing}; it must be between 0 and 1")
        self.weight = None if weight is None else as_float(weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        x, shape = self._rows(input)  # (M, C)
        classes = x.shape[1]
        w = self._class_weights(classes, x.dtype)
        if np.shape(target) == np.shape(input):
            if self.ignore_index >= 0:
                raise ValueError(
                    f"CrossEntropyLoss: ignore_index={self.ignore_index} means a class index, but the target of shape "
                    f"{np.shape(target)} holds probabilities; leave ignore_index out, or pass class indices"
                )
            q, divisor = self._probabilities(target, x.dtype), float(len(x))
            counts = np.ones(len(x), bool)
        else:
            y, counts = self._targets(target, shape, classes)
            q = np.zeros_like(x)
            q[np.arange(len(y)), y] = 1
            divisor = float((w[y] * counts).sum())
        if self.label_smoothing:
            q = (1 - self.label_smoothing) * q + self.label_smoothing / classes
        v = w * q * counts[:, None]  # (M, C); an ignored row has no target at all
        log_p = log_softmax(x, 1)
        losses = -(v * np.where(v != 0, log_p, 0)).sum(axis=1)  # 0 · -∞ counts as 0
        return self.reduce(losses.reshape(shape), divisor, log_p, v)

    def backward(self, grad_output: Any = None) -> np.ndarray:
        grad, (log_p, v) = self.recall(grad_output)
        dx = (np.exp(log_p) * v.sum(axis=1, keepdims=True) - v) * grad.reshape(-1, 1)
        assert self._saved is not None
        return self._as_given(dx, self._saved[0])

    def _probabilities(self, target: Any, dtype: Any) -> np.ndarray:
        target = np.asarray(target)
        if target.dtype.kind != "f":
            raise ValueError(
                f"CrossEntropyLoss: a target of the input's shape {target.shape} means probabilities, "
                f"but it is {target.dtype}; pass class indices without the class dimension, or floats"
            )
        moved = target if target.ndim < 3 else np.moveaxis(target, 1, -1)
        return moved.reshape(-1, moved.shape[-1]).astype(dtype)


class FocalLoss(_Classes):
    """-α_y (1 - p_y)^γ log p_y with p = softmax(x): cross-entropy that looks away from easy samples (Lin et al., 2017).

    The example of a loss of one's own. With p = p_y, u = 1 - p and ∂p/∂x_j = p(δ_yj - p_j):

        dL/dp = α(γ u^(γ-1) log p - u^γ/p)   ->   dx_j = α(γ p u^(γ-1) log p - u^γ)(δ_yj - p_j)

    gamma=0 and alpha=None is CrossEntropyLoss; alpha: one weight for each class. "mean" divides by the rows that count.
    In torch the same forward is enough, autograd writes the backward:

        log_p = F.log_softmax(x, 1).gather(1, y[:, None])[:, 0]
        loss = (-(1 - log_p.exp()) ** gamma * log_p).mean()
    """

    def __init__(
        self, gamma: float = 2.0, alpha: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        if gamma < 0:
            raise ValueError(f"FocalLoss: gamma is {gamma}; it must be at least 0, where the loss is cross-entropy")
        self.gamma, self.ignore_index = gamma, ignore_index
        self.weight = None if alpha is None else as_float(alpha)

    def forward(self, input: Any, target: Any) -> Any:
        x, shape = self._rows(input)  # (M, C)
        y, counts = self._targets(target, shape, x.shape[1])
        alpha = self._class_weights(x.shape[1], x.dtype)[y] * counts  # (M,)
        log_p = log_softmax(x, 1)
        log_py = log_p[np.arange(len(y)), y]
        u = -np.expm1(log_py)
        losses = -alpha * u**self.gamma * log_py
        return self.reduce(losses.reshape(shape), float(counts.sum()), log_p, y, alpha, u)

    def backward(self, grad_output: Any = None) -> np.ndarray:
        grad, (log_p, y, alpha, u) = self.recall(grad_output)
        rows = np.arange(len(y))
        log_py = log_p[rows, y]
        steep = 0.0
        if self.gamma:  # u = 0 only where log p = 0: there the product is 0 for every gamma
            steep = self.gamma * np.exp(log_py) * np.where(u > 0, u, 1) ** (self.gamma - 1) * log_py
        factor = alpha * (steep - u**self.gamma)  # dL/dp · p
        dx = -np.exp(log_p)
        dx[rows, y] += 1  # δ_yj - p_j
        dx *= (factor * grad.reshape(-1))[:, None]
        assert self._saved is not None
        return self._as_given(dx, self._saved[0])


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None
