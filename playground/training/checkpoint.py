"""Runs and weights that come from a file: every number is looked at before it is used.

`Run.restore` trusts the states that the engine keeps. What a visitor uploads is compared here, part for part, with a
run of the same experiment that has made one step: names, shapes, kinds, ranges, finiteness. Then a copy makes a step.
Only a file that has come through all of it becomes a run.
"""

import math
from typing import Any

import torch
from torch import Tensor

from playground.spec import Experiment
from playground.training import record
from playground.training.history import History
from playground.training.run import Run

STATUSES = {
    "ready": "",
    "finished": "The run in the file had done all its epochs.",
    "stopped": "The run in the file had stopped early.",
    "diverged": "The run in the file had diverged; these are its last finite weights.",
}
MOVING = {
    "last_epoch", "best", "num_bad_epochs", "cooldown_counter", "T_cur", "T_i",
    "_step_count", "_last_lr", "_get_lr_called_within_step", "_is_initial",
}  # fmt: skip
"""What a schedule changes while it goes on."""
LARGEST = 10**12
"""Most that a counter can say."""


def opened(made: type[Run], file: bytes, device: str | torch.device | None = None) -> Run:
    """The run of a checkpoint file.

    Raises:
        ValueError: something in it does not fit its own experiment; one sentence says what.
    """
    kept = _fields(record.parse(file), {"experiment", "course", "history", "status"}, "the file")
    try:
        experiment = Experiment.model_validate_json(kept["experiment"])
    except (TypeError, ValueError):
        raise ValueError("The experiment in the file cannot be used.") from None
    trial = made(experiment, device)
    fresh = trial._course()
    trial.advance(steps=1)
    _check_course(kept["course"], fresh, trial)
    status = _status(kept["status"])
    history = _history(kept["history"])
    run = made(experiment, device)
    try:
        trial._load(kept["course"])
        trial.status = "ready"
        trial.advance(steps=1)
        run._load(kept["course"])
    except Exception as error:  # whatever an optimizer makes of numbers that were never its own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"The state in the file does not fit its experiment: {reason[:200].rstrip('.')}.") from None
    run.history = history
    run.status, run.message = status, STATUSES[status]
    run.evaluate()
    run.begin_timeline()
    return run


def begun(made: type[Run], experiment: Experiment, file: bytes, device: str | torch.device | None = None) -> Run:
    """A run of `experiment` at step 0 that begins with the weights of a safetensors state_dict.

    Raises:
        ValueError: the weights are not those of such a network; one sentence says what differs.
    """
    run = made(experiment, device)
    weights = record.tensors(file)
    _check_weights(weights, run.model.state_dict(), "the network")
    run.begin_with(weights)
    return run


def _check_weights(given: Any, expected: dict[str, Tensor], whose: str) -> None:
    """Same names, shapes and kinds; all numbers finite."""
    if not isinstance(given, dict):
        raise ValueError(f"The file has no table of weights for {whose}.")
    if missing := [name for name in expected if name not in given]:
        raise ValueError(
            f"The file has no {missing[0]!r}, which {whose} needs: it holds the weights of another network."
        )
    if unknown := [name for name in given if name not in expected]:
        raise ValueError(f"The file has {str(unknown[0])[:60]!r}, which {whose} does not have.")
    for name, tensor in expected.items():
        _check_tensor(given[name], tensor, f"{name!r}")


