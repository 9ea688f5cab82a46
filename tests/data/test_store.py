"""Uploads are kept by their content, within limits, and a name leads nowhere else."""

import os

import pytest

from playground.data import store
from playground.limits import Limits


def test_the_same_content_has_one_name_and_comes_back():
    key = store.put(b"a,b\n1,2\n")
    assert store.put(b"a,b\n1,2\n") == key != store.put(b"a,b\n1,3\n")
    assert store.get(key) == b"a,b\n1,2\n"
    assert len(list(store.folder().iterdir())) == 2


def test_nobody_else_may_look_into_the_folder():
    assert store.folder().stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "key", ["", "..", "../../etc/passwd", "/etc/passwd", "a" * 31, "A" * 32, "mnist.npz", "a" * 32 + "\n"]
)
def test_what_is_no_key_opens_nothing(key):
    with pytest.raises(store.Gone, match="upload"):
        store.get(key)
    store.remove(key)
    assert os.path.exists("/etc/passwd")


def test_limits_hold_and_say_a_way_out(monkeypatch):
    monkeypatch.setattr(store, "LIMITS", Limits(max_upload=10, max_store=25))
    with pytest.raises(ValueError, match=r"0\.0 MB; the most is .* Upload a part"):
        store.put(b"x" * 11)
    with pytest.raises(ValueError, match="empty"):
        store.put(b"")
    keys = []
    for number in range(4):
        keys.append(store.put(bytes([number]) * 10))
        os.utime(store.folder() / keys[-1], (number, number))
    kept = [key for key in keys if (store.folder() / key).exists()]
    assert kept == keys[2:]  # 30 bytes do not fit: those longest unused are gone
    with pytest.raises(store.Gone, match="no longer on this server"):
        store.get(keys[0])
    store.path(keys[2])  # used just now
    store.put(b"z" * 10)
    assert (store.folder() / keys[2]).exists()
    assert not (store.folder() / keys[3]).exists()


def test_a_file_that_was_changed_is_not_used():
    key = store.put(b"true")
    (store.folder() / key).write_bytes(b"false")
    with pytest.raises(store.Gone, match="changed"):
        store.get(key)
    assert not (store.folder() / key).exists()
