"""Runs: the same numbers as the plain script, one slice at a time."""

import torch

from playground.spec import Experiment
from playground.training import record
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
    """The run whose `state()` this is, on its engine.

    Raises:
        ValueError: the bytes are not the state of a run.
    """
    try:
        engine = Experiment.model_validate_json(record.parse(state)["experiment"]).training.engine
    except (KeyError, TypeError) as error:
        raise ValueError(f"the state does not name its experiment: {error}") from None
    return ENGINES[engine].restore(state, device)
