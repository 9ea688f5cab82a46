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
    if name == "Custom":  # what an operation makes of constants is not kept
        assert kept <= report.memory <= 2 * kept
        return
    exact = not entry.holds and name not in ("RNN", "LSTM", "GRU", "TransformerEncoderLayer")
    assert report.memory == pytest.approx(kept, rel=0.01 if exact else 0.4, abs=1)


def test_a_giant_layer_is_outlined_at_once_and_allocates_nothing():
    start = time.process_time()
    (report,) = outline([layer("Linear", out_features=1_000_000, in_features=1_000_000)], (1_000_000,))
    assert time.process_time() - start < 0.5
    assert report.parameters == 10**12 + 10**6
    assert report.macs == 10**12


def test_thirty_layers_are_outlined():
    layers = layers_from_text("Unflatten.1_28_28~" + "Conv2d.8..3..1..1~BatchNorm2d~ReLU~" * 9 + "Flatten~Linear.10")
    assert len(outline(layers, (784,))) == 30


MISTAKES = [
    ("Conv2d.8..3..1..1~Flatten~Linear.10....3136", (1, 14, 14),
     "Layer 3, Linear, expects 3,136 features but gets 1,568 from Flatten: set in_features to 1,568."),
    ("Conv2d.8..9", (1, 5, 5), "Layer 1, Conv2d, kernel_size 9 exceeds the 5 places there are: set kernel_size to 5."),
    ("Conv2d.8..3..2..same", (1, 9, 9), "has padding 'same' with stride 2, which torch refuses: set stride to 1."),
    ("Conv2d.8..3..1..0..1..3", (6, 9, 9), "groups is 3, which does not divide 6 channels in and 8 out: set groups to 2."),
    ("Conv2d.8..3..1..0..1..1..1..3", (1, 9, 9), "expects 3 channels but gets 1 from the input: set in_channels to 1."),
    ("Linear.5~Conv2d", (4,), "needs pictures (N, channels, height, width) but gets (N, 5) from Linear: put an Unflatten"),
    ("MaxPool2d.2..1..2", (1, 6, 6), "padding is 2, more than half of kernel_size 2: set padding to 1."),
    ("ConvTranspose2d.4..2..1..0..1", (1, 3, 3), "has output_padding 1, which must be smaller than stride 1"),
    ("ConvTranspose2d.4..2..1..9", (1, 3, 3), "padding 9 cuts away all of the 4 places it makes: set padding to 0."),
    ("GroupNorm.3", (8, 2, 2), "has num_groups 3, which does not divide the 8 channels from the input: set num_groups to 2."),
    ("BatchNorm1d", (3, 4, 4), "takes (N, features) or (N, channels, length) but gets (N, 3, 4, 4) from the input: use"),
    ("BatchNorm2d", (3,), "but gets (N, 3) from the input: use BatchNorm1d instead."),
    ("Dropout2d", (3,), "use Dropout instead."),
    ("LSTM", (6,), "needs a sequence (N, steps, features) but gets (N, 6) from the input: put an Unflatten before it."),
    ("LSTM.4........9", (6, 2), "expects 9 features but gets 2 from the input: set input_size to 2."),
    ("MultiheadAttention.4", (3, 6), "has num_heads 4, which does not divide the 6 features from the input: set num_heads"),
    ("TransformerEncoderLayer.4", (3, 6), "set nhead to 3."),
    ("Unflatten.1_4_4", (9,), "makes 1 * 4 * 4 = 16 numbers but gets 9 from the input: set unflattened_size to 1 x 3 x 3."),
    ("Flatten.0", (3,), "with start_dim=0 mixes the samples: (N, 3) becomes one long vector: set start_dim to 1."),
    ("Residual~Linear.5~-", (4,), "adds its input (N, 4) to what its layers make of it, (N, 5), and the shapes differ: set"),
    ("Residual.1~Linear.5~Tanh~Linear.2....7~-", (4,),
     "Layer 1, Residual, layer 3, Linear, expects 7 features but gets 5 from Tanh: set in_features to 5."),
    ("Embedding", (4,), "looks up whole numbers but gets real ones from the input: remove it."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shape", "said"), MISTAKES, ids=[text for text, _, _ in MISTAKES])
def test_a_mistake_says_what_and_where_and_its_fix_works(text, shape, said):
    layers = layers_from_text(f"{text}~ReLU")
    with pytest.raises(ShapeError) as caught:
        outline(layers, shape)
    assert said in str(caught.value)
    assert [report.name for report in caught.value.reports] == [one.name for one in layers[: caught.value.index]]
    assert caught.value.cure
    with_the_cure(caught.value, shape, 0)


def test_tokens_need_an_embedding_with_a_row_for_each():
    with pytest.raises(
        ShapeError, match="tokens, whole numbers from 0 to 29, from the input: put an Embedding"
    ) as caught:
        outline(layers_from_text("Linear.4"), (8,), 30)
    with_the_cure(caught.value, (8,), 30)
    with pytest.raises(ShapeError, match="has 7 rows but gets 30 different tokens") as caught:
        outline(layers_from_text("Embedding.4..7"), (8,), 30)
    with_the_cure(caught.value, (8,), 30)


def test_formulas_are_the_arithmetic_with_its_numbers():
    def formula(text: str, shape) -> str:
        return outline(layers_from_text(text), shape)[-1].formula

    assert formula("Conv2d.8..3..1..1", (1, 28, 28)) == "(28 + 2*1 - 3)/1 + 1 = 28"
    assert formula("Conv2d.8..3..2", (1, 28, 20)) == "floor((28 - 3)/2) + 1 = 13; floor((20 - 3)/2) + 1 = 9"
    assert formula("ConvTranspose2d.8..2..2", (1, 7, 7)) == "(7 - 1)*2 + 2 = 14"
    assert formula("Flatten", (64, 7, 7)) == "64 * 7 * 7 = 3,136"


def test_a_layer_spec_that_stands_twice_is_two_modules_with_weights_of_their_own():
    """Nothing in an experiment shares a module, so totals are those of `parameters()`, which counts each tensor once."""
    twice = layer("Linear", out_features=3)
    for layers, shape in (
        ([twice, layer("Tanh"), twice], (3,)),
        ([layer("Residual").but(layers=(twice, layer("Tanh"), twice))] * 2, (3,)),
    ):
        reports = outline(layers, shape)
        module = nn.Sequential(*map(made, reports))
        tensors = {parameter.data_ptr() for parameter in module.parameters()}
        assert len(tensors) == sum(1 for _ in module.parameters())
        assert sum(p.numel() for p in module.parameters()) == sum(report.parameters for report in reports)


def test_a_custom_formula_is_differentiated_by_torch():
    (report,) = outline([layer("Custom", f="y = 2*x\nmax(y, -0.5) + sin(2)*x**2")], (5,))
    module, x = made(report), torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    two = x.new_tensor(2.0)  # torch rounds a power by a tensor in another way than x**2
    wanted = torch.maximum(2 * x, torch.tensor(-0.5)) + torch.sin(two) * torch.pow(x, two)
    assert torch.equal(module(x), wanted)
    assert torch.autograd.gradcheck(module, x)


@pytest.mark.parametrize(
    "text",
    [
        "y + 1",
        "1 + 2",
        "sum(x)",
        "__import__('os')",
        "x.real",
        "x[0]",
        "open(x)",
        "(x",
        "lambda: x",
        "x" * 501,
        "ｘ",
        3,
    ],
)
def test_hostile_formulas_are_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"f.*\.$") as caught:
        LayerSpec.of(name="Custom", args={"f": text})
    assert "\n" not in str(caught.value)


def test_what_is_too_large_to_train_is_described_and_refused_with_a_sentence():
    from playground.spec import Experiment

    wide = (layer("Linear", out_features=1_000_000),)
    assert outline(wide, (64,))[0].parameters == 65_000_000
    digits = Experiment.starter("digits")
    with pytest.raises(ValueError, match="out_features is 1,000,000; the most is 1,024"):
        digits.but(layers=wide)
    deep = layers_from_text("Unflatten.1_8_8~" + "~".join(["ConvTranspose2d.32..4..2..1"] * 6))
    with pytest.raises(ValueError, match=r"MB of activations for a batch of 32; the most is 256 MB"):
        digits.but(layers=deep)
    nested = "Residual~" * 4 + "Tanh" + "~-" * 4
    with pytest.raises(ValueError, match="4 blocks inside one another; the most is 3"):
        layers_from_text(nested)
    for broken in ("Residual~Tanh", "Tanh~-", "Residual~-~-"):
        with pytest.raises(ValueError, match="clos"):
            layers_from_text(broken)
