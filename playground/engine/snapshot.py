"""The packed picture of a run at one step: what a host sends and a browser draws.

Layout: uint32 little-endian H, H bytes of UTF-8 JSON (padded with spaces so that 4 + H is a multiple of 4), payload.
`header["arrays"][name]` is {"dtype": "u1" or "f4", "shape": [...], "offset": bytes from the payload's start}; a f4
array starts at a multiple of 4. Everything is little-endian.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from playground.catalog.points import to_text
from playground.spec import Experiment

_LENGTH = struct.Struct("<I")
DTYPES = {"uint8": "u1", "float32": "f4"}
WIDTHS = {"u1": 1, "f4": 4}


class Array(Protocol):
    """The little that packing needs of a NumPy array."""

    @property
    def dtype(self) -> Any: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    def tobytes(self) -> bytes: ...


@dataclass(frozen=True)
class Snapshot:
    """One packed picture: `seq` grows by at least one with every new one of a handle, `header` is that of `data`."""

    seq: int
    header: dict[str, Any]
    data: bytes

    @classmethod
    def of(cls, data: bytes) -> "Snapshot":
        """The snapshot that `pack` made."""
        header = read_header(data)
        return cls(header["seq"], header, data)

    def but(self, **fields: Any) -> "Snapshot":
        """The same picture under a header with other fields."""
        header = {**self.header, **fields}
        payload = self.data[_payload_start(self.data) :]
        return Snapshot(header["seq"], header, _join(header, payload))


def pack(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Header and arrays (uint8 and float32 only) in one buffer."""
    table, parts, offset = {}, [], 0
    # float32 first: their lengths are multiples of 4, so that none needs padding
    for name, array in sorted(arrays.items(), key=lambda item: item[1].dtype.name != "float32"):
        data = array.tobytes()
        table[name] = {"dtype": DTYPES[array.dtype.name], "shape": list(array.shape), "offset": offset}
        parts.append(data)
        offset += len(data)
    return _join({**header, "arrays": table}, b"".join(parts))


def read_header(data: bytes) -> dict[str, Any]:
    """The header of a packed snapshot, with no need of NumPy."""
    return json.loads(data[_LENGTH.size : _payload_start(data)])


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and NumPy arrays (read-only views of `data`)."""
    import numpy as np  # not at the top: the web process has no need of it

    header, start, arrays = read_header(data), _payload_start(data), {}
    for name, entry in header["arrays"].items():
        count = int(np.prod(entry["shape"], dtype=int))
        flat = np.frombuffer(data, "<" + entry["dtype"], count, start + entry["offset"])
        arrays[name] = flat.reshape(entry["shape"])
    return header, arrays


def blank(experiment: Experiment, run: str, seq: int, status: str, message: str) -> Snapshot:
    """What is known of a run before a host has built it: no numbers and no arrays."""
    header = {
        "v": 1,
        "run": run,
        "seq": seq,
        "status": status,
        "message": message,
        "step": 0,
        "scored": 0,
        "epoch": 0.0,
        "steps_per_epoch": None,
        "lr": None,
        "steps_per_second": None,
        "device": None,
        "train": None,
        "val": None,
        "parameters": None,
        "columns": [],
        "worst": [],
        "confusion_split": None,
        "value_scale": None,
        "train_points": None,
        **facts(experiment),
    }
    data = pack(header, {})
    return Snapshot(seq, read_header(data), data)


def facts(experiment: Experiment) -> dict[str, Any]:
    """The header fields that follow from the experiment alone."""
    entry, classes = experiment.data.entry, experiment.data.classes
    return {
        "epochs": experiment.training.epochs,
        "task": "classification" if classes else "regression",
        "view": entry.view,
        "classes": list(entry.names) if entry.names and classes else [str(index) for index in range(classes)],
        "domain": None if entry.view == "table" else list(entry.domain),
        "loss_name": experiment.loss.name,
        "own": to_text(experiment.data.points) or None,
    }


class Shrinking:
    """Snapshots for a reader who has all that came before: arrays that have not changed are left out.

    Their names stand in `header["kept"]`. A picture of another run is always whole.
    """

    def __init__(self) -> None:
        self._run = ""
        self._sent: dict[str, bytes] = {}

    def __call__(self, snapshot: Snapshot) -> bytes:
        """The packed snapshot without what the last ones have brought."""
        header, start = snapshot.header, _payload_start(snapshot.data)
        if header["run"] != self._run:
            self._run, self._sent = header["run"], {}
        table, parts, kept, offset, sent = {}, [], [], 0, {}
        for name, entry in header["arrays"].items():
            begin = start + entry["offset"]
            data = snapshot.data[begin : begin + math.prod(entry["shape"]) * WIDTHS[entry["dtype"]]]
            sent[name] = data
            if self._sent.get(name) == data:
                kept.append(name)
                continue
            table[name] = {**entry, "offset": offset}
            parts.append(data)
            offset += len(data)
        self._sent = sent
        return _join({**header, "arrays": table, "kept": kept}, b"".join(parts))


def _payload_start(data: bytes) -> int:
    return _LENGTH.size + _LENGTH.unpack_from(data)[0]


def _join(header: Mapping[str, Any], payload: bytes) -> bytes:
    text = json.dumps(header, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()
    text += b" " * (-(_LENGTH.size + len(text)) % 4)
    return _LENGTH.pack(len(text)) + text + payload
