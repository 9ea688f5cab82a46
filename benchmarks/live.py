"""How live the Train page is: training while watched, pictures, reactions, first paint, a full class, memory.

Every row is measured on the real thing: the app under `streamlit run`, its training hosts, the system's Chromium.
What is compared takes turns in short rounds within this one run, and the ratio is the median of the rounds' (or of the
two medians): whatever else the machine does meets both sides. The last column says how many cores other processes
used meanwhile; with a quarter of a core or more the row counts as disturbed.

1. Training while watched: steps between the first and the last picture of a window, as seen in the page, against the
   same experiment in `benchmarks.bare`: a process of its own that only calls `Run.advance` in slices of 10 ms, as nice
   and with as many torch threads as a host. While it runs the page stays open, paused.
2. `Run.advance` against the lesson's loop: see `python -m benchmarks lesson`.
3. Pictures are counted where they are drawn (the view marks its root afterwards), frames by requestAnimationFrame,
   rebuilds by MutationObservers on the component and on what surrounds it.
4. and 5. From the event in the page to the picture in the page; clicks and keys come from outside, as a visitor's.
6. Epochs per second of two TensorFlow Playground configurations, opened as links and watched; the second also with the
   NumPy engine, whose bare loop is that of the NumPy engine.
7. `streamlit run` to the whole page on screen (its last element is there, and the live view has drawn), against an
   app of one line with the same settings; Chromium is up already, each start has a fresh profile.
8. `benchmarks.load_client` plays a class; one bare loop per core runs alone just before and after.
9. and 10. Sizes come from the websocket and the stream, the heap from Chromium after a garbage collection.
11. The busiest host is killed; the time is that of the first picture of the run that plays again.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import serving, watched
from benchmarks.bare import BareLoop
from benchmarks.browser import chromium
from benchmarks.machine import Usage, described, end, family, load_average, processes
from benchmarks.report import Row, as_json, table
from benchmarks.server import ROOT, Server
from benchmarks.watched import QUICK, Plan, Stage

LIMIT = 350.0
"""Seconds after which whatever is still under way is ended, and the table is printed as far as it goes."""


def learning(plan: Plan) -> list[Row]:
    command = [sys.executable, "-m", "benchmarks.lesson", "--json", "--rounds", str(plan.lesson_rounds)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False, text=True)
    found = json.loads(done.stdout)
    agree = found["equal_to_fused"] and found["first_epoch_difference"] < 1e-4
    rounds = found["round_ratios"]
    return [
        Row(
            2,
            "Run.advance / the lesson's loop (spiral pipeline)",
            f"{found['ratio']:.2f} [{min(rounds):.2f}..{max(rounds):.2f}] "
            f"({found['wall']['run']:,.0f} / {found['wall']['lesson']:,.0f} steps/s)",
            f">= {found['goal']}, same losses",
            found["ratio"] >= found["goal"] and agree,
            found,
            note=f"{found['cpu_ratio']:.2f} by processor time; against the same loop with fused Adam "
            f"{found['wall']['run'] / found['wall']['lesson, fused']:.2f}; losses of {found['steps']:,} steps "
            f"{'equal' if found['equal_to_fused'] else 'UNLIKE'} those of the fused loop bit for bit, and within "
            f"{found['first_epoch_difference']:.0e} of the default loop's over an epoch (mean of epoch 50: "
            f"{found['epoch_50_loss']['run'] or float('nan'):.5f} and "
            f"{found['epoch_50_loss']['lesson'] or float('nan'):.5f})",
        )
    ]


class Session:
    """The rows so far, and the time that is left."""

    def __init__(self, limit: float):
        self.rows: list[Row] = []
        self.expired = False
        self.started = time.monotonic()
        self._watchdog = threading.Timer(limit, self._expire)
        self._watchdog.daemon = True
        self._watchdog.start()

    def _expire(self) -> None:
        """End everything that was started, so that whoever waits for it fails."""
        self.expired = True
        end_children(patience=1.0)

    def measure(self, number: int, name: str, section: Callable[[], list[Row]], web: int | None = None) -> None:
        """The rows of a section, or one that says why there are none."""
        if self.expired:
            self.rows.append(Row(number, name, "not measured: out of time", "", False))
            return
        print(f"{time.monotonic() - self.started:5.0f} s  {name} ...", file=sys.stderr, flush=True)
        usage = Usage(web)
        try:
            rows = section()
        except Exception as error:
            if not self.expired:
                traceback.print_exc()
            said = (str(error).splitlines() or [""])[0][:80]
            words = "out of time" if self.expired else f"{type(error).__name__}: {said}"
            rows = [Row(number, name, f"not measured: {words}", "", False)]
        others = usage.cores()["others"]
        self.rows += [replace(row, others=others) for row in rows]

    def close(self) -> None:
        self._watchdog.cancel()
        end_children()


def end_children(patience: float = 8.0) -> None:
    """End what this process has started and what that has started, each by its id."""
    end((child for child in family(os.getpid(), processes()) if child.pid != os.getpid()), patience)


def run(session: Session, plan: Plan, wanted: Callable[[str], bool]) -> None:
    """All sections that are wanted. Where one fails, the others are measured nevertheless."""
    if wanted("lesson"):
        session.measure(2, "Run.advance / the lesson's loop", partial(learning, plan))
    if wanted("class"):
        session.measure(8, f"{plan.sessions} sessions playing", partial(serving.teaching, plan))
    if any(map(wanted, ("start", *WATCHED))):
        with ExitStack() as stack:
            browser = stack.enter_context(chromium())
            if wanted("start"):
                session.measure(7, "first page painted", partial(serving.starting, browser, plan))
            if any(map(wanted, WATCHED)):
                server, bare = stack.enter_context(Server()), stack.enter_context(BareLoop())
                stage = Stage(server, browser, bare, plan)
                for name, (number, what, section) in WATCHED.items():
                    if wanted(name):
                        session.measure(number, what, partial(section, stage), server.process.pid)


WATCHED: dict[str, tuple[int, str, Callable[[Stage], list[Row]]]] = {
    "speed": (1, "training while watched", watched.speed),
    "watch": (3, "pictures, frames, rebuilds, sizes, heap", watched.watching),
    "pause": (4, "click on Pause", watched.pausing),
    "change": (5, "a changed widget", watched.changing),
    "kill": (11, "a killed host", watched.killing),
    "playground": (6, "epochs/s watched", watched.playground),
}
SECTIONS = ("lesson", "class", "start", *WATCHED)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table; returns 0 if every goal is met, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks live", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few and short rounds: a smoke run of about a minute")
    parser.add_argument("--minutes", type=float, help="play so long for the heap row (default: one minute)")
    parser.add_argument("--only", metavar="NAME,NAME", help=f"only these sections: {', '.join(SECTIONS)}")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to FILE")
    options = parser.parse_args(arguments)
    only = set(options.only.split(",")) if options.only else set(SECTIONS)
    if unknown := only - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}; choose among {', '.join(SECTIONS)}")
    plan, limit = (QUICK if options.quick else Plan()), LIMIT
    if options.minutes:
        limit += 60 * options.minutes
        plan = replace(plan, watch_seconds=60 * options.minutes, heap_every=max(plan.heap_every, options.minutes))

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    machine, load = described(), load_average()
    session = Session(limit)
    try:
        run(session, plan, only.__contains__)
    except Exception:
        if not session.expired:  # otherwise it is only that what was started has been ended
            traceback.print_exc()
    finally:
        session.close()
    seconds = time.monotonic() - session.started
    head: dict[str, Any] = {"machine": machine, "load before": load, "load after": load_average(), "seconds": seconds}
    rows = sorted(session.rows, key=lambda row: row.number)
    print(f"{machine}; load average {load} before, {head['load after']} after; {seconds:.0f} s\n")
    print(table(rows))
    if options.json:
        Path(options.json).write_text(as_json(head, rows))
    return 0 if rows and all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
