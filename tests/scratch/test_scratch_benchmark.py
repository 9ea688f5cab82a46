"""The benchmark runs and prints one row for every goal; whether a goal is met depends on the machine."""

import subprocess
import sys
from pathlib import Path

from playground import scratch

ROOT = Path(scratch.__file__).parents[2]


def test_the_benchmark_prints_its_table():
    command = [sys.executable, "-m", "benchmarks.scratch", "--rounds", "1", "--seconds", "0.001"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode in (0, 1), done.stderr
    rows = [line for line in done.stdout.splitlines() if line.endswith(("met", "MISSED"))]
    assert [row.rsplit("x  ", 1)[0].split()[-1] for row in rows] == ["0.5", "2.0", "0.8", "1.5", "0.15", "0.15"]
