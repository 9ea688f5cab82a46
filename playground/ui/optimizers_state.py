"""What one visitor's session holds of the Optimizers page: the race as a value, and the jobs under way for it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import streamlit as st

from playground.landscapes.spec import WORDS, RaceSpec
from playground.landscapes.worker import Job, Worker

RACE = "race"
ADDRESS = "race-address"
MISTAKE = "race-mistake"
JOBS = "race-jobs"
SHOWN = "race-shown"
QUICK = 0.6
"""Seconds that a page run waits for a race before it shows the empty course and looks again."""

Change = Callable[[RaceSpec], RaceSpec]
Make = Callable[[RaceSpec, Any], RaceSpec]
"""(the race, what a widget was set to) -> the new race; ValueError says why there is none."""


@st.cache_resource(show_spinner=False)
def worker() -> Worker:
    """The one process of this server that races; it starts importing torch with the first visitor of the page."""
    started = Worker()
    started.start()
    return started


def open_race() -> RaceSpec:
    """The race at the beginning of a page run.

    It is read from the address bar at first and whenever that was changed by hand; then comes what the visitor has set
    the widgets to.
    """
    address = _words()
    if RACE not in st.session_state or (address and address != st.session_state[ADDRESS]):
        try:
            st.session_state[RACE] = RaceSpec.from_query(address)
        except ValueError as error:
            st.session_state[RACE] = RaceSpec()
            st.session_state[MISTAKE] = f"This link cannot be opened as it is, so here is the default race. {error}"
        st.session_state[ADDRESS] = address
    _take_changes()
    return race()


def race() -> RaceSpec:
    """The race on screen."""
    return st.session_state[RACE]


def _words() -> dict[str, str]:
    return {word: text for word, text in st.query_params.to_dict().items() if word in WORDS}


def write_address() -> None:
    """Make the address bar reproduce what is on screen; the default race needs no words."""
    wanted = st.session_state[RACE]
    address = {} if wanted == RaceSpec() else wanted.to_query()
    if address != _words():
        others = {word: text for word, text in st.query_params.to_dict().items() if word not in WORDS}
        st.query_params.from_dict({**address, **others})
    st.session_state[ADDRESS] = address


def change(make: Change) -> None:
    """Replace the race by what `make` makes of it, or keep it and remember the mistake."""
    try:
        st.session_state[RACE] = make(st.session_state[RACE])
        st.session_state.pop(MISTAKE, None)
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)


def on_change(key: str, make: Make) -> Literal["rerun"]:
    """For a widget's `on_change`, after `st.session_state[key]` has been set to what it shows; as on the Train page
    (playground/ui/session.py), the next run of the page begins with what was changed."""
    st.session_state.setdefault(SHOWN, {})[key] = (st.session_state[key], make)
    return "rerun"


def _take_changes() -> None:
    shown: dict[str, tuple[Any, Make]] = st.session_state.setdefault(SHOWN, {})
    for key, (value, make) in list(shown.items()):
        if key not in st.session_state:
            del shown[key]  # the widget is no longer on the page
        elif (given := st.session_state[key]) != value:
            change(partial(_made, make, given))


def _made(make: Make, given: Any, old: RaceSpec) -> RaceSpec:
    return make(old, given)


def show_mistake() -> None:
    """The last input that could not be used, until another one could: a waiting page runs several times."""
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
    jobs[operation] = ((spec, fields), worker().submit(operation, spec, **fields))
    return jobs[operation][1]


def order(operation: str, **fields: Any) -> None:
    """`ask`, for a button."""
    ask(operation, **fields)


def race_job() -> Job:
    """The race on screen, asked for unless it has been."""
    found = job("race")
    return ask("race") if found is None or found.error else found
