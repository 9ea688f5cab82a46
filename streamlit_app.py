"""The app: the server that `streamlit run` finds in this file, and the script that every session runs of it.

The script is a router: page config and navigation, nothing else. The server is Streamlit's, with routes beside the
pages: a run's pictures come by a stream, which costs browser and server half of what reruns do.

The folder is not called pages/: Streamlit would look into one by itself, before this file has run for the first time.
"""

import streamlit as st

if __name__ == "__main__":
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
    # Pictures come last: for them Streamlit imports NumPy. Until then the circle stands there: without it, the browser
    # would fetch the page's icon from a server of Google's.
    st.set_page_config(page_icon="assets/logo.svg")
    st.logo("assets/wordmark.svg", size="medium")
else:
    from playground.service import ROUTES
    from playground.ui.home import at_home

    app = st.App(__file__, routes=ROUTES, lifespan=at_home)
