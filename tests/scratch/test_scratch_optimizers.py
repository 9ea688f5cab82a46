"""Every optimizer beside torch.optim: fifty steps with every option, groups, frozen parameters, saved states."""

import copy
import inspect
import pickle

import numpy as np
import pytest
import torch

from playground import scratch

# One list feeds the tests: (class, options). Every option of the library occurs.
CASES = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {}),
    ("SGD", {"lr": 0.02, "momentum": 0.9}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}),
    ("RMSprop", {"lr": 0.02}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.02, "momentum": 0.5}),
    ("RMSprop", {"lr": 0.02, "momentum": 0.5, "centered": True}),
    ("RMSprop", {"lr": 0.02, "centered": True}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.05, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-4}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.05, "betas": (0.7, 0.9), "eps": 1e-4, "weight_decay": 0.1}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.05, "betas": (0.8, 0.95), "momentum_decay": 0.02, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.05}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.9), "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.03, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.1)}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.05, "lambd": 0.01, "alpha": 0.6, "t0": 10, "weight_decay": 0.1}),
]
IDS = [f"{i}-{name}" for i, (name, _) in enumerate(CASES)]
SHAPES = [(3, 2), (2,), ()]


def start(rng, shapes=SHAPES, dtype=float):
    values = [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
    return [scratch.Parameter(v) for v in values], [torch.nn.Parameter(torch.tensor(v)) for v in values]


def gradients(rng, ours, theirs, skip=()):
    """The gradient of a bumpy bowl plus noise, the same for both; None for the indices in `skip`."""
    for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
        if i in skip:
            p.grad = q.grad = None
            continue
        noise = np.asarray(rng.standard_normal(p.data.shape), p.data.dtype)
        p.grad = np.asarray(p.data + np.sin(3 * p.data) + 0.3 * noise)
        q.grad = (q + torch.sin(3 * q)).detach() + 0.3 * torch.as_tensor(noise)


def same(ours, theirs, rtol=1e-9):
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=rtol, atol=rtol * 1e-2)


