"""The rows that are measured on an open Train page in Chromium."""

import os
import random
import signal
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from playwright.sync_api import Browser
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from benchmarks.bare import BareLoop, Pace
from benchmarks.browser import Seen, TrainPage
from benchmarks.machine import Usage, hosts, processes
from benchmarks.report import Row, per_second, percentile, spread
from benchmarks.server import Server
from playground.spec import Experiment

MEGABYTE = 1e6
HEAP_FLAT = 2 * MEGABYTE
"""Growth of the heap that still counts as flat: caches fill in the first minute."""
SETTLE = 0.5
"""Seconds after Play before anything is measured."""


@dataclass(frozen=True)
class Plan:
    """How much is measured. Seconds are of one window, rounds and the like are how often."""

    lesson_rounds: int = 30
    speed_rounds: int = 6
    speed_seconds: float = 2.5
    watch_seconds: float = 60.0
    heap_every: float = 5.0
    pauses: int = 11
    changes: int = 3
    kills: int = 2
    playground_rounds: int = 3
    playground_seconds: float = 2.0
    starts: int = 3
    sessions: int = 15
    class_warmup: float = 4.0
    class_seconds: float = 10.0
    bare_seconds: float = 4.0


QUICK = Plan(
    lesson_rounds=8,
    speed_rounds=2,
    speed_seconds=1.5,
    watch_seconds=6.0,
    heap_every=2.0,
    pauses=3,
    changes=1,
    kills=1,
    playground_rounds=1,
    playground_seconds=1.5,
    starts=1,
    class_warmup=2.0,
    class_seconds=4.0,
    bare_seconds=1.0,
)


@dataclass(frozen=True)
class Stage:
    """What the rows of this file need: an app that is served, a browser, and the bare loop."""

    server: Server
    browser: Browser
    bare: BareLoop
    plan: Plan

    def open(self, query: str) -> TrainPage:
        return TrainPage(self.browser, self.server.address, query)


def lasting(experiment: Experiment) -> str:
    """The link of an experiment that does not end while it is measured."""
    return experiment.but(training=experiment.training.but(epochs=100_000)).query_string()


DEFAULT = lasting(Experiment())
SPIRAL = (
    "data=spiral.500&features=x_y_sinx_siny&net=Linear.8~Tanh~Linear.8~Tanh~Linear.1~Tanh"
    "&loss=MSELoss&opt=SGD.0.03&epochs=100000"
)
PLAYGROUND = {
    "circle 2-4-2-1 tanh": (
        "data=circle.500&net=Linear.4~Tanh~Linear.2~Tanh~Linear.1~Tanh&loss=MSELoss&opt=SGD.0.03&epochs=100000",
        120,
        60,
    ),
    "spiral 4-8-8-1 tanh": (SPIRAL, 100, 35),
    "spiral 4-8-8-1 tanh, NumPy from scratch": (f"{SPIRAL}&engine=numpy", 350, 35),
}
"""Name -> link, goal in epochs/s (of torch 3 times, of NumPy 10 times the last number), and what TensorFlow Playground
does in Chromium."""
EPOCH = 25
"""Steps in an epoch of all of these."""


@dataclass(frozen=True)
class Turn:
    """One round: what was seen of the watched run, and what the bare loop did after or before it."""

    seen: Seen
    host_cpu: float
    cores: dict[str, float]
    bare: Pace

    @property
    def ratio(self) -> float:
        return self.seen.steps_per_second / self.bare.rate

    @property
    def per_cpu(self) -> float:
        """Steps per second of the host's processor time."""
        return self.seen.steps_per_second * self.seen.seconds / self.host_cpu


def take_turns(stage: Stage, page: TrainPage, query: str, rounds: int, seconds: float) -> list[Turn]:
    """The page plays and the bare loop runs, one after the other, the order changing every round."""
    stage.bare.ask(query, 0.3)
    turns: list[Turn] = []
    for turn in range(rounds):
        bare = stage.bare.ask(query, seconds) if turn % 2 else None
        page.play()
        page.page.wait_for_timeout(1000 * SETTLE)
        usage, before = Usage(stage.server.process.pid), host_cpu(stage)
        seen = page.watch(seconds)
        after, cores = host_cpu(stage), usage.cores()
        page.pause()
        turns.append(Turn(seen, after - before, cores, bare or stage.bare.ask(query, seconds)))
    return turns


def host_cpu(stage: Stage) -> float:
    return sum(host.cpu for host in hosts(stage.server.process.pid))


def middle(values: Any) -> float:
    return statistics.median(values)


