"""Devices: what is chosen, said and timed, with the accelerator faked on the CPU."""

import time

import pytest
import torch

from playground import device
from playground.device import Place, available_devices, chip_name, full_name, pick_device, places, whats_here
from playground.spec import Experiment
from playground.timing import measure as timing
from playground.timing.jobs import TimingJob
from playground.training import Run

CPU = torch.device("cpu")


@pytest.fixture
def with_cuda(monkeypatch):
    """A machine that says it has a CUDA device, asked through torch.accelerator alone."""
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    monkeypatch.setattr(torch.accelerator, "get_memory_info", lambda: (2**30, 8 * 2**30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "Fake 9000")


@pytest.fixture
def with_mps(monkeypatch):
    """A machine that says it has an MPS device, which tells neither its chip nor its memory."""
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: torch.device("mps"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: None)


def test_without_an_accelerator_there_is_the_cpu(without):
    assert available_devices() == ["cpu"]
    assert pick_device() == pick_device("cpu") == CPU
    (row,) = whats_here()
    assert row["device"] == "cpu"
    assert row["chip"]
    assert [place.where for place in places()] == [CPU] * len(places())
    with pytest.raises(ValueError, match="there is no device 'cuda' here; choose one of cpu"):
        pick_device("cuda")


@pytest.mark.parametrize("name", ["", "cpu; rm", "no such", "cuda:x", "x" * 400])
def test_a_device_that_is_none_is_a_sentence(without, name):
    with pytest.raises(ValueError, match="there is no device") as caught:
        pick_device(name)
    assert len(str(caught.value)) < 120


def test_the_accelerator_is_the_default_and_is_described(with_cuda):
    assert available_devices() == ["cpu", "cuda"]
    assert pick_device() == torch.device("cuda")
    assert pick_device("cuda:0") == torch.device("cuda:0")
    assert pick_device("cpu") == CPU
    assert full_name(torch.device("cuda")) == "cuda (Fake 9000)"
    assert whats_here()[1]["memory"] == 8 * 2**30
    last = places()[-1]
    assert (last.title, last.threads) == ("cuda (Fake 9000)", 0)
    assert last.synchronize is torch.accelerator.synchronize


def test_a_device_that_tells_little_is_described_too(with_mps):
    assert pick_device() == torch.device("mps")
    assert whats_here()[1]["memory"] is None
    assert full_name(torch.device("mps")).startswith("mps")
    assert chip_name(torch.device("mps")) != chip_name(CPU) or not chip_name(CPU)


def test_the_label_is_the_device_of_the_tensors(with_cuda):
    run = Run(Experiment(), "cpu")
    assert run.where == str(next(run.model.parameters()).device) == "cpu"
    run.device = torch.device("cuda")  # a wish
    assert run.where == "cpu"


def test_a_run_goes_on_elsewhere_although_no_generator_of_that_device_was_kept(monkeypatch):
    dropping = Experiment.from_query("data=moons.90&net=Linear.16~ReLU~Dropout.0.3~Linear.1")
    run = Run(dropping, "cpu")
    run.advance(steps=5)
    original = Run._generators
    monkeypatch.setattr(Run, "_generators", lambda self: [*original(self), torch.Generator()])  # as on an accelerator
    moved = Run.restore(run.state(), "cpu")
    moved.advance(steps=5)
    assert moved.step == 10
    back = moved.state()
    monkeypatch.setattr(Run, "_generators", original)
    assert Run.restore(back, "cpu").step == 10


class Fake:
    """An accelerator whose work is done when it is waited for: 1 ms for each call, whatever its size."""

    def __init__(self, seconds: float):
        self.seconds, self.asked, self.waits = seconds, 0, 0
        self.place = Place("fake", CPU, 0, self.synchronize)

    def act(self) -> None:
        self.asked += 1

    def synchronize(self) -> None:
        self.waits += 1
        time.sleep(self.asked * self.seconds)
        self.asked = 0


def test_work_is_timed_until_it_is_done_and_not_until_it_is_asked_for():
    fake = Fake(0.002)
    fake.act()  # from before: it must not count
    seconds = timing.timed(fake.act, fake.place, 5)
    assert 0.002 <= seconds < 0.003
    assert fake.waits == 2


@pytest.fixture
def small(monkeypatch):
    """Two small sizes of each task, few rounds."""
    tasks = {name: (make, (8, 16)) for name, (make, _) in timing.TASKS.items()}
    for module in ("playground.timing.measure", "playground.timing.jobs"):
        monkeypatch.setattr(f"{module}.TASKS", tasks)
    monkeypatch.setattr(timing, "ROUND_SECONDS", 1e-4)
    monkeypatch.setattr(TimingJob, "kept", [])


def finished(job: TimingJob) -> dict:
    while not job.done:
        job.work(1.0)
    return job.report()


def test_every_place_size_and_precision_is_timed_with_the_transfer_apart(small):
    fake = Fake(0.0)
    report = finished(TimingJob(where=[Place("cpu, 1 thread", CPU, 1, lambda: None), fake.place]))
    assert len(report["rows"]) == 2 * 2 * 2 * 2
    for row in report["rows"]:
        assert row["seconds"] > 0
        assert (row["transfer"] is None) == (row["place"] != "fake")
    assert fake.waits >= 2 * len(report["rows"]) / 2
    for task in report["tasks"].values():
        assert set(task["rates"]) == {"cpu, 1 thread", "fake"}
        (pays,) = task["pays"]
        assert pays["largest"] == 16
        assert task["threads"] is None
    assert report["tasks"]["matmul"]["lines"]["fake"]["mixed"]["size"] == [8, 16]
    assert all(row["precision"] in ("float32", "mixed") for row in report["rows"])


def test_all_threads_are_used_only_in_a_process_of_its_own_and_set_for_every_place(monkeypatch):
    told: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    monkeypatch.setattr(device, "cores", lambda: 8)
    for place in places():
        place.enter()
    assert told == [1, 8]


def test_what_was_measured_is_shown_to_the_next_visitor(small):
    here = [Place("cpu, 1 thread", CPU, 1, lambda: None)]
    first = finished(TimingJob(where=here))["rows"]
    again = TimingJob()
    again.work(1e-3)
    assert again.done
    assert again.rows is first


@pytest.mark.parametrize(
    ("here", "there", "size"),
    [
        ([1, 10, 100], [10, 10, 10], 10.0),
        ([1, 10, 100], [1000, 1000, 1000], None),
        ([10, 100, 1000], [1, 1, 1], 1.0),
        ([1, 2, 3], [0.5, 4, 9], None),
        ([], [], None),
    ],
)
def test_where_it_pays_is_the_size_from_which_it_is_faster_for_good(here, there, size):
    found = timing.pays_from([1, 10, 100][: len(here)], here, there)
    assert found == (None if size is None else pytest.approx(size))


def test_the_assumed_accelerator_is_all_launching_when_small_and_all_arithmetic_when_large():
    assert timing.assumed("matmul", 16) == pytest.approx(timing.LAUNCH_SECONDS, rel=0.01)
    assert timing.assumed("matmul", 8192) == pytest.approx(2 * 8192**3 / timing.FLOPS, rel=0.01)


def test_a_step_is_the_one_that_the_formula_counts():
    place = Place("cpu", CPU, 1, lambda: None)
    task = timing.training_step(32, place, False)
    task.act()
    weights = 784 * 32 + 32 * 32 + 32 * 10
    assert timing.flops("step", 32) == 6 * timing.BATCH * weights
