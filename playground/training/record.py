"""Nested state (tensors, numbers, lists, tables) as safetensors and JSON: nothing is ever unpickled."""

import json
from typing import Any

from safetensors import SafetensorError, TensorSpec, serialize
from safetensors.torch import load
from torch import Tensor

from playground.checkpoints import CHECKPOINT, RUN


def dump(state: dict[str, Any]) -> bytes:
    """`state` as one safetensors file whose metadata holds everything that is not a tensor.

    Not by `safetensors.torch.save`: it makes a ctypes array type for every length of a tensor, which Python never
    forgets, and a history that grows has thousands of lengths.
    """
    tensors: dict[str, Tensor] = {}
    plan = json.dumps(_plan(state, tensors))
    specs = {name: _spec(tensor) for name, tensor in tensors.items()}
    return bytes(serialize(specs, metadata={"format": RUN, "plan": plan}))


def _spec(tensor: Tensor) -> TensorSpec:
    """Where a contiguous tensor of the CPU lies, which must outlive this."""
    kind = str(tensor.dtype).removeprefix("torch.")
    return TensorSpec(dtype=kind, shape=tuple(tensor.shape), data_ptr=tensor.data_ptr(), data_len=tensor.nbytes)


def parse(data: bytes) -> dict[str, Any]:
    """What `dump` wrote; tensors on the CPU.

    Raises:
        ValueError: the bytes are not such a file.
    """
    try:
        found = load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        if metadata["format"] not in (RUN, CHECKPOINT):
            raise KeyError
        return _fill(json.loads(metadata["plan"]), found)
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError):
        raise ValueError("this is not the state of a run: it was cut short, or comes from elsewhere.") from None


def tensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        ValueError: the bytes are no such file.
    """
    try:
        return load(data)
    except SafetensorError:
        raise ValueError("this is no safetensors file, or it was cut short.") from None


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
        return tensors.pop(plan["tensor"])  # used once: a short plan cannot ask for a large tensor many times
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


__all__ = ["clone", "dump", "parse", "tensors"]
