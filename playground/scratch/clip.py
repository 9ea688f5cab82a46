"""Keeping gradients small: by their common length, or each number for itself."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from .core import Parameter


def clip_grad_norm_(parameters: Parameter | Iterable[Parameter], max_norm: float, norm_type: float = 2.0) -> float:
    """Shrink all gradients together, g · min(1, max_norm/(‖g‖ + 1e-6)), so that their direction stays.

    ‖g‖ is the norm of all gradients as one long vector, returned as it was before (Pascanu et al., 2013).
    """
    if max_norm < 0 or norm_type == 0:
        raise ValueError(f"clip_grad_norm_: max_norm is {max_norm} and norm_type {norm_type}; both must be above 0")
    params = _with_grad(parameters)
    if not params:
        return 0.0
    # As in torch: the norm of the norms of the single gradients.
    norms = [float(np.linalg.norm(p.grad.reshape(-1), norm_type)) for p in params if p.grad is not None]
    total = float(np.linalg.norm(norms, norm_type))
    scale = min(1.0, max_norm / (total + 1e-6)) if not math.isnan(total) else math.nan
    for p in params:
        assert p.grad is not None
        p.grad = p.grad * scale
    return total


def clip_grad_value_(parameters: Parameter | Iterable[Parameter], clip_value: float) -> None:
    """Limit every number of every gradient to ±clip_value; this may turn the direction."""
    if clip_value < 0:
        raise ValueError(f"clip_grad_value_: clip_value is {clip_value}; it must be at least 0")
    for p in _with_grad(parameters):
        assert p.grad is not None
        p.grad = np.clip(p.grad, -clip_value, clip_value)


def _with_grad(parameters: Parameter | Iterable[Parameter]) -> list[Parameter]:
    params = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    return [p for p in params if p.grad is not None]
