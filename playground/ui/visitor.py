"""How a page takes over what its visitor does, so that nothing is lost while parts of it are drawn again by the clock.

A tick carries the state of every widget, and is stopped half-way by the full run that a click asks for. So no callback
takes a value over: widgets are read at the beginning of the next run. See also playground/ui/session.py, which does the
same for the Train page.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from playground.ui.rerun import chosen, taken_from, undisturbed

LATE_SECONDS = 5.0
"""How late a message of the browser may come; within it, the address before the last one was not typed."""

Make = Callable[[Any, Any], Any]
"""(the page's value, what a widget was set to) -> the new value; ValueError says why there is none."""


class Visitor:
    """What one page keeps of its visitor, in the session: what its widgets show, and the address it has written.

    Args:
        name: the page's, for the keys in the session's state.
    """

    def __init__(self, name: str):
        self.shown, self.address, self.replaced = f"{name}-shown", f"{name}-address", f"{name}-replaced"
        self.clicked = f"{name}-clicked"

    def show(self, key: str, value: Any) -> None:
        """Have the widget `key` show `value`."""
        if (before := st.session_state.get(key, value)) != value:
            taken_from(key, before)
        st.session_state[key] = value

    def on_change(self, key: str, make: Make) -> Literal["rerun"]:
        """For a widget's `on_change`, after `show`."""
        st.session_state.setdefault(self.shown, {})[key] = (st.session_state[key], make)
        return "rerun"

    def on_click(self, action: Callable[..., None]) -> Callable[..., None]:
        """For a button's `on_click`: `action`, once per click, in the full run that the click asks for."""

        @undisturbed()
        def clicked(*args: Any, **kwargs: Any) -> None:
            context = get_script_run_ctx()
            if context is None or not context.fragment_ids_this_run:
                st.session_state[self.clicked] = True
                action(*args, **kwargs)

        return clicked

    def changes(self) -> list[Callable[[Any], Any]]:
        """What the widgets that were set since they were drawn make of the page's value, in the order they stand."""
        shown: dict[str, tuple[Any, Make]] = st.session_state.setdefault(self.shown, {})
        for key in [key for key in shown if key not in st.session_state]:
            del shown[key]  # the widget is no longer on the page
        given = {key: st.session_state[key] for key, (value, _) in shown.items() if st.session_state[key] != value}
        changes = chosen(given, st.session_state.get(self.clicked, False))
        return [partial(_made, shown[key][1], wanted) for key, wanted in changes.items()]

    def typed(self, address: dict[str, str], acted: bool) -> bool:
        """Whether the visitor has changed the address, and not the page, or a late message from before that.

        Args:
            address: the words that are there now.
            acted: whether a widget was set since the last run.
        """
        acted = st.session_state.pop(self.clicked, False) or acted
        if acted or not address or address == st.session_state.get(self.address):
            return False
        before, when = st.session_state.get(self.replaced, ({}, 0.0))
        return address != before or time.monotonic() - when > LATE_SECONDS

    def written(self, address: dict[str, str]) -> None:
        """Remember what the page has put into the address bar, or found there."""
        if address != (old := st.session_state.get(self.address)):
            st.session_state[self.replaced] = (old or {}, time.monotonic())
            st.session_state[self.address] = address


def _made(make: Make, given: Any, old: Any) -> Any:
    return make(old, given)
