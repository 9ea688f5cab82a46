"""What one visitor's session holds of the Optimizers page: the race as a value, and the jobs under way for it."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from playground.landscapes.spec import WORDS, RaceSpec
from playground.landscapes.worker import Job, Worker
from playground.ui.address import write_whole
from playground.ui.rerun import session_name, undisturbed
from playground.ui.session import GONE
from playground.ui.visitor import Visitor

RACE = "race"
MISTAKE = "race-mistake"
JOBS = "race-jobs"
QUICK = 0.6
"""Seconds that a page run waits for a race before it shows the empty course and looks again."""

VISITOR = Visitor("race")
on_change, on_click, show = VISITOR.on_change, VISITOR.on_click, VISITOR.show

Change = Callable[[RaceSpec], RaceSpec]


@st.cache_resource(show_spinner=False)
def worker() -> Worker:
    """The one process of this server that races; it starts importing torch with the first visitor of the page."""
    started = Worker()
    started.start()
    return started


@undisturbed()
def open_race() -> RaceSpec:
    """The race at the beginning of a page run.

    It is read from the address bar at first and whenever that was changed by hand; then comes what the visitor has set
    the widgets to.
    """
    address = _words()
    changes = VISITOR.changes()
    if VISITOR.typed(address, bool(changes)) or RACE not in st.session_state:
        try:
            st.session_state[RACE] = RaceSpec.from_query(address)
        except ValueError as error:
            st.session_state[RACE] = RaceSpec()
            st.session_state[MISTAKE] = f"This link cannot be opened as it is, so here is the default race. {error}"
        VISITOR.written(address)
    for make in changes:
        change(make)
    return race()


def race() -> RaceSpec:
    """The race on screen."""
    return st.session_state[RACE]


def _words() -> dict[str, str]:
    return {word: text for word, text in st.query_params.to_dict().items() if word in WORDS}


@undisturbed()
def write_address() -> None:
    """Make the address bar reproduce what is on screen; the default race needs no words."""
    wanted = st.session_state[RACE]
    address = {} if wanted == RaceSpec() else wanted.to_query()
    VISITOR.written(address)
    others = {word: text for word, text in st.query_params.to_dict().items() if word not in WORDS}
    write_whole({**address, **others})  # last: the run can be broken off where it tells the browser


@undisturbed()
def change(make: Change) -> None:
    """Replace the race by what `make` makes of it, or keep it and remember the mistake."""
    try:
        st.session_state[RACE] = make(st.session_state[RACE])
        st.session_state.pop(MISTAKE, None)
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)
    except IndexError:
        st.session_state[MISTAKE] = GONE


def show_mistake() -> None:
    """The last input that could not be used, until another one could: a waiting page runs several times."""
    with st.container():  # also without it, so that what follows stays what it is
        if mistake := st.session_state.get(MISTAKE):
            st.error(mistake, icon=":material/error:")


def job(operation: str, **fields: Any) -> Job | None:
    """The job of this kind that was asked for the race on screen with these fields; None if there is none."""
    kept = st.session_state.setdefault(JOBS, {}).get(operation)
    return kept[1] if kept is not None and kept[0] == (st.session_state[RACE], fields) else None


def ask(operation: str, **fields: Any) -> Job:
    """Asks for a job, which replaces (and so cancels) an older one of its kind."""
    spec = st.session_state[RACE]
    jobs = st.session_state.setdefault(JOBS, {})
    jobs.pop(operation, None)
    jobs[operation] = ((spec, fields), worker().submit(operation, spec, session_name(), **fields))
    return jobs[operation][1]


def order(operation: str, **fields: Any) -> None:
    """`ask`, for a button."""
    ask(operation, **fields)


def race_job() -> Job:
    """The race on screen, asked for unless it has been."""
    found = job("race")
    return ask("race") if found is None or found.error else found
