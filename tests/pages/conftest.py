"""The app under AppTest: the real router, pages and engine, without a browser."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from playground.ui.session import HANDLE, engine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _one_engine():
    """The engine outlives the single test: starting its hosts takes seconds."""
    yield
    engine().shutdown()


@pytest.fixture
def open_app() -> Callable[..., AppTest]:
    """Open the app with a query, and wait until its run is there."""

    def opened(**query: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=30)
        for word, text in query.items():
            app.query_params[word] = text
        app.run()
        settle(app)
        return app

    return opened


def settle(app: AppTest, timeout: float = 20) -> dict:
    """Wait until the run of this app is neither starting nor coming back; the header of its snapshot."""
    run, end = app.session_state[HANDLE], time.monotonic() + timeout
    while (header := run.poll(timeout=0.2).header)["status"] in ("starting", "reviving"):
        assert time.monotonic() < end, header
    return header
