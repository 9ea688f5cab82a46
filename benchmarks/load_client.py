"""A classroom without browsers: many sessions on a running app, by Streamlit's websocket protocol.

Opens N sessions against a running app and speaks Streamlit's websocket protocol
(BackMsg out, ForwardMsg in): one process plays a classroom, without browsers.
Like a browser tab, a session asks for its page, follows the deltas, keeps widget
values and the message cache, runs the ``run_every`` timers of fragments, and
clicks or sets widgets, which are found by key or label.

Steps are carried out in the order given: those before ``--loop`` once per
session before measuring starts, those after it again and again while measuring:

    python -m benchmarks load_client http://127.0.0.1:8501 -n 15 --duration 20 \\
        --click Play --counter '^epoch .* step ([0-9,]+)' \\
        --loop 4 --click Pause --expect '^epoch (?!.*steps/s)' --click Play

A step is timed to the end of the script run that answers it. A run already
queued for the same fragment can pass for the answer; ``--expect REGEX`` times
the step before it to the first text on the page that shows its effect instead.

A counter's number may have thousands separators. The page may print it seldom, so a
session's rate is that between the first and the last number seen, with their times;
one that has shown nothing new for `STALE` seconds is counted up to now. A run's pictures
are counted with their sizes, also those that come by the stream which a picture names.

Exit status: 0, or 1 if a session failed or was dropped, a step found no widget
or timed out, or the page showed an exception. Load only servers of your own.
"""

import argparse
import asyncio
import json
import random
import re
import resource
import statistics
import sys
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin, Subprotocol

from benchmarks.machine import family, processes
from playground.engine.snapshot import read_header

# Element -> field of WidgetState that carries its value (a trigger is sent once, not kept).
WIRE = {"button": "trigger_value", "checkbox": "bool_value", "slider": "double_array_value", "number_input":
        "double_value", "pagination": "int_value", "component_instance": "json_value"}  # fmt: skip
WIRE |= dict.fromkeys(("button_group", "multiselect", "date_input"), "string_array_value")
WIRE |= dict.fromkeys(("selectbox", "radio", "text_input", "text_area", "color_picker", "feedback"), "string_value")
STALE = 6.0  # seconds without a new number, after which a session counts as standing still: above the page's 4
MAX_AGE = 2  # runs for which the browser keeps a cached message (global.maxCachedMessageAge)


class Widget:
    def __init__(self, kind: str, proto, fragment_id: str, run_id: str):
        self.proto, self.fragment_id, self.run_id = proto, fragment_id, run_id
        self.wire = "string_array_value" if kind == "slider" and proto.options else WIRE[kind]
        self.names = proto.id.split("-", 2)[-1], getattr(proto, "label", "")  # key and label

    def state(self, *values) -> WidgetState:
        """These values as the browser would send them."""
        state = WidgetState(id=self.proto.id)
        if self.wire.endswith("array_value"):
            getattr(state, self.wire).data.extend(values)
        else:
            setattr(state, self.wire, values[0])
        return state

    def typed(self, text: str, current: WidgetState | None) -> WidgetState:
        """A value as given on the command line; a click flips a toggle."""
        if self.wire == "bool_value":
            shown = current.bool_value if current else self.proto.default
            return self.state(not shown if text == "flip" else text.lower() in ("on", "true", "1"))
        parts = [part for part in text.split(",") if part] if self.wire.endswith("array_value") else [text]
        return self.state(*(float(p) if "double" in self.wire else int(p) if "int" in self.wire else p for p in parts))


