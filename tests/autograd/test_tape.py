"""Every invariant of a tape: over all presets, drawn programs, networks, and long chains."""

import gc
import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tape_checks import check_differences, check_tape
from torch import nn

from playground.autograd import parse
from playground.autograd.expression import ExpressionError
from playground.autograd.presets import PRESETS
from playground.autograd.tape import trace, trace_module
from playground.autograd.witness import witnesses

CASES = [
    (key, preset.text, values, preset.derivatives)
    for key, preset in PRESETS.items()
    for values in (preset.values, {name: np.asarray(value) * 0.7 - 0.1 for name, value in preset.values.items()})
] + [("branch", PRESETS["branch"].otherwise, {"x": -1.5}, PRESETS["branch"].otherwise_derivatives)]


@pytest.mark.parametrize(("key", "text", "values", "derivatives"), CASES)
def test_presets_hold_every_invariant_and_the_known_derivative(key, text, values, derivatives):
    program = parse(text)
    tape = trace(program, values)
    check_tape(tape)
    if key != "detach":
        check_differences(program, values, tape)
    assert {leaf.name for leaf in tape.leaves} == set(values)
    for leaf in tape.leaves:
        if leaf.name not in derivatives:
            assert leaf.grad is None
            continue
        known = parse(derivatives[leaf.name])(**values)
        np.testing.assert_allclose(leaf.grad, np.broadcast_to(known, leaf.shape), rtol=1e-12, atol=1e-12)
    for row in witnesses(program, values, tape):
        assert (row.scratch is None) == (row.torch is None)
        assert row.torch is None or row.scratch == pytest.approx(row.torch, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "values", "grads"),
    [
        ("x**3", {"x": 2}, {"x": 12}),
        ("x**2 + 3*x", {"x": 5}, {"x": 13}),
        ("x**2", {"x": 3}, {"x": 6}),
        ("x**2 + 2*x + 1", {"x": 2}, {"x": 6}),
        ("((x**2)+1)*3", {"x": 2}, {"x": 12}),
        ("((x+3)**2)-4", {"x": 2}, {"x": 10}),
        ("mean((2*x)**2)", {"x": [1, 2, 3]}, {"x": [8 / 3, 16 / 3, 8]}),
        ("relu(x) + abs(x)", {"x": 0}, {"x": 0}),
        ("max(x, y)", {"x": 1, "y": 1}, {"x": 0.5, "y": 0.5}),
        ("x**2", {"x": 0}, {"x": 0}),
    ],
)
def test_the_numbers_of_the_lessons(text, values, grads):
    tape = trace(text, values)
    assert {leaf.name: leaf.grad for leaf in tape.leaves} == {k: pytest.approx(v) for k, v in grads.items()}


def test_what_a_tape_says_of_one_product():
    tape = trace("x*x", {"x": 3.0})
    x, product = tape.nodes
    assert (x.op, x.kind, x.grad_fn, x.value, x.grad) == ("leaf", "leaf", "AccumulateGrad", 3.0, 6.0)
    assert (product.op, product.grad_fn, product.value, product.grad) == ("mul", "MulBackward0", 9.0, 1.0)
    assert (product.span, product.order_bwd, x.order_bwd) == ((0, 3), 0, 1)
    assert product.saved == {"self": 3.0, "other": 3.0}
    assert [(e.src, e.dst, e.slot, e.local, e.contrib) for e in tape.edges] == [
        (0, 1, 0, 3.0, 3.0),
        (0, 1, 1, 3.0, 3.0),
    ]


def test_the_names_of_the_nodes_are_those_of_torch():
    titles = [node.grad_fn for node in trace("sigmoid(2*x)**2 / exp(x) - 1", {"x": 1.0}).nodes]
    assert [title for title in titles if title] == [
        "AccumulateGrad", "MulBackward0", "SigmoidBackward0", "PowBackward0", "ExpBackward0", "DivBackward0",
        "SubBackward0",
    ]  # fmt: skip


