"""Learning rate schedules: the lr of every group as a function of the number of steps taken.

Each class gives `lr(base, t)`: the rate after t steps for a group that started with the rate `base`. `step()` counts t
up and writes the rate into `optimizer.param_groups`. Call it after `optimizer.step()`. Names and defaults are torch's.
Where the rate was changed by hand, or by a second schedule over the same optimizer, most go on from what they find, by
the factor that their own rates have from one step to the next; cycles and warm restarts set theirs anew, as in torch.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .core import Named
from .optimizers import Group, Optimizer


class Scheduler(metaclass=Named):
    """Counting and writing. `last_epoch` is t; `base_lrs` the rates at t = 0."""

    floor = 0.0  # what the factor from step to step applies to is the height of the rate above this
    absolute = False  # True: the rate is set, whatever was there

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(
                    f"{self.name}: last_epoch={last_epoch} continues an earlier schedule, but a param group has no "
                    "'initial_lr'; start with last_epoch=-1"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    @property
    def name(self) -> str:
        return type(self).__name__

    def lr(self, base: float, t: int) -> float:
        raise NotImplementedError

    def rates(self, t: int) -> list[float]:
        return [self.lr(base, t) for base in self.base_lrs]

    def step(self) -> None:
        self.last_epoch += 1
        now, t = self.rates(self.last_epoch), self.last_epoch
        before = now if self.absolute else self.rates(t - 1) if t > 0 else self.base_lrs
        for group, last, rate in zip(self.optimizer.param_groups, before, now, strict=True):
            group["lr"] = rate if self.absolute or group["lr"] == last else self.onwards(group["lr"], last, rate)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def onwards(self, lr: float, before: float, now: float) -> float:
        """The next rate where somebody else made it `lr`; the schedule alone goes from `before` to `now`."""
        if before == self.floor:
            return lr + now - before
        return self.floor + (lr - self.floor) * (now - self.floor) / (before - self.floor)

    def get_last_lr(self) -> list[float]:
        """The rates as the last `step` left them."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.__dict__.update(state_dict)


class StepLR(Scheduler):
    """base · gamma^⌊t/step_size⌋: a fixed drop every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        _at_least("StepLR", 1, step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(Scheduler):
    """base · gamma^(number of milestones reached)."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(Scheduler):
    """base · gammaᵗ."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * self.gamma**t


class ConstantLR(Scheduler):
    """base · factor for the first total_iters steps, then base; with total_iters 0, as in torch, it never is base."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: factor is {factor}; it must be between 0 and 1")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * (self.factor if t < self.total_iters or not self.total_iters else 1)


