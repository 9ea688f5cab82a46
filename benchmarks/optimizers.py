"""How fast races are: `python -m benchmarks optimizers`.

Ratios are taken side by side in one run, in turns, so that whatever else the machine does meets both.
"""

# ruff: noqa: E402  (the number of threads must be set before the imports that read it)
from __future__ import annotations

import os

for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_pool] = "1"

import contextlib
import itertools
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from playground.landscapes import LANDSCAPES, Racer, race, sweep
from playground.landscapes.spec import RacerSpec, RaceSpec
from playground.landscapes.worker import Worker

ROOT = Path(__file__).resolve().parents[1]
LESSON = [racer.racer() for racer in RaceSpec().racers]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
HOSTS = "[...document.querySelectorAll(\"[data-testid='stBidiComponentIsolated']\")]"
VIEW = f"({HOSTS}.map((host) => host.shadowRoot?.querySelector('.pg-race')).find(Boolean))"


def bare_loop(racer: Racer, steps: int) -> np.ndarray:
    """The loop that everybody writes, with the path kept."""
    function = LANDSCAPES["rosenbrock"].function
    point = torch.tensor([-1.0, 1.0], dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, racer.optimizer)([point], lr=racer.lr, **racer.args)
    path = [point.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        loss = function(point[0], point[1])
        loss.backward()
        optimizer.step()
        path.append(point.detach().clone())
    return torch.stack(path).numpy()


def in_turns(*actions: Any, rounds: int = 9) -> list[float]:
    """Median CPU seconds of this thread for each action; they take turns."""
    seen: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()
    for _ in range(rounds):
        for action, times in zip(actions, seen, strict=True):
            begin = time.thread_time()
            action()
            times.append(time.thread_time() - begin)
    return [statistics.median(times) for times in seen]


def row(what: str, found: str, goal: str, good: bool) -> bool:
    print(f"{what:<66} {found:>16}   goal {goal:<14} {'ok' if good else 'MISSED'}", flush=True)
    return good


def race_against_the_bare_loop() -> bool:
    rosenbrock = LANDSCAPES["rosenbrock"]
    trails = race(rosenbrock, LESSON, (-1, 1), 100)
    for trail in trails:
        assert np.array_equal(trail.path, bare_loop(trail.racer, 100)), "the race is not the bare loop"
    ours, theirs = in_turns(
        lambda: race(rosenbrock, LESSON, (-1, 1), 100), lambda: [bare_loop(racer, 100) for racer in LESSON], rounds=15
    )
    return row("race against the bare loop, path kept", f"{ours / theirs:.2f} x", "<= 1.25 x", ours <= 1.25 * theirs)


def sweep_against_the_lesson() -> bool:
    rosenbrock, rng = LANDSCAPES["rosenbrock"], np.random.default_rng(0)
    starts = np.stack([rng.uniform(-1.5, 1.5, 10_000), rng.uniform(-0.5, 1.5, 10_000)], axis=1)
    good = True
    for racer in LESSON:
        rows, single = in_turns(
            lambda racer=racer: sweep(
                rosenbrock, racer.optimizer, [racer.lr], starts, 100, racer.args, dtype="float32", keep_paths=False
            ),
            lambda racer=racer: bare_loop(racer, 100),
            rounds=5,
        )
        cheaper = (single / 100) / (rows / 100 / 10_000)
        good &= row(
            f"sweep of 10,000 starts x 100, per point and step: {racer.label}",
            f"{cheaper:,.0f} x cheaper",
            ">= 2,000 x",
            cheaper >= 2_000,
        )
    return good


def basin_map(worker: Worker) -> bool:
    """The map's time, and how long its progress stood still at most: from the question to the first news, and so on."""
    spec = RaceSpec(steps=200, racers=(RacerSpec.from_text("Adam.0.02"),))
    worker.submit("race", RaceSpec(steps=2)).wait(60)
    times, silences = [], []
    for _ in range(3):
        begin = time.perf_counter()
        job = worker.submit("basin", spec, racer=0, size=200)
        told, news = 0.0, [begin]
        while not job.wait(0.002):
            if job.progress != told:
                told = job.progress
                news.append(time.perf_counter())
        assert job.ok, job.error
        news.append(time.perf_counter())
        times.append(news[-1] - begin)
        silences.append(max(later - earlier for earlier, later in itertools.pairwise(news)))
    seconds, silence = statistics.median(times), max(silences)
    good = row("basin map 200x200 x 200 steps (Adam)", f"{seconds:.2f} s", "<= 3 s", seconds <= 3)
    return good & row(
        "its progress: the longest time without news", f"{1000 * silence:.0f} ms", "<= 500 ms", silence <= 0.5
    )


@contextlib.contextmanager
def served() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + 40
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < end, "the server does not answer"
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(10)


def in_a_browser(browser: Any, address: str) -> bool:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(address)  # the router first: it names the pages
    page.get_by_role("link", name="Optimizers").first.click()
    wait(page, "element => Number(element.dataset.racers) === 4", 60)
    page.get_by_role("button", name="To the end").click()
    times = []
    for turn in range(12):
        times.append(click_to_picture(page, 60 + 24 * turn, 60 + 20 * turn))
    seconds = statistics.median(times[2:])
    good = row(
        "the lesson's race, from click to complete picture in a browser",
        f"{1000 * seconds:.0f} ms",
        "<= 400 ms median",
        seconds <= 0.4,
    )
    racers = "~~".join(
        ["SGD.0.001", "SGD.0.001..0.9", "Adam.0.01", "RMSprop", "NAdam.0.02", "Adagrad.0.5", "Adamax.0.1", "Rprop"]
    )
    page.goto(f"{address}/optimizers?v=1&steps=500&race={racers}")
    wait(page, "element => Number(element.dataset.racers) === 8", 60)
    session = page.context.new_cdp_session(page)
    messages: list[Any] = []
    session.send("Network.enable")
    page.get_by_role("button", name="To the start").click()
    page.wait_for_timeout(500)
    for kind in ("Network.webSocketFrameSent", "Network.webSocketFrameReceived"):
        session.on(kind, lambda event: messages.append(event))
    page.get_by_role("button", name="Play", exact=True).click()
    first, begin = int(page.evaluate(f"{VIEW}.dataset.frames")), time.perf_counter()
    page.wait_for_timeout(4000)
    frames = (int(page.evaluate(f"{VIEW}.dataset.frames")) - first) / (time.perf_counter() - begin)
    row("messages with the server while it played", str(len(messages)), "0", not messages)
    return good & row("playing 8 racers x 500 steps in the browser", f"{frames:.0f} frames/s", ">= 20", frames >= 20)


def click_to_picture(page: Any, x: int, y: int) -> float:
    """Seconds from the pointer's release to the frame in which the new race is drawn to its end."""
    page.evaluate(
        f"""() => {{
          const view = {VIEW}, before = view.dataset.race;
          window.pgDone = new Promise((done) => {{
            let begin = 0;
            view.addEventListener("pointerup", () => (begin = performance.now()), {{ once: true }});
            const look = () => {{
              const there = view.dataset.race !== before && view.dataset.racers !== "0";
              const drawn = there && Number(view.dataset.t) >= 100;
              if (drawn) done(performance.now() - begin);
              else if (begin && performance.now() > begin + 10000) done(NaN);
              else requestAnimationFrame(look);
            }};
            look();
          }});
        }}"""
    )
    page.locator(".rc-map canvas").click(position={"x": x, "y": y})
    return page.evaluate("() => window.pgDone") / 1000


def wait(page: Any, condition: str, seconds: int) -> None:
    page.wait_for_function(
        f"() => {{ const element = {VIEW}; return Boolean(element) && ({condition})(element); }}",
        timeout=1000 * seconds,
    )


def main() -> None:
    """Prints one line per goal; ends with an error if one was missed."""
    torch.set_num_threads(1)
    good = race_against_the_bare_loop() & sweep_against_the_lesson()
    worker = Worker()
    good &= basin_map(worker)
    worker.close()
    path = next(
        (found for found in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if found), None
    )
    if path is None:
        print("no Chromium was found: nothing was measured in a browser")
    else:
        from playwright.sync_api import sync_playwright

        with served() as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            good &= in_a_browser(browser, address)
            browser.close()
    if not good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
