"""Who somebody is from one visit to the next: a random word in a cookie of theirs, set when there is something to keep.

Nothing is known of a visitor but this word; the database holds only its hash. Whoever clears the cookie begins anew.
"""

import re
import secrets
from hashlib import sha256
from pathlib import Path

import streamlit as st

from playground.limits import LIMITS

COOKIE = "playground_visitor"
VISITOR = "visitor"
KEY = "visitor-cookie"
WORD = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
_SCRIPT = Path(__file__).resolve().parents[2] / "assets" / "visitor.js"
_COOKIE = st.components.v2.component("playground_visitor", html="<span></span>", js=_SCRIPT.read_text("utf-8"))


def owner() -> str:
    """Under which the visitor's runs are kept."""
    return _owner(_word())


def _owner(word: str) -> str:
    """What stands in the database: it does not tell the word by which the visitor is known."""
    return sha256(word.encode()).hexdigest()


def _word() -> str:
    if VISITOR not in st.session_state:
        st.session_state[VISITOR] = known() or secrets.token_urlsafe(24)
    return st.session_state[VISITOR]


def known() -> str:
    """The word of the browser's cookie, as it was when the tab was opened; "" for none that was set here."""
    word = st.context.cookies.get(COOKIE)
    return word if isinstance(word, str) and WORD.fullmatch(word) else ""


def recognise() -> str | None:
    """Have the browser remember the visitor; it takes no space.

    Returns:
        The owner that this session has used until now, where the browser turns out to be known as another: both tabs
        were opened before there was a cookie. Otherwise None.
    """
    word = _word()
    with st.container(key="visitor"):
        said = _COOKIE(
            key=KEY,
            data={"word": word, "seconds": 86_400 * LIMITS.kept_days},
            default={"found": ""},
            on_found_change=lambda: None,
        )
    found = said.found if isinstance(said.found, str) else ""
    if found == word or not WORD.fullmatch(found):
        return None
    st.session_state[VISITOR] = found
    return _owner(word)
