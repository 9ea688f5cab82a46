"""One run inside a host: when it may compute, what was last drawn of it, and what was last kept of it.

All times are seconds of `time.monotonic()`; rates are steps per second.
"""

import math
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from playground.engine.picture import Painter
from playground.engine.snapshot import facts, pack
from playground.limits import LIMITS
from playground.spec import Experiment
from playground.training import Run
from playground.training.diagnostics import QUESTIONS

LEASE = 3.0
"""How long a run computes after somebody last looked at it."""
KEEP_EVERY, KEEP_SHARE = 2.0, 0.02
"""A playing run's state is kept so often, and takes no more than this share of the time."""
MOST_STATE = 192 * 2**20
"""Bytes of a state that can leave this process; LBFGS remembers a hundred gradients."""
DRAW_EVERY, DRAW_SHARE, DRAW_AT_LEAST = 0.09, 0.05, 2.0
"""Between two pictures: at least this, and no more than this share of the time; but one each 2 s."""
HEAVY_SHARE = 0.025
"""The share where evaluations take theirs too: a network whose steps are dear trains rather than shows."""
SLOW = 0.95
"""Seconds between two steps from which the picture has time to show what a step consists of."""
NOTICE = 3.0
"""How long a message about a lost host stands."""
BEHIND = 0.25
"""A run with a speed limit that falls so far behind does not catch up."""


