"""The router: page config and navigation, nothing else."""

import streamlit as st

st.set_page_config(page_title="PyTorch Playground", page_icon="assets/logo.svg", layout="wide")
st.logo("assets/wordmark.svg", size="medium")
st.navigation(
    [st.Page("pages/train.py", title="Train", icon=":material/play_circle:", default=True)],
    position="top",
).run()
