"""From a tape to a picture: nodes with their places and words, edges with their labels, and the steps of the walk.

A picture is a plain dictionary that becomes JSON; `assets/graph.js` draws it and does nothing but draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from playground.autograd.layout import GAP_X, place
from playground.autograd.tape import Edge, Node, Plain, Tape
from playground.autograd.words import (
    RULES,
    TITLE,
    backward_words,
    formula,
    forward_words,
    label,
    labels,
    leaf_words,
    shown,
    sign,
)

MOST_NODES = 300
"""Drawn one by one; a larger graph is drawn by module."""
SIZES = {"leaf": (92.0, 58.0), "constant": (46.0, 30.0), "group": (132.0, 58.0)}
OPERATION = (112.0, 58.0)
TEXT_WIDTH = 6.6  # px, of a character of a node's first line
VALUE_WIDTH = 8.2  # of its value
LABEL_WIDTH, WIDEST_GAP = 7.0, 118.0  # of an edge's label, and the most room that is made for it


@dataclass(frozen=True)
class Group:
    """Neighbouring nodes of one module, drawn as one."""

    title: str
    subtitle: str
    members: tuple[int, ...]


def picture(tape: Tape, by_module: bool = False) -> dict[str, Any]:
    """What is drawn of a tape: every node, or one per module if that is asked for or there are more than MOST_NODES."""
    collapsed = by_module or len(tape.nodes) > MOST_NODES
    drawn = _collapsed(tape) if collapsed else _plain_picture(tape)
    sizes = [(node["w"], node["h"]) for node in drawn["nodes"]]
    ends = [(edge["src"], edge["dst"]) for edge in drawn["edges"]]
    longest = max((len(edge["local"]) for edge in drawn["edges"] if edge["label"]), default=0)
    placed = place(sizes, ends, min(max(GAP_X, LABEL_WIDTH * longest + 34), WIDEST_GAP))
    for node, x, y in zip(drawn["nodes"], placed.x, placed.y, strict=True):
        node["x"], node["y"] = round(x, 1), round(y, 1)
    for edge, path in zip(drawn["edges"], placed.paths, strict=True):
        edge["path"] = [[round(x, 1), round(y, 1)] for x, y in path]
    drawn |= {"width": round(placed.width, 1), "height": round(placed.height, 1), "text": tape.text}
    drawn |= {"collapsed": collapsed, "total": len(tape.nodes)}
    return drawn


def _plain_picture(tape: Tape) -> dict[str, Any]:
    names = labels(tape)
    into: dict[int, list[Edge]] = {node.id: [] for node in tape.nodes}
    for edge in tape.edges:
        into[edge.dst].append(edge)
    nodes = [_drawn_node(tape, node, names, into[node.id]) for node in tape.nodes]
    edges = [_drawn_edge(tape, edge) for edge in tape.edges]
    return {"nodes": nodes, "edges": edges, "output": tape.output, "steps": list(_steps(tape, names))}


def _drawn_node(tape: Tape, node: Node, names: list[str], into: list[Edge]) -> dict[str, Any]:
    operands = [names[edge.src] for edge in into]
    written = formula(node, operands) if operands else node.op if tape.text else shown(None, node.shape)
    title = label(node, tape.text) if tape.text or node.name else node.op
    title = title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"
    width, height = SIZES.get(node.kind if not operands else "operation", OPERATION)
    if node.kind == "constant" and not operands and not tape.text:
        width, height = SIZES["leaf"]
    texts = max(len(shown(node.value, node.shape)), len(shown(node.grad, node.shape)) + 2) if tape.text else 0
    return {
        "id": node.id,
        "kind": node.kind,
        "source": not operands,
        "title": title,
        "formula": written if written != title else "",
        "value": shown(node.value, node.shape),
        "grad": None if node.grad is None else shown(node.grad, node.shape),
        "sign": sign(node.value),
        "gsign": sign(node.grad),
        "span": list(node.span) if node.span else None,
        "module": node.module,
        "grad_fn": node.grad_fn,
        "shape": "×".join(map(str, node.shape)) or "one number",
        "saved": {name: value if isinstance(value, str) else _saved(value) for name, value in node.saved.items()},
        "rules": _rules(node, operands),
        "bwd": node.order_bwd,
        "w": min(max(width, TEXT_WIDTH * len(title) + 22, VALUE_WIDTH * texts + 18), 170.0) if width > 50 else width,
        "h": height,
    }


def _saved(value: Plain) -> str:
    return str(value) if isinstance(value, bool) else shown(value)


def _rules(node: Node, operands: list[str]) -> list[str]:
    """The derivative by each operand, as a formula with a and b replaced by what they are called."""
    if node.op not in RULES or len(operands) != len(RULES[node.op]):
        return []
    return [f"∂/∂{name}: {rule}" for name, rule in zip("ab", RULES[node.op], strict=False)]


def _drawn_edge(tape: Tape, edge: Edge) -> dict[str, Any]:
    return {
        "src": edge.src,
        "dst": edge.dst,
        "slot": edge.slot,
        "local": None if edge.local is None else shown(edge.local),
        "label": edge.local is not None and (bool(tape.text) or not np.ndim(edge.local)),
        "contrib": None if edge.contrib is None else shown(edge.contrib),
        "sign": sign(edge.contrib),
        "size": _size(edge.contrib),
        "cut": edge.contrib is None,
    }


def _size(contrib: Plain) -> float:
    """How much flows, for the width of the edge."""
    if contrib is None:
        return 0.0
    size = float(np.linalg.norm(np.asarray(contrib, float)))
    return round(size, 6) if np.isfinite(size) else 1e6


# The walk


def _steps(tape: Tape, names: list[str]) -> Iterator[dict[str, Any]]:
    """First every operation in forward order; then the seed, and every node in the order that backward came to it.

    A backward step says which gradients it changes, and what they are then: `grads` holds [node, text, sign].
    """
    places = {(edge.dst, edge.slot): index for index, edge in enumerate(tape.edges)}
    into: dict[int, list[Edge]] = {node.id: [] for node in tape.nodes}
    for edge in tape.edges:
        into[edge.dst].append(edge)
    for node in tape.nodes:
        if into[node.id]:
            found = [places[edge.dst, edge.slot] for edge in into[node.id]]
            yield _step("forward", node.id, found, forward_words(tape, node.id, names), [])
    output = tape.nodes[tape.output]
    if output.grad is None:
        return
    top = "f" if tape.text else "L"
    elements = " for every element: the sum of the outputs is differentiated" if output.shape else ""
    sums: dict[int, Plain] = {output.id: output.grad}
    seed = f"backward() begins at the output: ∂{top}/∂{top} = {shown(output.grad, output.shape)}{elements}"
    yield _step("backward", output.id, [], [seed], [[output.id, shown(output.grad, output.shape), sign(output.grad)]])
    for node in sorted(
        (node for node in tape.nodes if node.order_bwd is not None), key=lambda node: node.order_bwd or 0
    ):
        if not into[node.id]:
            yield _step("backward", node.id, [], leaf_words(tape, node.id, names), [])
            continue
        words = []
        found, grads = [], []
        for edge in into[node.id]:
            if edge.contrib is None:
                continue
            only = replace(tape, edges=(edge,))
            words += backward_words(only, node.id, names, sums)
            before = sums.get(edge.src)
            total = edge.contrib if before is None else (np.asarray(before) + np.asarray(edge.contrib)).tolist()
            sums[edge.src] = total
            found.append(places[edge.dst, edge.slot])
            grads.append([edge.src, shown(total), sign(total)])
        yield _step("backward", node.id, found, words or backward_words(tape, node.id, names, {}), grads)


def _step(phase: str, node: int, edges: list[int], words: list[str], grads: list[list[Any]]) -> dict[str, Any]:
    return {"phase": phase, "node": node, "edges": edges, "words": words, "grads": grads}


# Large graphs


def groups(tape: Tape, most: int = MOST_NODES) -> list[Group]:
    """Neighbours in forward order that one module made; where these are too many, longer runs of neighbours.

    A group is a run in forward order, so that the groups have no cycle even if a module is called twice.
    """
    runs: list[list[int]] = []
    for node in tape.nodes:
        if runs and tape.nodes[runs[-1][-1]].module == node.module:
            runs[-1].append(node.id)
        else:
            runs.append([node.id])
    if len(runs) == 1 and len(tape.nodes) > most:  # everything was made in one place
        runs = [[id] for id in runs[0]]
    if len(runs) > most:
        size = -(-len(runs) // most)
        runs = [[id for run in runs[start : start + size] for id in run] for start in range(0, len(runs), size)]
    return [_group(tape, run) for run in runs]


def _group(tape: Tape, run: list[int]) -> Group:
    if len(run) == 1:
        node = tape.nodes[run[0]]
        return Group(node.name or node.op, node.module or node.kind, tuple(run))
    modules = list(dict.fromkeys(tape.nodes[id].module for id in run))
    path, last = modules[0], modules[-1]
    kind = tape.modules.get(path, path)
    title = f"{kind} {path}".strip() if path and path != kind else kind or "forward"
    if last != path:
        title = f"{path or 'forward'} … {last or 'forward'}"
    return Group(title, f"{len(run)} nodes", tuple(run))


def _collapsed(tape: Tape) -> dict[str, Any]:
    found = groups(tape)
    of = {id: number for number, group in enumerate(found) for id in group.members}
    nodes = []
    for number, group in enumerate(found):
        last = tape.nodes[group.members[-1]]
        orders = [o for id in group.members if (o := tape.nodes[id].order_bwd) is not None]
        leaves = [tape.nodes[id] for id in group.members if tape.nodes[id].kind == "leaf"]
        nodes.append(
            {
                "id": number,
                "kind": "group" if len(group.members) > 1 else last.kind,
                "source": False,
                "title": group.title,
                "formula": group.subtitle,
                "value": shown(last.value, last.shape),
                "grad": None if last.grad is None else shown(last.grad, last.shape),
                "sign": 0,
                "gsign": 0,
                "span": None,
                "module": last.module,
                "grad_fn": last.grad_fn,
                "shape": "×".join(map(str, last.shape)) or "one number",
                "saved": {f"{leaf.name}.grad": shown(leaf.grad, leaf.shape) for leaf in leaves[:6] if leaf.name},
                "rules": [],
                "bwd": min(orders, default=None),
                "w": SIZES["group"][0],
                "h": SIZES["group"][1],
            }
        )
    edges: dict[tuple[int, int], dict[str, Any]] = {}
    for edge in tape.edges:
        src, dst = of[edge.src], of[edge.dst]
        if src != dst:
            empty = {"src": src, "dst": dst, "slot": 0, "local": None, "label": False, "contrib": None}
            drawn = edges.setdefault((src, dst), {**empty, "sign": 0, "size": 0.0, "cut": True})
            if edge.contrib is not None:
                drawn |= {"cut": False, "size": _size(edge.contrib), "contrib": shown(edge.contrib)}
    drawn_edges = list(edges.values())
    output = of[tape.output]
    return {
        "nodes": nodes,
        "edges": drawn_edges,
        "output": output,
        "steps": list(_group_steps(nodes, drawn_edges, output)),
    }


def _group_steps(nodes: list[dict[str, Any]], edges: list[dict[str, Any]], output: int) -> Iterator[dict[str, Any]]:
    into: dict[int, list[int]] = {node["id"]: [] for node in nodes}
    for index, edge in enumerate(edges):
        into[edge["dst"]].append(index)
    for node in nodes:
        yield _step("forward", node["id"], into[node["id"]], [f"{node['title']}: {node['value']}"], [])
    reached = sorted((node for node in nodes if node["bwd"] is not None), key=lambda node: node["bwd"])
    for node in reached:
        words = [f"∂L/∂({node['title']}) = {node['grad']}"]
        flowing = [index for index in into[node["id"]] if not edges[index]["cut"]]
        yield _step("backward", node["id"], flowing, words, [[node["id"], node["grad"], 0]])
