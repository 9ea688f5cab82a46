"""The worker that holds jobs: how many at once, for one visitor and for all."""

import pytest

from playground.limits import Limits
from playground.work.job import Job
from playground.work.worker import Worker


class Endless(Job):
    """Never done."""

    def pieces(self):
        while True:
            yield

    def report(self):
        return {}


@pytest.fixture
def worker(monkeypatch) -> Worker:
    monkeypatch.setattr("playground.work.worker.LIMITS", Limits(heavy_jobs=3, heavy_jobs_each=2))
    return Worker({}, {"endless": Endless})


def opened(worker: Worker, visitor: str) -> dict:
    return worker.answer({"id": 1, "op": "open", "kind": "endless", "visitor": visitor})


def test_one_visitor_has_so_many_jobs_at_once_and_all_together_too(worker):
    first, second = opened(worker, "me"), opened(worker, "me")
    assert (first, second) == ({"job": "job 1"}, {"job": "job 2"})
    refusal = opened(worker, "me")["error"]
    assert refusal == "2 of your jobs are under way, the most for one visitor; wait until one has ended."
    assert opened(worker, "somebody else") == {"job": "job 3"}
    assert opened(worker, "a third")["error"] == "All 3 places are taken; try again in a while."
    worker.answer({"id": 2, "op": "stop", "job": "job 1"})
    assert opened(worker, "me") == {"job": "job 4"}


def test_a_job_that_nobody_asks_for_frees_its_place(worker, monkeypatch):
    for _ in range(2):
        opened(worker, "me")
    monkeypatch.setattr("playground.work.worker.LEASE", -1.0)
    worker.turn()
    assert not worker.jobs
    assert opened(worker, "me") == {"job": "job 3"}
