"""Nested state (tensors, numbers, lists, tables) as safetensors and JSON: nothing is ever unpickled."""

import json
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

FORMAT = "pytorch-playground run 1"


def dump(state: dict[str, Any]) -> bytes:
    """`state` as one safetensors file whose metadata holds everything that is not a tensor."""
    tensors: dict[str, Tensor] = {}
    plan = json.dumps(_plan(state, tensors))
    return save(tensors, metadata={"format": FORMAT, "plan": plan})


def parse(data: bytes) -> dict[str, Any]:
    """What `dump` wrote; tensors on the CPU.

    Raises:
        ValueError: the bytes are not such a file.
    """
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        if metadata["format"] != FORMAT:
            raise KeyError
        return _fill(json.loads(metadata["plan"]), tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError):
        raise ValueError("this is not the state of a run: it was cut short, or comes from elsewhere.") from None


def _plan(value: Any, tensors: dict[str, Tensor]) -> Any:
    """`value` in JSON, with every tensor put aside under a number."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().clone().contiguous()  # safetensors takes no shared storage
        return {"tensor": name}
    if isinstance(value, dict):  # pairs, because an optimizer's state has numbers for keys
        return {"pairs": [[key, _plan(item, tensors)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_plan(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_plan(item, tensors) for item in value]
    return value


def _fill(plan: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(plan, list):
        return [_fill(item, tensors) for item in plan]
    if not isinstance(plan, dict):
        return plan
    if "tensor" in plan:
        return tensors[plan["tensor"]]
    if "tuple" in plan:
        return tuple(_fill(item, tensors) for item in plan["tuple"])
    return {key: _fill(item, tensors) for key, item in plan["pairs"]}


def clone(value: Any) -> Any:
    """A deep copy of nested state."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(clone(item) for item in value)
    return value


__all__ = ["clone", "dump", "parse"]
