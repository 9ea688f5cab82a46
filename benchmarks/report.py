"""Rows of a benchmark's table: what was measured, against which goal, and how disturbed the machine was."""

import dataclasses
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

DISTURBED = 0.25
"""Cores used by others while a row was measured, from which the row is marked."""


@dataclass
class Row:
    """One line of the table.

    Attributes:
        number: its place in the table.
        met: whether the goal is met; None where there is nothing to meet, or nothing was measured.
        values: the figures behind `measured`, for the JSON file.
        others: cores that other processes used meanwhile.
    """

    number: int
    what: str
    measured: str
    goal: str
    met: bool | None = None
    values: dict[str, Any] = field(default_factory=dict)
    others: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        return {True: "met", False: "MISSED", None: "-"}[self.met]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie (the nearest of them)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float], digits: int = 2, unit: str = "") -> str:
    """Median and range: '0.97 [0.93..1.01]'."""
    low, middle, high = (f"{v:,.{digits}f}" for v in (min(values), statistics.median(values), max(values)))
    return f"{middle}{unit} [{low}..{high}]"


def per_second(times: Sequence[float], seconds: float) -> list[int]:
    """How many of the `times` (ms) lie in each whole second of a window of `seconds` that begins at 0."""
    counts = [0] * int(seconds)
    for time in times:
        if 0 <= time < 1000 * len(counts):
            counts[int(time / 1000)] += 1
    return counts


def table(rows: Iterable[Row]) -> str:
    """The rows as text, one line each, and their notes below."""
    rows = list(rows)
    cells = [("what", "measured", "goal", "verdict", "others")]
    cells += [(row.what, row.measured, row.goal, row.verdict, _others(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    lines.insert(1, "-" * len(lines[0]))
    lines += ["", *(f"* {row.what}: {row.note}" for row in rows if row.note)]
    return "\n".join(lines).rstrip()


def _others(row: Row) -> str:
    if row.others is None:
        return ""
    return f"{row.others:.1f} cores" + (" (disturbed)" if row.others >= DISTURBED else "")


def as_json(head: dict[str, Any], rows: Iterable[Row]) -> str:
    """The same with every figure behind it."""
    lines = [dataclasses.asdict(row) | {"verdict": row.verdict} for row in rows]
    return json.dumps({**head, "rows": lines}, indent=1, default=str) + "\n"
