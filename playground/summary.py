"""The table of a network as torchinfo prints it, from the outline alone: nothing is built for it.

>>> from playground.spec import Experiment
>>> "Total params: " in summary(Experiment().outline(), (2,))
True
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from playground.catalog import LAYERS
from playground.shapes import LayerReport

BYTES = 4
"""Of one number, float32."""
NAME, SHAPE, NUMBER = 40, 26, 23
"""Widths of the columns; that of the names is larger where they need it, in steps of ten."""
DEPTH = 3
"""Layers within layers that have a row of their own."""
RECURRENT = ("RNN", "LSTM", "GRU")
UNCOUNTED = ("MultiheadAttention", "SelfAttention")
"""Work and sizes are those of modules that hold no other; attention holds one, which torchinfo never sees called."""


@dataclass(frozen=True)
class Node:
    """A module: its class, its output without the batch, its parameters, and what it holds."""

    name: str
    shape: Sequence[int]
    parameters: int
    parts: tuple["Node", ...] = ()

    def leaves(self) -> Iterator["Node"]:
        """The modules that hold no other."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


def summary(reports: Sequence[LayerReport], input_shape: Sequence[int], batch: int = 1) -> str:
    """Layer, output shape and parameters of every layer, then the totals, for a batch of so many samples.

    Mult-adds are counted as torchinfo counts them, by parameter: every weight and bias once per sample, in a
    convolution once per place of the output, and in a recurrent layer once per row of the output: that is per step
    where it gives the whole sequence, and per unit where it gives the last state. The forward/backward pass size is
    that of the outputs of modules with parameters, twice, for their gradients.
    """
    out = reports[-1].out_shape if reports else tuple(input_shape)
    nodes = [_node(report) for report in reports]
    titled = list(_titled(nodes, 1, Counter()))
    longest = max((len(title) + 5 * depth + 1 for title, depth, _ in titled), default=0)
    name = 1 + (NAME if longest < NAME else 10 * math.ceil(longest / 10))
    rows = [("Sequential", _shape(batch, out), "--")]
    for title, depth, node in titled:
        if depth <= DEPTH:
            stem = "├─" if depth == 1 else "│    " * (depth - 1) + "└─"
            held = node.parts and depth < DEPTH
            own = "--" if held or not node.parameters else f"{node.parameters:,}"
            rows.append((stem + title, _shape(batch, node.shape), own))
    leaves = [leaf for node in nodes for leaf in node.leaves() if leaf.name not in UNCOUNTED]
    numbers = BYTES * sum(leaf.parameters for leaf in leaves)
    line = "=" * (name + SHAPE + NUMBER)
    total = sum(report.parameters for report in reports)
    work = sum(_mult_adds(leaf, batch) for leaf in leaves)
    outputs = sum(2 * BYTES * batch * math.prod(leaf.shape) for leaf in leaves if leaf.parameters)
    inputs = BYTES * batch * math.prod(input_shape)
    return "\n".join(
        [
            line,
            f"{'Layer (type:depth-idx)':<{name}}{'Output Shape':<{SHAPE}}Param #",
            line,
            *(f"{title:<{name}}{shape:<{SHAPE}}{number}" for title, shape, number in rows),
            line,
            f"Total params: {total:,}",
            f"Trainable params: {total:,}",
            "Non-trainable params: 0",
            _scaled_work(work),
            line,
            f"Input size (MB): {inputs / 1e6:.2f}",
            f"Forward/backward pass size (MB): {outputs / 1e6:.2f}",
            f"Params size (MB): {numbers / 1e6:.2f}",
            f"Estimated Total Size (MB): {(inputs + outputs + numbers) / 1e6:.2f}",
            line,
        ]
    )


def _node(report: LayerReport) -> Node:
    name, shape = LAYERS[report.name].target.rpartition(".")[2], report.out_shape
    parts: tuple[Node, ...] = ()
    if report.name == "Residual":
        body = tuple(_node(inner) for inner in report.layers)
        inside, shortcut = sum(node.parameters for node in body), report.arguments.get("shortcut")
        way = "Identity" if shortcut is None else "Conv2d" if "in_channels" in shortcut else "Linear"
        parts = (
            Node("Sequential", report.layers[-1].out_shape, inside, body),
            Node(way, shape, report.parameters - inside),
        )
    elif report.name == "TransformerEncoderLayer":
        parts = tuple(_encoder(report))
    return Node(name, shape, report.parameters, parts)


def _encoder(report: LayerReport) -> Iterator[Node]:
    """What torch's encoder layer calls, in that order."""
    shape, wide = report.out_shape, report.arguments["dim_feedforward"]
    width = shape[-1]
    norm, dropout = Node("LayerNorm", shape, 2 * width), Node("Dropout", shape, 0)
    attention = Node("MultiheadAttention", shape, 4 * width * (width + 1))
    inner = (*shape[:-1], wide)
    linear = (Node("Linear", inner, wide * (width + 1)), Node("Dropout", inner, 0))
    first = report.arguments.get("norm_first", False)
    for part in ((attention, dropout), (*linear, Node("Linear", shape, width * (wide + 1)), dropout)):
        yield from (norm, *part) if first else (*part, norm)


def _titled(nodes: Sequence[Node], depth: int, seen: Counter[int]) -> Iterator[tuple[str, int, Node]]:
    """`Linear: 1-2` for the second module of depth 1, and so on, each before what it holds."""
    for node in nodes:
        seen[depth] += 1
        yield f"{node.name}: {depth}-{seen[depth]}", depth, node
        yield from _titled(node.parts, depth + 1, seen)


def _mult_adds(leaf: Node, batch: int) -> int:
    places = math.prod(leaf.shape[1:]) if "Conv" in leaf.name else leaf.shape[0] if leaf.name in RECURRENT else 1
    return leaf.parameters * batch * places


def _shape(batch: int, shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, (batch, *shape)))}]"


def _scaled_work(work: int) -> str:
    """In millions, which torchinfo calls megabytes, or more."""
    name, unit = next(((n, u) for n, u in (("TERA", 1e12), ("GIGA", 1e9)) if work >= u), ("MEGA", 1e6))
    return f"Total mult-adds (Units.{name}BYTES): {f'{work / unit:.2f}' if work else 0}"
