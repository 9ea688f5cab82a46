"""From a `DataSpec` to arrays that are ready to train on.

>>> from playground.spec import DataSpec
>>> load(DataSpec(name="spiral")).x_train.shape
(250, 2)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from playground.catalog import DATASETS
from playground.catalog.files import DELIMITERS
from playground.data import csv_file, fetching, store
from playground.data.features import features_of
from playground.spec import DataSpec

__all__ = ["DATASETS", "Dataset", "features_of", "load", "made_from", "need_file"]


@dataclass(frozen=True)
class Dataset:
    """A data set with its features computed, split and standardised. The arrays cannot be written to.

    Attributes:
        x_train, x_val: inputs, (n, *input_shape) float32, or int64 of tokens.
        y_train, y_val: class numbers, (n,) int64; for a regression values, (n,) float32; the
            inputs as rows, (n, numbers), where they are the target.
        raw_train, raw_val: what the inputs were made from, not standardised: (n, inputs) or (n, steps, ...).
        index_train, index_val: position in the set before it was split, (n,) int64.
        x_mean, x_std: raw input = x * x_std + x_mean, where inputs are standardised.
        names: the classes' names, of uploaded data.
        columns: the inputs' names, of a table that has some.
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
    x_mean: np.ndarray = field(default_factory=lambda: np.zeros(()))
    x_std: np.ndarray = field(default_factory=lambda: np.ones(()))
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for each in fields(self):
            if isinstance(array := getattr(self, each.name), np.ndarray):
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
    names: tuple[str, ...] = ()
    columns = entry.columns
    if entry.file:
        raw, y, names, columns = _from_file(spec, getattr(import_module(module), function), rng)
    else:
        raw, y = getattr(import_module(module), function)(**made_from(spec), **drawn, rng=rng)
    assert len(raw) == count, f"{spec.name} gave {len(raw)} samples"
    assert y.shape == (count,), f"{spec.name} gave targets of shape {y.shape}"

    order = np.arange(count) if entry.ordered else rng.permutation(count)
    train, val = order[: spec.train_count], order[spec.train_count :]

    regression = not spec.classes and spec.target == "labels"
    x = features_of(raw, spec.features) if spec.features else raw
    if entry.file == "csv":
        x = raw = _filled(raw, train)
        if not (np.abs(x).max() < csv_file.LARGEST and np.abs(y).max() < csv_file.LARGEST):  # nan is neither
            raise ValueError(f"The file holds numbers beyond {csv_file.LARGEST:g}: {FIND_ANEW}")
    mean, std, y_mean, y_std = np.zeros(()), np.ones(()), 0.0, 1.0
    if entry.standardize:
        mean, std = _statistics(x[train], entry.together)
        x = (x - mean) / std
        if regression:
            y_mean, y_std = map(float, _statistics(y[train]))
            y = (y - y_mean) / y_std
    x = x.astype(np.int64 if spec.tokens else np.float32).reshape(count, *spec.input_shape)
    y = x.reshape(count, -1) if spec.target == "inputs" else y.astype(np.float32 if regression else np.int64)
    parts = (x[train], x[val], y[train], y[val], raw[train], raw[val], train, val)
    return Dataset(*parts, y_mean, y_std, mean, std, names, columns)


def made_from(spec: DataSpec, path: str = "") -> dict[str, Any]:
    """The arguments of the function that makes the data, from the file at `path` where there is one.

    How a picture is laid out is no matter of its, nor is what follows from the file.
    """
    entry = spec.entry
    if not entry.file:
        return {name: value for name, value in spec.args.items() if name != "layout"}
    named = {"n": spec["n"]}
    if not path:
        return {"name": entry.openml, **named}
    if entry.file == "csv":
        named |= {name: spec[name] for name in ("steps", "target", "classes", "header") if name in spec.args}
        named |= {"columns": spec.columns, "delimiter": DELIMITERS[spec["delimiter"]]}
    return {"path": path, **named}


def _from_file(
    spec: DataSpec, function: Callable[..., tuple[np.ndarray, np.ndarray]], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Inputs, targets, and the names of classes and of inputs, out of a file.

    Raises:
        ValueError: the file is not there, or is not what the experiment says of it.
    """
    entry, place = spec.entry, need_file(spec)
    try:
        raw, y = function(**made_from(spec, str(place)), rng=rng)
        names = _names(spec, place) if spec.classes and not entry.names else ()
        columns = _columns(spec, place) if entry.file == "csv" else ()
    except (IndexError, KeyError, OSError, ValueError):
        raise ValueError(f"The file does not hold what this experiment says of it: {FIND_ANEW}") from None
    if len(raw) < spec["n"]:
        raise ValueError(f"data: n is {spec['n']:,}, but the file has {len(raw):,}; set it to {len(raw):,} or less.")
    if math.prod(raw.shape[1:]) != math.prod(spec.input_shape) or (names and len(names) != spec.classes):
        raise ValueError(f"The file has other columns or classes than this experiment says: {FIND_ANEW}")
    return raw, y, names, columns


def need_file(spec: DataSpec) -> Path:
    """Where the file is that the set is made from.

    Raises:
        ValueError: it is not on this server; the message says what to do.
    """
    title = spec.entry.title
    if spec.entry.file == "openml":
        return fetching.place(spec.name)
    if not spec.file:
        raise ValueError(f"{title[0].upper()}{title[1:]} needs a file: upload one on the page Data.")
    return store.path(spec.file)


CONSTANT = 1e-100
"""An input whose values differ by less is a constant one."""
FIND_ANEW = "choose its columns anew on the page Data."


def _names(spec: DataSpec, place: Path) -> tuple[str, ...]:
    if spec.entry.file == "npz":
        with np.load(place, allow_pickle=False) as archive:
            return tuple(map(str, archive["names"]))
    return csv_file.words_of(place, spec["target"], DELIMITERS[spec["delimiter"]], spec["header"])


def _columns(spec: DataSpec, place: Path) -> tuple[str, ...]:
    return csv_file.inputs_of(place, spec.columns, DELIMITERS[spec["delimiter"]], spec["header"])


def _filled(raw: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Missing numbers as the mean of those that the training part knows."""
    if not (missing := np.isnan(raw)).any():
        return raw
    known = ~missing[train]
    means = np.where(known, raw[train], 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(missing, means, raw)


def _statistics(values: np.ndarray, together: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every input, or of all together; 1 for a constant one, whose computed one may be
    rounding, or nearly so, whose squares may be 0."""
    axis = None if together else 0
    return values.mean(axis), np.where(np.ptp(values, axis) < CONSTANT, 1.0, values.std(axis))
