"""The web side of the processes that look at uploads and fetch downloads."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

from playground.limits import LIMITS

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the package, so that the child can import it wherever the parent was started."""
ENDED = "The file could not be worked on: the process that does it ended. Try again, or a smaller file."
_running: "weakref.WeakSet[Task]" = weakref.WeakSet()


class Task:
    """One piece of work in a process of its own. Forgetting it, or `cancel`, ends the process.

    Attributes:
        progress: from 0 to 1.
        said: how far it is, in words.
        error: one sentence, or ''.
        result: what came out.
    """

    def __init__(self, op: str, **request: Any):
        self.op, self.request = op, request
        self.progress, self.said, self.error = 0.0, "starting", ""
        self.result: dict[str, Any] = {}
        self._over = threading.Event()
        if sum(not task.done for task in _running) >= LIMITS.max_data_jobs:
            self.error = f"{LIMITS.max_data_jobs} files are being worked on just now; try again in a moment."
            self._over.set()
            return
        process = subprocess.Popen(
            [sys.executable, "-m", "playground.data.job"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))},
            start_new_session=True,
        )
        self._process = process
        _running.add(self)
        weakref.finalize(self, _end, process)
        assert process.stdin is not None, "the process is started with a pipe"
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps({"op": op, **request}).encode() + b"\n")
            process.stdin.close()
        threading.Thread(target=_listen, args=(weakref.ref(self), process), daemon=True).start()

    @property
    def done(self) -> bool:
        """Whether there is a result, an error, or nothing to wait for any more."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits so long for the end; whether it has come."""
        return self._over.wait(seconds)

    def cancel(self) -> None:
        """Leave the work undone."""
        if not self.done:
            self.error = "Cancelled."
            self._over.set()
            _end(self._process)

    def _news(self, news: dict[str, Any]) -> None:
        if self.done:
            return
        if "progress" in news:
            self.progress, self.said = news["progress"], news["said"]
            return
        self.error, self.result = news.get("error", ""), news.get("done", {})
        self.progress = 1.0
        self._over.set()


def _listen(task: "weakref.ref[Task]", process: "subprocess.Popen[bytes]") -> None:
    assert process.stdout is not None, "the process is started with a pipe"
    with process.stdout as lines:
        for line in lines:
            with contextlib.suppress(ValueError):  # what a library prints is no news
                if (waiting := task()) is not None:
                    waiting._news(json.loads(line))
                waiting = None
    process.wait()
    if (waiting := task()) is not None:
        waiting._news({"error": ENDED})


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