def _check_tensor(given: Any, expected: Tensor, name: str) -> None:
    if not isinstance(given, Tensor):
        raise ValueError(f"{name} is no tensor in the file.")
    if given.shape != expected.shape:
        raise ValueError(
            f"{name} has the shape {tuple(given.shape)} in the file and {tuple(expected.shape)} in the network."
        )
    if given.dtype != expected.dtype:
        raise ValueError(f"{name} is {_kind(given)} in the file and {_kind(expected)} in the network.")
    if given.is_floating_point() and not given.isfinite().all():
        raise ValueError(f"{name} holds numbers that are not finite.")


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _check_course(given: Any, fresh: dict[str, Any], trial: Run) -> None:
    """All that decides the next steps. `fresh`: the course of a run at step 0; `trial`: that run after a step."""
    course = _fields(given, set(fresh), "the run")
    for name in ("step", "evaluated_at", "scheduler_calls"):
        _whole(course[name], name)
    if course["first_loss"] is not None:
        _number(course["first_loss"], "the first loss")
    best = _fields(course["best"], {"loss", "epoch", "weights"}, "the best weights")
    _number(best["loss"], "the best loss", infinite=True)
    _whole(best["epoch"], "the best epoch")
    if best["weights"] != {}:
        _check_weights(best["weights"], fresh["model"], "the network")
    _check_weights(course["model"], fresh["model"], "the network")
    _check_batches(course["batches"], fresh["batches"], len(trial.x_train))
    generators = course["generators"]
    if not isinstance(generators, list) or len(generators) != len(fresh["generators"]):
        raise ValueError("The file was saved on another kind of device: its random generators do not fit this one.")
    for given_generator, generator in zip(generators, fresh["generators"], strict=True):
        _check_generator(given_generator, generator)
    _check_schedule(course["scheduler"], fresh["scheduler"], course["scheduler_calls"])
    _check_optimizer(course["optimizer"], fresh["optimizer"], trial)


def _check_batches(given: Any, fresh: dict[str, Any], count: int) -> None:
    batches = _fields(given, set(fresh), "the batches")
    position, order = _whole(batches["position"], "the position in the epoch"), batches["order"]
    _whole(batches["epochs_done"], "the number of epochs")
    _check_generator(batches["generator"], fresh["generator"])
    if not isinstance(order, Tensor) or order.dtype != torch.int64 or order.dim() != 1:
        raise ValueError("The order of the samples in the file is none.")
    whole = torch.equal(order.sort().values, torch.arange(count)) if len(order) == count else not len(order)
    if not whole or position >= count or (position and not len(order)):
        raise ValueError(f"The order of the samples in the file does not belong to {count:,} samples.")


def _check_generator(given: Any, fresh: Tensor) -> None:
    if not isinstance(given, Tensor) or given.dtype != fresh.dtype or given.shape != fresh.shape:
        raise ValueError("The state of a random generator in the file is none, or belongs to another device.")


def _check_optimizer(given: Any, fresh: dict[str, Any], trial: Run) -> None:
    """State per parameter as after one step; settings of the same kinds."""
    state, stepped = _fields(given, {"state", "param_groups"}, "the optimizer"), trial._course()["optimizer"]["state"]
    _alike_groups(state["param_groups"], fresh["param_groups"])
    parameters, memories = trial._parameters, state["state"]
    if not isinstance(memories, dict):
        raise ValueError("The optimizer's state in the file is no table.")
    for number, memory in memories.items():
        if type(number) is not int or not 0 <= number < len(parameters) or not isinstance(memory, dict):
            raise ValueError("The optimizer's state in the file belongs to other parameters.")
        if trial.experiment.optimizer.entry.closure:
            total = sum(parameter.numel() for parameter in parameters)
            for name, value in memory.items():
                _check_vector(value, total, f"{str(name)[:40]!r} of the optimizer")
            continue
        expected = stepped.get(number, {})
        for name, value in _fields(memory, set(expected), "the optimizer").items():
            if value is not None and isinstance(expected[name], Tensor):
                _check_tensor(value, expected[name], f"{name!r} of the optimizer")
            elif value is not None and expected[name] is not None:
                _alike(value, expected[name], f"{name!r} of the optimizer")
            elif value is not None:  # a buffer that a new setting has begun since
                _check_tensor(value, parameters[number].detach(), f"{name!r} of the optimizer")


def _check_schedule(given: Any, fresh: dict[str, Any] | None, calls: int) -> None:
    """What counts and what was best may differ; all else is the experiment's."""
    if fresh is None or given is None:
        _alike(given, fresh, "the schedule")
        return
    for name, value in _fields(given, set(fresh), "the schedule").items():
        if name in MOVING:
            _alike(value, fresh[name], f"{name!r} of the schedule")
        elif value != fresh[name]:
            raise ValueError(f"{name!r} of the schedule is {str(value)[:40]!r} in the file, and not what it has to be.")
    if given.get("last_epoch", calls) != calls:
        raise ValueError("The schedule in the file has counted something else than its steps.")


