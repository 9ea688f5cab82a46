"""A page with nothing but a live view, fed with made-up snapshots: ?kind=binary&playing=1."""

import streamlit as st
from live_snapshots import snapshot

from playground.ui.live import live_code, live_view

st.set_page_config(layout="wide")
kind = st.query_params.get("kind", "binary")
playing = st.query_params.get("playing") == "1"
live_code()


@st.fragment(run_every=0.1 if playing else None)
def picture() -> None:
    seq = st.session_state.get("seq", int(st.query_params.get("seq", 50)))
    st.session_state.seq = seq + playing  # a press in the picture draws the same snapshot again
    live_view(snapshot(kind, seq), key="live")


picture()
