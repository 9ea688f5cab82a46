"""What one visitor's session holds of the page 'NumPy vs PyTorch': the question, and the jobs under way for it."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from playground.parity.client import Client
from playground.parity.spec import WORD, ParitySpec
from playground.ui import teaching

QUESTION = "parity"
ADDRESS = "parity-address"
MISTAKE = "parity-mistake"
JOBS = "parity-jobs"

Change = Callable[[ParitySpec], ParitySpec]


@st.cache_resource(show_spinner=False)
def client() -> Client:
    """The one comparing process of this server; it starts with the first question."""
    return Client()


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


class Slot:
    """A job of one kind for the question on screen: another question ends it and begins anew."""

    def __init__(self, kind: str):
        self.kind = kind
        self.asked: dict[str, Any] | None = None
        self.job: str | None = None
        self.report: dict[str, Any] | None = None
        self.stopped = False

    @classmethod
    def of(cls, kind: str) -> "Slot":
        """The visitor's job of this kind."""
        return st.session_state.setdefault(JOBS, {}).setdefault(kind, cls(kind))

    @property
    def running(self) -> bool:
        return self.job is not None

    def want(self, **fields: Any) -> None:
        """Begin with these fields, unless that has been done.

        Raises:
            ValueError: the worker refuses; one sentence says why.
        """
        if self.asked != fields:
            self.stop()
            self.asked, self.report, self.stopped = fields, None, False
            self.job = client().ask("open", kind=self.kind, **fields)["job"]

    def poll(self) -> dict[str, Any] | None:
        """The newest report; a job that was lost says so.

        Raises:
            ValueError: the worker is lost.
        """
        if self.job is not None:
            try:
                report = client().ask("poll", job=self.job)
            except ValueError:
                self.job, self.asked = None, None
                raise
            if report.get("gone"):
                self.job, self.stopped = None, True
            else:
                self.report = report
                self.job = None if report["done"] else self.job
        return self.report

    def stop(self) -> None:
        """End it where it is."""
        if self.job is not None:
            job, self.job, self.stopped = self.job, None, True
            client().ask("stop", job=job)

    def again(self) -> None:
        """Forget that it was done; the next run of the page begins it anew."""
        self.stop()
        self.asked, self.report = None, None
