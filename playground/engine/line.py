"""Who may play: at most so many runs at once, and a line of those who wait for a place, first come, first served."""

import threading
import time
from typing import TYPE_CHECKING

from playground.limits import LIMITS

if TYPE_CHECKING:
    from playground.engine.client import Engine
    from playground.engine.handle import Handle

WAITING = "waiting"


class Line:
    """The waiting line of an engine.

    A step or an epoch that is asked for does not wait, and takes a place while it is under way. A place is free again
    when its run is paused or finished, or when nobody looks at it. Who waits in line and does not look for some
    seconds, a closed tab, loses the place in it.
    """

    def __init__(self, engine: "Engine"):
        self._engine, self._lock = engine, threading.Lock()
        self._waiting: list[Handle] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def admit(self, handle: "Handle") -> bool:
        """Whether this run may play now; if not, it stands in line, and its snapshot says so."""
        with self._lock:
            if handle not in self._waiting:
                taken = self._taken(handle)
                if not LIMITS.max_playing or (taken < LIMITS.max_playing and not self._waiting):
                    return True
                self._waiting.append(handle)
                handle._in_line = True
        self.tell()
        return False

    def leave(self, handle: "Handle") -> None:
        """Somebody no longer waits, or no longer plays."""
        with self._lock:
            handle._in_line = False
            if handle in self._waiting:
                self._waiting.remove(handle)

    def move(self) -> None:
        """Let in as many as there are places."""
        if not self._waiting:
            return
        now = time.monotonic()
        with self._lock:
            for gone in [handle for handle in self._waiting if handle._lease_end < now]:
                gone._in_line = False
                self._waiting.remove(gone)
                gone._announce("ready", "Your place in line was given up while nobody looked; press Play again.")
            let_in = self._waiting[: max(0, LIMITS.max_playing - self._taken())]
            del self._waiting[: len(let_in)]
            for handle in let_in:
                handle._in_line = False
        for handle in let_in:
            handle._let_in()
        self.tell()

    def tell(self) -> None:
        """Everybody in line reads where they stand."""
        waiting = list(self._waiting)
        for number, handle in enumerate(waiting, 1):
            said = (
                f"All {LIMITS.max_playing} places are taken. You are number {number} of {len(waiting)} in line: it "
                "begins by itself when it is your turn."
            )
            header = handle.snapshot.header
            if handle._in_line and (header["status"], header["message"]) != (WAITING, said):
                handle._announce(WAITING, said)

    def _taken(self, besides: "Handle | None" = None) -> int:
        now = time.monotonic()
        return sum(handle.computes(now) and handle is not besides for handle in self._engine._all())
