"""A landscape: a function of x and y with everything that a race on it needs to know."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from playground.catalog.base import Entry, Param
from playground.parts import Args

Point = tuple[float, float]
Minimum = tuple[float, float, float]
Range = tuple[float, float]
FAR = 10
"""Sides of its picture beyond which a point that never returns counts as lost."""


def module_of(*values: Any) -> Any:
    """torch if one of the values is a tensor, else numpy: both have the functions that landscapes are written with."""
    for value in values:
        if type(value).__module__.partition(".")[0] == "torch":
            return sys.modules["torch"]
    return np


@dataclass(frozen=True)
class Landscape:
    """A loss over the plane.

    Attributes:
        key: its name in LANDSCAPES; '' for a typed expression.
        label: what a visitor reads.
        rule: `rule(m, x, y, **args)`, where m is the module (torch or numpy) that the functions come from.
        domain: ((x low, x high), (y low, y high)) of its picture.
        log: whether its picture takes logarithmic levels, counted from `floor`.
        starts: points that tell something, the first one being where a race begins.
        minima: (x, y, value) of the lowest points of the domain; none where it falls without end.
        local_minima: the same for minima that are not the lowest.
        source: where it was published.
        formula: in LaTeX.
        summary: one sentence on what it is hard or good for.
        params: what can be chosen, with limits; `args` are the values in force.
        make: the landscape with other arguments.
        text: what was typed, for an expression.
    """

    key: str
    label: str
    rule: Callable[..., Any]
    domain: tuple[Range, Range]
    starts: tuple[Point, ...]
    minima: tuple[Minimum, ...] = ()
    local_minima: tuple[Minimum, ...] = ()
    log: bool = False
    source: str = ""
    formula: str = ""
    summary: str = ""
    params: tuple[Param, ...] = ()
    args: Args = field(default_factory=Args)
    make: Callable[..., "Landscape"] | None = field(default=None, compare=False, repr=False)
    text: str = ""

    def function(self, x: Any, y: Any) -> Any:
        """The value at (x, y): floats, NumPy arrays or torch tensors, elementwise."""
        return self.rule(module_of(x, y), x, y, **self.args)

    __call__ = function

    def but(self, args: Mapping[str, Any]) -> "Landscape":
        """This landscape with other arguments, those not given at their defaults.

        Raises:
            ValueError: an argument is unknown or outside its limits.
        """
        checked = Entry(self.label, "", self.params).arguments(args, "landscape")
        return self if self.make is None or checked == self.args else self.make(**checked)

    @property
    def floor(self) -> float | None:
        """The lowest value known, or None where there is no minimum."""
        return min((value for _, _, value in self.minima), default=None)

    def grid(self, size: int = 121) -> np.ndarray:
        """(size, size) values over the domain; row 0 is the lowest y, column 0 the lowest x. Not to be written to."""
        return _grid(self, size)

    def distance(self, x: Any, y: Any) -> Any:
        """Distance to the nearest of `minima`, elementwise; nan where there is none."""
        if not self.minima:
            return np.full(np.broadcast(x, y).shape, np.nan)
        return np.min([np.hypot(np.subtract(x, a), np.subtract(y, b)) for a, b, _ in self.minima], axis=0)

    def is_far(self, points: np.ndarray) -> np.ndarray:
        """(...) of (..., 2): whether a point is more than FAR sides of the picture from its middle; nan is not far."""
        sides = np.array(self.domain)
        middle, reach = sides.mean(1), FAR * (sides[:, 1] - sides[:, 0])
        return np.logical_or(*np.moveaxis(np.abs(points - middle) > reach, -1, 0))

    def hessian(self, x: float, y: float, width: float = 1.0) -> np.ndarray:
        """(2, 2) second derivatives at a point, by central differences of fourth order; nan where there are none."""
        (x0, x1), (y0, y1) = self.domain
        hx, hy = 2e-4 * width * (x1 - x0), 2e-4 * width * (y1 - y0)
        offsets, weights = np.array([-2, -1, 1, 2]), np.array([1, -8, 8, -1]) / 12
        with np.errstate(all="ignore"):
            here = self.function(x, y)
            second = np.array([-1, 16, 16, -1]) / 12
            fxx = (np.dot(second, self._values(x + hx * offsets, y)) - 2.5 * here) / hx**2
            fyy = (np.dot(second, self._values(x, y + hy * offsets)) - 2.5 * here) / hy**2
            cross = self._values(x + hx * offsets[:, None], y + hy * offsets[None, :])
            fxy = weights @ cross @ weights / (hx * hy)
        return np.array([[fxx, fxy], [fxy, fyy]])

    def _values(self, x: Any, y: Any) -> np.ndarray:
        """Values as a float array of the broadcast shape, also where the function is constant in one of them."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        return np.broadcast_to(np.asarray(self.function(x, y), float), x.shape)

    def narrowed(self, x: float, y: float, reach: float) -> Point:
        """The local minimum below (x, y): ever smaller grids around the lowest point, `reach` wide at first."""
        offsets = np.linspace(-1, 1, 21)
        for _ in range(60):
            with np.errstate(all="ignore"):
                near = self._values(x + reach * offsets[None, :], y + reach * offsets[:, None])
            row, column = np.unravel_index(np.argmin(np.where(np.isfinite(near), near, np.inf)), near.shape)
            x, y = x + reach * offsets[column], y + reach * offsets[row]
            if 0 < row < 20 and 0 < column < 20:
                reach /= 2
        return round(float(x), 7) + 0.0, round(float(y), 7) + 0.0

    def largest_stable_lr(self) -> float | None:
        """2 over the largest curvature at the (first) lowest minimum: above it plain gradient descent is thrown out.

        None where there is no minimum, or no curvature there.
        """
        if not self.minima:
            return None
        x, y, _ = min(self.minima, key=lambda minimum: minimum[2])
        wide, narrow = self.hessian(x, y), self.hessian(x, y, 0.5)
        if not np.allclose(wide, narrow, rtol=0.02, atol=1e-6):  # a kink or a tip: no second derivative
            return None
        largest = float(np.linalg.eigvalsh(narrow)[-1])
        return 2 / largest if largest > 1e-9 else None


@lru_cache(maxsize=64)
def _grid(landscape: Landscape, size: int) -> np.ndarray:
    (x0, x1), (y0, y1) = landscape.domain
    with np.errstate(all="ignore"):
        values = landscape._values(np.linspace(x0, x1, size)[None, :], np.linspace(y0, y1, size)[:, None])
    values = np.array(values)
    values.flags.writeable = False
    return values
