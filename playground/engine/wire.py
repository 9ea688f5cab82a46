"""Frames over a pair of pipes: a JSON header and raw bytes, both with their length in front.

A frame is two little-endian uint32 (length of the header, length of the body), the header as UTF-8 JSON, and the body.
Pipes are all it needs, so it is the same on every system, and nothing that arrives is ever unpickled.
"""

import json
import queue
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

MAX_FRAME = 256 * 2**20  # bytes; a state of the largest allowed network is a fifth of it
_LENGTHS = struct.Struct("<II")

Part = tuple[str, str, bytes]
"""Something about one run that travels in a body: what it is, whose it is, and its bytes."""


class WireError(Exception):
    """The other end does not speak in frames, or in larger ones than are allowed."""


class Reader(Protocol):
    """The end of a pipe that bytes come out of."""

    def read(self, size: int, /) -> bytes | None: ...


class Writer(Protocol):
    """The end of a pipe that bytes go into; it may take fewer than it is given."""

    def write(self, data: Any, /) -> int | None: ...


class Outbox:
    """A pipe that takes everything at once: a thread of its own hands it on while the other end reads.

    A host must not stand still because the web process is busy drawing for a whole class.
    """

    def __init__(self, pipe: Writer, broken: Callable[[], None]):
        """`broken` is called once when nobody reads the pipe any more."""
        self._pipe, self._broken = pipe, broken
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._send, name="playground outbox", daemon=True).start()

    def write(self, data: Any, /) -> int:
        """Takes all of it."""
        self._waiting.put(bytes(data))
        return len(data)

    def _send(self) -> None:
        try:
            while True:
                write_all(self._pipe, self._waiting.get())
        except OSError:
            self._broken()


def write_frame(pipe: Writer, header: dict[str, Any], body: bytes = b"") -> None:
    """Sends one frame.

    Raises:
        WireError: the frame is larger than MAX_FRAME.
        OSError: nobody reads the pipe any more.
    """
    write_all(pipe, join_frame(header, body))


def join_frame(header: dict[str, Any], body: bytes = b"") -> bytes:
    """A frame as bytes.

    Raises:
        WireError: it is larger than MAX_FRAME.
    """
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    if len(text) + len(body) > MAX_FRAME:
        raise WireError(f"A frame of {len(text) + len(body):,} bytes; the most is {MAX_FRAME:,}.")
    return _LENGTHS.pack(len(text), len(body)) + text + body


def read_frame(pipe: Reader) -> tuple[dict[str, Any], bytes] | None:
    """The next frame as (header, body); None when the other end has closed the pipe.

    Raises:
        WireError: the frame is larger than MAX_FRAME, ends in the middle, or has no JSON table for a header.
    """
    lengths = _read_all(pipe, _LENGTHS.size)
    if not lengths:
        return None
    header_length, body_length = _LENGTHS.unpack(lengths)
    if header_length + body_length > MAX_FRAME:
        raise WireError(f"A frame of {header_length + body_length:,} bytes; the most is {MAX_FRAME:,}.")
    try:
        header = json.loads(_read_all(pipe, header_length, in_frame=True))
    except ValueError as error:
        raise WireError(f"A frame without a JSON header: {error}.") from None
    if not isinstance(header, dict):
        raise WireError("A frame whose header is not a table.")
    return header, _read_all(pipe, body_length, in_frame=True)


def join_parts(parts: Iterable[Part]) -> tuple[list[list[Any]], bytes]:
    """Parts as a list for the header, [kind, run, length], and one body."""
    parts = list(parts)
    return [[kind, run, len(data)] for kind, run, data in parts], b"".join(data for _, _, data in parts)


def split_parts(table: list[list[Any]], body: bytes) -> Iterator[Part]:
    """What `join_parts` put together."""
    start = 0
    for kind, run, length in table:
        yield kind, run, body[start : start + length]
        start += length


def write_all(pipe: Writer, data: bytes) -> None:
    """All of it, however little the pipe takes at once."""
    view = memoryview(data)
    while view:
        view = view[pipe.write(view) or 0 :]


def _read_all(pipe: Reader, size: int, in_frame: bool = False) -> bytes:
    """`size` bytes; none at all where the pipe has ended between two frames."""
    parts: list[bytes] = []
    missing = size
    while missing:
        part = pipe.read(min(missing, 1 << 20))
        if not part:
            if in_frame or parts:
                raise WireError("The pipe ended in the middle of a frame.")
            return b""
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
