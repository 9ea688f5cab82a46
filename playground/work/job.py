"""Work that takes longer than a page may wait: done a little at a time, and dropped when nobody asks for it."""

import time
from collections.abc import Iterator
from typing import Any


class Job:
    """Something that is done in pieces.

    Attributes:
        fraction: how much of it is done, 0 to 1.
        done: whether nothing is left.
        failed: one sentence where it went wrong.
    """

    fraction = 0.0
    done = False
    failed = ""

    def __init__(self) -> None:
        self._pieces = self.pieces()

    def pieces(self) -> Iterator[None]:
        """The work; it yields often."""
        raise NotImplementedError

    def report(self) -> dict[str, Any]:
        """What there is to show, as JSON."""
        raise NotImplementedError

    def work(self, seconds: float) -> None:
        """Go on for about so long."""
        end = time.perf_counter() + seconds
        try:
            while time.perf_counter() < end:
                next(self._pieces)
        except StopIteration:
            self.done, self.fraction = True, 1.0
