"""Where nodes and edges of a graph stand: left to right in layers, few crossings, no overlaps.

The way of Sugiyama, Tagawa and Toda (1981): layers by the longest path, edges that skip layers cut by invisible
nodes, the order within a layer by the mean of the neighbours, then heights as near to the neighbours as the order lets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

GAP_X, GAP_Y = 62.0, 16.0
"""Between two layers (an edge's label stands there), and between two nodes of a layer."""
SWEEPS = 10


@dataclass(frozen=True)
class Placed:
    """Centres of the nodes, and for every edge the points it passes, from its source to its target."""

    x: list[float]
    y: list[float]
    paths: list[list[tuple[float, float]]]
    width: float
    height: float


def place(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], gap: float = GAP_X) -> Placed:
    """Lay out a graph without cycles.

    Args:
        sizes: width and height of every node.
        edges: (source, target) with source < target.
        gap: px between two layers.
    """
    count = len(sizes)
    if not count:
        return Placed([], [], [], 0.0, 0.0)
    ranks = _ranks(count, edges)
    chains, rank_of, heights = _chains(ranks, edges, [height for _, height in sizes])
    columns: list[list[int]] = [[] for _ in range(max(rank_of) + 1)]
    for node, rank in enumerate(rank_of):
        columns[rank].append(node)
    before: list[list[int]] = [[] for _ in rank_of]
    after: list[list[int]] = [[] for _ in rank_of]
    for chain in chains:
        for source, target in pairwise(chain):
            after[source].append(target)
            before[target].append(source)
    _order(columns, before, after)
    y = _heights(columns, before, after, heights)
    widths = [max((sizes[node][0] for node in column if node < count), default=10.0) for column in columns]
    x_of = np.cumsum([0.0, *(width + gap for width in widths)])[:-1] + np.asarray(widths) / 2
    low = min(y[node] - heights[node] / 2 for node in range(len(y)))
    y = [value - low for value in y]
    paths = [[(float(x_of[rank_of[node]]), y[node]) for node in chain] for chain in chains]
    height = max(y[node] + heights[node] / 2 for node in range(len(y)))
    x = [float(x_of[rank_of[node]]) for node in range(count)]
    return Placed(x, y[:count], paths, float(x_of[-1] + widths[-1] / 2), height)


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way from a source; what hangs on sources alone stands right before its first user."""
    ranks = [0] * count
    operands: list[list[int]] = [[] for _ in range(count)]
    users: list[list[int]] = [[] for _ in range(count)]
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        ranks[target] = max(ranks[target], ranks[source] + 1)
        operands[target].append(source)
        users[source].append(target)
    movable = [False] * count
    for node in range(count):
        movable[node] = all(not operands[source] for source in operands[node])
    for node in reversed(range(count)):
        if users[node] and movable[node]:
            ranks[node] = min(ranks[user] for user in users[node]) - 1
    return ranks


def _chains(
    ranks: list[int], edges: Sequence[tuple[int, int]], heights: list[float]
) -> tuple[list[list[int]], list[int], list[float]]:
    """Every edge as a chain of nodes in neighbouring layers; edges from one source share the nodes between."""
    rank_of, heights = list(ranks), list(heights)
    chains, between = [], dict[tuple[int, int], int]()
    for source, target in edges:
        chain = [source]
        for rank in range(ranks[source] + 1, ranks[target]):
            if (source, rank) not in between:
                between[source, rank] = len(rank_of)
                rank_of.append(rank)
                heights.append(12.0)
            chain.append(between[source, rank])
        chains.append([*chain, target])
    return chains, rank_of, heights


def _order(columns: list[list[int]], before: list[list[int]], after: list[list[int]]) -> None:
    """Sort every layer by the mean place of its neighbours, to and fro; the order with the fewest crossings stays."""
    best, fewest = [list(column) for column in columns], _crossings(columns, after)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        forward = sweep % 2 == 0
        for rank in range(len(columns)) if forward else reversed(range(len(columns))):
            neighbours = before if forward else after
            places = {node: place for column in columns for place, node in enumerate(column)}
            column = columns[rank]
            keys = {
                node: sum(places[other] for other in neighbours[node]) / len(neighbours[node])
                if neighbours[node]
                else float(places[node])
                for node in column
            }
            column.sort(key=lambda node: keys[node])
        crossings = _crossings(columns, after)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    columns[:] = best


def _crossings(columns: list[list[int]], after: list[list[int]]) -> int:
    total = 0
    for left, right in pairwise(columns):
        places = {node: place for place, node in enumerate(right)}
        ends = [sorted(places[other] for other in after[node] if other in places) for node in left]
        flat = np.asarray([end for group in ends for end in group])
        if flat.size < 2:
            continue
        total += int(np.sum(np.triu(flat[:, None] > flat[None, :], 1)))
    return total


def _heights(
    columns: list[list[int]], before: list[list[int]], after: list[list[int]], heights: list[float]
) -> list[float]:
    """Heights near the mean of the neighbours, in the order given and without overlap.

    An edge from a node without operands weighs little, so that leaves gather around a straight line of operations.
    """
    neighbours: list[list[tuple[int, float]]] = [[] for _ in heights]
    for node, users in enumerate(after):
        for user in users:
            weight = 8.0 if before[node] else 1.0
            neighbours[node].append((user, weight))
            neighbours[user].append((node, weight))
    y = [0.0] * len(heights)
    for column in columns:
        at = -sum(heights[node] + GAP_Y for node in column) / 2
        for node in column:
            y[node] = at + heights[node] / 2
            at += heights[node] + GAP_Y
    for sweep in range(2 * SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted, weights = [], []
            for node in column:
                weight = sum(weight for _, weight in neighbours[node])
                mean = sum(y[other] * weight for other, weight in neighbours[node]) / weight if weight else y[node]
                wanted.append(mean)
                weights.append(weight or 1.0)
            for node, value in zip(column, _apart(wanted, weights, [heights[node] for node in column]), strict=True):
                y[node] = value
    return y


def _apart(wanted: list[float], weights: list[float], heights: list[float]) -> list[float]:
    """The positions nearest to those wanted (weighted squares) that keep order and distance: pooled neighbours."""
    offsets = [0.0]
    for first, second in pairwise(heights):
        offsets.append(offsets[-1] + (first + second) / 2 + GAP_Y)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, total, many = value - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, its, count = blocks.pop()
            mean, total, many = (mean * total + other * its) / (total + its), total + its, many + count
        blocks.append((mean, total, many))
    means = [mean for mean, _, many in blocks for _ in range(many)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