class LinearLR(Scheduler):
    """base times a factor that goes straight from start_factor to end_factor in total_iters steps: a warm-up.

    With total_iters 0, as in torch, it stays at start_factor.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(
                f"LinearLR: start_factor is {start_factor} and end_factor {end_factor}; both must be at most 1, "
                "the first above 0, the second at least 0"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        done = min(t, self.total_iters) / self.total_iters if self.total_iters else 0.0
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class PolynomialLR(Scheduler):
    """base · (1 - t/total_iters)^power, then 0."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        _at_least("PolynomialLR", 1, total_iters=total_iters)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return base * (1 - min(t, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(Scheduler):
    """Half a cosine from base down to eta_min in T_max steps (Loshchilov and Hutter, 2016); later it rises again."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        _at_least("CosineAnnealingLR", 1, T_max=T_max)
        self.T_max, self.eta_min, self.floor = T_max, eta_min, eta_min
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class CosineAnnealingWarmRestarts(Scheduler):
    """Half cosines one after the other, each T_mult times as long as the last (Loshchilov and Hutter, 2016)."""

    absolute = True

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        _at_least("CosineAnnealingWarmRestarts", 1, T_0=T_0, T_mult=T_mult)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        length = self.T_0
        if self.T_mult == 1:
            t %= length
        while t >= length:
            t, length = t - length, length * self.T_mult
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / length)) / 2


class _MomentumScheduler(Scheduler):
    """A schedule that moves momentum (or Adam's first beta) against the learning rate."""

    absolute = True
    cycle_momentum: bool

    def momentum(self, group: Group, t: int) -> float:
        raise NotImplementedError

    def prepare_momentum(self, base_momentum: Any, max_momentum: Any) -> None:
        defaults = self.optimizer.defaults
        if not self.cycle_momentum:
            return
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError(f"{self.name}: {self.optimizer.name} has no momentum to cycle; pass cycle_momentum=False")
        lows = _per_group(self, "base_momentum", base_momentum)
        highs = _per_group(self, "max_momentum", max_momentum)
        for group, low, high in zip(self.optimizer.param_groups, lows, highs, strict=True):
            group["base_momentum"], group["max_momentum"] = low, high

    def step(self) -> None:
        super().step()
        if not self.cycle_momentum:
            return
        for group in self.optimizer.param_groups:
            value = self.momentum(group, self.last_epoch)
            if "betas" in self.optimizer.defaults:
                group["betas"] = (value, *group["betas"][1:])
            else:
                group["momentum"] = value


class OneCycleLR(_MomentumScheduler):
    """Up to max_lr in the first pct_start of all steps, then down to almost nothing (Smith and Topin, 2017).

    From max_lr/div_factor to max_lr, and to (max_lr/div_factor)/final_div_factor; three_phase comes back to the start
    before that. Momentum goes from max_momentum to base_momentum and back. The length is total_steps, or
    epochs · steps_per_epoch; anneal_strategy is "cos" or "linear".
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = optimizer
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or both epochs and steps_per_epoch")
            _at_least("OneCycleLR", 1, epochs=epochs, steps_per_epoch=steps_per_epoch)
            total_steps = epochs * steps_per_epoch
        _at_least("OneCycleLR", 1, total_steps=total_steps)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start is {pct_start}; it is a fraction of the steps, between 0 and 1")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy is {anneal_strategy!r}; choose 'cos' or 'linear'")
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        self.final_div_factor, self.div_factor = final_div_factor, div_factor
        # Turning points: (step, which lr, which momentum); the first phase begins at step 0.
        top, end = pct_start * total_steps - 1, float(total_steps - 1)
        if three_phase:
            back = 2 * pct_start * total_steps - 2
            self.turns = [(top, "max", "base"), (back, "initial", "max"), (end, "min", "max")]
        else:
            self.turns = [(top, "max", "base"), (end, "min", "max")]
        if last_epoch == -1:
            for group, high in zip(optimizer.param_groups, _per_group(self, "max_lr", max_lr), strict=True):
                group["initial_lr"] = high / div_factor
            self.prepare_momentum(base_momentum, max_momentum)
        super().__init__(optimizer, last_epoch)

    def lr(self, base: float, t: int) -> float:
        rates = {"initial": base, "max": base * self.div_factor, "min": base / self.final_div_factor}
        return self._between(t, "initial", rates, 1)

    def momentum(self, group: Group, t: int) -> float:
        return self._between(t, "max", {"base": group["base_momentum"], "max": group["max_momentum"]}, 2)

    def _between(self, t: int, start: str, values: dict[str, float], column: int) -> float:
        """The value at step t on the way from one turning point to the next."""
        if t > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {t} is beyond total_steps={self.total_steps}; set total_steps to all steps planned"
            )
        begin = 0.0
        for turn in self.turns:
            end, stop = turn[0], str(turn[column])
            if t <= end or turn is self.turns[-1]:
                break
            begin, start = end, stop
        done = (t - begin) / (end - begin) if end != begin else 1.0
        if self.anneal_strategy == "linear":
            return values[start] + (values[stop] - values[start]) * done
        return values[stop] + (values[start] - values[stop]) * (1 + math.cos(math.pi * done)) / 2


class CyclicLR(_MomentumScheduler):
    """Up and down between base_lr and max_lr in straight lines, again and again (Smith, 2015).

    step_size_up steps up, step_size_down (the same by default) down. The height of the triangles is scaled by 1
    ("triangular"), half for each further cycle ("triangular2"), gammaᵗ ("exp_range"), or scale_fn of the cycle's
    number or of t (scale_mode "cycle" or "iterations"). Momentum moves the other way, from max_momentum.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = optimizer
        _at_least("CyclicLR", 1, step_size_up=step_size_up)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"CyclicLR: mode is {mode!r}; choose 'triangular', 'triangular2' or 'exp_range'")
        self.mode, self.gamma, self.scale_fn, self.cycle_momentum = mode, gamma, scale_fn, cycle_momentum
        self.per_cycle = scale_mode == "cycle" if scale_fn else mode != "exp_range"
        self.step_size_up = step_size_up
        self.total_size = step_size_up + (step_size_up if step_size_down is None else step_size_down)
        self.max_lrs = _per_group(self, "max_lr", max_lr)
        if last_epoch == -1:
            for group, low in zip(optimizer.param_groups, _per_group(self, "base_lr", base_lr), strict=True):
                group["lr"] = group["initial_lr"] = low
            self.prepare_momentum(base_momentum, max_momentum)
        super().__init__(optimizer, last_epoch)

    def height(self, t: int) -> float:
        """Where t is between the bottom (0) and the top (1) of its cycle, times the scale of that cycle."""
        cycle, into = divmod(t, self.total_size)
        up, down = self.step_size_up, self.total_size - self.step_size_up
        height = into / up if into <= up else (self.total_size - into) / down
        return height * self._scale(cycle + 1 if self.per_cycle else t)

    def _scale(self, x: int) -> float:
        if self.scale_fn is not None:
            return self.scale_fn(x)
        if self.mode == "triangular2":
            return 0.5 ** (x - 1)
        return self.gamma**x if self.mode == "exp_range" else 1.0

    def rates(self, t: int) -> list[float]:
        height = self.height(t)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def momentum(self, group: Group, t: int) -> float:
        return group["max_momentum"] - (group["max_momentum"] - group["base_momentum"]) * self.height(t)


