"""The page 'Build': an outline, a changed option on screen, and the CNN on digits trained while it is watched.

The outline is timed in this process. A changed option is timed inside the page, from the key that enters it to the
picture of the network that shows it. Training takes turns with the plain loop (benchmarks/plain.py).
"""

import argparse
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks.bare import BareLoop
from benchmarks.browser import VIEWPORT, TrainPage, chromium
from benchmarks.machine import described, hosts, load_average
from benchmarks.report import Row, as_json, spread, table
from benchmarks.server import Server
from benchmarks.watched import SETTLE, lasting
from playground.shapes import outline
from playground.spec import Args, DataSpec, Experiment, LayerSpec
from playground.templates import TEMPLATES

CNN = lasting(TEMPLATES["cnn"].experiment(DataSpec(name="digits", args=Args(layout="image"))))
DEEP = 30
OUTLINE_GOAL, OPTION_GOAL, TRAINING_GOAL = 0.050, 300.0, 0.90
WATCH = """wanted => new Promise((resolve, reject) => {
  let start = 0;
  const stop = setTimeout(() => reject(new Error(`${wanted} did not come`)), 8000);
  addEventListener("keydown", event => { if (event.key === "Enter") start = performance.now() }, { capture: true });
  const look = () => {
    for (const host of document.querySelectorAll("[data-testid='stBidiComponentIsolated']")) {
      const flow = host.shadowRoot?.querySelector(".pg-flow");
      if (start && flow?.textContent.includes(wanted)) { clearTimeout(stop); return resolve(performance.now() - start) }
    }
    requestAnimationFrame(look);
  };
  look();
})"""
"""Resolves to the milliseconds from the next Enter to the first frame whose picture of the network has the text."""


def outline_row(rounds: int) -> Row:
    """Thirty layers: convolutions on a large picture, then a dense part."""
    block = ["Conv2d.32..3..1..1", "BatchNorm2d", "ReLU"]
    texts = [*(block * 8), "AdaptiveAvgPool2d", "Flatten", "Linear.256", "ReLU", "Dropout", "Linear.10"]
    layers = [LayerSpec.from_text(text) for text in texts]
    assert len(layers) == DEEP, f"{len(layers)} layers"
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        reports = outline(layers, (3, 224, 224))
        seconds.append(time.perf_counter() - start)
    assert len(reports) == DEEP, "the outline stopped half-way"
    milliseconds = [1e3 * one for one in seconds]
    median = statistics.median(seconds)
    values = {"ms": milliseconds}
    return Row(1, "outline of 30 layers", spread(milliseconds, 2, " ms"), "under 50 ms", median < OUTLINE_GOAL, values)


def option_row(browser: Browser, server: Server, rounds: int) -> Row:
    """Channels typed into the open card, until the picture shows the new shape."""
    context = browser.new_context(viewport=VIEWPORT)
    try:
        page = context.new_page()
        page.goto(f"{server.address}/build?{CNN}")
        page.locator(".st-key-build-open").wait_for(timeout=40_000)
        page.wait_for_timeout(6000)  # the hosts start, and the page comes to rest
        milliseconds = [changed(page, 8 + round % 7) for round in range(rounds)]
    finally:
        context.close()
    met = statistics.median(milliseconds) < OPTION_GOAL
    measured, values = spread(milliseconds, 0, " ms"), {"ms": milliseconds}
    return Row(2, "changed option on screen", measured, "median under 300 ms", met, values)


def changed(page: Page, channels: int) -> float:
    """ms from Enter in the first layer's card to the picture with so many channels."""
    box = page.locator(".st-key-layer-0-out_channels input")
    page.evaluate(f"void (globalThis.change = ({WATCH})('(N, {channels}, '))")
    box.fill(str(channels))
    box.press("Enter")
    took = page.evaluate("globalThis.change")
    page.wait_for_timeout(600)
    return float(took)


def training_row(browser: Browser, server: Server, rounds: int, seconds: float) -> Row:
    """Samples per second watched on the Train page, over those of the plain loop, in turns."""
    ratios, watched, plain, per_cpu = [], [], [], []
    with BareLoop("benchmarks.plain") as loop, TrainPage(browser, server.address, CNN) as page:
        loop.ask(CNN, 0.5)
        for turn in range(rounds):
            before = loop.ask(CNN, seconds) if turn % 2 else None
            page.play()
            page.page.wait_for_timeout(1000 * SETTLE)
            host = hosts_cpu(server)
            seen = page.watch(seconds)
            host = hosts_cpu(server) - host
            page.pause()
            pace = before or loop.ask(CNN, seconds)
            batch = Experiment.from_query(CNN).training.batch_size
            watched.append(batch * seen.steps_per_second)
            plain.append(batch * pace.rate)
            ratios.append(watched[-1] / plain[-1])
            per_cpu.append(seen.steps_per_second * seen.seconds / host / pace.per_cpu)
    values = {"ratios": ratios, "watched": watched, "plain": plain, "per_cpu": per_cpu}
    note = (
        f"samples/s: {statistics.median(watched):,.0f} watched, {statistics.median(plain):,.0f} in the plain loop; "
        f"per second of processor time the ratio is {spread(per_cpu)}"
    )
    what = "CNN on digits while watched / plain loop"
    met = statistics.median(ratios) >= TRAINING_GOAL
    return Row(3, what, spread(ratios), "at least 0.90", met, values, note=note)


def hosts_cpu(server: Server) -> float:
    """Seconds of processor time that the training hosts have had."""
    return sum(host.cpu for host in hosts(server.process.pid))


SECTIONS = ("outline", "option", "training")


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table; returns 0 if every goal is met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks build", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--only", metavar="NAME,NAME", help=f"only these rows: {', '.join(SECTIONS)}")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to FILE")
    options = parser.parse_args(arguments)
    only = set(options.only.split(",")) if options.only else set(SECTIONS)
    if unknown := only - set(SECTIONS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; choose among {', '.join(SECTIONS)}")
    machine, load, rows = described(), load_average(), []
    if "outline" in only:
        rows.append(outline_row(5 if options.quick else 50))
    if only & {"option", "training"}:
        with chromium() as browser, Server() as server:
            measures: list[Any] = []
            if "option" in only:
                measures.append(lambda: option_row(browser, server, 5 if options.quick else 25))
            if "training" in only:
                rounds, seconds = (2, 6.0) if options.quick else (6, 10.0)
                measures.append(lambda: training_row(browser, server, rounds, seconds))
            for number, measure in enumerate(measures, 2):
                try:
                    rows.append(measure())
                except Exception as error:
                    traceback.print_exc()
                    rows.append(Row(number, "row", f"not measured: {type(error).__name__}", "", False))
    head: dict[str, Any] = {"machine": machine, "load before": load, "load after": load_average()}
    print(f"{machine}; load average {load} before, {head['load after']} after\n")
    print(table(rows))
    if options.json:
        Path(options.json).write_text(as_json(head, rows))
    return 0 if rows and all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
