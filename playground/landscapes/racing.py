"""Races: several `torch.optim` optimizers from the same start, each step of each of them kept."""

import inspect
import math
import numbers
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from playground.catalog import OPTIMIZERS, lookup
from playground.landscapes.landscape import Landscape
from playground.limits import LIMITS
from playground.parts import Args
from playground.spec import OptimizerSpec, SchedulerSpec

CANNOT_RACE: dict[str, str] = {
    "Muon": "it turns a whole matrix at once, and a point of the plane is a vector",
    "SparseAdam": "it takes sparse gradients only, and those of a landscape are dense",
}
"""Classes of torch.optim that cannot step a point, and why."""
PIECE = 100
"""Steps between two looks up from a race under way."""


@dataclass(frozen=True)
class Racer:
    """One optimizer with its settings.

    Args:
        optimizer: the class name in torch.optim.
        lr: the learning rate, above 0.
        args: further keyword arguments of the class; those not given take torch's defaults.
        scheduler: a name of torch.optim.lr_scheduler with its arguments, `("StepLR", {"step_size": 30})`; it moves
            after every step. Arguments not given take torch's defaults, and the catalog's where torch has none. A bare
            name or a `SchedulerSpec` will do.
        clip: largest norm of the gradient, as in `clip_grad_norm_`; None leaves it alone.

    Raises:
        ValueError: an unknown optimizer, argument or scheduler, or a value outside its limits.
    """

    optimizer: str
    lr: float
    args: Mapping[str, Any] = field(default_factory=dict)
    scheduler: Any = None
    clip: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.optimizer, str) and self.optimizer in CANNOT_RACE:
            raise ValueError(f"racer: {self.optimizer} cannot race: {CANNOT_RACE[self.optimizer]}.")
        entry = lookup(OPTIMIZERS, self.optimizer if isinstance(self.optimizer, str) else str(self.optimizer), "racer")
        args = _table(self.args, f"racer: the arguments of {self.optimizer}")
        if "lr" in args:
            raise ValueError("racer: the learning rate is given twice; leave lr out of args.")
        known = {param.name for param in entry.params}
        further = {name: value for name, value in args.items() if name not in known}
        _check_further(self.optimizer, further)
        part = OptimizerSpec.of(
            name=self.optimizer, args={k: v for k, v in args.items() if k in known} | {"lr": self.lr}
        )
        if part["lr"] <= 0:
            raise ValueError(f"racer: {self.optimizer} has the learning rate {part['lr']:g}; it must be above 0.")
        object.__setattr__(self, "lr", part["lr"])
        object.__setattr__(self, "args", Args({k: v for k, v in part.args.items() if k != "lr"} | further))
        object.__setattr__(self, "scheduler", _scheduler(self.scheduler))
        object.__setattr__(self, "clip", _clip(self.clip))
        if further:
            _try(self)

    @property
    def label(self) -> str:
        """What tells this racer from others: `SGD 0.001, momentum 0.9`."""
        params = {param.name: param.default for param in OPTIMIZERS[self.optimizer].params}
        parts = [
            name if value is True else f"{name} {_plain(value)}"
            for name, value in self.args.items()
            if value != params.get(name)
        ]
        parts += [self.scheduler.name] if self.scheduler else []
        parts += [f"clip {self.clip:g}"] if self.clip else []
        return ", ".join([f"{self.optimizer} {self.lr:g}", *parts])


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "/".join(f"{number:g}" for number in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(given: Any, what: str) -> dict[Any, Any]:
    if not isinstance(given or {}, Mapping):
        raise ValueError(f"{what} are {str(given)[:40]!r}; give a dict of names and values.")
    return dict(given or {})


def _check_further(optimizer: str, further: Mapping[str, Any]) -> None:
    """Arguments that the catalog does not know must be torch's, and its switches take True or False."""
    if not further:
        return
    entry = OPTIMIZERS[optimizer]
    theirs = dict(list(inspect.signature(_resolve(entry.target)).parameters.items())[1:])
    for name, value in further.items():
        if name not in theirs:
            entry.arguments({str(name): None}, "racer")  # says what there is
        default = theirs[name].default
        if (isinstance(default, bool) or name in SWITCHES) and value is not default and not isinstance(value, bool):
            raise ValueError(f"racer: {name} of {optimizer} is {str(value)[:40]!r}; it takes True or False.")


SWITCHES = {"foreach", "fused"}
"""Arguments of torch's that are True, False, or None for whatever is best."""


def _try(racer: "Racer") -> None:
    """One step of nothing, since torch says of some arguments only then that they do not go together."""
    import torch

    point = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    try:
        build_optimizer(racer, [point]).step(lambda: point.sum().backward() or point.sum())
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise ValueError(f"racer: torch refuses these arguments of {racer.optimizer}: {reason[:160]}.") from None


def _resolve(target: str) -> Any:
    """The class behind a dotted path; torch is imported here and not before."""
    import importlib

    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _scheduler(given: Any) -> SchedulerSpec | None:
    if given is None or isinstance(given, SchedulerSpec):
        return given
    if isinstance(given, str):
        given = (given, {})
    if isinstance(given, Mapping):
        given = (given.get("name"), given.get("args"))
    if not isinstance(given, Sequence) or len(given) != 2:
        raise ValueError(f"racer: the scheduler is {str(given)[:40]!r}; give a name and its arguments.")
    args = _table(given[1], "racer: the arguments of the scheduler")
    part = SchedulerSpec.of(name=given[0], args=args)
    theirs = inspect.signature(_resolve(part.entry.target)).parameters
    usual = {name: theirs[name].default for name in part.args if name in theirs}
    plain = {name: value for name, value in usual.items() if value not in (None, inspect.Parameter.empty)}
    return SchedulerSpec.of(name=given[0], args=plain | args)


def _clip(given: Any) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float | np.number) or not 0 < given < math.inf:
        raise ValueError(f"racer: the gradient cannot be clipped to {given!r}; give a norm above 0, or None.")
    return float(given)


