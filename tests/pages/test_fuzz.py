"""A thousand random moves over all pages: no exception, and the address reproduces where they led."""

import os
from contextlib import suppress
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from page_helpers import PAGES, ROOT
from page_walker import NASTY, Walker
from streamlit.testing.v1 import AppTest

from playground.data.fetching import SIZES
from playground.engine import Handle
from playground.teaching import LOCKABLE
from playground.ui import player, session
from playground.ui.autograd import DRAFTS
from playground.ui.session import EXPERIMENT, HANDLE, MISTAKE

MOVES = int(os.environ.get("PLAYGROUND_FUZZ_MOVES", "1000"))
"""Widgets that are set, over all pages."""
WALK = 20
"""Of these in one session, before its address is opened in another."""
SEED = int(os.environ.get("PLAYGROUND_FUZZ_SEED", "0"))
FIRST = "app_pages/train.py"
QUOTES = {"app_pages/autograd.py": ("RuntimeError: ",)}
"""What a page shows as torch says it."""
DOWNLOADS = tuple(f"own-{name}" for name in SIZES)
"""Keys of buttons that fetch something from the net: not in a test."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Nobody waits for a race to be over, or for the next picture of a playing run."""
    monkeypatch.setattr("playground.ui.optimizers_state.QUICK", 0.02)
    poll = Handle.poll
    monkeypatch.setattr(
        Handle, "poll", lambda run, newer_than=-1, timeout=0.0: poll(run, newer_than, min(0.03, timeout))
    )


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
    moves = []

    @seed(SEED)
    @settings(
        max_examples=-(-MOVES // (WALK * len(PAGES))),
        phases=(Phase.generate,),  # the trail is in the message; a shorter one would take minutes to be found
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def walks(chance):
        walk(page, chance)
        moves.append(WALK)

    walks()
    assert sum(moves) * len(PAGES) >= MOVES


def walk(page: str, chance: Random) -> None:
    """One session on a page, and another one that its address opens."""
    app = opened(page)
    walker = Walker(app, chance, QUOTES.get(page, ()), DOWNLOADS)
    walker.walk(WALK)
    app.run()
    walker.check()
    address = dict(app.query_params)
    again = opened(page, **address)
    assert not again.exception
    assert dict(again.query_params) == address, "\n".join(walker.trail[-12:])
    again.run()
    before, after = walker.shown(), Walker(again, chance).shown()
    drafts = {f"autograd-{field}" for field in app.session_state[DRAFTS]} if DRAFTS in app.session_state else set()
    both = (before.keys() & after.keys()) - drafts  # neither an open popover nor what cannot be read is in the address
    assert {key: after[key] for key in both} == {key: before[key] for key in both}


@pytest.mark.parametrize(("page", "moves"), [(FIRST, 40), ("app_pages/build.py", 15), ("app_pages/data.py", 15)])
def test_whatever_is_clicked_a_locked_experiment_stays_as_it_is(page, moves):
    app = opened(page, lock="_".join(LOCKABLE), data="moons", opt="SGD.0.2", lesson="sgd")
    experiment = app.session_state[EXPERIMENT]
    walker = Walker(app, Random(SEED), avoid=("share-leave",))
    walker.walk(moves)
    assert app.session_state[EXPERIMENT] == experiment
    assert app.session_state[HANDLE].experiment == experiment


MESSAGES = st.dictionaries(
    st.sampled_from(["what", "column", "unit", "input", "value", "place", "points", "n"]),
    st.one_of(
        st.sampled_from(["weight", "bias", "trace", "edit points", "points", "pin", *NASTY]),
        st.integers(-3, 10), st.integers(), st.floats(), st.none(), st.booleans(),
        st.lists(st.integers(-9, 9) | st.floats() | st.text(max_size=3), max_size=3),
    ),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(MESSAGES, max_size=4))
def test_whatever_the_picture_sends_is_carried_out_or_answered_with_a_sentence(messages):
    session.experiment()
    with suppress(KeyError):
        del session.st.session_state[MISTAKE]
    player.touched(messages)
    said = session.st.session_state.get(MISTAKE, "")
    assert said == "" or said.endswith("."), said
    assert len(said) < 700
