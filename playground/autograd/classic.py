"""torchviz's picture of the same computation, and why there is none where it fails."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from playground.autograd.expression import Program

if TYPE_CHECKING:
    import torch

MOST_NODES = 300


def program_output(program: Program, values: Mapping[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """A program's output as a tensor, with the graph behind it, and its leaves."""
    import torch

    leaves = {
        name: torch.tensor(values[name], dtype=torch.float64, requires_grad=True)
        for name in program.names
        if name in values
    }
    with torch.enable_grad():
        return program.run(leaves, like=torch.empty(0))[program.output], leaves


def dot_source(
    output: torch.Tensor,
    named: Mapping[str, torch.Tensor],
    show_attrs: bool = False,
    show_saved: bool = False,
    after_backward: bool = False,
) -> str:
    """What `torchviz.make_dot` draws, in the DOT language.

    Raises:
        ValueError: it draws nothing; one sentence says why.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it imports distutils
            from torchviz import make_dot
    except ImportError:
        raise ValueError("torchviz is not installed here; `pip install torchviz` adds it.") from None
    if not output.requires_grad:
        raise ValueError("torchviz draws nothing here: the output needs no gradient, so torch has recorded no graph.")
    if (count := _count(output)) > MOST_NODES:
        raise ValueError(
            f"torchviz walks the graph by recursion; {count:,} nodes are too many, the most is {MOST_NODES}."
        )
    if after_backward:
        torch.autograd.backward(output, torch.ones_like(output))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            graph = make_dot(output, params=dict(named), show_attrs=show_attrs, show_saved=show_saved)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"torchviz fails here, with torch's words: {reason}") from None
    except (AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"torchviz fails here with a {type(error).__name__}.") from None
    return graph.source


def _count(output: torch.Tensor) -> int:
    found, waiting = {output.grad_fn}, [output.grad_fn]
    while waiting:
        node = waiting.pop()
        for operand, _ in node.next_functions if node is not None else ():
            if operand is not None and operand not in found:
                found.add(operand)
                waiting.append(operand)
    return len(found)
