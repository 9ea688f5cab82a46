"""Own points: what was drawn in the picture becomes the experiment's data."""

from playground.catalog.points import HIGH, LOW, Point, from_text, snapped
from playground.fit import fitted
from playground.spec import DataSpec, Experiment

__all__ = ["draw_points", "own_points"]

BEGIN_WITH = 400
"""Points that a larger data set is thinned to, so that there is room for others."""


def own_points(old: Experiment) -> Experiment:
    """The present data set as own points, which can then be moved; the picture stays as it is.

    Raises:
        ValueError: the data set is no plane.
    """
    if old.data.points:
        return old
    if old.data.entry.view != "plane":
        raise ValueError(
            f"{old.data.entry.title} is no plane, so its points cannot be moved; choose 'your own points'."
        )
    return _with_points(old, _points_of(old.data))


def draw_points(old: Experiment, text: str) -> Experiment:
    """The points as they were drawn; output and loss follow the number of classes.

    Raises:
        ValueError: the text is none of points, or there are too few or too many.
    """
    return _with_points(old, from_text(text))


def _with_points(old: Experiment, points: tuple[Point, ...]) -> Experiment:
    kept = {"train_fraction": old.data.train_fraction, "seed": old.data.seed, "features": old.data.features}
    return fitted(old, DataSpec.of(name="own", points=points, **kept))


def _points_of(data: DataSpec) -> tuple[Point, ...]:
    """The points of a plane on the grid of own points; values become the classes of their signs."""
    import numpy as np  # brought along by `load`, which the first picture does not need

    from playground.data import load

    made = load(data)
    order = np.argsort(np.concatenate([made.index_train, made.index_val]))
    places = np.concatenate([made.raw_train, made.raw_val])[order]
    labels = np.concatenate([made.y_train, made.y_val])[order]
    low, high = data.entry.domain
    places = (LOW + (places - low) * (HIGH - LOW) / (high - low)).clip(LOW, HIGH)
    if not data.classes:
        labels = labels > 0
    rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    share = min(1.0, BEGIN_WITH / len(labels))  # of every class, evenly: neighbours may alternate between classes
    spread = [np.linspace(0, len(row) - 1, max(1, int(share * len(row)))).round().astype(int) for row in rows]
    kept = np.sort(np.concatenate([row[index] for row, index in zip(rows, spread, strict=True)]))
    return snapped((float(x), float(y), int(label)) for (x, y), label in zip(places[kept], labels[kept], strict=True))
