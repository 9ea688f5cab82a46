"""`Run.advance` beside the loop of the lesson, on the lesson's spiral pipeline: same batches, same losses.

Both train 2-64-32-1 (ReLU, then sigmoid and BCELoss) on 400 points of two arms with Adam 0.01 in batches of 32, on
one thread. The lesson's loop is the canonical one over a DataLoader, with `torch.optim.Adam` as it comes and the
loss summed by `item()`; a third contender is that loop with `fused=True`, which is what `Run` asks of Adam. They
take turns, a few epochs each; the ratio is that of the medians.
"""

# ruff: noqa: E402  (the number of threads must be set before the imports that read it)
import os

for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_pool] = "1"

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from playground.spec import Experiment
from playground.training import Run

QUERY = (
    "data=arms.400&split=1.0&net=Linear.64~ReLU~Linear.32~ReLU~Linear.1~Sigmoid"
    "&loss=BCELoss&opt=Adam.0.01&batch=32&epochs=100000"
)
GOAL = 1.6
EPOCHS = 5
"""Epochs that a contender trains in one round."""
LESSON_EPOCHS = 50


class Lesson:
    """The canonical loop over a DataLoader, on the data and with the seed of an experiment."""

    def __init__(self, experiment: Experiment, **optimizer: Any):
        data = Run(experiment, "cpu")
        torch.manual_seed(experiment.seed)
        self.model = nn.Sequential(*(getattr(nn, layer.name)(**layer.arguments) for layer in experiment.outline()))
        self.loader = DataLoader(
            TensorDataset(data.x_train, data.t_train),
            batch_size=experiment.training.batch_size,
            shuffle=True,
            generator=torch.Generator().manual_seed(experiment.seed),
        )
        self.criterion = nn.BCELoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=experiment.optimizer["lr"], **optimizer)
        self.losses: list[float] = []

    def train(self, epochs: int) -> None:
        self.model.train()
        for _ in range(epochs):
            epoch_loss = 0.0
            for x, y in self.loader:
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(x), y)
                loss.backward()
                self.optimizer.step()
                value = loss.item()
                epoch_loss += value
                self.losses.append(value)


def measure(rounds: int) -> dict[str, Any]:
    """Steps per second of wall and of processor time of the three, and how far their losses agree."""
    torch.set_num_threads(1)
    experiment = Experiment.from_query(QUERY)
    run, plain, fused = Run(experiment, "cpu"), Lesson(experiment), Lesson(experiment, fused=True)
    steps = EPOCHS * run.steps_per_epoch
    contenders: dict[str, Callable[[], object]] = {
        "lesson": lambda: plain.train(EPOCHS),
        "lesson, fused": lambda: fused.train(EPOCHS),
        "run": lambda: run.advance(steps=steps),
    }
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds + 1):
        for name in names if turn % 2 else names[::-1]:
            before, start = time.process_time(), time.perf_counter()
            contenders[name]()
            took, used = time.perf_counter() - start, time.process_time() - before
            if turn:  # the first one is dearer
                wall[name].append(steps / took)
                cpu[name].append(steps / used)
    ours, theirs = statistics.median(wall["run"]), statistics.median(wall["lesson"])
    return {
        "wall": {name: statistics.median(values) for name, values in wall.items()},
        "cpu": {name: statistics.median(values) for name, values in cpu.items()},
        "ratio": ours / theirs,
        "cpu_ratio": statistics.median(cpu["run"]) / statistics.median(cpu["lesson"]),
        "round_ratios": [a / b for a, b in zip(wall["run"], wall["lesson"], strict=True)],
        "fused": run.fused,
        "goal": GOAL,
        **agreement(run.history["loss"], np.array(plain.losses), np.array(fused.losses), run.steps_per_epoch),
    }


def agreement(run: np.ndarray, plain: np.ndarray, fused: np.ndarray, per_epoch: int) -> dict[str, Any]:
    """How far the losses of the run are those of the two loops.

    Rounding lets default and fused Adam drift apart after some epochs, so those two are compared over the first
    epoch, and by the mean loss of the lesson's last.
    """
    first, last = slice(0, per_epoch), slice((LESSON_EPOCHS - 1) * per_epoch, LESSON_EPOCHS * per_epoch)
    ends = [float(losses[last].mean()) if len(losses) >= LESSON_EPOCHS * per_epoch else None for losses in (run, plain)]
    return {
        "steps": len(run),
        "equal_to_fused": bool(np.array_equal(run.astype(np.float64), fused[: len(run)])),
        "first_epoch_difference": float(np.max(np.abs(run[first] - plain[first]) / plain[first])),
        "epoch_50_loss": dict(zip(("run", "lesson"), ends, strict=True)),
    }


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison; returns 0 if the goal is met and the losses agree, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks lesson", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="interleaved rounds (default 20)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    found = measure(options.rounds)
    if options.json:
        print(json.dumps(found))
    else:
        for name, rate in found["wall"].items():
            print(f"{name:<14}{rate:>8,.0f} steps/s{found['cpu'][name]:>9,.0f} per second of processor time")
        print(f"ratio {found['ratio']:.2f} (processor time: {found['cpu_ratio']:.2f}), goal {GOAL}")
        print(f"losses equal to the fused loop's: {found['equal_to_fused']} ({found['steps']:,} steps compared)")
        print(f"to the default loop's: within {found['first_epoch_difference']:.1e} over the first epoch")
    return 0 if found["ratio"] >= GOAL and found["equal_to_fused"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
