"""What one visitor's session holds of the page 'NumPy vs PyTorch': the question, and the jobs under way for it."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from playground.parity.spec import WORD, ParitySpec
from playground.ui import slot, teaching
from playground.work.client import Client

QUESTION = "parity"
ADDRESS = "parity-address"
MISTAKE = "parity-mistake"
JOBS = "parity-jobs"

Change = Callable[[ParitySpec], ParitySpec]


@st.cache_resource(show_spinner=False)
def client() -> Client:
    """The one comparing process of this server; it starts with the first question."""
    return Client("playground.parity")


def question() -> ParitySpec:
    """What the visitor looks at: from the address bar at first, and again whenever that was changed by hand."""
    address = _words()
    if QUESTION not in st.session_state or (address and address != st.session_state[ADDRESS]):
        try:
            st.session_state[QUESTION] = ParitySpec.from_query(address)
        except ValueError as error:
            st.session_state[QUESTION] = ParitySpec()
            st.session_state[MISTAKE] = f"This link cannot be opened as it is, so here is the plain page. {error}"
        st.session_state[ADDRESS] = address
    return st.session_state[QUESTION]


def _words() -> dict[str, str]:
    return {word: text for word, text in st.query_params.to_dict().items() if word in WORD.values()}


def write_address(experiment: dict[str, str]) -> None:
    """Make the address bar reproduce the page; `experiment`: the words of the Train page where it is shown."""
    address = st.session_state[QUESTION].to_query()
    whole = {**address, **experiment, **teaching.words()}
    if st.query_params.to_dict() != whole:
        st.query_params.from_dict(whole)
    st.session_state[ADDRESS] = address


def on_change(key: str, make: Callable[[ParitySpec, Any], ParitySpec]) -> Callable[[], None]:
    """A widget callback: the new value of the widget `key` makes a new question, or a sentence why it cannot."""

    def changed() -> None:
        try:
            st.session_state[QUESTION] = make(st.session_state[QUESTION], st.session_state[key])
        except ValueError as error:
            st.session_state[MISTAKE] = str(error)

    return changed


def put(field: str) -> Callable[[ParitySpec, Any], ParitySpec]:
    """Exchanges one field."""
    return lambda old, value: old.but(**{field: value})


def show_mistake() -> None:
    """The last input that could not be used, once."""
    if mistake := st.session_state.pop(MISTAKE, ""):
        st.error(mistake, icon=":material/error:")


class Slot(slot.Slot):
    """A job of one kind for the question on screen."""

    @classmethod
    def of(cls, kind: str) -> "Slot":
        """The visitor's job of this kind."""
        return st.session_state.setdefault(JOBS, {}).setdefault(kind, cls(kind, client))
