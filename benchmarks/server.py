"""A Streamlit server of our own, on a free port of this machine, and the end of it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from benchmarks.machine import stop

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "streamlit_app.py"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """`streamlit run SCRIPT` in the project's folder, with the project's settings; a context manager.

    Attributes:
        started: `time.time()` when the process was asked for.
    """

    def __init__(self, script: Path = APP, wait: bool = True):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        options = {"server.port": self.port, "server.address": "127.0.0.1", "server.headless": "true"}
        command = [sys.executable, "-m", "streamlit", "run", str(script)]
        command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        self.started = time.time()
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=dict(os.environ)
        )
        if wait:
            try:
                self.wait()
            except Exception:
                self.close()
                raise

    def wait(self, seconds: float = 30.0) -> None:
        """Until it answers that it is healthy.

        Raises:
            RuntimeError: it has ended, or does not answer in time; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.01)
        raise RuntimeError(f"{self.address} does not answer: {self.log()[-600:]}")

    def log(self) -> str:
        """What the server has said."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def close(self) -> None:
        stop(self.process)
        self._log.close()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.close()
