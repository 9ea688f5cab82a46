"""RNN, LSTM and GRU beside torch and beside central differences, in every combination of options."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scratch_parity import close, copy_to_torch, differences, same_grads
from torch import nn

from playground import scratch

NAMES = ["RNN", "LSTM", "GRU"]
OPTIONS = list(itertools.product([1, 2, 3], [False, True], [False, True], [True, False]))


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def compare(name, arguments, rng, steps=4, batch=3, given_state=True):
    """Everything torch returns and every gradient, from an upstream gradient of the same structure."""
    ours, theirs = getattr(scratch, name)(3, 2, **arguments), getattr(nn, name)(3, 2, **arguments)
    copy_to_torch(ours, theirs)
    batch_first, bidirectional = arguments.get("batch_first", False), arguments.get("bidirectional", False)
    rows = arguments.get("num_layers", 1) * (2 if bidirectional else 1)
    if batch is None:
        x, start = rng.standard_normal((steps, 3)), rng.standard_normal((2, rows, 2))
    else:
        x = rng.standard_normal((batch, steps, 3) if batch_first else (steps, batch, 3))
        start = rng.standard_normal((2, rows, batch, 2))
    x_torch, start_torch = torch.tensor(x, requires_grad=True), torch.tensor(start, requires_grad=True)
    if not given_state:
        state, state_torch = None, None
    elif name == "LSTM":
        state, state_torch = (start[0], start[1]), (start_torch[0], start_torch[1])
    else:
        state, state_torch = start[0], start_torch[0]
    y, last = ours.forward(x, state)
    y_torch, last_torch = theirs(x_torch, state_torch)
    close(y, y_torch, "output")
    for a, b in zip(as_tuple(last), as_tuple(last_torch), strict=True):
        close(a, b, "last state")
    g_out = rng.standard_normal(y.shape)
    g_last = [rng.standard_normal(s.shape) for s in as_tuple(last)]
    dx = ours.backward((g_out, tuple(g_last) if name == "LSTM" else g_last[0]))
    torch.autograd.backward([y_torch, *as_tuple(last_torch)], [torch.from_numpy(g) for g in (g_out, *g_last)])
    close(dx, x_torch.grad, "gradient of the input")
    same_grads(ours, theirs)
    if given_state:
        close(ours.grad_h0, start_torch.grad[0], "gradient of h0")
        if name == "LSTM":
            close(ours.grad_c0, start_torch.grad[1], "gradient of c0")


@pytest.mark.parametrize(("num_layers", "bidirectional", "batch_first", "bias"), OPTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_every_combination_agrees_with_torch(name, num_layers, bidirectional, batch_first, bias):
    rng = np.random.default_rng(num_layers)
    arguments = {"num_layers": num_layers, "bidirectional": bidirectional, "batch_first": batch_first, "bias": bias}
    for batch, given_state in itertools.product([3, 1, None], [True, False]):
        compare(name, arguments, rng, batch=batch, given_state=given_state)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_both_nonlinearities_of_rnn(nonlinearity):
    compare("RNN", {"nonlinearity": nonlinearity, "num_layers": 2, "bidirectional": True}, np.random.default_rng(0))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(NAMES), st.integers(1, 9), st.one_of(st.none(), st.integers(1, 5)),
    st.integers(1, 2), st.booleans(), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_length_and_batch(name, steps, batch, num_layers, bidirectional, seed):
    compare(name, {"num_layers": num_layers, "bidirectional": bidirectional}, np.random.default_rng(seed), steps, batch)


@pytest.mark.parametrize("name", NAMES)
def test_central_differences_and_gradients_left_out(name):
    rng = np.random.default_rng(0)
    layer = getattr(scratch, name)(2, 2, num_layers=2, bidirectional=True)
    x = rng.standard_normal((3, 2, 2))
    g = rng.standard_normal((3, 2, 4))
    layer.forward(x)
    dx = layer.backward((g, None))

    def loss():
        return float((layer.forward(x)[0] * g).sum())

    np.testing.assert_allclose(dx, differences(loss, x), rtol=1e-6, atol=1e-8)
    for key, param in layer.params.items():
        np.testing.assert_allclose(param.grad, differences(loss, param.data), rtol=1e-6, atol=1e-8, err_msg=key)
    layer.forward(x)
    assert np.array_equal(layer.backward(g), dx)  # the output's gradient alone
    assert np.array_equal(layer.backward((g, None)), dx)  # a second backward after one forward
    assert not layer.backward((None, None)).any()


@pytest.mark.parametrize("name", NAMES)
def test_float32_and_saturated_gates(name):
    layer = getattr(scratch, name)(2, 3, num_layers=2, dtype=np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, last = layer.forward(np.full((4, 1, 2), 1e4, np.float32))
        dx = layer.backward((np.ones_like(y), None))
    assert {y.dtype, dx.dtype, *(s.dtype for s in as_tuple(last))} == {np.dtype(np.float32)}
    assert all(p.grad.dtype == np.float32 for p in layer.parameters())
    assert np.isfinite(y).all()


@pytest.mark.parametrize("name", NAMES)
def test_dropout_between_layers_acts_in_training_only(name):
    rng = np.random.default_rng(0)
    ours = getattr(scratch, name)(3, 2, num_layers=2, dropout=0.5, rng=np.random.default_rng(1))
    theirs = getattr(nn, name)(3, 2, num_layers=2, dropout=0.5).eval()
    copy_to_torch(ours, theirs)
    x = rng.standard_normal((4, 3, 3))
    first = ours.forward(x)[0]
    assert not np.array_equal(first, ours.forward(x)[0])
    close(ours.eval().forward(x)[0], theirs(torch.from_numpy(x))[0])


@pytest.mark.parametrize("name", NAMES)
def test_bad_input(name):
    layer = getattr(scratch, name)(3, 2)
    with pytest.raises(ValueError, match="before forward"):
        layer.backward((np.ones((2, 2, 2)), None))
    with pytest.raises(ValueError, match=r"3 features.*\(4, 2, 5\)"):
        layer.forward(np.zeros((4, 2, 5)))
    h0 = np.zeros((1, 7, 2))
    with pytest.raises(ValueError, match=r"\(1, 7, 2\).*\(1, 2, 2\)"):
        layer.forward(np.zeros((4, 2, 3)), (h0, h0) if name == "LSTM" else h0)
    layer.forward(np.zeros((4, 2, 3)))
    with pytest.raises(ValueError, match=r"\(3, 2, 2\).*\(4, 2, 2\)"):
        layer.backward((np.zeros((3, 2, 2)), None))
    with pytest.raises(ValueError, match="hidden_size is 0"):
        getattr(scratch, name)(3, 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        getattr(scratch, name)(3, 2, dropout=2)


def test_options_that_are_not_written():
    with pytest.raises(ValueError, match="proj_size"):
        scratch.LSTM(3, 4, proj_size=2)
    with pytest.raises(ValueError, match="sigmoid"):
        scratch.RNN(3, 4, nonlinearity="sigmoid")
