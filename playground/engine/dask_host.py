"""A host as a Dask actor: what `python -m playground.engine` is over pipes, this is over a cluster's network.

One actor per worker, shared by all web processes: each has a name of its own, and its answers wait for it here. What
travels is the same frames as in a pipe, so nothing but bytes, numbers and names is ever pickled.
"""

import asyncio
import io
import queue
import sys
import threading
import time
from collections import deque
from typing import Any

from playground.engine.__main__ import devices, warm_up
from playground.engine.wire import join_frame, read_frame

FORGET = 300.0
"""Seconds without a question after which a web process is gone."""
REST = 0.0005
"""Seconds after every slice in which the event loop has the interpreter; else it waits for it at every message."""


class HostActor:
    """A host in a thread of its own, and the frames on their way to each web process.

    Its methods run in the event loop of the worker, and none of them computes.
    """

    def __init__(self) -> None:
        host_class = warm_up()
        sys.setswitchinterval(REST)  # the training thread is to give way to the event loop sooner
        self._ready = {"event": "ready", "devices": devices()}
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()  # of the fields below
        self._next_id = 0
        self._asked: dict[int, tuple[str, int]] = {}  # id of a command -> who sent it under which id
        self._waiting: dict[str, deque[bytes]] = {}
        self._news: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}
        self._heard: dict[str, float] = {}  # when a web process has last asked
        self._host = host_class(self._inbox, self, REST)
        threading.Thread(target=self._host.serve, name="playground host", daemon=True).start()

    async def attach(self, client: str) -> dict[str, Any]:
        """A web process comes; what it is told of this host."""
        with self._lock:
            self._waiting[client] = deque()
            self._news[client] = asyncio.get_running_loop(), asyncio.Event()
            self._heard[client] = time.monotonic()
        return self._ready

    async def send(self, client: str, frames: bytes) -> None:
        """Commands of a web process, as frames one after the other."""
        pipe = io.BytesIO(frames)
        while (message := read_frame(pipe)) is not None:
            header, body = message
            with self._lock:
                self._asked[self._next_id] = client, header["id"]
                header["id"], self._next_id = self._next_id, self._next_id + 1
            self._inbox.put((header, body))

    async def receive(self, client: str, patience: float) -> bytes:
        """The frames that wait for a web process; waits so many seconds for the first."""
        _, news = self._news[client]
        self._heard[client] = time.monotonic()
        if not self._waiting[client]:
            try:
                await asyncio.wait_for(news.wait(), patience)
            except TimeoutError:
                return b""
        news.clear()
        with self._lock:
            frames, self._waiting[client] = self._waiting[client], deque()
        return b"".join(frames)

    async def detach(self, client: str) -> None:
        """A web process goes; its runs stand still when their leases end."""
        with self._lock:
            self._forget(client)

    def _forget(self, client: str) -> None:
        for known in (self._waiting, self._news, self._heard):
            known.pop(client, None)

    def write(self, data: Any, /) -> int:
        """One frame of the host: an answer for who has asked, or an event for all."""
        message = read_frame(io.BytesIO(data))
        assert message is not None, "a host writes whole frames"
        header, body = message
        taken = len(data)  # under its own id an answer may be longer or shorter than what is handed on
        with self._lock:
            if "id" in header:
                client, header["id"] = self._asked.pop(header["id"])
                clients, data = [client], join_frame(header, body)
            else:
                for gone in [name for name, heard in self._heard.items() if time.monotonic() - heard > FORGET]:
                    self._forget(gone)  # it was ended without a word
                clients = list(self._waiting)
            for client in clients:
                if client in self._waiting:
                    self._waiting[client].append(data)
                    loop, news = self._news[client]
                    loop.call_soon_threadsafe(news.set)
        return taken
