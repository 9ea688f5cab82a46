"""Questions to a run, and looking back, over the wire."""

import os
import signal

import pytest

from playground.engine import Engine, Handle
from playground.spec import Experiment


def test_a_question_is_answered_by_the_host_and_changes_nothing(handle: Handle) -> None:
    handle.step(3)
    seq = handle.snapshot.seq
    told = handle.call("health", full=False)
    assert told is not None
    assert told["step"] == 3
    assert len(told["layers"]) == len(handle.experiment.layers)
    coming = handle.call("batch")
    assert coming is not None
    assert [row["row"] for row in coming["rows"]] == [row["row"] for row in (handle.call("batch") or {})["rows"]]
    assert handle.snapshot.seq == seq
    handle.step()
    assert (handle.call("batch", which="last") or {})["rows"][0]["row"] == coming["rows"][0]["row"]


def test_a_playing_run_always_knows_its_last_update(handle: Handle) -> None:
    handle.play()
    handle.poll(timeout=0.3)
    for _ in range(5):
        told = handle.call("health", full=False)
        assert told is not None
        assert told["layers"][0]["gradient"] is None or told["layers"][0]["update_ratio"] is not None
    handle.pause()


@pytest.mark.parametrize(
    ("question", "arguments", "said"),
    [
        ("__class__", {}, "a run cannot be asked for '__class__'; ask for health"),
        ("batch", {"which": "other"}, "a next and a last batch"),
        ("weight", {"layer": 99, "name": "weight", "index": [0, 0]}, "there is no layer 100"),
        ("weight", {"nonsense": 1}, "could not say that: TypeError"),
    ],
)
def test_a_question_badly_put_is_answered_with_a_sentence_and_the_run_goes_on(
    handle: Handle, question: str, arguments: dict, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        handle.call(question, **arguments)
    handle.step()
    assert handle.snapshot.header["status"] == "ready"


def assert_at_25_of_60(handle: Handle) -> None:
    told = handle.call("timeline")
    assert told is not None
    assert (told["shown"], told["now"], told["looking_back"]) == (25, 60, True)
    assert [moment["step"] for moment in told["kept"]] == [0, 25, 50]


def test_looking_back_and_forking(handle: Handle) -> None:
    handle.step(60)
    now = handle.snapshot.header
    handle.look_back(25)
    then = handle.snapshot.header
    assert (then["step"], then["epoch"], then["status"]) == (25, 1.0, "ready")
    assert then["train"]["loss"] != now["train"]["loss"]
    assert_at_25_of_60(handle)
    handle.look_back(None)
    assert handle.snapshot.header["train"] == now["train"]
    handle.look_back(25)
    handle.update(handle.experiment.but(optimizer=handle.experiment.optimizer.set(lr=0.1)))
    handle.step(35)
    assert handle.snapshot.header["step"] == 60
    assert handle.snapshot.header["train"]["loss"] != now["train"]["loss"]


def test_looking_back_the_experiment_is_that_of_then(handle: Handle) -> None:
    old = handle.experiment
    new = old.but(optimizer=old.optimizer.set(lr=0.1))
    handle.step(30)
    handle.update(new)
    handle.step(30)
    handle.look_back(25)
    assert handle.experiment == old
    assert handle.snapshot.header["lr"] == old.optimizer["lr"]
    handle.look_back(50)
    assert handle.experiment == new
    handle.look_back(0)
    handle.look_back(None)
    assert handle.experiment == new
    assert handle.snapshot.header["lr"] == 0.1
    with pytest.raises(ValueError):
        handle.update(new.but(layers=()))  # refused, and so not known as what the run trains
    assert handle.experiment == new


def test_looking_back_pauses(handle: Handle) -> None:
    handle.play()
    while handle.poll(handle.snapshot.seq, 1.0).header["step"] < 60:
        pass
    handle.look_back(0)
    assert not handle.playing
    assert handle.snapshot.header["step"] == 0
    handle.play()
    assert handle.snapshot.header["status"] == "playing"


def test_before_a_host_is_there_nothing_is_answered() -> None:
    engine = Engine(hosts=1)
    try:
        handle = engine.open(Experiment())
        assert handle.call("health") is None or handle.snapshot.header["status"] == "ready"
    finally:
        engine.shutdown()


def test_a_run_given_back_while_looking_back_still_has_its_present_and_its_moments(handle: Handle) -> None:
    handle.step(60)
    now = handle.snapshot.header
    handle.look_back(25)
    handle._home.link.request("hand over", run=handle.id).result(5)
    handle._leave(handle._home.link)
    handle.poll(handle.snapshot.seq, 2.0)
    assert_at_25_of_60(handle)
    handle.look_back(None)
    assert handle.snapshot.header["train"] == now["train"]


def test_a_host_killed_while_looking_back_loses_neither_then_nor_now(engine: Engine) -> None:
    assert engine.ready(60, hosts=2)
    handle = engine.open(Experiment())
    old = handle.experiment
    handle.step(30)
    handle.update(old.but(optimizer=old.optimizer.set(lr=0.1)))
    handle.step(30)
    now = handle.snapshot.header
    handle.look_back(25)
    then = handle.snapshot
    link = handle._home.link
    os.kill(link.pid, signal.SIGKILL)
    while not (handle._home.link is not link and handle.poll(handle.snapshot.seq, 1.0).header["status"] == "ready"):
        pass
    assert (handle.snapshot.header["step"], handle.snapshot.header["train"]) == (25, then.header["train"])
    assert handle.experiment == old
    handle.look_back(None)
    assert handle.snapshot.header["train"] == now["train"]
    assert handle.experiment.optimizer["lr"] == 0.1
    handle.close()
