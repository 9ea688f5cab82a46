"""How fast the NumPy library is beside torch: `python -m benchmarks scratch`.

Every case runs once in NumPy and once in torch eager, on one thread, in float32, with the same sizes. The two take
turns in short rounds, so that whatever else the machine does meets both; the ratio is that of the medians. Time is the
processor time of this thread, in which both do all their work: on an idle core the same as time on the wall, on a busy
machine without the waiting.
"""

# ruff: noqa: E402  (the number of threads must be set before the imports that read it)
from __future__ import annotations

import os

for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_pool] = "1"

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from playground import scratch

F32 = np.float32
Step = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One row of the table: two functions that do the same work, and the most NumPy's time may be of torch's."""

    name: str
    goal: float
    build: Callable[[], tuple[Step, Step]]


def conv(channels: int, filters: int, size: int) -> tuple[Step, Step]:
    """Forward and backward of a 3x3 convolution with padding 1, batch 32; gradients of input, weight and bias."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((32, channels, size, size), F32)
    g = rng.standard_normal((32, filters, size, size), F32)
    ours = scratch.Conv2d(channels, filters, 3, padding=1, rng=rng, dtype=F32)
    theirs = nn.Conv2d(channels, filters, 3, padding=1)
    return _forward_backward(ours, x, g), _torch_forward_backward(theirs, x, g)


def lstm() -> tuple[Step, Step]:
    """Forward and backward of an LSTM over 20 steps, 16 -> 32, batch 32."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 32, 16), F32)
    g = rng.standard_normal((20, 32, 32), F32)
    ours, theirs = scratch.LSTM(16, 32, rng=rng, dtype=F32), nn.LSTM(16, 32)
    x_torch, g_torch = torch.from_numpy(x).requires_grad_(), torch.from_numpy(g)

    def numpy_step() -> None:
        ours.zero_grad()
        ours.forward(x)
        ours.backward((g, None))

    def torch_step() -> None:
        theirs.zero_grad()
        x_torch.grad = None
        theirs(x_torch)[0].backward(g_torch)

    return numpy_step, torch_step


def dense() -> tuple[Step, Step]:
    """A training step of 784-128-10 with ReLU, cross-entropy and SGD, batch 64."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((64, 784), F32), rng.integers(0, 10, 64)
    ours = scratch.Sequential(
        scratch.Linear(784, 128, rng=rng, dtype=F32), scratch.ReLU(), scratch.Linear(128, 10, rng=rng, dtype=F32)
    )
    theirs = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return (
        _training_step(ours, scratch.CrossEntropyLoss(), scratch.SGD(ours.parameters(), lr=0.01), x, y),
        _torch_training_step(
            theirs, nn.CrossEntropyLoss(), torch.optim.SGD(theirs.parameters(), lr=0.01), x, torch.from_numpy(y)
        ),
    )


def tiny(optimizer: str) -> tuple[Step, Step]:
    """A training step of 2-8-8-1 with tanh, squared error, batch 10."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((10, 2), F32), rng.standard_normal((10, 1), F32)
    ours = scratch.Sequential(
        scratch.Linear(2, 8, rng=rng, dtype=F32),
        scratch.Tanh(),
        scratch.Linear(8, 8, rng=rng, dtype=F32),
        scratch.Tanh(),
        scratch.Linear(8, 1, rng=rng, dtype=F32),
        scratch.Tanh(),
    )
    theirs = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1), nn.Tanh())
    our_optimizer = getattr(scratch, optimizer)(ours.parameters(), lr=0.01)
    their_optimizer = getattr(torch.optim, optimizer)(theirs.parameters(), lr=0.01)
    return (
        _training_step(ours, scratch.MSELoss(), our_optimizer, x, y),
        _torch_training_step(theirs, nn.MSELoss(), their_optimizer, x, torch.from_numpy(y)),
    )


CASES = (
    Case("Conv2d 1->32, 3x3 pad 1, batch 32, 28x28", 0.5, lambda: conv(1, 32, 28)),
    Case("Conv2d 32->64, 3x3 pad 1, batch 32, 14x14", 2.0, lambda: conv(32, 64, 14)),
    Case("784-128-10 training step, SGD, batch 64", 0.8, dense),
    Case("LSTM 20 steps, 16->32, batch 32", 1.5, lstm),
    Case("2-8-8-1 tanh training step, SGD, batch 10", 0.15, lambda: tiny("SGD")),
    Case("2-8-8-1 tanh training step, Adam, batch 10", 0.15, lambda: tiny("Adam")),
)


def _forward_backward(layer: scratch.Layer, x: np.ndarray, g: np.ndarray) -> Step:
    def step() -> None:
        layer.zero_grad()
        layer.forward(x)
        layer.backward(g)

    return step


def _torch_forward_backward(layer: nn.Module, x: np.ndarray, g: np.ndarray) -> Step:
    x_torch, g_torch = torch.from_numpy(x).requires_grad_(), torch.from_numpy(g)

    def step() -> None:
        layer.zero_grad()
        x_torch.grad = None
        layer(x_torch).backward(g_torch)

    return step


def _training_step(
    model: scratch.Sequential, loss: scratch.Loss, optimizer: scratch.Optimizer, x: np.ndarray, y: np.ndarray
) -> Step:
    model[0].needs_input_grad = False  # as in torch, where x does not require grad

    def step() -> None:
        optimizer.zero_grad()
        loss.forward(model.forward(x), y)
        model.backward(loss.backward())
        optimizer.step()

    return step


def _torch_training_step(
    model: nn.Module, loss: nn.Module, optimizer: torch.optim.Optimizer, x: np.ndarray, y: torch.Tensor
) -> Step:
    x_torch = torch.from_numpy(x)

    def step() -> None:
        optimizer.zero_grad()
        loss(model(x_torch), y).backward()
        optimizer.step()

    return step


def measure(case: Case, rounds: int, seconds: float) -> tuple[float, float]:
    """Median seconds per call of NumPy and of torch, over interleaved rounds of about `seconds` each."""
    steps = case.build()
    repeats = []
    for step in steps:
        for _ in range(3):
            step()
        start = time.thread_time()
        step()
        repeats.append(max(1, round(seconds / (time.thread_time() - start))))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for step, repeat, kept in zip(steps, repeats, times, strict=True):
            start = time.thread_time()
            for _ in range(repeat):
                step()
            kept.append((time.thread_time() - start) / repeat)
    return statistics.median(times[0]), statistics.median(times[1])


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns 0 if every goal is met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scratch", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds per case (default 15)")
    parser.add_argument("--seconds", type=float, default=0.05, help="length of a round for each side (default 0.05)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"NumPy {np.__version__} beside torch {torch.__version__}, float32, one thread, medians of processor time")
    title = "one forward + backward (or training step)"
    print(f"{title:<46}{'NumPy':>11}{'torch':>11}{'ratio':>8}{'goal':>7}  verdict")
    missed = 0
    for case in CASES:
        ours, theirs = measure(case, options.rounds, options.seconds)
        ratio = ours / theirs
        missed += ratio > case.goal
        verdict = "met" if ratio <= case.goal else "MISSED"
        print(
            f"{case.name:<46}{ours * 1e6:>8.0f} us{theirs * 1e6:>8.0f} us{ratio:>7.2f}x{case.goal:>6}x  {verdict}",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
