"""The web side of the landscape process: jobs go down, progress and results come up. No torch here."""

import atexit
import contextlib
import os
import subprocess
import sys
import threading
import weakref
from typing import Any

from playground.engine.link import ONE_THREAD, ROOT
from playground.engine.wire import WireError, read_frame, write_frame
from playground.landscapes.spec import RaceSpec
from playground.limits import LIMITS

ENDED = "The process that races ended before it had answered; try again."


class Job:
    """Something asked of the process. Forgetting it cancels it.

    Attributes:
        progress: from 0 to 1.
        done: whether there is a result, an error, or nothing to wait for any more.
        error: one sentence, or ''.
        header, body: the result.
    """

    def __init__(self, id: int, operation: str, visitor: str = ""):
        self.id, self.operation, self.visitor = id, operation, visitor
        self.progress, self.error = 0.0, ""
        self.header: dict[str, Any] = {}
        self.body = b""
        self._over = threading.Event()

    @property
    def done(self) -> bool:
        return self._over.is_set()

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.done and not self.error

    def wait(self, seconds: float) -> bool:
        """Waits so long for the end; whether it has come."""
        return self._over.wait(seconds)

    def _end(self, error: str = "", header: dict[str, Any] | None = None, body: bytes = b"") -> None:
        if not self.done:
            self.error, self.header, self.body, self.progress = error, header or {}, body, 1.0
            self._over.set()


class Worker:
    """One process for all visitors, started with the first job and again if it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._jobs: weakref.WeakValueDictionary[int, Job] = weakref.WeakValueDictionary()
        self._process: subprocess.Popen[bytes] | None = None
        self._next_id = 0
        atexit.register(self.close)

    def start(self) -> None:
        """Starts the process if there is none; it imports torch on its own time."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "playground.landscapes.job"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd=ROOT,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C is for the server; the process ends when its pipe does
            )
            name = f"landscapes {self._process.pid}"
            threading.Thread(target=self._read, args=(self._process,), name=name, daemon=True).start()

    def submit(self, operation: str, spec: RaceSpec, visitor: str = "", **fields: Any) -> Job:
        """Asks for a job; `operation` is one of playground.landscapes.job.OPERATIONS, `visitor` is whose it is."""
        self.start()
        with self._lock:
            job, self._next_id = Job(self._next_id, operation, visitor), self._next_id + 1
            refusal = self._refusal(visitor)
            if refusal:
                job._end(refusal)
                return job
            self._jobs[job.id] = job
        weakref.finalize(job, self.cancel, job.id).atexit = False
        self._send({"id": job.id, "op": operation, "race": spec.to_query(), **fields})
        return job

    def _refusal(self, visitor: str) -> str:
        """Why there is no place for another job, or ''."""
        under_way = [job for job in self._jobs.values() if not job.done]
        if len(under_way) >= LIMITS.heavy_jobs:
            return f"{LIMITS.heavy_jobs} jobs are under way on this server; wait until one has ended."
        if visitor and sum(job.visitor == visitor for job in under_way) >= LIMITS.heavy_jobs_each:
            return LIMITS.too_many_jobs
        return ""

    def cancel(self, id: int) -> None:
        """Leaves a job undone."""
        job = self._jobs.get(id)
        if job is None or not job.done:
            self._send({"cancel": id})
        if job is not None:
            job._end("Cancelled.")

    def close(self) -> None:
        """Ends the process."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError), self._write_lock:
            assert process.stdin is not None, "the process is started with a pipe"
            process.stdin.close()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _send(self, header: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        try:
            with self._write_lock:
                assert process.stdin is not None, "the process is started with a pipe"
                write_frame(process.stdin, header)
        except (OSError, ValueError):  # the pipe is broken or closed; the reading thread says what follows from it
            process.kill()

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None, "the process is started with a pipe"
        with contextlib.suppress(WireError, OSError, ValueError):
            while (frame := read_frame(process.stdout)) is not None:
                header, body = frame
                job = self._jobs.get(header.pop("id", -1))
                if job is None:
                    continue
                if "progress" in header:
                    job.progress = header["progress"]
                else:
                    job._end(header.pop("error", ""), header, body)
        process.kill()
        process.wait()
        process.stdout.close()
        with contextlib.suppress(OSError), self._write_lock:
            assert process.stdin is not None, "the process is started with a pipe"
            process.stdin.close()
        for job in list(self._jobs.values()):
            job._end(ENDED)
