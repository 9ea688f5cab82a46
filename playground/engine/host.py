"""A host: one process, one thread, many runs, each in its turn.

The loop serves the run that has had the least processor time, a few milliseconds at a time, and reads commands between
two slices. When no run may compute it sleeps until a command comes: an idle host costs nothing.
"""

import math
import queue
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from playground.engine.guest import Guest, on_host, reason
from playground.engine.memory import memory
from playground.engine.wire import Part, Writer, join_parts, write_frame
from playground.limits import LIMITS
from playground.spec import Experiment
from playground.training import Run, restored, started

ROUND, SLICE_LEAST, SLICE_MOST = 0.2, 0.002, 0.01
"""Seconds: a round over all playing runs, and the least and the most that one run gets in it."""
KEEP_UNWATCHED = 300.0
"""Seconds after its lease at which a run is given back to the engine."""
KEEP_AT_COMMAND = 0.0
"""Seconds between two states kept because somebody pressed something (its share of the time still holds)."""
STATES_AT_ONCE = 32 * 2**20
"""Bytes of kept states in one answer; the rest waits for the next."""

MOST_WAITS, WAITS_WITHIN = 10_000, 15.0
"""How many waits of runs for their slices are remembered, and for how many seconds."""

Message = tuple[dict[str, Any], bytes]


class Unknown(LookupError):
    """A command for a run that is not, or no longer, here."""


