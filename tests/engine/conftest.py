"""One engine for all of these tests: starting a host takes seconds."""

import time
from collections.abc import Callable, Iterator

import pytest
import torch

from playground.engine import Engine, Handle
from playground.spec import Experiment

torch.set_num_threads(1)  # beside two hosts, a second thread in this process makes everything wait


@pytest.fixture(scope="session", autouse=True)
def _patient_steps(patient_steps: None) -> None:
    pass


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    engine = Engine(hosts=2)
    assert engine.ready(60), "no host became ready"
    yield engine
    engine.shutdown()


@pytest.fixture
def handle(engine: Engine) -> Iterator[Handle]:
    handle = engine.open(Experiment())
    yield handle
    handle.close()


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s"
            time.sleep(0.02)

    return wait