def speed(stage: Stage) -> list[Row]:
    plan = stage.plan
    with stage.open(DEFAULT) as page:
        turns = take_turns(stage, page, DEFAULT, plan.speed_rounds, plan.speed_seconds)
    watched, bare = middle(t.seen.steps_per_second for t in turns), middle(t.bare.rate for t in turns)
    ratios = [turn.ratio for turn in turns]
    cpu_ratio = middle(turn.per_cpu / turn.bare.per_cpu for turn in turns)
    cores = {party: middle(turn.cores[party] for turn in turns) for party in turns[0].cores}
    used = ", ".join(f"{party} {share:.2f}" for party, share in cores.items())
    return [
        Row(
            1,
            "training while open and playing / bare loop (2-8-8-1)",
            f"{spread(ratios)} ({watched:,.0f} / {bare:,.0f} steps/s)",
            ">= 0.95",
            middle(ratios) >= 0.95,
            {
                "ratios": ratios,
                "watched": [turn.seen.steps_per_second for turn in turns],
                "bare": [turn.bare.rate for turn in turns],
                "cpu_ratio": cpu_ratio,
                "host_steps_per_cpu_second": [turn.per_cpu for turn in turns],
                "bare_steps_per_cpu_second": [turn.bare.per_cpu for turn in turns],
                "bare_cores": [turn.bare.cpu / turn.bare.wall for turn in turns],
                "cores": cores,
            },
            note=f"per second of processor time the ratio is {cpu_ratio:.2f}; cores used while watched: {used}; "
            f"the bare loop had {middle(t.bare.cpu / t.bare.wall for t in turns):.2f} of a core",
        )
    ]


