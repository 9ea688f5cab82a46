"""Inputs computed from the two coordinates, as in TensorFlow Playground: one function for each, named by its key.

Each is one `return`, whose expression also stands in exported scripts.
"""

from collections.abc import Callable, Sequence

import numpy as np

from playground.catalog import FEATURES


def x(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x


def y(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y


def x2(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x**2


def y2(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y**2


def xy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x * y


def sinx(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sin(x)


def siny(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sin(y)


FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {name: globals()[name] for name in FEATURES}
"""Key in the address bar -> function of the coordinates x and y, each of shape (n,)."""


def features_of(xy: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The named features of points: xy (n, 2) float64 -> (n, len(names)) float32."""
    return np.column_stack([FUNCTIONS[name](xy[:, 0], xy[:, 1]) for name in names]).astype(np.float32)
