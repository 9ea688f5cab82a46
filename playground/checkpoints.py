"""Files that a visitor takes along and brings back: runs and weights as safetensors.

A safetensors file is eight bytes of length, a JSON header that says where every tensor lies, and the tensors' bytes.
Everything that an upload claims is compared here with the bytes that are there, before any of it reaches the training
host: nothing is allocated for it, and nothing is ever unpickled. What the numbers mean is checked where they are used
(`playground.training.checkpoint`).

Format of the file: https://huggingface.co/docs/safetensors (version 0.8).
"""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from playground.limits import LIMITS
from playground.parts import sentence
from playground.spec import Experiment

__all__ = ["CHECKPOINT", "RUN", "WEIGHTS", "opened", "origin", "to_checkpoint", "weights_of"]

RUN = "pytorch-playground run 1"
"""A state that never left the server."""
CHECKPOINT = "pytorch-playground checkpoint 1"
"""A whole run as a file: it is not trusted."""
WEIGHTS = "pytorch-playground weights 1"
"""The weights of a network, with the experiment that is to begin with them; not trusted either."""

PARTS = ("experiment", "course", "history", "status")
"""Of a state, what a checkpoint holds."""
MAX_HEADER = 2**20
MAX_DIMENSIONS = 8
BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
    "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
