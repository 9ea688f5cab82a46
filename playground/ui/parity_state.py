"""What one visitor's session holds of the page 'NumPy vs PyTorch': the question, and the jobs under way for it."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from playground.parity.spec import WORD, ParitySpec
from playground.ui import slot, teaching
from playground.ui.address import write_whole
from playground.ui.rerun import undisturbed
from playground.ui.visitor import Visitor
from playground.work.client import Client

QUESTION = "parity"
MISTAKE = "parity-mistake"
JOBS = "parity-jobs"

VISITOR = Visitor("parity")
on_change, on_click, show = VISITOR.on_change, VISITOR.on_click, VISITOR.show

Change = Callable[[ParitySpec], ParitySpec]


@st.cache_resource(show_spinner=False)
def client() -> Client:
    """The one comparing process of this server; it starts with the first question."""
    return Client("playground.parity")


@undisturbed()
def question() -> ParitySpec:
    """What the visitor looks at, at the beginning of a page run.

    It is read from the address bar at first, and again whenever that was changed by hand; then comes what the visitor
    has set the widgets to.
    """
    address, changes = _words(), VISITOR.changes()
    if VISITOR.typed(address, bool(changes)) or QUESTION not in st.session_state:
        try:
            st.session_state[QUESTION] = ParitySpec.from_query(address)
        except ValueError as error:
            st.session_state[QUESTION] = ParitySpec()
            st.session_state[MISTAKE] = f"This link cannot be opened as it is, so here is the plain page. {error}"
        VISITOR.written(address)
    for make in changes:
        change(make)
    return st.session_state[QUESTION]


@undisturbed()
def change(make: Change) -> None:
    """Another question, or a sentence why there is none."""
    try:
        st.session_state[QUESTION] = make(st.session_state[QUESTION])
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)


def _words() -> dict[str, str]:
    return {word: text for word, text in st.query_params.to_dict().items() if word in WORD.values()}


@undisturbed()
def write_address(experiment: dict[str, str]) -> None:
    """Make the address bar reproduce the page; `experiment`: the words of the Train page where it is shown."""
    address = st.session_state[QUESTION].to_query()
    whole = {**address, **experiment, **teaching.words()}
    VISITOR.written(address)
    write_whole(whole)  # last: the run can be broken off where it tells the browser


def put(field: str) -> Callable[[ParitySpec, Any], ParitySpec]:
    """Exchanges one field."""
    return lambda old, value: old.but(**{field: value})


class Slot(slot.Slot):
    """A job of one kind for the question on screen."""

    @classmethod
    def of(cls, kind: str) -> "Slot":
        """The visitor's job of this kind."""
        return st.session_state.setdefault(JOBS, {}).setdefault(kind, cls(kind, client))