class State(Mapping[str, np.ndarray]):
    """What an optimizer kept, step by step.

    `state["exp_avg"]` has one row per step: (steps, 2), or (steps,) for a single number; row k is what the step from
    path[k] to path[k + 1] worked with. `state[k]` is the same step as a dict. Names are torch's own, with `m` and `v`
    for the first and second moment, `m_hat` and `v_hat` for them without their bias towards 0, and `update` for what
    was added to the point.
    """

    def __init__(self, columns: Mapping[str, np.ndarray]):
        self._columns = dict(columns)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, numbers.Integral):
            return {name: column[key] for name, column in self._columns.items()}
        return self._columns[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


@dataclass(frozen=True, eq=False)
class Trail:
    """What one racer did. All arrays are float64, whatever the race was run in.

    Attributes:
        racer: who it was.
        path: (steps + 1, 2) points, the first one being the start; nan after a divergence.
        loss: (steps + 1,) values at these points.
        grad: (steps + 1, 2) gradients at these points, before clipping.
        lr: (steps,) learning rate of every step.
        state: what the optimizer kept per step.
        evaluations: (steps + 1,) gradients that had been computed when a point was reached.
        seconds: (steps + 1,) time that had been spent by then, without the keeping of records.
        diverged_at: the first step whose point or loss is not a finite number; where all are, the first one from which
            on the point stays more than FAR sides of the picture from its middle; otherwise None.
    """

    racer: Racer
    path: np.ndarray
    loss: np.ndarray
    grad: np.ndarray
    lr: np.ndarray
    state: State
    evaluations: np.ndarray
    seconds: np.ndarray
    diverged_at: int | None


def race(
    landscape: Landscape, racers: Sequence[Racer], start: Sequence[float], steps: int, dtype: Any = "float64"
) -> list[Trail]:
    """Every racer from the same start for the same number of steps: zero_grad, loss, backward, step.

    Args:
        landscape: where.
        racers: who, one trail each.
        start: (x, y).
        steps: calls of `step`; one call of LBFGS is up to `max_iter` inner ones.
        dtype: 'float64' or 'float32', or torch's own.

    Raises:
        ValueError: no racers or too many, a start that is no point, too few or too many steps.
    """
    running = racing(landscape, racers, start, steps, dtype)
    while True:
        try:
            next(running)
        except StopIteration as end:
            return end.value


def racing(
    landscape: Landscape, racers: Sequence[Racer], start: Sequence[float], steps: int, dtype: Any = "float64"
) -> Generator[float, None, list[Trail]]:
    """`race` in pieces: what it is given is checked at once, and each `next` does up to PIECE steps of one racer.

    Raises:
        ValueError: see `race`.
    """
    check_landscape(landscape)
    check_racers(racers)
    point, steps = check_start(start), check_steps(steps)
    torch_dtype(dtype)
    return _pieces(landscape, racers, point, steps, dtype)


def _pieces(
    landscape: Landscape, racers: Sequence[Racer], start: tuple[float, float], steps: int, dtype: Any
) -> Generator[float, None, list[Trail]]:
    trails = []
    for index, racer in enumerate(racers):
        course = _Course(landscape, racer, start, steps, dtype)
        while course.run(PIECE):
            yield (index + course.done / steps) / len(racers)
        trails.append(course.trail())
        yield (index + 1) / len(racers)
    return trails


def check_landscape(landscape: Any) -> None:
    """Raises ValueError for what is no landscape, such as the name of one."""
    if not isinstance(landscape, Landscape):
        raise ValueError(f"race: {str(landscape)[:40]!r} is no landscape; give one, such as LANDSCAPES['rosenbrock'].")


def check_racers(racers: Sequence[Racer]) -> None:
    """Raises ValueError unless there is at least one racer and not too many."""
    if not isinstance(racers, Sequence) or not all(isinstance(racer, Racer) for racer in racers):
        raise ValueError("race: it takes a list of racers, such as [Racer('SGD', 0.001)].")
    if not 1 <= len(racers) <= LIMITS.max_racers:
        raise ValueError(f"race: {len(racers)} racers; it takes 1 to {LIMITS.max_racers}.")


def check_start(start: Any) -> tuple[float, float]:
    """The start as two floats, or a ValueError."""
    try:
        x, y = (float(number) for number in start)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"race: the start is {str(start)[:40]}; it takes two numbers, x and y.") from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"race: the start is ({x:g}, {y:g}); both must be finite numbers.")
    return x, y


