"""How fast the Autograd page is: a trace, a slider's reaction, a large graph: `python -m benchmarks autograd`.

The trace is timed in this process. The other two are timed inside a real Chromium: from the key that moves a slider to
the frame that shows the new numbers, and from the picture's data to its last painted node.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import statistics
import time
from typing import Any

import torch
from torch import nn

from benchmarks.browser import chromium
from benchmarks.server import Server
from playground.autograd import parse
from playground.autograd.graph import picture
from playground.autograd.presets import PRESETS
from playground.autograd.tape import trace, trace_module

GOALS = {"trace": 5.0, "slider": 300.0, "network": 1000.0}  # ms

REACTION = """async (text) => {
  const root = [...document.querySelectorAll("*")].map((e) => e.shadowRoot?.querySelector(".pg-graph")).find(Boolean);
  const slider = document.querySelector(".st-key-autograd-value-x input[type=range]");
  slider.focus();
  window.pgDone = new Promise((resolve) => {
    let began = 0;
    slider.addEventListener("keydown", () => (began = performance.now()), { once: true, capture: true });
    const drawn = root.dataset.drawn;
    const watch = new MutationObserver(() => {
      if (root.dataset.drawn === drawn) return;
      watch.disconnect();
      requestAnimationFrame(() => resolve(performance.now() - began));
    });
    watch.observe(root, { attributes: true, attributeFilter: ["data-drawn"] });
  });
}"""


def trace_times(repeats: int) -> list[float]:
    """ms of one trace of the Rosenbrock program, hooks, walk and plain data included."""
    program, values = parse(PRESETS["rosenbrock"].text), PRESETS["rosenbrock"].values
    trace(program, values)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        trace(program, values)
        times.append(1000 * (time.perf_counter() - began))
    return times


def network() -> nn.Sequential:
    """A network whose tape has just under 300 nodes."""
    return nn.Sequential(*[module for _ in range(59) for module in (nn.Linear(8, 8), nn.Tanh())])


def network_times(repeats: int) -> tuple[list[float], int]:
    """ms of the layout of a network's graph, and how many nodes it has."""
    tape = trace_module(network(), torch.ones(4, 8), torch.mean)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        picture(tape)
        times.append(1000 * (time.perf_counter() - began))
    return times, len(tape.nodes)


def open_page(browser: Any, address: str, query: str) -> Any:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(40_000)
    page.goto(address)  # the router first: it is what knows the page
    page.get_by_role("link", name="Autograd").wait_for()
    page.goto(f"{address}/autograd?{query}")
    page.locator(".pg-graph[data-drawn]").wait_for()
    return page


def slider_times(browser: Any, address: str, repeats: int) -> list[float]:
    """ms from a key on a slider to the frame with the new numbers; the first reaction is left out."""
    page = open_page(browser, address, "preset=rosenbrock")
    times = []
    for turn in range(repeats + 1):
        page.evaluate(REACTION, "")
        page.keyboard.press("ArrowRight" if turn % 2 else "ArrowLeft")
        times.append(page.evaluate("window.pgDone"))
        page.wait_for_timeout(150)
    page.context.close()
    return times[1:]


def drawing_time(browser: Any, address: str) -> tuple[float, int]:
    """ms that the browser needs to draw the 300-node network, and the nodes drawn."""
    net = "~".join(["Linear", "Tanh"] * 15 + ["Linear.1"])
    page = open_page(browser, address, f"view=network&detail=nodes&data=spiral&net={net}")
    root = page.locator(".pg-graph")
    found = float(root.get_attribute("data-ms")), page.locator(".pg-graph .node").count()
    page.context.close()
    return found


def main() -> int:
    """Print one line per goal; 0 if all are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks autograd", description=__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="how often each thing is timed (default: 20)")
    parser.add_argument("--no-browser", action="store_true", help="leave out what needs Chromium")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [("Rosenbrock, one trace", trace_times(5 * options.repeats), GOALS["trace"])]
    layout, count = network_times(max(3, options.repeats // 4))
    drawing = 0.0
    if not options.no_browser:
        with Server() as server, chromium() as browser:
            address = server.address
            rows.append(("slider to new picture", slider_times(browser, address, options.repeats), GOALS["slider"]))
            drawing, drawn = drawing_time(browser, address)
        drawing *= max(1.0, count / drawn)
    rows.append(
        (f"network of {count} nodes, laid out and drawn", [time_ + drawing for time_ in layout], GOALS["network"])
    )
    met = True
    print(f"{'':44} {'median':>9} {'worst':>9} {'goal':>9}")
    for name, times, goal in rows:
        median = statistics.median(times)
        met &= median < goal
        print(f"{name:44} {median:7.1f}ms {max(times):7.1f}ms {goal:7.0f}ms  {'met' if median < goal else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
