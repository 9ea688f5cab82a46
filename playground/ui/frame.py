"""What every page has around it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from playground.ui import teaching
from playground.ui.share import share

_STYLE = Path(__file__).resolve().parents[2] / "assets" / "style.css"


def style() -> None:
    """The few rules that no theme option covers."""
    st.html(_STYLE)


@contextmanager
def frame() -> Iterator[None]:
    """Around every page: the task of a teacher's link before it, and 'Share' when its address is written."""
    teaching.open_link()
    yield
    teaching.write_address()
    share()


def dark() -> bool:
    """Whether the visitor looks at the dark theme."""
    return st.context.theme.type == "dark"
