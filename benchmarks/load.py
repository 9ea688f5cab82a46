"""A class on one small server: 60 and 100 playing, 200 idle, all tabs closed at once, half an hour.

Everything is measured on the app under `streamlit run`, with `benchmarks.load_client` as the visitors: it speaks
Streamlit's websocket protocol and shows nothing, so what a browser would need is not in these figures, while client and
server share the cores. Visitors play the default experiment.

1. playing: 60 sessions; each one's updates per second from the numbers on its page, slowest against median;
   Pause from the click to the text that shows it; all updates against one bare loop per core, run before and after.
2. crowd: 100 sessions, each of which presses Pause and Play every 10 s; exceptions on any page, lost connections.
3. idle: memory of the web process with one session and with 200.
4. closed: all playing tabs vanish at once (sockets reset); seconds until the server uses less than 5 % of a core.
5. soak (--soak MINUTES): 30 play; memory of all processes after minute 5 (or a sixth of the time) against the end.
6. export: the script of an experiment, run in a process of its own, against Run: losses bit for bit.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.bare import BareLoop
from benchmarks.machine import Usage, described, load_average, processes
from benchmarks.report import Row, as_json, spread, table
from benchmarks.server import ROOT, Server
from benchmarks.serving import COUNTER, PAUSED, together
from benchmarks.watched import DEFAULT

MEGABYTE = 1e6


@dataclass(frozen=True)
class Plan:
    """How many, and how long; seconds."""

    playing: int = 60
    crowd: int = 100
    idle: int = 200
    soaking: int = 30
    soak: float = 0.0  # minutes
    warmup: float = 8.0
    seconds: float = 20.0
    bare_seconds: float = 4.0


def clients(server: Server, sessions: int, plan: Plan, *steps: str, **options: object) -> dict[str, Any]:
    """Report of the load client."""
    given = {"ramp": sessions / 20, "warmup": plan.warmup, "duration": plan.seconds, "timeout": 30, **options}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        command = [sys.executable, "-m", "benchmarks.load_client", server.address, "--json", str(path)]
        command += ["-n", str(sessions), "--query", DEFAULT, "--pid", str(server.process.pid), "--counter", COUNTER]
        command += [word for name, value in given.items() for word in (f"--{name}", str(value))]
        subprocess.run([*command, *steps], cwd=ROOT, check=False)
        return json.loads(path.read_text())


def toggling(period: float) -> list[str]:
    """Steps: Pause, and Play again, once every so many seconds."""
    pause = ["--click", "Pause", "--expect", PAUSED, "--wait", "0.3", "--click", "Play"]
    return ["--click", "play", "--loop", str(period), *pause]


def pauses(report: dict[str, Any]) -> dict[str, float]:
    found = (value for name, value in report["measured ms"].items() if name.startswith("click Pause"))
    return next(found, {"n": 0, "p50": float("nan"), "p95": float("nan")})


def said(report: dict[str, Any]) -> str:
    return "; ".join(report["problem samples"])


def playing(plan: Plan) -> list[Row]:
    with contextlib.ExitStack() as stack:
        loops = [stack.enter_context(BareLoop()) for _ in range(len(os.sched_getaffinity(0)))]
        before = together(loops, plan.bare_seconds)
        with Server() as server:
            steady = clients(server, plan.playing, plan, "--click", "play")
            clicking = clients(server, plan.playing, plan, *toggling(10))
        after = together(loops, plan.bare_seconds)
    rates, pause, bare = steady["counter"]["per session"], pauses(clicking), (before + after) / 2
    fairness = rates["min"] / rates["p50"] if rates["p50"] else 0.0
    share = steady["counter"]["total per s"] / bare
    pictures = steady.get("pictures", {"per session and second": {"p50": 0.0}})["per session and second"]["p50"]
    return [
        Row(
            1,
            f"{plan.playing} playing: slowest / median; Pause p50 / p95; updates/s / one bare loop per core",
            f"{fairness:.2f}; {pause['p50']:.0f} / {pause['p95']:.0f} ms; {share:.2f} "
            f"({steady['counter']['total per s']:,.0f} / {bare:,.0f})",
            ">= 0.6; 80 / 300 ms; >= 0.6",
            fairness >= 0.6 and pause["p50"] <= 80 and pause["p95"] <= 300 and share >= 0.6,
            {"steady": steady, "clicking": clicking, "bare": [before, after]},
            note=f"{pictures:.1f} pictures per session and second; {pause['n']} clicks; bare loops before and after "
            f"{spread([before, after], 0)}; server {steady['server']['cpu %']:.0f} % of a core, client "
            f"{steady['client cpu %']:.0f} %; problems {steady['problems'] + clicking['problems']} {said(steady)}",
        )
    ]


def crowd(plan: Plan) -> list[Row]:
    with Server() as server:
        report = clients(server, plan.crowd, plan, *toggling(10))
        log = server.log()
    pause, uncaught = pauses(report), log.count("Traceback")
    lost = report["sessions"] - report["live"] + sum("dropped" in text for text in report["problem samples"])
    pictures = report.get("pictures", {"per session and second": {"min": 0.0, "p50": 0.0}})["per session and second"]
    return [
        Row(
            2,
            f"{plan.crowd} playing: click p95; uncaught exceptions; lost sessions",
            f"{pause['p95']:.0f} ms; {uncaught}; {lost}",
            "500 ms; 0; 0",
            pause["p95"] <= 500 and not uncaught and not lost and not report["problems"],
            {"report": report},
            note=f"{pause['n']} clicks, p50 {pause['p50']:.0f} ms; {pictures['p50']:.1f} pictures per session and "
            f"second (slowest {pictures['min']:.1f}); problems {report['problems']} {said(report)}",
        )
    ]


def idle(plan: Plan) -> list[Row]:
    with Server() as server:
        memory = []
        for sessions in (1, plan.idle):
            found: list[int] = []
            command = [sys.executable, "-m", "benchmarks.load_client", server.address, "-n", str(sessions)]
            command += ["--ramp", str(sessions / 20), "--warmup", "4", "--duration", "4", "--query", DEFAULT]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            while process.poll() is None:
                found.append(processes()[server.process.pid].rss)
                time.sleep(0.2)
            memory.append(max(found) / MEGABYTE)
    return [
        Row(
            3,
            f"{plan.idle} idle sessions: web process memory above one session",
            f"{memory[1] - memory[0]:.0f} MB",
            "<= 60 MB",
            memory[1] - memory[0] <= 60,
            {"memory": memory},
            note=f"{memory[0]:.0f} MB with one session, {memory[1]:.0f} MB with {plan.idle}",
        )
    ]


def closed(plan: Plan) -> list[Row]:
    with Server() as server:
        report = clients(server, plan.playing, replace(plan, seconds=4.0), "--click", "play", end="abort")
    after = report["after the clients left"]
    return [
        Row(
            4,
            f"all {plan.playing} tabs closed at once: processor back to idle",
            f"{after['busy s']} s" if after["idle again"] else "never",
            "<= 5 s",
            after["idle again"] and after["busy s"] <= 5,
            {"report": report},
            note=f"per cent of a core in each second after: {after['cpu % per second']}",
        )
    ]


def soak(plan: Plan) -> list[Row]:
    if not plan.soak:
        return []
    seconds, samples = 60 * plan.soak, list[tuple[float, float, float]]()
    with Server() as server:
        command = [sys.executable, "-m", "benchmarks.load_client", server.address, "-n", str(plan.soaking)]
        command += ["--ramp", "3", "--duration", str(seconds), "--query", DEFAULT, "--counter", COUNTER, "--json", "-"]
        client = subprocess.Popen([*command, *toggling(60)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        start = time.monotonic()
        while client.poll() is None and time.monotonic() - start < seconds + 60:
            time.sleep(min(5.0, seconds / 20))
            there = processes()
            web = there[server.process.pid].rss
            hosts = sum(process.rss for process in there.values() if process.parent == server.process.pid)
            samples.append((time.monotonic() - start, web / MEGABYTE, hosts / MEGABYTE))
        report = json.loads(client.communicate()[0])
    settled = min(300.0, seconds / 6)
    first = [web + hosts for at, web, hosts in samples if settled <= at < 1.5 * settled]
    last = [web + hosts for at, web, hosts in samples if seconds - settled / 2 <= at < seconds]
    growth = statistics.median(last) / statistics.median(first) - 1
    return [
        Row(
            5,
            f"{plan.soak:g}-minute soak, {plan.soaking} playing: memory after {settled / 60:g} minutes against the end",
            f"{100 * growth:+.1f} %",
            "<= +5 %",
            growth <= 0.05 and not report["problems"],
            {"samples": samples, "report": report},
            note=f"{statistics.median(first):.0f} -> {statistics.median(last):.0f} MB in all processes (web "
            f"{samples[0][1]:.0f} -> {samples[-1][1]:.0f}); problems {report['problems']} {said(report)}",
        )
    ]


def exported(plan: Plan) -> list[Row]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/export"]
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    last = (done.stdout.strip().splitlines() or ["nothing was said"])[-1]
    words = "bit for bit" if done.returncode == 0 else f"FAILED: {last}"
    return [
        Row(6, "export + run of a script against Run", words, "bit for bit", done.returncode == 0,
            note=f"every entry of the registries exported, run and compared: {last} ({time.monotonic() - start:.0f} s)")
    ]  # fmt: skip


SECTIONS: dict[str, Callable[[Plan], list[Row]]] = {
    "playing": playing,
    "crowd": crowd,
    "idle": idle,
    "closed": closed,
    "soak": soak,
    "export": exported,
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table; returns 0 if every goal is met, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES", help="also play so long (the goal: 30)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter: a smoke run")
    parser.add_argument("--only", metavar="NAME,NAME", help=f"only these sections: {', '.join(SECTIONS)}")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to FILE")
    options = parser.parse_args(arguments)
    only = options.only.split(",") if options.only else list(SECTIONS)
    if unknown := set(only) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}; choose among {', '.join(SECTIONS)}")
    plan = Plan(soak=options.soak)
    if options.quick:
        plan = replace(plan, playing=20, crowd=30, idle=40, soaking=8, warmup=4.0, seconds=8.0, bare_seconds=1.5)
    machine, load, rows, start = described(), load_average(), list[Row](), time.monotonic()
    for name in only:
        print(f"{time.monotonic() - start:5.0f} s  {name} ...", file=sys.stderr, flush=True)
        usage = Usage()
        found = SECTIONS[name](plan)
        others = usage.cores()["others"]
        rows += [replace(row, others=others) for row in found]
    seconds = time.monotonic() - start
    print(f"{machine}; load average {load} before, {load_average()} after; {seconds:.0f} s\n\n{table(rows)}")
    if options.json:
        Path(options.json).write_text(as_json({"machine": machine, "load before": load, "seconds": seconds}, rows))
    return 0 if rows and all(row.met is not False for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
