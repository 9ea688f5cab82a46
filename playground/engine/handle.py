"""What a page holds of its run, wherever that run is carried."""

import secrets
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from playground.engine.link import Answer, HostLost, Link
from playground.engine.snapshot import Snapshot, blank
from playground.limits import LIMITS
from playground.spec import Experiment, needs_reset

if TYPE_CHECKING:
    from playground.engine.client import Engine

LEASE = 3.0
"""Seconds that a run goes on after the last poll."""
PATIENCE = 30.0
"""Seconds that a command waits for its answer; it is carried out nevertheless."""
ARRIVING, MOMENT = ("step", "epoch"), 1.0
"""The commands that are answered when a step is reached, and how many seconds they are waited for: after that the page
shows them as it shows a run that plays, and ends them when it is closed."""
PAGE_GONE = 8.0
"""Seconds without a poll after which a stream no longer keeps its run going."""
STREAM_LEFT = 1.5
"""Seconds that the page has to poll after its stream has ended, before the run stands still."""
TRIES = 3
"""How often a command is sent when the host is lost under it."""

STARTING = "Starting PyTorch: the first run begins in a few seconds."
REVIVING = "The training host was lost; the run is being brought back."
GONE = "This run is closed."


class Handle:
    """A run of one page: made by `Engine.open`, kept in the session, closed when nobody holds it any more.

    Commands return when the host has carried them out and `snapshot` shows it; while the host is still starting, or
    being replaced, they return at once and are carried out in their order as soon as it is there. Several threads may
    use one handle at once.

    Attributes:
        id: the run's name.
        token: what a stream of its pictures is asked for with; nobody else can guess it.
    """

    def __init__(self, engine: "Engine", experiment: Experiment, state: bytes | None, name: str = ""):
        self.id = name or uuid.uuid4().hex
        self._engine = engine
        self._experiment, self._kept = experiment, state
        self._speed: float | None = None
        self._device: str | None = None
        self._playing, self._given_up = False, False
        self._underway = 0  # commands that are not answered yet: what is seen meanwhile is older than the last wish
        self._opening = object()  # the last 'open' that was sent
        self._lease_end = self._seen = time.monotonic() + LEASE
        self._in_line = False  # wants to play, and waits for a place
        self._listeners: list[Callable[[], None]] = []
        self.token = secrets.token_urlsafe(24)
        self._arrival: Future[Answer] | None = None  # the answer to the last step or epoch that was asked for
        self._losses: deque[float] = deque(maxlen=3)  # when its host was lost
        self._order = threading.RLock()  # commands reach the host in the order in which they take this
        self._news = threading.Condition()  # of the snapshot
        self._snapshot = blank(experiment, self.id, 0, "starting", STARTING)
        self._home: SimpleNamespace = SimpleNamespace(link=None)
        self._finalizer = weakref.finalize(self, engine.ring, (self.id, self._home))
        self._finalizer.atexit = False

    # -- what a page reads ----------------------------------------------------------------------------------------

    @property
    def experiment(self) -> Experiment:
        """What the run trains, the last `update` included; after `look_back`, what it trained then."""
        return self._experiment

    @property
    def playing(self) -> bool:
        """Whether the run moves on while it is looked at, to the end of an epoch or on and on, or waits in line to."""
        return self._playing or self._arriving or self._in_line

    @property
    def in_line(self) -> bool:
        """Whether it waits until there is a place to play."""
        return self._in_line

    @property
    def pace(self) -> float | None:
        """Steps per second that it is held to; None is as fast as it goes."""
        return self._speed

    @property
    def device(self) -> str | None:
        """Where the run is to be; None is the accelerator if there is one. The snapshot says where it is."""
        return self._device

    @property
    def snapshot(self) -> Snapshot:
        """The newest picture that has arrived."""
        return self._snapshot

    def poll(self, newer_than: int = -1, timeout: float = 0.0) -> Snapshot:
        """The newest picture; waits up to `timeout` seconds for one whose `seq` is above `newer_than`.

        Looking is what keeps a run going: 3 s after the last poll it stands still until the next one.
        """
        self._seen = time.monotonic()
        self._look(timeout)
        with self._news:
            self._news.wait_for(lambda: self._snapshot.seq > newer_than, timeout)
            return self._snapshot

    def watch(self) -> bool:
        """Renews the lease for a stream, as a poll does; False if the page itself has not asked for long.

        A stream alone keeps nothing going: a laptop that has fallen asleep leaves its connection open.
        """
        if time.monotonic() - self._seen > PAGE_GONE:
            return False
        self._look(0.0)
        return True

    def let_go(self) -> None:
        """A stream has ended: without another poll the run stands still soon."""
        self._lease_end = min(self._lease_end, time.monotonic() + STREAM_LEFT)

    def listen(self, ring: Callable[[], None]) -> None:
        """Has `ring()` called, in any thread, for every new snapshot; it must be quick."""
        with self._news:
            self._listeners = [*self._listeners, ring]

    def unlisten(self, ring: Callable[[], None]) -> None:
        """Ends `listen`."""
        with self._news:
            self._listeners = [other for other in self._listeners if other is not ring]

    def state(self) -> bytes:
        """Everything needed to open the run again where it is: `engine.open(experiment, state)`.

        While its host is lost this is the last state that was kept.

        Raises:
            ValueError: there is no state yet.
        """
        self._command("state")
        if self._kept is None:
            raise ValueError("This run has no state yet: its training host is still starting.")
        return self._kept

    # -- commands -------------------------------------------------------------------------------------------------

    def open(self, experiment: Experiment, state: bytes | None = None) -> None:
        """Train this experiment instead, paused: from its beginning, or from a state of it.

        Raises:
            ValueError: it cannot be trained; one sentence says why, and the old run is as it was. (If the host is
                still starting, the sentence comes as a snapshot with the status 'failed'.)
        """
        self._leave_line()
        self._command("open", experiment=experiment, state=state)
        self._stand()

    def update(self, experiment: Experiment) -> None:
        """Take over a change that keeps the weights.

        Raises:
            ValueError: the change needs `open`, or cannot be trained; nothing has changed.
        """
        if refusal := needs_reset(self._experiment, experiment):
            raise ValueError(refusal)
        self._command("update", experiment=experiment)

    def play(self) -> None:
        """Move on until paused, finished, or no longer looked at; where all places are taken, after a wait in line."""
        self._lease_end = time.monotonic() + LEASE  # who stands in line is looking
        if self._engine.line.admit(self):
            self._playing = True
            self._command("play")

    def pause(self) -> None:
        """Stand still, also in the middle of `epoch`; leaves the line."""
        self._leave_line()
        self._stand()
        self._command("pause")

    def step(self, n: int = 1) -> None:
        """Pause, and make n steps. What takes more than a moment goes on, as `play` does, after this has returned.

        Raises:
            ValueError: n is not within 1 and the limit.
        """
        if not 1 <= n <= LIMITS.max_slice_steps:
            raise ValueError(f"{n:,} steps at once; it can be 1 to {LIMITS.max_slice_steps:,}.")
        self._leave_line()
        self._command("step", again=False, steps=n)

    def epoch(self) -> None:
        """Pause, and go to the end of the epoch under way; as `step`."""
        self._leave_line()
        self._command("epoch", again=False)

    def reset(self) -> None:
        """Back to the same initial weights, paused."""
        self._leave_line()
        self._stand()
        self._command("reset")

    def speed(self, steps_per_second: float | None) -> None:
        """At most so many steps per second; None is as fast as it goes, or as this server allows.

        Raises:
            ValueError: it is not above 0.
        """
        if steps_per_second is not None and not 0 < steps_per_second < float("inf"):
            raise ValueError(f"a speed of {steps_per_second} steps per second; it must be above 0.")
        self._speed = steps_per_second
        self._command("speed", speed=steps_per_second)

    def move(self, device: str | None) -> None:
        """Go on, paused, on another device: 'cpu', or the accelerator by its type; None is the accelerator if any.

        Raises:
            ValueError: there is no such device; the run stays where it is.
        """
        old, self._device = self._device, device
        self._playing = False
        try:
            self._command("state", whole=True)
            self._command("open", experiment=self._experiment, state=self._kept)
        except ValueError:
            self._device = old
            raise
        self._stand()

    def set_weight(self, column: int, unit: int, input: int, value: float) -> None:
        """Set the weight from unit `input` of the column before to `unit` of `column`; training goes on from there.

        Raises:
            ValueError: there is no such weight, or the value is out of range.
        """
        self._command("set", column=column, unit=unit, input=input, value=value)

    def set_bias(self, column: int, unit: int, value: float) -> None:
        """Set the bias of `unit` of `column`; training goes on from there.

        Raises:
            ValueError: there is no such bias, or the value is out of range.
        """
        self._command("set", column=column, unit=unit, input=None, value=value)

    def trace(self, place: tuple[float, float] | None) -> None:
        """Have the pictures show one sample's way through the network: the point at this place, or the place itself.

        Raises:
            ValueError: the place is outside of the picture.
        """
        self._command("trace", place=place)

    def look_back(self, step: int | None) -> None:
        """Pause, and show the kept moment nearest to `step`, with the `experiment` of then, to go on from there.

        None is the present again. `call("timeline")` says which moments are kept.

        Raises:
            ValueError: no moment was kept.
        """
        self._stand()
        self._command("look back", step=step)

    def call(self, question: str, **arguments: Any) -> dict[str, Any] | None:
        """The answer to one of `playground.training.diagnostics.QUESTIONS`, such as 'health'; it changes nothing.

        None while the host is starting, or being replaced.

        Raises:
            ValueError: it cannot be answered; one sentence.
        """
        answer = self._command("call", question=question, arguments=arguments)
        return None if answer is None else answer["answer"]

    def close(self) -> None:
        """Give the run up. The last snapshot stays."""
        self._given_up = True
        self._leave_line()
        self._engine.forget(self)
        self._finalizer()

    def computes(self, now: float) -> bool:
        """Whether its host has to compute for it: it is looked at, and moves."""
        return (self._playing or self._arriving) and self._lease_end > now

    # -- between handle and host ----------------------------------------------------------------------------------

    @property
    def _arriving(self) -> bool:
        arrival = self._arrival
        return bool(arrival is not None and not arrival.done()) or self._snapshot.header.get("arriving", False)

    def _stand(self) -> None:
        """The run is paused, or is when the command is answered that is about to be sent."""
        self._playing, self._arrival = False, None

    def _leave_line(self) -> None:
        self._playing = False
        self._engine.line.leave(self)

    def _let_in(self) -> None:
        """There is a place: play, without waiting for the answer."""
        self._playing = True
        with self._order:
            if self._home.link is None:
                self._engine.house(self)
            else:
                self._request(self._home.link, "play", patient=False)

    def _command(self, operation: str, again: bool = True, **fields: Any) -> Answer | None:
        """Sends a command to the run's host and waits for it; sends it anew if the host is lost or forgot the run.

        Returns its answer, or None where nobody answers in time.

        Raises:
            ValueError: the host refused it; one sentence.
        """
        self._lease_end = time.monotonic() + LEASE
        for _ in range(TRIES if self._finalizer.alive else 0):
            with self._order:
                self._given_up = False
                if self._home.link is None:
                    self._engine.house(self)
                link = self._home.link
                if link is None:
                    return None
                patient = link.ready.is_set()
                future = self._request(link, operation, patient, **fields)
                if operation in ARRIVING:
                    self._arrival = future
            if not patient:
                return None
            try:
                answer = future.result(MOMENT if operation in ARRIVING else PATIENCE)
            except TimeoutError:
                return None
            except HostLost:
                self._engine.revive(self, link)
                if not again:
                    return None
                continue
            if "unknown" in answer:  # given back a moment ago
                self._leave(link)
            elif "error" in answer:
                raise ValueError(answer["error"])
            else:
                return answer
        return None

    def _request(self, link: Link, operation: str, patient: bool, **fields: Any) -> "Future[Answer]":
        if operation == "open":
            return self._send_open(link, fields["experiment"], fields.get("state"), patient=patient)
        then = None
        if operation == "update":
            old, experiment = self._experiment, fields["experiment"]
            fields["experiment"] = experiment.model_dump_json()
            self._experiment = experiment

            def then(answer: Answer) -> None:
                if "error" in answer and self._experiment is experiment:
                    self._experiment = old

        elif operation == "look back":
            known = self._experiment

            def then(answer: Answer) -> None:
                if "error" not in answer and self._experiment is known:  # and has not been changed since
                    self._experiment = Experiment.model_validate_json(answer["experiment"])

        elif operation == "reset":

            def then(answer: Answer) -> None:
                self._kept = None

        return self._count(link.request(operation, then=then, run=self.id, seq=self._snapshot.seq, **fields))

    def _count(self, future: "Future[Answer]") -> "Future[Answer]":
        """Until its last command is answered, pictures do not say whether the run is to play: they are older."""
        with self._news:
            self._underway += 1
        answered = weakref.WeakMethod(self._answered)  # the answer to a long epoch keeps no handle that is given up

        def count_down(done: "Future[Answer]") -> None:
            if (method := answered()) is not None:
                method(done)

        future.add_done_callback(count_down)
        return future

    def _answered(self, future: "Future[Answer]") -> None:
        with self._news:
            self._underway -= 1
            if not self._underway and future.exception() is None:
                self._playing = self._plays(self._snapshot)

    def _send_open(
        self,
        link: Link,
        experiment: Experiment,
        state: bytes | None,
        patient: bool,
        playing: bool = False,
        lost: int | None = None,
    ) -> "Future[Answer]":
        """Has the host carry a run for this handle, in place of the one it may have there.

        Where nobody waits (not `patient`), the experiment counts as taken at once, and a refusal leaves no run.
        `lost` is the step last seen of a run that is brought back.
        """
        opening = self._opening = object()

        def opened(answer: Answer) -> None:
            if "error" not in answer:
                self._experiment, self._kept = experiment, state
            elif not patient and self._opening is opening:
                self._given_up = True
                self._leave(link)
                self._announce("failed", answer["error"])

        if not patient:
            self._experiment, self._kept = experiment, state
        request = link.request(
            "open",
            state or b"",
            opened,
            run=self.id,
            experiment=experiment.model_dump_json(),
            seq=self._snapshot.seq,
            speed=self._speed,
            device=self._device,
            playing=playing,
            lost=lost,
            or_nothing=not patient,
        )
        return self._count(request)

    def _leave(self, link: Link) -> None:
        with self._order:
            if self._home.link is link:
                self._home.link = None

    def _look(self, seconds: float) -> None:
        """Renews the lease, for the time of a poll that waits so long; has a run that was given back opened again."""
        if not self._finalizer.alive:
            return
        self._lease_end = time.monotonic() + seconds + LEASE
        if self._home.link is None and not self._given_up:
            with self._order:
                if self._home.link is None:
                    self._engine.house(self)
        self._engine.wake()

    def _receive(self, kind: str, data: bytes) -> None:
        """A state or a snapshot from the run's host."""
        if kind == "state":
            self._kept = data
            self._engine.make_room(self)
            return
        snapshot = Snapshot.of(data)
        if not self._underway:
            self._playing = self._plays(snapshot)
        self._publish(snapshot)

    @staticmethod
    def _plays(snapshot: Snapshot) -> bool:
        """Whether it goes on and on, and not to the end of an epoch."""
        return snapshot.header["status"] == "playing" and not snapshot.header.get("arriving")

    def _announce(self, status: str, message: str) -> None:
        """The last picture under another status: what is known here and not in a host."""
        if status == "failed":
            self._playing = False
        with self._news:
            fields = {"seq": self._snapshot.seq + 1, "status": status, "message": message, "steps_per_second": None}
            fields["arriving"] = False
            self._publish(self._snapshot.but(**fields))

    def _publish(self, snapshot: Snapshot) -> None:
        with self._news:
            if snapshot.seq <= self._snapshot.seq:
                return
            self._snapshot = snapshot
            self._news.notify_all()
            listeners = self._listeners
        for ring in listeners:
            ring()
