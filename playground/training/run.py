"""A training run: moved on by steps or by seconds, and unaware of screens, processes and clocks."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from playground.data import load
from playground.device import pick_device
from playground.fit import findings
from playground.models import build, resolve
from playground.spec import Experiment, every_layer, needs_reset
from playground.training import metrics, record
from playground.training.batches import Batches
from playground.training.history import History
from playground.training.timeline import Moment, Timeline

CHECKPOINT_STEPS = 256
"""Steps between two copies in memory, from which the last finite state is found again after a divergence."""
EXPLODED = 1e4
"""A loss this many times the first one (or 1, if that is larger) counts as diverged although it is finite."""
OUT_OF_BOUNDS = 1e3
"""A weight or a value this large explains a loss that has exploded."""
LARGEST_SET = 1e6
"""Most that a weight can be set to by hand."""
EVALUATION_BYTES = 64 * 2**20
"""Activations of one part of an evaluation; larger ones go through the network in several."""
EVALUATION_STEPS = 25
"""Least number of steps between two evaluations, so that they cost a few per cent at most."""
EVALUATION_SHARE = 0.03
"""Of the work of a run that goes into evaluations; where steps are dear, these come after several epochs."""
STEP_WORK = 1_000_000
"""Multiply-adds that would take as long as what a step does besides: calls, gradients to zero, the optimizer."""


class Run:
    """One experiment being trained. Its course depends on the experiment alone.

    Attributes:
        experiment: what is trained; `update` changes it.
        device: where the tensors are.
        model: the `nn.Sequential`.
        data: the data set after features, split and standardisation.
        step: optimizer steps done.
        history: columns of the course so far.
        scores: what `evaluate` said last, and `outputs` what it looked at: those for the validation part, or for the
            training part where there is none.
        scored_at: the step of both.
        sample_work: multiply-adds of one sample's way through the network, and the bytes kept on it: roughly its time.
        status: 'ready', 'finished' (all epochs done), 'stopped' (early) or 'diverged'.
        message: one sentence about a status other than 'ready'.
        fused: whether the optimizer runs with `fused=True`.
        timeline: the moments that `look_back` can go to.
        forks: how often it has gone on from an earlier moment.
    """

    _checkpoint: dict[str, Any]
    _older: dict[str, Any]
    scores: dict[str, dict[str, float | None]]
    outputs: Tensor
    scored_at: int
    batches_class: type[Batches] = Batches

    def __init__(self, experiment: Experiment, device: str | torch.device | None = None):
        """Load the data and build the network.

        Raises:
            ValueError: the network cannot be trained on this data; one sentence says why and what to do.
        """
        for finding in findings(experiment):
            if finding.fatal:
                raise ValueError(finding.message)
        self.experiment, self.device = experiment, pick_device(device)
        self.data = load(experiment.data)
        self.reset()

    # -- building -------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Back to step 0 with the same initial weights, the same batches to come and an empty history."""
        experiment = self.experiment
        self._generator = torch.Generator().manual_seed(experiment.seed)  # initial weights, then dropout
        self.model = build(experiment, self._generator, self.device)
        self._parameters = list(self.model.parameters())
        self._dropout_generators = self._find_dropout_generators()
        self.loss = resolve(experiment.loss.entry.target)(**experiment.loss.args)
        self.x_train, self.y_train, self.t_train = self._tensors(self.data.x_train, self.data.y_train)
        self.x_val, self.y_val, self.t_val = self._tensors(self.data.x_val, self.data.y_val)
        training = experiment.training
        together = any(layer.entry.batch_statistics for layer in every_layer(experiment.layers))
        self.batches = self.batches_class(
            self.x_train,
            self.t_train,
            training.batch_size,
            training.shuffle,
            experiment.seed,
            training.drop_last,
            least=2 if together else 1,
        )
        self.step = 0
        self._update: tuple[int, list[Tensor]] = (0, [])
        self._first_loss: float | None = None
        self._best: dict[str, Any] = {"loss": math.inf, "epoch": 0, "weights": {}}
        self.status, self.message = "ready", ""
        self.history, self.timeline = History(), Timeline()
        self._present: tuple[Moment, History] | None = None
        self.forks, self._edited = 0, -1  # at which step a parameter was last set by hand
        reports = experiment.outline()
        self._memory = sum(report.memory for report in reports)
        self.sample_work = sum(report.macs for report in reports) + self._memory
        self._build_optimizer()
        self._look()
        self._keep_checkpoint()
        self._keep_moment()

    def _tensors(self, x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs, classes or values, and these as the loss takes them; copied, since the data is read-only."""
        outputs = math.prod(self.experiment.outline()[-1].out_shape)
        inputs, labels = torch.tensor(x, device=self.device), torch.tensor(y, device=self.device)
        targets = metrics.targets_for(self.experiment.loss.entry, labels, self.experiment.data.classes, outputs)
        return inputs, labels, targets

    def _find_dropout_generators(self) -> list[torch.Generator]:
        """Generators besides the run's own: on an accelerator, dropout draws there."""
        found = {id(g): g for module in self.model.modules() if (g := getattr(module, "generator", None)) is not None}
        found.pop(id(self._generator), None)
        return list(found.values())

    def _build_optimizer(self) -> None:
        part = self.experiment.optimizer
        self.fused = part.entry.fused and self.device.type in ("cpu", "cuda", "mps", "xpu")
        arguments = {**part.args, **({"fused": True} if self.fused else {})}
        self.optimizer = resolve(part.entry.target)(self.model.parameters(), **arguments)
        self._optimizer_step = unobserved_step(self.optimizer)
        self._build_scheduler()

    def _build_scheduler(self) -> None:
        part = self.experiment.scheduler
        self._scheduler_calls = 0
        self.scheduler = None if part is None else resolve(part.entry.target)(self.optimizer, **part.args)
        self.optimizer._opt_called = True  # or it warns of the steps it does not observe

    # -- what can be read -----------------------------------------------------------------------------------------

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def where(self) -> str:
        """What computes the steps, as the screen says it: the device of the tensors."""
        return str(self.x_train.device)

    @property
    def steps_per_epoch(self) -> int:
        return len(self.batches)

    @property
    def epoch(self) -> float:
        """Passes over the training data so far."""
        return self.batches.epoch

    @property
    def last_update(self) -> list[Tensor] | None:
        """What the last step added to every parameter; None where it was not measured.

        It is after `advance(steps=...)`, and at the ends of epochs that may be come back to.
        """
        step, update = self._update
        return update if update and step == self.step else None

    def evaluate(self) -> dict[str, dict[str, float | None]]:
        """`{"train": {"loss", "accuracy", "r2"}, "val": {...}}` in evaluation mode; None where it does not apply.

        Accuracy is a fraction, r2 is for regressions. The run's course is not touched.
        """
        with self.evaluating():
            return self._evaluate()

    def _evaluate(self) -> dict[str, dict[str, float | None]]:
        self.scores = {
            "train": self._score(self.x_train, self.t_train, self.y_train),
            "val": self._score(self.x_val, self.t_val, self.y_val),
        }
        self.scored_at = self.step
        return self.scores

    def _score(self, x: Tensor, targets: Tensor, labels: Tensor) -> dict[str, float | None]:
        if not len(x):
            return {"loss": None, "accuracy": None, "r2": None}
        output, classes, entry = self._outputs(x), self.experiment.data.classes, self.experiment.loss.entry
        self.outputs = output
        return {
            "loss": self.loss(output, targets).item(),
            "accuracy": metrics.accuracy(entry, output, labels) if classes else None,
            "r2": None if classes else metrics.r2(output, labels),
        }

    def _outputs(self, x: Tensor) -> Tensor:
        """What the network gives for all of x, in parts that fit the memory."""
        rows = self._rows_at_once()
        return self.model(x) if rows >= len(x) else torch.cat([self.model(part) for part in x.split(rows)])

    def _rows_at_once(self, copies: int = 1) -> int:
        """Samples that are evaluated together, if every value of the network is held so many times."""
        return max(1, EVALUATION_BYTES // max(1, copies * self._memory))

    def _as_inputs(self, x: np.ndarray) -> Tensor:
        return torch.tensor(x, dtype=self.x_train.dtype, device=self.device)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Outputs for inputs x: (n, *input_shape) -> (n, *output_shape) float32, in evaluation mode."""
        with self.evaluating():
            return self._outputs(self._as_inputs(x)).cpu().numpy()

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """(n, classes): what the network says of each class, from 0 to 1."""
        with self.evaluating():
            output = self._outputs(self._as_inputs(x))
            return metrics.probabilities(self.experiment.loss.entry, output).cpu().numpy()

    def confusion(self, split: str = "val") -> np.ndarray:
        """(classes, classes) int64 counts over 'train' or 'val': rows are the true class, columns the predicted one.

        Raises:
            ValueError: the experiment is a regression.
        """
        classes, entry = self.experiment.data.classes, self.experiment.loss.entry
        if not classes:
            raise ValueError("a regression has no confusion matrix; look at predicted against true values.")
        x, labels = (self.x_train, self.y_train) if split == "train" else (self.x_val, self.y_val)
        with self.evaluating():
            return metrics.confusion(entry, self._outputs(x), labels, classes).cpu().numpy()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode without gradients; training mode again afterwards."""
        self.model.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            self.model.train()

    # -- moving on ------------------------------------------------------------------------------------------------

    def advance(self, steps: int | None = None, seconds: float | None = None) -> int:
        """Train for so many steps, or for so long; the number of steps done.

        It ends early when the run is finished, stopped or diverged (`status`, `message`).

        Raises:
            ValueError: not exactly one of the two is given, it is negative, or the steps are no whole number.
        """
        if (steps is None) == (seconds is None):
            raise ValueError("advance takes either steps or seconds.")
        if (steps if seconds is None else seconds) < 0:  # type: ignore[operator]
            raise ValueError(f"advance cannot go back: {steps if seconds is None else seconds} is below 0.")
        if steps is not None and steps != int(steps):
            raise ValueError(f"advance takes whole steps, and {steps:g} are none.")
        if not self.model.training:  # asking is cheaper, and slices are short
            self.model.train()
        if self._present is not None and (steps or seconds):
            self.go_on_from_here()
        before = self.step
        if steps is not None:
            goal = before + steps
            while self.step < goal and self._advance_once(measured=self.step == goal - 1):
                pass
        else:
            clock = time.perf_counter
            end = clock() + seconds  # type: ignore[operator]
            while clock() < end and self._advance_once():
                pass
        return self.step - before

    def _advance_once(self, measured: bool = False) -> bool:
        """One step and what is due after it; False if the run does not go on."""
        if self.status != "ready":
            return False
        if self.step - self._checkpoint["step"] >= CHECKPOINT_STEPS:
            self._older, self._checkpoint = self._checkpoint, record.clone(self._course())
        return self._train_measured_step() if measured or self._moment_comes() else self._train_step()

    def _train_measured_step(self) -> bool:
        """`_train_step`, and what it has added to every parameter."""
        parameters = [parameter.detach() for parameter in self._parameters]
        before, step = [parameter.clone() for parameter in parameters], self.step
        went_on = self._train_step()
        if self.step == step + 1 and self.status != "stopped":  # neither diverged nor back at the best weights
            self._update = self.step, list(torch._foreach_sub(parameters, before))
            self.timeline.complete(*self._update)
        return went_on

    def _moment_comes(self) -> bool:
        """Whether the next step ends an epoch at whose end a moment may be kept."""
        return self.timeline.due(self.batches.epochs_done + 1) and self.batches.left == 1

    def _train_step(self, recorded: bool = True) -> bool:
        """The canonical step on the next batch; False, with nothing changed, if its loss is not usable."""
        x, targets = self.batches.next()
        loss = self._optimize(x, targets)
        if not self._usable(loss):
            self._diverge(x, loss)
            return False
        self.step += 1
        if recorded:
            self.history.steps.append(self.step, loss, self.lr)
        scheduler = self.experiment.scheduler
        if scheduler is not None and scheduler.entry.every == "step":
            self._step_scheduler()
        if self.batches.done(len(x)):
            self._end_epoch(recorded)
            if recorded and self.timeline.due(self.batches.epochs_done):
                self._keep_moment()
        return True

    def _optimize(self, x: Tensor, targets: Tensor) -> float:
        """zero_grad, forward, loss, backward, step; the weights stay as they are if the loss is not usable."""
        if self.experiment.optimizer.entry.closure:
            return self._optimize_with_closure(x, targets)
        for parameter in self._parameters:  # what zero_grad() does, without its profiler hook (a twentieth of a step)
            parameter.grad = None
        with self._autocast():
            loss = self.loss(self.model(x), targets)
        value = loss.item()
        if self._usable(value):
            self._backward(loss)
            self._optimizer_step()
        return value

    def _optimize_with_closure(self, x: Tensor, targets: Tensor) -> float:
        """The same for optimizers that evaluate the loss several times; the loss is that of the first time."""
        values: list[float] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            with self._autocast():
                loss = self.loss(self.model(x), targets)
            values.append(loss.item())
            return self._backward(loss)

        with self.evaluating():  # looked at before the optimizer begins, without drawing anything
            before = self.loss(self.model(x), targets).item()
        if not self._usable(before):
            return before
        self.optimizer.step(closure)
        return values[0]

    def _usable(self, loss: float) -> bool:
        if self._first_loss is None and math.isfinite(loss):
            self._first_loss = loss
        return math.isfinite(loss) and loss <= EXPLODED * max(1.0, self._first_loss or 0.0)

    def _backward(self, loss: Tensor) -> Tensor:
        """Gradients of the loss and its penalties, clipped; what was differentiated."""
        training = self.experiment.training
        if training.l1 or training.l2:
            loss = loss + self._penalty()
        loss.backward()
        if training.clip_norm:
            nn.utils.clip_grad_norm_(self._parameters, training.clip_norm)
        return loss

    def _penalty(self) -> Tensor:
        """l1 * sum |w| + l2 / 2 * sum w^2 over the weights; biases and normalisation layers are left alone."""
        training, weights = self.experiment.training, [p for p in self.model.parameters() if p.dim() > 1]
        penalty = torch.zeros((), device=self.device)
        if training.l1:
            penalty = penalty + training.l1 * sum(w.abs().sum() for w in weights)
        if training.l2:
            penalty = penalty + training.l2 / 2 * sum(w.square().sum() for w in weights)
        return penalty

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.experiment.training.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _step_scheduler(self, metric: float | None = None) -> None:
        part = self.experiment.scheduler
        assert part is not None, "there is no scheduler to step"
        assert self.scheduler is not None, "there is no scheduler to step"
        last = part.args.get(part.entry.last_step)
        if last is not None and self._scheduler_calls >= last - 1:  # the constructor made the first call
            return
        self._scheduler_calls += 1
        self.scheduler.step(*([metric] if part.entry.metric else []))

    # -- at the end of an epoch -----------------------------------------------------------------------------------

    def _end_epoch(self, recorded: bool = True) -> None:
        """Evaluate where that is due, and do what depends on it: schedule, early stopping, the end."""
        training, scheduler = self.experiment.training, self.experiment.scheduler
        last = self.batches.epochs_done >= training.epochs
        watched: float | None = None
        if training.patience or (scheduler and scheduler.entry.metric) or last or self._evaluation_due():
            scores = self._look(recorded)
            watched = scores["train" if scores["val"]["loss"] is None else "val"]["loss"]
        if scheduler is not None and scheduler.entry.every == "epoch":
            self._step_scheduler(watched)
        if training.patience and watched is not None and self._stop_early(watched):
            return
        if last:
            self.status, self.message = "finished", f"All {training.epochs:,} epochs are done."

    def _evaluation_due(self) -> bool:
        """By the work alone, never by the clock: the same experiment is evaluated at the same steps.

        A run that is young is evaluated more often than its share allows, each time after twice as many steps.
        """
        samples, batch = len(self.x_train) + len(self.x_val), min(self.batches.size, len(self.x_train))
        step = 3 * batch * self.sample_work + STEP_WORK  # forward, and twice that backward
        dear = samples * self.sample_work / (EVALUATION_SHARE * step)
        gap = max(EVALUATION_STEPS, min(dear, self._evaluated_at))
        return self.step - self._evaluated_at >= gap

    def _look(self, recorded: bool = True) -> dict[str, dict[str, float | None]]:
        """Evaluate, and write it down."""
        scores, self._evaluated_at = self.evaluate(), self.step
        if recorded:
            row = [scores[split][name] for split in ("train", "val") for name in ("loss", "accuracy")]
            values = (math.nan if value is None else value for value in row)
            self.history.evaluations.append(self.step, self.epoch, *values)
        return scores

    def _stop_early(self, loss: float) -> bool:
        best, patience = self._best, self.experiment.training.patience
        if loss < best["loss"]:
            self._best = {
                "loss": loss,
                "epoch": self.batches.epochs_done,
                "weights": record.clone(self.model.state_dict()),
            }
            return False
        if self.batches.epochs_done - best["epoch"] < patience:
            return False
        if best["weights"]:
            self.model.load_state_dict(best["weights"])
            self.evaluate()
        split = "validation" if len(self.x_val) else "training"
        self.status = "stopped"
        self.message = (
            f"Stopped early at epoch {self.batches.epochs_done:,}: the {split} loss has not fallen for "
            f"{patience:,} epochs. The weights of epoch {best['epoch']:,} are back, with a loss of {best['loss']:.4g}."
        )
        return True

    # -- divergence -----------------------------------------------------------------------------------------------

    def _diverge(self, x: Any, loss: float) -> None:
        """Say what happened, and go back to the last weights whose loss is known to be finite."""
        failed, where, lr = self.step + 1, self._first_out_of_bounds(x), self.lr
        self._load(self._checkpoint if self._checkpoint["step"] <= failed - 2 else self._older)
        while self.step < failed - 2:
            self._train_step(recorded=False)
        self._leave_the_exploded()
        self.history.cut(self.step)
        self.timeline.cut(self.step)
        self.evaluate()
        value = f"{loss:,.3g}" if math.isfinite(loss) else str(loss)
        self.status = "diverged"
        self.message = (
            f"Diverged at step {failed:,}: the loss became {value}{where}. The weights of step {self.step:,} are back. "
            f"Try a smaller learning rate (now {lr:g}), or clip the gradients."
        )

    def _leave_the_exploded(self) -> None:
        """A step right before a change of settings may have spoilt the weights that the change began with: then go
        back to the last kept moment before them, under the present settings. What was set by hand stays."""
        if self._edited == self.step:
            return
        wanted, usable = self.experiment, self._usable(self.evaluate()["train"]["loss"] or 0.0)
        earlier = [moment for moment in self.timeline if moment.step < self.step]
        if not usable and earlier:
            self._be(earlier[-1])
            refusal = self.update(wanted)
            assert refusal is None, f"a change within one course needs no reset: {refusal}"

    def _first_out_of_bounds(self, x: Any) -> str:
        """Which layer is the first whose weights or values are not finite, or far too large, as the end of a sentence.

        Where none is, it is the one with the largest values: the loss grows with them.
        """
        largest, where, x = -1.0, "", torch.as_tensor(x)
        with self.evaluating():
            for index, (layer, module) in enumerate(zip(self.experiment.layers, self.model, strict=True)):
                name = f"layer {index + 1} ({layer.name})"
                if not all(_within_bounds(p) for p in module.parameters()):
                    return f", first through the weights of {name}"
                x = module(x)
                if not _within_bounds(x):
                    return f", first through the values of {name}"
                if (most := float(x.abs().max())) > largest:
                    largest, where = most, f", most of all through the values of {name}"
        return where

    # -- changing -------------------------------------------------------------------------------------------------

    def update(self, experiment: Experiment) -> str | None:
        """Take over a change that keeps the weights: optimizer, schedule, batch size, penalties, clipping, length.

        A new batch size holds from the next batch on. A new optimizer begins with an empty state; new rates keep it.
        Returns None, or the sentence saying why the change needs a reset (nothing has changed then).

        Raises:
            ValueError: the experiment cannot be trained.
        """
        if reason := needs_reset(self.experiment, experiment):
            return reason
        for finding in findings(experiment):
            if finding.fatal:
                raise ValueError(finding.message)
        old, self.experiment = self.experiment, experiment
        if old.optimizer != experiment.optimizer:
            self._update_optimizer(old)
        elif old.scheduler != experiment.scheduler:
            self._change_schedule()
        self._resize_batches()
        if old.training.patience != experiment.training.patience:
            self._best = {"loss": math.inf, "epoch": self.batches.epochs_done, "weights": {}}
        if self.status == "stopped":
            self._best["epoch"] = self.batches.epochs_done
        if self.status != "finished" or self.batches.epochs_done < experiment.training.epochs:
            self.status, self.message = "ready", ""
        self._keep_checkpoint()
        return None

    def _resize_batches(self) -> None:
        training = self.experiment.training
        self.batches.resize(training.batch_size, training.shuffle, training.drop_last)

    def set_parameter(self, layer: int | None, unit: int, input: int | None, value: float) -> None:
        """Set one weight of a Linear layer, or one bias where `input` is None. Training goes on from there.

        The optimizer keeps its state; a run that had diverged or stopped is ready again.

        Raises:
            ValueError: there is no such number, or the value is not within -1e6 and 1e6.
        """
        if not abs(value) <= LARGEST_SET:
            raise ValueError(f"the value is {value:g}; it must lie within {-LARGEST_SET:,.0f} and {LARGEST_SET:,.0f}.")
        module = self.model[layer] if layer is not None and 0 <= layer < len(self.model) else None
        if not isinstance(module, nn.Linear):
            raise ValueError("only weights and biases of a Linear layer can be set.")
        parameter = module.weight if input is not None else module.bias
        index = (unit,) if input is None else (unit, input)
        if parameter is None:
            raise ValueError("this layer has no bias; switch it on in the layer's card first.")
        if not all(0 <= i < size for i, size in zip(index, parameter.shape, strict=True)):
            place = " from ".join(map(str, index))
            raise ValueError(f"unit {place} does not exist; the sizes are {tuple(parameter.shape)}.")
        if self._present is not None:
            self.go_on_from_here()
        with torch.no_grad():
            parameter[index] = value
        self._edited = self.step
        self._best = {"loss": math.inf, "epoch": self.batches.epochs_done, "weights": {}}
        if self.status in ("diverged", "stopped"):
            self.status, self.message = "ready", ""
        self.evaluate()
        self._keep_checkpoint()
        self._keep_moment()

    def _update_optimizer(self, old: Experiment) -> None:
        part = self.experiment.optimizer
        changed = {name for name, value in part.args.items() if old.optimizer.args.get(name) != value}
        if part.name != old.optimizer.name or changed & set(part.entry.restarts):
            self._build_optimizer()
            return
        self._change_schedule()

    def _change_schedule(self) -> None:
        """Begin the schedule anew, from the optimizer's own settings: schedules move the rate, and some the momentum.

        Where there was no momentum and one is moved in from now on, the optimizer begins anew, too: its state of
        before has no place for it.
        """
        part, scheduler = self.experiment.optimizer, self.experiment.scheduler
        if scheduler is not None and scheduler.args.get("cycle_momentum") and not part.args.get("momentum", 1.0):
            self._build_optimizer()
            return
        for group in self.optimizer.param_groups:
            group.update(part.args)
            group.pop("initial_lr", None)
        self._build_scheduler()

    # -- looking back ---------------------------------------------------------------------------------------------

    @property
    def looking_back(self) -> bool:
        """Whether an earlier moment is shown while the present one waits."""
        return self._present is not None

    @property
    def present_step(self) -> int:
        """The step that `look_back(None)` comes back to."""
        return self._present[0].step if self._present else self.step

    @property
    def present_history(self) -> History:
        """The course up to `present_step`."""
        return self._present[1] if self._present else self.history

    def look_back(self, step: int | None) -> None:
        """Be where the run was at the kept moment nearest to `step`, as if the rest had not happened; None comes back.

        The settings of then hold there. `advance` goes on from that moment, and what came after it is forgotten.

        Raises:
            ValueError: no moment was kept.
        """
        if step is None:
            if self._present is None:
                return
            moment, self.history = self._present
            self._present = None
        else:
            moment = self.timeline.at(step)
            if self._present is None:
                self._present = self._moment(), self.history
            kept, self.history = self._present[1].state_dict(), History()
            self.history.load_state_dict(kept)
            self.history.cut(moment.step)
        self._be(moment)
        self._see(moment)
        self.evaluate()

    def go_on_from_here(self) -> None:
        """Make the moment that is looked at the present one, and forget what came after it."""
        self._present = None
        self.timeline.cut(self.step)
        self.forks += 1

    def _be(self, moment: Moment) -> None:
        self.experiment = moment.experiment
        self._build_optimizer()
        self._resize_batches()
        self._load(moment.course)
        self.status, self.message = moment.status, moment.message

    def _moment(self) -> Moment:
        course = record.clone(self._course())
        return Moment(
            self.step,
            self.epoch,
            self.experiment,
            course,
            self.status,
            self.message,
            gradients=self._gradients(),
            update=self.last_update,
            batch=self.batches.last_state(),
        )

    def _gradients(self) -> list[Tensor | None] | None:
        """Of the last step, by parameter; None before there are any. The next step makes new ones."""
        gradients = [parameter.grad for parameter in self._parameters]
        return None if all(gradient is None for gradient in gradients) else gradients

    def _see(self, moment: Moment) -> None:
        """After `_be`: also what the last step before the moment had to do with."""
        for parameter, gradient in zip(self._parameters, moment.gradients or [], strict=False):
            parameter.grad = gradient
        self._update = moment.step, moment.update or []
        if moment.batch is not None:
            self.batches.load_last(moment.batch)

    def _keep_moment(self) -> None:
        self.timeline.keep(self._moment())

    # -- keeping --------------------------------------------------------------------------------------------------

    def state(self, whole: bool = False) -> bytes:
        """Everything needed to go on with the same bits: safetensors, with JSON for what is not a tensor.

        While the run looks back, the present is in it too. `whole`: and the moments that it can go back to.
        """
        kept: dict[str, Any] = {
            "experiment": self.experiment.model_dump_json(),
            "course": self._course(),
            "history": self.history.state_dict(),
            "status": [self.status, self.message],
        }
        if self._present is not None:
            moment, history = self._present
            kept["present"] = {"moment": moment.packed(), "history": history.state_dict()}
        if whole:
            kept["timeline"] = self.timeline.state_dict()
        return record.dump(kept)

    @classmethod
    def restore(cls, state: bytes, device: str | torch.device | None = None) -> Self:
        """The run whose `state()` this is.

        Raises:
            ValueError: the bytes are not the state of a run, or do not fit its own experiment.
        """
        kept = record.parse(state)
        try:
            run = cls(Experiment.model_validate_json(kept["experiment"]), device)
            run._load(kept["course"])
            run.history.load_state_dict(kept["history"])
            run.status, run.message = kept["status"]
            if "present" in kept:
                history = History()
                history.load_state_dict(kept["present"]["history"])
                run._present = Moment.of(kept["present"]["moment"]), history
            run.begin_timeline()
            if "timeline" in kept:
                run.timeline.load_state_dict(kept["timeline"])
        except (KeyError, TypeError, IndexError, RuntimeError) as error:
            raise ValueError(f"the state does not fit its experiment: {str(error).splitlines()[0]}") from None
        run.evaluate()
        return run

    def begin_timeline(self) -> None:
        """Forget all earlier moments but the present one."""
        self.timeline = Timeline()
        self._keep_moment()

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Weights from elsewhere in a run at step 0; `reset` goes back to the experiment's own.

        weights: a state_dict of `model`.
        """
        self.model.load_state_dict(weights)
        self.history = History()
        self._look()
        self._keep_checkpoint()
        self.begin_timeline()

    def _course(self) -> dict[str, Any]:
        """What decides the next steps."""
        return {
            "step": self.step,
            "batches": self.batches.state_dict(),
            "evaluated_at": self._evaluated_at,
            "first_loss": self._first_loss,
            "scheduler_calls": self._scheduler_calls,
            "best": self._best,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "generators": [g.get_state() for g in self._generators()],
        }

    def _generators(self) -> list[torch.Generator]:
        return [self._generator, *self._dropout_generators]

    def _load(self, course: dict[str, Any]) -> None:
        course = record.clone(course)  # loading must not share tensors with what was kept
        self.step, self._evaluated_at = course["step"], course["evaluated_at"]
        self._update = (0, [])
        for parameter in self._parameters:  # gradients of another moment would be taken for those of this one
            parameter.grad = None
        self._first_loss, self._best = course["first_loss"], course["best"]
        self._scheduler_calls = course["scheduler_calls"]
        self.model.load_state_dict(course["model"])
        self.optimizer.load_state_dict(course["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(course["scheduler"])
        # a run that comes from another device brings no state for the generator of this one, which begins at its seed
        for generator, state in zip(self._generators(), course["generators"], strict=False):
            generator.set_state(state)
        self.batches.load_state_dict(course["batches"])
        self._keep_checkpoint()

    def _keep_checkpoint(self) -> None:
        """Begin anew from here: steps before this one cannot be taken again."""
        self._older = self._checkpoint = record.clone(self._course())


def _within_bounds(values: Tensor) -> bool:
    return bool((values.abs() <= OUT_OF_BOUNDS).all())  # false for nan as well


def unobserved_step(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """`optimizer.step` without torch's profiler hook around it, which takes up to a tenth of a small network's step."""
    step = type(optimizer).step
    inner = getattr(step, "__wrapped__", None) if getattr(step, "hooked", False) else None
    return optimizer.step if inner is None else partial(inner, optimizer)