def check_steps(steps: Any) -> int:
    """The number of steps as an int, or a ValueError."""
    whole = isinstance(steps, int | float | np.number) and not isinstance(steps, bool) and math.isfinite(steps)
    if not whole or int(steps) != steps:
        raise ValueError(f"race: steps is {str(steps)[:40]}; it takes a whole number.")
    if not 1 <= steps <= LIMITS.max_race_steps:
        raise ValueError(f"race: {int(steps):,} steps; it takes 1 to {LIMITS.max_race_steps:,}.")
    return int(steps)


def torch_dtype(dtype: Any) -> Any:
    """torch.float64 or torch.float32 from either's name."""
    import torch

    known = {"float64": torch.float64, "float32": torch.float32}
    if (name := str(dtype).removeprefix("torch.")) not in known:
        raise ValueError(f"race: dtype is {str(dtype)[:40]}; choose float64 or float32.")
    return known[name]


class _Course:
    """One racer on its way: the point, the optimizer, and the records, written as it goes."""

    def __init__(self, landscape: Landscape, racer: Racer, start: tuple[float, float], steps: int, dtype: Any):
        import torch

        self.racer, self.landscape, self.function = racer, landscape, landscape.function
        self.point = torch.tensor(start, dtype=torch_dtype(dtype), requires_grad=True)
        self.optimizer = build_optimizer(racer, [self.point])
        self.move_rate = _rate_mover(racer, self.optimizer)
        self.clip: Callable[[], Any] | None = None
        if racer.clip is not None:
            self.clip = lambda: torch.nn.utils.clip_grad_norm_([self.point], racer.clip)
        self.steps, self.done = steps, 0
        self.path, self.grad = np.full((steps + 1, 2), np.nan), np.full((steps + 1, 2), np.nan)
        self.loss, self.lr = np.full(steps + 1, np.nan), np.full(steps, np.nan)
        self.evaluations, self.seconds = np.zeros(steps + 1, np.int64), np.zeros(steps + 1)
        self.columns: dict[str, np.ndarray] = {}
        self.views: dict[str, tuple[Any, Any]] = {}  # state tensors as arrays on the same memory
        self.spent, self.asked = 0.0, 0

    def run(self, most: int) -> bool:
        """Up to so many steps more; whether there are any left."""
        here, closure = self.point.detach().numpy(), OPTIMIZERS[self.racer.optimizer].closure
        move = self._step_with_closure if closure else self._step
        clock, group = time.perf_counter, self.optimizer.param_groups[0]
        for k in range(self.done, min(self.steps, self.done + most)):
            self.path[k], self.lr[k] = here, group["lr"]
            before = clock()
            move()
            self.spent += clock() - before
            self._keep(k)
            self.done = k + 1
            x, y = here
            if x != x and y != y:  # no number comes back from nan
                return False
        return self.done < self.steps

    def _evaluate(self) -> Any:
        """zero_grad, loss, backward; the first time in a step what is found is kept."""
        self.point.grad = None  # what zero_grad() does, without its profiler hook
        loss = self.function(self.point[0], self.point[1])
        loss.backward()
        return loss

    def _step(self) -> None:
        loss = self._evaluate()
        k = self.done
        self.loss[k], self.grad[k] = loss.item(), self.point.grad.numpy()
        if self.clip is not None:
            self.clip()
        self.optimizer.step()
        self.asked += 1
        if self.move_rate is not None:
            self.move_rate(self.loss[k])

    def _step_with_closure(self) -> None:
        asked, k = self.asked, self.done
        visited: list[np.ndarray] = []

        def closure() -> Any:
            visited.append(self.point.detach().numpy().copy())
            loss = self._evaluate()
            if self.asked == asked:
                self.loss[k], self.grad[k] = loss.item(), self.point.grad.numpy()
            self.asked += 1
            if self.clip is not None:
                self.clip()
            return loss

        self.optimizer.step(closure)
        self._keep_inner(visited)
        if self.move_rate is not None:
            self.move_rate(self.loss[k])

    def _keep_inner(self, visited: list[np.ndarray]) -> None:
        """Where the last inner step of this step began, as `inner`, and how far along `d` it went, as `inner_t`."""
        here, state = self.point.detach().numpy(), self.optimizer.state[self.point]
        began, length = here, 0.0
        if state.get("d") is not None:
            expected = here - float(state["t"]) * state["d"].numpy()
            nearest = min(visited, key=lambda point: float(np.hypot(*(point - expected))))
            if np.allclose(nearest, expected, rtol=1e-6, atol=1e-9) and not np.array_equal(nearest, here):
                began, length = nearest, float(state["t"])  # otherwise torch stopped before it moved again
        for name, value in (("inner", began), ("inner_t", length)):
            column = self.columns.setdefault(name, np.full((self.steps, *np.shape(value)), np.nan))
            column[self.done] = value

    def _keep(self, k: int) -> None:
        """Copies the optimizer's state; tensors that it changes in place are seen through one view."""
        self.evaluations[k + 1], self.seconds[k + 1] = self.asked, self.spent
        for name, value in self.optimizer.state[self.point].items():
            if name in NOT_SHOWN:
                continue
            tensor, view = self.views.get(name, (None, None))
            if tensor is not value or tensor is None:
                view = _as_array(value)
                self.views[name] = value, view
            if view is None:
                continue
            column = self.columns.get(name)
            if column is None:
                column = self.columns[name] = np.full((self.steps, *np.shape(view)), np.nan)
            column[k] = view

    def trail(self) -> Trail:
        """What has been recorded, with the value and gradient of the last point."""
        last = self.done
        self.path[last] = self.point.detach().numpy()
        self.evaluations[last:], self.seconds[last:] = self.asked, self.spent
        if last == self.steps:
            self.loss[-1], self.grad[-1] = self._evaluate().item(), self.point.grad.numpy()
        return Trail(
            self.racer,
            self.path,
            self.loss,
            self.grad,
            self.lr,
            State(_readable(self.racer, self.columns, self.path)),
            self.evaluations,
            self.seconds,
            self._diverged_at(),
        )

    def _diverged_at(self) -> int | None:
        finite = np.isfinite(self.loss) & np.isfinite(self.path).all(1)
        if not finite.all():
            return int(np.argmin(finite))
        near = np.flatnonzero(~self.landscape.is_far(self.path))
        since = int(near[-1]) + 1 if near.size else 0
        return since if since <= self.steps else None


