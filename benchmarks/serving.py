"""The rows that are about the server: first paint, and a class of load clients."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks.bare import BareLoop
from benchmarks.browser import PROBE, VIEWPORT
from benchmarks.report import Row, spread
from benchmarks.server import APP, ROOT, Server
from benchmarks.watched import DEFAULT, Plan

HELLO = 'import streamlit as st\n\nst.write("Hello, world")\n'
PAINTED = {
    "hello": """{
        page: () => document.querySelector("[data-testid='stMarkdown']")?.innerText.includes("Hello, world"),
    }""",
    "app": """{
        controls: () => Boolean(document.querySelector(".st-key-play button")),
        page: () => Boolean(document.querySelector(".st-key-code") && benchmark.view()?.dataset.seq),
        run: () => benchmark.view()?.dataset.status === "ready",
    }""",
}
"""When a page is there: the text; or the last element of the page and a drawn live view. `run`: torch is there too."""
COUNTER = "^epoch .* step ([0-9,]+)"
PAUSED = "^epoch (?!.*steps/s)"
"""The page prints the speed of a playing run only."""


def start(browser: Browser, script: Path, kind: str) -> dict[str, float]:
    """Seconds from `streamlit run` to each mark of the page."""
    context = browser.new_context(viewport=VIEWPORT)
    try:
        page = context.new_page()
        page.add_init_script(f"{PROBE}\nbenchmark.mark({PAINTED[kind]});")
        with Server(script) as server:
            page.goto(server.address, wait_until="commit")
            last = "run" if kind == "app" else "page"
            page.wait_for_function(f"'{last}' in benchmark.marks", timeout=40_000)
            marks = page.evaluate("benchmark.marks")
            context.close()
            return {name: at / 1000 - server.started for name, at in marks.items()}
    finally:
        with contextlib.suppress(Exception):
            context.close()


def starting(browser: Browser, plan: Plan) -> list[Row]:
    found: dict[str, list[dict[str, float]]] = {"app": [], "hello": []}
    with tempfile.TemporaryDirectory() as folder:
        hello = Path(folder) / "hello.py"
        hello.write_text(HELLO)
        contenders = [(hello, "hello"), (APP, "app")]
        if plan.starts > 1:
            start(browser, hello, "hello")  # the first start reads Streamlit and the frontend from the disk
        for turn in range(plan.starts):
            for script, kind in contenders if turn % 2 else contenders[::-1]:
                found[kind].append(start(browser, script, kind))
    ratios = [app["page"] / hello["page"] for app, hello in zip(found["app"], found["hello"], strict=True)]
    medians = {f"{kind} {name}": statistics.median(each[name] for each in found[kind])
               for kind in found for name in found[kind][0]}  # fmt: skip
    ratio = medians["app page"] / medians["hello page"]
    return [
        Row(
            7,
            "`streamlit run` to the first page painted / one-line hello page",
            f"{ratio:.2f} [{min(ratios):.2f}..{max(ratios):.2f}] "
            f"({medians['app page']:.2f} / {medians['hello page']:.2f} s)",
            "<= 1.3",
            ratio <= 1.3,
            {"ratios": ratios, **found},
            note=f"first controls after {medians['app controls']:.2f} s, the run (torch imported) after "
            f"{medians['app run']:.2f} s; {plan.starts} alternating starts of each",
        )
    ]


def play_class(server: Server, plan: Plan, *steps: str) -> dict[str, Any]:
    """Report of the load client: every session presses Play, then repeats the steps."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        command = [sys.executable, "-m", "benchmarks.load_client", server.address, "--json", str(path)]
        command += ["-n", str(plan.sessions), "--query", DEFAULT, "--pid", str(server.process.pid)]
        command += [
            "--ramp",
            "2",
            "--warmup",
            str(plan.class_warmup),
            "--duration",
            str(plan.class_seconds),
            "--timeout",
            "20",
        ]
        command += ["--click", "play", "--counter", COUNTER, *steps]
        subprocess.run(command, cwd=ROOT, timeout=plan.class_seconds + 90, check=False)
        return json.loads(path.read_text())


def together(loops: list[BareLoop], seconds: float) -> float:
    """Steps per second of all these loops at once."""
    for length in (0.3, seconds):
        for loop in loops:
            loop.start(DEFAULT, length)
        paces = [loop.result() for loop in loops]
    return sum(pace.rate for pace in paces)


def teaching(plan: Plan) -> list[Row]:
    with contextlib.ExitStack() as stack:
        loops = [stack.enter_context(BareLoop()) for _ in range(len(os.sched_getaffinity(0)))]
        before = together(loops, plan.bare_seconds)
        with Server() as server:
            playing = play_class(server, plan)
            pausing = play_class(
                server, plan, "--loop", "4", "--click", "Pause", "--expect", PAUSED, "--wait", "0.3", "--click", "Play"
            )
        after = together(loops, plan.bare_seconds)
    bare = (before + after) / 2
    counter, rates = playing["counter"], playing["counter"]["per session"]
    fairness = rates["min"] / rates["p50"] if rates["p50"] else 0.0
    share = counter["total per s"] / bare
    pauses = next((value for name, value in pausing["measured ms"].items() if name.startswith("click Pause")), None)
    problems = playing["problems"] + pausing["problems"]
    p95 = pauses["p95"] if pauses else float("nan")
    client = f"{playing['client cpu %']:.0f} % of a core"
    pictures = playing.get("pictures", {"per session and second": {"min": 0, "p50": 0}})
    samples = sorted({*playing["problem samples"], *pausing["problem samples"]})
    return [
        Row(
            8,
            f"{plan.sessions} sessions playing: slowest / median; Pause p95; updates/s / one bare loop per core",
            f"{fairness:.2f}; {p95:.0f} ms; {share:.2f} ({counter['total per s']:,.0f} / {bare:,.0f})",
            ">= 0.5; 300 ms; >= 0.6",
            fairness >= 0.5 and p95 <= 300 and share >= 0.6,
            {"playing": playing, "pausing": pausing, "bare": [before, after]},
            note=f"{pictures['per session and second']['p50']:.1f} pictures per session and second (slowest "
            f"{pictures['per session and second']['min']:.1f}), median Pause "
            f"{pauses['p50'] if pauses else float('nan'):.0f} ms of {pauses['n'] if pauses else 0}, bare loops before "
            f"and after {spread([before, after], 0)}, server {playing['server']['cpu %']:.0f} % and client {client}; "
            f"the slowest session shows {counter['slowest shows'][1]!r}",
        ),
        Row(
            8,
            "problems the load client met (lost connections, exceptions, missing widgets)",
            str(problems),
            "0",
            problems == 0,
            {"samples": samples},
            note="; ".join(samples),
        ),
    ]
