"""What holds for all tests."""

import os
from collections.abc import Iterator

import pytest

# One thread for everything, before NumPy and torch are imported: beside hosts and browsers a second one makes small
# networks many times slower.
for _pool in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_pool, "1")


@pytest.fixture(scope="session")
def patient_steps() -> Iterator[None]:
    """A step asked for is there when the call returns, however busy the machine; a page would go on after a moment."""
    from playground.engine import handle

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handle, "MOMENT", 60.0)
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """How `pytest -n 2` shares the tests out: files stay whole, and one worker has all that need the browser."""
    from xdist.scheduler import LoadFileScheduling

    class OneBrowser(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "browser" if file.startswith("tests/browser/") else file

    return OneBrowser(config, log)