PICKLES = (b"PK\x03\x04", b"PK\x05\x06", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")

NOT_OURS = (
    "This is not a file of weights that can be read here, or it was cut short: what is read is a checkpoint of this "
    "page, or a state_dict saved with safetensors.torch.save_file."
)
PICKLED = (
    "This is a pickle (.pt, .pth, .pkl), which can run code when it is opened, so it was not opened; save the weights "
    "with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors') and load that file."
)
CUT_SHORT = "The file is damaged: "


def to_checkpoint(state: bytes) -> bytes:
    """The `state()` of a run as a file to take along: what it shows, without the moments that it could go to."""
    header, metadata = _header(state)
    pairs = [pair for pair in json.loads(metadata["plan"])["pairs"] if pair[0] in PARTS]
    tensors, body = _some(header, sorted(_tensors(pairs), key=int), state)
    return _joined(tensors, metadata | {"format": CHECKPOINT, "plan": json.dumps({"pairs": pairs})}, body)


def weights_of(state: bytes) -> bytes:
    """The weights alone out of a run's `state()`: a safetensors state_dict under the names of the torch module."""
    header, metadata = _header(state)
    course = _pairs(_pairs(json.loads(metadata["plan"]))["course"])
    names = {place["tensor"]: name for name, place in sorted(_pairs(course["model"]).items())}
    tensors, body = _some(header, names, state)
    return _joined({names[key]: entry for key, entry in tensors.items()}, {"format": "pt"}, body)


def opened(data: bytes, experiment: Experiment) -> tuple[Experiment, bytes]:
    """What an uploaded file holds: the experiment, and the state for the engine to open it with.

    A file of weights belongs to the experiment on screen, which `experiment` is.

    Raises:
        ValueError: it is neither a checkpoint nor a safetensors state_dict, or is damaged; one sentence.
    """
    if len(data) > LIMITS.max_checkpoint:
        raise ValueError(f"The file has {len(data):,} bytes; the most is {LIMITS.max_checkpoint:,}.")
    header, metadata = _header(data)
    if metadata.get("format") == CHECKPOINT:
        return _experiment(metadata), data
    if "plan" in metadata:
        raise ValueError("This file was saved by another version of the playground; this one cannot read it.")
    if not header:
        raise ValueError("The file holds no weights at all.")
    marked = {"format": WEIGHTS, "experiment": experiment.model_dump_json()}
    return experiment, _file(header, marked, data)


def origin(state: bytes) -> tuple[str, Experiment]:
    """Which of the formats above a state has that the host is given, and the experiment in it.

    Raises:
        ValueError: the bytes are none.
    """
    metadata = _header(state)[1]
    if metadata.get("format") != WEIGHTS:
        return metadata.get("format", ""), _experiment(metadata)
    return WEIGHTS, Experiment.model_validate_json(metadata["experiment"])


def _experiment(metadata: dict[str, str]) -> Experiment:
    try:
        text = _pairs(json.loads(metadata["plan"]))["experiment"]
        return Experiment.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(f"The experiment in the file cannot be used: {sentence(error)}") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise ValueError(f"{CUT_SHORT}it does not say which experiment it belongs to.") from None


def _pairs(plan: Any) -> dict[Any, Any]:
    return dict(plan["pairs"])


def _tensors(plan: Any) -> Iterator[str]:
    """The names of the tensors in nested state."""
    if isinstance(plan, list):
        for item in plan:
            yield from _tensors(item)
    elif isinstance(plan, dict):
        if "tensor" in plan:
            yield plan["tensor"]
        yield from _tensors(plan.get("tuple") or plan.get("pairs") or [])


def _some(header: dict[str, Any], names: Iterable[str], data: bytes) -> tuple[dict[str, Any], bytes]:
    """These tensors of a file alone, one behind the other, and their bytes."""
    tensors, parts, end, start = {}, [], 0, _body(data)
    for name in names:
        first, last = header[name]["data_offsets"]
        tensors[name] = header[name] | {"data_offsets": [end, end + last - first]}
        parts.append(data[start + first : start + last])
        end += last - first
    return tensors, b"".join(parts)


def _body(data: bytes) -> int:
    """Where the tensors begin."""
    return 8 + int.from_bytes(data[:8], "little")


def _header(data: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors that a file holds, by name, and its metadata; every claim fits the bytes that are there.

    Raises:
        ValueError: it is no safetensors file, or its parts do not fit; one sentence.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 10 or data[8:9] != b"{" or length > max(len(data), MAX_HEADER):
        raise ValueError(PICKLED if data.startswith(PICKLES) else NOT_OURS)
    if length > MAX_HEADER:
        raise ValueError(f"The file's header has {length:,} bytes; the most is {MAX_HEADER:,}.")
    if 8 + length > len(data):
        raise ValueError(f"{CUT_SHORT}its header should have {length:,} bytes, and {len(data) - 8:,} are there.")
    try:
        header = json.loads(data[8 : 8 + length].decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise ValueError(f"{CUT_SHORT}its header cannot be read.") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError(f"{CUT_SHORT}its metadata are no texts.")
    _check_places(header, len(data) - 8 - length)
    return header, metadata


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands there twice")
    return dict(pairs)


def _check_places(header: dict[str, Any], size: int) -> None:
    """Tensors lie one behind the other, from the first byte to the last."""
    places = sorted(_place(name, entry) for name, entry in header.items())
    end = 0
    for first, last, name in places:
        if first != end:
            raise ValueError(f"{CUT_SHORT}the numbers of {_short(name)} overlap others, or leave a gap.")
        end = last
    if end != size:
        raise ValueError(f"{CUT_SHORT}its tensors take {end:,} bytes, and {size:,} are there.")


def _place(name: str, entry: Any) -> tuple[int, int, str]:
    """Where a tensor begins and ends, after its kind, shape and place have been compared."""
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [first, last]} if len(entry) == 3:
            pass
        case _:
            raise ValueError(f"{CUT_SHORT}it does not say what {_short(name)} is.")
    if dtype not in BYTES:
        raise ValueError(f"{_short(name)} holds numbers of the kind {_short(dtype)}, which is unknown here.")
    whole = all(type(number) is int and 0 <= number <= 2**40 for number in (*shape, first, last))
    if not whole or len(shape) > MAX_DIMENSIONS or first > last:
        raise ValueError(f"{CUT_SHORT}the shape or the place of {_short(name)} is none.")
    if math.prod(shape) * BYTES[dtype] != last - first:
        raise ValueError(
            f"{CUT_SHORT}{_short(name)} of shape {_short(shape)} does not have the {last - first:,} bytes it is given."
        )
    return first, last, name


def _short(value: Any) -> str:
    """As it stands in a sentence: printable, and not long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _file(header: dict[str, Any], metadata: dict[str, str], data: bytes) -> bytes:
    """The same tensors under other metadata."""
    return _joined(header, metadata, data[_body(data) :])


def _joined(header: dict[str, Any], metadata: dict[str, str], body: bytes) -> bytes:
    text = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body
