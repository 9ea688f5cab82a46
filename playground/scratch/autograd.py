"""Reverse-mode differentiation from scratch: an array that remembers how it was made.

Every operation returns a Tensor that keeps its operands and a rule, which turns the gradient of the result into the
gradients of the operands. `backward` visits the results in the reverse of the order in which they were made (a result
is always younger than its operands), applies the rules, and adds up where paths meet: dL/dx = sum of dL/dy * dy/dx
over all y computed from x. Names and conventions at kinks are torch's.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
Rule = Callable[[Array], tuple[Any, ...]]
_births, _thread = itertools.count(), threading.local()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Inside of it (in this thread) nothing remembers how it was made."""
    before, _thread.off = getattr(_thread, "off", False), True
    try:
        yield
    finally:
        _thread.off = before


def _made(data: Any, parents: tuple[Tensor, ...] = (), rule: Rule | None = None) -> Tensor:
    """A result; it keeps its operands and its rule only if one of them requires a gradient."""
    result = Tensor.__new__(Tensor)
    result.data, result.birth = np.asarray(data), next(_births)
    if not getattr(_thread, "off", False) and any(parent.requires_grad for parent in parents):
        result.requires_grad, result.parents, result.rule = True, parents, rule
    return result


def _tensor(value: Any, like: Any = None) -> Tensor:
    """A plain number takes the dtype of what it meets."""
    if isinstance(value, int | float) and isinstance(like, Tensor) and like.data.dtype.kind == "f":
        return Tensor(np.asarray(value, like.data.dtype))
    return value if isinstance(value, Tensor) else Tensor(value)


def _array(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def _map(function: Callable[[Array], Array], slope: Callable[[Array, Array], Any]) -> Callable[[Tensor], Tensor]:
    """An elementwise y = f(x), with its derivative as a function of x and y."""

    def apply(self: Tensor) -> Tensor:
        y = function(self.data)
        return _made(y, (self,), lambda g: (g * slope(self.data, y),))

    return apply


def _pair(function: Callable[..., Array], rule: Callable[..., tuple[Any, Any]]) -> tuple[Callable[..., Tensor], ...]:
    """A function of two, with broadcasting, and the same with both swapped; `rule(g, a, b, y)` gives both gradients."""

    def apply(input: Any, other: Any) -> Tensor:
        """Number by number, with broadcasting; each gets its own gradient."""
        a, b = _tensor(input, other), _tensor(other, input)
        y = function(a.data, b.data)
        return _made(y, (a, b), lambda g: rule(g, a.data, b.data, y))

    return apply, lambda other, input: apply(input, other)


def _pow_rule(g: Array, a: Array, b: Array, y: Array) -> tuple[Any, Any]:
    slope = np.where(b == 0, 0.0, b * np.power(a, b - 1.0))
    return g * slope, g * np.where((a == 0) & (b >= 0), 0.0, y * np.log(a))


def _matmul_rule(g: Array, a: Array, b: Array, y: Array) -> tuple[Any, Any]:
    left, right = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    g = g[..., None] if b.ndim == 1 else g
    g = g[..., None, :] if a.ndim == 1 else g
    to_a, to_b = g @ right.swapaxes(-1, -2), left.swapaxes(-1, -2) @ g
    return to_a[..., 0, :] if a.ndim == 1 else to_a, to_b[..., 0] if b.ndim == 1 else to_b


def _sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0.0, -x)).astype(x.dtype)  # 1 / (1 + exp(-x)), which never overflows


def _compare(function: Callable[[Any, Any], Any]) -> Callable[[Tensor, Any], Tensor]:
    return lambda self, other: Tensor(function(self.data, _array(other)))


class Extreme(NamedTuple):
    """What `max(dim)` and `min(dim)` return; `indices` are those of the first extreme along the dimension."""

    values: Tensor
    indices: Tensor


