"""The race as a script that stands alone: real torch.optim, written out, printing the same final losses."""

import inspect
import json
import math
import re
from typing import Any

from playground.autograd.expression import Program, parse
from playground.catalog import OPTIMIZERS
from playground.landscapes.landscape import Landscape
from playground.landscapes.racing import Racer
from playground.landscapes.spec import RaceSpec


def to_script(race: RaceSpec) -> str:
    """A script that runs exactly this race and prints one line per racer: its name and its final loss."""
    racers = race.field()
    imports = (
        ["import math", "", "import torch"] if "math." in (function := _function(race.place)) else ["import torch"]
    )
    return "\n".join(
        [
            f'"""{len(racers)} optimizers on {race.place.label}, {race.steps} steps from {race.begin}."""',
            "",
            *imports,
            "",
            "torch.set_num_threads(1)",
            "",
            "",
            function,
            "",
            "",
            *_loop(racers),
            "",
            "",
            f"START, STEPS = {race.begin!r}, {race.steps}",
            *(line for racer in racers for line in _call(racer)),
            "",
        ]
    )


def _function(landscape: Landscape) -> str:
    if landscape.text:
        return _typed(parse(landscape.text))
    source = inspect.getsource(landscape.rule).rstrip()
    _, body = source.split("\n", 1)
    arguments = "".join(f", {name}={value!r}" for name, value in landscape.args.items())
    body = re.sub(r"\bm\.", "torch.", body)
    body = re.sub(r"\b(pi|e|radians)\b", r"math.\1", body) if landscape.rule.__code__.co_names else body
    body = re.sub(r"(?<![\w.])(sqrt|cos|sin)\(", r"math.\1(", body)
    return f"def loss_at(x, y{arguments}):\n{body}"


def _typed(program: Program) -> str:
    """What was typed, as torch code: one line for every name that was given."""
    written: dict[int, str] = {}
    lines = []
    for place, step in enumerate(program.steps):
        args = [written[arg] for arg in step.args]
        if step.op == "input":
            written[place] = step.name
            continue
        if step.op == "constant":
            value = step.value if step.value is not None else math.nan
            written[place] = f"({value!r})" if value < 0 else repr(value)
            continue
        numbers = [program.steps[arg].op == "constant" for arg in step.args]
        if all(numbers) or step.op in TAKES_TENSORS:
            args = [_tensor(text) if number else text for text, number in zip(args, numbers, strict=True)]
        written[place] = _operation(step.op, args)
        if step.name:
            lines.append(f"    {step.name} = {written[place]}")
            written[place] = step.name
    return "\n".join(["def loss_at(x, y):", *lines, f"    return {written[program.output]}"])


SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**"}
TORCH_NAMES = {"max": "torch.maximum", "min": "torch.minimum", "softplus": "torch.nn.functional.softplus"}
TAKES_TENSORS = {"max", "min"}


def _tensor(text: str) -> str:
    return f"torch.tensor({text}, dtype=torch.float64)"


def _operation(op: str, args: list[str]) -> str:
    if op in SIGNS:
        return f"({args[0]} {SIGNS[op]} {args[1]})"
    return f"(-{args[0]})" if op == "neg" else f"{TORCH_NAMES.get(op, f'torch.{op}')}({', '.join(args)})"


def _loop(racers: list[Racer]) -> list[str]:
    """The loop, with only what these racers need of it."""
    clip = any(racer.clip for racer in racers)
    scheduled = [racer.scheduler for racer in racers if racer.scheduler]
    closure = any(OPTIMIZERS[racer.optimizer].closure for racer in racers)
    limited = any(part.entry.last_step for part in scheduled)
    metric = any(part.entry.metric for part in scheduled)
    takes = ["name", "make_optimizer"]
    takes += ["make_scheduler=None"] if scheduled else []
    takes += ["scheduler_steps=STEPS"] if limited else []
    takes += ["clip=None"] if clip else []
    lines = [f"def race({', '.join(takes)}):".replace("=STEPS", "=float('inf')")]
    lines += [
        "    point = torch.tensor(START, dtype=torch.float64, requires_grad=True)",
        "    optimizer = make_optimizer([point])",
    ]
    lines += ["    scheduler = make_scheduler(optimizer) if make_scheduler else None"] if scheduled else []
    keep = ["            kept.append(loss.item())"] if metric and closure else []
    lines += ["", "    for step in range(STEPS):"]
    if closure:
        lines += [*(["        kept = []", ""] if keep else []), "        def closure():"]
        lines += ["            optimizer.zero_grad()", "            loss = loss_at(point[0], point[1])"]
        lines += ["            loss.backward()", *keep]
        lines += (
            ["            if clip is not None:", "                torch.nn.utils.clip_grad_norm_([point], clip)"]
            if clip
            else []
        )
        lines += ["            return loss", ""]
        lines += [
            "        if isinstance(optimizer, torch.optim.LBFGS):",
            "            optimizer.step(closure)",
            "        else:",
        ]
        lines += [f"            {'loss = ' if metric and not keep else ''}closure()", "            optimizer.step()"]
    else:
        lines += [
            "        optimizer.zero_grad()",
            "        loss = loss_at(point[0], point[1])",
            "        loss.backward()",
        ]
        lines += (
            ["        if clip is not None:", "            torch.nn.utils.clip_grad_norm_([point], clip)"]
            if clip
            else []
        )
        lines += ["        optimizer.step()"]
    if scheduled:
        lines += [f"        if scheduler is not None{' and step < scheduler_steps - 1' if limited else ''}:"]
        value = "kept[0]" if keep else "loss.item()"
        plateau = "isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)"
        lines += [
            f"            scheduler.step({value}) if {plateau} else scheduler.step()"
            if metric
            else "            scheduler.step()"
        ]
    lines += ["", "    print(name, loss_at(point[0], point[1]).item())"]
    return lines


def _call(racer: Racer) -> list[str]:
    defaults = {param.name: param.default for param in OPTIMIZERS[racer.optimizer].params}
    args = {name: value for name, value in racer.args.items() if value != defaults.get(name)}
    optimizer = f"lambda params: torch.optim.{racer.optimizer}(params, {_given({'lr': racer.lr, **args})})"
    parts = [json.dumps(racer.label), optimizer]
    if racer.scheduler:
        entry = racer.scheduler.entry
        parts.append(f"lambda optimizer: {entry.target}(optimizer, {_given(racer.scheduler.args)})")
        if entry.last_step:
            parts.append(f"scheduler_steps={racer.scheduler.args[entry.last_step]}")
    if racer.clip:
        parts.append(f"clip={racer.clip!r}")
    line = f"race({', '.join(parts)})"
    return [line] if len(line) <= 110 else ["race(", *(f"    {part}," for part in parts), ")"]


def _given(args: Any) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in args.items())
