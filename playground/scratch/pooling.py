"""Pooling: one number for each window, the largest or the average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .conv import Index, Size, offsets, per_axis
from .core import Layer, as_float, check_count


class _Pool2d(Layer):
    """Window arithmetic of MaxPool2d and AvgPool2d, for x: (N, C, H, W) or (C, H, W).

    With padding p and n = (H + 2p - k)/stride there are floor(n) + 1 windows. ceil_mode takes ceil(n) + 1, so
    that a last window may hang over the edge, but never one that would start beyond the image and its left padding.
    """

    def __init__(self, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> None:
        super().__init__()
        self.kernel_size = per_axis(self.name, "kernel_size", kernel_size, 2)
        self.stride = self.kernel_size if stride is None else per_axis(self.name, "stride", stride, 2)
        self.padding = per_axis(self.name, "padding", padding, 2, minimum=0)
        self.ceil_mode = ceil_mode
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"{self.name}: padding {self.padding} is more than half of kernel_size {self.kernel_size}; "
                "such windows would see nothing but padding"
            )

    def _output_size(self, size: Size) -> Size:
        counts = []
        for h, k, s, p in zip(size, self.kernel_size, self.stride, self.padding, strict=True):
            room = h + 2 * p - k
            count = (-(-room // s) if self.ceil_mode else room // s) + 1
            if self.ceil_mode and (count - 1) * s >= h + p:
                count -= 1
            counts.append(count)
        if min(counts) < 1 or min(size) < 1:
            raise ValueError(
                f"{self.name}: kernel_size {self.kernel_size} exceeds the input {size} with padding {self.padding}; "
                "use a smaller kernel or pool less often before"
            )
        return tuple(counts)

    def _padded(self, x: np.ndarray, out: Size, value: float) -> np.ndarray:
        """x with `value` around it, as far as the windows reach (ceil_mode reaches further on the right)."""
        reach = [
            max((o - 1) * s + k, h + 2 * p)
            for o, s, k, h, p in zip(out, self.stride, self.kernel_size, x.shape[-2:], self.padding, strict=True)
        ]
        (h, w), (ph, pw) = x.shape[-2:], self.padding
        padded = np.full((*x.shape[:-2], *reach), value, x.dtype)
        padded[..., ph : ph + h, pw : pw + w] = x
        return padded

    def _cut(self, padded: np.ndarray, size: Size) -> np.ndarray:
        (ph, pw), (h, w) = self.padding, size
        return padded[..., ph : ph + h, pw : pw + w]

    def _places(self, out: Size) -> list[Index]:
        """For every kernel position, the cells of the padded image that it touches."""
        return [place for _, place in offsets(self.kernel_size, self.stride, (1, 1), out)]


class MaxPool2d(_Pool2d):
    """The largest value of each window; the whole gradient goes to the cell it came from.

    Among equals the first in reading order wins. Padding is -∞, so it never wins; nan does.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        if per_axis(self.name, "dilation", dilation, 2) != (1, 1) or return_indices:
            raise ValueError("MaxPool2d: dilation and return_indices are not written here; leave them")

    def forward(self, x: Any) -> np.ndarray:
        x = _image(self.name, x)
        out = self._output_size(x.shape[-2:])
        padded = self._padded(x, out, -math.inf)
        places = self._places(out)
        best = padded[places[0]].copy()  # (N, C, oH, oW)
        winner = np.zeros(best.shape, np.intp)
        for index, place in enumerate(places[1:], start=1):
            candidate = padded[place]
            better = (candidate > best) | np.isnan(candidate)
            np.copyto(best, candidate, where=better)
            np.copyto(winner, index, where=better)
        return self.remember(best, winner, x.shape, padded.shape, out)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (winner, shape, padded_shape, out) = self.recall(grad_output)
        grad = np.zeros(padded_shape, grad_output.dtype)
        for index, place in enumerate(self._places(out)):
            grad[place] += grad_output * (winner == index)
        return self._cut(grad, shape[-2:])


class AvgPool2d(_Pool2d):
    """The average of each window; every cell of it receives g / divisor.

    The divisor counts the cells of the window inside the padded image, or with count_include_pad=False only the
    real ones. What ceil_mode hangs over the edge never counts.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        if divisor_override is not None:
            raise ValueError("AvgPool2d: divisor_override is not written here; leave it at None")
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> np.ndarray:
        x = _image(self.name, x)
        out = self._output_size(x.shape[-2:])
        padded = self._padded(x, out, 0.0)
        places = self._places(out)
        total = padded[places[0]].copy()
        for place in places[1:]:
            total += padded[place]
        divisor = self._divisor(x.shape[-2:], out).astype(x.dtype)  # (oH, oW)
        return self.remember(total / divisor, divisor, x.shape, padded.shape, out)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (divisor, shape, padded_shape, out) = self.recall(grad_output)
        share = grad_output / divisor
        grad = np.zeros(padded_shape, grad_output.dtype)
        for place in self._places(out):
            grad[place] += share
        return self._cut(grad, shape[-2:])

    def _divisor(self, size: Size, out: Size) -> np.ndarray:
        lengths = []
        for o, s, k, h, p in zip(out, self.stride, self.kernel_size, size, self.padding, strict=True):
            start = np.arange(o) * s - p
            end = np.minimum(start + k, h + p)
            if not self.count_include_pad:
                start, end = np.maximum(start, 0), np.minimum(end, h)
            lengths.append(end - start)
        return np.multiply.outer(lengths[0], lengths[1])


class AdaptiveAvgPool2d(Layer):
    """Averages into a fixed output size: bin i of o covers the cells floor(i·H/o) to ceil((i+1)·H/o) - 1.

    Along one axis this is a matrix A: (o, H) with 1/length in each bin, so y = A_h x A_wᵀ, and dx = A_hᵀ g A_w.
    output_size: a number, or a pair in which None keeps the input's size.
    """

    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__()
        sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * 2
        if len(sizes) != 2:
            raise ValueError(f"AdaptiveAvgPool2d: output_size is {output_size!r}; give one number or two")
        for size in sizes:
            if size is not None:
                check_count("AdaptiveAvgPool2d", output_size=size)
        self.output_size = sizes

    def forward(self, x: Any) -> np.ndarray:
        x = _image(self.name, x)
        height, width = (
            _average_matrix(size, size if bins is None else bins, x.dtype)
            for size, bins in zip(x.shape[-2:], self.output_size, strict=True)
        )
        return self.remember(height @ x @ width.T, height, width)

    def backward(self, grad_output: Any) -> np.ndarray:
        grad_output, (height, width) = self.recall(grad_output)
        return height.T @ grad_output @ width


def _average_matrix(size: int, bins: int, dtype: Any) -> np.ndarray:
    """(bins, size): row i averages the cells of bin i."""
    i = np.arange(bins)[:, None]
    cell = np.arange(size)[None]
    inside = (cell >= i * size // bins) & (cell < -(-(i + 1) * size // bins))
    return (inside / inside.sum(axis=1, keepdims=True)).astype(dtype)


def _image(layer: str, x: Any) -> np.ndarray:
    x = as_float(x)
    if x.ndim not in (3, 4) or 0 in x.shape[-2:]:
        raise ValueError(f"{layer} expects images (N, C, H, W) or (C, H, W) but the input has shape {x.shape}")
    return x
