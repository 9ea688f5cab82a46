"""Multi-head attention beside torch and beside central differences."""

import itertools

import numpy as np
import pytest
import torch
from scratch_parity import close, copy_to_torch, differences, same_grads
from torch import nn

from playground import scratch

OPTIONS = list(itertools.product([1, 2], [True, False], [True, False]))


def draw(rng, batch, batch_first, targets=3, sources=5, size=4):
    shapes = [(targets,), (sources,), (sources,)]
    if batch is not None:
        shapes = [(batch, *s) if batch_first else (*s, batch) for s in shapes]
    return [rng.standard_normal((*s, size)) for s in shapes]


@pytest.mark.parametrize(("num_heads", "bias", "batch_first"), OPTIONS)
@pytest.mark.parametrize("batch", [2, None])
def test_agrees_with_torch(num_heads, bias, batch_first, batch):
    rng = np.random.default_rng(0)
    arguments = {"embed_dim": 4, "num_heads": num_heads, "bias": bias, "batch_first": batch_first}
    ours, theirs = scratch.MultiheadAttention(**arguments), nn.MultiheadAttention(**arguments)
    for param in ours.parameters():
        param.data += 0.3 * rng.standard_normal(param.data.shape)
    copy_to_torch(ours, theirs)
    inputs = draw(rng, batch, batch_first)
    inputs_torch = [torch.tensor(x, requires_grad=True) for x in inputs]
    output, weights = ours.forward(*inputs)
    output_torch, weights_torch = theirs(*inputs_torch)
    close(output, output_torch)
    close(weights, weights_torch)
    g, g_weights = rng.standard_normal(output.shape), rng.standard_normal(weights.shape)
    torch.autograd.backward([output_torch, weights_torch], [torch.from_numpy(g), torch.from_numpy(g_weights)])
    for dx, x in zip(ours.backward((g, g_weights)), inputs_torch, strict=True):
        close(dx, x.grad)
    same_grads(ours, theirs)
    ours.load_state_dict(theirs.state_dict())


def test_self_attention_adds_the_three_gradients():
    rng = np.random.default_rng(0)
    ours, theirs = scratch.MultiheadAttention(4, 2), nn.MultiheadAttention(4, 2)
    copy_to_torch(ours, theirs)
    x = rng.standard_normal((3, 2, 4))
    x_torch = torch.tensor(x, requires_grad=True)
    y = ours.forward(x, x, x)[0]
    g = rng.standard_normal(y.shape)
    theirs(x_torch, x_torch, x_torch)[0].backward(torch.from_numpy(g))
    close(sum(ours.backward(g)), x_torch.grad)
    same_grads(ours, theirs)


def test_central_differences():
    rng = np.random.default_rng(0)
    layer = scratch.MultiheadAttention(4, 2)
    inputs = draw(rng, 2, False)
    output, weights = layer.forward(*inputs)
    g, g_weights = rng.standard_normal(output.shape), rng.standard_normal(weights.shape)
    grads = layer.backward((g, g_weights))

    def loss():
        out, w = layer.forward(*inputs)
        return float((out * g).sum() + (w * g_weights).sum())

    for dx, x in zip(grads, inputs, strict=True):
        np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-6, atol=1e-8)
    for key, param in layer.params.items():
        np.testing.assert_allclose(param.grad, differences(loss, param.data), rtol=1e-6, atol=1e-8, err_msg=key)


def test_float32_and_weights_that_sum_to_1():
    layer = scratch.MultiheadAttention(4, 2, dtype=np.float32)
    x = np.random.default_rng(0).standard_normal((3, 1, 4)).astype(np.float32)
    output, weights = layer.forward(x, x, x)
    assert output.dtype == weights.dtype == np.float32
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-6)
    assert all(g.dtype == np.float32 for g in layer.backward(np.ones_like(output)))
    assert all(p.grad.dtype == np.float32 for p in layer.parameters())


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: scratch.MultiheadAttention(5, 2), "num_heads=2 must divide embed_dim=5"),
        (lambda: scratch.MultiheadAttention(4, 2, dropout=0.1), "dropout"),
        (lambda: scratch.MultiheadAttention(4, 2, kdim=3), "kdim"),
        (lambda: scratch.MultiheadAttention(4, 2).forward(*[np.zeros((3, 1, 5))] * 3), r"E = 4.*\(3, 1, 5\)"),
        (lambda: scratch.MultiheadAttention(4, 2).forward(*[np.zeros((n, 1, 4)) for n in (3, 2, 5)]), r"\(5, 1, 4\)"),
        (lambda: scratch.MultiheadAttention(4, 2).forward(np.zeros((3, 1, 4))), "query, key and value"),
        (lambda: scratch.MultiheadAttention(4, 2).forward(*[np.zeros((3, 1, 4))] * 3, attn_mask=np.eye(3)), "masks"),
        (lambda: scratch.MultiheadAttention(4, 2).backward(np.zeros((3, 1, 4))), "before forward"),
    ],
)
def test_bad_input(attempt, words):
    with pytest.raises(ValueError, match=words):
        attempt()