def test_constants_and_parts_without_a_gradient_are_there_and_marked():
    tape = trace("a = detach(x)*2\nb = no_grad(x + y)\n3*pi*a*x + b", {"x": 2.0, "y": 1.0})
    check_tape(tape)
    kinds = {parse(tape.text).source(parse(tape.text).steps[node.id]): node.kind for node in tape.nodes}
    assert kinds["detach(x)"] == kinds["detach(x)*2"] == "detached"
    assert kinds["x + y"] == kinds["no_grad(x + y)"] == "no_grad"
    assert kinds["3"] == kinds["pi"] == kinds["3*pi"] == "constant"
    assert kinds["3*pi*a*x"] == "operation"
    leaves = {leaf.name: leaf for leaf in tape.leaves}
    assert leaves["y"].grad is None
    assert leaves["y"].order_bwd is None, "backward never came here, which is not the same as 0"
    assert leaves["x"].grad == pytest.approx(12 * np.pi)


def test_dead_code_is_on_the_tape_without_a_gradient():
    tape = trace("a = exp(x)\nx*2", {"x": 1.0})
    check_tape(tape)
    dead = next(node for node in tape.nodes if node.name == "a")
    assert dead.grad is None
    assert dead.grad_fn == "ExpBackward0"


def test_programs_without_any_gradient():
    for text, values in (("1 + 2", {}), ("detach(x)", {"x": 2.0})):
        tape = trace(text, values)
        check_tape(tape)
        assert all(node.grad is None for node in tape.nodes)
    assert trace("x", {"x": 2.0}).nodes[0].grad == 1.0


def test_vectors_broadcast_and_locals_have_the_shape_of_the_target():
    values = {"x": [[1.0], [2.0]], "w": [0.5, -1.0, 2.0], "b": 3.0}
    program = parse("sum(tanh(x*w + b) * max(x, w))")
    tape = trace(program, values)
    check_tape(tape)
    check_differences(program, values, tape)
    for edge in tape.edges:
        if edge.local is not None:
            assert np.shape(edge.local) == tape.nodes[edge.dst].shape


def test_gradients_that_are_not_finite_are_told():
    tape = trace("sqrt(x)", {"x": 0.0})
    assert tape.nodes[0].grad == np.inf
    with pytest.raises(ExpressionError, match="'log' gives"):
        trace("log(x)", {"x": 0.0})
    with pytest.raises(ExpressionError, match="x has no value"):
        trace("x", {})
    with pytest.raises(ExpressionError, match="x is a str"):
        trace("x", {"x": "3"})


def test_a_tape_is_plain_data():
    tape = trace(PRESETS["network"].text, PRESETS["network"].values)
    assert json.loads(json.dumps(asdict(tape)))["nodes"][0]["name"] == "w1"
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    json.dumps(asdict(trace_module(net, torch.randn(4, 2), torch.sum)))


ATOMS = st.sampled_from(["x", "y", "v", "2", "0.5"])
DRAWN = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["max", "min"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(
            st.sampled_from(["sin", "cos", "tanh", "sigmoid", "softplus", "sum", "mean", "abs", "relu"]), inner
        ).map(lambda t: f"{t[0]}({t[1]})"),
        inner.map(lambda text: f"(2 + tanh({text}))**-1"),
        inner.map(lambda text: f"({text})**2 / 3"),
        inner.map(lambda text: f"exp(-({text})**2)"),
        inner.map(lambda text: f"log(1.5 + sigmoid({text}))"),
    ),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None)
@given(DRAWN, st.tuples(*[st.floats(-1.5, 1.5)] * 5))
def test_drawn_programs_hold_every_invariant(text, numbers):
    program = parse(text)
    values = {"x": numbers[0], "y": numbers[1], "v": list(numbers[2:])}
    try:
        tape = trace(program, values)
    except ExpressionError as error:
        assume("more than" in str(error))
        return
    check_tape(tape)
    for row in witnesses(program, values, tape):
        assert (row.torch or 0.0) == pytest.approx(row.scratch or 0.0, rel=1e-10, abs=1e-10)
        kinks = any(name in text for name in ("abs", "relu", "max", "min"))
        if row.torch is not None and row.differences is not None and not kinks:
            assert row.torch == pytest.approx(row.differences, rel=1e-5, abs=1e-7)


# networks


