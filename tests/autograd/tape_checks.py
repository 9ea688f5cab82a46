"""What holds on every tape, written once."""

import numpy as np
import pytest

from playground.autograd.expression import ExpressionError
from playground.autograd.witness import differences


def summed(value, shape):
    """The sum over what broadcasting had repeated; a scalar that stands for all elements is spread."""
    value = np.asarray(value, float)
    while value.ndim > len(shape):
        value = value.sum(0)
    for axis, size in enumerate(shape):
        if value.ndim == len(shape) and size == 1 and value.shape[axis] != 1:
            value = value.sum(axis, keepdims=True)
    return np.broadcast_to(value, shape)


def finite(value) -> bool:
    return value is None or bool(np.all(np.isfinite(np.asarray(value, float))))


def check_tape(tape, rtol=1e-9):
    """Ids, orders, sums of contributions, products with local partials, marks of what has no gradient."""
    assert [node.id for node in tape.nodes] == list(range(len(tape.nodes)))
    assert [node.order_fwd for node in tape.nodes] == list(range(len(tape.nodes)))
    orders = sorted(node.order_bwd for node in tape.nodes if node.order_bwd is not None)
    assert sorted(set(orders)) == list(range(len(set(orders)))), "outputs of one function share their place"
    into = {}
    for edge in tape.edges:
        assert edge.src < edge.dst, "an operand is there before what uses it"
        assert (edge.dst, edge.slot) not in into, "every slot has one operand"
        into[edge.dst, edge.slot] = edge
    shares = {node.id: [] for node in tape.nodes}
    for edge in tape.edges:
        src, dst = tape.nodes[edge.src], tape.nodes[edge.dst]
        if edge.contrib is None:
            continue
        assert dst.order_bwd is not None
        assert src.order_bwd > dst.order_bwd, "backward comes to an operand later"
        assert np.shape(edge.contrib) == src.shape
        shares[edge.src].append(np.asarray(edge.contrib, float))
        if edge.local is not None and finite(edge.local) and finite(dst.grad):
            product = np.asarray(edge.local, float) * np.asarray(dst.grad, float)
            np.testing.assert_allclose(edge.contrib, summed(product, src.shape), rtol=rtol, atol=1e-12)
    for node in tape.nodes:
        assert np.shape(node.value) == node.shape or node.value is None
        if node.kind in ("constant", "detached", "no_grad"):
            assert node.grad is None
            assert node.grad_fn is None
        elif node.grad is not None and node.id != tape.output:
            assert np.shape(node.grad) == node.shape
            if finite(node.grad):
                np.testing.assert_allclose(sum(shares[node.id]), node.grad, rtol=rtol, atol=1e-12)


def check_differences(program, values, tape, rtol=1e-6):
    """Leaf gradients against differences of the program's own values."""
    slopes = differences(program, values)
    for leaf in tape.leaves:
        want = slopes[leaf.name]
        if leaf.grad is None or not finite(leaf.grad):
            continue
        if any(value is None for value in np.ravel(np.asarray(want, dtype=object))):
            continue
        want = np.asarray(want, float).reshape(leaf.shape)
        np.testing.assert_allclose(leaf.grad, want, rtol=rtol, atol=1e-6 * max(1.0, float(np.max(np.abs(want)))))


def evaluate(program, values):
    try:
        return program(**values)
    except ExpressionError:
        pytest.skip("not defined here")
