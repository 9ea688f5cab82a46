"""One JSON object a line, to standard error: when, what, and numbers. No addresses, names, links or tokens."""

import json
import sys
import time


def log(event: str, **numbers: float) -> None:
    """A line about the server, such as `{"time": "2026-03-01T09:00:00Z", "event": "started", "pid": 7}`."""
    line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **numbers}
    print(json.dumps(line), file=sys.stderr, flush=True)
