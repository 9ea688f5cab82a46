"""The router: page config and navigation, nothing else.

The folder is not called pages/: Streamlit would look into one by itself, before this file has run for the first time.
"""

import streamlit as st

from playground.ui.frame import frame

st.set_page_config(page_title="PyTorch Playground", page_icon="🔵", layout="wide")  # not an icon of the net
page = st.navigation(
    [
        st.Page("app_pages/train.py", title="Train", icon=":material/play_circle:", default=True),
        st.Page("app_pages/build.py", title="Build", icon=":material/construction:"),
        st.Page("app_pages/data.py", title="Data", icon=":material/database:"),
        st.Page("app_pages/lessons.py", title="Lessons", icon=":material/school:"),
        st.Page("app_pages/autograd.py", title="Autograd", icon=":material/account_tree:"),
        st.Page("app_pages/optimizers.py", title="Optimizers", icon=":material/landscape:"),
        st.Page("app_pages/numpy_vs_pytorch.py", title="NumPy vs PyTorch", icon=":material/balance:"),
        st.Page("app_pages/runs.py", title="Runs", icon=":material/bookmarks:"),
        st.Page("app_pages/devices.py", title="Devices", icon=":material/memory:"),
    ],
    position="top",
)
with frame():
    page.run()
st.set_page_config(page_icon="assets/logo.svg")  # pictures come last: for them Streamlit imports NumPy. Until then the
# circle stands there: without it, the browser would fetch the page's icon from a server of Google's.
st.logo("assets/wordmark.svg", size="medium")
