"""What every page has around it."""

from pathlib import Path

import streamlit as st

_STYLE = Path(__file__).resolve().parents[2] / "assets" / "style.css"


def style() -> None:
    """The few rules that no theme option covers."""
    st.html(_STYLE)
