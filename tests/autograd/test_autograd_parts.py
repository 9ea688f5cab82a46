"""Witnesses, experiments, depth, networks, and torchviz's picture."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from playground.autograd import parse
from playground.autograd.classic import dot_source, program_output
from playground.autograd.depth import activations, through_depth
from playground.autograd.experiments import EXPERIMENTS, run
from playground.autograd.network import batch_of
from playground.autograd.presets import PRESETS
from playground.autograd.tape import trace
from playground.autograd.witness import differences, scratch_gradients, witnesses
from playground.spec import Experiment


@pytest.mark.parametrize("key", [key for key in PRESETS if key != "detach"])
def test_three_witnesses_agree(key):
    program, values = parse(PRESETS[key].text), PRESETS[key].values
    rows = witnesses(program, values, trace(program, values))
    assert len(rows) == sum(np.size(value) for value in values.values())
    for row in rows:
        assert row.torch == pytest.approx(row.scratch, rel=1e-12, abs=1e-12)
        assert row.torch == pytest.approx(row.differences, rel=1e-8, abs=1e-8)
        assert row.spread < 1e-6


def test_witnesses_where_something_is_cut_off():
    preset = PRESETS["detach"]
    rows = {row.name: row for row in witnesses(parse(preset.text), preset.values, trace(preset.text, preset.values))}
    assert (rows["y"].torch, rows["y"].scratch) == (None, None)
    assert rows["y"].differences == pytest.approx(8)
    assert rows["x"].differences == pytest.approx(18), "the function changes by more than what is recorded"


def test_differences_near_the_edge_of_a_domain_say_nothing():
    assert differences(parse("log(x)"), {"x": 1e-5}) == {"x": None}
    assert scratch_gradients(parse("log(x)"), {"x": 1e-5}) == {"x": pytest.approx(1e5)}
    assert scratch_gradients(parse("3"), {}) == {}


@pytest.mark.parametrize("key", EXPERIMENTS)
def test_every_experiment_runs_and_its_code_is_what_ran(key):
    experiment = EXPERIMENTS[key]
    answer = run(experiment)
    assert bool(answer.error) == experiment.fails
    assert answer.lines
    compile(experiment.code, key, "exec")
    assert experiment.code.count("print(") + (2 if key == "zero_grad" else 0) == len(answer.lines)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("accumulate", ["tensor(4.)", "tensor(8.)", "tensor(4.)"]),
        ("zero_grad", ["tensor(4.)"] * 3),
        ("retained", ["tensor(6.)", "tensor(12.)"]),
        ("detach", ["(9.0, 9.0)", "tensor(6.)", "tensor(3.)"]),
        ("no_grad", ["False", "None"]),
    ],
)
def test_what_the_experiments_say(key, said):
    assert [value for _, value in run(EXPERIMENTS[key]).lines] == said


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("twice", "Trying to backward through the graph a second time"),
        ("no_grad", "element 0 of tensors does not require grad"),
        ("in_place", "modified by an inplace operation"),
        ("leaf_in_place", "a leaf Variable that requires grad is being used in an in-place operation"),
        ("vector", "grad can be implicitly created only for scalar outputs"),
    ],
)
def test_the_message_is_torchs_own(key, message):
    assert message in run(EXPERIMENTS[key]).error


def test_the_second_derivative():
    lines = dict(run(EXPERIMENTS["second"]).lines)
    assert lines["first derivative, 3x**2"].startswith("tensor(27.")
    assert lines["second derivative, 6x"] == "tensor(18.)"


@pytest.mark.parametrize("activation", activations())
def test_gradients_through_depth_are_those_of_torch(activation):
    layers = through_depth(6, activation, width=5, seed=2)
    assert [layer.number for layer in layers] == [1, 2, 3, 4, 5, 6]
    assert layers[-1].gradient == pytest.approx((16 * 5) ** 0.5), "the loss is a sum"
    assert all(np.isfinite([layer.gradient, layer.weight, layer.output]).all() for layer in layers)
    assert through_depth(6, activation, width=5, seed=2) == layers


def test_vanishing_and_exploding():
    sigmoid = through_depth(20, "Sigmoid")
    assert sigmoid[0].gradient < 1e-8 * sigmoid[-1].gradient
    exploding = through_depth(20, "none", gain=3.0)
    assert exploding[0].gradient > 1e6 * exploding[-1].gradient
    relu = through_depth(20, "ReLU", width=64, gain=2**0.5)
    assert 0.01 < relu[0].gradient / relu[-1].gradient < 100, "He's gain keeps the size"
    for bad in ({"depth": 0}, {"depth": 101}, {"width": 0}, {"gain": 99.0}, {"activation": "nope"}):
        with pytest.raises(ValueError, match=r"between|no activation"):
            through_depth(**{"depth": 2, "activation": "Tanh", **bad})


def test_nothing_acts_on_the_global_generator():
    before = torch.random.get_rng_state()
    through_depth(3, "Tanh")
    batch_of(Experiment(), 4).tape()
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("data", ["spiral", "iris", "xor4"])
def test_the_network_of_an_experiment(data):
    batch = batch_of(Experiment.starter(data), 4)
    tape = batch.tape()
    grads = {node.name: node.grad for node in tape.leaves}
    batch.loss(batch.module(batch.inputs)).backward()
    for name, parameter in batch.module.named_parameters():
        np.testing.assert_allclose(grads[name], parameter.grad.numpy(), rtol=1e-5, atol=1e-7)
    assert batch.step == 0


def test_a_network_with_the_weights_of_a_run():
    from playground.training import Run

    run_ = Run(Experiment())
    run_.advance(steps=3)
    batch = batch_of(Experiment(), 4, run_.state())
    assert batch.step == 3
    for name, value in run_.model.state_dict().items():
        assert torch.equal(batch.module.state_dict()[name], value.cpu())
    with pytest.raises(ValueError, match="other layers"):
        batch_of(Experiment.starter("iris"), 4, run_.state())


def test_torchviz_draws_and_fails_gently():
    pytest.importorskip("torchviz")
    program = parse(PRESETS["rosenbrock"].text)
    values = PRESETS["rosenbrock"].values
    plain = dot_source(*program_output(program, values))
    assert plain.startswith("digraph")
    assert "MulBackward0" in plain
    full = dot_source(*program_output(program, values), show_attrs=True, show_saved=True)
    assert len(full) > len(plain)
    with pytest.raises(ValueError, match="torchviz fails here, with torch's words"):
        dot_source(*program_output(program, values), show_saved=True, after_backward=True)
    with pytest.raises(ValueError, match="needs no gradient"):
        dot_source(*program_output(parse("2 + 3"), {}))
    chain = torch.ones((), requires_grad=True)
    end = chain
    for _ in range(2000):
        end = end * 1.0
    with pytest.raises(ValueError, match="too many"):
        dot_source(end, {})


def test_the_page_is_imported_without_torch():
    code = "import sys, playground.ui.autograd; assert not {'torch', 'sklearn', 'torchviz'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
