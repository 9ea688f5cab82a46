"""The engine with real hosts. Those that kill some stand last."""

import gc
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from playground.engine import Engine, Handle, client, link
from playground.engine.snapshot import unpack
from playground.spec import Experiment
from playground.training import Run

ROOT = Path(__file__).resolve().parents[2]
Until = Callable[..., None]


def losses(handle: Handle) -> np.ndarray:
    return Run.restore(handle.state()).history["loss"]


def bare(experiment: Experiment, steps: int) -> np.ndarray:
    run = Run(experiment)
    run.advance(steps=steps)
    return run.history["loss"]


def watch(handle: Handle, seconds: float) -> list[dict]:
    """What a page would see: the headers of all new snapshots."""
    end, seen, headers = time.monotonic() + seconds, -1, []
    while time.monotonic() < end:
        snapshot = handle.poll(seen, timeout=max(0.0, min(0.5, end - time.monotonic())))
        if snapshot.seq > seen:
            seen = snapshot.seq
            headers.append(snapshot.header)
    return headers


def ending(handle: Handle, seconds: float = 10.0) -> dict:
    """The header of a run that has stopped playing by itself."""
    end, header = time.monotonic() + seconds, handle.snapshot.header
    while header["status"] == "playing":
        assert time.monotonic() < end
        header = handle.poll(timeout=0.02).header
    return header


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_importing_it_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from playground.engine import Engine, Handle, Snapshot\n"
        "print(sorted({'torch', 'numpy', 'sklearn', 'streamlit'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


def test_commands_answer_with_a_fresh_picture(handle: Handle) -> None:
    assert handle.snapshot.header["status"] == "ready"
    first = unpack(handle.snapshot.data)[1]["weight_1"]
    handle.step()
    assert handle.snapshot.header["step"] == 1
    handle.step(3)
    assert (handle.snapshot.header["step"], handle.playing) == (4, False)
    handle.epoch()
    assert (handle.snapshot.header["step"], handle.snapshot.header["epoch"]) == (25, 1.0)
    handle.epoch()
    assert handle.snapshot.header["step"] == 50
    assert not np.array_equal(unpack(handle.snapshot.data)[1]["weight_1"], first)
    handle.reset()
    assert handle.snapshot.header["step"] == 0
    assert np.array_equal(unpack(handle.snapshot.data)[1]["weight_1"], first)
    handle.step(30)
    assert np.array_equal(losses(handle), bare(handle.experiment, 30))


def test_playing_and_pausing(handle: Handle) -> None:
    handle.play()
    assert handle.playing
    assert handle.snapshot.header["status"] == "playing"
    headers = watch(handle, 1.0)
    steps = [header["step"] for header in headers]
    assert len(headers) > 5
    assert steps == sorted(steps)
    assert steps[-1] > 50
    rate = headers[-1]["steps_per_second"]
    assert 0.3 < rate / (steps[-1] - steps[0]) < 3
    handle.pause()
    step = handle.snapshot.header["step"]
    assert (handle.playing, handle.snapshot.header["steps_per_second"]) == (False, None)
    assert watch(handle, 0.4)[-1]["step"] == step
    assert np.array_equal(losses(handle), bare(handle.experiment, step))


def test_two_runs_do_not_disturb_each_other(engine: Engine) -> None:
    dropped = Experiment.starter("ten_features")
    handles = [engine.open(experiment) for experiment in (dropped, dropped, Experiment())]
    for handle in handles:
        handle.speed(800)
        handle.play()
    for _ in range(6):
        for handle in handles:
            handle.poll(timeout=0.05)
    for handle in handles:
        handle.pause()
        step = handle.snapshot.header["step"]
        assert step > 0
        assert np.array_equal(losses(handle), bare(handle.experiment, step))


def test_a_change_while_playing(handle: Handle) -> None:
    handle.play()
    other = handle.experiment.but(optimizer=handle.experiment.optimizer.set(lr=0.003))
    handle.update(other)
    assert handle.experiment == other
    assert handle.snapshot.header["lr"] == 0.003
    assert handle.playing
    with pytest.raises(ValueError, match="starts training anew"):
        handle.update(Experiment.starter("iris"))
    assert handle.experiment == other
    assert handle.playing


