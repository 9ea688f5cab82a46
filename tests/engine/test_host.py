"""A host in this process, its wire a buffer."""

import gc
import io
import itertools
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from playground.engine import host as hosts
from playground.engine.guest import Guest, Meter
from playground.engine.host import Host
from playground.engine.snapshot import read_header
from playground.engine.wire import read_frame, split_parts
from playground.limits import Limits
from playground.spec import Experiment
from playground.training import Run


class Carrier:
    """A host serving in a thread, and what it has answered."""

    def __init__(self) -> None:
        self.inbox: queue.SimpleQueue = queue.SimpleQueue()
        self.out = io.BytesIO()
        self.host = Host(self.inbox, self.out)
        self.thread = threading.Thread(target=self.host.serve, daemon=True)
        self.count = 0

    def send(self, operation: str, body: bytes = b"", **fields: object) -> int:
        self.count += 1
        self.inbox.put(({"id": self.count, "op": operation, **fields}, body))
        return self.count

    def open(self, run: str, experiment: Experiment | None = None, body: bytes = b"", **fields: object) -> int:
        text = (experiment or Experiment()).model_dump_json()
        defaults = {"seq": 0, "speed": None, "playing": False, "lost": None, "or_nothing": False}
        return self.send("open", body, run=run, experiment=text, **{**defaults, **fields})

    def frames(self) -> list[tuple[dict, list]]:
        buffer, frames = io.BytesIO(self.out.getvalue()), []
        while frame := read_frame(buffer):
            frames.append((frame[0], list(split_parts(frame[0]["parts"], frame[1]))))
        return frames

    def answer(self, id: int, seconds: float = 60.0) -> tuple[dict, dict[str, bytes]]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for header, parts in self.frames():
                if header.get("id") == id:
                    return header, {kind: data for kind, _, data in parts}
            time.sleep(0.01)
        raise AssertionError(f"no answer to {id}")

    def header(self, id: int) -> dict:
        return read_header(self.answer(id)[1]["snapshot"])


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    carrier = Carrier()
    gc.collect()
    gc.freeze()  # a collection of all that the tests have imported would be some run's share of the time
    carrier.thread.start()
    yield carrier
    gc.unfreeze()
    carrier.inbox.put(None)
    carrier.thread.join(5)
    assert not carrier.thread.is_alive()


def test_four_runs_get_their_turns(carrier: Carrier) -> None:
    for name in "abcd":
        carrier.answer(carrier.open(name))
    for name in "abcd":
        carrier.send("play", run=name)
    time.sleep(1.2)
    steps = sorted(carrier.header(carrier.send("pause", run=name))["step"] for name in "abcd")
    assert steps[0] > 0.6 * steps[-1]


def test_a_run_that_fails_leaves_the_others_alone(carrier: Carrier, until: Callable[..., None]) -> None:
    carrier.answer(carrier.open("bad"))
    carrier.answer(carrier.open("good"))

    def broken(**_: object) -> int:
        raise ZeroDivisionError("nothing is divided by nothing")

    carrier.host.guests["bad"].run.advance = broken  # type: ignore[method-assign]
    carrier.send("play", run="good")
    carrier.send("play", run="bad")
    until(lambda: carrier.host.guests["bad"].failed)
    header = carrier.header(carrier.send("pause", run="bad"))
    assert header["status"] == "failed"
    assert "ZeroDivisionError: nothing is divided by nothing." in header["message"]
    assert header["columns"]  # the last picture still stands
    before = carrier.host.guests["good"].run.step
    until(lambda: carrier.host.guests["good"].run.step > before + 10)
    del carrier.host.guests["bad"].run.advance
    assert carrier.header(carrier.send("reset", run="bad"))["status"] == "ready"
    assert carrier.header(carrier.send("step", run="bad", steps=3))["step"] == 3


def test_a_run_that_cannot_be_drawn_fails_too(carrier: Carrier) -> None:
    carrier.answer(carrier.open("a"))
    carrier.host.guests["a"].painter.picture = lambda: 1 / 0  # type: ignore[assignment, method-assign]
    header = carrier.header(carrier.send("step", run="a", steps=1))
    assert header["status"] == "failed"
    assert "ZeroDivisionError" in header["message"]


