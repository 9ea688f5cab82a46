"""A thousand random moves over all pages: no exception, and the address reproduces where they led."""

import os

import pytest
from page_helpers import PAGES, ROOT
from page_walker import Walker
from streamlit.testing.v1 import AppTest

MOVES = int(os.environ.get("PLAYGROUND_FUZZ_MOVES", "1000"))
"""Widgets that are set, over all pages."""
SEED = int(os.environ.get("PLAYGROUND_FUZZ_SEED", "0"))
FIRST = "app_pages/train.py"
QUOTES = {"app_pages/autograd.py": ("RuntimeError: ",)}
"""What a page shows as torch says it."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Nobody waits for a race to be over."""
    monkeypatch.setattr("playground.ui.optimizers_state.QUICK", 0.02)


def opened(page: str, **query: str) -> AppTest:
    """A new session on this page; AppTest gets to any other than the first by way of it."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    if page != FIRST:
        app.run()
        app.switch_page(page)
    for word, text in query.items():
        app.query_params[word] = text
    return app.run()


@pytest.mark.parametrize("page", PAGES)
def test_whatever_is_clicked_a_page_stays_whole_and_its_address_leads_back(page):
    app = opened(page)
    walker = Walker(app, SEED, QUOTES.get(page, ()))
    walker.walk(-(-MOVES // len(PAGES)))
    app.run()
    walker.check()
    address = dict(app.query_params)
    again = opened(page, **address)
    assert not again.exception
    assert dict(again.query_params) == address, "\n".join(walker.trail[-12:])
