"""Every loss beside torch and beside central differences, with every reduction and option."""

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scratch_parity import close, differences
from torch import nn

from playground import scratch

RNG = np.random.default_rng(0)
SHAPES = [(4,), (3, 2), (2, 3, 2)]


def normal(shape):
    return RNG.standard_normal(shape)


def probability(shape):
    return RNG.uniform(0.05, 0.95, shape)


def log_probability(shape):
    return np.log(probability(shape))


# (class, arguments, how inputs are drawn, how targets are drawn)
ELEMENTWISE = [
    ("MSELoss", {}, normal, normal),
    ("L1Loss", {}, normal, normal),
    ("SmoothL1Loss", {}, normal, normal),
    ("SmoothL1Loss", {"beta": 0.3}, normal, normal),
    ("SmoothL1Loss", {"beta": 0.0}, normal, normal),
    ("HuberLoss", {}, normal, normal),
    ("HuberLoss", {"delta": 0.4}, normal, normal),
    ("BCELoss", {}, probability, probability),
    ("BCEWithLogitsLoss", {}, lambda s: 5 * normal(s), probability),
    ("KLDivLoss", {}, log_probability, probability),
    ("KLDivLoss", {"log_target": True}, log_probability, log_probability),
]
REDUCTIONS = ["mean", "sum", "none"]


def compare(ours, theirs, x, target):
    x_torch = torch.tensor(x, requires_grad=True)
    value, value_torch = ours.forward(x, target), theirs(x_torch, torch.as_tensor(target))
    close(value, value_torch, "loss")
    if ours.reduction != "none":
        assert type(value) is float
        for g in (None, 2.5):
            x_torch.grad = None
            value_torch.backward(None if g is None else torch.tensor(g), retain_graph=True)
            close(ours.backward(g), x_torch.grad, "gradient")
    else:
        g = np.asarray(RNG.standard_normal(value.shape))
        value_torch.backward(torch.from_numpy(g), retain_graph=True)
        close(ours.backward(g), x_torch.grad, "gradient")
        close(ours.backward(), ours.backward(np.ones(value.shape)))