def test_a_command_that_raises_is_answered(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier.answer(carrier.open("a"))
    monkeypatch.setattr(carrier.host.guests["a"].run, "reset", lambda: [][1])
    header, _ = carrier.answer(carrier.send("reset", run="a"))
    assert "IndexError" in header["error"]
    header, _ = carrier.answer(carrier.send("play", run="nobody"))
    assert header["unknown"]


def test_pause_ends_an_epoch_under_way(carrier: Carrier) -> None:
    carrier.answer(carrier.open("a"))
    long = carrier.send("step", run="a", steps=20_000)
    pause = carrier.send("pause", run="a")
    assert carrier.header(pause)["step"] < 20_000
    assert carrier.header(long)["step"] < 20_000


def test_a_new_experiment_ends_an_epoch_under_way(carrier: Carrier) -> None:
    carrier.answer(carrier.open("a"))
    long = carrier.send("step", run="a", steps=20_000)
    assert carrier.header(carrier.open("a", Experiment.starter("iris")))["step"] == 0
    assert carrier.header(long)["view"] == "table"


def test_a_refused_experiment(carrier: Carrier) -> None:
    wrong = Experiment.starter("iris").but(layers=Experiment().layers)
    carrier.answer(carrier.open("a"))
    assert "3 classes" in carrier.answer(carrier.open("a", wrong))[0]["error"]
    assert "a" in carrier.host.guests
    assert "3 classes" in carrier.answer(carrier.open("a", wrong, or_nothing=True))[0]["error"]
    assert "a" not in carrier.host.guests


def test_the_runs_longest_unwatched_make_room(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "LIMITS", Limits(runs_per_host=2))
    for name in "ab":
        carrier.answer(carrier.open(name))
    assert "All 2 places" in carrier.answer(carrier.open("c"))[0]["error"]
    carrier.answer(carrier.send("step", run="a", steps=5))
    carrier.host.guests["a"].lease_end = 0
    carrier.answer(carrier.open("c"))
    event, parts = next((header, parts) for header, parts in carrier.frames() if "event" in header)
    assert event == {"event": "given back", "run": "a", "parts": event["parts"]}
    assert set(carrier.host.guests) == {"b", "c"}
    states = [data for _, frame in carrier.frames() for kind, run, data in frame if (kind, run) == ("state", "a")]
    assert Run.restore(states[-1]).step == 5
    del parts


def test_runs_that_nobody_looks_at_are_given_back(carrier: Carrier, until: Callable[..., None]) -> None:
    carrier.answer(carrier.open("a"))
    carrier.host.guests["a"].lease_end -= hosts.KEEP_UNWATCHED + 10
    carrier.host._next_sweep = 0
    carrier.send("health")
    until(lambda: not carrier.host.guests)


def test_one_on_a_long_way_that_is_given_back_has_its_answer(carrier: Carrier, until: Callable[..., None]) -> None:
    carrier.answer(carrier.open("a"))
    going = carrier.send("step", run="a", steps=20_000)
    until(lambda: carrier.host.guests["a"].run.step > 10)
    carrier.host.guests["a"].lease_end -= hosts.KEEP_UNWATCHED + 10
    carrier.host._next_sweep = 0
    carrier.send("health")
    assert 10 < carrier.header(going)["step"] < 20_000
    until(lambda: not carrier.host.guests)


def test_a_state_under_other_settings(carrier: Carrier) -> None:
    run = Run(Experiment())
    run.advance(steps=10)
    other = Experiment().but(optimizer={"name": "SGD", "args": {"lr": 0.5}})
    header = carrier.header(carrier.open("a", other, run.state(), lost=12))
    assert (header["step"], header["lr"]) == (10, 0.5)
    assert "goes on from step 10" in header["message"]
    header = carrier.header(carrier.open("b", Experiment.starter("iris"), run.state(), lost=12))
    assert header["step"] == 0
    assert "begins again at step 0" in header["message"]
    assert "cut short" in carrier.answer(carrier.open("c", other, b"nonsense"))[0]["error"]


def test_leases_and_speeds() -> None:
    guest = Guest("a", Run(Experiment()), 0, now=100.0)
    assert guest.due(100.0) == math.inf
    guest.play(100.0)
    assert guest.due(100.0) == 100.0
    assert guest.due(102.9) == 102.9
    assert guest.due(103.1) == math.inf  # nobody has looked for 3 s
    guest.watched(110.0)
    assert guest.due(110.0) == 110.0
    guest.limit(1.0, 110.0)
    assert guest.due(110.0) == 110.0
    guest.ask(guest.run.step + 1, 111.0)
    assert guest.due(111.0) == 111.0
    assert guest.due(113.1) == math.inf  # a step or an epoch that was asked for waits for its visitor, too


def test_one_step_each_interval() -> None:
    guest = Guest("a", Run(Experiment()), 0, time.monotonic())
    guest.limit(20.0, time.monotonic())
    guest.play(time.monotonic())
    times, start = [], time.monotonic()
    while time.monotonic() < start + 0.5:
        if guest.due(time.monotonic()) <= time.monotonic():
            before = guest.run.step
            guest.work(0.01)
            times += [time.monotonic() - start] * (guest.run.step - before)
    assert 1 < len(times) <= 12  # fewer where the machine is busy
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    assert gaps[len(gaps) // 2] > 0.04


def test_the_servers_speed_holds_on_the_way_to_a_goal_and_the_visitors_does_not(monkeypatch) -> None:
    def steps_in(seconds: float) -> int:
        guest = Guest("a", Run(Experiment()), 0, time.monotonic())
        guest.limit(1.0, time.monotonic())
        start = time.monotonic()
        guest.ask(25, start)
        while time.monotonic() < start + seconds:
            if guest.due(time.monotonic()) <= time.monotonic():
                guest.work(0.01)
        return guest.run.step

    assert steps_in(1.0) == 25
    monkeypatch.setattr("playground.engine.guest.LIMITS", Limits(max_steps_per_second=20))
    assert 2 <= steps_in(0.3) <= 7


def test_one_that_cannot_be_drawn_on_its_way_has_its_answer(carrier: Carrier, until: Callable[..., None]) -> None:
    carrier.answer(carrier.open("a"))
    going = carrier.send("epoch", run="a")
    assert carrier.header(going)["step"] == 25
    going = carrier.send("step", run="a", steps=20_000)
    until(lambda: carrier.host.guests["a"].run.step > 40)
    carrier.host.guests["a"].painter.picture = lambda: 1 / 0  # type: ignore[assignment, method-assign]

    def failed() -> str | None:
        carrier.answer(carrier.send("collect", runs={"a": 3.0}, pace=0.0))
        return carrier.host.guests["a"].failed

    until(failed)
    assert carrier.header(going)["status"] == "failed"


def test_an_epoch_under_way_ends_where_it_would_with_batches_of_another_size(carrier: Carrier, until) -> None:
    experiment = Experiment().but(training={"batch_size": 1})
    carrier.answer(carrier.open("a", experiment))
    carrier.host.guests["a"].watched(time.monotonic(), 60.0)
    going = carrier.send("epoch", run="a")
    other = experiment.but(training={"batch_size": 125}).model_dump_json()
    carrier.answer(carrier.send("update", run="a", experiment=other))
    header = carrier.header(going)
    assert carrier.host.guests["a"].run.batches.epochs_done == 1
    assert header["epoch"] == 1


def test_a_run_that_failed_makes_no_step_and_says_so(carrier: Carrier) -> None:
    carrier.answer(carrier.open("a"))
    carrier.host.guests["a"].fail(ZeroDivisionError("nothing is divided by nothing"))
    assert carrier.header(carrier.send("step", run="a", steps=1))["status"] == "failed"


def test_pictures_and_states_only_when_something_changed() -> None:
    guest = Guest("a", Run(Experiment()), 7, now=0.0)
    assert read_header(guest.picture(0.0))["seq"] == 8
    assert guest.picture(1.0) is None
    assert guest.kept(10.0) is None  # the experiment itself says it all
    guest.run.advance(steps=1)
    assert read_header(guest.picture(2.0))["seq"] == 9
    guest.run.advance(steps=1)
    assert guest.picture(2.01) is None  # too soon
    assert guest.picture(2.5, pace=1.0) is None
    assert guest.picture(2.5) is not None
    assert Run.restore(guest.kept(10.0)).step == 2
    assert guest.kept(20.0) is None
    guest.notice("The training host was lost.", 20.0)
    assert read_header(guest.picture(20.0))["message"] == "The training host was lost."
    assert read_header(guest.picture(23.1))["message"] == ""


def test_the_meter() -> None:
    meter = Meter()
    assert meter.rate is None
    for tenth in range(30):
        meter.see(tenth / 10, tenth * (5 if tenth < 10 else 20))
    assert meter.rate == pytest.approx(200, rel=0.01)  # the last second alone
    meter.clear()
    for second in range(4):
        meter.see(second, second)
    assert meter.rate == 1.0


def test_a_state_too_large_to_be_sent_is_refused_and_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest("a", Run(Experiment()), 0, now=0.0)
    guest.run.advance(steps=1)
    monkeypatch.setattr("playground.engine.guest.MOST_STATE", 1000)
    assert guest.kept(10.0) is None
    assert guest.failed is None
    with pytest.raises(ValueError, match=r"hold [\d,]+ bytes; the most that is kept is 1,000. Take a smaller network"):
        guest.state(20.0)


def test_the_longest_wait_is_the_same_for_all_who_ask(carrier: Carrier) -> None:
    for name in "ab":
        carrier.answer(carrier.open(name))
        carrier.answer(carrier.send("play", run=name))
    time.sleep(0.2)
    first, second = (carrier.answer(carrier.send("health"))[0]["wait"] for _ in range(2))
    assert second >= first > 0


def test_beside_a_heavy_run_a_light_one_gets_its_share(carrier: Carrier) -> None:
    heavy = Experiment.starter("digits").but(training=Experiment.starter("digits").training.but(batch_size=1000))
    carrier.answer(carrier.open("light"))
    carrier.answer(carrier.open("heavy", heavy))
    for name in ("light", "heavy"):
        carrier.answer(carrier.send("play", run=name))
    time.sleep(1.0)
    used = {name: carrier.host.guests[name].used for name in ("light", "heavy")}
    assert 0.5 < used["light"] / used["heavy"] < 2
    assert carrier.host.guests["light"].run.step > 20