def _check_vector(value: Any, total: int, name: str) -> None:
    """What an optimizer that works on all parameters as one vector remembers: numbers, vectors, and lists of them."""
    if isinstance(value, list) and len(value) <= 1_000:
        for one in value:
            _check_vector(one, total, name)
    elif isinstance(value, Tensor):
        if value.shape not in ((), (total,)) or not value.is_floating_point() or not value.isfinite().all():
            raise ValueError(f"{name} in the file does not belong to {total:,} parameters.")
    elif value is not None:
        _number(value, name)


def _alike_groups(given: Any, fresh: list[dict[str, Any]]) -> None:
    """Settings may have changed on the way, but not what they are; rates that a schedule has added are numbers."""
    if not isinstance(given, list) or len(given) != len(fresh):
        raise ValueError("The optimizer's settings in the file are none.")
    for settings, own in zip(given, fresh, strict=True):
        if not isinstance(settings, dict) or not set(own) <= set(settings):
            raise ValueError("The optimizer's settings in the file are not complete.")
        for name, value in settings.items():
            place = f"{str(name)[:40]!r} of the optimizer"
            if name not in own:
                _number(value, place)
            elif name == "params" and value != own[name]:
                raise ValueError("The optimizer in the file has other parameters.")
            elif (
                isinstance(own[name], bool) and isinstance(value, bool) and name in ("nesterov", "amsgrad", "centered")
            ):
                continue
            else:
                _alike(value, own[name], place)


def _alike(given: Any, fresh: Any, place: str) -> None:
    """The same structure, with numbers that may differ."""
    if isinstance(fresh, Tensor):
        _check_tensor(given, fresh, place)
    elif isinstance(fresh, dict):
        for name, value in _fields(given, set(fresh), place).items():
            _alike(value, fresh[name], place)
    elif isinstance(fresh, list | tuple):
        if type(given) is not type(fresh) or len(given) != len(fresh):
            raise ValueError(f"{place}: what the file says is not as long as it has to be.")
        for one, own in zip(given, fresh, strict=True):
            _alike(one, own, place)
    elif isinstance(fresh, bool | str | None):
        if place.startswith("'_") and isinstance(given, bool):
            return
        if type(given) is not type(fresh) or given != fresh:
            raise ValueError(f"{place}: the file says {str(given)[:40]!r}, and here it is {fresh!r}.")
    elif isinstance(fresh, int) and isinstance(given, int):
        _number(given, place)
    else:
        _number(given, place, infinite=math.isinf(fresh))


def _fields(given: Any, names: set[Any], place: str) -> dict[Any, Any]:
    if not isinstance(given, dict) or set(given) != names:
        raise ValueError(f"What the file says of {place} is not complete, or is more than there is.")
    return given


def _whole(value: Any, place: str) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise ValueError(f"{place} in the file is no whole number of at least 0.")
    return value


def _number(value: Any, place: str, infinite: bool = False) -> None:
    if type(value) not in (int, float) or value != value or (not infinite and not abs(value) <= LARGEST**3):
        raise ValueError(f"{place} in the file is no finite number.")


def _status(given: Any) -> str:
    match given:
        case [str(status), str()] if status in STATUSES:
            return status
    raise ValueError("The status of the run in the file is none.")


def _history(given: Any) -> History:
    """The curves of a file, in no more rows than a run keeps."""
    history = History()
    tables = _fields(given, {"steps", "evaluations"}, "the history")
    for name, own in (("steps", history.steps), ("evaluations", history.evaluations)):
        table = _fields(tables[name], {"stride", "count", "columns"}, "the history")
        columns = _fields(table["columns"], set(own.columns), "the history")
        lengths = {
            len(column) if isinstance(column, Tensor) and column.dim() == 1 else -1 for column in columns.values()
        }
        if len(lengths) != 1 or not 0 <= min(lengths) <= own.capacity:
            raise ValueError("The history in the file has columns of different lengths, or too many rows.")
        first = next(iter(own.columns))
        if any(column.dtype != torch.float64 for column in columns.values()) or not _rising(columns[first]):
            raise ValueError("The steps of the history in the file do not follow each other.")
        if not _whole(table["stride"], "the history") >= 1 or _whole(table["count"], "the history") < min(lengths):
            raise ValueError("The history in the file counts its rows wrongly.")
    history.load_state_dict(tables)
    return history


def _rising(steps: Tensor) -> bool:
    inside = steps.isfinite().all() and (steps >= 0).all() and (steps <= LARGEST).all()
    return bool(inside) and bool((steps.diff() > 0).all())
