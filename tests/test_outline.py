"""The outline against torch: shapes, parameters, cost and memory before anything is allocated."""

import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from playground.catalog import LAYERS
from playground.models import ShapeError, construct, outline
from playground.shapes import LayerReport
from playground.spec import Args, LayerSpec, layers_from_text

BATCH = 3


def layer(name: str, **args) -> LayerSpec:
    return LayerSpec(name=name, args=Args(args))


def small(param) -> st.SearchStrategy:
    """Any value of an argument that a small sample has a chance to stand."""
    if param.kind == "bool":
        return st.booleans()
    if param.kind == "choice":
        return st.sampled_from([choice for choice in param.choices if not isinstance(choice, int) or choice < 4])
    if param.kind == "int":
        sizes = st.integers(int(param.low), 4)
        return sizes | st.none() if param.default is None else sizes
    if param.kind == "sizes":
        return st.sampled_from([(1, 8, 8), (4, 16), (64,), (2, 4, 8), (8, 8), (3, 3)])
    if param.kind == "expression":
        return st.sampled_from(["x", "x * sigmoid(2*x)", "max(x, 0.1*x) - 1"])
    return st.floats(param.low, param.high) | st.just(param.default)


SHAPES = st.one_of(
    st.tuples(st.integers(1, 9)),
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
    st.just((64,)),
    st.just((64, 2)),
)


def sample(shape, tokens: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    if tokens:
        return torch.randint(0, tokens, (BATCH, *shape), generator=generator)
    return torch.randn(BATCH, *shape, generator=generator)


def made(report: LayerReport) -> nn.Module:
    return construct(report, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_outline_is_what_a_real_forward_does(name, data):
    entry = LAYERS[name]
    args = {param.name: data.draw(small(param), label=param.name) for param in entry.params}
    tokens = entry.sample_tokens
    fitting = tuple(size or 6 for size in entry.sample)
    shape = data.draw(st.just(fitting) | (st.tuples(st.integers(1, 9)) if tokens else SHAPES), label="shape")
    spec = layer(name, **args)
    try:
        (report,) = outline([spec], shape, tokens)
    except ShapeError as error:
        assert str(error).startswith(f"Layer 1, {entry.title}, ")
        assert str(error).endswith(".")
        assert error.reports == []
        if error.fix is not None:
            with_the_cure(error, shape, tokens)
        return
    module = made(report)
    output = module(sample(shape, tokens))
    assert tuple(output.shape) == (BATCH, *report.out_shape)
    assert sum(p.numel() for p in module.parameters()) == report.parameters
    assert report.in_shape == shape


def with_the_cure(error: ShapeError, shape, tokens: int) -> None:
    """The fix removes the mistake; another one may come to light, with a fix that mends that."""
    for _ in range(8):
        try:
            reports = outline(error.fix, shape, tokens)
        except ShapeError as other:
            assert str(other) != str(error)
            if other.fix is None:
                return
            error = other
            continue
        module = nn.Sequential(*map(made, reports))
        assert tuple(module(sample(shape, tokens)).shape) == (BATCH, *reports[-1].out_shape)
        return
    raise AssertionError(f"no end to the mistakes: {error}")


NETWORKS = {
    "cnn": ("Conv2d.8..3..1..1~ReLU~MaxPool2d~Conv2d.16..3..1..same~ReLU", (1, 12, 12)),
    "groups": ("Conv2d.8..3~Conv2d.8..3..1..2..2..4~GroupNorm.4~AvgPool2d.3..2..1~Flatten~Linear.3", (3, 9, 9)),
    "decoder": ("Linear.32~Tanh~Unflatten.2_4_4~ConvTranspose2d.4..3..2..1..1..2~BatchNorm2d~ELU", (5,)),
    "lines": ("Conv1d.6..3..2~BatchNorm1d~GELU~Flatten~Linear.2", (2, 11)),
    "attention": ("PositionalEncoding.1~MultiheadAttention.2~LayerNorm~TransformerEncoderLayer.4..20~RMSNorm", (6, 8)),
    "recurrent": ("RNN.5..2..1..sequence~GRU.4..1..0..sequence~LSTM.3..2..1~Linear.2", (7, 3)),
    "picture block": ("Residual.1~Conv2d.8..3..2..1~BatchNorm2d~ReLU~-~AdaptiveAvgPool2d~Flatten~Linear.2", (2, 9, 9)),
    "row block": ("Residual.1~Linear.5~Tanh~-~Residual~Linear.5~Tanh~-", (4,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_multiply_adds_are_those_of_torchs_own_counter(name):
    text, shape = NETWORKS[name]
    reports = outline(layers_from_text(text), shape)
    with torch.device("meta"):
        module = nn.Sequential(*map(made, reports))
        counter = FlopCounterMode(display=False)
        with counter:
            module(torch.empty(BATCH, *shape))
    assert counter.get_total_flops() == 2 * BATCH * sum(report.macs for report in reports)
    assert sum(p.numel() for p in module.parameters()) == sum(report.parameters for report in reports)


def kept_bytes(module: nn.Module, x: Tensor) -> int:
    """Bytes that a forward leaves behind: its output and what autograd saves of it, without weights and input."""
    storages: dict[int, int] = {}

    def see(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        held.append(tensor)
        return tensor

    held: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(see, lambda tensor: tensor):
        output = module(x)
    see(output)
    given = {p.untyped_storage().data_ptr() for p in [*module.parameters(), *module.buffers(), x]}
    return sum(size for place, size in storages.items() if place not in given)


@pytest.mark.parametrize("name", LAYERS)
def test_memory_is_what_autograd_keeps(name):
    """Exact but for what a batch shares, what a block's inner output lets go, and torch's recurrent kernels."""
    entry = LAYERS[name]
    shape = tuple(size or 8 for size in entry.sample)
    (report,) = outline([layer(name)], shape, entry.sample_tokens)
    x = torch.cat([sample(shape, entry.sample_tokens)] * 40)
    if not entry.sample_tokens:
        x = x.requires_grad_() * 1.0
    kept = kept_bytes(made(report).train(), x) / len(x)
    exact = not entry.holds and name not in ("RNN", "LSTM", "GRU", "TransformerEncoderLayer")
    assert report.memory == pytest.approx(kept, rel=0.01 if exact else 0.4, abs=1)


def test_a_giant_layer_is_outlined_at_once_and_allocates_nothing():
    start = time.perf_counter()
    (report,) = outline([layer("Linear", out_features=1_000_000, in_features=1_000_000)], (1_000_000,))
    assert time.perf_counter() - start < 0.05
    assert report.parameters == 10**12 + 10**6
    assert report.macs == 10**12