def test_a_new_experiment_in_the_same_handle(handle: Handle) -> None:
    handle.step(5)
    wrong = Experiment.starter("iris").but(layers=Experiment().layers)
    with pytest.raises(ValueError, match="3 classes"):
        handle.open(wrong)
    handle.step()
    assert (handle.snapshot.header["step"], handle.experiment) == (6, Experiment())
    seq = handle.snapshot.seq
    handle.open(Experiment.starter("iris"))
    assert (handle.snapshot.header["step"], handle.snapshot.header["view"]) == (0, "table")
    assert handle.snapshot.seq > seq
    handle.step(7)
    assert np.array_equal(losses(handle), bare(Experiment.starter("iris"), 7))


def test_an_experiment_that_cannot_be_trained(engine: Engine) -> None:
    count = engine.health()["runs"]
    with pytest.raises(ValueError, match=r"^The network has 1 output, but 3 classes .*\.$"):
        engine.open(Experiment.starter("iris").but(layers=Experiment().layers))
    assert engine.health()["runs"] <= count


def test_speed(handle: Handle) -> None:
    handle.speed(10)
    handle.play()
    headers = watch(handle, 1.55)
    assert headers[-1]["step"] == pytest.approx(16, abs=4)
    assert headers[-1]["steps_per_second"] == pytest.approx(10, rel=0.3)
    handle.speed(None)
    assert watch(handle, 0.5)[-1]["step"] > 60
    with pytest.raises(ValueError, match="above 0"):
        handle.speed(0)
    with pytest.raises(ValueError, match="1 to 20,000"):
        handle.step(10**6)


def test_a_run_that_ends_or_diverges(engine: Engine) -> None:
    training = Experiment().training.but(epochs=2)
    handle = engine.open(Experiment().but(training=training))
    handle.play()
    header = ending(handle)
    assert (header["status"], header["step"]) == ("finished", 50)
    assert not handle.playing
    plane = Experiment.starter("plane")
    handle.open(plane.but(optimizer={"name": "SGD", "args": {"lr": 1e6}}))
    handle.play()
    header = ending(handle)
    assert header["status"] == "diverged"
    assert "Diverged at step" in header["message"]
    assert header["train"]["loss"] is None or math.isfinite(header["train"]["loss"])


def test_nobody_trains_unwatched(handle: Handle, engine: Engine, until: Until) -> None:
    handle.play()
    watch(handle, 0.3)
    time.sleep(3.5)
    assert engine.health()["playing"] == 0
    stood = handle.poll(handle.snapshot.seq, timeout=1.0).header["step"]
    until(lambda: handle.poll().header["step"] > stood + 20)
    assert handle.playing


