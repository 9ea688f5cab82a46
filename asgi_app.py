"""The same app with routes beside its pages: `streamlit run asgi_app.py`.

The live view reads its pictures from a stream, which costs the server a tenth of what reruns do; /healthz and /metrics
are for those who run it. See docs/hosting.md.
"""

import streamlit as st

from playground.service import ROUTES, lifespan

app = st.App("streamlit_app.py", routes=ROUTES, lifespan=lifespan)
