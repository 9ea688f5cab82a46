"""Uploaded files under the name of their own content: the same file twice is one file, and a name says what it names.

The folder is PLAYGROUND_STORE, or one of this user's in the system's folder for temporary files. When all files
together exceed the limit, those longest unused go.
"""

import contextlib
import hashlib
import os
import re
import tempfile
import time
from pathlib import Path

from playground.limits import LIMITS

KEY_LENGTH = 32
"""Hexadecimal digits of a file's SHA-256 that name it."""
_KEY = re.compile(rf"[0-9a-f]{{{KEY_LENGTH}}}")


class Gone(ValueError):
    """A file that is not in the store, or is not what its name says."""


def folder() -> Path:
    """Where the files are; made with the first use, for this user alone."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    given = os.environ.get("PLAYGROUND_STORE")
    place = Path(given) if given else Path(tempfile.gettempdir()) / f"pytorch-playground-{user}"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def key_of(data: bytes) -> str:
    """The name of a file of this content."""
    return hashlib.sha256(data).hexdigest()[:KEY_LENGTH]


def has(key: str) -> bool:
    """Whether the file is there; asking does not count as use."""
    return bool(_KEY.fullmatch(key)) and (folder() / key).is_file()


def put(data: bytes) -> str:
    """Keep `data`; its key.

    Raises:
        ValueError: it is empty, or larger than the limit.
    """
    if not data:
        raise ValueError("The file is empty; choose one with data in it.")
    if len(data) > LIMITS.max_upload:
        raise ValueError(
            f"The file has {len(data) / 1e6:,.1f} MB; the most is {LIMITS.max_upload / 1e6:,.1f} MB. Upload a "
            "part of it."
        )
    key = key_of(data)
    write(folder() / key, data)
    _make_room(key)
    return key


def write(place: Path, data: bytes) -> None:
    """The whole file at once, so that nobody reads half of it."""
    handle, name = tempfile.mkstemp(dir=place.parent, prefix="part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def path(key: str) -> Path:
    """Where the file is.

    Raises:
        Gone: it is not there (any more).
    """
    if not _KEY.fullmatch(key):
        raise Gone(f"{key[:40]!r} is no name of an uploaded file; upload the file on the page Data.")
    place = folder() / key
    if not place.is_file():
        raise Gone(
            "The uploaded file of this experiment is no longer on this server: upload it again on the page Data, "
            "and the "
            "same link works."
        )
    with contextlib.suppress(OSError):
        os.utime(place)  # used just now: others go first
    return place


def get(key: str) -> bytes:
    """The file's content.

    Raises:
        Gone: it is not there, or somebody has changed it.
    """
    place = path(key)
    data = place.read_bytes()
    if key_of(data) != key:
        place.unlink(missing_ok=True)
        raise Gone(
            "The uploaded file was changed on this server and is no longer used; upload it again on the page Data."
        )
    return data


def remove(key: str) -> None:
    """Forget a file, if it is there."""
    if _KEY.fullmatch(key):
        (folder() / key).unlink(missing_ok=True)


def _make_room(newest: str) -> None:
    """Remove what was longest unused until the rest fits; never the file that has just come."""
    found = []
    for place in folder().iterdir():
        with contextlib.suppress(OSError):  # another process may be making room too
            if _KEY.fullmatch(place.name):
                found.append((place.stat().st_mtime, place.stat().st_size, place))
            elif place.name.startswith("part-") and place.stat().st_mtime < time.time() - 3600:
                place.unlink()  # of a process that ended while writing
    total = sum(size for _, size, _ in found)
    for _, size, place in sorted(found):
        if total <= LIMITS.max_store:
            return
        if place.name != newest:
            place.unlink(missing_ok=True)
            total -= size
