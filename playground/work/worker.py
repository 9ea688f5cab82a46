"""A process that computes for pages: questions answered at once, and jobs that are asked how far they are.

Commands come in by stdin and answers go out by stdout, as frames of `engine.wire`. 'compute' is answered at once;
'open' begins a job, 'poll' asks how far it is and renews its lease, 'stop' ends it. Jobs take turns, and commands are
read between two turns. The process ends when stdin is closed, which is also what happens when its parent dies.
"""

import itertools
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from playground.engine.link import ONE_THREAD
from playground.engine.wire import WireError, read_frame, write_frame
from playground.limits import LIMITS
from playground.work.job import Job

SLICE = 0.02
"""Seconds that a job gets in its turn."""
LEASE = 10.0
"""Seconds that a job goes on after somebody last asked for it."""

Command = dict[str, Any]


def serve(make: "Callable[[], Worker]") -> None:
    """Serves with the worker that `make` builds, until the parent closes the pipe."""
    os.environ.update(ONE_THREAD)  # before NumPy and torch are imported
    if hasattr(os, "nice"):
        os.nice(10)  # the pages come first
    commands, answers = open(os.dup(0), "rb", buffering=0), open(os.dup(1), "wb", buffering=0)  # noqa: SIM115
    sys.stdout = sys.stderr
    os.dup2(2, 1)  # what C code prints must not reach the pipe either
    inbox: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(commands, inbox), daemon=True).start()
    worker = make()
    try:
        write_frame(answers, {"event": "ready"})
        _serve(worker, inbox, answers)
    except BrokenPipeError:
        pass
    os._exit(0)  # nothing here needs the interpreter's farewell, which waits for torch


def _read(commands: Any, inbox: "queue.SimpleQueue[Command | None]") -> None:
    try:
        while (frame := read_frame(commands)) is not None:
            inbox.put(frame[0])
    except (WireError, OSError) as error:
        print(f"The worker cannot read its commands: {error}", file=sys.stderr)
    inbox.put(None)
    time.sleep(5)  # a slice under way may end; then nothing waits for it
    os._exit(0)


def _serve(worker: "Worker", inbox: "queue.SimpleQueue[Command | None]", answers: Any) -> None:
    while True:
        try:
            command = inbox.get(timeout=0 if worker.busy else None)
        except queue.Empty:
            worker.turn()
            continue
        if command is None:
            return
        write_frame(answers, {"id": command["id"], **_plain(worker.answer(command))})


def _plain(value: Any) -> Any:
    """Nested lists and tables with None for every number that JSON does not have."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Worker:
    """Answers commands and holds the jobs.

    Args:
        compute: what is answered at once, by name.
        kinds: the jobs, by name.
    """

    def __init__(self, compute: dict[str, Callable[..., dict[str, Any]]], kinds: Mapping[str, type[Job]]):
        self.compute, self.kinds = compute, kinds
        self.jobs: dict[str, Any] = {}
        self.asked: dict[str, float] = {}
        self.visitors: dict[str, str] = {}
        self._names = (f"job {number}" for number in itertools.count(1))
        self._turns = 0

    @property
    def busy(self) -> bool:
        """Whether a job has something left to do."""
        return any(not (job.done or job.failed) for job in self.jobs.values())

    def turn(self) -> None:
        """Moves one job on, and forgets those that nobody asks for."""
        now = time.monotonic()
        for name in [name for name, asked in self.asked.items() if now - asked > LEASE]:
            self._stop(name)
        waiting = [job for job in self.jobs.values() if not (job.done or job.failed)]
        if waiting:
            self._turns += 1
            job = waiting[self._turns % len(waiting)]
            try:
                job.work(SLICE)
            except ValueError as error:
                job.failed = said(error)
            except Exception as error:
                job.failed = f"It failed: {type(error).__name__}: {error}"

    def answer(self, command: Command) -> dict[str, Any]:
        """What one command gives; {"error": sentence} for what cannot be done."""
        fields = {key: value for key, value in command.items() if key not in ("id", "op")}
        try:
            return getattr(self, f"_{command['op']}")(**fields)
        except ValueError as error:
            return {"error": said(error)}
        except Exception as error:
            return {"error": f"The worker could not do that: {type(error).__name__}: {error}"}

    def _compute(self, what: str, **fields: Any) -> dict[str, Any]:
        return self.compute[what](**fields)

    def _open(self, kind: str, visitor: str = "", **fields: Any) -> dict[str, Any]:
        if len(self.jobs) >= LIMITS.heavy_jobs:
            raise ValueError(f"All {LIMITS.heavy_jobs} places are taken; try again in a while.")
        if visitor and sum(other == visitor for other in self.visitors.values()) >= LIMITS.heavy_jobs_each:
            raise ValueError(LIMITS.too_many_jobs)
        name = next(self._names)
        self.jobs[name], self.asked[name] = self.kinds[kind](**fields), time.monotonic()
        self.visitors[name] = visitor
        return {"job": name}

    def _poll(self, job: str) -> dict[str, Any]:
        """How far it is, and what it has; nobody needs a job that is done and has said so."""
        if job not in self.jobs:
            return {"gone": True}
        found, self.asked[job] = self.jobs[job], time.monotonic()
        ended = found.done or bool(found.failed)
        report = {"fraction": found.fraction, "done": ended, "failed": found.failed, **found.report()}
        if ended:
            self._stop(job)
        return report

    def _stop(self, job: str) -> dict[str, Any]:
        for kept in (self.jobs, self.asked, self.visitors):
            kept.pop(job, None)
        return {}


def said(error: ValueError) -> str:
    """As a page shows it: the library `scratch` ends its messages without a full stop, as torch does."""
    text = str(error)
    return text if text.endswith((".", "!", "?", ")", "`")) else f"{text}."
