"""Seconds of a matrix product and of a training step on every device, by size, in float32 and in mixed precision.

Times are taken on the wall, after a first call that nobody counts, and from synchronised to synchronised: an
accelerator answers before it has computed. What it takes to bring the numbers there is timed apart.
"""

import math
import statistics
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from playground.device import Place

MATRIX_SIZES = (16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096)
WIDTHS = (16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096)
BATCH, INPUTS, CLASSES = 128, 784, 10
"""The training step is that of 784-w-w-10 on a batch of 128, Adam, cross entropy."""
PRECISIONS = ("float32", "mixed")
ROUNDS, ROUND_SECONDS = 5, 0.02
TOO_LONG = 0.1
"""Seconds of one act at which a place is not asked for a larger size."""

LAUNCH_SECONDS, FLOPS = 10e-6, 10e12
"""What is assumed of an accelerator where there is none: 10 µs for every operation, 10 TFLOP/s in float32."""
OPERATIONS = {"matmul": 1, "step": 40}
"""Operations of one act, roughly; of a step forwards, backwards and in the optimizer."""

Act = Callable[[], object]


@dataclass(frozen=True)
class Task:
    """What is timed: `act` on the device, and `carry`, which brings its inputs there from the CPU."""

    act: Act
    carry: Act


def matrix_product(size: int, place: Place, mixed: bool) -> Task:
    """A (size, size) matrix times another."""
    generator = torch.Generator().manual_seed(0)
    at_home = [torch.randn(size, size, generator=generator) for _ in range(2)]
    a, b = (matrix.to(place.where) for matrix in at_home)

    def act() -> None:
        with torch.no_grad(), autocast(place, mixed):
            a @ b

    return Task(act, lambda: [matrix.to(place.where, copy=True) for matrix in at_home])


def training_step(width: int, place: Place, mixed: bool) -> Task:
    """One step of 784-w-w-10, as `playground.training.Run` makes it; the batch is what is carried."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, INPUTS, generator=generator)
    y = torch.randint(CLASSES, (BATCH,), generator=generator)
    layers = nn.Linear(INPUTS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, CLASSES)
    model, loss = nn.Sequential(*layers).to(place.where), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    inputs, targets = x.to(place.where), y.to(place.where)

    def act() -> None:
        optimizer.zero_grad()
        with autocast(place, mixed):
            value = loss(model(inputs), targets)
        value.backward()
        optimizer.step()

    return Task(act, lambda: (x.to(place.where, copy=True), y.to(place.where, copy=True)))


def autocast(place: Place, mixed: bool) -> AbstractContextManager[Any]:
    """Matrix products in bfloat16, as a run with mixed precision has them; or nothing."""
    return torch.autocast(place.where.type, dtype=torch.bfloat16) if mixed else nullcontext()


TASKS: dict[str, tuple[Callable[[int, Place, bool], Task], tuple[int, ...]]] = {
    "matmul": (matrix_product, MATRIX_SIZES),
    "step": (training_step, WIDTHS),
}


def measure(places: Sequence[Place]) -> Iterator[dict[str, Any]]:
    """Every task, size, place and precision, in turns, so that whatever else the machine does meets all alike.

    Yields {"task", "size", "place", "precision", "seconds", "transfer" (None on the CPU)}, and {} in between.
    """
    for name, (make, sizes) in TASKS.items():
        slow: set[tuple[str, bool]] = set()
        for size in sizes:
            for place in places:
                for mixed in (False, True):
                    if (place.title, mixed) in slow:
                        continue
                    place.enter()
                    task = make(size, place, mixed)
                    seconds = yield from _rounds(task.act, place)
                    transfer = (yield from _rounds(task.carry, place)) if not place.threads else None
                    if seconds > TOO_LONG:
                        slow.add((place.title, mixed))
                    yield {
                        "task": name,
                        "size": size,
                        "place": place.title,
                        "precision": PRECISIONS[mixed],
                        "seconds": seconds,
                        "transfer": transfer,
                    }


def _rounds(act: Act, place: Place) -> Generator[dict[str, Any], None, float]:
    """The median over some rounds, as the generator's value; {} after each of them."""
    timed(act, place, 1)
    yield {}
    once = timed(act, place, 1)
    times = max(1, min(1_000, int(ROUND_SECONDS / max(once, 1e-7))))
    rounds = []
    for _ in range(ROUNDS if once < TOO_LONG else 2):
        rounds.append(timed(act, place, times))
        yield {}
    return statistics.median(rounds)


def timed(act: Act, place: Place, times: int) -> float:
    """Seconds of one `act`, from when the device has nothing to do until it is done with the last of them."""
    place.synchronize()
    start = time.perf_counter()
    for _ in range(times):
        act()
    place.synchronize()
    return (time.perf_counter() - start) / times


def flops(task: str, size: int) -> float:
    """Floating point operations of one act: 2 n^3, and 6 per weight and sample of a training step."""
    if task == "matmul":
        return 2.0 * size**3
    return 6.0 * BATCH * (INPUTS * size + size * size + size * CLASSES)


def assumed(task: str, size: int) -> float:
    """Seconds on an accelerator as it is assumed above, with the numbers already there."""
    return OPERATIONS[task] * LAUNCH_SECONDS + flops(task, size) / FLOPS


def pays_from(sizes: Sequence[int], here: Sequence[float], there: Sequence[float]) -> float | None:
    """The size from which `there` is faster for good, between two measured ones on logarithmic axes; None if never.

    >>> pays_from([1, 10], [1.0, 10.0], [3.16, 3.16])  # doctest: +ELLIPSIS
    3.1...
    """
    gaps = [math.log(a / b) for a, b in zip(here, there, strict=True)]
    if not gaps or gaps[-1] <= 0:
        return None
    for index in range(len(gaps) - 1, 0, -1):
        if gaps[index - 1] <= 0:
            share = gaps[index - 1] / (gaps[index - 1] - gaps[index])
            low, high = math.log(sizes[index - 1]), math.log(sizes[index])
            return math.exp(low + share * (high - low))
    return float(sizes[0])
