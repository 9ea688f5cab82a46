"""The picture of a tape: layout, steps, words, grouping; and the study that says what is shown."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from playground.autograd import layout, parse
from playground.autograd.graph import MOST_NODES, groups, picture
from playground.autograd.presets import PRESETS
from playground.autograd.study import DepthStudy, Study, numbers
from playground.autograd.tape import trace, trace_module
from playground.autograd.words import bracketed, formula, number, shown, sign


def overlaps(drawn):
    boxes = [
        (n["x"] - n["w"] / 2, n["x"] + n["w"] / 2, n["y"] - n["h"] / 2, n["y"] + n["h"] / 2) for n in drawn["nodes"]
    ]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            if a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]:
                yield a, b


@pytest.mark.parametrize("key", PRESETS)
def test_presets_are_laid_out_left_to_right_without_overlap(key):
    drawn = picture(trace(PRESETS[key].text, PRESETS[key].values))
    assert not list(overlaps(drawn))
    nodes = drawn["nodes"]
    for edge in drawn["edges"]:
        assert nodes[edge["src"]]["x"] < nodes[edge["dst"]]["x"]
        assert edge["path"][0] == [nodes[edge["src"]]["x"], nodes[edge["src"]]["y"]]
        assert edge["path"][-1] == [nodes[edge["dst"]]["x"], nodes[edge["dst"]]["y"]]
    assert all(0 <= n["x"] <= drawn["width"] and 0 <= n["y"] <= drawn["height"] for n in nodes)
    json.dumps(drawn, allow_nan=False)


def test_a_network_of_300_nodes_is_laid_out_whole():
    net = nn.Sequential(*[m for _ in range(59) for m in (nn.Linear(8, 8), nn.Tanh())])
    tape = trace_module(net, torch.ones(4, 8), torch.mean)
    assert 290 <= len(tape.nodes) <= MOST_NODES
    drawn = picture(tape)
    assert not drawn["collapsed"]
    assert not list(overlaps(drawn))
    assert drawn["height"] < 900, "the layers stand in a line"


def test_larger_networks_collapse_by_module():
    net = nn.Sequential(*[m for _ in range(70) for m in (nn.Linear(4, 4), nn.Tanh())])
    tape = trace_module(net, torch.ones(2, 4), torch.mean)
    assert len(tape.nodes) > MOST_NODES
    drawn = picture(tape)
    assert drawn["collapsed"]
    assert drawn["total"] == len(tape.nodes)
    assert len(drawn["nodes"]) == 142
    assert drawn["nodes"][1]["title"] == "Linear 0"
    assert drawn["nodes"][1]["saved"]["0.weight.grad"].startswith("‖4×4‖")
    assert not list(overlaps(drawn))


def test_groups_are_never_more_than_can_be_drawn():
    class Chain(nn.Module):
        def forward(self, x):
            for _ in range(2000):
                x = x * 1.001
            return x

    tape = trace_module(Chain(), torch.tensor(1.0, requires_grad=True))
    found = groups(tape)
    assert len(found) <= MOST_NODES
    assert sorted(id for group in found for id in group.members) == list(range(len(tape.nodes)))
    assert len(picture(tape)["nodes"]) == len(found)


def test_the_steps_go_forward_then_backward_and_end_with_every_gradient():
    preset = PRESETS["network"]
    tape = trace(preset.text, preset.values)
    drawn = picture(tape)
    phases = [step["phase"] for step in drawn["steps"]]
    assert phases == sorted(phases, reverse=True), "forward, then backward"
    known = {}
    for step in drawn["steps"]:
        known |= {node: text for node, text, _ in step["grads"]}
    assert known == {node.id: shown(node.grad) for node in tape.nodes if node.grad is not None}
    forward = [step["node"] for step in drawn["steps"] if step["phase"] == "forward"]
    assert forward == [node.id for node in tape.nodes if tape.into(node.id)]
    walked = [edge for step in drawn["steps"] if step["phase"] == "backward" for edge in step["edges"]]
    assert sorted(walked) == [index for index, edge in enumerate(drawn["edges"]) if not edge["cut"]]


def test_the_chain_rule_is_written_with_its_numbers():
    steps = picture(trace("x*x + sin(x)", {"x": 2.0}))["steps"]
    lines = [line for step in steps for line in step["words"]]
    assert "x·x = 2·2 = 4".replace("·", " · ") in lines
    assert "∂f/∂(x*x) += ∂f/∂(x*x) · ∂f/∂f = 1 · 1 = 1" in lines
    assert any(line.endswith("= 2 · 1 = 2   ⟶   −0.4161 + 2 = 1.584") for line in lines)
    assert lines[-2:] == ["∂f/∂x = 2 · 1 + 2 · 1 + (−0.4161) · 1 = 3.584", "x.grad += 3.584"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.0, "9"),
        (-0.39351, "−0.3935"),
        (0.0, "0"),
        (-0.0, "0"),
        (1.2e6, "1.2e+06"),
        (math.nan, "nan"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_values():
    assert shown([1.0, 2.0]) == "[1, 2]"
    assert shown(np.ones((3, 4)).tolist()) == "‖3×4‖ 3.464"
    assert shown(None, (3, 4)) == "3×4"
    assert shown(None) == "—"
    assert [sign(value) for value in (3.0, -2.0, 0.0, None, [1.0, 2.0], [-1.0, 2.0], math.nan)] == [
        1,
        -1,
        0,
        0,
        1,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("text", "operands", "expected"),
    [
        ("a*b", ["x + 1", "y"], "(x + 1) · y"),
        ("a-b", ["x", "y - z"], "x − (y - z)"),
        ("a-b", ["x - y", "z"], "x - y − z"),
        ("a**2", ["x*y", "2"], "(x*y)**2"),
        ("a+b", ["1", "−0.5"], "1 + (−0.5)"),
        ("a/b", ["x*y", "sin(x)*2"], "x*y / (sin(x)*2)"),
        ("-a", ["x + y"], "−(x + y)"),
        ("tanh(a)", ["x + y"], "tanh(x + y)"),
    ],
)
def test_brackets_stand_where_they_are_needed(text, operands, expected):
    tape = trace(text, dict.fromkeys(parse(text).names, 1.0))
    assert formula(tape.nodes[tape.output], operands) == expected


def test_bracketed():
    assert [bracketed(text) for text in ("x", "−3", "x*y", "f(x)", "(a)*b", "[1, −2]", "1e−05")] == [
        "x", "(−3)", "(x*y)", "f(x)", "((a)*b)", "[1, −2]", "1e−05",
    ]  # fmt: skip


def test_an_empty_graph_has_a_place():
    assert layout.place([], []).width == 0
    assert layout.place([(10, 10)], []).x == [5.0]


# the study


@pytest.mark.parametrize(
    "study",
    [
        Study(),
        Study.of_preset("rosenbrock", step=4, node=2),
        Study.of_preset("vector"),
        Study(preset="", text="a = x*y\na + z", values=(("x", -1.5), ("y", (1.0, 2.0)), ("z", (3.0,)))),
        Study.of_preset("branch").but(values=(("x", -2.25),)),
        Study(view="depth", depth=DepthStudy(depth=50, activation="ReLU", width=8, gain=1.4, seed=3)),
        Study(view="experiments", trial="second"),
        Study(drawn="torchviz", torchviz=("attrs", "after")),
        Study(view="network", detail="nodes", batch=16, drawn="torchviz"),
        Study(text="e**x + 1", preset=""),
    ],
)
def test_the_address_bar_reproduces_the_study(study):
    query = study.to_query()
    assert Study.from_query(query) == study
    assert all(isinstance(text, str) for text in query.values())


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"view": "x"}, "view: there is no 'x'"),
        ({"preset": "nope"}, "there is no 'nope'"),
        ({"program": "__import__('os')"}, "only numbers"),
        ({"program": "x", "at": "x:abc"}, "is no number"),
        ({"program": "x", "at": "x:inf"}, "is not finite"),
        ({"program": "x", "at": "x:1e9"}, "between"),
        ({"program": "x", "at": "x:" + "_".join("1" * 9)}, "9 elements"),
        ({"step": "x"}, "is no number"),
        ({"depth": "5"}, "depth: it is written"),
        ({"depth": "5000_ReLU_16_1.0_0"}, "between 1 and 100"),
        ({"depth": "5_Nope_16_1.0_0"}, "no activation"),
        ({"batch_of": "1000"}, "between 1 and 64"),
        ({"program": "x" * 5000}, "characters"),
    ],
)
def test_addresses_that_cannot_be_opened_say_why(query, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")) as caught:
        Study.from_query(query)
    assert "\n" not in str(caught.value)


def test_values_follow_the_program():
    study = Study.of_preset("square").but(text="x*y")
    assert study.given == {"x": 3.0, "y": 1.0}
    assert study.but(text="y").given == {"y": 1.0}
    assert study.origin is None
    branch = Study.of_preset("branch")
    assert branch.taken
    assert branch.but(values=(("x", -1.0),)).running == "-3*x"
    assert numbers("1, 2 3", "x") == (1.0, 2.0, 3.0)
    assert numbers("[2]", "x") == (2.0,)
    assert numbers("-1e-3", "x") == -1e-3
    for text in ("", "a", "1, b", "nan"):
        with pytest.raises(ValueError, match="x"):
            numbers(text, "x")
