"""The measurement as a job: its lines so far, and where an accelerator starts to pay."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from playground.device import Place, cores, places
from playground.timing.measure import PRECISIONS, ROUNDS, TASKS, assumed, flops, measure, pays_from
from playground.work.job import Job

Line = dict[str, list[Any]]


class TimingJob(Job):
    """All places, tasks, sizes and precisions; what was measured last is shown to the next visitor too.

    Args:
        again: measure, although there are numbers.
    """

    kept: ClassVar[list[dict[str, Any]]] = []
    """The rows of the last measurement that came to its end; one machine has one set of them."""

    def __init__(self, again: bool = False, where: Sequence[Place] | None = None):
        self.places = list(places() if where is None else where)
        self.rows: list[dict[str, Any]] = []
        self.again = again or where is not None
        super().__init__()

    def pieces(self) -> Iterator[None]:
        if self.kept and not self.again:
            self.rows = self.kept
            return
        total = sum(len(sizes) for _, sizes in TASKS.values()) * len(self.places) * len(PRECISIONS) * (ROUNDS + 2)
        for number, row in enumerate(measure(self.places), 1):
            self.fraction = min(1.0, number / total)
            if row:
                self.rows.append(row)
            yield
        TimingJob.kept = self.rows

    def report(self) -> dict[str, Any]:
        busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        return {"rows": self.rows, "load": busy, "cores": cores(), "tasks": {task: self._task(task) for task in TASKS}}

    def _task(self, task: str) -> dict[str, Any]:
        """The lines of one task by place and precision, the largest rates, and where which place pays."""
        lines: dict[str, dict[str, Line]] = {}
        for row in self.rows:
            if row["task"] == task:
                line = lines.setdefault(row["place"], {}).setdefault(
                    row["precision"], {"size": [], "seconds": [], "transfer": []}
                )
                for name in line:
                    line[name].append(row[name])
        cpu = [place.title for place in self.places if place.threads]
        best = self._best([lines[title]["float32"] for title in cpu if "float32" in lines.get(title, {})])
        sizes = sorted(best)
        return {
            "lines": lines,
            "rates": {
                place: {
                    precision: max(
                        flops(task, n) / s for n, s in zip(line["size"], line["seconds"], strict=True)
                    )
                    for precision, line in of.items()
                }
                for place, of in lines.items()
            },
            "threads": self._threads(lines, cpu),
            "pays": [self._pays(lines[place.title], best) for place in self.places
                     if not place.threads and "float32" in lines.get(place.title, {})],
            "assumed": {
                "size": sizes,
                "seconds": [assumed(task, n) for n in sizes],
                "from": pays_from(sizes, [best[n] for n in sizes], [assumed(task, n) for n in sizes]),
            },
        }  # fmt: skip

    @staticmethod
    def _best(lines: Sequence[Line]) -> dict[int, float]:
        """The fastest of the lines at every size that all of them have."""
        tables = [dict(zip(line["size"], line["seconds"], strict=True)) for line in lines]
        shared = set.intersection(*(set(table) for table in tables)) if tables else set()
        return {size: min(table[size] for table in tables) for size in shared}

    @staticmethod
    def _threads(lines: dict[str, dict[str, Line]], cpu: list[str]) -> float | None:
        """The size from which all threads are faster than one; None if never, or if there is one alone."""
        if len(cpu) < 2 or any("float32" not in lines.get(title, {}) for title in cpu):
            return None
        one, many = (lines[title]["float32"] for title in cpu[:2])
        count = min(len(one["size"]), len(many["size"]))
        return pays_from(one["size"][:count], one["seconds"][:count], many["seconds"][:count])

    @staticmethod
    def _pays(line: dict[str, Line], best: dict[int, float]) -> dict[str, Any]:
        """Where the accelerator starts to pay against the CPU: with the numbers there, and carried each time."""
        sizes = [n for n in line["float32"]["size"] if n in best]
        here, count = [best[n] for n in sizes], len(sizes)
        there, carried = line["float32"]["seconds"][:count], line["float32"]["transfer"][:count]
        return {
            "there": pays_from(sizes, here, there),
            "carried": pays_from(sizes, here, [a + b for a, b in zip(there, carried, strict=True)]),
            "times": here[-1] / there[-1] if sizes else None,
            "largest": sizes[-1] if sizes else None,
        }


JOBS: dict[str, type[Job]] = {"timing": TimingJob}