def watching(stage: Stage) -> list[Row]:
    """Pictures, frames, rebuilds, sizes and the heap, over one long stretch of playing."""
    plan, pictures, frames = stage.plan, [], []  # type: Plan, list[int], list[int]
    rebuilds, seen_pictures, seconds = 0, 0, 0.0
    with stage.open(DEFAULT) as page:
        page.play()
        page.page.evaluate("benchmark.frames(true)")
        page.page.wait_for_timeout(4000)
        memory = [memory_now(stage, page)]
        page.wire, start = 0, time.monotonic()
        streamed = -page.streamed()
        while (time.monotonic() - start) < plan.watch_seconds:
            seen = page.watch(plan.heap_every)
            pictures += per_second([p["time"] for p in distinct(seen)], seen.seconds)
            frames += per_second(seen.paints, seen.seconds)
            rebuilds += seen.rebuilds
            seen_pictures, seconds = seen_pictures + len(distinct(seen)), seconds + seen.seconds
            memory.append(memory_now(stage, page))
            if page.now()["status"] == "finished":
                page.press("reset", "ready")
                page.play()
        lasted, wire, packed = time.monotonic() - start, page.wire, list(page.packed)
        streamed += page.streamed()
        page.page.evaluate("benchmark.frames(false)")
        pixels = page.page.evaluate("benchmark.pixels(2)")
        errors = page.errors
    size = max(middle(packed), streamed / max(1, seen_pictures)) / 1000
    heap = [each["heap"] for each in memory]
    third = max(1, len(heap) // 3)
    growth = middle(heap[-third:]) - middle(heap[:third])
    kept = {"pictures": pictures, "frames": frames, "rebuilds": rebuilds, "pixels": pixels, "errors": errors}
    rates = f"{seen_pictures / seconds:.1f}/s, {middle(frames):.0f} frames/s, {rebuilds} rebuilds"
    servers = ", ".join(
        f"{name} {memory[0][name] / MEGABYTE:,.0f} -> {memory[-1][name] / MEGABYTE:,.0f} MB" for name in ("web", "host")
    )
    return [
        Row(
            3,
            "distinct pictures in the browser; the page's frame rate; DOM rebuilds",
            rates,
            ">= 10; >= 50; 0",
            seen_pictures / seconds >= 10 and middle(frames) >= 50 and rebuilds == 0,
            kept,
            note=f"in the worst 5 % of {len(frames)} seconds {percentile(pictures, 0.05)} pictures and "
            f"{percentile(frames, 0.05)} frames; of {pixels['pictures']} pictures looked at pixel by pixel "
            f"{pixels['different']} differed" + (f"; errors on the page: {errors}" if errors else ""),
        ),
        Row(
            9,
            "kB per picture (a packed snapshot; all that is received, per picture)",
            f"{size:.1f} kB; {(wire + streamed) / max(1, seen_pictures) / 1000:.1f} kB",
            "<= 12",
            size <= 12,
            {"packed": packed[-5:], "wire": wire, "streamed": streamed, "pictures": seen_pictures},
        ),
        Row(
            10,
            f"JavaScript heap over {lasted / 60:.1f} min of playing",
            f"{middle(heap[:third]) / MEGABYTE:.1f} -> {middle(heap[-third:]) / MEGABYTE:.1f} MB",
            "flat (within 2 MB)",
            growth <= HEAP_FLAT,
            {"memory": memory, "seconds": lasted, "growth": growth},
            note=f"medians of the first and the last third of {len(heap)} samples; resident memory: {servers}",
        ),
    ]


def distinct(seen: Seen) -> list[dict[str, Any]]:
    """The pictures with a `seq` of their own."""
    return list({picture["seq"]: picture for picture in reversed(seen.pictures)}.values())


def memory_now(stage: Stage, page: TrainPage) -> dict[str, float]:
    """Bytes: the page's heap, the web process, all hosts."""
    web = stage.server.process.pid
    return {"heap": page.heap(), "web": processes()[web].rss, "host": sum(host.rss for host in hosts(web))}


def pausing(stage: Stage) -> list[Row]:
    chance, found = random.Random(0), []
    with stage.open(DEFAULT) as page:
        for _ in range(stage.plan.pauses):
            page.play()
            page.page.wait_for_timeout(chance.uniform(800, 1200))
            page.take()
            page.button("play").click()
            if page.comes("status === 'ready'"):
                page.settle()
                found.append(page.take().standstill())
            else:
                page.lost += 1
        lost = page.lost
    return [
        Row(
            4,
            "click on Pause, until the step counter stands still",
            f"{spread(found or [float('nan')], 0, ' ms')}, {lost} clicks lost",
            "150 ms median",
            bool(found) and middle(found) <= 150 and not lost,
            {"ms": found, "lost": lost},
        )
    ]


def changing(stage: Stage) -> list[Row]:
    """Another data set and another number of units, at rest and while playing."""
    found: dict[str, list[float]] = {}
    with stage.open(DEFAULT) as page:
        for turn in range(2 * stage.plan.changes):
            playing = turn % 2 == 1
            for widget in ("data", "units"):
                if playing:
                    page.play()
                    page.page.wait_for_timeout(700)
                else:
                    page.button("step").click()
                    page.settle()
                page.take()
                before = page.now()["seq"]
                if widget == "data":
                    page.choose_data(("circle", "moons")[turn % 2])
                else:
                    page.set_units(0, (5, 6)[turn % 2])
                if page.comes(f"seq !== '{before}' && step === '0' && status === 'ready'"):
                    page.settle()
                    name = f"{widget}, {'playing' if playing else 'at rest'}"
                    found.setdefault(name, []).append(page.take().anew())
                else:
                    page.lost += 1
        lost = page.lost
    every = [value for values in found.values() for value in values] or [float("nan")]
    return [
        Row(
            5,
            "a changed widget (data set, units), until the new picture",
            f"{spread(every, 0, ' ms')}, {lost} inputs lost",
            "400 ms median",
            middle(every) <= 400 and not lost,
            {**found, "lost": lost},
            note="medians: " + "; ".join(f"{name} {middle(values):.0f} ms" for name, values in found.items()),
        )
    ]


def killing(stage: Stage) -> list[Row]:
    """A host killed with -9 under a playing run: until a picture of the run that goes on."""
    gone, forgotten, said = [], [], 0
    web = stage.server.process.pid
    for _ in range(stage.plan.kills):
        with stage.open(DEFAULT) as page:
            page.play()
            page.page.wait_for_timeout(5000)  # the next host has started
            before = {host.pid: host.cpu for host in hosts(web)}
            page.page.wait_for_timeout(1000)
            busiest = max(hosts(web), key=lambda host: host.cpu - before.get(host.pid, host.cpu))
            pace = page.take().steps_per_second  # times count from here
            os.kill(busiest.pid, signal.SIGKILL)
            banner = page.page.locator(".pg-banner", has_text="the run goes on from step")
            with suppress(PlaywrightTimeout):
                banner.wait_for(timeout=15_000)
                said += 1
            page.page.wait_for_timeout(500)
            seen = [p for p in page.take().pictures if p["status"] in ("playing", "reviving")]
            breaks = [
                (now["time"], (then["step"] - now["step"]) / pace)
                for then, now in pairwise(seen)
                if now["status"] == "playing" and (then["status"] == "reviving" or now["step"] < then["step"])
            ]
            after, lost = breaks[0] if breaks else (float("inf"), float("inf"))
            gone.append(after)
            forgotten.append(max(0.0, lost))
    return [
        Row(
            11,
            "a host is killed with -9: until the run goes on, as seen on the page; training lost",
            f"{spread(gone, 0, ' ms')}; {max(forgotten):.1f} s",
            "3000 ms; 5 s; and it is said",
            max(gone) <= 3000 and max(forgotten) <= 5 and said == len(gone),
            {"ms": gone, "lost": forgotten, "said": said},
            note=f"said on the page {said} of {len(gone)} times",
        )
    ]


def playground(stage: Stage) -> list[Row]:
    rows = []
    for name, (query, goal, theirs) in PLAYGROUND.items():
        with stage.open(query) as page:
            turns = take_turns(stage, page, query, stage.plan.playground_rounds, stage.plan.playground_seconds)
        rates = [turn.seen.steps_per_second / EPOCH for turn in turns]
        bare = middle(turn.bare.rate for turn in turns) / EPOCH
        rows.append(
            Row(
                6,
                f"epochs/s watched: {name}, batch 10, 250 points",
                f"{spread(rates, 0)} (bare loop {bare:.0f})",
                f">= {goal} (theirs {theirs})",
                middle(rates) >= goal,
                {"rates": rates, "bare": [turn.bare.rate / EPOCH for turn in turns]},
                note=f"{middle(turn.per_cpu for turn in turns) / EPOCH:.0f} per second of the host's processor time, "
                f"{middle(turn.bare.per_cpu for turn in turns) / EPOCH:.0f} of the bare loop's",
            )
        )
    return rows
