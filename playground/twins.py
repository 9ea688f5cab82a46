"""From an experiment to its NumPy twin: the same layers, loss, optimizer and schedule out of `playground.scratch`.

The twin of a catalog entry is the class of `playground.scratch` with the entry's own name; there is no second list.
Layers that take or give several arrays there stand in the form of `playground.one_to_one`.
"""

import inspect
from typing import Any

import numpy as np
import torch

from playground import scratch
from playground.one_to_one import ONE_TO_ONE
from playground.shapes import LayerReport
from playground.spec import Experiment, every_layer

__all__ = ["Masks", "NoTwin", "Twin", "layer_twin", "network_twin", "require_twins", "twin_class"]


class NoTwin(ValueError):
    """A part of an experiment that `playground.scratch` does not have; the message names it."""


class Masks:
    """Dropout's random numbers from a torch generator, so that both sides drop the same values.

    Stands where a layer of `playground.scratch` takes `rng`. torch keeps a value where a Bernoulli(1 - p) draw is 1,
    NumPy where a uniform draw is at least p: the draw itself serves as the uniform number.
    """

    def __init__(self, p: float, generator: torch.Generator):
        self.p, self.generator = p, generator

    def random(self, shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
        """1 where the value is kept, 0 where it is dropped; the dtype is that of the layer's input, as in torch."""
        kept = torch.empty(shape, dtype=torch.float32 if np.dtype(dtype) == np.float32 else torch.float64)
        return kept.bernoulli_(1 - self.p, generator=self.generator).numpy()


def twin_class(name: str, what: str) -> Any:
    """The class called `name`.

    Raises:
        NoTwin: there is none.
    """
    found = getattr(scratch, name, None)
    if not inspect.isclass(found):
        raise NoTwin(f"{name} has no NumPy twin: playground.scratch has no {what} of this name. Use PyTorch for it.")
    return found


def require_twins(experiment: Experiment) -> None:
    """Whether everything that `experiment` names can be computed by both sides.

    Raises:
        NoTwin: the first part that cannot.
    """
    for layer in every_layer(experiment.layers):
        twin_class(layer.name, "layer")
    twin_class(experiment.loss.name, "loss")
    twin_class(experiment.optimizer.name, "optimizer")
    if experiment.scheduler is not None:
        twin_class(experiment.scheduler.name, "schedule")
    if experiment.training.precision != "float32":
        raise NoTwin("Mixed precision has no NumPy twin: NumPy has no bfloat16. Set the precision to float32.")
    if experiment.outline()[-1].out_shape == () and experiment.loss.entry.targets == "values":
        raise NoTwin(
            "Outputs of shape (N,) against targets of shape (N, 1) have no NumPy twin: torch pairs every output with "
            "every target, and the NumPy loss refuses. Remove Flatten with start_dim=0."
        )


def layer_twin(report: LayerReport, dtype: Any, generator: torch.Generator | None = None) -> Any:
    """One layer of `playground.scratch` under torch's keywords, a block with what it holds; dropout draws from
    `generator`.

    Raises:
        NoTwin: there is no such layer.
    """
    inside = [layer_twin(inner, dtype, generator) for inner in report.layers]
    found, own = twin_class(report.name, "layer"), {}
    arguments = dict(report.arguments)
    if "dtype" in inspect.signature(found).parameters:
        own["dtype"] = np.dtype(dtype)
    if issubclass(found, scratch.Dropout) and generator is not None:
        own["rng"] = Masks(arguments["p"], generator)
    return ONE_TO_ONE.get(found, found)(*inside, **arguments, **own)


def network_twin(experiment: Experiment, dtype: Any, generator: torch.Generator | None = None) -> scratch.Sequential:
    """The network of `experiment` in NumPy; its weights are still to be loaded.

    Raises:
        NoTwin: a layer has none.
        ShapeError: a layer cannot take what the layer before it gives.
    """
    reports = experiment.outline()
    return scratch.Sequential(*(layer_twin(report, dtype, generator) for report in reports))


class Twin:
    """A NumPy network that learns what an experiment says: loss, penalties, clipping, optimizer and schedule.

    Attributes:
        model: the network; its weights are those of whoever made it.
        loss, optimizer, scheduler: of `playground.scratch`; scheduler is None where the rate stays as it is.
    """

    def __init__(self, experiment: Experiment, model: scratch.Layer):
        require_twins(experiment)
        self.model, self.parameters = model, model.parameters()
        self.loss = twin_class(experiment.loss.name, "loss")(**experiment.loss.args)
        if isinstance(model, scratch.Sequential):
            model.layers[0].needs_input_grad = False  # nobody asks for the gradient of the data
        self.configure(experiment)
        self.build_optimizer()
        self.build_scheduler()

    def configure(self, experiment: Experiment) -> None:
        """Take over the settings of the loop; `build_optimizer` takes over the rest."""
        training = experiment.training
        self.experiment, self.clip_norm = experiment, training.clip_norm
        self.l1, self.l2 = training.l1, training.l2
        self.weights = [p for p in self.parameters if p.data.ndim > 1] if training.l1 or training.l2 else []

    def build_optimizer(self) -> None:
        """An optimizer with an empty state."""
        part = self.experiment.optimizer
        self.optimizer = twin_class(part.name, "optimizer")(self.parameters, **part.args)

    def build_scheduler(self) -> None:
        """A schedule at its beginning, over the present optimizer."""
        part = self.experiment.scheduler
        self.scheduler = None if part is None else twin_class(part.name, "schedule")(self.optimizer, **part.args)

    def forward(self, x: np.ndarray, targets: np.ndarray) -> float:
        """The loss on a batch, without the penalties."""
        return self.loss.forward(self.model.forward(x), targets)

    def backward(self) -> None:
        """Gradients of the loss of the last `forward` and of the penalties, clipped; earlier ones are forgotten."""
        for parameter in self.parameters:
            parameter.grad = None
        self.model.backward(self.loss.backward())
        for weight in self.weights:  # of l1 * sum |w| + l2 / 2 * sum w^2
            weight.accumulate(self.l1 * np.sign(weight.data) + self.l2 * weight.data)
        if self.clip_norm:
            scratch.clip_grad_norm_(self.parameters, self.clip_norm)
