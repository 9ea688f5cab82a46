import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.engine import wire
from playground.engine.wire import WireError, join_parts, read_frame, split_parts, write_frame


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()), st.binary(max_size=3000))
def test_what_is_written_is_read(header: dict, body: bytes) -> None:
    pipe = io.BytesIO()
    write_frame(pipe, header, body)
    write_frame(pipe, {"second": 1})
    pipe.seek(0)
    assert read_frame(pipe) == (header, body)
    assert read_frame(pipe) == ({"second": 1}, b"")
    assert read_frame(pipe) is None


class Slow(io.RawIOBase):
    """A pipe that takes and gives three bytes at a time."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: object) -> int:
        self.data += bytes(data)[:3]
        return min(3, len(data))

    def read(self, size: int = -1) -> bytes:
        part, self.data = self.data[: min(3, size)], self.data[min(3, size) :]
        return part


def test_pipes_that_take_and_give_little_at_a_time() -> None:
    pipe = Slow()
    write_frame(pipe, {"a": 1}, b"0123456789")
    assert read_frame(pipe) == ({"a": 1}, b"0123456789")


def test_frames_have_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.BytesIO()
    write_frame(pipe, {}, bytes(200))
    monkeypatch.setattr(wire, "MAX_FRAME", 100)
    with pytest.raises(WireError, match="the most is 100"):
        write_frame(io.BytesIO(), {}, bytes(200))
    pipe.seek(0)
    with pytest.raises(WireError, match="the most is 100"):
        read_frame(pipe)


@pytest.mark.parametrize("cut", [1, 7, 9, 15, 19])
def test_a_pipe_that_ends_in_the_middle(cut: int) -> None:
    pipe = io.BytesIO()
    write_frame(pipe, {"a": 1}, b"12345")
    with pytest.raises(WireError, match="middle"):
        read_frame(io.BytesIO(pipe.getvalue()[:cut]))


@pytest.mark.parametrize("text", [b"[]", b"{", b"\xff\xff"])
def test_a_header_that_is_no_table(text: bytes) -> None:
    with pytest.raises(WireError, match="header"):
        read_frame(io.BytesIO(len(text).to_bytes(4, "little") + bytes(4) + text))


def test_parts() -> None:
    parts = [("snapshot", "a", b"123"), ("state", "a", b""), ("snapshot", "b", b"45")]
    assert list(split_parts(*join_parts(parts))) == parts
