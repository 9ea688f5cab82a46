"""The session that a page runs in, and how its work is safe from being broken off by the next run."""

from collections.abc import Iterator
from contextlib import contextmanager

from streamlit.runtime.scriptrunner import get_script_run_ctx


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
