"""`python -m playground.landscapes.job`: races, sweeps and maps in a process of their own, for all visitors.

Commands come in by stdin as frames {"id", "op", "race", ...}, or {"cancel": id}; news go out by stdout:
{"id", "progress"}, {"id", "done": true, ...} with a body, or {"id", "error"}. A job is a generator, so that long ones
take turns, show how far they are, and can be left at any step. The process ends when stdin is closed.
"""

import gc
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from playground.engine.link import ONE_THREAD
from playground.engine.wire import WireError, read_frame, write_frame
from playground.landscapes.spec import RaceSpec

SLICE = 0.03
"""Seconds that a long job gets in turn."""
NEWS_EVERY = 0.02
"""Seconds between two reports of one job's progress."""

Result = tuple[dict[str, Any], bytes]
Job = Generator[float, None, Result]


def run_race(spec: RaceSpec, request: dict[str, Any]) -> Job:
    """The race's picture."""
    from playground.landscapes.picture import race_picture
    from playground.landscapes.racing import racing

    trails = yield from racing(spec.place, spec.field(), spec.begin, spec.steps)
    return {}, race_picture(spec, trails)


def run_csv(spec: RaceSpec, request: dict[str, Any]) -> Job:
    """All trails as text."""
    from playground.landscapes.picture import csv_of
    from playground.landscapes.racing import racing

    trails = yield from racing(spec.place, spec.field(), spec.begin, spec.steps)
    return {}, csv_of(trails).encode()


def run_heat(spec: RaceSpec, request: dict[str, Any]) -> Job:
    """Final loss over learning rate and optimizer."""
    from playground.catalog import OPTIMIZERS
    from playground.landscapes.maps import RATES, heat

    found = yield from heat(spec)
    header = {"rates": list(RATES), "optimizers": list(OPTIMIZERS), "steps": spec.steps, "floor": spec.place.floor}
    return header, _packed({"loss": found["loss"], "diverged": found["diverged"]})


def run_basin(spec: RaceSpec, request: dict[str, Any]) -> Job:
    """Where every start ends."""
    from playground.landscapes.maps import basin

    index, size = int(request["racer"]), int(request["size"])
    found = yield from basin(spec, index, size)
    header = {
        "ends": [list(end) for end in found["ends"]],
        "domain": [list(side) for side in spec.place.domain],
        "racer": spec.field()[index].label,
        "steps": spec.steps,
        "size": size,
    }
    return header, _packed({"basin": found["basin"], "steps": found["steps"], "loss": found["loss"]})


def run_twins(spec: RaceSpec, request: dict[str, Any]) -> Job:
    """The same race in NumPy."""
    from playground.landscapes.twins import compare

    rows = yield from compare(spec)
    return {"rows": rows}, b""


def run_network(spec: RaceSpec, request: dict[str, Any]) -> Job:
    """A small network's loss on a plane, with the racers' way over it."""
    from playground.landscapes.network import NetworkSpec, explore

    wanted = NetworkSpec.of(**request["network"])
    header, arrays = yield from explore(wanted, spec.field())
    return header, _packed(arrays)


OPERATIONS: dict[str, Callable[[RaceSpec, dict[str, Any]], Job]] = {
    "race": run_race,
    "csv": run_csv,
    "heat": run_heat,
    "basin": run_basin,
    "twins": run_twins,
    "network": run_network,
}
AT_ONCE = {"race", "csv"}
"""Jobs that somebody waits for with the eyes on the page: they go before the others."""


def _packed(arrays: dict[str, Any]) -> bytes:
    import numpy as np

    from playground.engine.snapshot import pack

    return pack({}, {name: array if array.dtype == np.uint8 else _short(array) for name, array in arrays.items()})


def _short(array: Any) -> Any:
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(array, np.float32)


class Bench:
    """The jobs under way, each getting a slice in turn."""

    def __init__(self, inbox: "queue.SimpleQueue[Any]", answer: Callable[..., None]):
        self.inbox, self.answer = inbox, answer
        self.jobs: dict[int, tuple[str, Job]] = {}
        self.told: dict[int, float] = {}

    def serve(self) -> None:
        """Until the pipe is closed."""
        while True:
            while not self.jobs or not self.inbox.empty():
                command = self.inbox.get()
                if command is None:
                    return
                self._take(command)
            at_once = [id for id, (operation, _) in self.jobs.items() if operation in AT_ONCE]
            for id in at_once or list(self.jobs):
                self._advance(id)

    def _take(self, command: dict[str, Any]) -> None:
        if "cancel" in command:
            if (found := self.jobs.pop(command["cancel"], None)) is not None:
                found[1].close()
            return
        id, operation = command["id"], command["op"]
        try:
            spec = RaceSpec.from_query(command["race"])
            self.jobs[id] = operation, OPERATIONS[operation](spec, command)
        except (ValueError, KeyError) as error:
            self.answer({"id": id, "error": str(error)})

    def _advance(self, id: int) -> None:
        operation, job = self.jobs[id]
        end = time.monotonic() + SLICE
        try:
            while (now := time.monotonic()) < end:
                progress = next(job)
                if now - self.told.get(id, 0.0) > NEWS_EVERY:
                    self.told[id] = now
                    self.answer({"id": id, "progress": round(progress, 4)})
            return
        except StopIteration as done:
            header, body = done.value
            self.answer({"id": id, "done": True, **header}, body)
        except ValueError as error:
            self.answer({"id": id, "error": str(error)})
        except Exception as error:  # one visitor's job must not end everybody's
            print(f"A job {operation!r} failed: {error!r}", file=sys.stderr)
            self.answer(
                {"id": id, "error": f"The job stopped with a {type(error).__name__}; the server's log says more."}
            )
        self.jobs.pop(id, None)
        self.told.pop(id, None)


def main() -> None:
    """Serves until the parent closes the pipe."""
    os.environ.update(ONE_THREAD)  # before NumPy and torch are imported
    if hasattr(os, "nice"):
        os.nice(2)  # the pages come first, but somebody waits for this race
    commands, answers = open(os.dup(0), "rb", buffering=0), open(os.dup(1), "wb", buffering=0)  # noqa: SIM115
    sys.stdout = sys.stderr
    os.dup2(2, 1)  # what C code prints must not reach the pipe either
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    threading.Thread(target=_read, args=(commands, inbox), daemon=True).start()
    _warm_up()
    try:
        write_frame(answers, {"event": "ready"})
        Bench(inbox, lambda header, body=b"": write_frame(answers, header, body)).serve()
    except OSError:
        pass
    os._exit(0)  # nothing here needs the interpreter's farewell, which waits for torch


def _read(commands: Any, inbox: "queue.SimpleQueue[Any]") -> None:
    try:
        while (frame := read_frame(commands)) is not None:
            inbox.put(frame[0])
    except (WireError, OSError) as error:
        print(f"The landscape process cannot read its commands: {error}", file=sys.stderr)
    inbox.put(None)
    time.sleep(2)  # a job under way gets so long to notice
    os._exit(0)


def _warm_up() -> None:
    """Imports torch and takes a first step: the first optimizer imports half of torch."""
    import torch

    torch.set_num_threads(1)
    from playground.landscapes.picture import race_picture
    from playground.landscapes.racing import race

    spec = RaceSpec(steps=2)
    race_picture(spec, race(spec.place, spec.field(), spec.begin, 2))
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()
