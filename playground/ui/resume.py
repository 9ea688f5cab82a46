"""A run is found again when its page is reloaded.

A reload makes a new session. The browser's tab keeps a random word (sessionStorage: it outlives a reload, belongs to
one tab, and stands in no address, so that a shared link carries nobody's run), and the server keeps the run under that
word for a while after its session has gone. A word opens a run once, and only when no other tab has it.
"""

import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from playground.engine import Handle
from playground.ui import teaching
from playground.ui.rerun import undisturbed
from playground.ui.runs import FINISHED, KEEPS
from playground.ui.session import EXPERIMENT, HANDLE, names_experiment

KEEP_SECONDS = 600.0
"""How long a run waits for its tab to come back."""
MOST_WAITING = 200
LATE_SECONDS = 1.0
"""How much later than the new page the server may hear that the old one has gone."""
WORD, SETTLED, KEY = "tab-word", "tab-settled", "tab-storage"
CARRIED = (EXPERIMENT, FINISHED, KEEPS)
"""What a session knows of its run besides the handle; the experiment may be one that does not fit yet."""
TEXT = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
_SCRIPT = Path(__file__).resolve().parents[2] / "assets" / "tab.js"
_TAB = st.components.v2.component("playground_tab", html="<span></span>", js=_SCRIPT.read_text("utf-8"))


@dataclass
class Waiting:
    """A run, the session that has it, and since when that session is known to have gone."""

    run: Handle
    session: str
    carried: dict[str, Any] = field(default_factory=dict)
    gone_since: float | None = None


class Cloakroom:
    """Runs by the words of their tabs.

    Args:
        connected: whether a session still has its browser.
        clock: seconds.
    """

    def __init__(self, connected: Callable[[str], bool], clock: Callable[[], float] = time.monotonic):
        self._connected, self._clock = connected, clock
        self._waiting: dict[str, Waiting] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, word: str, session: str, run: Handle, carried: dict[str, Any]) -> None:
        """Hold the run of a session under its tab's word, in place of what was there."""
        with self._lock:
            self._waiting[word] = Waiting(run, session, carried)
            self._clear()

    def take(self, word: str) -> Waiting | None:
        """The run of a tab whose session has gone; nobody else gets it again. None: there is none, or it is in use."""
        end = time.monotonic() + LATE_SECONDS
        while (found := self._waiting.get(word)) is not None and self._connected(found.session):
            if time.monotonic() > end:
                return None
            time.sleep(0.05)
        with self._lock:
            return self._waiting.pop(word, None)

    def _clear(self) -> None:
        """Give up what nobody has come back for, the oldest first where there is too much."""
        now, gone = self._clock(), []
        for word, waiting in self._waiting.items():
            if self._connected(waiting.session):
                waiting.gone_since = None
                continue
            waiting.gone_since = now if waiting.gone_since is None else waiting.gone_since
            gone.append((waiting.gone_since, word))
        gone.sort()
        kept = len(gone)
        for since, word in gone:
            if now - since > KEEP_SECONDS or kept > MOST_WAITING:
                del self._waiting[word]
                kept -= 1


@st.cache_resource(show_spinner=False)
def cloakroom() -> Cloakroom:
    """The one of this server."""
    return Cloakroom(lambda session: Runtime.exists() and Runtime.instance().is_active_session(session))


@undisturbed()
def come_back() -> None:
    """At the beginning of the page Train: go on with the run that this tab had before it was reloaded.

    Only with the run that the address shows, or where the address shows none, as after a reload of another page; and
    while nothing has been done here. Words that mean nothing are forgotten.
    """
    said = st.session_state.get(KEY)
    word = getattr(said, "found", "") or ""
    if not word or st.session_state.get(SETTLED):
        return
    st.session_state[SETTLED] = True
    own: Handle = st.session_state[HANDLE]
    touched = own.playing or own.snapshot.header["step"]
    if touched or not isinstance(word, str) or not TEXT.fullmatch(word) or word == st.session_state.get(WORD):
        return
    waiting = cloakroom().take(word)
    anything = not names_experiment() and not teaching.said()  # a task begins with its own experiment
    shown = st.session_state[EXPERIMENT]
    if waiting is not None and (anything or waiting.carried[EXPERIMENT] == shown):
        st.session_state[HANDLE] = waiting.run
        st.session_state.update(waiting.carried)
        own.close()
        if waiting.carried[EXPERIMENT] != shown:
            st.rerun()  # the page has begun with another one


def leave_word() -> None:
    """At the end of the page: keep its run for this tab. It takes no space."""
    context = get_script_run_ctx()
    assert context is not None, "a page runs in a session"
    word = st.session_state.setdefault(WORD, secrets.token_urlsafe(24))
    carried = {key: st.session_state[key] for key in CARRIED if key in st.session_state}
    cloakroom().keep(word, context.session_id, st.session_state[HANDLE], carried)
    with st.container(key="tab"):
        _TAB(
            key=KEY,
            data={"word": word, "settled": st.session_state.get(SETTLED, False)},
            default={"found": ""},
            on_found_change=lambda: None,
        )
