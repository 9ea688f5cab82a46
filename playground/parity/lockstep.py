"""Both sides of one experiment, trained in lockstep: the same weights, the same batches, compared after every step."""

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from playground.data import load
from playground.fit import findings
from playground.models import build, drawing_from, resolve
from playground.parity.networks import NETWORKS
from playground.spec import Experiment
from playground.training import metrics
from playground.training.batches import Batches
from playground.twins import Twin, network_twin, require_twins

DTYPES = {"float32": torch.float32, "float64": torch.float64}
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
"""Largest relative difference at which both sides count as equal: some thousand roundings of the dtype."""
FLOAT32_STATE = 1e-7
"""The same where torch keeps a number of the optimizer's state in float32 although everything else is float64."""


@dataclass(frozen=True)
class Difference:
    """How far NumPy's arrays are from torch's.

    Attributes:
        absolute: the largest |numpy - torch| of all numbers.
        relative: this over the largest |torch| of all numbers, since a gradient that is 0 but for rounding (a bias
            before a BatchNorm) has no digits of its own to agree in; 0 where nothing differs.
        where: the number that differs most, such as `0.weight[2, 5]`; empty where none differs.
    """

    absolute: float = 0.0
    relative: float = 0.0
    where: str = ""


@dataclass(frozen=True)
class Step:
    """What one step of both sides gave.

    Losses are those before the step, without penalties; times are processor seconds.
    """

    step: int
    epoch: float
    numpy_loss: float
    torch_loss: float
    outputs: Difference
    gradients: Difference
    parameters: Difference
    numpy_seconds: float
    torch_seconds: float


def compare(experiment: Experiment, steps: int | None = None, dtype: str = "float64") -> Iterator[Step]:
    """Train `experiment` on both sides from the same weights and batches; one record per step.

    It ends after `steps` steps, after all epochs, or when a loss is no longer finite.

    Raises:
        NoTwin: a part of the experiment is not in `playground.scratch`; the message names it.
        ValueError: the experiment cannot be trained, or there is no such dtype.
    """
    both = Lockstep.of(experiment, dtype)
    while (steps is None or both.step < steps) and both.running:
        yield both.advance()


def difference(names: Iterable[str], ours: Iterable[np.ndarray], theirs: Iterable[np.ndarray]) -> Difference:
    """How far the arrays of one side are from those of the other; nan beside nan, inf beside inf are equal."""
    absolute, size, where = 0.0, 0.0, ""
    for name, mine, other in zip(names, ours, theirs, strict=True):
        mine, other = np.asarray(mine, np.float64), np.asarray(other, np.float64)
        if mine.shape != other.shape:
            raise ValueError(f"{name} has shape {mine.shape} in NumPy and {other.shape} in torch.")
        if not mine.size:
            continue
        size = max(size, float(np.nan_to_num(np.abs(other), nan=0.0, posinf=0.0).max()))
        with np.errstate(invalid="ignore"):
            gap = np.abs(mine - other)
        if not math.isfinite(gap.max()):
            equal = (mine == other) | (np.isnan(mine) & np.isnan(other))
            gap = np.where(equal, 0.0, np.nan_to_num(gap, nan=math.inf))
        place = int(gap.argmax())
        largest = float(gap.reshape(-1)[place])
        if largest > absolute:
            absolute = largest
            index = ", ".join(str(i) for i in np.unravel_index(place, gap.shape))
            where = f"{name}[{index}]" if gap.ndim else name
    if not absolute:
        return Difference()
    return Difference(absolute, absolute / size if size else math.inf, where)


