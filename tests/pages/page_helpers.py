"""What the tests of all pages do."""

import time

from streamlit.testing.v1 import AppTest

from playground.ui.session import HANDLE


def settle(app: AppTest, timeout: float = 20) -> dict:
    """Wait until the run of this app is neither starting nor coming back; the header of its snapshot."""
    run, end = app.session_state[HANDLE], time.monotonic() + timeout
    while (header := run.poll(timeout=0.2).header)["status"] in ("starting", "reviving"):
        assert time.monotonic() < end, header
    return header
