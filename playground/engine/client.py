"""The web side of the engine: starts the hosts, gives every run a home, and collects for all visitors together.

Nothing here imports torch or NumPy: the first page is painted while the first host is still importing them.
"""

import atexit
import contextlib
import os
import queue
import threading
import time
import weakref
from collections import Counter
from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from playground.engine.handle import LEASE, PATIENCE, REVIVING, STARTING, Handle
from playground.engine.line import Line
from playground.engine.link import Answer, HostLost, Link
from playground.engine.snapshot import Snapshot
from playground.engine.wire import Part
from playground.limits import LIMITS
from playground.spec import Experiment

if TYPE_CHECKING:
    from playground.engine.dask_link import Cluster

__all__ = ["Engine", "Handle", "Snapshot", "the_engine"]

COLLECT_EVERY = 0.09
"""Seconds between two collections, which serve all visitors together."""
PICTURES, SLOWEST = 60.0, 1.0
"""Pictures per second of all playing runs together, and the most seconds between two of one run."""
HUNG = 60.0
"""Seconds after which a ready host that does not answer a collection is ended and replaced."""
MAX_LOSSES, LOSSES_WITHIN = 3, 60.0
"""A run whose host was lost so often within so many seconds is not brought back unasked."""
MAX_FAILED_STARTS = 3
"""Hosts that ended before they were ready, in a row, until nobody starts another unasked."""

LOST_TOO_OFTEN = "The training host was lost three times within a minute under this run; press Reset to try it again."
NO_START = "The training process ended while it was starting; the server's log says why. Press Reset to try it again."


