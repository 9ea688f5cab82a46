"""One JSON object a line, to standard error: when, what, and numbers. No addresses, names, links or tokens."""

import json
import logging
import sys
import time


def log(event: str, **numbers: float) -> None:
    """A line about the server, such as `{"time": "2026-03-01T09:00:00Z", "event": "started", "pid": 7}`."""
    line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **numbers}
    print(json.dumps(line), file=sys.stderr, flush=True)


def no_requests() -> None:
    """No line for every request: it has the visitor's address, and whole links. Streamlit lets uvicorn write them from
    the moment on at which its settings are read again."""
    logging.getLogger("uvicorn.access").disabled = True
