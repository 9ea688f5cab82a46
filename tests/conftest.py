"""What holds for all tests."""

import os
from pathlib import Path

import pytest

_TESTS = Path(__file__).parent

# One thread for everything, before NumPy and torch are imported: beside hosts and browsers a second one makes small
# networks many times slower.
for _pool in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_pool, "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where `pytest -n 2 --dist loadgroup` shares the tests out, files stay whole, and one worker has the browser."""
    for item in items:
        place = item.path.relative_to(_TESTS)
        item.add_marker(pytest.mark.xdist_group("browser" if place.parts[0] == "browser" else place.as_posix()))