class Meter:
    """Steps per second over about the last second."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def clear(self) -> None:
        self._seen.clear()

    def see(self, now: float, step: int) -> None:
        seen = self._seen
        seen.append((now, step))
        while len(seen) > 2 and now - seen[1][0] >= 1.0:
            seen.popleft()

    @property
    def rate(self) -> float | None:
        """None until there is something to measure."""
        if len(self._seen) < 2:
            return None
        (start, first), (end, last) = self._seen[0], self._seen[-1]
        return round((last - first) / (end - start), 2) if end > start else None


class TooLarge(ValueError):
    """A state that does not fit into a frame."""


class Guest:
    """A run, its pace and its pictures.

    Attributes:
        playing: whether it is to move on by itself.
        goal: the step that 'one step' or 'one epoch' asked for; None where there is none under way.
        waiting: the requests that are answered when the goal is reached.
        used: seconds of processor time it has had; the host serves who has had the least.
        failed: the sentence about an exception in its code, or None.
    """

    def __init__(self, id: str, run: Run, seq: int, now: float):
        self.id, self.seq = id, seq
        self.lease_end = now + LEASE
        self.used, self.served_at, self.waiting_since = 0.0, 0.0, now
        self.waiting: list[int] = []
        self.playing = False
        self.goal: int | None = None
        self.interval: float | None = None
        self._least_interval: float | None = None
        self._to_epochs_end = False
        self._meter = Meter()
        self._due = now
        self._notice, self._notice_end = "", 0.0
        self._kept_at, self._keep_cost = now, 0.0
        self._drawn, self._drawn_at = b"", -math.inf
        self._draw_costs = deque([0.0], maxlen=2)  # the smaller counts: a first time is dear, and so is a hiccup
        self.take(run)

    def take(self, run: Run) -> None:
        """Carry this run from now on, paused."""
        self.painter = Painter(run)  # first, since it may raise
        self.run = run
        self.failed: str | None = None
        self._last: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._changes = 0
        self._kept_as = (run.step, 0)
        self._drawn_as: tuple[int, int, str, str] | None = None
        self.stop()

    # -- pace -----------------------------------------------------------------------------------------------------

    def play(self, now: float) -> None:
        self.playing = self.failed is None and self.run.status == "ready"
        self._due = self.waiting_since = now
        self._meter.clear()
        self._meter.see(now, self.run.step)

    def stop(self) -> None:
        self.playing, self.goal = False, None
        self._meter.clear()

    def limit(self, rate: float | None, now: float) -> None:
        """Play at most so many steps per second; None is as fast as it goes. No more than this server allows a run,
        which holds on the way to a goal, too."""
        rates = [each for each in (rate, LIMITS.max_steps_per_second) if each]
        self.interval, self._due = (1 / min(rates) if rates else None), now
        self._least_interval = 1 / LIMITS.max_steps_per_second if LIMITS.max_steps_per_second else None

    def ask(self, goal: int, now: float, epoch: bool = False) -> None:
        """Pause, then go on to this step, which may be the end of an `epoch`."""
        self.stop()
        self._to_epochs_end = epoch
        self.goal, self._due = (goal if self.failed is None else None), now
        self._meter.see(now, self.run.step)

    def watched(self, now: float, seconds: float = LEASE) -> None:
        """Somebody looks; the run may compute for so long."""
        if self.lease_end < now:  # it stood still meanwhile
            self._due = self.waiting_since = now
            self._meter.clear()
        self.lease_end = max(self.lease_end, now + seconds)

    @property
    def moving(self) -> bool:
        """Whether there is something to compute, lease or not."""
        return self.failed is None and (self.playing or self.goal is not None)

    def due(self, now: float) -> float:
        """When it next wants to compute; infinity if it does not."""
        if not self.moving or self.lease_end <= now:
            return math.inf
        return now if self._spacing is None else self._due

    @property
    def _spacing(self) -> float | None:
        """Seconds between two steps; None is as fast as it goes."""
        return self.interval if self.goal is None else self._least_interval

    def work(self, seconds: float) -> None:
        """Move on for about so long. An exception ends the run, not the host."""
        before = time.thread_time()
        try:
            if self._spacing is not None:
                self._advance_on_time(self._spacing, seconds)
            elif self.goal is not None:
                self._advance(self.goal - self.run.step, seconds)
            else:
                self.run.advance(seconds=seconds)
                self.painter.step()
        except Exception as error:
            self.fail(error)
        now = time.monotonic()
        self.used += time.thread_time() - before
        self.served_at = now
        self._meter.see(now, self.run.step)
        if self.goal is not None and (self.run.step >= self.goal or self.run.status != "ready"):
            self.goal = None
        if self.run.status != "ready":
            self.playing = False

    def _advance(self, steps: int, seconds: float) -> int:
        """Up to `steps` steps, for about `seconds`."""
        end, done = time.perf_counter() + seconds, 0
        while done < steps and self.painter.step():
            done += 1
            if time.perf_counter() >= end:
                break
        return done

    def _advance_on_time(self, spacing: float, seconds: float) -> None:
        """The steps that are due by now, each `spacing` seconds after the one before; none beyond the goal."""
        now = time.monotonic()
        if now - self._due > max(BEHIND, spacing):
            self._due = now
        due = 1 + int((now - self._due) / spacing)
        steps = due if self.goal is None else min(due, self.goal - self.run.step)
        self._due += spacing * self._advance(steps, seconds)

    # -- pictures -------------------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        if self.failed is not None:
            return "failed"
        if self.run.status != "ready":
            return self.run.status
        return "playing" if self.moving else "ready"

    def notice(self, text: str, now: float) -> None:
        """A sentence that stands beside the picture for a while."""
        self._notice, self._notice_end = text, now + NOTICE

    def picture(self, now: float, pace: float = DRAW_EVERY, at_once: bool = False) -> bytes | None:
        """The packed snapshot if there is a new one: when something changed, and not too soon after the last."""
        if not at_once and now - self._drawn_at < self._draw_interval(pace):
            return None
        notice = self._notice if now < self._notice_end else ""
        message = " ".join(part for part in (notice, self.failed or self.run.message) if part)
        state = (self.run.step, self._changes, self.status, message)
        if state == self._drawn_as:
            return self._drawn if at_once else None
        start = time.thread_time()
        self.seq += 1
        self._drawn = self._draw(message)
        self._drawn_as, self._drawn_at = (*state[:2], self.status, message), now
        self._draw_costs.append(time.thread_time() - start)
        return self._drawn

    def _draw_interval(self, pace: float) -> float:
        """Half a collection less than said: the collections are what keeps the time."""
        share = HEAVY_SHARE if self.painter.heavy else DRAW_SHARE
        asked = max(DRAW_EVERY, pace, min(DRAW_AT_LEAST, min(self._draw_costs) / share))
        return asked - DRAW_EVERY / 2

    def _draw(self, message: str) -> bytes:
        if self.failed is None:
            try:
                self.painter.still = not self.moving
                self._last = self.painter.picture()
            except Exception as error:
                message = self.fail(error)
        header, arrays = self._last or ({**facts(self.run.experiment), "step": self.run.step, "columns": []}, {})
        own = {
            "run": self.id,
            "seq": self.seq,
            "status": self.status,
            "message": message,
            "epochs": self.run.experiment.training.epochs,
            "steps_per_second": self._meter.rate if self.moving else None,
        }
        if self.goal is not None:
            own["arriving"] = True
        elif self.playing and self.interval is not None and self.interval >= SLOW:
            own["phases"] = True
        return pack({**header, **own}, arrays)

    def fail(self, error: Exception) -> str:
        """The run's own code raised: it stands still, and says so."""
        traceback.print_exception(error)
        self.stop()
        self.failed = f"The run failed at step {self.run.step:,}: {reason(error)} Reset it, or change the experiment."
        return self.failed

    # -- changes --------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """The same initial weights; also cures a failed run."""
        self.run.reset()
        traced = self.painter.traced
        self.take(self.run)
        self.painter.traced = traced

    def update(self, experiment: Experiment) -> None:
        """Raises ValueError if the weights cannot be kept, or the experiment cannot be trained."""
        if refusal := self.run.update(experiment):
            raise ValueError(refusal)
        if self.goal is not None and self._to_epochs_end:  # batches of another size: it is another step
            self.goal = self.run.step + self.run.batches.left
        self._changes += 1

    def set_parameter(self, column: int, unit: int, input: int | None, value: float) -> None:
        """A number of the drawn network: the weight of an edge, or the bias of a unit where `input` is None.

        Raises:
            ValueError: there is no such number, or the value is out of range.
        """
        columns = self.painter.columns
        if not 1 <= column < len(columns):
            raise ValueError(f"column {column} of the network has no weights; they begin at column 1.")
        self.run.set_parameter(columns[column].linear, unit, input, value)
        self._changes += 1

    def trace(self, place: tuple[float, float] | None) -> None:
        """Draw a sample's way through the network from now on; None ends that.

        Raises:
            ValueError: the data has no picture to point into, or the place is outside of it.
        """
        if place is not None:
            entry = self.run.experiment.data.entry
            low, high = entry.domain
            if entry.view == "table":
                raise ValueError("a table has no place to point at; choose a data set on a plane or a line.")
            if not low <= place[0] <= high or (entry.view == "plane" and not low <= place[1] <= high):
                where = f"({place[0]:g}, {place[1]:g})"
                raise ValueError(f"the place {where} is outside; it lies within {low:g} and {high:g}.")
        self.painter.traced = place
        self._changes += 1

    def look_back(self, step: int | None) -> None:
        """Show the kept moment nearest to `step`, paused; None is the present one again.

        Raises:
            ValueError: no moment was kept.
        """
        self.stop()
        self.run.look_back(step)
        self._changes += 1

    # -- questions ------------------------------------------------------------------------------------------------

    def answer(self, question: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What the run says of itself, as JSON; asking changes nothing.

        Raises:
            ValueError: there is no such question, or no answer to it.
        """
        if question not in QUESTIONS:
            raise ValueError(f"a run cannot be asked for {question[:40]!r}; ask for {', '.join(QUESTIONS)}.")
        if self.failed is not None:
            raise ValueError(self.failed)
        before = time.thread_time()
        try:
            return QUESTIONS[question](self.run, **arguments)
        except ValueError:
            raise
        except Exception as error:  # a question that was badly put is no fault of the run
            raise ValueError(f"The run could not say that: {reason(error)}") from None
        finally:
            self.used += time.thread_time() - before

    # -- states ---------------------------------------------------------------------------------------------------

    def kept(self, now: float, every: float = KEEP_EVERY, dear: bool = False) -> bytes | None:
        """The state to keep outside this process, if it has changed and the last one is old enough.

        `dear`: also where states take more than their share of the time.
        """
        if self.failed is not None or self._kept_as == (self.run.step, self._changes):
            return None
        if now - self._kept_at < max(every, 0.0 if dear else self._keep_cost / KEEP_SHARE):
            return None
        return self._state_or_none(now)

    def last_state(self, now: float) -> bytes | None:
        """The state with which it leaves this host: with the moments that it can go back to."""
        return None if self.failed is not None else self._state_or_none(now, whole=True)

    def _state_or_none(self, now: float, whole: bool = False) -> bytes | None:
        try:
            return self.state(now, whole)
        except TooLarge:
            return None
        except Exception as error:
            self.fail(error)
            return None

    def state(self, now: float, whole: bool = False) -> bytes:
        """Everything needed to open the run again where it is.

        Raises:
            TooLarge: more than can be sent; one sentence.
        """
        start = time.thread_time()
        state = self.run.state(whole)
        self._kept_as, self._kept_at = (self.run.step, self._changes), now
        self._keep_cost = time.thread_time() - start
        if len(state) > MOST_STATE:
            raise TooLarge(
                f"The run and its optimizer hold {len(state):,} bytes; the most that is kept is {MOST_STATE:,}. Take a "
                "smaller network, or an optimizer that remembers less."
            )
        return state


def on_host(build: Callable[[], tuple[Run, bool]]) -> tuple[Run, bool]:
    """What `build` gives; whatever goes wrong as a ValueError with one sentence."""
    try:
        return build()
    except ValueError:
        raise
    except Exception as error:
        traceback.print_exception(error)
        raise ValueError(f"This experiment cannot be built: {reason(error)}") from None


def reason(error: Exception) -> str:
    """Name and first line of an exception, as the end of a sentence."""
    first = (str(error).splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {first.rstrip('.')}." if first else f"{type(error).__name__}."
