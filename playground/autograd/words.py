"""Numbers, labels and the chain rule as a reader sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from playground.autograd.expression import SYMBOLS
from playground.autograd.tape import Node, Plain, Tape

SHOWN = 4
"""Elements of a vector that are written out."""
LABEL, TITLE = 30, 16
"""Characters of a label in a sentence, and in a node."""

RULES: dict[str, tuple[str, ...]] = {
    "add": ("1", "1"),
    "sub": ("1", "−1"),
    "mul": ("b", "a"),
    "div": ("1/b", "−a/b²"),
    "pow": ("b·aᵇ⁻¹", "aᵇ·ln a"),
    "neg": ("−1",),
    "sin": ("cos a",),
    "cos": ("−sin a",),
    "tan": ("1 + tan²a",),
    "tanh": ("1 − tanh²a",),
    "exp": ("eᵃ",),
    "log": ("1/a",),
    "sqrt": ("1/(2√a)",),
    "abs": ("sign a",),
    "relu": ("1 if a > 0 else 0",),
    "sigmoid": ("σ(a)·(1 − σ(a))",),
    "softplus": ("σ(a)",),
    "max": ("1 if a > b, ½ if equal, else 0", "1 if b > a, ½ if equal, else 0"),
    "min": ("1 if a < b, ½ if equal, else 0", "1 if b < a, ½ if equal, else 0"),
    "sum": ("1",),
    "mean": ("1/n",),
}
"""The derivative of an operation by each of its operands, a and b."""


def number(value: float) -> str:
    """Four digits, with a real minus sign: `−0.3935`, `1.2e+06`, `9`."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.4g}"
    return text.replace("-", "−") if float(text) else "0"


def shown(value: Plain, shape: tuple[int, ...] = ()) -> str:
    """A number, a short vector, or the norm and the shape of something larger."""
    if value is None:
        return "×".join(map(str, shape)) if shape else "—"
    array = np.asarray(value, float)
    if array.ndim == 0:
        return number(float(array))
    if array.ndim == 1 and array.size <= SHOWN:
        return f"[{', '.join(number(item) for item in array.tolist())}]"
    return f"‖{'×'.join(map(str, array.shape))}‖ {number(float(np.linalg.norm(array)))}"


def sign(value: Plain) -> int:
    """-1, 0 or 1: the sign of a number, or of all elements of a vector; 0 where they differ."""
    if value is None:
        return 0
    array = np.asarray(value, float)
    return int(bool(np.all(array >= 0) and np.any(array > 0))) - int(bool(np.all(array <= 0) and np.any(array < 0)))


def label(node: Node, text: str = "") -> str:
    """What a node is called: its name, its source if that is short, or its operation."""
    if node.name:
        return node.name
    source = " ".join(text[slice(*node.span)].split()) if node.span else ""
    if source:
        return source if len(source) <= LABEL else f"{source[: LABEL - 1]}…"
    return f"{node.op}{node.id}"


def labels(tape: Tape) -> list[str]:
    """The label of every node of a tape; an output without a name is f."""
    names = [label(node, tape.text) for node in tape.nodes]
    if tape.text and not tape.nodes[tape.output].name:
        names[tape.output] = "f"
    return names


PRECEDENCE = {"add": 1, "sub": 1, "mul": 2, "div": 2, "neg": 3, "pow": 4}


def formula(node: Node, operands: list[str]) -> str:
    """The operation with its operands written in: `w·x`, `tanh(h)`, `(y - t)**2`."""
    level = PRECEDENCE.get(node.op)
    if level is None or len(operands) > 2:
        return f"{node.op}({', '.join(operands)})"
    if len(operands) == 1:
        return f"−{bracketed(operands[0], level)}" if node.op == "neg" else f"{node.op}({operands[0]})"
    to_right = node.op == "pow"
    left, right = bracketed(operands[0], level + to_right), bracketed(operands[1], level + (not to_right))
    right = f"({right})" if right[:1] in "-−" else right
    sign_ = {"mul": " · ", "sub": " − ", "pow": "**"}.get(node.op, f" {SYMBOLS[node.op]} ")
    return f"{left}{sign_}{right}"


def bracketed(text: str, level: int = 5) -> str:
    """Brackets around a text that binds less than `level`: 1 is a sum, 2 a product, 3 a sign, 4 a power."""
    return f"({text})" if _binds(text) < level else text


def _binds(text: str) -> int:
    """The loosest operator of a text outside of brackets."""
    depth, loosest = 0, 5
    for place, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if depth or char in "([)] ":
            continue
        before = text[max(0, place - 2) : place]
        if char in "+-−":
            exponent = before[-1:] in ("e", "E") and before[:1].isdigit()
            if not exponent and before[-1:] not in ("*", "/"):
                loosest = min(loosest, 1 if place else 3)
        elif char == "*" and "*" in (text[place - 1 : place], text[place + 1 : place + 2]):
            loosest = min(loosest, 4)
        elif char in "*/·…‖":
            loosest = min(loosest, 2)
    return loosest


def forward_words(tape: Tape, id: int, names: list[str]) -> list[str]:
    """`h = w·x = 0.5 · 2 = 1`."""
    node = tape.nodes[id]
    operands = [edge.src for edge in tape.into(id)]
    if not operands:
        return [f"{names[id]} = {shown(node.value, node.shape)}"]
    written = formula(node, [names[src] for src in operands])
    numbers = formula(node, [shown(tape.nodes[src].value, tape.nodes[src].shape) for src in operands])
    begin = f"{node.name} = " if node.name else ""
    return [f"{begin}{written} = {numbers} = {shown(node.value, node.shape)}"]


def backward_words(tape: Tape, id: int, names: list[str], sums: Mapping[int, Plain]) -> list[str]:
    """One line per operand: the chain rule, with its numbers, and the sum where another path has been before."""
    node, lines = tape.nodes[id], []
    top = "L" if not tape.text else "f"
    this = bracketed(names[id])
    for edge in tape.into(id):
        if edge.contrib is None:
            continue
        operand, share = bracketed(names[edge.src]), shown(edge.contrib)
        local = "its Jacobian" if edge.local is None else bracketed(shown(edge.local), 2)
        upstream = bracketed(shown(node.grad, node.shape), 5)
        line = f"∂{top}/∂{operand} += ∂{this}/∂{operand} · ∂{top}/∂{this} = {local} · {upstream} = {share}"
        before = sums.get(edge.src)
        if before is not None:
            total = np.asarray(before, float) + np.asarray(edge.contrib, float)
            line += f"   ⟶   {shown(before)} + {bracketed(share)} = {shown(total.tolist())}"
        lines.append(line)
    return lines or [f"∂{top}/∂{this} = {shown(node.grad, node.shape)}; no operand needs a gradient"]


def leaf_words(tape: Tape, id: int, names: list[str]) -> list[str]:
    """What arrives at a leaf: the sum over all its uses, with the numbers."""
    node, top = tape.nodes[id], "f" if tape.text else "L"
    products = []
    for edge in tape.out_of(id):
        if edge.contrib is None:
            continue
        target = tape.nodes[edge.dst]
        if edge.local is None:
            products.append(bracketed(shown(edge.contrib), 2))
        else:
            local = bracketed(shown(edge.local), 5 if products else 2)
            products.append(f"{local} · {bracketed(shown(target.grad, target.shape))}")
    gradient = shown(node.grad, node.shape)
    written = f" = {' + '.join(products)}" if products else ""
    return [f"∂{top}/∂{bracketed(names[id])}{written} = {gradient}", f"{names[id]}.grad += {gradient}"]
