"""The server of `streamlit run streamlit_app.py`: of one person, who waits for the first page."""

import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from playground.engine import Engine
from playground.service import answer_at_once


@asynccontextmanager
async def at_home(app: st.App) -> AsyncIterator[None]:
    """Pictures come by streams. Training processes start with the first page, so that it is there at once.

    Streamlit opens the browser only for an app without routes; here it is opened as the same settings say.
    """
    answer_at_once()
    Engine.streaming = True
    if not st.get_option("server.headless"):
        webbrowser.open(f"http://localhost:{st.get_option('server.port')}")
    yield