class Host:
    """Carries runs for one engine.

    Args:
        inbox: commands as (header, body), put there by a reading thread; None ends the host.
        pipe: where answers go.
        rest: seconds after every slice that belong to the other threads of the process.
    """

    def __init__(self, inbox: "queue.SimpleQueue[Message | None]", pipe: Writer, rest: float = 0.0):
        self.inbox, self.pipe, self.rest = inbox, pipe, rest
        self.guests: dict[str, Guest] = {}
        self._virtual_time = 0.0  # processor time had by the run served last: who comes new begins there
        self._next_sweep = 0.0
        self._waits: deque[tuple[float, float]] = deque(maxlen=MOST_WAITS)  # when, and how many seconds
        self._commands: dict[str, Callable[[Guest, dict[str, Any]], list[Part] | None]] = {
            "play": self._play,
            "pause": self._pause,
            "step": self._step,
            "epoch": self._epoch,
            "reset": self._reset,
            "update": self._update,
            "speed": self._speed,
            "set": self._set,
            "trace": self._trace,
            "look back": self._look_back,
            "state": self._state,
            "close": self._close,
            "hand over": self._hand_over,
        }

    # -- the loop -------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Until None comes out of the inbox, or nobody reads the answers."""
        while self._receive():
            now = time.monotonic()
            ready = [guest for guest in self.guests.values() if guest.due(now) <= now]
            if ready:
                self._slice(ready)
                if self.rest:
                    time.sleep(self.rest)

    def _receive(self) -> bool:
        """Carries out the commands that are there, waiting for one until a run is due; False at the end."""
        self._sweep()
        now = time.monotonic()
        patience = min([self._next_sweep, *(guest.due(now) for guest in self.guests.values())]) - now
        try:
            if patience <= 0:
                message = self.inbox.get_nowait()
            else:
                message = self.inbox.get(timeout=None if patience == math.inf else patience)
            while message is not None:
                self._obey(*message)
                message = self.inbox.get_nowait()
            return False
        except queue.Empty:
            return True

    def _slice(self, ready: list[Guest]) -> None:
        guest = min(ready, key=lambda guest: (max(guest.used, self._virtual_time), guest.served_at))
        guest.used = self._virtual_time = max(guest.used, self._virtual_time)
        if guest.served_at and len(ready) > 1:
            now = time.monotonic()
            self._waits.append((now, now - max(guest.served_at, guest.waiting_since)))
        guest.work(min(SLICE_MOST, max(SLICE_LEAST, ROUND / len(ready))))
        self._answer_waiting(guest)

    def _sweep(self) -> None:
        """Gives back the runs that nobody has looked at for long, with their states."""
        now = time.monotonic()
        if now < self._next_sweep:
            return
        for guest in list(self.guests.values()):
            if now - guest.lease_end >= KEEP_UNWATCHED:
                self._give_back(guest)
        self._next_sweep = now + KEEP_UNWATCHED / 10 if self.guests else math.inf

    def _give_back(self, guest: Guest) -> None:
        guest.stop()
        self._answer_waiting(guest)
        state = guest.last_state(time.monotonic())
        self._send({"event": "given back", "run": guest.id}, [("state", guest.id, state)] if state else [])
        del self.guests[guest.id]

    # -- commands -------------------------------------------------------------------------------------------------

    def _obey(self, header: dict[str, Any], body: bytes) -> None:
        """One command; its answer, or the sentence about what is wrong with it."""
        id, run = header["id"], header.get("run", "")
        try:
            self._carry_out(header, body)
        except Unknown as error:
            self._send({"id": id, "error": str(error), "unknown": True})
        except ValueError as error:
            self._send({"id": id, "error": str(error)})
        except BrokenPipeError:
            raise
        except Exception as error:
            if run in self.guests:
                self.guests[run].fail(error)
            else:
                traceback.print_exception(error)
            self._send({"id": id, "error": f"The training host could not do that: {reason(error)}"})
        if run in self.guests:
            self._answer_waiting(self.guests[run])

    def _carry_out(self, header: dict[str, Any], body: bytes) -> None:
        operation, id = header["op"], header["id"]
        if operation == "collect":
            self._send({"id": id}, self._collect(header["runs"], header["pace"]))
        elif operation == "health":
            self._send({"id": id, **self._health()})
        elif operation == "open":
            self._send({"id": id}, self._open(header, body))
        elif header["run"] not in self.guests:
            raise Unknown("This run is not here.")
        elif operation == "attach":
            guest = self.guests[header["run"]]
            about = {"experiment": guest.run.experiment.model_dump_json(), "playing": guest.playing}
            speed = 1 / guest.interval if guest.interval else None
            self._send({"id": id, **about, "speed": speed}, self._drawn(guest))
        elif operation == "call":
            guest = self.guests[header["run"]]
            guest.watched(time.monotonic())
            self._send({"id": id, "answer": guest.answer(header["question"], header["arguments"])})
        else:
            guest = self.guests[header["run"]]
            if operation not in ("close", "state", "hand over"):
                guest.watched(time.monotonic())
            guest.seq = max(guest.seq, header.get("seq", 0))  # what was announced meanwhile has used some
            parts = self._commands[operation](guest, header)
            if parts is None:
                guest.waiting.append(id)
            elif operation == "look back":
                self._send({"id": id, "experiment": guest.run.experiment.model_dump_json()}, parts)
            else:
                self._send({"id": id}, parts)

    def _open(self, header: dict[str, Any], body: bytes) -> list[Part]:
        """A run from an experiment, or from a state and brought to that experiment; in place of one with its name.

        If it cannot be built, the old one stays, unless the header says 'or_nothing'.
        """
        try:
            experiment = Experiment.model_validate_json(header["experiment"])
            device = header.get("device")
            run, continued = on_host(
                lambda: revived(experiment, body, device) if body else (started(experiment, device), False)
            )
        except ValueError:
            if header["or_nothing"] and (old := self.guests.get(header["run"])):
                self._close(old, header)
            raise
        now, id = time.monotonic(), header["run"]
        if id not in self.guests:
            self._make_room(now)
            guest = self.guests[id] = Guest(id, run, header["seq"], now)
        else:
            guest = self.guests[id]
            guest.take(run)
            guest.watched(now)
        guest.seq = max(guest.seq, header["seq"])
        guest.limit(header["speed"], now)
        if header["lost"] is not None:
            guest.notice(lost_sentence(run.step, header["lost"], continued), now)
        if header["playing"]:
            guest.play(now)
        self._next_sweep = min(self._next_sweep, now + KEEP_UNWATCHED / 10)
        return self._drawn(guest)

    def _make_room(self, now: float) -> None:
        if len(self.guests) < LIMITS.runs_per_host:
            return
        longest = min(self.guests.values(), key=lambda guest: guest.lease_end)
        if longest.lease_end > now:
            raise ValueError(f"All {LIMITS.runs_per_host} places for runs are taken; try again in a while.")
        self._give_back(longest)

    def _play(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        guest.play(time.monotonic())
        return self._drawn(guest)

    def _pause(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        guest.stop()
        return self._drawn(guest)

    def _step(self, guest: Guest, header: dict[str, Any]) -> None:
        guest.ask(guest.run.step + header["steps"], time.monotonic())

    def _epoch(self, guest: Guest, header: dict[str, Any]) -> None:
        """To the end of the epoch under way; a whole one from where one ends."""
        guest.ask(guest.run.step + guest.run.batches.left, time.monotonic(), epoch=True)

    def _reset(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        guest.reset()
        return self._drawn(guest)

    def _update(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        guest.update(Experiment.model_validate_json(header["experiment"]))
        return self._drawn(guest)

    def _speed(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        guest.limit(header["speed"], time.monotonic())
        return self._drawn(guest)

    def _set(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        guest.set_parameter(header["column"], header["unit"], header["input"], header["value"])
        return self._drawn(guest)

    def _trace(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        place = header["place"]
        guest.trace(None if place is None else (place[0], place[1]))
        return self._drawn(guest)

    def _look_back(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        guest.look_back(header["step"])
        return self._drawn(guest, dear=True)  # the handle knows the settings of then: a state must go with them

    def _state(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        return [("state", guest.id, guest.state(time.monotonic(), header.get("whole", False)))]

    def _hand_over(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        """Give the run back, for another host to carry it; one on its way to a step stays here."""
        if guest.goal is None:
            self._give_back(guest)
        return []

    def _close(self, guest: Guest, header: dict[str, Any]) -> list[Part]:
        self._answer_waiting(guest, at_once=True)
        del self.guests[guest.id]
        return []

    # -- answers --------------------------------------------------------------------------------------------------

    def _answer_waiting(self, guest: Guest, at_once: bool = False) -> None:
        """Answers 'one step' and 'one epoch' when they are done, or when something else has stopped them."""
        if guest.waiting and (at_once or guest.goal is None):
            waiting, guest.waiting = guest.waiting, []
            parts = self._drawn(guest)
            for id in waiting:
                self._send({"id": id}, parts)

    def _drawn(self, guest: Guest, dear: bool = False) -> list[Part]:
        """The present picture, and the state where it has changed: what was just asked for must not be lost."""
        now = time.monotonic()
        picture = guest.picture(now, at_once=True)
        assert picture is not None, "a picture asked for at once is always there"
        state = guest.kept(now, KEEP_AT_COMMAND, dear)
        return [("snapshot", guest.id, picture), *([("state", guest.id, state)] if state else [])]

    def _collect(self, wanted: dict[str, float], pace: float) -> list[Part]:
        """New pictures and states of the runs that are looked at, whose leases are renewed for so many seconds.

        `pace` is the least number of seconds between two pictures of one run.
        """
        now, parts, room = time.monotonic(), [], STATES_AT_ONCE
        guests = [self.guests[id] for id in wanted if id in self.guests]
        for guest in guests:
            guest.watched(now, wanted[guest.id])
        for guest in guests:
            if picture := guest.picture(now, pace):
                parts.append(("snapshot", guest.id, picture))
            if room > 0 and (state := guest.kept(now)):
                parts.append(("state", guest.id, state))
                room -= len(state)
            self._answer_waiting(guest)  # drawing it may have shown that it cannot go on
        return parts

    def _health(self) -> dict[str, Any]:
        now = time.monotonic()
        playing = sum(guest.due(now) < math.inf for guest in self.guests.values())
        wait = max((seconds for at, seconds in list(self._waits) if now - at <= WAITS_WITHIN), default=0.0)
        return {"runs": len(self.guests), "playing": playing, "memory": memory(), "wait": wait}

    def _send(self, header: dict[str, Any], parts: list[Part] = []) -> None:  # noqa: B006 - never changed
        table, body = join_parts(parts)
        write_frame(self.pipe, {**header, "parts": table}, body)


def revived(experiment: Experiment, state: bytes, device: str | None = None) -> tuple[Run, bool]:
    """The run of a state under the settings of `experiment`; a new one, and False, where they need a reset."""
    run = restored(state, device)
    if run.experiment != experiment and run.update(experiment) is not None:
        return started(experiment, device), False
    return run, True


def lost_sentence(step: int, seen: int, continued: bool) -> str:
    """What a visitor reads after the process that carried the run was lost at about step `seen`."""
    if continued or step == seen:
        return f"The training host was lost; the run goes on from step {step:,}."
    why = "The run was lost before a state of it was kept, or its state had to make room"
    return f"{why}; it begins again at step {step:,}."
