"""Runs: the same numbers as the plain script, one slice at a time."""

import torch

from playground.checkpoints import CHECKPOINT, WEIGHTS, origin
from playground.spec import Experiment
from playground.training import checkpoint
from playground.training.history import History
from playground.training.numpy_run import NumpyRun
from playground.training.run import Run

__all__ = ["ENGINES", "History", "NumpyRun", "Run", "restored", "started"]

ENGINES: dict[str, type[Run]] = {"torch": Run, "numpy": NumpyRun}
"""What `experiment.training.engine` names."""


def started(experiment: Experiment, device: str | torch.device | None = None) -> Run:
    """A new run on the engine that the experiment names.

    Raises:
        ValueError: the experiment cannot be trained.
    """
    return ENGINES[experiment.training.engine](experiment, device)


def restored(state: bytes, device: str | torch.device | None = None) -> Run:
    """The run whose `state()` this is, on its engine; or that of a file that `playground.checkpoints` has looked at.

    Raises:
        ValueError: the bytes are not the state of a run.
    """
    kind, experiment = origin(state)
    made = ENGINES[experiment.training.engine]
    if kind == CHECKPOINT:
        return checkpoint.opened(made, state, device)
    if kind == WEIGHTS:
        return checkpoint.begun(made, experiment, state, device)
    return made.restore(state, device)