class Engine:
    """Hosts, and the runs in them. One for the whole server; costs nothing while nobody looks at a run.

    Args:
        hosts: the most processes; default: PLAYGROUND_HOSTS, or one per core, from 2 to 8.
        cluster: `dask://host:port` to train there instead, with a host on every worker; default: PLAYGROUND_ENGINE.
        delay: seconds that the first host waits for `start`: importing torch would slow down the first page.

    Attributes:
        streaming: whether this server has the route by which a browser reads a run's pictures as a stream.
    """

    streaming = False

    def __init__(self, hosts: int | None = None, delay: float = 0.0, cluster: str | None = None):
        cluster = os.environ.get("PLAYGROUND_ENGINE", "") if cluster is None else cluster
        self._cluster = join_cluster(cluster) if cluster else None
        if self._cluster is not None:
            hosts = hosts or max(1, len(self._cluster.workers()))
        self._most = hosts or LIMITS.hosts or max(2, min(_cores(), 8))
        self._links: list[Link] = []
        self._failed_starts, self._delay = 0, delay
        self.devices: list[str] = []  # what runs can be on, 'cpu' first; empty until the first host has said so
        self._lock = threading.Lock()  # of the three above
        self._changed = threading.Condition()  # a host has become ready, or was lost
        self._handles: weakref.WeakValueDictionary[str, Handle] = weakref.WeakValueDictionary()
        self._tokens: weakref.WeakValueDictionary[str, Handle] = weakref.WeakValueDictionary()
        self.line = Line(self)
        self._bell: queue.SimpleQueue[tuple[str, SimpleNamespace] | None] = queue.SimpleQueue()
        self._asleep, self._closing = False, False
        self._start_hosts()
        self._collector = threading.Thread(target=self._collect, name="playground collector", daemon=True)
        self._collector.start()
        atexit.register(self.shutdown)

    # -- what a page calls ----------------------------------------------------------------------------------------

    def open(self, experiment: Experiment, state: bytes | None = None) -> Handle:
        """A run of this experiment, paused; from a `Handle.state()` of it where one is given.

        It waits for the run, unless no host is ready yet: then it returns at once, the snapshot's status is
        'starting', and commands are carried out in their order as soon as there is a host.

        Raises:
            ValueError: the experiment cannot be trained, or the state is none; one sentence. (If no host is ready
                yet, the sentence comes as a snapshot with the status 'failed'.)
        """
        handle = Handle(self, experiment, state)
        self._handles[handle.id] = self._tokens[handle.token] = handle
        with handle._order:
            opening = self.house(handle, patient=True)
        if opening is not None:
            with contextlib.suppress(HostLost, TimeoutError):  # it is brought back like any other
                if "error" in (answer := opening.result(PATIENCE)):
                    handle.close()
                    raise ValueError(answer["error"])
        return handle

    def start(self) -> None:
        """The first page is there: start what has waited for it."""
        if self._delay:
            self._delay = 0.0
            for link in self._alive():
                link.start()

    def attach(self, run: str) -> Handle:
        """The run of this name, which another web process has opened in a host that this one shares.

        The other one may have died: whoever attaches looks at the run from now on.

        Raises:
            ValueError: no host carries a run of this name.
        """
        for link in self._alive():
            if not link.ready.is_set():
                continue
            with contextlib.suppress(HostLost, TimeoutError):
                answer = link.request("attach", run=run).result(PATIENCE)
                if "error" not in answer:
                    handle = Handle(self, Experiment.model_validate_json(answer["experiment"]), None, run)
                    handle._home.link, handle._playing = link, answer["playing"]
                    handle._speed = answer["speed"]
                    self._handles[handle.id] = self._tokens[handle.token] = handle
                    link.request("attach", run=run).result(PATIENCE)  # the picture of the first found nobody
                    handle.state()
                    handle.poll()
                    return handle
        raise ValueError(f"No training host carries a run named {run[:40]!r}; open it anew.")

    def ready(self, timeout: float = 0.0, hosts: int = 1) -> bool:
        """Whether so many hosts have imported torch; waits up to `timeout` seconds for it."""

        def there() -> bool:
            return sum(link.ready.is_set() for link in self._alive()) >= hosts

        if timeout:
            self.start()
        with self._changed:
            return self._changed.wait_for(there, timeout)

    def find(self, token: str) -> Handle | None:
        """The run with this token, if there still is one."""
        return self._tokens.get(token)

    def _all(self) -> list[Handle]:
        """The handles that are still held, whatever other threads open meanwhile."""
        return [handle for held in self._handles.valuerefs() if (handle := held()) is not None]

    @property
    def pace(self) -> float:
        """Seconds between two pictures of a playing run: more for everybody, the more runs play."""
        now = time.monotonic()
        playing = sum(handle.computes(now) for handle in self._all())
        return min(SLOWEST, max(COLLECT_EVERY, playing / PICTURES))

    def health(self) -> dict[str, Any]:
        """The hosts and totals.

        Each host has pid, alive, ready, and what it answers (None where it does not): runs, playing, memory (bytes),
        and the longest seconds that a run has lately waited for its slice. `well` is False once no host can be started.
        """
        links = self._alive()
        asked = [link.request("health") if link.ready.is_set() else None for link in links]
        end, hosts = time.monotonic() + 1.0, []
        for link, future in zip(links, asked, strict=True):
            counts: dict[str, Any] = {"runs": None, "playing": None, "memory": None, "wait": None}
            if future is not None:
                with contextlib.suppress(HostLost, TimeoutError):
                    answer = future.result(max(0.0, end - time.monotonic()))
                    counts = {name: answer[name] for name in counts}
            hosts.append({"pid": link.pid, "alive": link.alive, "ready": link.ready.is_set(), **counts})
        totals = {name: sum(host[name] or 0 for host in hosts) for name in ("runs", "playing")}
        handles, now = self._all(), time.monotonic()
        return {
            "hosts": hosts,
            "handles": len(handles),
            "watched": sum(handle._lease_end > now for handle in handles),
            "in_line": len(self.line),
            "steps_per_second": sum(
                handle.snapshot.header["steps_per_second"] or 0.0 for handle in handles if handle.computes(now)
            ),
            "well": not self._closing and (bool(links) or self._failed_starts < MAX_FAILED_STARTS),
            **totals,
        }

    def shutdown(self) -> None:
        """Ends all processes. Snapshots can still be read."""
        self._closing = True
        atexit.unregister(self.shutdown)
        self._bell.put(None)
        links = self._alive()
        for link in links:
            link.close()
        for link in links:
            link.wait(2.0)
        if self._cluster is not None:
            self._cluster.close()

    # -- what a handle calls --------------------------------------------------------------------------------------

    def house(self, handle: Handle, lost: int | None = None, patient: bool = False) -> "Future[Answer] | None":
        """Gives a run without a home one, from its last kept state. Its `_order` is held.

        `lost` is the step last seen of a run whose host was lost, or its state. Returns the answer to come where
        `patient` and the host is ready; then a refusal is the caller's to report.
        """
        if lost is None and handle._kept is None:
            lost = handle.snapshot.header["step"] or None
        while (link := None if self._closing else self._pick()) is not None:
            if lost is None and not link.ready.is_set() and handle.snapshot.header["status"] != "starting":
                handle._announce("starting", STARTING)
            handle._home.link = link
            patient = patient and link.ready.is_set()
            opening = handle._send_open(link, handle.experiment, handle._kept, patient, handle._playing, lost)
            if link.alive:  # otherwise it died unseen by `_on_lost`, before it was this run's home
                self._start_hosts()
                return opening if patient else None
            handle._home.link = None
        handle._given_up = True
        handle._announce("failed", NO_START)
        return None

    def ring(self, closed: tuple[str, SimpleNamespace]) -> None:
        """A handle is gone. Called wherever the garbage collector happens to run, so it takes no lock."""
        self._bell.put(closed)

    def forget(self, handle: Handle) -> None:
        """The handle is closed while somebody still holds it."""
        self._handles.pop(handle.id, None)
        self._tokens.pop(handle.token, None)

    def wake(self) -> None:
        """Somebody looks at a run."""
        if self._asleep:
            self._bell.put(("", SimpleNamespace(link=None)))

    # -- hosts ----------------------------------------------------------------------------------------------------

    def _alive(self) -> list[Link]:
        with self._lock:
            return [link for link in self._links if link.alive]

    def _start_hosts(self, wanted: bool = False) -> None:
        """The first host at once, the second when the first is ready, more when there are more runs than hosts."""
        with self._lock:
            if self._closing or (self._failed_starts >= MAX_FAILED_STARTS and not wanted):
                return
            alive = [link for link in self._links if link.alive]
            count, settled = len(alive), all(link.ready.is_set() for link in alive)
            if count == 0 or (settled and count < self._most and (count < 2 or len(self._handles) > count)):
                self._links.append(self._new_link())

    def _new_link(self) -> Link:
        if self._cluster is None:
            return Link(self._on_part, self._on_event, self._on_lost, delay=self._delay)
        from playground.engine.dask_link import DaskLink

        return DaskLink(self._cluster, self._on_part, self._on_event, self._on_lost)

    def _pick(self) -> Link | None:
        """The host with the fewest runs, a ready one if there is one; starts one if there is none."""
        if not self._alive():
            self._start_hosts(wanted=True)
        links = self._alive()
        runs = Counter(handle._home.link for handle in self._all())
        return min(links, key=lambda link: (not link.ready.is_set(), runs[link]), default=None)

    def _balance(self, link: Link) -> None:
        """Has the others give runs back until this host, which has just become ready, has its share.

        A run that is given back is opened again at its next poll, in the host with the fewest, and goes on there.
        """
        homes: dict[Link, list[Handle]] = {other: [] for other in self._alive() if other.ready.is_set()}
        for handle in self._all():
            if (home := handle._home.link) in homes:
                homes[home].append(handle)
        share = sum(map(len, homes.values())) // max(1, len(homes))
        for crowded, handles in homes.items():
            if crowded is not link:
                for handle in handles[max(share, 1) :]:
                    crowded.request("hand over", run=handle.id)

    def _on_part(self, link: Link, part: Part) -> None:
        kind, run, data = part
        handle = self._handles.get(run)
        if handle is not None and handle._home.link is link:
            handle._receive(kind, data)

    def _on_event(self, link: Link, header: Answer) -> None:
        if header["event"] == "ready":
            with self._lock:
                self._failed_starts, self._delay = 0, 0.0
            self.devices = header["devices"]
            with self._changed:
                self._changed.notify_all()
            self._start_hosts()
            self._balance(link)
        elif header["event"] == "given back" and (handle := self._handles.get(header["run"])):
            handle._leave(link)

    def _on_lost(self, link: Link) -> None:
        """Replaces a lost host, and brings its runs back in another one, those first that are looked at."""
        with self._lock:
            self._links.remove(link)
            self._failed_starts += not link.ready.is_set()
        if self._closing:
            return
        homeless = [handle for handle in self._all() if handle._home.link is link]
        self._start_hosts()
        for handle in sorted(homeless, key=lambda handle: -handle._lease_end):
            self.revive(handle, link)
        with self._changed:
            self._changed.notify_all()

    def revive(self, handle: Handle, link: Link) -> None:
        """Brings back a run whose host is this lost one; once, whoever notices first."""
        now, losses = time.monotonic(), handle._losses
        with handle._order:
            if handle._home.link is not link:
                return
            handle._home.link = None
            if link.ready.is_set():
                losses.append(now)
            if len(losses) == MAX_LOSSES and now - losses[0] < LOSSES_WITHIN:
                losses.clear()
                handle._given_up = True
                handle._announce("failed", LOST_TOO_OFTEN)
            elif self._failed_starts >= MAX_FAILED_STARTS and not self._alive():
                handle._given_up = True
                handle._announce("failed", NO_START)
            elif handle.snapshot.header["status"] == "starting":
                self.house(handle)
            else:
                handle._announce("reviving", REVIVING)
                self.house(handle, lost=handle.snapshot.header["step"])

    def make_room(self, newest: Handle) -> None:
        """Forget the states that nobody has looked at for longest, where all together are too large.

        Those first whose runs are in a host, which goes on with them while it lives. A run without a host or a state
        begins anew, and says so.
        """
        handles = sorted(self._all(), key=lambda handle: (handle._home.link is None, handle._lease_end))
        over = sum(len(handle._kept or b"") for handle in handles) - LIMITS.kept_states
        for handle in handles:
            if over <= 0:
                return
            if handle is not newest:
                over -= len(handle._kept or b"")
                handle._kept = None

    # -- collecting -----------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Asks the hosts for news while anybody looks, and closes the runs of handles that are gone."""
        while not self._closing:
            self._asleep = True  # before looking: a poll between looking and sleeping must ring
            self.line.move()
            if self._ask_hosts():
                self._asleep = False
                self._close_gone(time.monotonic() + COLLECT_EVERY)
            else:
                self._close_gone(None)

    def _ask_hosts(self) -> bool:
        """Sends a collection to every host with runs that are looked at and no collection under way."""
        now, pace = time.monotonic(), self.pace
        wanted: dict[Link, dict[str, float]] = {}
        for handle in self._all():
            if handle._lease_end > now and handle._home.link is not None:
                wanted.setdefault(handle._home.link, {})[handle.id] = min(LEASE, handle._lease_end - now)
        for link, runs in wanted.items():
            if not link.ready.is_set():
                continue
            if link.collecting is None or link.collecting.done():
                link.collecting_since = now
                link.collecting = link.request("collect", runs=runs, pace=pace)
            elif link.silent_for > HUNG:
                link.kill()
        return bool(wanted)

    def _close_gone(self, end: float | None) -> None:
        """Until `end`, or without one until somebody rings: closes what is rung for."""
        while not self._closing:
            try:
                rung = self._bell.get(timeout=None if end is None else max(0.0, end - time.monotonic()))
            except queue.Empty:
                return
            if rung is None:
                return
            run, home = rung
            if run and home.link is not None:
                home.link.request("close", run=run)
            elif end is None:
                return


def join_cluster(address: str) -> "Cluster":
    """The cluster that PLAYGROUND_ENGINE names.

    Raises:
        ValueError: the address names none, or nobody answers there.
    """
    from playground.engine.dask_link import Cluster, is_cluster

    if not is_cluster(address):
        raise ValueError(f"PLAYGROUND_ENGINE is {address!r}; it must be dask://host:port or dask+tls://host:port.")
    return Cluster(address)


_engine: Engine | None = None
_engine_lock = threading.Lock()


def the_engine(delay: float = 0.0) -> Engine:
    """The one engine of this process, for pages and routes alike; made when it is first asked for."""
    global _engine
    with _engine_lock:
        if _engine is None:
            _engine = Engine(delay=delay)
        return _engine


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
