"""The engine's health as Prometheus reads it."""

from typing import Any

PREFIX = "playground_"


def exposition(health: dict[str, Any], web_memory: int) -> str:
    """The text format 0.0.4: help, type and value of every gauge.

    Args:
        health: `Engine.health()`.
        web_memory: bytes held by the web process.
    """
    hosts = health["hosts"]
    gauges = {
        "sessions": ("Visitors with a run.", health["handles"]),
        "watched_runs": ("Runs that somebody looks at.", health["watched"]),
        "playing_runs": ("Runs that train.", health["playing"]),
        "waiting_runs": ("Runs that wait in line for a place to play.", health["in_line"]),
        "steps_per_second": ("Optimizer steps per second of all playing runs.", round(health["steps_per_second"], 1)),
        "slice_latency_seconds": (
            "Longest that a run has waited for its turn since the last time this was asked.",
            round(max((host["wait"] or 0.0 for host in hosts), default=0.0), 4),
        ),
        "hosts_ready": ("Training processes that are ready.", sum(host["ready"] for host in hosts)),
    }
    lines = []
    for name, (words, value) in gauges.items():
        lines += [f"# HELP {PREFIX}{name} {words}", f"# TYPE {PREFIX}{name} gauge", f"{PREFIX}{name} {value}"]
    lines += [f"# HELP {PREFIX}memory_bytes Resident memory.", f"# TYPE {PREFIX}memory_bytes gauge"]
    lines.append(f'{PREFIX}memory_bytes{{process="web"}} {web_memory}')
    lines += [
        f'{PREFIX}memory_bytes{{process="host-{number}"}} {host["memory"] or 0}' for number, host in enumerate(hosts)
    ]
    return "\n".join(lines) + "\n"
