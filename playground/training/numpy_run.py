"""The run whose steps NumPy computes: the layers, loss and optimizer of `playground.scratch` in place of torch's.

The weights are in memory once, and both sides see them: the arrays of the NumPy network, which its optimizer changes in
place, and the tensors of `model`, which picture, diagnostics and records read. So everything that can be asked of a
`Run` can be asked of this one, and the difference is only who computes the step.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from playground import scratch
from playground.spec import Experiment
from playground.training import metrics
from playground.training.batches import ArrayBatches
from playground.training.run import Run
from playground.training.timeline import Moment
from playground.twins import Twin, network_twin


class NumpyRun(Run):
    """A `Run` with the same initial weights, batches and dropout masks, hence the same curve but for float32 rounding.

    Attributes:
        twin: the NumPy network with loss, optimizer and schedule.
    """

    batches_class = ArrayBatches

    def __init__(self, experiment: Experiment, device: str | torch.device | None = None):
        """Load the data and build the network; the device is the CPU, whatever is asked for.

        Raises:
            NoTwin: a part of the experiment is not in `playground.scratch`.
            ValueError: the network cannot be trained on this data.
        """
        self._network: scratch.Sequential | None = None
        super().__init__(experiment, "cpu")

    # -- building -------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Back to step 0 with the same initial weights, the same batches to come and an empty history."""
        self._network = None
        super().reset()

    def _build_optimizer(self) -> None:
        """Also the network, where `model` is new."""
        if self._network is None:
            self._network = network_twin(self.experiment, np.float32, self._generator)
            self._share_memory(self._network)
            self.twin = Twin(self.experiment, self._network)
        self.twin.configure(self.experiment)
        self.twin.build_optimizer()
        self.fused, self.optimizer = False, self.twin.optimizer
        self._build_scheduler()

    def _share_memory(self, network: scratch.Sequential) -> None:
        """The torch network's numbers into the NumPy network, and from now on these arrays as the torch network's."""
        network.load_state_dict(self.model.state_dict())
        for name, parameter in self.model.named_parameters():
            parameter.data = torch.from_numpy(network.params[name].data)
        for name, buffer in self.model.named_buffers():
            if name in network.buffers:  # constants such as sines are no state
                buffer.set_(torch.from_numpy(network.buffers[name]))

    def _build_scheduler(self) -> None:
        self._scheduler_calls = 0
        self.twin.configure(self.experiment)
        self.twin.build_scheduler()
        self.scheduler = self.twin.scheduler

    def update(self, experiment: Experiment) -> str | None:
        """As `Run.update`."""
        refusal = super().update(experiment)
        self.twin.configure(self.experiment)
        return refusal

    # -- what can be read -----------------------------------------------------------------------------------------

    @property
    def where(self) -> str:
        return "cpu, NumPy"

    def evaluate(self) -> dict[str, dict[str, float | None]]:
        """As `Run.evaluate`; torch's network need not change its mode for it."""
        return self._evaluate()

    def _score(self, x: Tensor, targets: Tensor, labels: Tensor) -> dict[str, float | None]:
        if not len(x):
            return {"loss": None, "accuracy": None, "r2": None}
        network, entry, classes = self.twin.model, self.experiment.loss.entry, self.experiment.data.classes
        network.eval()
        rows = self._rows_at_once(copies=8)  # windows of a convolution are copied out
        parts = [x] if rows >= len(x) else x.split(rows)
        outputs = [network.forward(part.numpy()) for part in parts]
        output = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        network.train()
        self.outputs = given = torch.from_numpy(output)
        return {
            "loss": float(self.twin.loss.forward(output, targets.numpy())),
            "accuracy": metrics.accuracy(entry, output, labels.numpy()) if classes else None,
            "r2": None if classes else metrics.r2(given, labels),
        }

    # -- moving on ------------------------------------------------------------------------------------------------

    def advance(self, steps: int | None = None, seconds: float | None = None) -> int:
        """As `Run.advance`."""
        with np.errstate(all="ignore"):  # a run that diverges says so itself
            done = super().advance(steps, seconds)
        if done:
            for parameter, gradient in zip(self._parameters, self._gradients() or [], strict=False):
                parameter.grad = gradient
        return done

    def _gradients(self) -> list[Tensor | None] | None:
        found = [self.twin.model.params[name].grad for name, _ in self.model.named_parameters()]
        if not self.step or all(gradient is None for gradient in found):
            return None
        return [None if one is None else torch.from_numpy(np.array(one, np.float32)) for one in found]

    def _see(self, moment: Moment) -> None:
        super()._see(moment)
        for name, parameter in self.model.named_parameters():
            gradient = parameter.grad
            self.twin.model.params[name].grad = None if gradient is None else gradient.numpy().copy()

    def _optimize(self, x: Any, targets: Any) -> float:
        """Forward, loss, backward, step; the weights stay as they are if the loss is not usable."""
        twin = self.twin
        try:
            value = twin.forward(x, targets)
        except ValueError:  # a loss that refuses what is not finite, such as BCELoss
            if all(np.isfinite(parameter.data).all() for parameter in twin.parameters):
                raise
            return math.nan
        if self._usable(value):
            twin.backward()
            twin.optimizer.step()
        return value

    # -- keeping --------------------------------------------------------------------------------------------------

    def _course(self) -> dict[str, Any]:
        course = super()._course()
        return course | {"optimizer": _as_tensors(course["optimizer"])}


def _as_tensors(value: Any) -> Any:
    """Nested state with tensors for arrays, as records keep it."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value)).reshape(value.shape)
    if isinstance(value, dict):
        return {key: _as_tensors(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_as_tensors(one) for one in value)
    return value.item() if isinstance(value, np.generic) else value