class Branches(nn.Module):
    """Shared values, several outputs of one node, a cut, and a part without a gradient."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 6, dtype=torch.float64)
        self.last = nn.Linear(2, 1, dtype=torch.float64)
        self.register_buffer("shift", torch.full((6,), 0.1, dtype=torch.float64))

    def forward(self, x):
        h = torch.tanh(self.first(x) + self.shift)
        a, b, c = h.split(2, dim=1)
        with torch.no_grad():
            scale = a.abs() + 1 + 0 * self.first.weight.T.sum()  # a view that says it requires a gradient
        return self.last(a * b.detach() + c * scale + a * c)


def networks():
    torch_generator = torch.Generator().manual_seed(3)
    x = torch.randn(5, 4, dtype=torch.float64, generator=torch_generator)
    y = torch.rand(5, 1, dtype=torch.float64, generator=torch_generator)
    labels = torch.tensor([0, 2, 1, 0, 2])
    double = {"dtype": torch.float64}
    yield (
        "mlp",
        nn.Sequential(nn.Linear(4, 3, **double), nn.Tanh(), nn.Linear(3, 1, **double)),
        x,
        lambda o: ((o - y) ** 2).mean(),
    )
    yield "branches", Branches(), x, lambda o: nn.functional.mse_loss(o, y)
    yield "classes", nn.Sequential(nn.Linear(4, 3, **double)), x, lambda o: nn.functional.cross_entropy(o, labels)
    yield "norms", nn.Sequential(
        nn.Linear(4, 4, **double), nn.BatchNorm1d(4, **double), nn.ReLU(), nn.LayerNorm(4, **double), nn.Linear(4, 1, **double)
    ), x, lambda o: nn.functional.binary_cross_entropy_with_logits(o, y)  # fmt: skip
    yield (
        "in place",
        nn.Sequential(nn.Linear(4, 4, **double), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4, 1, **double)),
        x,
        torch.sum,
    )
    yield "lstm", nn.Sequential(nn.LSTM(4, 3, **double)), x[:, None], lambda o: o[0].sum() + o[1][0].sum()
    yield "tied", Tied(), x, torch.sum


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4, dtype=torch.float64)
        self.b = nn.Linear(4, 4, dtype=torch.float64)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


NETWORKS = {name: rest for name, *rest in networks()}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_hold_every_invariant_and_torchs_own_gradients(name):
    module, x, loss = NETWORKS[name]
    before = {key: value.clone() for key, value in module.state_dict().items()}
    tape = trace_module(module, x, loss)
    check_tape(tape)
    assert all(parameter.grad is None for parameter in module.parameters())
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items()), "left as it was"
    loss(module(x)).backward()
    grads = {node.name: node.grad for node in tape.leaves}
    for key, parameter in module.named_parameters():
        np.testing.assert_allclose(grads[key], parameter.grad.numpy(), rtol=1e-9, atol=1e-12)
    module.zero_grad()
    assert tape.nodes[tape.output].grad is not None


def test_a_network_is_grouped_by_module():
    module, x, loss = NETWORKS["branches"]
    tape = trace_module(module, x, loss)
    made = {(node.op, node.module) for node in tape.nodes if node.kind == "operation"}
    assert {("linear", "first"), ("linear", "last"), ("mse_loss", "loss"), ("tanh", "")} <= made
    assert tape.modules["first"] == "Linear"
    names = {node.name: node for node in tape.nodes if node.name}
    assert names["first.weight"].module == "first"
    assert names["shift"].kind == "constant"
    assert names["input"].kind == "constant"
    kinds = {node.op: node.kind for node in tape.nodes}
    assert kinds["detach"] == "detached"
    assert kinds["abs"] == "no_grad"
    splits = [node for node in tape.nodes if node.grad_fn == "SplitBackward0"]
    assert len(splits) == 3, "each output of a node is a value of its own"


def test_an_input_that_requires_a_gradient_is_a_leaf():
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    tape = trace_module(nn.Tanh(), x)
    (leaf,) = tape.leaves
    assert leaf.name == "input"
    np.testing.assert_allclose(leaf.grad, 1 - torch.tanh(x).detach().numpy() ** 2)
    assert x.grad is None


def test_inputs_of_several_kinds():
    bilinear = nn.Bilinear(2, 3, 1)
    tape = trace_module(bilinear, (torch.ones(4, 2), torch.ones(4, 3)), torch.mean)
    assert {"input 1", "input 2"} <= {node.name for node in tape.nodes}
    check_tape(tape, rtol=1e-5)
    trace_module(nn.Linear(2, 1), np.ones((3, 2), np.float32))
    with pytest.raises(ValueError, match="must be a tensor"):
        trace_module(nn.Linear(2, 1), torch.ones(1, 2), lambda o: 3.0)


def test_large_values_can_be_left_out():
    tape = trace_module(nn.Linear(50, 50), torch.ones(2, 50), torch.mean, most=100)
    weight = next(node for node in tape.nodes if node.name == "weight")
    assert weight.value is None
    assert weight.shape == (50, 50)
    assert next(node for node in tape.nodes if node.name == "bias").value is not None


def test_a_custom_function_is_on_the_tape():
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    class Doubling(nn.Module):
        def forward(self, x):
            return Twice.apply(x).sum()

    tape = trace_module(Doubling(), torch.ones(3, requires_grad=True))
    check_tape(tape)
    assert tape.leaves[0].grad == [2.0, 2.0, 2.0]


def test_a_failing_module_leaves_no_hook():
    class Failing(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, x):
            raise KeyError(self.inner(x).shape)

    module = Failing()
    with pytest.raises(KeyError):
        trace_module(module, torch.ones(1, 2))
    for part in module.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks


# leaks and lengths


def test_no_hook_stays_behind():
    module, x, loss = NETWORKS["mlp"]
    trace_module(module, x, loss)
    for part in module.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
    leaf = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    program = parse("x*x")
    events = []
    import playground.autograd.tape as tape_module

    original = tape_module._Walk._enter
    try:
        tape_module._Walk._enter = lambda self, index, g: (events.append(index), original(self, index, g))[1]
        trace(program, {"x": leaf})
        first = len(events)
        trace(program, {"x": leaf})
        assert len(events) == 2 * first == 4
        walk = tape_module._Walk.of(leaf * leaf, [tape_module._function(leaf)])
        assert list(walk.order) == [0]
        count = len(events)
        (leaf * leaf).backward()
        assert len(events) == count, "an unrelated backward on the same leaf is seen by nobody"
    finally:
        tape_module._Walk._enter = original


def _resident() -> float:
    """Memory of this process, in megabytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def test_memory_does_not_grow_over_1000_traces():
    program = parse(PRESETS["rosenbrock"].text)
    vector = parse("mean(sigmoid(2*x)**2)")
    large = np.linspace(-1, 1, 2000)

    def once():
        trace(program, {"x": -1.0, "y": 1.0})

    for _ in range(100):
        once()
    gc.collect()
    objects, before = len(gc.get_objects()), _resident()
    for _ in range(1000):
        once()
    gc.collect()
    assert len(gc.get_objects()) - objects < 200
    assert _resident() - before < 10
    for _ in range(5):
        trace(vector, {"x": large})
    before = _resident()
    for _ in range(60):
        trace(vector, {"x": large})
    assert _resident() - before < 10


def test_memory_does_not_grow_with_networks():
    net, x = nn.Sequential(nn.Linear(256, 256), nn.Tanh(), nn.Linear(256, 256)), torch.ones(64, 256)
    for _ in range(10):
        trace_module(net, x, torch.sum, most=8)
    gc.collect()
    before = _resident()
    for _ in range(100):
        trace_module(net, x, torch.sum, most=8)
    assert _resident() - before < 30, "one graph holds about 1 MB"


def test_a_chain_of_20000_nodes():
    class Chain(nn.Module):
        def forward(self, x):
            for _ in range(20_000):
                x = x * 1.0001
            return x

    tape = trace_module(Chain(), torch.tensor(1.0, dtype=torch.float64, requires_grad=True))
    assert len(tape.nodes) == 20_001
    assert len(tape.edges) == 20_000
    assert tape.leaves[0].grad == pytest.approx(1.0001**20_000)
    assert tape.nodes[-1].order_bwd == 0
