"""The bare loop: a run advanced in slices by a process of its own, with no host, page or browser around it.

The process is started once and asked again and again, so that its rounds can take turns with those of a page. It
is as patient with others (nice 10) and has as many torch threads (one) as a training host.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import IO, Any

from benchmarks.server import ROOT

SLICE = 0.01
"""Seconds that one call of `Run.advance` gets, as in a host."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Pace:
    """What a loop has done: steps, and the seconds of wall and of processor time it took."""

    steps: int
    wall: float
    cpu: float

    @property
    def rate(self) -> float:
        return self.steps / self.wall

    @property
    def per_cpu(self) -> float:
        return self.steps / self.cpu


class BareLoop:
    """The process, as its user holds it; a context manager. `module` is what it runs: its commands are those here."""

    def __init__(self, module: str = "benchmarks.bare") -> None:
        command = [sys.executable, "-m", module]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ONE_THREAD},
        )

    def __enter__(self) -> "BareLoop":
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def _input(self) -> IO[str]:
        assert self.process.stdin is not None, "the bare loop has no input"
        return self.process.stdin

    def start(self, query: str, seconds: float) -> None:
        """Have it train the experiment of a link for so long; it goes on from where it was."""
        self._input.write(json.dumps({"query": query, "seconds": seconds}) + "\n")
        self._input.flush()

    def result(self) -> Pace:
        """What it has done since `start`; waits for it."""
        assert self.process.stdout is not None, "the bare loop has no output"
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the bare loop has ended; its error is above.")
        return Pace(**json.loads(line))

    def ask(self, query: str, seconds: float) -> Pace:
        """`start` and `result`."""
        self.start(query, seconds)
        return self.result()


def serve(commands: IO[str], answers: IO[str]) -> None:
    """Carry out one command a line until there are no more."""
    os.nice(10)
    import torch

    torch.set_num_threads(1)
    from playground.spec import Experiment
    from playground.training import started

    runs: dict[str, Any] = {}
    for line in commands:
        command = json.loads(line)
        query = command["query"]
        if query not in runs:
            runs[query] = started(Experiment.from_query(query), "cpu")
            runs[query].advance(steps=50)
        run, steps = runs[query], 0
        cpu, start = time.process_time(), time.perf_counter()
        while time.perf_counter() - start < command["seconds"]:
            steps += run.advance(seconds=SLICE)
            if run.status != "ready":
                run.reset()
        pace = {"steps": steps, "wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
        print(json.dumps(pace), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
