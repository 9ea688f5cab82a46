"""Hosts on other machines: `PLAYGROUND_ENGINE=dask://scheduler:8786`, or dask+tls:// where the cluster speaks TLS.

Needs the package `distributed` (requirements-dask.txt). Who can connect to a Dask cluster can run code on it, so its
ports stay in a private network: docs/hosting.md.
"""

import contextlib
import io
import queue
import sys
import threading
import time
import uuid
from typing import Any

from playground.engine.link import Link
from playground.engine.wire import read_frame

PATIENCE = 60.0
"""Seconds that a worker has to import torch, or to answer."""
PULSE = 1.0
"""Seconds that a question for news waits for some."""
SCHEDULER_ANSWERS = 10.0
"""Seconds that a scheduler has to answer, when the web process starts."""
WORKER_BACK = 10.0
"""Seconds that a lost worker has to come back, or another one to come."""
SCHEMES = {"dask": "tcp", "dask+tls": "tls"}


def is_cluster(address: str) -> bool:
    """Whether PLAYGROUND_ENGINE names a Dask scheduler."""
    return address.partition("://")[0] in SCHEMES


class Cluster:
    """A connection to a scheduler, and which of its workers carry a host of ours.

    Certificates come from Dask's own settings, such as DASK_DISTRIBUTED__COMM__TLS__CA_FILE.

    Raises:
        ValueError: the package is not installed, or nobody answers; one sentence.
    """

    def __init__(self, address: str):
        scheme, _, place = address.partition("://")
        try:
            from distributed import Client

            self.client = Client(f"{SCHEMES[scheme]}://{place}", timeout=SCHEDULER_ANSWERS, direct_to_workers=True)
        except ImportError:
            words = "the package distributed is not installed; pip install -r requirements-dask.txt."
            raise ValueError(f"PLAYGROUND_ENGINE is {address!r}, but {words}") from None
        except (OSError, TimeoutError) as error:
            words = "start it, or unset the variable to train on this machine."
            raise ValueError(f"no Dask scheduler answers at {address}: {words}") from error
        self.name = uuid.uuid4().hex
        self._taken: dict[str, Link] = {}
        self._lock = threading.Lock()

    def workers(self) -> list[str]:
        """Addresses of all workers."""
        return list(self.client.scheduler_info(n_workers=-1)["workers"])

    def actor(self, link: Link) -> Any:
        """The host on a worker that this process does not use yet; made there, or found where another has made it.

        Raises:
            LookupError: there is no such worker.
        """
        end = time.monotonic() + WORKER_BACK
        while (worker := self._free(link)) is None:
            if time.monotonic() > end or not link.alive:
                raise LookupError("the cluster has no free worker.")
            time.sleep(0.2)
        from playground.engine.dask_host import HostActor

        name = f"playground-host-{worker}"
        with contextlib.suppress(KeyError):  # published by whoever made it first
            return self.client.get_dataset(name).result(timeout=PATIENCE)
        future = self.client.submit(HostActor, actor=True, workers=[worker], key=name, pure=False)
        actor = future.result(timeout=PATIENCE)
        with contextlib.suppress(KeyError):  # another web process was faster: the key is the same, so the host is too
            self.client.publish_dataset(future, name=name)
        return actor

    def _free(self, link: Link) -> str | None:
        with self._lock:
            self._taken = {worker: other for worker, other in self._taken.items() if other.alive}
            worker = next((worker for worker in self.workers() if worker not in self._taken), None)
            if worker is not None:
                self._taken[worker] = link
            return worker

    def close(self) -> None:
        """Leaves the cluster; its hosts stay, for other web processes."""
        self.client.close(timeout=2)


class DaskLink(Link):
    """A host on a worker, as `Link` is one in a process of this machine."""

    def __init__(self, cluster: Cluster, *callbacks: Any):
        self._cluster, self._actor = cluster, None  # type: Cluster, Any
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        super().__init__(*callbacks)

    # -- in place of a process ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Nothing: the reading thread finds a worker."""

    @property
    def _pipe(self) -> "DaskLink":
        return self

    def write(self, data: Any, /) -> int:
        """Bytes on their way to the host, whole frames."""
        self._outgoing.put(bytes(data))
        return len(data)

    def kill(self) -> None:
        """Gives the host up; what runs on the worker is left to the cluster."""
        self.alive = False
        self._outgoing.put(None)

    def close(self) -> None:
        self.kill()

    def wait(self, seconds: float) -> None:
        if self._reader is not threading.current_thread():
            self._reader.join(seconds)

    def _read(self, delay: float) -> None:
        name = self._cluster.name
        try:
            self._actor = self._cluster.actor(self)
            self._take(self._actor.attach(name).result(PATIENCE), b"")
            threading.Thread(target=self._send, name="playground outbox", daemon=True).start()
            while self.alive:
                pipe = io.BytesIO(self._actor.receive(name, PULSE).result(PATIENCE))
                while (frame := read_frame(pipe)) is not None:
                    self._take(*frame)
            self._actor.detach(name)
        except LookupError as error:
            print(f"Training cannot begin: {error}", file=sys.stderr)
        except Exception as error:  # whatever a lost worker makes Dask raise: OSError, RuntimeError, its own
            print(f"A training host was lost: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
        self._end()

    def _send(self) -> None:
        """Hands on what waits, together."""
        while (data := self._outgoing.get()) is not None:
            parts = [data]
            with contextlib.suppress(queue.Empty):
                while (more := self._outgoing.get_nowait()) is not None:
                    parts.append(more)
            try:
                self._actor.send(self._cluster.name, b"".join(parts)).result(PATIENCE)
            except Exception:  # the reading thread notices the same, and says so
                return
