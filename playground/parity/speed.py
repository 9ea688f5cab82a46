"""How long one training step takes on each side, against batch size and width; and what that means, aspect by aspect.

The network is 2-w-w-1 with tanh, squared error and SGD, float32. Times are processor seconds of this thread, medians of
short rounds in turns, so that whatever else the machine does meets both; an accelerator is timed on the wall.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from playground import scratch
from playground.catalog import LAYERS, LOSSES
from playground.device import available_devices, full_name
from playground.parity.layers import compare_layer

BATCHES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
WIDTHS = (4, 8, 16, 32, 64, 128, 256, 512, 1_024)
ROUNDS, ROUND_SECONDS = 5, 0.01
TINY = (8, 10)
"""Width and batch of the network that the table looks at: 2-8-8-1, 10 samples."""

Act = Callable[[], object]


class Net:
    """2-w-w-1 on one side, with one batch; `forward`, `backward` and `update` are the parts of `step`."""

    forward: Act
    backward: Act
    update: Act

    def step(self) -> None:
        self.forward()
        self.backward()
        self.update()


class NumpyNet(Net):
    def __init__(self, width: int, batch: int, optimizer: str = "SGD"):
        rng, kind = np.random.default_rng(0), np.float32
        x, y = rng.standard_normal((batch, 2), kind), rng.standard_normal((batch, 1), kind)
        model = scratch.Sequential(
            scratch.Linear(2, width, rng=rng, dtype=kind),
            scratch.Tanh(),
            scratch.Linear(width, width, rng=rng, dtype=kind),
            scratch.Tanh(),
            scratch.Linear(width, 1, rng=rng, dtype=kind),
        )
        model[0].needs_input_grad = False
        loss, rule = scratch.MSELoss(), getattr(scratch, optimizer)(model.parameters(), lr=0.01)

        def backward() -> None:
            rule.zero_grad()
            model.backward(loss.backward())

        self.forward, self.backward, self.update = lambda: loss.forward(model.forward(x), y), backward, rule.step


class TorchNet(Net):
    def __init__(self, width: int, batch: int, optimizer: str = "SGD", device: str = "cpu"):
        rng = np.random.default_rng(0)
        x, y = (torch.tensor(rng.standard_normal((batch, n)), dtype=torch.float32, device=device) for n in (2, 1))
        layers = nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
        model, loss = nn.Sequential(*layers).to(device), nn.MSELoss()
        rule = getattr(torch.optim, optimizer)(model.parameters(), lr=0.01)

        def forward() -> None:
            self.value = loss(model(x), y)

        def backward() -> None:
            rule.zero_grad()
            self.value.backward()

        self.forward, self.backward, self.update = forward, backward, rule.step


def sides() -> dict[str, Callable[[int, int], Net]]:
    """What is compared here, by the name a visitor reads."""
    found: dict[str, Callable[[int, int], Net]] = {"NumPy": NumpyNet, "PyTorch, cpu": TorchNet}
    for device in available_devices()[1:]:
        name = full_name(torch.device(device))
        found[f"PyTorch, {name}"] = lambda width, batch, device=device: TorchNet(width, batch, device=device)  # type: ignore[misc]
    return found


def measure_speed(width: int = TINY[0], batch: int = TINY[1]) -> Iterator[dict[str, Any]]:
    """Seconds per training step: every batch size at this width, every width at this batch size, every side.

    Yields {"along": "batch" or "width", "value", "side", "seconds"}, one measurement after the other; {} in between.
    """
    points = [("batch", value, width, value) for value in BATCHES]
    points += [("width", value, value, batch) for value in WIDTHS]
    for along, value, wide, many in points:
        nets = {side: make(wide, many) for side, make in sides().items()}
        seconds: dict[str, list[float]] = {side: [] for side in nets}
        for side, net in nets.items():
            timed(net.step, _clock(side), 1)
            yield {}
        for _ in range(ROUNDS):
            for side, net in nets.items():
                seconds[side].append(timed(net.step, _clock(side)))
                yield {}
        for side, rounds in seconds.items():
            yield {"along": along, "value": value, "side": side, "seconds": statistics.median(rounds)}


def count() -> int:
    """How many things `measure_speed` yields."""
    return (len(BATCHES) + len(WIDTHS)) * len(sides()) * (ROUNDS + 2)


def _clock(side: str) -> Callable[[], float]:
    if side in ("NumPy", "PyTorch, cpu"):
        return time.thread_time

    def synchronised() -> float:
        torch.accelerator.synchronize()
        return time.perf_counter()

    return synchronised


def timed(act: Act, clock: Callable[[], float] = time.thread_time, times: int = 0) -> float:
    """Seconds of one `act`, over as many as fill a round (or `times`)."""
    start, done, end = clock(), 0, time.perf_counter() + ROUND_SECONDS
    while done < times or (not times and (done < 3 or time.perf_counter() < end)):
        act()
        done += 1
    return (clock() - start) / done


def crossing(values: list[float], first: list[float], second: list[float]) -> float | None:
    """Where the line of `first` rises above that of `second` for good, on logarithmic axes; None if it never does."""
    gaps = [np.log(a / b) for a, b in zip(first, second, strict=True)]
    for index in range(len(values) - 1, 0, -1):
        if gaps[index] > 0 >= gaps[index - 1]:
            share = gaps[index - 1] / (gaps[index - 1] - gaps[index])
            low, high = np.log(values[index - 1]), np.log(values[index])
            return float(np.exp(low + share * (high - low)))
    return None


def aspects() -> Iterator[dict[str, Any]]:
    """The rows of the table: {"aspect", "numpy", "torch" (how it is written), "numpy_measured", "torch_measured"}."""
    width, batch = TINY
    ours, theirs = NumpyNet(width, batch), TorchNet(width, batch)
    adams = NumpyNet(width, batch, "Adam"), TorchNet(width, batch, "Adam")
    for net in (ours, theirs, *adams):
        net.step()
    yield {}

    def pair(first: Act, second: Act) -> tuple[float, float]:
        rounds = [(timed(first), timed(second)) for _ in range(ROUNDS)]
        return statistics.median(a for a, _ in rounds), statistics.median(b for _, b in rounds)

    yield _row("Forward", "y = x.dot(W.T) + b", "model(x)", *map(_micro, pair(ours.forward, theirs.forward)))

    def both(net: Net) -> Act:  # torch's backward needs a forward before it
        return lambda: (net.forward(), net.backward())

    forward, whole = pair(ours.forward, theirs.forward), pair(both(ours), both(theirs))
    yield _row(
        "Backward",
        "dW = g.T.dot(x), by hand",
        "loss.backward()",
        *(_micro(max(total - part, 0.0)) for total, part in zip(whole, forward, strict=True)),
    )
    sgd, adam = pair(ours.update, theirs.update), pair(adams[0].update, adams[1].update)
    yield _row(
        "Update",
        "theta -= lr * g",
        "optimizer.step()",
        *(f"SGD {_micro(a)}, Adam {_micro(b)}" for a, b in zip(sgd, adam, strict=True)),
    )
    for aspect, names, written in (
        (
            "Activations",
            [n for n, e in LAYERS.items() if e.role == "activation" and e.twin],
            ("f(x) and df(x, y)", "nn.Tanh()"),
        ),
        ("Losses", list(LOSSES), ("f(x, t) and df(x, t)", "nn.MSELoss()")),
    ):
        gaps = []
        for name in names:
            gaps.append(compare_layer(name, {}, 4, 3, 0, "float64")["relative"])
            yield {}
        said = f"{len(names)} compared in float64"
        yield _row(aspect, *written, said, f"{said}, at most {max(gaps):.0e} apart")
    yield _row("Device", "the processor", "model.to(device)", "cpu", ", ".join(available_devices()))
    steps = pair(ours.step, theirs.step)
    yield _row(
        "Speed",
        "one training step, 2-8-8-1, 10 samples",
        "the same",
        *(f"{_micro(seconds)}, {1 / seconds:,.0f} steps/s" for seconds in steps),
    )


def aspect_count() -> int:
    """How many things `aspects` yields."""
    return 8 + sum(entry.role == "activation" and entry.twin for entry in LAYERS.values()) + len(LOSSES)


def _row(aspect: str, ours: str, theirs: str, our_number: str, their_number: str) -> dict[str, Any]:
    return {
        "aspect": aspect,
        "numpy": ours,
        "torch": theirs,
        "numpy_measured": our_number,
        "torch_measured": their_number,
    }


def _micro(seconds: float) -> str:
    return f"{1e6 * seconds:,.0f} µs" if seconds >= 1e-5 else f"{1e6 * seconds:.1f} µs"