class Tensor:
    """An array, its gradient, and how it was made. Whole numbers become float64 where a gradient is required."""

    __array_priority__ = 1000  # array * tensor is ours to compute
    requires_grad = False
    grad: Array | None = None
    parents: tuple[Tensor, ...] = ()
    rule: Rule | None = None

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        data = np.array(_array(data))
        self.data: Array = data.astype(np.float64) if requires_grad and data.dtype.kind != "f" else data
        self.requires_grad, self.birth = requires_grad, next(_births)

    def backward(self, gradient: Any = None) -> None:
        """Add dself/dleaf to the `grad` of every leaf, weighted by `gradient` (one number per element).

        Raises:
            RuntimeError: nothing here requires a gradient, or `gradient` is missing or has another shape.
        """
        if not self.requires_grad:
            raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
        if gradient is None and self.data.size != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        arriving = np.ones_like(self.data) if gradient is None else np.asarray(_array(gradient), self.data.dtype)
        if arriving.shape != self.shape:
            raise RuntimeError(f"the gradient has shape {arriving.shape}, the tensor {self.shape}; they must be equal")
        found, waiting = {self.birth: self}, [self]
        while waiting:  # a list and no recursion: chains may be long
            for parent in waiting.pop().parents:
                if parent.requires_grad and parent.birth not in found:
                    found[parent.birth] = parent
                    waiting.append(parent)
        arrived = {self.birth: arriving}
        for birth in sorted(found, reverse=True):
            tensor, g = found[birth], arrived.pop(birth)
            if tensor.rule is None:
                tensor.grad = g.copy() if tensor.grad is None else tensor.grad + g
                continue
            with np.errstate(all="ignore"):  # 1 / 0 is inf, as in torch
                shares = tensor.rule(g)
            for parent, share in zip(tensor.parents, shares, strict=True):
                if parent.requires_grad:
                    share = _unbroadcast(np.asarray(share, parent.data.dtype), parent.shape)
                    arrived[parent.birth] = arrived[parent.birth] + share if parent.birth in arrived else share

    def detach(self) -> Tensor:
        """The same numbers, with nothing remembered."""
        return _made(self.data)

    def item(self) -> Any:
        return self.data.item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.data, dtype) if copy else np.asarray(self.data, dtype)

    def __repr__(self) -> str:
        return f"Tensor({self.data}{', requires_grad=True' if self.requires_grad else ''})"

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    T = property(lambda self: _made(self.data.T, (self,), lambda g: (g.T,)))

    __add__, __radd__ = _pair(np.add, lambda g, a, b, y: (g, g))
    __sub__, __rsub__ = _pair(np.subtract, lambda g, a, b, y: (g, -g))
    __mul__, __rmul__ = _pair(np.multiply, lambda g, a, b, y: (g * b, g * a))
    __truediv__, __rtruediv__ = _pair(np.true_divide, lambda g, a, b, y: (g / b, -g * y / b))
    __pow__, __rpow__ = _pair(np.power, _pow_rule)
    __matmul__, __rmatmul__ = _pair(np.matmul, _matmul_rule)
    __gt__, __lt__, __ge__, __le__ = map(_compare, (operator.gt, operator.lt, operator.ge, operator.le))

    __neg__ = _map(np.negative, lambda x, y: -1)
    exp = _map(np.exp, lambda x, y: y)
    log = _map(np.log, lambda x, y: 1 / x)
    sqrt = _map(np.sqrt, lambda x, y: 0.5 / y)
    abs = __abs__ = _map(np.abs, lambda x, y: np.sign(x))
    sin = _map(np.sin, lambda x, y: np.cos(x))
    cos = _map(np.cos, lambda x, y: -np.sin(x))
    tan = _map(np.tan, lambda x, y: 1 + y * y)
    tanh = _map(np.tanh, lambda x, y: 1 - y * y)
    sigmoid = _map(_sigmoid, lambda x, y: y * (1 - y))
    softplus = _map(lambda x: np.where(x > 20, x, np.logaddexp(0, x)), lambda x, y: np.where(x > 20, 1, _sigmoid(x)))

    def clamp(self, min: float | None = None, max: float | None = None) -> Tensor:
        low, high = -np.inf if min is None else min, np.inf if max is None else max
        inside = (self.data >= low) & (self.data <= high)  # the bounds themselves let the gradient through
        return _made(np.minimum(np.maximum(self.data, low), high), (self,), lambda g: (np.where(inside, g, 0),))

    def relu(self) -> Tensor:
        return _made(np.maximum(self.data, 0), (self,), lambda g: (np.where(self.data <= 0, 0, g),))

    def _axes(self, dim: Any) -> tuple[int, ...]:
        """The dimensions that `dim` means: all for None and (); a single number takes 0 and -1 and has none."""
        if dim is None or dim == () or dim == []:
            return tuple(range(self.ndim))
        axes = tuple(dim) if isinstance(dim, tuple | list) else (dim,)
        return () if self.ndim == 0 and set(axes) <= {0, -1} else axes

    def _reduce(self, y: Array, dim: Any, keepdim: bool, rule: Callable[[Array], Array]) -> Tensor:
        """`y` still has the reduced dimensions, of size 1; `rule` takes a gradient of that shape."""
        result = y if keepdim else y.squeeze(self._axes(dim))
        return _made(result, (self,), lambda g: (np.broadcast_to(rule(g.reshape(y.shape)), self.shape),))

    def sum(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        return self._reduce(self.data.sum(self._axes(dim), keepdims=True), dim, keepdim, lambda g: g)

    def mean(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        y = self.data.mean(self._axes(dim), keepdims=True)
        return self._reduce(y, dim, keepdim, lambda g: g * (y.size / self.data.size))

    def amax(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        y = self.data.max(axes := self._axes(dim), keepdims=True)
        ties = self.data == y  # equals share the gradient
        return self._reduce(y, dim, keepdim, lambda g: g * ties / ties.sum(axes, keepdims=True))

    def amin(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        return -((-self).amax(dim, keepdim))

    def max(self, dim: int | None = None, keepdim: bool = False) -> Any:
        return self.amax() if dim is None else self._extreme(np.argmax, dim, keepdim)

    def min(self, dim: int | None = None, keepdim: bool = False) -> Any:
        return self.amin() if dim is None else self._extreme(np.argmin, dim, keepdim)

    def _extreme(self, find: Callable[..., Array], dim: int, keepdim: bool) -> Extreme:
        place, first = find(self.data, dim, keepdims=True), np.zeros(self.shape, bool)
        np.put_along_axis(first, place, True, dim)
        y = np.take_along_axis(self.data, place, dim)
        values = self._reduce(y, dim, keepdim, lambda g: np.where(first, g, 0))
        return Extreme(values, Tensor(place if keepdim else place.squeeze(dim)))

    def var(self, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: Any = None) -> Tensor:
        dim, unbiased = (None, dim) if isinstance(dim, bool) else (dim, unbiased)  # torch's var(False)
        off = self.data - (mean := self.data.mean(axes := self._axes(dim), keepdims=True))
        count = max(self.data.size / mean.size - (unbiased if correction is None else correction), 0.0)
        with np.errstate(all="ignore"):  # of one number there is none: nan
            y = (off * off).sum(axes, keepdims=True) / count
        return self._reduce(y, dim, keepdim, lambda g: g * 2 / count * off)

    def std(self, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: Any = None) -> Tensor:
        var = self.var(dim, unbiased, keepdim, correction=correction)
        y = np.asarray(np.sqrt(var.data))  # its gradient is 0 where all numbers are equal
        return _made(y, (var,), lambda g: (g * np.divide(0.5, y, out=np.zeros_like(y), where=y > 0),))

    def prod(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        x = self.data.reshape(-1) if dim is None else np.moveaxis(self.data, dim, -1)
        one = np.ones_like(x[..., :1])  # the slope is the product of the others, which is exact with zeros
        before = np.cumprod(np.concatenate([one, x[..., :-1]], -1), -1)
        after = np.cumprod(np.concatenate([one, x[..., :0:-1]], -1), -1)[..., ::-1]
        others = (before * after).reshape(self.shape) if dim is None else np.moveaxis(before * after, -1, dim)
        return self._reduce(self.data.prod(dim, keepdims=True), dim, keepdim, lambda g: g * others)

    def cumsum(self, dim: int) -> Tensor:
        return _made(self.data.cumsum(dim), (self,), lambda g: (np.flip(np.flip(g, dim).cumsum(dim), dim),))

    def logsumexp(self, dim: Any, keepdim: bool = False) -> Tensor:
        top = self.data.max(axes := self._axes(dim), keepdims=True)
        powers = np.exp(self.data - np.where(np.isfinite(top), top, 0))
        total = powers.sum(axes, keepdims=True)
        return self._reduce(top + np.log(total), dim, keepdim, lambda g: g * powers / total)

    def norm(self, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
        p, size = 2.0 if p == "fro" else float(p), np.abs(self.data)
        if np.isinf(p):
            return self.abs().amax(dim, keepdim) if p > 0 else self.abs().amin(dim, keepdim)
        if p == 0:
            return self._reduce((size > 0).sum(self._axes(dim), keepdims=True) * 1.0, dim, keepdim, lambda g: g * 0)
        with np.errstate(divide="ignore"):
            y = (size**p).sum(self._axes(dim), keepdims=True) ** (1 / p)  # its gradient at 0 is 0
        ratio = size / np.where(y > 0, y, 1)
        slope = np.sign(self.data) * np.where(size > 0, ratio, 1) ** (p - 1) * (y > 0)
        return self._reduce(y, dim, keepdim, lambda g: g * slope)

    def reshape(self, *shape: Any) -> Tensor:
        y = self.data.reshape(*shape)
        return _made(y, (self,), lambda g: (g.reshape(self.shape),))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        return _made(self.data.swapaxes(dim0, dim1), (self,), lambda g: (g.swapaxes(dim0, dim1),))

    def __getitem__(self, index: Any) -> Tensor:
        index = tuple(map(_array, index)) if isinstance(index, tuple) else _array(index)

        def rule(g: Array) -> tuple[Array]:
            whole = np.zeros_like(self.data)
            np.add.at(whole, index, g)  # an element taken twice receives both gradients
            return (whole,)

        return _made(self.data[index], (self,), rule)


def _winner(g: Array, lost: Array, tie: Array) -> Array:
    """Of `maximum(a, b)` and `minimum(a, b)`: the one that is taken gets the gradient, a tie shares it."""
    return np.where(lost, 0, np.where(tie, g / 2, g))


maximum, _ = _pair(np.maximum, lambda g, a, b, y: (_winner(g, a < b, a == b), _winner(g, b < a, a == b)))
minimum, _ = _pair(np.minimum, lambda g, a, b, y: (_winner(g, a > b, a == b), _winner(g, b > a, a == b)))


def where(condition: Any, input: Any, other: Any) -> Tensor:
    """`input` where the condition holds, else `other`; the one not taken gets a gradient of 0."""
    mask, a, b = np.asarray(_array(condition), bool), _tensor(input, other), _tensor(other, input)
    return _made(np.where(mask, a.data, b.data), (a, b), lambda g: (np.where(mask, g, 0), np.where(mask, 0, g)))


def cat(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """One behind the other along a dimension; the gradient is cut at the same places."""
    parts = tuple(map(_tensor, tensors))
    cuts = np.cumsum([part.shape[dim] for part in parts])[:-1]
    return _made(np.concatenate([part.data for part in parts], dim), parts, lambda g: tuple(np.split(g, cuts, dim)))


def stack(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """One behind the other along a new dimension."""
    parts = tuple(map(_tensor, tensors))
    return _made(np.stack([part.data for part in parts], dim), parts, lambda g: tuple(np.moveaxis(g, dim, 0)))


def _unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The sum over whatever broadcasting had repeated."""
    extra = gradient.ndim - len(shape)
    gradient = gradient.sum(tuple(range(extra))) if extra > 0 else gradient
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return gradient.sum(stretched, keepdims=True) if stretched else gradient
