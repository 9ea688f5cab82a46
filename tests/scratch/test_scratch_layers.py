"""Every layer beside torch and beside central differences."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scratch_parity import check_differences, close, compare, copy_to_torch, same_grads
from torch import nn

from playground import scratch

# (class, arguments, input shape): one list feeds all tests below.
CASES = [
    ("Linear", {"in_features": 4, "out_features": 3}, (5, 4)),
    ("Linear", {"in_features": 4, "out_features": 3, "bias": False}, (4,)),
    ("Linear", {"in_features": 2, "out_features": 3}, (2, 3, 2)),
    ("Conv1d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "stride": 2, "padding": 1}, (2, 2, 7)),
    (
        "Conv1d",
        {"in_channels": 2, "out_channels": 4, "kernel_size": 2, "dilation": 2, "groups": 2, "bias": False},
        (2, 6),
    ),
    ("Conv1d", {"in_channels": 2, "out_channels": 2, "kernel_size": 4, "padding": "same"}, (2, 2, 5)),
    ("Conv1d", {"in_channels": 2, "out_channels": 2, "kernel_size": 3, "groups": 2}, (0, 2, 5)),
    ("Conv2d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "padding": 1}, (2, 2, 4, 5)),
    (
        "Conv2d",
        {"in_channels": 2, "out_channels": 4, "kernel_size": (2, 3), "stride": (2, 1), "groups": 2},
        (2, 2, 5, 4),
    ),
    (
        "Conv2d",
        {"in_channels": 2, "out_channels": 2, "kernel_size": (2, 3), "padding": "same", "dilation": (1, 2)},
        (1, 2, 4, 5),
    ),
    (
        "Conv2d",
        {"in_channels": 2, "out_channels": 2, "kernel_size": 2, "padding": (0, 2), "padding_mode": "zeros"},
        (2, 4, 3),
    ),
    (
        "Conv2d",
        {"in_channels": 1, "out_channels": 2, "kernel_size": 3, "padding": "valid", "bias": False},
        (2, 1, 4, 4),
    ),
    ("ConvTranspose2d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3}, (2, 2, 3, 2)),
    (
        "ConvTranspose2d",
        {
            "in_channels": 2,
            "out_channels": 4,
            "kernel_size": 3,
            "stride": 2,
            "padding": 1,
            "output_padding": 1,
            "groups": 2,
        },
        (1, 2, 2, 3),
    ),
    (
        "ConvTranspose2d",
        {"in_channels": 2, "out_channels": 2, "kernel_size": 2, "dilation": (1, 3), "output_padding": (0, 2)},
        (2, 3, 3),
    ),
    ("MaxPool2d", {"kernel_size": 2}, (2, 2, 4, 5)),
    ("MaxPool2d", {"kernel_size": (3, 2), "stride": 2, "padding": 1, "ceil_mode": True}, (2, 5, 6)),
    ("AvgPool2d", {"kernel_size": 2}, (2, 2, 4, 5)),
    ("AvgPool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, (1, 2, 6, 5)),
    (
        "AvgPool2d",
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
        (2, 6, 5),
    ),
    ("AdaptiveAvgPool2d", {"output_size": 3}, (2, 2, 5, 4)),
    ("AdaptiveAvgPool2d", {"output_size": (None, 7)}, (2, 3, 4)),
    ("Flatten", {}, (2, 3, 4)),
    ("Flatten", {"start_dim": 0, "end_dim": -2}, (2, 3, 4)),
    ("BatchNorm1d", {"num_features": 3}, (5, 3)),
    ("BatchNorm1d", {"num_features": 3, "momentum": None, "eps": 1e-3}, (4, 3, 2)),
    ("BatchNorm1d", {"num_features": 3, "affine": False}, (5, 3)),
    ("BatchNorm2d", {"num_features": 2}, (3, 2, 2, 3)),
    ("BatchNorm2d", {"num_features": 2, "track_running_stats": False}, (3, 2, 2, 2)),
    ("BatchNorm2d", {"num_features": 2, "momentum": 0.4, "bias": False}, (3, 2, 2, 2)),
    ("LayerNorm", {"normalized_shape": 4}, (3, 4)),
    ("LayerNorm", {"normalized_shape": (2, 3), "bias": False}, (2, 2, 3)),
    ("LayerNorm", {"normalized_shape": [3], "elementwise_affine": False, "eps": 0.1}, (2, 2, 3)),
    ("GroupNorm", {"num_groups": 2, "num_channels": 4}, (2, 4, 3)),
    ("GroupNorm", {"num_groups": 1, "num_channels": 2, "affine": False}, (2, 2, 2, 3)),
    ("GroupNorm", {"num_groups": 2, "num_channels": 4, "bias": False}, (3, 4)),
    ("RMSNorm", {"normalized_shape": 4}, (3, 4)),
    ("RMSNorm", {"normalized_shape": (2, 3), "eps": 1e-3, "elementwise_affine": False}, (2, 2, 3)),
    ("Dropout", {"p": 0.0}, (3, 4)),
    ("ReLU", {}, (4, 5)),
    ("LeakyReLU", {"negative_slope": 0.2}, (4, 5)),
    ("ELU", {"alpha": 0.7}, (4, 5)),
    ("SELU", {}, (4, 5)),
    ("GELU", {}, (4, 5)),
    ("GELU", {"approximate": "tanh"}, (4, 5)),
    ("SiLU", {}, (4, 5)),
    ("Mish", {}, (4, 5)),
    ("Softplus", {"beta": 2.0, "threshold": 3.0}, (4, 5)),
    ("Softplus", {}, (4, 5)),
    ("Softsign", {}, (4, 5)),
    ("Sigmoid", {}, (4, 5)),
    ("Tanh", {}, (4, 5)),
    ("LogSigmoid", {}, (4, 5)),
    ("Hardtanh", {"min_val": -0.5, "max_val": 2.0}, (4, 5)),
    ("ReLU6", {}, (4, 5)),
    ("Hardsigmoid", {}, (4, 5)),
    ("Hardswish", {}, (4, 5)),
    ("PReLU", {}, (4, 5)),
    ("PReLU", {"num_parameters": 3, "init": 0.1}, (2, 3, 4)),
    ("PReLU", {}, (6,)),
    ("Softmax", {"dim": -1}, (4, 5)),
    ("Softmax", {}, (2, 3, 4)),
    ("LogSoftmax", {"dim": 1}, (2, 3, 4)),
    ("LogSoftmax", {}, (4, 5)),
]
IDS = [f"{i}-{name}" for i, (name, _, _) in enumerate(CASES)]
KNOWN_DRAWN = ("Linear", "Conv1d", "Conv2d", "ConvTranspose2d")


def holds_numbers(name):
    return bool(build(name, next(arguments for n, arguments, _ in CASES if n == name)).state_dict())


def build(name, arguments, **more):
    return getattr(scratch, name)(**arguments, **more)


def disturb(layer, rng):
    """Weights that are not all 1 or 0, so that every term of the gradients counts."""
    for param in layer.params.values():
        param.data += 0.3 * rng.standard_normal(param.data.shape)


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_a_layer_agrees_with_torch(name, arguments, shape):
    rng = np.random.default_rng(1)
    ours, theirs = build(name, arguments), getattr(nn, name)(**arguments)
    disturb(ours, rng)
    compare(ours, theirs, 2 * rng.standard_normal(shape), rng, rounds=3)
    compare(ours.eval(), theirs.eval(), 2 * rng.standard_normal(shape), rng)


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_a_layer_agrees_with_central_differences(name, arguments, shape):
    rng = np.random.default_rng(2)
    layer = build(name, arguments)
    disturb(layer, rng)
    check_differences(layer, 2 * rng.standard_normal(shape), rng)


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_float32_stays_float32(name, arguments, shape):
    rng = np.random.default_rng(3)
    layer = build(name, arguments, **({"dtype": np.float32} if holds_numbers(name) else {}))
    x = rng.standard_normal(shape).astype(np.float32)
    y = layer.forward(x)
    assert y.dtype == np.float32
    assert layer.backward(np.ones_like(y)).dtype == np.float32
    for key, param in layer.params.items():
        assert param.data.dtype == np.float32, key
        assert param.grad.dtype == np.float32, key
    if "running_var" in layer.buffers:
        assert layer.buffers["running_var"].dtype == np.float32


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_a_torch_state_dict_loads_as_it_is_and_is_copied(name, arguments, shape):
    theirs = getattr(nn, name)(**arguments)
    ours = build(name, arguments)
    ours.load_state_dict(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        close(ours.state_dict()[key], value, key)
        value.add_(1)
        assert not np.array_equal(ours.state_dict()[key], value.numpy())
    copy_to_torch(ours, theirs)


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_backward_before_forward_and_with_a_wrong_shape(name, arguments, shape):
    layer = build(name, arguments)
    with pytest.raises(ValueError, match="before forward"):
        layer.backward(np.ones(shape))
    y = layer.forward(np.random.default_rng(0).standard_normal(shape))
    with pytest.raises(ValueError, match="grad_output has shape"):
        layer.backward(np.ones((*y.shape, 2)))


def test_the_start_is_torchs_distribution():
    for name, arguments, _ in CASES:
        if name not in KNOWN_DRAWN:
            continue
        ours = build(name, arguments, rng=np.random.default_rng(0))
        bound = 1 / math.sqrt(np.prod(ours.params["weight"].data.shape[1:]))
        for param in ours.params.values():
            assert np.abs(param.data).max() <= bound
        again = build(name, arguments, rng=np.random.default_rng(0))
        assert all(np.array_equal(a.data, b.data) for a, b in zip(ours.parameters(), again.parameters(), strict=True))
    wide = scratch.Linear(1000, 500, rng=np.random.default_rng(0)).params["weight"].data * math.sqrt(1000)
    assert abs(wide.mean()) < 0.01
    assert wide.std() == pytest.approx(1 / math.sqrt(3), rel=0.01)


# --- drawn shapes and options -------------------------------------------------------------------------------------

small = st.integers(1, 3)
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("dims", [1, 2])
def test_any_convolution(data, dims):
    pair = st.tuples(*[small] * dims)
    kernel, stride, dilation = data.draw(pair), data.draw(pair), data.draw(pair)
    groups, per_in, per_out, batch = (data.draw(small) for _ in range(4))
    padding = data.draw(st.one_of(st.tuples(*[st.integers(0, 2)] * dims), st.sampled_from(["same", "valid"])))
    if padding == "same":
        stride = (1,) * dims
    size = tuple(d * (k - 1) + 1 + data.draw(st.integers(0, 4)) for d, k in zip(dilation, kernel, strict=True))
    arguments = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "bias": data.draw(st.booleans()),
    }
    name = f"Conv{dims}d"
    rng = np.random.default_rng(data.draw(seeds))
    ours = getattr(scratch, name)(groups * per_in, groups * per_out, kernel, rng=rng, **arguments)
    theirs = getattr(nn, name)(groups * per_in, groups * per_out, kernel, **arguments)
    compare(ours, theirs, rng.standard_normal((batch, groups * per_in, *size)), rng)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_transposed_convolution(data):
    pair = st.tuples(small, small)
    kernel, stride, dilation, size = (data.draw(pair) for _ in range(4))
    groups, per_in, per_out, batch = (data.draw(small) for _ in range(4))
    extra = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    full = [
        (h - 1) * s + d * (k - 1) + 1 + e for h, s, d, k, e in zip(size, stride, dilation, kernel, extra, strict=True)
    ]
    padding = tuple(data.draw(st.integers(0, min(2, (f - 1) // 2))) for f in full)
    arguments = {"stride": stride, "padding": padding, "output_padding": extra, "dilation": dilation, "groups": groups}
    rng = np.random.default_rng(data.draw(seeds))
    ours = scratch.ConvTranspose2d(groups * per_in, groups * per_out, kernel, rng=rng, **arguments)
    theirs = nn.ConvTranspose2d(groups * per_in, groups * per_out, kernel, **arguments)
    compare(ours, theirs, rng.standard_normal((batch, groups * per_in, *size)), rng)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", ["MaxPool2d", "AvgPool2d"])
def test_any_pooling(data, name):
    kernel = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = data.draw(st.one_of(st.none(), st.tuples(st.integers(1, 4), st.integers(1, 4))))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(max(1, k - 2 * p) + data.draw(st.integers(0, 5)) for k, p in zip(kernel, padding, strict=True))
    arguments = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": data.draw(st.booleans())}
    if name == "AvgPool2d":
        arguments["count_include_pad"] = data.draw(st.booleans())
    rng = np.random.default_rng(data.draw(seeds))
    x = rng.integers(-2, 3, (2, 2, *size)).astype(float)  # few values: many ties
    compare(getattr(scratch, name)(**arguments), getattr(nn, name)(**arguments), x, rng)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_adaptive_pooling(data):
    size = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    output = data.draw(st.tuples(*[st.one_of(st.none(), st.integers(1, 9))] * 2))
    rng = np.random.default_rng(data.draw(seeds))
    compare(scratch.AdaptiveAvgPool2d(output), nn.AdaptiveAvgPool2d(output), rng.standard_normal((2, 2, *size)), rng)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_normalisation(data):
    rng = np.random.default_rng(data.draw(seeds))
    groups, per = data.draw(small), data.draw(small)
    channels = groups * per
    shape = (data.draw(st.integers(2, 4)), channels, data.draw(st.integers(1, 4)), data.draw(st.integers(2, 4)))
    x = 3 * rng.standard_normal(shape) + data.draw(st.floats(-5, 5))
    compare(scratch.BatchNorm2d(channels), nn.BatchNorm2d(channels), x, rng, rounds=2)
    compare(scratch.GroupNorm(groups, channels), nn.GroupNorm(groups, channels), x, rng)
    last = shape[data.draw(st.integers(1, 3)) :]
    compare(scratch.LayerNorm(last), nn.LayerNorm(last), x, rng)
    compare(scratch.RMSNorm(last), nn.RMSNorm(last), x, rng)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_activation_far_out_and_at_its_kinks(data):
    name = data.draw(st.sampled_from(sorted({n for n, _, _ in CASES} & set(ACTIVATIONS))))
    x = np.array(data.draw(st.lists(st.one_of(st.floats(-40, 40), st.sampled_from(KINKS)), min_size=1, max_size=8)))
    compare(getattr(scratch, name)(), getattr(nn, name)(), x, np.random.default_rng(0))


ACTIVATIONS = [
    "ReLU", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Mish", "Softplus", "Softsign", "Sigmoid", "Tanh", "LogSigmoid",
    "Hardtanh", "ReLU6", "Hardsigmoid", "Hardswish", "PReLU", "Softmax", "LogSoftmax",
]  # fmt: skip
KINKS = [-3.0, -1.0, -0.0, 0.0, 1.0, 3.0, 6.0, 20.0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_at_kinks_and_far_out_torchs_choice(name):
    x = np.array([*KINKS, -800.0, 800.0, 1e-300, 25.0])
    with np.errstate(all="raise", under="ignore"):
        compare(getattr(scratch, name)(), getattr(nn, name)(), x, np.random.default_rng(0))


def test_erf_is_exact_to_the_last_digits():
    from playground.scratch.erf import erf

    x = np.concatenate([np.linspace(-7, 7, 20001), np.random.default_rng(0).standard_normal(2000), [1e-300, 0.0, -0.0]])
    exact = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(erf(x), exact, rtol=4e-16, atol=0)
    np.testing.assert_allclose(erf(x.astype(np.float32)), [math.erf(v) for v in x.astype(np.float32)], rtol=3e-7)
    assert erf(np.array([np.inf, -np.inf])).tolist() == [1, -1]
    assert np.isnan(erf(np.array([np.nan])))[0]


# --- embedding, dropout, sequential -------------------------------------------------------------------------------


@pytest.mark.parametrize("padding_idx", [None, 1, -1])
def test_embedding(padding_idx):
    rng = np.random.default_rng(0)
    ours, theirs = scratch.Embedding(5, 3, padding_idx=padding_idx), nn.Embedding(5, 3, padding_idx=padding_idx)
    if padding_idx is not None:
        assert not ours.params["weight"].data[padding_idx].any()
    copy_to_torch(ours, theirs)
    for x in (np.array([[0, 1, 1], [4, 4, 4]]), np.array(2), np.array([3, 3])):
        y, y_torch = ours.forward(x), theirs(torch.from_numpy(x))
        close(y, y_torch)
        g = rng.standard_normal(y.shape)
        y_torch.backward(torch.from_numpy(g))
        assert ours.backward(g) is None
    same_grads(ours, theirs)
    assert scratch.Embedding(4, 2, dtype=np.float32).forward([1, 2]).dtype == np.float32


def test_dropout_keeps_the_mean_and_repeats_with_its_generator():
    x = np.ones((200, 500))
    layer = scratch.Dropout(0.3, rng=np.random.default_rng(0))
    y = layer.forward(x)
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    assert y.mean() == pytest.approx(1, abs=0.01)
    assert np.array_equal(layer.backward(x), y)  # dx = g · mask
    assert np.array_equal(scratch.Dropout(0.3, rng=np.random.default_rng(0)).forward(x), y)
    assert not np.array_equal(layer.forward(x), y)
    assert not scratch.Dropout(1.0).forward(x).any()
    assert np.array_equal(layer.eval().forward(x), x)
    assert np.array_equal(layer.backward(2 * x), 2 * x)
    assert scratch.Dropout(0.3).forward(x.astype(np.float32)).dtype == np.float32


def small_cnn(library):
    return library.Sequential(
        library.Conv2d(1, 3, 3, padding=1), library.BatchNorm2d(3), library.ReLU(), library.MaxPool2d(2),
        library.Sequential(library.Conv2d(3, 4, 3), library.GELU(), library.AdaptiveAvgPool2d(2)),
        library.Flatten(), library.Linear(16, 5), library.LogSoftmax(1),
    )  # fmt: skip


def test_sequential_with_torchs_keys_both_ways():
    rng = np.random.default_rng(0)
    ours, theirs = small_cnn(scratch), small_cnn(nn)
    compare(ours, theirs, rng.standard_normal((4, 1, 8, 8)), rng, rounds=2)
    assert "4.0.weight" in ours.params
    assert int(ours.buffers["1.num_batches_tracked"]) == 2
    fresh = small_cnn(scratch)
    fresh.load_state_dict(theirs.state_dict())
    x = rng.standard_normal((4, 1, 8, 8))
    close(fresh.eval().forward(x), theirs.eval()(torch.from_numpy(x)))
    assert not fresh[1].training
    assert fresh.train()[4][0].training
    check_differences(small_cnn(scratch), rng.standard_normal((2, 1, 6, 6)), rng)


def test_gradients_add_up_until_zero_grad_and_a_held_gradient_stays():
    layer, x = scratch.Linear(2, 2), np.ones((3, 2))
    layer.forward(x)
    layer.backward(np.ones((3, 2)))
    first = layer.params["weight"].grad
    layer.backward(np.ones((3, 2)))
    assert np.array_equal(layer.params["weight"].grad, 2 * first)
    layer.zero_grad()
    assert layer.params["weight"].grad is None


def test_needs_input_grad_false_changes_nothing_but_the_input():
    rng = np.random.default_rng(0)
    for layer, shape in ((scratch.Linear(3, 2), (4, 3)), (scratch.Conv2d(1, 2, 3), (2, 1, 5, 5))):
        x = rng.standard_normal(shape)
        g = np.ones_like(layer.forward(x))
        layer.backward(g)
        before = layer.params["weight"].grad
        layer.zero_grad()
        layer.needs_input_grad = False
        assert layer.backward(g) is None
        assert np.array_equal(layer.params["weight"].grad, before)


def test_a_copied_or_pickled_network_is_its_own():
    rng = np.random.default_rng(0)
    net = scratch.Sequential(scratch.Linear(3, 4), scratch.BatchNorm1d(4), scratch.LSTM(4, 2))
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        x = rng.standard_normal((5, 3))
        assert np.array_equal(twin[0].forward(x), net[0].forward(x))
        assert twin.params["0.weight"] is twin[0].params["weight"]
        twin.params["0.weight"].data += 1
        assert not np.array_equal(twin[0].forward(x), net[0].forward(x))


def test_parameter_copies_and_keeps_its_dtype():
    array = np.ones(3, np.float32)
    p = scratch.Parameter(array)
    array += 1
    assert p.data.tolist() == [1, 1, 1]
    assert p.data.dtype == np.float32
    assert p.grad is None
    assert scratch.Parameter([1, 2]).data.dtype == np.float64
    assert scratch.Linear(2, 3).weight.shape == (3, 2)


# --- bad input: a sentence with the numbers -------------------------------------------------------------------------


def zeros(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: scratch.Linear(4, 2).forward(zeros(3, 5)), ["4", "(3, 5)", "in_features=5"]),
        (lambda: scratch.Linear(-1, 2), ["in_features", "-1"]),
        (lambda: scratch.Linear(2.5, 2), ["in_features", "2.5"]),
        (lambda: scratch.Conv2d(3, 2, 3).forward(zeros(1, 2, 5, 5)), ["3 channels", "(1, 2, 5, 5)"]),
        (lambda: scratch.Conv2d(1, 2, 7, padding=1).forward(zeros(1, 1, 4, 4)), ["(7, 7)", "(6, 6)"]),
        (lambda: scratch.Conv2d(1, 2, 0), ["kernel_size", "0"]),
        (lambda: scratch.Conv2d(1, 2, 3, stride=0), ["stride", "0"]),
        (lambda: scratch.Conv2d(1, 2, 3, padding=-1), ["padding", "-1"]),
        (lambda: scratch.Conv2d(1, 2, 3, stride=2, padding="same"), ["stride 1", "(2, 2)"]),
        (lambda: scratch.Conv2d(1, 2, 3, padding="circular"), ["circular"]),
        (lambda: scratch.Conv2d(1, 2, 3, padding_mode="reflect"), ["padding_mode", "reflect"]),
        (lambda: scratch.Conv2d(3, 2, 3, groups=2), ["groups=2", "in_channels=3"]),
        (lambda: scratch.Conv2d(1, 2, (3, 3, 3)), ["kernel_size", "(3, 3, 3)"]),
        (lambda: scratch.Conv1d(1, 2, 5).forward(zeros(1, 1, 4)), ["(5,)", "(4,)"]),
        (lambda: scratch.ConvTranspose2d(1, 1, 3, output_padding=1), ["output_padding"]),
        (lambda: scratch.ConvTranspose2d(1, 1, 2, padding=3).forward(zeros(1, 1, 2, 2)), ["padding (3, 3)", "(2, 2)"]),
        (lambda: scratch.MaxPool2d(3).forward(zeros(1, 1, 2, 2)), ["(3, 3)", "(2, 2)"]),
        (lambda: scratch.MaxPool2d(2, padding=2), ["padding (2, 2)", "half"]),
        (lambda: scratch.MaxPool2d(2, dilation=2), ["dilation"]),
        (lambda: scratch.MaxPool2d(2, return_indices=True), ["return_indices"]),
        (lambda: scratch.AvgPool2d(2, divisor_override=3), ["divisor_override"]),
        (lambda: scratch.AvgPool2d(2).forward(zeros(4, 4)), ["(4, 4)"]),
        (lambda: scratch.AdaptiveAvgPool2d(0), ["output_size", "0"]),
        (lambda: scratch.Flatten(1, 5).forward(zeros(2, 3)), ["5", "(2, 3)"]),
        (lambda: scratch.Embedding(4, 2).forward([0, 4]), ["index 4", "0 to 3"]),
        (lambda: scratch.Embedding(4, 2).forward([-1]), ["index -1", "0 to 3"]),
        (lambda: scratch.Embedding(4, 2).forward([0.5]), ["float64"]),
        (lambda: scratch.Embedding(4, 2, padding_idx=4), ["padding_idx 4"]),
        (lambda: scratch.Embedding(4, 2, max_norm=1.0), ["max_norm"]),
        (lambda: scratch.BatchNorm1d(3).forward(zeros(1, 3)), ["more than one value per channel", "(1, 3)"]),
        (lambda: scratch.BatchNorm1d(3).forward(zeros(4, 2)), ["3 channels", "(4, 2)"]),
        (lambda: scratch.BatchNorm2d(3).forward(zeros(4, 3)), ["4 dimensions", "(4, 3)"]),
        (lambda: scratch.LayerNorm((2, 3)).forward(zeros(4, 3)), ["(2, 3)", "(4, 3)"]),
        (lambda: scratch.RMSNorm(3).forward(zeros(4, 2)), ["(3,)", "(4, 2)"]),
        (lambda: scratch.GroupNorm(2, 3), ["num_groups=2", "num_channels=3"]),
        (lambda: scratch.GroupNorm(1, 2).forward(zeros(1, 3, 2)), ["2 channels", "(1, 3, 2)"]),
        (lambda: scratch.GroupNorm(2, 2).forward(zeros(1, 2)), ["one value", "(1, 2)"]),
        (lambda: scratch.Dropout(1.5), ["1.5"]),
        (lambda: scratch.Dropout(-0.1), ["-0.1"]),
        (lambda: scratch.PReLU(3).forward(zeros(2, 4)), ["3 slopes", "4 channels"]),
        (lambda: scratch.GELU("relu"), ["relu"]),
        (lambda: scratch.ReLU(inplace=True), ["inplace is not written here", "no others"]),
        (lambda: scratch.Hardtanh(1, -1), ["min_val 1"]),
        (lambda: scratch.Softmax(2).forward(zeros(2, 2)), ["dim 2", "(2, 2)"]),
        (lambda: scratch.Sequential(scratch.ReLU(), 3), ["'1'", "3"]),
        (lambda: scratch.Linear(2, 2).load_state_dict({"weight": zeros(2, 2)}), ["missing ['bias']"]),
        (lambda: scratch.Linear(2, 2).load_state_dict({"weight": zeros(3, 2), "bias": zeros(2)}), ["(3, 2)", "(2, 2)"]),
    ],
)
def test_bad_input_gets_a_sentence_with_the_numbers(attempt, words):
    with pytest.raises(ValueError, match=r"\w+ \w+") as error:
        attempt()
    for word in words:
        assert word in str(error.value)


def test_a_state_dict_that_does_not_fit_changes_nothing():
    layer = scratch.Linear(2, 2)
    before = layer.state_dict()
    with pytest.raises(ValueError, match="shape"):
        layer.load_state_dict({"weight": np.ones((2, 2)), "bias": np.ones(3)})
    assert all(np.array_equal(layer.state_dict()[key], before[key]) for key in before)