def same_state(optimizer, reference, ours, theirs):
    for p, q in zip(ours, theirs, strict=True):
        assert p not in optimizer.state or q in reference.state
        for key, value in optimizer.state.get(p, {}).items():
            np.testing.assert_allclose(value, np.asarray(reference.state[q][key]), rtol=1e-9, atol=1e-11, err_msg=key)
            assert np.shape(value) in ((), p.data.shape)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_fifty_steps_and_the_state_agree_with_torch(name, options):
    rng = np.random.default_rng(0)
    ours, theirs = start(rng)
    optimizer, reference = getattr(scratch, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    for _ in range(50):
        gradients(rng, ours, theirs)
        optimizer.step()
        reference.step()
        same(ours, theirs)
    same_state(optimizer, reference, ours, theirs)
    ages = {memory["step"] for memory in optimizer.state.values() if "step" in memory}
    assert ages in (set(), {50})
    optimizer.zero_grad()
    assert all(p.grad is None for p in ours)


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_one_parameter_alone(name, options, shape):
    rng = np.random.default_rng(4)
    ours, theirs = start(rng, [shape])
    optimizer, reference = getattr(scratch, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    array = ours[0].data
    for _ in range(9):
        gradients(rng, ours, theirs)
        optimizer.step()
        reference.step()
        same(ours, theirs)
        same_state(optimizer, reference, ours, theirs)
    assert ours[0].data is array  # the update is in place, as in torch


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_groups_frozen_parameters_big_ones_and_late_comers(name, options):
    rng = np.random.default_rng(1)
    ours, theirs = start(rng, [(2, 2), (3,), (2,), (4,), (5000,), (2, 1)])

    def groups(p):
        return [{"params": p[:2]}, {"params": p[2:5], "lr": 0.01}]

    optimizer = getattr(scratch, name)(groups(ours), **options)
    reference = getattr(torch.optim, name)(groups(theirs), **options)
    assert [group["lr"] for group in optimizer.param_groups] == [group["lr"] for group in reference.param_groups]
    for step in range(20):
        if step == 8:
            optimizer.add_param_group({"params": ours[5], "lr": 0.02})
            reference.add_param_group({"params": theirs[5], "lr": 0.02})
        if step == 12:
            for group in (*optimizer.param_groups, *reference.param_groups):
                group["lr"] *= 0.5
        skip = {1, 3, 5} if step < 4 else {0} if 10 <= step < 13 else {5} if step < 8 else ()
        gradients(rng, ours, theirs, skip)
        optimizer.step()
        reference.step()
        same(ours, theirs)
        same_state(optimizer, reference, ours, theirs)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_states_are_saved_and_loaded_also_from_torch(name, options):
    rng = np.random.default_rng(2)
    ours, theirs = start(rng)
    optimizer, reference = getattr(scratch, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    for _ in range(7):
        gradients(rng, ours, theirs)
        optimizer.step()
        reference.step()
    clones = [scratch.Parameter(p.data) for p in ours]
    for saved in (optimizer.state_dict(), reference.state_dict()):
        for clone, p in zip(clones, ours, strict=True):
            clone.data[...] = p.data
        restored = getattr(scratch, name)(clones)
        restored.load_state_dict(saved)
        assert {type(memory["step"]) for memory in restored.state.values() if "step" in memory} <= {int, float}
        for _ in range(3):
            for clone, p in zip(clones, ours, strict=True):
                clone.grad = np.asarray(np.cos(p.data))
            restored.step()
        for p, q in zip(ours, theirs, strict=True):
            p.grad, q.grad = np.asarray(np.cos(p.data)), torch.as_tensor(np.cos(p.data))
        twin, kept = getattr(scratch, name)([scratch.Parameter(p.data) for p in ours]), [p.grad for p in ours]
        twin.load_state_dict(optimizer.state_dict())
        for _ in range(3):
            for p, grad in zip(twin.param_groups[0]["params"], kept, strict=True):
                p.grad = grad
            twin.step()
        for clone, p in zip(clones, twin.param_groups[0]["params"], strict=True):
            np.testing.assert_allclose(clone.data, p.data, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_a_copied_or_pickled_optimizer_goes_on_by_itself(name, options):
    rng = np.random.default_rng(5)
    ours, _ = start(rng, [(3, 2), (2,), (5000,)])
    optimizer = getattr(scratch, name)(ours, **options)

    def walk(steps, *optimizers):
        for step in range(steps):
            for one in optimizers:
                for p in one.param_groups[0]["params"]:
                    p.grad = np.cos(p.data + step)
                one.step()

    walk(5, optimizer)
    twins = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
    before = [p.data.copy() for p in ours]
    walk(5, *twins)
    assert all(np.array_equal(p.data, b) for p, b in zip(ours, before, strict=True))
    walk(5, optimizer)
    for twin in twins:
        for p, q in zip(ours, twin.param_groups[0]["params"], strict=True):
            assert p is not q
            assert np.array_equal(p.data, q.data)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_float32_stays_float32_and_near_torch(name, options):
    rng = np.random.default_rng(3)
    ours, theirs = start(rng, dtype=np.float32)
    optimizer, reference = getattr(scratch, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    for _ in range(10):
        gradients(rng, ours, theirs)
        for p, q in zip(ours, theirs, strict=True):
            q.grad = torch.tensor(p.grad)  # the very same numbers
        optimizer.step()
        reference.step()
    same(ours, theirs, rtol=1e-3)
    assert {p.data.dtype for p in ours} == {np.dtype(np.float32)}
    arrays = [v for memory in optimizer.state.values() for v in memory.values() if isinstance(v, np.ndarray)]
    assert all(array.dtype == np.float32 for array in arrays)


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_arguments_and_defaults_are_torchs(name):
    ours = inspect.signature(getattr(scratch, name)).parameters
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    for key, parameter in ours.items():
        assert key in theirs
        if key != "params":
            assert parameter.default == theirs[key].default, key
    left_out = {"foreach", "maximize", "capturable", "differentiable", "fused"}
    assert set(theirs) - set(ours) <= left_out
    parameters = [scratch.Parameter([1.0])]
    with pytest.raises(ValueError, match=rf"{name}: the option maximize is not written here; leave it out.*\blr\b"):
        getattr(scratch, name)(parameters, maximize=True)
    getattr(scratch, name)(parameters, maximize=False, foreach=None)  # torch's defaults change nothing


def test_a_gradient_with_another_shape_and_a_rebound_array():
    p, q = scratch.Parameter(np.ones((2, 3))), scratch.Parameter(np.ones(2))
    optimizer = scratch.SGD([p, q], lr=1.0)
    p.grad, q.grad = np.ones((3, 2)), np.ones(2)
    with pytest.raises(ValueError, match=r"\(3, 2\).*\(2, 3\)"):
        optimizer.step()
    p.grad = np.ones((2, 3))
    optimizer.step()
    p.data = np.full((2, 3), 5.0)
    optimizer.step()
    assert p.data.tolist() == [[4.0] * 3] * 2
    assert q.data.tolist() == [-1.0, -1.0]
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda p: scratch.SGD([], lr=0.1), "empty"),
        (lambda p: scratch.SGD([p], lr=-0.1), "lr is -0.1"),
        (lambda p: scratch.SGD([p], momentum=-1), "momentum is -1"),
        (lambda p: scratch.SGD([p], nesterov=True), "nesterov"),
        (lambda p: scratch.Adam([p], betas=(0.9, 1.0)), r"betas are \(0.9, 1.0\)"),
        (lambda p: scratch.Adam([p], eps=-1), "eps is -1"),
        (lambda p: scratch.Adadelta([p], rho=1.5), "rho is 1.5"),
        (lambda p: scratch.Rprop([p], etas=(1.5, 1.2)), "etas"),
        (lambda p: scratch.AdamW([p], weight_decay=-1), "weight_decay is -1"),
        (lambda p: scratch.SGD([p, p]), "twice"),
        (lambda p: scratch.SGD([np.ones(2)]), "ndarray"),
        (lambda p: scratch.SGD([{"params": [p], "betas": (0.9, 0.9)}]), "no option"),
    ],
)
def test_bad_options(attempt, words):
    with pytest.raises(ValueError, match=words):
        attempt(scratch.Parameter([1.0, 2.0]))


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad_norm(max_norm, norm_type):
    rng = np.random.default_rng(0)
    ours, theirs = start(rng)
    gradients(rng, ours, theirs, skip={1})
    total = scratch.clip_grad_norm_(ours, max_norm, norm_type)
    assert total == pytest.approx(float(torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)), rel=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        if q.grad is None:
            assert p.grad is None
        else:
            np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12)
    assert scratch.clip_grad_norm_([scratch.Parameter([1.0])], 1.0) == 0


def test_clip_grad_value():
    p = scratch.Parameter([1.0, 2.0, 3.0])
    p.grad = np.array([-5.0, 0.1, 5.0], np.float32)
    scratch.clip_grad_value_(p, 0.5)
    assert p.grad.tolist() == pytest.approx([-0.5, 0.1, 0.5])
    assert p.grad.dtype == np.float32
    with pytest.raises(ValueError, match="-1"):
        scratch.clip_grad_value_([p], -1)
    with pytest.raises(ValueError, match="-2"):
        scratch.clip_grad_norm_([p], -2)
