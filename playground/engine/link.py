"""One host process as the web process sees it: requests go down its stdin, answers and news come up its stdout."""

import contextlib
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from playground.engine.wire import Part, WireError, Writer, read_frame, split_parts, write_all, write_frame

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the package, so that the child can import it wherever the parent was started."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""For these networks two threads are up to fifty times slower than one on a busy machine."""

Answer = dict[str, Any]


class HostLost(Exception):
    """The process ended, or was ended, before it had answered."""


class Link:
    """A host process that has been started.

    Args:
        on_part: (link, part) for every snapshot or state, before the answer that carried it is given to its caller.
        on_event: (link, header) for what the host says unasked: 'ready', 'given back'.
        on_lost: (link) once, when the process is gone; the requests under way fail with HostLost afterwards.
        module: what the process runs: `python -m module`.
        delay: seconds until the process is started; `start` starts it sooner. What is sent before waits for it.
    """

    def __init__(
        self,
        on_part: "Callable[[Link, Part], None]",
        on_event: "Callable[[Link, Answer], None]",
        on_lost: "Callable[[Link], None]",
        module: str = "playground.engine",
        delay: float = 0.0,
    ):
        self._on_part, self._on_event, self._on_lost = on_part, on_event, on_lost
        self._module, self._process, self._held = module, None, io.BytesIO()  # type: str, subprocess.Popen | None, Any
        self.pid, self.alive, self.ready = 0, True, threading.Event()
        self.collecting: Future[Answer] | None = None
        self.collecting_since = 0.0
        self._lock = threading.Lock()  # of the fields below
        self._write_lock = threading.Lock()
        self._next_id = 0
        self._waiting: dict[int, tuple[Future[Answer], Callable[[Answer], None] | None]] = {}
        self._started = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(delay,), name="playground host", daemon=True)
        if not delay:
            self._begin()
        self._reader.start()

    def start(self) -> None:
        """Starts the process now, if it still waits."""
        self._started.set()

    def _begin(self) -> None:
        """Starts the process, and hands it what was sent before."""
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with self._write_lock:
            if not self.alive:  # closed before it was started
                return
            process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd=ROOT,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C is for the server; the host ends when its pipe does
            )
            self.pid, self._process = process.pid, process
            with contextlib.suppress(OSError):  # it has ended at once, as the reading thread will notice
                write_all(self._pipe, self._held.getvalue())
            self._held = None

    @property
    def _pipe(self) -> Writer:
        """Where commands are written: the process's input, or what is held until there is one."""
        if self._process is None:
            return self._held
        assert self._process.stdin is not None, "a host is started with a pipe"
        return self._process.stdin

    def request(
        self, operation: str, body: bytes = b"", then: Callable[[Answer], None] | None = None, **fields: Any
    ) -> "Future[Answer]":
        """Sends a command. `then(answer)` is called in the reading thread before the future is resolved.

        The future raises HostLost if the process ends first; an answer may hold an `error`, one sentence.
        """
        future: Future[Answer] = Future()
        with self._lock:
            id, self._next_id = self._next_id, self._next_id + 1
            if not self.alive:
                future.set_exception(HostLost())
                return future
            self._waiting[id] = future, then
        try:
            with self._write_lock:
                write_frame(self._pipe, {"id": id, "op": operation, **fields}, body)
        except (OSError, ValueError):  # the pipe is broken or closed; the reading thread says what follows from it
            self.kill()
        return future

    def kill(self) -> None:
        """Ends the process at once; the reading thread notices."""
        if self._process is None:
            with self._write_lock:
                self.alive = self._process is not None
            self._started.set()
        if self._process is not None:  # without the lock: somebody may be waiting for a full pipe with it
            self._process.kill()

    def close(self) -> None:
        """Closes the pipe, at which the host ends by itself."""
        with self._write_lock, contextlib.suppress(OSError):
            self.alive = self.alive and self._process is not None
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
        self._started.set()

    def wait(self, seconds: float) -> None:
        """Until the process is gone, by force if it takes longer."""
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process.wait()
        if self._reader is not threading.current_thread():
            self._reader.join(seconds)

    def _read(self, delay: float) -> None:
        if delay:
            self._started.wait(delay)
            self._begin()
        if self._process is None:
            self._end()
            return
        assert self._process.stdout is not None, "a host is started with a pipe"
        try:
            while (frame := read_frame(self._process.stdout)) is not None:
                self._take(*frame)
        except (WireError, OSError, ValueError) as error:
            if not isinstance(error, WireError):
                print(f"A training host cannot be read: {error}", file=sys.stderr)
        self.kill()
        self._process.wait()
        self._process.stdout.close()
        self._end()

    def _take(self, header: Answer, body: bytes) -> None:
        for part in split_parts(header.pop("parts", []), body):
            self._on_part(self, part)
        if "event" in header:
            if header["event"] == "ready":
                self.ready.set()
            self._on_event(self, header)
            return
        with self._lock:
            future, then = self._waiting.pop(header["id"], (None, None))
        if then is not None:
            then(header)
        if future is not None:
            future.set_result(header)

    def _end(self) -> None:
        with self._lock:
            self.alive = False
            waiting, self._waiting = list(self._waiting.values()), {}
        self.close()
        try:
            self._on_lost(self)
        finally:
            for future, _ in waiting:
                future.set_exception(HostLost())

    @property
    def silent_for(self) -> float:
        """Seconds that a collection has been unanswered."""
        waiting = self.collecting is not None and not self.collecting.done()
        return time.monotonic() - self.collecting_since if waiting else 0.0
