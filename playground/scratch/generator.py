"""Random numbers: torch's CPU generator in NumPy, so that a network starts with the weights torch would give it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Generator:
    """The numbers of `torch.Generator().manual_seed(seed)`, in the order in which torch draws them.

    Both sides count on with the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), 32 bits at a time. It starts
    from 624 words, k_0 = seed and k_i = 1812433253 (k_{i-1} xor k_{i-1} >> 30) + i. What torch makes of the bits:

        float32 in [0, 1)   the low 24 bits of one draw times 2⁻²⁴
        float64 in [0, 1)   the low 53 bits of two draws times 2⁻⁵³

    It stands wherever this library takes `rng`. uniform, random and permutation give torch's bits (random: where torch
    draws its dropout masks from this generator; on Intel processors it draws them with MKL). standard_normal agrees to
    the last digit but one, because torch has its own logarithm and cosine there.
    """

    def __init__(self, seed: int) -> None:
        words = [seed & 0xFFFFFFFF]
        for i in range(1, 624):
            words.append((1812433253 * (words[-1] ^ words[-1] >> 30) + i) & 0xFFFFFFFF)
        self._bits = np.random.MT19937()
        self._bits.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.array(words, dtype=np.uint32), "pos": 624},
        }
        self._spare: float | None = None  # normal numbers come in pairs

    def bits(self, count: int) -> np.ndarray:
        """The next draws, (count,) uint64 below 2³²."""
        return self._bits.random_raw(count)

    def _floats(self, count: int) -> np.ndarray:
        """As float64, but with the 24 bits that a float32 holds."""
        return (self.bits(count) & np.uint64(0xFFFFFF)) * 2.0**-24

    def _doubles(self, count: int) -> np.ndarray:
        high, low = self.bits(2 * count).reshape(count, 2).T
        return ((high << np.uint64(32) | low) & np.uint64(2**53 - 1)) * 2.0**-53

    def uniform(self, low: float, high: float, shape: Any) -> np.ndarray:
        """U(low, high) in float32, as `torch.empty(shape).uniform_(low, high)`."""
        first, last = np.float32(low), np.float32(high)
        numbers = self._floats(math.prod(shape)) * float(last - first) + float(first)
        return numbers.astype(np.float32).reshape(shape)

    def random(self, shape: Any, dtype: Any = np.float64) -> np.ndarray:
        """U(0, 1], the numbers with which `bernoulli_(1 - p)` keeps those values that are at least p."""
        return 1 - self._doubles(math.prod(shape)).reshape(shape)

    def standard_normal(self, shape: Any) -> np.ndarray:
        """N(0, 1) in float32, as `torch.empty(shape).normal_()`: pairs by Box and Muller (1958)."""
        count = math.prod(shape)
        if count < 16:
            return np.array([self._normal() for _ in range(count)], dtype=np.float32).reshape(shape)
        numbers = self._floats(count).astype(np.float32)
        for start in range(0, count - 15, 16):
            numbers[start : start + 16] = _box_muller(numbers[start : start + 16])
        if count % 16:  # torch draws the last sixteen anew, so that they are a whole block
            numbers[-16:] = _box_muller(self._floats(16).astype(np.float32))
        return numbers.reshape(shape)

    def _normal(self) -> float:
        if self._spare is not None:
            number, self._spare = self._spare, None
            return number
        angle, radius = self._doubles(2)
        angle, radius = 2 * math.pi * angle, math.sqrt(-2 * math.log1p(-radius))
        self._spare = radius * math.sin(angle)
        return radius * math.cos(angle)

    def permutation(self, count: int) -> np.ndarray:
        """The numbers 0 to count - 1 shuffled, as `torch.randperm(count)`: Fisher and Yates (1938)."""
        order = np.arange(count)
        left = np.arange(count, 1, -1, dtype=np.uint64)
        for i, step in enumerate((self.bits(max(0, count - 1)) % left).tolist()):
            order[i], order[i + step] = order[i + step], order[i]
        return order


def _box_muller(uniform: np.ndarray) -> np.ndarray:
    """Sixteen uniform float32 numbers to sixteen normal ones."""
    radius, angle = np.sqrt(-2 * np.log(1 - uniform[:8])), np.float32(2 * math.pi) * uniform[8:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
