"""Convolutions, written as one matrix product over sliding windows.

`unfold` lists every window of the image as a column; then a convolution is a Linear layer applied to every
column: Y = W · unfold(x). Its transpose, `fold`, adds columns back to where they were cut out. As unfold is
linear, fold is exactly its backward. A transposed convolution is the same pair the other way round:
forward uses fold, backward uses unfold.

Images are (N, C, *size) and windows (N, C, *kernel, *out), for one or two spatial dimensions alike.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .core import Layer, check_count, ones, uniform

Size = tuple[int, ...]
Index = tuple[Any, ...]


def windows(x: np.ndarray, kernel: Size, stride: Size, dilation: Size) -> np.ndarray:
    """A view (N, C, *kernel, *out) of x: (N, C, *size); nothing is copied."""
    dims = len(kernel)
    span = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    view = sliding_window_view(x, span, axis=tuple(range(2, 2 + dims)))  # (N, C, *positions, *span)
    steps: Index = (..., *(slice(None, None, step) for step in (*stride, *dilation)))
    view = view[steps]
    return view.transpose(0, 1, *range(2 + dims, 2 + 2 * dims), *range(2, 2 + dims))


def offsets(kernel: Size, stride: Size, dilation: Size, out: Size) -> list[tuple[Index, Index]]:
    """For every kernel position: where its cells are in the windows, and where they are in the padded image."""
    found = []
    for position in itertools.product(*(range(k) for k in kernel)):
        cells = (
            slice(p * d, p * d + (o - 1) * s + 1, s) for p, d, s, o in zip(position, dilation, stride, out, strict=True)
        )
        found.append(((slice(None), slice(None), *position), (..., *cells)))
    return found


def unfold(x: np.ndarray, kernel: Size, stride: Size, dilation: Size, groups: int) -> np.ndarray:
    """Columns (N, groups, C/groups · k, L): column l holds the window of output cell l."""
    view = windows(x, kernel, stride, dilation)
    n, c = view.shape[:2]
    return view.reshape(n, groups, c // groups * math.prod(kernel), math.prod(view.shape[2 + len(kernel) :]))


def fold(columns: np.ndarray, size: Size, kernel: Size, stride: Size, dilation: Size, out: Size) -> np.ndarray:
    """The transpose of `unfold`: an image (N, C, *size) in which every cell is the sum of its copies."""
    n = columns.shape[0]
    columns = columns.reshape(n, columns.shape[1] * columns.shape[2] // math.prod(kernel), *kernel, *out)
    image = np.zeros((n, columns.shape[1], *size), columns.dtype)
    for position, place in offsets(kernel, stride, dilation, out):
        image[place] += columns[position]
    return image


class _Conv(Layer):
    """What Conv1d, Conv2d and ConvTranspose2d share: options, weights, and the matrix form of the weight."""

    dims: int
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | str | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        check_count(self.name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{self.name}: groups={groups} must divide in_channels={in_channels} and "
                f"out_channels={out_channels}; each group takes an equal share of both"
            )
        if padding_mode != "zeros":
            raise ValueError(f"{self.name}: padding_mode {padding_mode!r} is not written here; use 'zeros'")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.dtype = np.dtype(dtype)
        self.kernel_size = per_axis(self.name, "kernel_size", kernel_size, self.dims)
        self.stride = per_axis(self.name, "stride", stride, self.dims)
        self.dilation = per_axis(self.name, "dilation", dilation, self.dims)
        self.padding = (
            padding if isinstance(padding, str) else per_axis(self.name, "padding", padding, self.dims, minimum=0)
        )
        self._pads = self._padding_per_side()
        # torch's weight: (out, in/groups, *k), transposed (in, out/groups, *k); fan_in is what dimension 1 feeds.
        rows, columns = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (rows, columns // groups, *self.kernel_size)
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.params["weight"] = uniform(rng, bound, shape, dtype)
        if bias:
            self.params["bias"] = uniform(rng, bound, (out_channels,), dtype)

    def _padding_per_side(self) -> tuple[tuple[int, int], ...]:
        """(before, after) for each axis; 'same' puts an odd cell after, as torch does."""
        if not isinstance(self.padding, str):
            return tuple((p, p) for p in self.padding)
        if self.padding == "valid":
            return ((0, 0),) * self.dims
        if self.padding != "same" or self.transposed:
            raise ValueError(f"{self.name}: padding is {self.padding!r}; use a number, a pair, 'same' or 'valid'")
        if any(s != 1 for s in self.stride):
            raise ValueError(f"{self.name}: padding='same' needs stride 1 but stride is {self.stride}")
        totals = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)

    def _inside(self, padded: Size) -> Index:
        """The part of a padded image that is not padding."""
        return (..., *(slice(low, size - high) for (low, high), size in zip(self._pads, padded, strict=True)))

    def _batched(self, x: Any) -> tuple[np.ndarray, bool]:
        """x as (N, C, *size), and whether the batch dimension was there."""
        x = np.asarray(x, dtype=self.dtype)
        batched = x.ndim == self.dims + 2
        if x.ndim not in (self.dims + 1, self.dims + 2) or x.shape[-1 - self.dims] != self.in_channels:
            size = "(N, C, L)" if self.dims == 1 else "(N, C, H, W)"
            raise ValueError(
                f"{self.name} expects {size} with C = {self.in_channels} channels (N may be left out) "
                f"but the input has shape {x.shape}"
            )
        return (x if batched else x[None]), batched

    def _matrix(self) -> np.ndarray:
        """The weight as one matrix per group: (groups, rows/groups, columns/groups · k)."""
        weight = self.params["weight"].data
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def _cells(self, x: np.ndarray) -> np.ndarray:
        """(N, C, *size) as (N, groups, C/groups, L)."""
        return x.reshape(x.shape[0], self.groups, x.shape[1] // self.groups, math.prod(x.shape[2:]))

    def _accumulate(self, rows: np.ndarray, columns: np.ndarray, grad_output: np.ndarray) -> None:
        """dW = Σ_n rows · columnsᵀ, here as (columns · rowsᵀ)ᵀ, which BLAS likes better; db = Σ_n g · 1."""
        weight = self.params["weight"]
        grad = np.matmul(columns, rows.swapaxes(2, 3)).sum(axis=0)
        weight.accumulate(grad.swapaxes(1, 2).reshape(weight.shape))  # (groups, rows/groups, columns/groups · k)
        if "bias" in self.params:
            g = grad_output.reshape(*grad_output.shape[:2], math.prod(grad_output.shape[2:]))  # (N, out, L)
            self.params["bias"].accumulate(np.matmul(g, ones(g.shape[2], self.dtype)).sum(axis=0))

    def _add_bias(self, y: np.ndarray) -> np.ndarray:
        if "bias" in self.params:
            y += self.params["bias"].data.reshape(-1, *[1] * self.dims)
        return y

    def forward(self, x: Any) -> np.ndarray:
        """Y = W · unfold(x) + b."""
        x, batched = self._batched(x)
        padded = np.pad(x, ((0, 0), (0, 0), *self._pads)) if np.any(self._pads) else x
        out = tuple(
            (size - d * (k - 1) - 1) // s + 1
            for size, k, s, d in zip(padded.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True)
        )
        if min(out) < 1:
            raise ValueError(
                f"{self.name}: kernel_size {self.kernel_size} with dilation {self.dilation} exceeds the padded "
                f"input {padded.shape[2:]} (padding {self.padding}); use a smaller kernel or add padding"
            )
        columns = unfold(padded, self.kernel_size, self.stride, self.dilation, self.groups)
        y = np.matmul(self._matrix(), columns)  # (N, groups, out/groups, L)
        y = self._add_bias(y.reshape(len(x), self.out_channels, *out))
        return self.remember(y if batched else y[0], columns, padded.shape[2:], out, batched)

    def backward(self, grad_output: Any) -> np.ndarray | None:
        """dW = Σ_n g · columnsᵀ and, as each column was W's input, dcolumns = Wᵀ g, folded back into dx."""
        grad_output, (columns, padded, out, batched) = self.recall(grad_output)
        grad_output = grad_output if batched else grad_output[None]
        g = self._cells(grad_output)  # (N, groups, out/groups, L)
        self._accumulate(g, columns, grad_output)
        if not self.needs_input_grad:
            return None
        grad_columns = np.matmul(self._matrix().swapaxes(1, 2), g)  # (N, groups, in/groups · k, L)
        grad = fold(grad_columns, padded, self.kernel_size, self.stride, self.dilation, out)
        grad = grad[self._inside(padded)]  # the padding was not ours
        return grad if batched else grad[0]


