"""Who plays where there are fewer places than visitors."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from playground.engine import Engine, Handle, client, handle, line
from playground.engine import guest as guests
from playground.limits import LIMITS, PRESETS, Limits
from playground.spec import Experiment
from playground.training import Run

Until = Callable[..., None]


@pytest.fixture
def three(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(line, "LIMITS", replace(LIMITS, max_playing=1))
    handles = [engine.open(Experiment()) for _ in range(3)]
    yield handles
    for each in handles:
        each.close()


def status(each: Handle) -> str:
    return each.poll().header["status"]


def test_a_full_house_has_a_line_that_says_its_length_and_moves_in_order(three: list[Handle], until: Until) -> None:
    first, second, third = three
    for each in three:
        each.play()
    assert [status(each) for each in three] == ["playing", "waiting", "waiting"]
    assert "number 1 of 2 in line" in second.snapshot.header["message"]
    assert "number 2 of 2 in line" in third.snapshot.header["message"]
    assert second.playing
    assert second.in_line
    first.pause()
    until(lambda: [status(each) for each in three] == ["ready", "playing", "waiting"])
    assert "number 1 of 1 in line" in third.snapshot.header["message"]
    first.play()
    assert "number 2 of 2" in first.poll().header["message"]
    second.close()
    until(lambda: [status(third), status(first)] == ["playing", "waiting"])


def test_who_leaves_the_line_or_does_not_look_gives_the_place_up(
    three: list[Handle], until: Until, monkeypatch
) -> None:
    first, second, third = three
    for each in three:
        each.play()
    second.pause()
    assert not second.playing
    until(lambda: [status(first), status(third)] == ["playing", "waiting"])
    third._lease_end = time.monotonic() - 1  # its tab is closed
    until(lambda: first.poll() and not third.in_line)
    assert not third.playing
    assert third.snapshot.header["status"] == "ready"


def test_who_joins_the_line_after_a_long_look_at_a_paused_run_is_not_taken_for_gone(
    three: list[Handle], until: Until
) -> None:
    first, second, _ = three
    first.play()
    second._lease_end = time.monotonic() - 60  # a paused page does not ask
    second.play()
    second._engine.line.move()
    assert second.in_line
    assert status(second) == "waiting"


def test_a_place_whose_visitor_has_gone_is_free(three: list[Handle], until: Until) -> None:
    first, second, _ = three
    first.play()
    second.play()
    first._lease_end = time.monotonic() - 1
    until(lambda: status(second) == "playing")


def test_pictures_are_rarer_the_more_runs_play(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    handles = [engine.open(Experiment()) for _ in range(3)]
    assert engine.pace < 0.1
    monkeypatch.setattr("playground.engine.client.PICTURES", 6.0)
    for each in handles:
        each._playing, each._lease_end = True, time.monotonic() + handle.LEASE
    assert engine.pace == pytest.approx(0.5)
    for each in handles:
        each.close()


def test_the_states_of_all_runs_have_a_limit_and_the_longest_unseen_goes(
    three: list[Handle], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = three
    for each in (second, first):
        each.step(3)
    size = len(first.state())
    monkeypatch.setattr(client, "LIMITS", Limits(kept_states=2 * size + size // 2))
    third.step(3)
    third.state()  # what comes with a command may wait: it costs
    assert (first._kept is None, second._kept is None, third._kept is None) == (False, True, False)
    second.step()
    assert second.snapshot.header["step"] == 4, "its host has it still"
    first.state()
    first._home.link.request("close", run=first.id).result(5)  # as a host does after minutes
    first._leave(first._home.link)
    second.state()
    monkeypatch.setattr(client, "LIMITS", Limits(kept_states=2 * size + size // 2))
    third.state()
    assert first._kept is not None, "there is no other copy of it"
    monkeypatch.setattr(client, "LIMITS", Limits(kept_states=10))
    third.state()
    assert third._kept is not None
    assert first._kept is None
    header = first.poll(first.snapshot.seq, 5.0).header
    assert (header["step"], header["status"]) == (0, "ready")
    assert "its state had to make room; it begins again at step 0." in header["message"]


def test_a_server_may_cap_the_speed_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "LIMITS", replace(LIMITS, max_steps_per_second=50))
    guest = guests.Guest("a", Run(Experiment()), 0, now=0.0)
    for asked, interval in ((None, 0.02), (100.0, 0.02), (10.0, 0.1)):
        guest.limit(asked, 0.0)
        assert guest.interval == interval


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_limits_and_variables_come_before_them(preset: str) -> None:
    limits = Limits.from_environment({"PLAYGROUND_PRESET": preset})
    assert all(getattr(limits, name) == value for name, value in PRESETS[preset].items())
    assert Limits.from_environment({"PLAYGROUND_PRESET": preset, "PLAYGROUND_MAX_UNITS": "8"}).max_units == 8


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ValueError, match="PLAYGROUND_PRESET is 'both'; it must be laptop or public"):
        Limits.from_environment({"PLAYGROUND_PRESET": "both"})
