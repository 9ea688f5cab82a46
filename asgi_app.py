"""The same app for a class: `streamlit run asgi_app.py`.

Its training processes are there before the first visitor, it says in its log when it starts and stops, and it opens no
browser. See docs/hosting.md.
"""

import streamlit as st

from playground.service import ROUTES, lifespan

app = st.App("streamlit_app.py", routes=ROUTES, lifespan=lifespan)