def check_differences(loss, x, target):
    g = RNG.standard_normal(np.shape(loss.forward(x, target)))
    loss.forward(x, target)
    dx = loss.backward(g)
    numeric = differences(lambda: float((loss.forward(x, target) * g).sum()), x)
    np.testing.assert_allclose(dx, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize(("name", "arguments", "draw_x", "draw_t"), ELEMENTWISE)
def test_elementwise_losses(name, arguments, draw_x, draw_t, reduction, shape):
    if reduction == "batchmean" and name != "KLDivLoss":
        with pytest.raises(ValueError, match="batchmean"):
            getattr(scratch, name)(reduction=reduction, **arguments)
        return
    ours = getattr(scratch, name)(reduction=reduction, **arguments)
    x, t = draw_x(shape), draw_t(shape)
    compare(ours, getattr(nn, name)(reduction=reduction, **arguments), x, t)
    check_differences(ours, x, t)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ties_and_ends(reduction):
    x = np.array([0.0, 0.5, -0.5, 1.0, 2.0])
    for name, arguments in [("L1Loss", {}), ("SmoothL1Loss", {"beta": 0.5}), ("HuberLoss", {"delta": 0.5})]:
        compare(
            getattr(scratch, name)(reduction=reduction, **arguments),
            getattr(nn, name)(reduction=reduction, **arguments), x, np.zeros(5),
        )  # fmt: skip
    ends, targets = np.array([0.0, 1.0, 0.0, 1.0, 1e-15, 0.5]), np.array([0.0, 0.0, 1.0, 1.0, 0.5, 1.0])
    compare(scratch.BCELoss(reduction=reduction), nn.BCELoss(reduction=reduction), ends, targets)
    far = np.array([-1000.0, 1000.0, -40.0, 40.0, 0.0, 1e-9])
    compare(scratch.BCEWithLogitsLoss(reduction=reduction), nn.BCEWithLogitsLoss(reduction=reduction), far, targets)
    t = np.array([0.0, 0.3, 0.7, 0.0, 1.0])
    compare(scratch.KLDivLoss(reduction=reduction), nn.KLDivLoss(reduction=reduction), -x - 1, t)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("pos_weight", [2.0, [0.5, 3.0]])
def test_pos_weight(pos_weight, reduction):
    theirs = nn.BCEWithLogitsLoss(reduction=reduction, pos_weight=torch.tensor(pos_weight))
    x, t = 4 * normal((3, 2)), probability((3, 2))
    compare(scratch.BCEWithLogitsLoss(reduction=reduction, pos_weight=pos_weight), theirs, x, t)
    check_differences(scratch.BCEWithLogitsLoss(reduction=reduction, pos_weight=np.array(pos_weight)), x, t)


CLASS_SHAPES = [(4,), (5, 4), (2, 4, 3), (2, 4, 2, 3)]


@pytest.mark.parametrize("shape", CLASS_SHAPES)
@pytest.mark.parametrize(
    ("reduction", "weighted", "smoothing", "ignored"),
    list(itertools.product(REDUCTIONS, [False, True], [0.0, 0.2], [False, True])),
)
def test_class_losses(shape, reduction, weighted, smoothing, ignored):
    weight = np.array([0.5, 2.0, 1.0, 0.0]) if weighted else None
    weight_torch = None if weight is None else torch.from_numpy(weight)
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    target = RNG.integers(0, 3, places)
    common = {"reduction": reduction, "ignore_index": 2 if ignored else -100}
    if ignored and target.size > 1:
        target.flat[0], target.flat[1] = 2, 1
    if ignored and target.size == 1:
        target = np.asarray(1)
    x = 3 * normal(shape)
    ours = scratch.CrossEntropyLoss(weight, label_smoothing=smoothing, **common)
    theirs = nn.CrossEntropyLoss(weight_torch, label_smoothing=smoothing, **common)
    compare(ours, theirs, x, target)
    check_differences(ours, x, target)
    if not smoothing:
        compare(scratch.NLLLoss(weight, **common), nn.NLLLoss(weight_torch, **common), x, target)
        check_differences(scratch.NLLLoss(weight, **common), x, target)


@pytest.mark.parametrize("shape", CLASS_SHAPES)
@pytest.mark.parametrize(
    ("reduction", "weighted", "smoothing"), list(itertools.product(REDUCTIONS, [False, True], [0.0, 0.3]))
)
def test_probability_targets(shape, reduction, weighted, smoothing):
    weight = np.array([0.5, 2.0, 1.0, 0.0]) if weighted else None
    x, axis = 3 * normal(shape), 1 if len(shape) > 1 else 0
    target = probability(shape)
    target /= target.sum(axis=axis, keepdims=True)
    arguments = {"reduction": reduction, "label_smoothing": smoothing}
    ours = scratch.CrossEntropyLoss(weight, **arguments)
    compare(ours, nn.CrossEntropyLoss(None if weight is None else torch.from_numpy(weight), **arguments), x, target)
    check_differences(ours, x, target)


def test_everything_ignored():
    x, target = normal((3, 2)), np.full(3, -100)
    for name in ("CrossEntropyLoss", "NLLLoss", "FocalLoss"):
        loss = getattr(scratch, name)()
        assert math.isnan(loss.forward(x, target))
        assert not loss.backward().any()
        assert getattr(scratch, name)(reduction="sum").forward(x, target) == 0


def test_logits_far_apart():
    x = np.array([[1e4, -1e4, 0.0], [800.0, 0.0, -800.0]])
    compare(scratch.CrossEntropyLoss(), nn.CrossEntropyLoss(), x, np.array([1, 0]))
    loss = scratch.CrossEntropyLoss()
    assert loss.forward(np.array([[0.0, -np.inf]]), np.array([0])) == 0  # a class that is ruled out


class TorchFocalLoss(nn.Module):
    """The torch twin: the same forward; autograd finds the backward."""

    def __init__(self, gamma=2.0, alpha=None, reduction="mean"):
        super().__init__()
        self.gamma, self.alpha, self.reduction = gamma, alpha, reduction

    def forward(self, logits, target):
        log_p = F.log_softmax(logits, 1).gather(1, target[:, None])[:, 0]
        alpha = 1.0 if self.alpha is None else torch.as_tensor(self.alpha)[target]
        losses = -alpha * (1 - log_p.exp()) ** self.gamma * log_p
        return {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[self.reduction]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, None), (0.0, None), (0.5, None), (1.0, [0.25, 0.5, 1.0])])
