"""Live training: runs carried by worker processes, and the handle that a page holds."""

from playground.engine.client import Engine, Handle, Snapshot, the_engine

__all__ = ["Engine", "Handle", "Snapshot", "the_engine"]
