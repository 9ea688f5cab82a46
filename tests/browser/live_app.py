"""A page with nothing but a live view, fed with made-up snapshots: ?kind=binary&playing=1.

With &slow=1 the first one is of step 0, and the button brings that of step 1, which names a stream.
"""

import streamlit as st
from live_snapshots import snapshot

from playground.engine import Snapshot
from playground.ui.live import live_code, live_view

st.set_page_config(layout="wide")
kind = st.query_params.get("kind", "binary")
playing = st.query_params.get("playing") == "1"
live_code()


@st.fragment(run_every=0.1 if playing else None)
def picture() -> None:
    seq = st.session_state.get("seq", int(st.query_params.get("seq", 50)))
    st.session_state.seq = seq + playing  # a press in the picture draws the same snapshot again
    data = snapshot(kind, seq)
    if "slow" in st.query_params:
        stepped = {"step": 1, "seq": seq + 1, "phases": True, "stream": "made-up"}
        data = Snapshot.of(data).but(**(stepped if st.button("Step") else {"step": 0, "status": "ready"})).data
    live_view(data, key="live")


picture()
