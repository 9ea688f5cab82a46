"""The NumPy library beside torch: the same weights in, the same numbers out, measured.

`compare` trains both sides of an experiment in lockstep; `compare_layer`, `compare_step` and `measure_speed` look at
a single layer, a single optimizer step and at the clock. torch comes with these functions: it is imported when the
first of them is named, not with this package. Pages ask through `client.Client`, whose process has it.

>>> steps = list(compare(PRESETS["xor"].experiment, steps=20, dtype="float64"))
>>> steps[-1].parameters.absolute < 1e-12
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from playground.parity.presets import PRESETS, Preset

if TYPE_CHECKING:
    from playground.parity.layers import compare_layer
    from playground.parity.lockstep import Difference, Lockstep, Step, compare
    from playground.parity.optimizers import compare_step
    from playground.parity.speed import measure_speed

__all__ = [
    "PRESETS",
    "Difference",
    "Lockstep",
    "Preset",
    "Step",
    "compare",
    "compare_layer",
    "compare_step",
    "measure_speed",
]

_HOME = {
    "Difference": "lockstep",
    "Lockstep": "lockstep",
    "Step": "lockstep",
    "compare": "lockstep",
    "compare_layer": "layers",
    "compare_step": "optimizers",
    "measure_speed": "speed",
}


def __getattr__(name: str) -> Any:
    """What needs torch, from where it is written (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