def test_a_long_way_is_shown_like_playing_and_waits_for_its_visitor(
    engine: Engine, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.engine.handle.MOMENT", 1.0)
    handle = engine.open(Experiment())
    handle.step(1)
    start = time.monotonic()
    handle.step(20_000)
    assert time.monotonic() - start < 3, "it goes on after the page has its answer"
    assert handle.playing
    until(lambda: handle.poll().header["status"] == "playing")  # a busy host's first picture comes later
    seen = watch(handle, 0.5)
    assert {header["status"] for header in seen} == {"playing"}
    until(lambda: handle.poll().header["step"] > seen[0]["step"])
    time.sleep(3.5)  # the tab is closed
    assert engine.health()["playing"] == 0
    stood = handle.poll(handle.snapshot.seq, timeout=1.0).header["step"]
    assert stood < 20_001
    until(lambda: handle.poll().header["step"] > stood + 20)
    with pytest.raises(ValueError, match="nowhere"):
        handle.move("nowhere")
    assert handle.playing, "what was refused has changed nothing"
    handle.pause()
    assert not handle.playing
    header = handle.poll().header
    assert header["status"] == "ready"
    assert header["step"] < 20_001
    handle.step(10)
    assert handle.snapshot.header["step"] == header["step"] + 10
    handle.close()


def test_a_run_that_was_given_back_is_opened_again(handle: Handle) -> None:
    handle.step(12)
    handle._home.link.request("close", run=handle.id).result(5)  # as a host does after minutes
    handle.step()
    assert handle.snapshot.header["step"] == 13
    handle._home.link.request("close", run=handle.id).result(5)
    handle._leave(handle._home.link)
    assert handle.poll(handle.snapshot.seq, 2.0).header["step"] == 13


def test_a_state_opens_a_run_where_it_was(handle: Handle, engine: Engine) -> None:
    handle.step(20)
    other = engine.open(handle.experiment, handle.state())
    assert other.snapshot.header["step"] == 20
    other.step(20)
    assert np.array_equal(losses(other), bare(handle.experiment, 40))
    with pytest.raises(ValueError, match="cut short"):
        engine.open(handle.experiment, b"nonsense")


def test_several_threads_use_one_handle(handle: Handle) -> None:
    errors = []

    def work() -> None:
        try:
            for _ in range(10):
                handle.step()
                handle.poll(timeout=0.001)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not errors
    handle.pause()
    assert 10 <= handle.snapshot.header["step"] <= 40  # a later step replaces one that has not begun


def test_handles_that_are_gone_free_their_runs(engine: Engine, until: Until) -> None:
    gc.collect()
    until(lambda: engine.health()["runs"] == len(engine._handles))
    before = engine.health()["runs"]
    handles = [engine.open(Experiment()) for _ in range(4)]
    handles[0].play()
    assert engine.health()["runs"] == before + 4
    handles[0].close()
    assert not handles[0].playing
    del handles[1:]
    gc.collect()
    until(lambda: engine.health()["runs"] == before)
    handles[0].step()
    assert handles[0].poll(timeout=0.01).header["step"] == handles[0].snapshot.header["step"]
    assert engine.health()["runs"] == before


def test_it_costs_nothing_while_nobody_looks(engine: Engine, until: Until) -> None:
    gc.collect()
    until(lambda: engine._asleep, 8)
    ticks = [os.sysconf("SC_CLK_TCK")]

    def used(pid: int) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / ticks[0]

    pids = [host["pid"] for host in engine.health()["hosts"] if host["ready"]]
    before = [used(pid) for pid in pids]
    time.sleep(0.5)
    assert sum(used(pid) for pid in pids) - sum(before) <= 0.01


PARENT = """
import sys, time
from playground.engine import Engine
from playground.spec import Experiment
engine = Engine(hosts=1)
handle = engine.open(Experiment())
if sys.argv[1] == "ready":
    engine.ready(60)
    handle.play()
print(engine._alive()[0].pid, handle.snapshot.header["status"], flush=True)
if sys.argv[1] == "leave":
    sys.exit()
while True:
    handle.poll(timeout=0.2)
"""


@pytest.mark.parametrize("how", ["ready", "early", "leave"])
def test_no_host_outlives_its_parent(how: str, until: Until) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, how], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    pid, status = parent.stdout.readline().split()
    assert status in (("ready", "playing") if how == "ready" else ("starting",))
    if how != "leave":
        assert alive(int(pid))
        parent.kill()
    parent.wait(10)
    parent.stdout.close()
    until(lambda: not alive(int(pid)), 6)


def test_shutdown_leaves_no_process(until: Until) -> None:
    engine = Engine(hosts=1)
    pid = engine._alive()[0].pid
    handle = engine.open(Experiment())
    engine.shutdown()
    engine.shutdown()
    assert not alive(pid)
    assert handle.poll(timeout=0.01).header["status"] in ("starting", "failed")


def test_before_a_host_is_ready_commands_wait_their_turn() -> None:
    engine = Engine(hosts=1)
    wrong = Experiment.starter("iris").but(layers=Experiment().layers)
    handles = [engine.open(wrong), engine.open(Experiment())]
    played, changed = engine.open(Experiment()), engine.open(Experiment())
    assert [handle.snapshot.header["status"] for handle in handles] == ["starting"] * 2
    assert handles[0].snapshot.header["columns"] == []
    played.play()
    assert played.playing
    changed.open(wrong)
    changed.step()
    changed.open(Experiment.starter("iris"))
    assert changed.experiment == Experiment.starter("iris")
    with pytest.raises(ValueError, match="no state yet"):
        changed.state()
    assert engine.ready(60)
    seen = handles[0].poll(0, timeout=5).header
    assert (seen["status"], "3 classes" in seen["message"]) == ("failed", True)
    assert handles[1].poll(0, timeout=5).header["status"] == "ready"
    end = time.monotonic() + 5
    while played.poll(timeout=0.05).header["step"] < 10 and time.monotonic() < end:
        pass
    assert played.snapshot.header["status"] == "playing"
    changed.step(3)
    assert (changed.snapshot.header["view"], changed.snapshot.header["step"]) == ("table", 3)
    handles[0].play()  # refused again, with the same sentence and without an exception
    assert "3 classes" in handles[0].snapshot.header["message"]
    handles[0].open(Experiment())
    handles[0].step(2)
    assert (handles[0].snapshot.header["status"], handles[0].snapshot.header["step"]) == ("ready", 2)
    engine.shutdown()


