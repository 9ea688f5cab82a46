"""The session that a page runs in, and how its work is safe from being broken off by the next run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

FORMER, HASTE, ALONE = "former", 1.5, 0.4
"""What widgets showed before the page set them, and for how many seconds a browser may still send that: with something
else that was done, or alone, when it may well be the visitor's own choice."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Around what must be done whole or not at all; also a decorator.

    Streamlit breaks a run off as soon as the browser has asked for the next full one: at each element that is drawn,
    and at each look into `st.session_state`, in callbacks too. Between two looks half of a change would be done: the
    run has the new experiment and the page the old one, or an upload is noted as seen which nobody has read. In here
    the looks break nothing off: the request waits for the next element or the next look after it. What is drawn in
    here can still be broken off.

    That is so while a session has one thread, which `runner.fastReruns = false` in .streamlit/config.toml sees to:
    otherwise the next run begins at once in another one, beside the one that is to stop.
    """
    context = get_script_run_ctx()
    if context is None:
        yield
        return
    state = context.session_state
    ask = state._yield_callback
    object.__setattr__(state, "_yield_callback", _nothing)  # its own __setattr__ would set the visitor's state
    try:
        yield
    finally:
        object.__setattr__(state, "_yield_callback", ask)


def _nothing() -> None:
    pass


def session_name() -> str:
    """Whose page it is: one tab of one visitor; '' outside of a page."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def taken_from(key: str, before: Any) -> None:
    """Note what a widget showed that the page sets to something else now.

    A visitor who clicks fast sends it once more with the second click, when the first one's page is still under way:
    the cards of layers that have moved up would take the sizes of those that were there (`chosen`).
    """
    formers: dict[str, list[tuple[float, Any]]] = st.session_state.setdefault(FORMER, {})
    formers[key] = [*_recent(key, HASTE), (time.monotonic(), before)]


def chosen(given: dict[str, Any], clicked: bool) -> dict[str, Any]:
    """Of the widgets that do not show what they are to show, those that the visitor has set.

    Args:
        given: what they show, by key.
        clicked: whether a button was pressed, too.
    """
    seconds = HASTE if clicked or len(given) > 1 else ALONE
    return {key: value for key, value in given.items() if value not in [former for _, former in _recent(key, seconds)]}


def _recent(key: str, seconds: float) -> list[tuple[float, Any]]:
    now = time.monotonic()
    return [(at, former) for at, former in st.session_state.get(FORMER, {}).get(key, ()) if now - at < seconds]
