"""The network of an experiment as a tape: one batch through it, its loss, and what backward did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playground.autograd.tape import Tape, trace_module
from playground.spec import Experiment

if TYPE_CHECKING:
    import torch

MOST = 4096
"""Numbers of a value that a tape of a network keeps; of larger ones only the shape."""


@dataclass(frozen=True)
class Batch:
    """A network with one batch of its own data.

    Attributes:
        loss: a function of the module's output.
        step: training steps that its weights have behind them.
    """

    module: torch.nn.Module
    inputs: torch.Tensor
    loss: Callable[[Any], torch.Tensor]
    step: int

    def tape(self) -> Tape:
        return trace_module(self.module, self.inputs, self.loss, MOST)


def batch_of(experiment: Experiment, samples: int, state: bytes | None = None) -> Batch:
    """The first training samples and the network, with the weights of a run's `state`, or as they are at step 0.

    Raises:
        ValueError: the experiment does not fit together, or the state is none.
    """
    import math

    import torch

    from playground.data import load
    from playground.models import build, resolve
    from playground.training import metrics, record

    reports = experiment.outline()
    module = build(experiment, torch.Generator().manual_seed(experiment.seed))
    step = 0
    if state is not None:
        course = record.parse(state)["course"]
        try:
            module.load_state_dict(course["model"])
        except RuntimeError:
            raise ValueError("the run on the Train page has other layers by now; open this page again.") from None
        step = course["step"]
    data = load(experiment.data)
    x, y = torch.tensor(data.x_train[:samples]), torch.tensor(data.y_train[:samples])
    outputs = math.prod(reports[-1].out_shape)
    targets = metrics.targets_for(experiment.loss.entry, y, experiment.data.classes, outputs)
    criterion = resolve(experiment.loss.entry.target)(**experiment.loss.args)
    return Batch(module, x, lambda output: criterion(output, targets), step)
