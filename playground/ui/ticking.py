"""Parts of a page that are drawn again by the clock while a run plays."""

from collections.abc import Callable

import streamlit as st

TICKING = "ticking"


def ticking(draw: Callable[[], None], seconds: float | None) -> None:
    """Draw a part of the page now, and every so many seconds; None is now alone.

    Every full run of the page gives the part a new name: a tick of an old timer that comes just after the run is then
    ignored, instead of replacing what the run has not yet sent.
    """
    number = st.session_state[TICKING] = st.session_state.get(TICKING, 0) + 1

    def tick() -> None:
        draw()

    tick.__qualname__ = f"{draw.__module__}.{draw.__qualname__}.{number}"
    st.fragment(tick, run_every=seconds)()
