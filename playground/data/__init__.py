"""From a `DataSpec` to arrays that are ready to train on.

>>> from playground.spec import DataSpec
>>> load(DataSpec(name="spiral")).x_train.shape
(250, 2)
"""

from dataclasses import dataclass, fields
from importlib import import_module

import numpy as np

from playground.catalog import DATASETS
from playground.catalog.base import Value
from playground.data.features import features_of
from playground.spec import DataSpec

__all__ = ["DATASETS", "Dataset", "features_of", "load", "made_from"]


@dataclass(frozen=True)
class Dataset:
    """A data set with its features computed, split and standardised. The arrays cannot be written to.

    Attributes:
        x_train, x_val: inputs, (n, *input_shape) float32, or int64 of tokens.
        y_train, y_val: class numbers, (n,) int64; for a regression values, (n,) float32.
        raw_train, raw_val: what the inputs were made from, not standardised: (n, inputs) or (n, steps, ...).
        index_train, index_val: position in the set before it was split, (n,) int64.
        y_mean, y_std: original target = y * y_std + y_mean (0 and 1 where targets are not standardised).
    """

    x_train: np.ndarray
    x_val: np.ndarray
    y_train: np.ndarray
    y_val: np.ndarray
    raw_train: np.ndarray
    raw_val: np.ndarray
    index_train: np.ndarray
    index_val: np.ndarray
    y_mean: float = 0.0
    y_std: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(array := getattr(self, field.name), np.ndarray):
                array.flags.writeable = False


def load(spec: DataSpec) -> Dataset:
    """The data that `spec` describes; the same spec gives the same arrays.

    One generator, seeded with `spec.seed`, draws the points and then the permutation whose first
    `spec.train_count` entries are the training part; where neighbours overlap (`entry.ordered`) the first ones train.
    Means and standard deviations are those of the training part alone, so that nothing of the validation part is known
    while training.
    """
    entry, count = spec.entry, spec.args["n"]
    module, _, function = entry.target.rpartition(".")
    rng = np.random.default_rng(spec.seed)
    drawn = {"points": spec.points} if entry.drawn else {}
    raw, y = getattr(import_module(module), function)(**made_from(spec), **drawn, rng=rng)
    assert len(raw) == count, f"{spec.name} gave {len(raw)} samples"
    assert y.shape == (count,), f"{spec.name} gave targets of shape {y.shape}"

    order = np.arange(count) if entry.ordered else rng.permutation(count)
    train, val = order[: spec.train_count], order[spec.train_count :]

    regression = not spec.classes
    x = features_of(raw, spec.features) if spec.features else raw
    y_mean, y_std = 0.0, 1.0
    if entry.standardize:
        mean, std = _statistics(x[train], entry.together)
        x = (x - mean) / std
        if regression:
            y_mean, y_std = map(float, _statistics(y[train]))
            y = (y - y_mean) / y_std
    x = x.astype(np.int64 if spec.tokens else np.float32).reshape(count, *spec.input_shape)
    y = y.astype(np.float32 if regression else np.int64)
    return Dataset(x[train], x[val], y[train], y[val], raw[train], raw[val], train, val, y_mean, y_std)


def made_from(spec: DataSpec) -> dict[str, Value]:
    """The arguments of the function that makes the data; how a picture is laid out is no matter of its."""
    return {name: value for name, value in spec.args.items() if name != "layout"}


def _statistics(values: np.ndarray, together: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every input, or of all together; 1 for a constant one, whose computed one may be
    rounding."""
    axis = None if together else 0
    return values.mean(axis), np.where(np.ptp(values, axis) == 0, 1.0, values.std(axis))
