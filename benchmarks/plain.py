"""The plain loop: what everybody writes over a DataLoader, in a process of its own that is asked as the bare loop is.

The network is built by torch's own constructors, the optimizer is as it comes, and the loss is read with `item()`.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any


def serve(commands: IO[str], answers: IO[str]) -> None:
    """Carry out one command a line, {"query", "seconds"}, until there are no more."""
    os.nice(10)
    import torch

    torch.set_num_threads(1)
    loops: dict[str, Iterator[None]] = {}
    for line in commands:
        command = json.loads(line)
        query = command["query"]
        if query not in loops:
            loops[query] = plain_loop(query)
            for _ in range(20):
                next(loops[query])
        steps, cpu, start = 0, time.process_time(), time.perf_counter()
        while time.perf_counter() - start < command["seconds"]:
            next(loops[query])
            steps += 1
        pace = {"steps": steps, "wall": time.perf_counter() - start, "cpu": time.process_time() - cpu}
        print(json.dumps(pace), file=answers, flush=True)


def plain_loop(query: str) -> Iterator[None]:
    """Trains the experiment of a link for ever; yields after every step."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from playground.catalog import LAYERS
    from playground.models import resolve
    from playground.spec import Experiment
    from playground.training import Run

    experiment = Experiment.from_query(query)
    data = Run(experiment, "cpu")
    make: Callable[..., Any] = resolve(experiment.optimizer.entry.target)
    model = nn.Sequential(*(resolve(LAYERS[report.name].target)(**report.arguments) for report in experiment.outline()))
    loader = DataLoader(
        TensorDataset(data.x_train, data.t_train),
        batch_size=experiment.training.batch_size,
        shuffle=experiment.training.shuffle,
        generator=torch.Generator().manual_seed(experiment.seed),
    )
    criterion = resolve(experiment.loss.entry.target)(**experiment.loss.args)
    optimizer = make(model.parameters(), **experiment.optimizer.args)
    model.train()
    while True:
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            loss.item()
            yield


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