class Lockstep:
    """A torch network and its NumPy twin that learn from the same batches.

    Attributes:
        experiment: what both learn.
        dtype: 'float32' or 'float64', of everything on both sides.
        data: the data set.
        step: steps done.
        running: whether there are epochs left and the last losses were finite.
    """

    def __init__(
        self, experiment: Experiment, dtype: str, model: nn.Sequential, twin: Twin, input_shape: tuple[int, ...]
    ):
        self.experiment, self.dtype, self.model, self.twin = experiment, dtype, model, twin
        self.data = load(experiment.data)
        self.loss = resolve(experiment.loss.entry.target)(**experiment.loss.args)
        part, schedule = experiment.optimizer, experiment.scheduler
        fused = {"fused": True} if part.entry.fused else {}
        self.optimizer = resolve(part.entry.target)(model.parameters(), **part.args, **fused)
        self.scheduler = None if schedule is None else resolve(schedule.entry.target)(self.optimizer, **schedule.args)
        self._scheduler_calls = 0
        self._shape = input_shape
        self.x_train, self.t_train = self._tensors(self.data.x_train, self.data.y_train)
        self.x_val, self.t_val = self._tensors(self.data.x_val, self.data.y_val)
        training = experiment.training
        self.batches = Batches(
            self.x_train, self.t_train, training.batch_size, training.shuffle, experiment.seed, training.drop_last
        )
        self._named = dict(model.named_parameters())
        self.step, self.running = 0, True

    @classmethod
    def of(cls, experiment: Experiment, dtype: str = "float64", network: str = "") -> Self:
        """Both sides of `experiment`; `network` (a name in NETWORKS) takes the place of its layers.

        Raises:
            NoTwin: a part of the experiment is not in `playground.scratch`; the message names it.
            ValueError: the experiment cannot be trained, or there is no such dtype.
        """
        if dtype not in DTYPES:
            raise ValueError(f"dtype is {dtype!r}; choose one of {', '.join(DTYPES)}.")
        for finding in findings(experiment):
            if finding.fatal:
                raise ValueError(finding.message)
        require_twins(experiment)
        generator = torch.Generator().manual_seed(experiment.seed)
        if network:
            with drawing_from(generator):
                model, numpy_model, shape = NETWORKS[network](dtype)
        else:
            model, shape = build(experiment, generator), experiment.data.input_shape
            masks = torch.Generator()
            masks.set_state(generator.get_state())  # where dropout goes on drawing
            numpy_model = network_twin(experiment, dtype, masks)
        model.to(DTYPES[dtype])
        numpy_model.load_state_dict(model.state_dict())
        return cls(experiment, dtype, model, Twin(experiment, numpy_model), shape)

    def _tensors(self, x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
        outputs = 1 if not self.experiment.data.classes else math.prod(self.experiment.outline()[-1].out_shape)
        kept = torch.int64 if x.dtype == np.int64 else DTYPES[self.dtype]  # tokens stay whole numbers
        inputs = torch.tensor(x, dtype=kept).reshape(len(x), *self._shape)
        labels = torch.tensor(y)
        targets = metrics.targets_for(self.experiment.loss.entry, labels, self.experiment.data.classes, outputs)
        return inputs, targets.to(DTYPES[self.dtype]) if targets.is_floating_point() else targets

    # -- moving on ------------------------------------------------------------------------------------------------

    def advance(self) -> Step:
        """One step on both sides, on the same batch, and how far they are apart after it."""
        x, targets = self.batches.next()
        mine, target = x.numpy(), targets.numpy()
        epoch = self.batches.epoch

        start = time.thread_time()  # of this thread alone: what else the machine does does not count
        our_loss = self._numpy_step(mine, target)
        between = time.thread_time()
        their_loss, outputs = self._torch_step(x, targets)
        end = time.thread_time()

        self.step += 1
        record = Step(
            self.step,
            epoch,
            our_loss,
            their_loss,
            difference(["output"], [self._outputs], [outputs.detach().numpy()]),
            self.gradients(),
            self.parameters(),
            between - start,
            end - between,
        )
        self._after(len(x))
        self.running = self.running and math.isfinite(our_loss) and math.isfinite(their_loss)
        return record

    def _numpy_step(self, x: np.ndarray, targets: np.ndarray) -> float:
        twin = self.twin
        self._outputs = twin.model.forward(x)
        loss = twin.loss.forward(self._outputs, targets)
        twin.backward()
        twin.optimizer.step()
        return loss

    def _torch_step(self, x: Tensor, targets: Tensor) -> tuple[float, Tensor]:
        training = self.experiment.training
        for parameter in self._named.values():
            parameter.grad = None
        outputs = self.model(x)
        loss = self.loss(outputs, targets)
        value, total = loss.item(), loss
        if training.l1 or training.l2:
            weights = [p for p in self._named.values() if p.dim() > 1]
            total = loss + training.l1 * sum(w.abs().sum() for w in weights)
            total = total + training.l2 / 2 * sum(w.square().sum() for w in weights)
        total.backward()
        if training.clip_norm:
            nn.utils.clip_grad_norm_(self._named.values(), training.clip_norm)
        self.optimizer.step()
        return value, outputs

    def _after(self, count: int) -> None:
        """What is due after a step and after an epoch: the schedule, and the end."""
        scheduler, ended = self.experiment.scheduler, self.batches.done(count)
        if scheduler is not None and (scheduler.entry.every == "step" or ended):
            last = scheduler.args.get(scheduler.entry.last_step)
            if last is None or self._scheduler_calls < last - 1:  # the constructor made the first call
                self._scheduler_calls += 1
                ours, theirs = self.evaluate() if scheduler.entry.metric else ((), ())
                assert self.twin.scheduler is not None, "both sides have the schedule"
                assert self.scheduler is not None, "both sides have the schedule"
                self.twin.scheduler.step(*ours[:1])
                self.scheduler.step(*theirs[:1])
        self.running = not (ended and self.batches.epochs_done >= self.experiment.training.epochs)

    def tolerance(self) -> tuple[float, str]:
        """Up to which relative difference both sides count as equal, and why it is not that of the dtype, if so."""
        return tolerance_of(self.optimizer, self.dtype)

    # -- comparing ------------------------------------------------------------------------------------------------

    def gradients(self) -> Difference:
        """Of all gradients of the last step, clipped and with the penalties."""
        return difference(
            self._named,
            (self._or_zero(self.twin.model.params[name]) for name in self._named),
            (np.zeros(p.shape) if p.grad is None else p.grad.numpy() for p in self._named.values()),
        )

    @staticmethod
    def _or_zero(parameter: Any) -> np.ndarray:
        return np.zeros(parameter.shape) if parameter.grad is None else parameter.grad

    def parameters(self) -> Difference:
        """Of all weights and biases as they are now."""
        ours = (self.twin.model.params[name].data for name in self._named)
        return difference(self._named, ours, (p.detach().numpy() for p in self._named.values()))

    def evaluate(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(loss, accuracy) of NumPy, then of torch, on the validation part, or the training part where there is none.

        Accuracy is a fraction; nan for a regression.
        """
        x, targets = (self.x_val, self.t_val) if len(self.x_val) else (self.x_train, self.t_train)
        labels = torch.tensor(self.data.y_val if len(self.x_val) else self.data.y_train)
        ours, theirs = self.predict(x.numpy())
        entry = self.experiment.loss.entry

        def accuracy(outputs: np.ndarray) -> float:
            if not self.experiment.data.classes:
                return math.nan
            return metrics.accuracy(entry, torch.from_numpy(outputs), labels)

        their_loss = self.loss(torch.from_numpy(theirs), targets).item()
        return (self.twin.loss.forward(ours, targets.numpy()), accuracy(ours)), (their_loss, accuracy(theirs))

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outputs of NumPy and of torch in evaluation mode for inputs (n, *input_shape)."""
        x = x.astype(self.dtype).reshape(len(x), *self._shape)
        with self._evaluating(), torch.inference_mode():
            return np.asarray(self.twin.model.forward(x)), self.model(torch.from_numpy(x)).clone().numpy()

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        self.model.eval()
        self.twin.model.eval()
        try:
            yield
        finally:
            self.model.train()
            self.twin.model.train()


def tolerance_of(optimizer: torch.optim.Optimizer, dtype: str) -> tuple[float, str]:
    """NAdam's mu_product and ASGD's eta and mu are float32 in torch, whatever the weights are."""
    state: dict[str, Any] = next(iter(optimizer.state.values()), {})
    short = [k for k, v in state.items() if k != "step" and isinstance(v, Tensor) and v.dtype == torch.float32]
    if dtype == "float32" or not short:
        return TOLERANCE[dtype], ""
    kept = " and ".join(short)
    return FLOAT32_STATE, f"torch keeps {kept} of {type(optimizer).__name__} in float32 whatever the weights are."
