"""`python -m playground.data.job`: one upload or download, looked at in a process of its own.

The request, {"op", ...}, comes by stdin as one line of JSON. News go out by stdout, a line each: {"progress", "said"},
then {"done": {...}} or {"error"}. A picture or a table that eats memory ends this process and nothing else.
"""

import contextlib
import json
import os
import sys
from typing import Any

from playground.data import store

MEMORY = 3_000_000_000
"""Bytes that the process may ask the system for."""


def tell(**news: Any) -> None:
    """One line for whoever waits."""
    os.write(1, json.dumps(news).encode() + b"\n")


def told(progress: float, said: str) -> None:
    """How far the work is, from 0 to 1."""
    tell(progress=round(progress, 3), said=said)


def look_at_table(request: dict[str, Any]) -> dict[str, Any]:
    """What an uploaded table holds; it is kept as UTF-8, and its key is in the answer."""
    from playground.data import csv_file

    found = csv_file.look(store.get(request["key"]), request.get("delimiter", ""), request.get("header"))
    return {"key": store.put(found.text.encode()), "look": found.facts()}


def unpack_pictures(request: dict[str, Any]) -> dict[str, Any]:
    """An uploaded archive's pictures as arrays, under a key of their own."""
    from playground.data import archive

    packed, count, names = archive.read(store.get(request["key"]), request["side"], request["colour"], told)
    return {"key": store.put(packed), "count": count, "names": names}


def download(request: dict[str, Any]) -> dict[str, Any]:
    """MNIST or Fashion-MNIST, kept for everybody on this server."""
    from playground.data import fetching

    fetching.fetch(request["name"], told)
    return {}


OPERATIONS = {"table": look_at_table, "pictures": unpack_pictures, "download": download}


def main() -> None:
    """Answers one request."""
    if hasattr(os, "nice"):
        os.nice(5)
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    request = json.loads(sys.stdin.readline())
    try:
        tell(done=OPERATIONS[request["op"]](request))
    except ValueError as error:
        tell(error=str(error))
    except MemoryError:
        tell(error="The file needs more memory than one upload may have; upload a smaller part of it.")


if __name__ == "__main__":
    main()
