"""The machine a benchmark runs on: what it is, who uses its cores, and how processes are ended.

All through /proc, so on Linux. Processor times are seconds; the use of a machine is counted in cores.
"""

import contextlib
import os
import platform
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """A line of the process table; `reaped` is the time of children that have ended and were waited for."""

    pid: int
    parent: int
    name: str
    started: int  # ticks since boot: with the pid, who it is
    cpu: float
    reaped: float
    rss: int  # bytes
    threads: int


def processes() -> dict[int, Process]:
    """Every process there is, by its id."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            before, _, after = path.read_text().rpartition(")")
            pid, _, name = before.partition(" (")
            fields = after.split()
            user, system, child_user, child_system = (int(field) / TICKS for field in fields[11:15])
            found[int(pid)] = Process(
                pid=int(pid),
                parent=int(fields[1]),
                name=name,
                started=int(fields[19]),
                cpu=user + system,
                reaped=child_user + child_system,
                rss=int(fields[21]) * PAGE,
                threads=int(fields[17]),
            )
    return found


def family(pid: int, table: dict[int, Process]) -> list[Process]:
    """The process `pid` and all its descendants."""
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    found, left = [], [pid]
    while left:
        pid = left.pop()
        if pid in table:
            found.append(table[pid])
            left += children.get(pid, [])
    return found


def end(some: Iterable[Process], patience: float = 8.0) -> None:
    """End these processes if they have not ended by themselves within `patience` seconds."""
    left = list(some)
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        for process in left:
            if number is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, number)
        deadline = time.monotonic() + patience
        while (left := [process for process in left if _lives(process)]) and time.monotonic() < deadline:
            time.sleep(0.02)
        if not left:
            return


def _lives(process: Process) -> bool:
    """Whether it is still there, and not another one with its id, or one that nobody has waited for."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] != "Z" and int(fields[19]) == process.started


def stop(server: subprocess.Popen) -> None:
    """End a process that we started, and with it all its descendants."""
    members = family(server.pid, processes())
    had, before = sum(process.cpu + process.reaped for process in members), _reaped()
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(10)
    if server.poll() is None:
        server.kill()
        server.wait()
    end(process for process in members if process.pid != server.pid)
    _unclaimed.append(max(0.0, had - (_reaped() - before)))


_unclaimed: list[float] = []
"""Processor time of our servers' processes that nobody has waited for: in no `reaped`, and yet not that of others."""


def _reaped() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _busy() -> float:
    """Seconds that all cores together have worked since boot, stolen ones included."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _wait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) / TICKS


class Usage:
    """Who uses the cores from now on: `cores()` says it for hosts, web process, Chromium, ourselves and others."""

    def __init__(self, web: int | None = None):
        self.web = web
        self._time, self._busy, self._before = time.monotonic(), _busy(), processes()
        self._unclaimed = sum(_unclaimed)

    def cores(self) -> dict[str, float]:
        """Mean number of cores each party has used since this object was made."""
        table, seconds = processes(), max(1e-3, time.monotonic() - self._time)
        ours, used = family(os.getpid(), table), {"host": 0.0, "web": 0.0, "Chromium": 0.0, "harness": 0.0}
        total = sum(_unclaimed) - self._unclaimed
        for process in ours:
            before = self._before.get(process.pid)
            cpu = process.cpu - (before.cpu if before else 0.0)
            total += cpu + process.reaped - (before.reaped if before else 0.0)
            used[self._party(process)] += cpu
        used["others"] = max(0.0, _busy() - self._busy - total)
        return {party: cpu / seconds for party, cpu in used.items()}

    def _party(self, process: Process) -> str:
        if self.web is not None and process.pid == self.web:
            return "web"
        if self.web is not None and process.parent == self.web:
            return "host"
        return "Chromium" if "chrom" in process.name else "harness"


def hosts(web: int) -> list[Process]:
    """The training processes of a web process."""
    return [process for process in processes().values() if process.parent == web]


def described() -> str:
    """One line: processor, cores, Python, load."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def load_average() -> str:
    """The load average of 1, 5 and 15 minutes."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())
