"""What the tests of all pages do."""

import time
from pathlib import Path

from streamlit.testing.v1 import AppTest

from playground.ui.session import HANDLE

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(str(page.relative_to(ROOT)) for page in sorted(ROOT.glob("app_pages/*.py")))


def settle(app: AppTest, timeout: float = 60) -> dict:
    """Wait until the run of this app is neither starting nor coming back; the header of its snapshot."""
    run, end = app.session_state[HANDLE], time.monotonic() + timeout
    while (header := run.poll(timeout=0.2).header)["status"] in ("starting", "reviving"):
        assert time.monotonic() < end, header
    return header
