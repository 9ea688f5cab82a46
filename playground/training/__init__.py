"""Runs: the same numbers as the plain script, one slice at a time."""

from playground.training.history import History
from playground.training.run import Run

__all__ = ["History", "Run"]