NOT_SHOWN = {"step", "n_iter", "func_evals", "old_dirs", "old_stps", "ro", "al", "prev_loss"}


def _as_array(value: Any) -> Any:
    """A view of a tensor of one or two numbers, a number as it is, and None for anything else."""
    if isinstance(value, int | float):
        return float(value)
    if not hasattr(value, "numel") or value.numel() > 2:
        return None
    return value.detach().numpy() if value.numel() == 2 else value.detach().reshape(()).numpy()


def build_optimizer(racer: Racer, parameters: Any) -> Any:
    """The torch.optim object of a racer."""
    return _resolve(OPTIMIZERS[racer.optimizer].target)(parameters, lr=racer.lr, **racer.args)


def _rate_mover(racer: Racer, optimizer: Any) -> Callable[[float], None] | None:
    """What moves the learning rate after a step, given that step's loss; None where it stays as it is."""
    part = racer.scheduler
    if part is None:
        return None
    entry = part.entry
    try:
        scheduler = _resolve(entry.target)(optimizer, **part.args)
    except ValueError as error:
        reason = str(error).strip().rstrip(".")
        raise ValueError(f"racer: torch refuses {part.name} with {racer.optimizer}: {reason}.") from None
    left = part.args[entry.last_step] - 1 if entry.last_step else math.inf  # the constructor made the first call

    def move(loss: float) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            scheduler.step(loss) if entry.metric else scheduler.step()

    return move


FIRST_MOMENTS = ("exp_avg", "momentum_buffer", "grad_avg")
SECOND_MOMENTS = ("exp_avg_sq", "square_avg", "sum", "exp_inf", "variance")


def _readable(racer: Racer, columns: dict[str, np.ndarray], path: np.ndarray) -> dict[str, np.ndarray]:
    """torch's own names, and the short ones of the formulas."""
    named = dict(columns)
    for short, longs in (("m", FIRST_MOMENTS), ("v", SECOND_MOMENTS)):
        if found := next((name for name in longs if name in columns), None):
            named[short] = columns[found]
    if "betas" in racer.args:
        steps = np.arange(1, len(path))
        beta1, beta2 = racer.args["betas"]
        if "exp_avg" in columns:
            named["m_hat"] = columns["exp_avg"] / (1 - beta1**steps)[:, None]
        if "exp_avg_sq" in columns:
            largest = columns.get("max_exp_avg_sq", columns["exp_avg_sq"])
            named["v_hat"] = largest / (1 - beta2**steps)[:, None]
    named["update"] = np.diff(path, axis=0)
    return named
