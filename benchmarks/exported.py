"""Exported scripts, each alone in a fresh process, against the run: the same losses, bit for bit.

It takes the starters of all data sets that need no file; the tests (tests/export) vary every layer, loss, optimizer and
schedule, one option at a time.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Row, table

if TYPE_CHECKING:
    from playground.spec import Experiment

EPOCHS = 3
RUNNER = """
import json, runpy, sys
made = runpy.run_path(sys.argv[1], run_name="__main__")
print(json.dumps(made["losses"]))
"""


def experiments() -> Iterator[tuple[str, "Experiment"]]:
    """Every data set that can be made here, with the network and the optimizer it starts with."""
    from playground.catalog import DATASETS
    from playground.spec import Experiment

    for name, entry in DATASETS.items():
        if not entry.file:
            starter = Experiment.starter(name)
            yield name, starter.but(training=starter.training.but(epochs=EPOCHS))


def losses_of_script(experiment: "Experiment") -> list[float]:
    """What the exported script computes in a process of its own, without an accelerator."""
    from playground.export import to_script

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "train.py")
        script.write_text(to_script(experiment), encoding="utf-8")
        command = [sys.executable, "-W", "ignore", "-c", RUNNER, str(script)]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def losses_of_run(experiment: "Experiment") -> list[float]:
    """What the page shows of the same experiment."""
    from playground.training import started

    run = started(experiment, "cpu")
    while run.status == "ready":
        run.advance(steps=1_000)
    return run.history["loss"].tolist()


def exported(number: int = 0) -> Row:
    """The row 'export + run of a script against Run'."""
    import torch

    torch.set_num_threads(1)
    start, same, steps = time.monotonic(), 0, 0
    found = dict(experiments())
    different = []
    for name, experiment in found.items():
        losses = losses_of_run(experiment)
        steps += len(losses)
        if losses_of_script(experiment) == losses:
            same += 1
        else:
            different.append(name)
    return Row(
        number,
        "export + run of a script against Run",
        f"bit for bit in {same} of {len(found)} data sets, {steps:,} losses",
        "bit for bit",
        met=same == len(found),
        values={"same": same, "all": len(found), "steps": steps, "different": different},
        note=f"each script in a fresh process; {time.monotonic() - start:.0f} s",
    )


def main() -> int:
    """Print the row; 1 where it is missed."""
    row = exported()
    print(table([row]))
    return 0 if row.met else 1
