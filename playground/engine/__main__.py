"""`python -m playground.engine`: a host whose commands come in by stdin and whose answers go out by stdout.

It ends when stdin is closed, which is also what happens when its parent dies, and quietly on SIGINT and SIGTERM.
"""

import gc
import os
import queue
import signal
import sys
import threading
import time
from typing import Any

from playground.engine.link import ONE_THREAD
from playground.engine.wire import Outbox, WireError, read_frame, write_frame

LAST_SLICE = 5.0
"""Seconds that a slice under way gets to end after the parent is gone."""


def main() -> None:
    """Runs a host until its parent closes the pipe."""
    os.environ.update(ONE_THREAD)  # before NumPy and torch are imported
    if hasattr(os, "nice"):
        os.nice(10)  # the pages come first
    commands, answers = open(os.dup(0), "rb", buffering=0), open(os.dup(1), "wb", buffering=0)  # noqa: SIM115
    sys.stdout = sys.stderr
    os.dup2(2, 1)  # what C code prints must not reach the pipe either
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    serving = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: inbox.put(None))
    threading.Thread(target=_read, args=(commands, inbox, serving), daemon=True).start()

    host_class = warm_up()
    serving.set()
    outbox = Outbox(answers, broken=lambda: inbox.put(None))
    write_frame(outbox, {"event": "ready", "devices": devices()})
    host_class(inbox, outbox).serve()
    os._exit(0)  # nothing here needs the interpreter's farewell, which waits for torch


def _read(commands: Any, inbox: "queue.SimpleQueue[Any]", serving: threading.Event) -> None:
    """Frames into the inbox; at their end None, and the end of the process if nobody serves, or does not heed it."""
    try:
        while (frame := read_frame(commands)) is not None:
            inbox.put(frame)
    except (WireError, OSError) as error:
        print(f"The training host cannot read its commands: {error}", file=sys.stderr)
    inbox.put(None)
    if serving.is_set():
        time.sleep(LAST_SLICE)
    os._exit(0)


def warm_up() -> Any:
    """Imports torch, takes a first step (the first optimizer imports half of torch), and freezes what is there."""
    import torch

    torch.set_num_threads(1)
    from playground.engine.host import Host
    from playground.engine.picture import picture
    from playground.spec import Experiment
    from playground.training import Run

    run = Run(Experiment.starter("xor4"))
    run.advance(steps=2)
    picture(run)
    Run.restore(run.state())
    gc.collect()
    gc.freeze()
    return Host


def devices() -> list[str]:
    """What runs can be on here."""
    from playground.device import available_devices

    return available_devices()


if __name__ == "__main__":
    main()
