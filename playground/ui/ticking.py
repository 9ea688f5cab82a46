"""Parts of a page that are drawn again by the clock while a run plays."""

from collections.abc import Callable

import streamlit as st

TICKING = "ticking"


def ticking(draw: Callable[[], None], seconds: float | None) -> None:
    """Draw a part of the page now, and every so many seconds; None is now alone.

    Every full run of the page gives the part a new name. A tick of an old timer that comes just after the run would
    start a new script runner, and Streamlit drops what it has not yet sent of the run before: the changed widgets.
    """
    number = st.session_state[TICKING] = st.session_state.get(TICKING, 0) + 1

    def tick() -> None:
        draw()

    tick.__qualname__ = f"{draw.__module__}.{draw.__qualname__}.{number}"
    st.fragment(tick, run_every=seconds)()