def test_hosts_that_do_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link.sys, "executable", "/bin/false")
    engine = Engine(hosts=2)
    handle = engine.open(Experiment())
    end = time.monotonic() + 5
    while handle.poll(timeout=0.05).header["status"] != "failed" and time.monotonic() < end:
        pass
    assert "ended while it was starting" in handle.snapshot.header["message"]
    engine.shutdown()


def test_a_run_that_loses_its_hosts_again_and_again_is_not_brought_back_unasked(engine: Engine) -> None:
    handle = engine.open(Experiment())
    for _ in range(2):
        engine.revive(handle, handle._home.link)  # as if it had been lost
        assert "goes on from step 0" in handle.poll(handle.snapshot.seq, timeout=5).header["message"]
    engine.revive(handle, handle._home.link)
    assert handle.snapshot.header["status"] == "failed"
    assert "three times" in handle.snapshot.header["message"]
    assert handle.poll(timeout=0.2).header["status"] == "failed"
    handle.reset()
    assert handle.snapshot.header["status"] == "ready"


def test_a_host_killed_while_runs_play(engine: Engine) -> None:
    assert engine.ready(60, hosts=2)
    experiment = Experiment.starter("ten_features")
    handles = [engine.open(experiment) for _ in range(4)]
    for handle in handles:
        handle.speed(300)
        handle.play()
    idle = engine.open(Experiment())
    idle.step(9)
    end, kept = time.monotonic() + 30, [0]
    while min(kept) == 0:
        assert time.monotonic() < end, "no state of a run that plays was kept"
        for handle in handles:
            handle.poll(timeout=0.1)
        kept = [Run.restore(handle._kept).step if handle._kept else 0 for handle in handles]
    victim = idle._home.link
    killed = [(handle, step) for handle, step in zip(handles, kept, strict=True) if handle._home.link is victim]
    assert 0 < len(killed) < 4
    os.kill(victim.pid, signal.SIGKILL)
    start, last = time.monotonic(), {handle: handle.snapshot for handle, _ in killed}
    for handle, step in killed:
        snapshot = last[handle]
        while not ("goes on from step" in snapshot.header["message"] and snapshot.header["status"] == "playing"):
            snapshot = handle.poll(snapshot.seq, timeout=0.1)
            assert time.monotonic() - start < 60
        assert snapshot.header["step"] >= step
        assert snapshot.seq > last[handle].seq
    assert idle.poll(idle.snapshot.seq, 1.0).header["step"] == 9  # paused, and nothing lost
    for handle in handles:
        handle.pause()
        assert np.array_equal(losses(handle), bare(experiment, handle.snapshot.header["step"]))
    assert all(host["alive"] for host in engine.health()["hosts"])
    assert victim.pid not in [host["pid"] for host in engine.health()["hosts"]]


def test_a_host_that_hangs_is_replaced(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.ready(60, hosts=2)
    handle = engine.open(Experiment())
    handle.step(4)
    monkeypatch.setattr(client, "HUNG", 0.4)
    os.kill(handle._home.link.pid, signal.SIGSTOP)
    end, seq = time.monotonic() + 5, handle.snapshot.seq
    while handle.snapshot.seq <= seq or handle.snapshot.header["status"] != "ready":
        handle.poll(seq, timeout=0.1)
        assert time.monotonic() < end
    assert handle.snapshot.header["step"] == 4


def test_a_host_that_becomes_ready_later_takes_its_share(until):
    late = Engine(hosts=2)
    try:
        handles = [late.open(Experiment()) for _ in range(6)]  # before any host is there
        for handle in handles:
            handle.play()
        assert late.ready(60, hosts=2)
        until(
            lambda: (
                [handle.poll() for handle in handles] and min(host["runs"] or 0 for host in late.health()["hosts"]) >= 2
            ),
            20,
        )
        before = [handle.poll().header["step"] for handle in handles]
        until(lambda: all(handle.poll().header["step"] > step for handle, step in zip(handles, before, strict=True)))
        assert all(handle.playing for handle in handles)
        bare = Run(Experiment(), "cpu")
        handles[-1].pause()
        bare.advance(steps=handles[-1].snapshot.header["step"])
        assert handles[-1].snapshot.header["train"]["loss"] == pytest.approx(
            bare.evaluate()["train"]["loss"], abs=1e-12
        )
    finally:
        late.shutdown()
