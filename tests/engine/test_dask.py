"""The engine over a Dask cluster on loopback: a scheduler and two workers by command line, one of which is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from playground.engine import Engine
from playground.spec import Experiment
from playground.training import Run

pytest.importorskip("distributed", reason="the package distributed is not installed")

ROOT = Path(__file__).resolve().parents[2]
Until = Callable[..., None]
QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | QUIET,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and its two workers."""
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    place = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard"]
    scheduler = started(folder, "distributed.cli.dask_scheduler", "--port", "0", *place)
    own = ["--nthreads", "1", "--no-nanny", "--local-directory", str(folder), "--name"]
    workers = [started(folder, "distributed.cli.dask_worker", *place, *own, name) for name in ("one", "two")]
    try:
        from distributed import Client

        end = time.monotonic() + 30
        while not file.exists():
            assert time.monotonic() < end, "no scheduler came"
            time.sleep(0.1)
        with Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            address = client.scheduler.address
        yield address.replace("tcp://", "dask://"), workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_cluster_carries_runs_like_this_machine_and_a_lost_worker_costs_seconds(cluster, until: Until) -> None:
    address, workers = cluster
    first = Engine(cluster=address)
    try:
        assert first.ready(90, hosts=2), "the workers' hosts did not become ready"

        # the same bits as here, the same controls
        runs = [first.open(Experiment()) for _ in range(2)]
        assert len({run._home.link for run in runs}) == 2
        runs[0].step(60)
        bare = Run(Experiment())
        bare.advance(steps=60)
        here = Run.restore(runs[0].state()).history["loss"]
        assert np.array_equal(here, bare.history["loss"])
        for run in runs:
            run.play()
        until(lambda: all(run.poll(timeout=0.1).header["step"] > 100 for run in runs))
        assert first.health()["playing"] == 2

        # another replica finds the run by its name, and goes on with it
        second = Engine(cluster=address)
        try:
            assert second.ready(60, hosts=2)
            with pytest.raises(ValueError, match="No training host carries a run named 'nobody'"):
                second.attach("nobody")
            there = second.attach(runs[0].id)
            assert there.experiment == Experiment()
            assert there.playing
            seen = there.poll().header["step"]
            assert seen > 100
            until(lambda: there.poll(timeout=0.1).header["step"] > seen, 60)
            there.pause()
            before = there.poll().header["step"]
            there.step()
            assert Run.restore(there.state()).step == there.poll().header["step"] == before + 1
        finally:
            second.shutdown()

        # a worker is killed: its run goes on in the other one, from a state not older than some seconds
        for run in runs:
            run.play()
        until(lambda: all(run._kept for run in runs) and [run.poll(timeout=0.1) for run in runs])
        before = [run.poll().header["step"] for run in runs]
        os.kill(workers[1].pid, signal.SIGKILL)
        until(
            lambda: all(
                run.poll(timeout=0.1).header["step"] > 1.2 * old for run, old in zip(runs, before, strict=True)
            ),
            40,
        )
        assert len({run._home.link for run in runs}) == 1
    finally:
        first.shutdown()


@pytest.mark.parametrize(
    ("address", "words"),
    [("ray://127.0.0.1:1", "it must be dask://host:port"), ("dask://127.0.0.1:9", "no Dask scheduler answers")],
)
def test_an_address_without_a_cluster_is_a_sentence(address: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.engine.dask_link.SCHEDULER_ANSWERS", 0.5)
    with pytest.raises(ValueError, match=words):
        Engine(cluster=address)
