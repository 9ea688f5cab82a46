"""The scratch Tensor against torch: values and gradients of every operation, in float64."""

import gc
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.scratch import autograd
from playground.scratch.autograd import Tensor, cat, maximum, minimum, no_grad, stack, where

RNG = np.random.default_rng(5)
A = RNG.standard_normal((3, 4))
B = RNG.standard_normal((3, 4))
ROW = RNG.standard_normal(4)
COLUMN = RNG.standard_normal((3, 1))
POSITIVE = RNG.random((3, 4)) + 0.2
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [-1.0, 0.0, 0.0]])
ZEROS = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 5.0], [1.0, 2.0, 3.0]])
DEEP = RNG.standard_normal((2, 3, 4))

# name -> (what to compute, the arrays that require a gradient); `t` is the module of functions: torch or ours
CASES = {
    "add": (lambda t, a, b: a + b, (A, B)),
    "add row": (lambda t, a, b: a + b, (A, ROW)),
    "sub column": (lambda t, a, b: a - b, (A, COLUMN)),
    "mul row column": (lambda t, a, b: a * b, (ROW, COLUMN)),
    "div": (lambda t, a, b: a / b, (A, POSITIVE)),
    "div broadcast": (lambda t, a, b: a / b, (ROW, POSITIVE)),
    "scalar operands": (lambda t, a: 2 * a + 1 - a / 3 + (1 - a) * 0.5 - 2, (A,)),
    "reciprocal": (lambda t, a: 1 / a, (POSITIVE,)),
    "negative": (lambda t, a: -a, (A,)),
    "pow 2": (lambda t, a: a**2, (A,)),
    "pow 3.5": (lambda t, a: a**3.5, (POSITIVE,)),
    "pow -1": (lambda t, a: a**-1, (A,)),
    "pow 0": (lambda t, a: a**0, (ZEROS,)),
    "pow at 0": (lambda t, a: a**2 + a**3, (ZEROS,)),
    "pow tensor": (lambda t, a, b: a**b, (POSITIVE, B)),
    "rpow": (lambda t, a: 2**a, (A,)),
    "matmul": (lambda t, a, b: a @ b, (A, B.T.copy())),
    "matvec": (lambda t, a, b: a @ b, (A, ROW)),
    "vecmat": (lambda t, a, b: a @ b, (ROW, A.T.copy())),
    "dot": (lambda t, a, b: a @ b, (ROW, B[0])),
    "batched": (lambda t, a, b: a @ b, (DEEP, RNG.standard_normal((2, 4, 5)))),
    "batched broadcast": (lambda t, a, b: a @ b, (DEEP, RNG.standard_normal((4, 5)))),
    "batched broadcast left": (lambda t, a, b: a @ b, (RNG.standard_normal((5, 1, 2, 3)), DEEP)),
    "batched vector": (lambda t, a, b: a @ b, (DEEP, ROW)),
    "vector batched": (lambda t, a, b: a @ b, (RNG.standard_normal(3), DEEP)),
    "sum": (lambda t, a: a.sum(), (A,)),
    "sum dim": (lambda t, a: a.sum(dim=1), (A,)),
    "sum dims": (lambda t, a: a.sum(dim=(0, -1)), (DEEP,)),
    "sum keepdim": (lambda t, a: a * a.sum(dim=-1, keepdim=True), (A,)),
    "mean": (lambda t, a: a.mean(), (A,)),
    "mean dim": (lambda t, a: a.mean(dim=(0, 2), keepdim=True), (DEEP,)),
    "max": (lambda t, a: a.max(), (A,)),
    "max ties": (lambda t, a: a.max(), (TIES,)),
    "max dim": (lambda t, a: a.max(dim=1)[0], (A,)),
    "max dim ties": (lambda t, a: a.max(dim=1).values, (TIES,)),
    "max dim keepdim": (lambda t, a: a.max(dim=0, keepdim=True)[0] * a, (A,)),
    "min": (lambda t, a: a.min(), (TIES,)),
    "min dim": (lambda t, a: a.min(dim=-1).values, (TIES,)),
    "amax": (lambda t, a: a.amax(dim=1), (TIES,)),
    "amax all": (lambda t, a: a.amax(dim=(0, 1), keepdim=True), (TIES,)),
    "amin": (lambda t, a: a.amin(dim=0), (TIES,)),
    "var": (lambda t, a: a.var(), (A,)),
    "var dim": (lambda t, a: a.var(dim=1), (A,)),
    "var biased": (lambda t, a: a.var(dim=1, unbiased=False, keepdim=True), (A,)),
    "var correction": (lambda t, a: a.var(dim=0, correction=2), (A,)),
    "std": (lambda t, a: a.std(dim=0), (A,)),
    "std all": (lambda t, a: a.std(), (DEEP,)),
    "std of equals": (lambda t, a: a.std(dim=1, correction=0), (TIES,)),
    "prod": (lambda t, a: a.prod(), (A,)),
    "prod dim": (lambda t, a: a.prod(dim=1), (A,)),
    "prod zeros": (lambda t, a: a.prod(dim=1), (ZEROS,)),
    "prod one zero": (lambda t, a: a.prod(), (np.array([2.0, 0.0, 3.0]),)),
    "prod keepdim": (lambda t, a: a.prod(dim=0, keepdim=True), (DEEP,)),
    "cumsum": (lambda t, a: a.cumsum(dim=1), (A,)),
    "cumsum 0": (lambda t, a: a.cumsum(dim=0), (DEEP,)),
    "logsumexp": (lambda t, a: a.logsumexp(dim=1), (A,)),
    "logsumexp large": (lambda t, a: (a * 1e4).logsumexp(dim=(0, 1), keepdim=True), (A,)),
    "norm": (lambda t, a: a.norm(), (A,)),
    "norm dim": (lambda t, a: a.norm(dim=1, keepdim=True), (A,)),
    "norm 1": (lambda t, a: a.norm(p=1, dim=0), (A,)),
    "norm 3": (lambda t, a: a.norm(p=3, dim=0), (A,)),
    "norm inf": (lambda t, a: a.norm(p=float("inf")), (A,)),
    "norm at 0": (lambda t, a: a.norm(dim=1), (ZEROS * 0,)),
    "norm some 0": (lambda t, a: a.norm(dim=1), (ZEROS,)),
    "norm negative p": (lambda t, a: a.norm(p=-2, dim=1), (ZEROS,)),
    "all dims": (lambda t, a: a.sum(dim=()) + a.mean(dim=[0, 1, 2]) * a.amax(dim=[-1, 0, 1]), (DEEP,)),
    "dim of a number": (lambda t, a: a.sum(dim=0) * a.mean(dim=-1, keepdim=True), (np.array(3.0),)),
    "var without a dim": (lambda t, a: a.var(False) + a.std(1, False).sum(), (A,)),
    "inf behind relu": (lambda t, a: a.relu().sqrt() + a.clamp(min=0.0).sqrt(), (np.array([-1.0, 4.0]),)),
    "inf behind max": (lambda t, a: a.max(0)[0].sqrt() + t.maximum(a, 0 * a).sqrt(), (np.array([0.0, -1.0]),)),
    "nan": (lambda t, a: t.maximum(a, a * 2) + a.relu(), (np.array([1.0, np.nan, -2.0]),)),
    "exp": (lambda t, a: a.exp(), (A,)),
    "log": (lambda t, a: a.log(), (POSITIVE,)),
    "sqrt": (lambda t, a: a.sqrt(), (POSITIVE,)),
    "abs": (lambda t, a: a.abs() + abs(a), (ZEROS - 1,)),
    "clamp": (lambda t, a: a.clamp(-0.5, 0.5), (A,)),
    "clamp at the bounds": (lambda t, a: a.clamp(min=1.0, max=3.0), (TIES,)),
    "clamp low": (lambda t, a: a.clamp(min=0), (A,)),
    "clamp high": (lambda t, a: a.clamp(max=0.1), (A,)),
    "maximum": (lambda t, a, b: t.maximum(a, b), (A, ROW)),
    "maximum ties": (lambda t, a, b: t.maximum(a, b), (TIES, TIES.T.copy())),
    "minimum": (lambda t, a, b: t.minimum(a, b), (TIES, TIES[0])),
    "where": (lambda t, a, b: t.where(a > 0, a, b), (A, COLUMN)),
    "where not nan": (lambda t, a: t.where(a > 0, a, a * 0), (A,)),
    "reshape": (lambda t, a: a.reshape(2, 6) * 2, (A,)),
    "reshape tuple": (lambda t, a: a.reshape((4, -1)), (DEEP,)),
    "transpose": (lambda t, a: a.transpose(0, 2) + 1, (DEEP,)),
    "T": (lambda t, a: a.T @ a, (A,)),
    "index": (lambda t, a: a[1], (A,)),
    "index slice": (lambda t, a: a[:, 1:3] * a[0, 0], (A,)),
    "index many": (lambda t, a: a[[0, 2, 0]], (A,)),
    "index pairs": (lambda t, a: a[[0, 1, 0], [1, 2, 1]], (A,)),
    "index none": (lambda t, a: a[:, None, ..., -1], (DEEP,)),
    "mask": (lambda t, a: a[a > 0], (A,)),
    "cat": (lambda t, a, b: t.cat([a, b, a], dim=0), (A, B[:2].copy())),
    "cat 1": (lambda t, a, b: t.cat((a, b), dim=1) ** 2, (A, COLUMN)),
    "stack": (lambda t, a, b: t.stack([a, b], dim=1), (A, B)),
    "stack last": (lambda t, a, b: t.stack([a, b], dim=-1), (A, B)),
    "relu": (lambda t, a: a.relu(), (ZEROS - 1,)),
    "relu at 0": (lambda t, a: a.relu(), (ZEROS,)),
    "sigmoid": (lambda t, a: a.sigmoid(), (A * 30,)),
    "tanh": (lambda t, a: a.tanh(), (A * 3,)),
    "trigonometry": (lambda t, a: a.sin() + a.cos() * a.tan(), (A,)),
    "softmax": (lambda t, a: a - a.logsumexp(dim=1, keepdim=True), (A,)),
    "network": (
        lambda t, x, w, b, v: ((x @ w + b).tanh() @ v).sigmoid().mean(),
        (A, B.T.copy(), B[0, :3].copy(), COLUMN),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_torch(name):
    function, arrays = CASES[name]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    ours = [Tensor(array, requires_grad=True) for array in arrays]
    expected, result = function(torch, *theirs), function(autograd, *ours)
    assert isinstance(result, Tensor)
    assert result.shape == tuple(expected.shape)
    np.testing.assert_allclose(result.data, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
    upstream = np.random.default_rng(1).standard_normal(result.shape)
    expected.backward(torch.tensor(upstream))
    result.backward(upstream)
    for their, our in zip(theirs, ours, strict=True):
        assert our.grad.shape == our.shape
        np.testing.assert_allclose(our.grad, their.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_max_of_a_dimension_gives_values_and_first_indices():
    values, indices = Tensor(TIES).max(dim=1)
    expected = torch.tensor(TIES).max(dim=1)
    assert indices.data.tolist() == expected.indices.tolist()
    assert values.data.tolist() == expected.values.tolist()
    kept = Tensor(TIES).min(dim=0, keepdim=True)
    assert kept.indices.shape == kept.values.shape == (1, 3)


def test_gradients_accumulate_until_they_are_taken_away():
    x = Tensor(2.0, requires_grad=True)
    (x**2).backward()
    assert x.grad == 4
    (x**2).backward()
    assert x.grad == 8
    x.grad = None
    (x**2).backward()
    assert x.grad == 4


def test_a_leaf_used_twice_gets_both_shares():
    x = Tensor(3.0, requires_grad=True)
    y = x * x + x
    y.backward()
    assert x.grad == 7
    assert y.grad is None, "as in torch, only leaves keep their gradient"


def test_the_gradient_handed_in_is_not_shared_with_what_is_kept():
    x, seed = Tensor([1.0, 2.0], requires_grad=True), np.ones(2)
    (x + 0).backward(seed)
    seed[:] = 7
    assert x.grad.tolist() == [1, 1]
    y = Tensor([1.0, 2.0], requires_grad=True)
    (x + y).sum().backward()
    x.grad += 1
    assert y.grad.tolist() == [1, 1]


def test_detach_and_no_grad_cut_the_graph():
    x = Tensor(3.0, requires_grad=True)
    (x.detach() * x).backward()
    assert x.grad == 3
    with no_grad():
        y = x * x
        assert not y.requires_grad
    with pytest.raises(RuntimeError, match="does not require grad"):
        y.backward()
    assert (x * x).requires_grad


def test_no_grad_is_of_its_thread_and_survives_an_error():
    x, seen = Tensor(1.0, requires_grad=True), []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * 2).requires_grad


def test_what_torch_refuses_is_refused_in_its_words():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="implicitly created only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="shape"):
        (x * 2).backward(np.ones(3))
    (x * 2).backward(Tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2, 20]


def test_arrays_and_numbers_meet_tensors_on_either_side():
    x = Tensor(ROW, requires_grad=True)
    for made in (B * x, B + x, B - x, B / x, np.float64(2) * x, A @ x):
        assert isinstance(made, Tensor)
    assert isinstance(np.asarray(x), np.ndarray)
    assert Tensor([1, 2], requires_grad=True).data.dtype == np.float64
    assert Tensor([1, 2]).data.dtype.kind == "i"


def test_float32_stays_float32():
    x = Tensor(ROW.astype(np.float32), requires_grad=True)
    y = ((2 * x + 1) ** 2 / 3).sigmoid().mean() - 0.5
    y.backward()
    assert y.data.dtype == x.grad.dtype == np.float32
    for reduce in (Tensor.amax, Tensor.var, Tensor.std, Tensor.norm, Tensor.prod, Tensor.mean):
        x.grad = None
        y = reduce(x)
        y.backward()
        assert y.data.dtype == x.grad.dtype == np.float32


def test_long_chains_need_no_recursion():
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    y.backward()
    assert x.grad == 1
    del y  # taken down without recursion, too
    gc.collect()


def test_a_ladder_of_shared_values_is_visited_once():
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y  # 2**60 paths
    y.backward()
    assert x.grad == 2.0**60


STEPS = {
    "exp": lambda a, b: a.clamp(-3, 3).exp(),
    "tanh": lambda a, b: a.tanh(),
    "sigmoid": lambda a, b: a.sigmoid(),
    "relu": lambda a, b: a.relu(),
    "sin": lambda a, b: a.sin(),
    "mul": lambda a, b: a.tanh() * b.tanh(),
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "sum": lambda a, b: a.sum(),
    "mean": lambda a, b: a.mean(),
    "amax": lambda a, b: a.amax(),
}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 99), st.integers(0, 99)), min_size=2, max_size=8),
)
def test_drawn_graphs_agree(seed, steps):
    """Graphs with shared values, broadcasting and reductions, drawn step by step."""
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-1.5, 1.5, shape) for shape in [(2, 3), (3,), (2, 1), ()]]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    ours = [Tensor(array, requires_grad=True) for array in arrays]
    totals = []
    for known in (list(theirs), list(ours)):
        for name, i, j in steps:
            known.append(STEPS[name](known[i % len(known)], known[j % len(known)]))
        total = known[0].sum()
        for value in known[1:]:
            total = total + value.sum()
        total.backward()
        totals.append(total.item())
    assert totals[1] == pytest.approx(totals[0], rel=1e-10, abs=1e-10)
    for their, our in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(our.grad, their.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_functions_are_there_as_functions():
    a, b = Tensor(A), Tensor(B)
    for made in (maximum(a, b), minimum(a, 0.0), where(a > 0, a, 0.0), cat([a, b]), stack([a, b])):
        assert isinstance(made, Tensor)


def test_it_is_short_enough_to_be_read_in_one_sitting():
    lines = [line for line in Path(autograd.__file__).read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) <= 250
