"""Lessons: one thing to see each, with a question to answer first."""

import streamlit as st

from playground.ui.frame import style
from playground.ui.lessons import lesson_cards

style()
st.markdown(
    "Each card opens an experiment with a question. Answer it before you press Play, then look whether you were right."
)
lesson_cards()