class Session:
    """One headless browser tab; `count`, `ms`, `problems` and `sizes` are shared by all of them."""

    def __init__(
        self, number: int, args: argparse.Namespace, count: Counter, ms: dict, problems: list, sizes: list[int]
    ):
        self.sizes = sizes
        self.number, self.args, self.count, self.ms, self.problems = number, args, count, ms, problems
        self.page = args.page[number % len(args.page)].strip("/") if args.page else ""
        self.page_hash, self.run_id, self.ws, self.reader = "", "", None, None  # type: str, str, Any, Any
        self.waiting: Any = None  # the step on its way, and the run that answers it
        self.widgets: dict[tuple, Widget] = {}  # by delta path
        self.values: dict[str, WidgetState] = {}
        self.cache: dict[str, tuple] = {}  # hash -> (ForwardMsg, run count when last used)
        self.timers: dict[str, tuple[asyncio.Task, float]] = {}
        self.running: dict[str, float] = {}
        self.runs, self.in_step, self.updates, self.frames, self.frame_at = 0, False, 0.0, 0, 0.0
        self.shown: float | None = None
        self.since = 0.0  # when the number was shown from which `updates` counts
        self.picture, self.pictures = -1, 0  # number of the last picture, and how many there were
        self.follower: asyncio.Task | None = None
        self.stream: Any = None  # the connection that pictures come by
        self.text = ""  # the last in which the counter was found

    async def prepare(self, steps: list) -> None:
        """Connect, get the page, and carry out the steps before --loop."""
        await asyncio.sleep(self.number * self.args.ramp / self.args.sessions)
        url, start = urlsplit(self.args.url.rstrip("/") + "/_stcore/stream"), perf_counter()
        uri = url._replace(scheme="wss" if url.scheme == "https" else "ws").geturl()
        try:
            self.ws = await connect(
                uri,
                origin=Origin(f"{url.scheme}://{url.netloc}"),
                subprotocols=[Subprotocol("streamlit")],
                proxy=None,
                max_size=None,
                ping_interval=None,
                open_timeout=self.args.timeout,
            )
        except (OSError, InvalidHandshake) as error:  # TimeoutError is an OSError
            self.problem(f"cannot connect: {type(error).__name__}: {error}")
            return
        self.note("connect", start)
        self.reader = asyncio.create_task(self.read())
        await self.steps([("first", "run"), *steps])

    async def read(self) -> None:
        with suppress(ConnectionClosed):
            async for data in self.ws:
                self.on_message(data)
        self.stop_timers()
        self.problem("connection dropped by the server")

    def stop_timers(self, *fragment_ids: str) -> None:
        for fragment_id in set(fragment_ids or self.timers) & set(self.timers):
            self.timers.pop(fragment_id)[0].cancel()

    def problem(self, text: str) -> None:
        self.problems.append((self.number, text))

    def note(self, label: str, since: float) -> None:
        self.ms[label].append(1e3 * (perf_counter() - since))

    def on_message(self, data: bytes) -> None:
        msg = ForwardMsg.FromString(data)
        kind, path = msg.WhichOneof("type"), tuple(msg.metadata.delta_path)
        self.count.update(messages=1, bytes=len(data))
        if kind == "ref_hash":
            if msg.ref_hash not in self.cache:
                self.problem("server referred to a message that is not cached")
                return
            kind, (msg, _) = "delta", self.cache[msg.ref_hash]
        if msg.metadata.cacheable:
            self.cache[msg.hash] = msg, self.runs
        if kind == "delta":
            self.on_delta(msg.delta, path)
        elif kind == "new_session":
            self.on_run_started(msg)
        elif kind == "script_finished":
            self.on_run_finished(msg)
        elif kind == "auto_rerun":
            self.set_timer(msg.auto_rerun.fragment_id, msg.auto_rerun.interval)
        elif kind == "stop_auto_rerun":
            self.stop_timers(*msg.stop_auto_rerun.fragment_ids)
        elif kind == "navigation":
            self.page_hash = msg.navigation.page_script_hash
        elif kind == "page_not_found" or msg.session_event.HasField("script_compilation_exception"):
            self.problem(f"{kind}: {self.page!r} {msg.session_event.script_compilation_exception.message}")

    def on_run_started(self, msg: ForwardMsg) -> None:
        self.run_id, fragments = msg.metadata.run.script_run_id, msg.metadata.run.fragment_ids
        self.running[self.run_id], self.in_step = perf_counter(), True
        self.page_hash = msg.new_session.page_script_hash or self.page_hash
        self.count["runs started"] += 1
        if not fragments:  # as the browser: a full run sets up its timers anew
            self.stop_timers()
        if self.waiting and not self.waiting.run_id:
            if not fragments or self.waiting.fragment_id in fragments:
                self.waiting.run_id = self.run_id
            elif self.waiting.early and not self.waiting.expect:
                self.waiting.done.set()

    def on_run_finished(self, msg: ForwardMsg) -> None:
        run_id, fragments = msg.metadata.run.script_run_id, msg.metadata.run.fragment_ids
        started, answers = self.running.pop(run_id, perf_counter()), self.waiting and self.waiting.run_id == run_id
        if msg.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self.count["runs interrupted"] += 1
            if answers:
                # A full run that follows is the answer. Where a part of the page follows that was not asked for, the
                # answer had ended: Streamlit says 'early' of every run whose end was not yet sent when the next began.
                self.waiting.run_id, self.waiting.early = None, True
            return
        self.count["runs finished"] += 1
        self.note("run", started)
        if answers and not self.waiting.expect:
            self.waiting.done.set()
        if msg.script_finished != ForwardMsg.FINISHED_WITH_COMPILE_ERROR and (fragments or run_id == self.run_id):
            self.widgets = {path: w for path, w in self.widgets.items()
                            if w.run_id == run_id or (fragments and w.fragment_id not in fragments)}  # fmt: skip
            known = {w.proto.id for w in self.widgets.values()}
            self.values = {k: v for k, v in self.values.items() if k in known}
        if self.in_step:  # no rerun is on its way that could refer to an older message
            self.runs += 1
            self.cache = {key: (kept, used) for key, (kept, used) in self.cache.items() if self.runs - used <= MAX_AGE
                          or (fragments and kept.delta.fragment_id not in fragments)}  # fmt: skip

    def on_delta(self, delta, path: tuple) -> None:
        self.count["deltas"] += 1
        self.widgets.pop(path, None)
        kind = delta.new_element.WhichOneof("type")
        proto: Any = getattr(delta.new_element, kind) if kind else None
        if kind in WIRE:
            widget = self.widgets[path] = Widget(kind, proto, delta.fragment_id, self.run_id)
            if getattr(proto, "set_value", False):  # the app assigned to session_state
                names = [n for n in ("raw_values", "raw_value", "value") if hasattr(proto, n)]
                value = getattr(proto, names[-1 if kind == "slider" and not proto.options else 0])
                self.values[proto.id] = widget.state(*(value if widget.wire.endswith("array_value") else [value]))
        elif kind == "exception":
            self.problem(f"exception on the page: {proto.type}: {proto.message[:200]}")
        elif kind == "bidi_component":
            self.on_picture(proto.bytes)
        elif text := getattr(proto, "body", "") or getattr(proto, "code_text", ""):
            self.on_text(f"{proto.label}: {text}" if kind == "metric" else text)

    def on_text(self, text: str) -> None:
        if self.waiting and self.waiting.expect and re.search(self.waiting.expect, text):
            self.waiting.done.set()
        found = self.args.counter.search(text) if self.args.counter else None
        if found:
            self.text = text
        if found and (value := float(found.group(1).replace(",", ""))) != self.shown:
            if self.shown is not None:
                self.updates += value - self.shown if value > self.shown else value  # smaller: it was reset
                self.note("between frames", self.frame_at)
            self.shown, self.frame_at, self.frames = value, perf_counter(), self.frames + 1

    def on_picture(self, data: bytes) -> None:
        """A packed snapshot; the same one again is no new picture."""
        if not data:
            return
        header = read_header(data)
        if header["seq"] > self.picture:
            self.picture = header["seq"]
            self.pictures += 1
            self.count["pictures"] += 1
            self.sizes.append(len(data))
        if header.get("stream") and (not self.follower or self.follower.done()):
            self.follower = asyncio.create_task(self.follow(header["stream"]))

    async def follow(self, token: str) -> None:
        """Read the pictures that come by a stream, until it ends."""
        url = urlsplit(self.args.url)
        with suppress(OSError, asyncio.IncompleteReadError):  # the server has ended it
            reader, self.stream = await asyncio.open_connection(url.hostname, url.port)
            self.stream.write(f"GET /playground/stream/{token} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer.partition(b"\r\n")[0]:
                self.problem(f"no stream: {answer[:60]!r}")
                return
            rest = b""
            while size := int(await reader.readline(), 16):  # chunks, and frames in them
                rest += (await reader.readexactly(size + 2))[:-2]
                while len(rest) >= 4 and len(rest) >= (end := 4 + int.from_bytes(rest[:4], "little")):
                    self.on_picture(rest[4:end])
                    rest = rest[end:]

    def begin(self) -> None:
        """Count from here on."""
        self.updates, self.frames, self.pictures, self.since = 0.0, 0, 0, self.frame_at

    def rate(self, now: float) -> float:
        """Updates per second since `begin`."""
        end = self.frame_at if now - self.frame_at < STALE else now
        return self.updates / (end - self.since) if end > self.since else 0.0

    def set_timer(self, fragment_id: str, interval: float) -> None:
        """As setInterval in the browser: a tick does not wait for the run before it."""

        async def tick() -> None:
            while True:
                await asyncio.sleep(interval)
                self.count["timer reruns sent"] += 1
                await self.send_rerun(fragment_id, auto=True)

        if fragment_id not in self.timers or self.timers[fragment_id][1] != interval:
            self.stop_timers(fragment_id)
            self.timers[fragment_id] = asyncio.create_task(tick()), interval

    async def send_rerun(self, fragment_id: str = "", auto: bool = False, trigger: tuple = ()) -> None:
        msg = BackMsg()
        rerun, self.in_step = msg.rerun_script, False
        rerun.query_string, rerun.fragment_id, rerun.is_auto_rerun = self.args.query, fragment_id, auto
        rerun.widget_states.widgets.extend([*self.values.values(), *trigger])
        rerun.page_script_hash, rerun.page_name = self.page_hash, "" if self.page_hash else self.page
        rerun.cached_message_hashes.extend(self.cache)
        rerun.context_info.timezone, rerun.context_info.url = "UTC", f"{self.args.url}/{self.page}"
        with suppress(ConnectionClosed):  # read() reports it
            await self.ws.send(msg.SerializeToString())

    async def step(self, kind: str, value: str, expect: str) -> None:
        fragment_id, trigger = "", ()  # type: str, tuple[WidgetState, ...]
        if kind in ("click", "set"):
            name, _, wanted = (value, "", "flip") if kind == "click" else value.partition("=")
            there = list(self.widgets.values())
            found = [w for w in there if name in w.names] or [w for w in there if name in w.names[1]]
            if not found or getattr(found[0].proto, "disabled", False):
                self.problem(f"widget {name!r} is {'disabled' if found else 'not on the page'}")
                return
            widget, proto, fragment_id = found[0], found[0].proto, found[0].fragment_id
            if widget.wire == "trigger_value":
                trigger = (widget.state(True),)
            else:
                self.values[proto.id] = widget.typed(wanted, self.values.get(proto.id))
                if getattr(proto, "form_id", ""):
                    return  # goes out with the click that submits the form
        self.waiting = SimpleNamespace(
            fragment_id=fragment_id, expect=expect, run_id=None, early=False, done=asyncio.Event()
        )
        start = perf_counter()
        await self.send_rerun(fragment_id, trigger=trigger)
        try:
            await asyncio.wait_for(self.waiting.done.wait(), self.args.timeout)
            self.note(f"{kind} {value}" + (f" -> {expect}" if expect else ""), start)
        except TimeoutError:
            self.problem(f"no answer in {self.args.timeout:g} s to: {kind} {value}")
        self.waiting = None

    async def steps(self, steps: list) -> None:
        for (kind, value), (then, expected) in zip(steps, [*steps[1:], ("", "")], strict=True):
            if kind == "wait":
                await asyncio.sleep(float(value))
            elif kind != "expect":
                await self.step(kind, value, expected if then == "expect" else "")

    async def repeat(self, steps: list, period: float) -> None:
        await asyncio.sleep(random.uniform(0, period))  # so that sessions do not act at once
        while True:
            due = perf_counter() + period
            await self.steps(steps)
            await asyncio.sleep(max(0.0, due - perf_counter()))

    async def leave(self, how: str) -> None:
        self.stop_timers()
        if self.follower and self.follower.cancel() and self.stream:
            self.stream.transport.pause_reading() if how == "freeze" else self.stream.transport.abort()
        if self.reader and self.reader.cancel() and how == "close":
            await self.ws.close()
        elif self.ws:  # abort: the tab is gone; freeze: the laptop sleeps
            self.ws.transport.abort() if how == "abort" else self.ws.transport.pause_reading()


class Server:
    """CPU seconds and memory of a process with its descendants."""

    def __init__(self, pid: int | None):
        self.pid, self.processes, self.threads = pid, 0, 0
        self.rss: list[float] = []

    def sample(self) -> float:
        """CPU seconds used so far by the processes that live now; memory (MB) goes to `rss`."""
        members = family(self.pid, processes()) if self.pid else []
        self.processes, self.threads = len(members), sum(member.threads for member in members)
        self.rss.append(round(sum(member.rss for member in members) / 1e6, 1))
        return sum(member.cpu for member in members)

    async def until_idle(self, args: argparse.Namespace) -> dict:
        """How long, and how hard, the server works once nobody is connected."""
        cpu, busy = [self.sample()], 0
        trace: list[int] = []
        while len(trace) - busy < 3 and len(trace) < args.idle_timeout:
            await asyncio.sleep(1)
            cpu.append(self.sample())
            trace.append(round(100 * (cpu[-1] - cpu[-2])))
            busy = len(trace) if trace[-1] >= 5 else busy
        return {"how": args.end, "idle again": len(trace) - busy >= 3, "busy s": busy, "cpu % per second": trace,
                "cpu s": round(cpu[-1] - cpu[0], 2), "rss MB": self.rss[-1], "threads": self.threads}  # fmt: skip


def spread(values: list, digits: int = 1) -> dict:
    v = sorted(values) or [0]
    found = {"min": v[0], "p50": statistics.median(v), "p95": v[min(len(v) - 1, int(0.95 * len(v)))], "max": v[-1]}
    return {"n": len(values)} | {name: round(value, digits) for name, value in found.items()}


async def run_load(args: argparse.Namespace) -> dict:
    cut = next((i for i, (kind, _) in enumerate(args.steps) if kind == "loop"), len(args.steps))
    count: Counter = Counter()
    ms: defaultdict[str, list[float]] = defaultdict(list)
    problems: list[tuple[int, str]] = []
    sizes: list[int] = []
    server = Server(args.pid)
    sessions = [Session(i, args, count, ms, problems, sizes) for i in range(args.sessions)]
    server.sample()
    await asyncio.gather(*(session.prepare(args.steps[:cut]) for session in sessions))
    await asyncio.sleep(args.warmup)
    live = [session for session in sessions if session.ws]

    clocks = lambda: (perf_counter(), server.sample(), sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))  # noqa: E731
    setup = {label: spread(values) for label, values in ms.items()}
    for seen in (count, ms, sizes):
        seen.clear()
    for session in live:
        session.begin()
    before, again = clocks(), args.steps[cut:]
    loops = [asyncio.create_task(s.repeat(again[1:], float(again[0][1]))) for s in live if again]
    while (left := before[0] + args.duration - perf_counter()) > 0:
        await asyncio.sleep(min(1.0, left))
        server.sample()
    seconds, cpu, own = (b - a for a, b in zip(before, clocks(), strict=True))
    for loop in loops:
        loop.cancel()
    report = {"sessions": len(sessions), "live": len(live), "seconds": round(seconds, 2), "setup ms": setup,
              "measured ms": {label: spread(values) for label, values in ms.items()}, "counts": dict(count),
              "per second": {name: round(n / seconds, 2) for name, n in count.items()},
              "client cpu %": round(100 * own / seconds, 1), "problems": len(problems),
              "problem samples": sorted({text for _, text in problems})[:5]}  # fmt: skip
    if args.counter:
        rates = [s.rate(perf_counter()) for s in live]
        report["counter"] = {"total per s": round(sum(rates), 1), "per session": spread(rates, 2),
                             "slowest shows": min(zip(rates, (s.text for s in live), strict=True), default=None),
                             "frames per session": spread([s.frames / seconds for s in live], 2)}  # fmt: skip
    if sizes:
        report["pictures"] = {
            "per session and second": spread([s.pictures / seconds for s in live], 2),
            "bytes": spread(sizes, 0),
        }
    if args.pid:
        report["server"] = {"cpu %": round(100 * cpu / seconds, 1), "processes": server.processes, "threads":
                            server.threads, "rss MB": {"idle": server.rss[0], "peak": max(server.rss)}}  # fmt: skip
    await asyncio.gather(*(s.leave(args.end) for s in sessions), return_exceptions=True)
    if args.pid and args.end != "close":
        report["after the clients left"] = await server.until_idle(args)
    return report


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks load_client",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add: Any = parser.add_argument
    seconds: dict[str, Any] = {"type": float, "metavar": "S"}
    add("url", help="base address of the app, such as http://127.0.0.1:8501")
    add("-n", "--sessions", type=int, default=1, help="how many sessions (default 1)")
    add("--ramp", default=0, **seconds, help="spread the connects over S seconds")
    add("--warmup", default=0, **seconds, help="wait S seconds before measuring")
    add("--duration", default=10, **seconds, help="measure for S seconds (default 10)")
    add("--timeout", default=30, **seconds, help="longest wait for a connect or a step (default 30)")
    add("--page", action="append", metavar="PATH", help="page to open; repeat to deal several out in turn")
    add("--query", default="", help="query string, without the question mark")
    add("--counter", type=re.compile, metavar="REGEX", help="number in the page's texts (group 1): report its rate")
    add("--pid", type=int, help="process id of the server: sample CPU and memory, children included (Linux)")
    add("--end", choices=("close", "abort", "freeze"), default="close", help="how sessions leave (close): abort "
        "resets, freeze stops reading; both then time how long the server of --pid works on")  # fmt: skip
    add("--close-abruptly", dest="end", action="store_const", const="abort", help="same as --end abort")
    add("--idle-timeout", default=30, **seconds, help="then stop watching after S seconds (default 30)")
    add("--json", metavar="FILE", help="write the report to FILE ('-': to standard output) as JSON")

    def step(name: str, value: str, text: str) -> None:
        add(f"--{name}", dest="steps", default=[], action="append", type=lambda v: (name, v), metavar=value, help=text)

    step("click", "NAME", "step: click a button, or flip a toggle, by its key or label")
    step("set", "NAME=VALUE", "step: set a widget to on/off, a number, an option, or a,b for several")
    step("expect", "REGEX", "time the step before until a text on the page matches")
    step("rerun", "NOTE", "step: rerun the whole script")
    step("wait", "S", "step: do nothing for S seconds")
    step("loop", "S", "repeat the steps that follow, once every S seconds")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    report = asyncio.run(run_load(args))
    if args.json:
        Path("/dev/stdout" if args.json == "-" else args.json).write_text(json.dumps(report, indent=1) + "\n")
    else:
        for key, value in report.items():
            print(f"{key}:", "".join(f"\n  {k}: {v}" for k, v in value.items()) if isinstance(value, dict) else value)
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
