"""The app under AppTest: the real router, pages and engine, without a browser."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from page_helpers import settle
from streamlit.testing.v1 import AppTest

from playground.ui.session import engine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _patient_steps(patient_steps):
    pass


@pytest.fixture(scope="session", autouse=True)
def _one_engine():
    """The engine outlives the single test: starting its hosts takes seconds."""
    yield
    engine().shutdown()


@pytest.fixture(scope="session", autouse=True)
def _own_database(tmp_path_factory):
    """Runs are kept in a file of the tests."""
    os.environ["PLAYGROUND_RUNS_URL"] = f"sqlite:///{tmp_path_factory.mktemp('runs')}/runs.db"
    yield
    del os.environ["PLAYGROUND_RUNS_URL"]


@pytest.fixture(scope="session", autouse=True)
def _own_store(tmp_path_factory):
    """Uploads are kept in a folder of the tests, which the hosts find in their environment."""
    os.environ["PLAYGROUND_STORE"] = str(tmp_path_factory.mktemp("store"))
    yield
    del os.environ["PLAYGROUND_STORE"]


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