class ReduceLROnPlateau(metaclass=Named):
    """lr · factor when a metric has not improved for more than `patience` steps; `step(metric)` tells it.

    Better means below best·(1 - threshold) with mode "min" and threshold_mode "rel", best - threshold with "abs", and
    the mirror image with mode "max". After a cut `cooldown` steps are not counted. The lr never falls below
    min_lr, and a cut by less than eps is not made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor is {factor}; it must be below 1, or the rate would not fall")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau: mode is {mode!r} and threshold_mode {threshold_mode!r}; "
                "choose 'min' or 'max', and 'rel' or 'abs'"
            )
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.eps = threshold, threshold_mode, cooldown, eps
        self.min_lrs = _per_group(self, "min_lr", min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    name = "ReduceLROnPlateau"

    def is_better(self, metric: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            limit = self.best * (1 + sign * self.threshold)
        else:
            limit = self.best + sign * self.threshold
        return metric < limit if self.mode == "min" else metric > limit

    def step(self, metrics: float) -> None:
        metric = float(metrics)
        self.last_epoch += 1
        if self.is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, low in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                new = max(group["lr"] * self.factor, low)
                if group["lr"] - new > self.eps:
                    group["lr"] = new
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def get_last_lr(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.__dict__.update(state_dict)


def _per_group(scheduler: Any, option: str, value: Any) -> list[float]:
    """One number for each param group, from one number or a sequence."""
    count = len(scheduler.optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * count
    if len(values) != count:
        raise ValueError(
            f"{scheduler.name}: {option} has {len(values)} values for {count} param groups; give one or {count}"
        )
    return values


def _at_least(scheduler: str, minimum: int, **values: Any) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise ValueError(f"{scheduler}: {name} is {value!r}; it must be a whole number of at least {minimum}")