class Conv1d(_Conv):
    """Cross-correlation along a line: y[o, l] = b[o] + Σ_c Σ_k W[o, c, k] x[c, l·stride + k·dilation].

    x: (N, C, L) or (C, L). With padding p the length becomes (L + 2p - dilation(k-1) - 1)//stride + 1.
    """

    dims = 1


class Conv2d(_Conv):
    """Cross-correlation over an image: y[o, i, j] = b[o] + Σ W[o, c, u, v] x[c, i·stride + u, j·stride + v].

    x: (N, C, H, W) or (C, H, W); weight: (out_channels, in_channels/groups, kh, kw). The kernel is not flipped,
    which is why mathematicians call this a cross-correlation. padding: cells of 0 on each side, 'same' or 'valid'.
    """

    dims = 2


class ConvTranspose2d(_Conv):
    """The backward of a Conv2d used as a forward: every input cell stamps its kernel into a larger image.

    x: (N, C, H, W) or (C, H, W); weight: (in_channels, out_channels/groups, kh, kw), as in torch.
    Height: (H-1)·stride - 2·padding + dilation(kh-1) + output_padding + 1. As forward is fold(Wᵀx), backward is
    dx = W · unfold(g), and dW = Σ_n x · unfold(g)ᵀ.
    """

    dims = 2
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        padding_mode: str = "zeros",
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
            rng=rng, dtype=dtype,
        )  # fmt: skip
        self.output_padding = per_axis(self.name, "output_padding", output_padding, self.dims, minimum=0)
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                raise ValueError(
                    f"{self.name}: output_padding {self.output_padding} must be smaller than stride {self.stride} "
                    f"or dilation {self.dilation}"
                )

    def forward(self, x: Any) -> np.ndarray:
        """Y = fold(Wᵀ x) + b, with the padding cut off."""
        x, batched = self._batched(x)
        places = x.shape[2:]
        padded = tuple(
            (size - 1) * s + d * (k - 1) + 1 + extra
            for size, s, d, k, extra in zip(
                places, self.stride, self.dilation, self.kernel_size, self.output_padding, strict=True
            )
        )
        if any(size <= low + high for size, (low, high) in zip(padded, self._pads, strict=True)):
            raise ValueError(
                f"{self.name}: padding {self.padding} cuts away all of the {padded} output of an input "
                f"{places}; use less padding or a larger kernel"
            )
        cells = self._cells(x)  # (N, groups, in/groups, L)
        columns = np.matmul(self._matrix().swapaxes(1, 2), cells)  # (N, groups, out/groups · k, L)
        full = fold(columns, padded, self.kernel_size, self.stride, self.dilation, places)
        y = self._add_bias(full[self._inside(padded)])
        return self.remember(y if batched else y[0], cells, places, batched)

    def backward(self, grad_output: Any) -> np.ndarray | None:
        grad_output, (cells, places, batched) = self.recall(grad_output)
        grad_output = grad_output if batched else grad_output[None]
        padded = np.pad(grad_output, ((0, 0), (0, 0), *self._pads))
        view = windows(padded, self.kernel_size, self.stride, self.dilation)
        first: Index = (..., *(slice(size) for size in places))  # output_padding may leave room for more
        view = view[first]
        columns = view.reshape(len(view), *self._matrix().shape[::2], math.prod(places))
        self._accumulate(cells, columns, grad_output)
        if not self.needs_input_grad:
            return None
        grad = np.matmul(self._matrix(), columns).reshape(len(view), self.in_channels, *places)
        return grad if batched else grad[0]


def per_axis(layer: str, name: str, value: Any, dims: int, minimum: int = 1) -> Size:
    """One whole number per axis from a number or a sequence, each at least `minimum`."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * dims
    if len(values) == 1:
        values *= dims
    if len(values) != dims:
        raise ValueError(f"{layer}: {name} is {value!r}; give one number or {dims}")
    for v in values:
        check_count(layer, minimum, **{name: v})
    return tuple(int(v) for v in values)