def test_focal_loss(gamma, alpha, reduction):
    x, target = 2 * normal((6, 3)), RNG.integers(0, 3, 6)
    ours = scratch.FocalLoss(gamma, alpha, reduction=reduction)
    compare(ours, TorchFocalLoss(gamma, alpha, reduction), x, target)
    check_differences(ours, x, target)
    if gamma == 0:
        close(ours.forward(x, target), scratch.CrossEntropyLoss(reduction=reduction).forward(x, target))
    certain = scratch.FocalLoss(0.5)
    assert certain.forward(np.array([[1000.0, 0.0]]), np.array([0])) == 0
    assert np.array_equal(certain.backward(), np.zeros((1, 2)))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_cross_entropy(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    classes, batch = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    places = data.draw(st.sampled_from([(), (2,), (2, 3)]))
    weight = rng.uniform(0.1, 2, classes) if data.draw(st.booleans()) else None
    arguments = {
        "reduction": data.draw(st.sampled_from(REDUCTIONS)),
        "label_smoothing": data.draw(st.floats(0, 1)),
        "ignore_index": 0,
    }
    target = rng.integers(0, classes, (batch, *places))
    if not (target != 0).any():
        return
    theirs = nn.CrossEntropyLoss(None if weight is None else torch.from_numpy(weight), **arguments)
    x = 5 * rng.standard_normal((batch, classes, *places))
    compare(scratch.CrossEntropyLoss(weight, **arguments), theirs, x, target)


FLOAT32 = [
    *ELEMENTWISE,
    ("CrossEntropyLoss", {}, normal, None),
    ("NLLLoss", {}, normal, None),
    ("FocalLoss", {}, normal, None),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "arguments", "draw_x", "draw_t"), FLOAT32)
def test_float32_stays_float32(name, arguments, draw_x, draw_t, reduction):
    loss = getattr(scratch, name)(reduction=reduction, **arguments)
    x = draw_x((4, 3)).astype(np.float32)
    value = loss.forward(x, RNG.integers(0, 3, 4) if draw_t is None else draw_t((4, 3)))
    assert type(value) is float if reduction != "none" else value.dtype == np.float32
    assert loss.backward().dtype == np.float32


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: scratch.MSELoss("median"), "median.*none, mean, sum"),
        (lambda: scratch.MSELoss().forward(np.zeros((3, 1)), np.zeros(3)), r"\(3, 1\).*\(3,\)"),
        (lambda: scratch.MSELoss().backward(), "before forward"),
        (lambda: scratch.CrossEntropyLoss().backward(), "before forward"),
        (lambda: scratch.CrossEntropyLoss().forward(np.zeros((2, 3)), [0, 3]), "target 3 is out of range.*0 to 2"),
        (lambda: scratch.CrossEntropyLoss().forward(np.zeros((2, 3)), [0, -1]), "target -1 is out of range"),
        (lambda: scratch.NLLLoss().forward(np.zeros((2, 3)), [0, 5]), "target 5 is out of range"),
        (lambda: scratch.FocalLoss().forward(np.zeros((2, 3)), [0, 5]), "target 5 is out of range"),
        (lambda: scratch.CrossEntropyLoss().forward(np.zeros((2, 3)), [0, 1, 2]), r"\(3,\).*\(2,\)"),
        (lambda: scratch.CrossEntropyLoss().forward(np.zeros((2, 3)), [0.0, 1.0]), "whole numbers.*float64"),
        (lambda: scratch.CrossEntropyLoss().forward(np.zeros((2, 3)), np.zeros((2, 3), int)), "probabilities.*int64"),
        (lambda: scratch.CrossEntropyLoss(np.ones(2)).forward(np.zeros((2, 3)), [0, 1]), r"\(2,\).*3 classes"),
        (lambda: scratch.CrossEntropyLoss(label_smoothing=1.5), "1.5"),
        (
            lambda: scratch.CrossEntropyLoss(ignore_index=1).forward(np.zeros((2, 3)), np.full((2, 3), 1 / 3)),
            "ignore_index=1.*probabilities",
        ),
        (lambda: scratch.MSELoss(reduce=True), "reduce is not written here.*reduction"),
        (lambda: scratch.BCELoss().forward(np.array([1.5]), np.array([1.0])), "between 0 and 1.*1.5"),
        (lambda: scratch.BCELoss().forward(np.array([np.nan]), np.array([1.0])), "between 0 and 1"),
        (lambda: scratch.BCELoss(weight=np.ones(3)), "weight per element"),
        (lambda: scratch.BCEWithLogitsLoss(weight=np.ones(3)), "weight per element"),
        (
            lambda: scratch.BCEWithLogitsLoss(pos_weight=np.ones(3)).forward(np.zeros((2, 2)), np.zeros((2, 2))),
            r"\(3,\)",
        ),
        (lambda: scratch.HuberLoss(delta=0), "delta is 0"),
        (lambda: scratch.SmoothL1Loss(beta=-1), "beta is -1"),
        (lambda: scratch.FocalLoss(gamma=-1), "gamma is -1"),
    ],
)
def test_bad_input(attempt, words):
    with pytest.raises(ValueError, match=words):
        attempt()


def test_a_gradient_of_the_wrong_shape():
    loss = scratch.MSELoss("none")
    loss.forward(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"\(3, 2\).*\(2, 3\)"):
        loss.backward(np.ones((3, 2)))
