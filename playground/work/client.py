"""The worker as a page sees it: questions with answers, from a process that is started with the first one."""

import threading
from concurrent.futures import TimeoutError as TooLate
from typing import Any

from playground.engine.link import HostLost, Link

PATIENCE = 60.0
"""Seconds that an answer may take; the first one waits for torch."""


class Client:
    """Asks the worker; one for all visitors, safe to call from many threads.

    Args:
        module: what the process runs: `python -m module`.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._link: Link | None = None
        self._lock = threading.Lock()

    @property
    def started(self) -> bool:
        """Whether the process is there and has imported torch."""
        return self._link is not None and self._link.alive and self._link.ready.is_set()

    def ask(self, operation: str, **fields: Any) -> dict[str, Any]:
        """The answer to a command.

        Raises:
            ValueError: one sentence: what is wrong with the question, or that the worker is lost.
        """
        try:
            answer = self._running().request(operation, **fields).result(PATIENCE)
        except HostLost:
            raise ValueError("The computing process has ended; ask again, and a new one starts.") from None
        except TooLate:
            raise ValueError(f"The computing process has not answered for {PATIENCE:.0f} seconds; try again.") from None
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def compute(self, what: str, **fields: Any) -> dict[str, Any]:
        """The answer to one of the worker's questions."""
        return self.ask("compute", what=what, **fields)

    def close(self) -> None:
        """Ends the process, if there is one."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()
            link.wait(10)

    def _running(self) -> Link:
        with self._lock:
            if self._link is None or not self._link.alive:
                self._link = Link(_ignore, _ignore, _ignore, module=self._module)
            return self._link


def _ignore(*event: Any) -> None:
    """Nothing is sent unasked that matters here."""
