"""The teacher's link on screen: its task above every page, and which controls are drawn and can be used.

A function that draws controls says which group they are (`@controls("layers")`), and its widgets ask `locked()`. Then
the link can hide or lock them; `session.change` refuses what a locked group would have been needed for, whatever asks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from html import escape
from typing import ParamSpec

import streamlit as st

from playground.spec import Experiment
from playground.teaching import WORDS, Teaching
from playground.ui.address import write_whole
from playground.ui.rerun import undisturbed

__all__ = ["check", "controls", "group", "leave", "locked", "open_link", "said", "teaching", "words", "write_address"]

TEACHING = "teaching"
READ = "teaching-read"
"""The words that were read last: a visit to another page takes them from the address, and not from the session."""
Given = ParamSpec("Given")
_GROUP: ContextVar[str] = ContextVar("group", default="")


def teaching() -> Teaching:
    """What the visitor's link asks for; nothing where it is no teacher's."""
    return st.session_state.get(TEACHING, Teaching())


def open_link() -> None:
    """At the beginning of every page: read the link, and show its task."""
    if refusal := _read():
        st.error(f"The task of this link cannot be shown as it is. {refusal}", icon=":material/error:")
    if task := teaching().task:
        text = escape(task).replace("\n", "<br>")
        with st.container(border=True, key="task", gap=None):
            st.html(f'<p class="task" dir="auto"><strong>Task</strong> {text}</p>')


@undisturbed()
def _read() -> str:
    """Take over what the address says, if it has not been read; why it cannot be, or ''."""
    found = said()
    if found and found != st.session_state.get(READ):
        st.session_state[READ], st.session_state[TEACHING] = found, Teaching()
        try:
            st.session_state[TEACHING] = Teaching.from_query(found)
        except ValueError as error:
            return str(error)
    return ""


def said() -> dict[str, str]:
    """The words of a task that stand in the address now."""
    return {word: st.query_params[word] for word in WORDS if word in st.query_params}


def words() -> dict[str, str]:
    """The words of the address bar that every page has to keep."""
    return teaching().to_query()


def write_address() -> None:
    """At the end of every page: its words stand in the address, also after a visit elsewhere."""
    wanted = words()
    others = {word: text for word, text in st.query_params.to_dict().items() if word not in WORDS}
    write_whole({**others, **wanted})
    st.session_state[READ] = wanted


def leave() -> None:
    """Every control again, and no task."""
    st.session_state.pop(TEACHING, None)
    others = {word: text for word, text in st.query_params.to_dict().items() if word not in WORDS}
    write_whole(others)
    st.session_state[READ] = {}


def check(old: Experiment, new: Experiment) -> None:
    """Let a change pass.

    Raises:
        ValueError: it changes what the link has locked; one sentence.
    """
    if refusal := teaching().refusal(old, new):
        raise ValueError(refusal)


@contextmanager
def group(name: str) -> Iterator[bool]:
    """Around the controls of a group of `playground.teaching.CONTROLS`: whether they are drawn at all."""
    token = _GROUP.set(name)
    try:
        yield name not in teaching().hide
    finally:
        _GROUP.reset(token)


def controls(name: str) -> Callable[[Callable[Given, None]], Callable[Given, None]]:
    """For a function that draws the controls of a group: it is not called where they are hidden."""

    def of_group(draw: Callable[Given, None]) -> Callable[Given, None]:
        @wraps(draw)
        def drawn(*args: Given.args, **kwargs: Given.kwargs) -> None:
            with group(name) as wanted:
                if wanted:
                    draw(*args, **kwargs)

        return drawn

    return of_group


def locked(*names: str) -> bool:
    """Whether the controls of these groups (without any: of the group that is being drawn) are disabled."""
    return any(teaching().fixes(name) for name in names or (_GROUP.get(),))
