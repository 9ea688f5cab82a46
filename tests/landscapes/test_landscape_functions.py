"""Every landscape: its minima, its gradient, its curvature; and those that are typed in."""

import numpy as np
import pytest
import torch

from playground.landscapes import LANDSCAPES, from_expression

ALL = [
    *LANDSCAPES.values(),
    LANDSCAPES["rosenbrock"].but({"a": 2.0, "b": 10.0}),
    LANDSCAPES["bowl"].but({"condition": 3.0}),
]
IDS = [f"{landscape.key}-{number}" for number, landscape in enumerate(ALL)]
EVERY = pytest.mark.parametrize("landscape", ALL, ids=IDS)


def derivatives(landscape, x, y):
    """Gradient and Hessian by autograd."""
    point = torch.tensor([x, y], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(landscape.function(*point), point)
    hessian = torch.autograd.functional.hessian(lambda p: landscape.function(*p), point)
    return gradient.numpy(), hessian.numpy()


@EVERY
def test_it_says_what_it_is(landscape):
    assert landscape.label
    assert landscape.source
    assert landscape.formula
    assert landscape.summary.endswith(".")
    (x0, x1), (y0, y1) = landscape.domain
    points = [*landscape.starts, *((x, y) for x, y, _ in (*landscape.minima, *landscape.local_minima))]
    assert len(landscape.starts) >= 1
    assert all(x0 <= x <= x1 and y0 <= y <= y1 for x, y in points)


@EVERY
def test_torch_and_numpy_agree(landscape):
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(*side, 50) for side in landscape.domain)
    values = landscape.function(x, y)
    np.testing.assert_allclose(landscape.function(torch.from_numpy(x), torch.from_numpy(y)).numpy(), values, rtol=1e-12)
    assert landscape.function(float(x[0]), float(y[0])) == pytest.approx(values[0], rel=1e-12)


@EVERY
def test_every_minimum_is_one(landscape):
    for x, y, value in (*landscape.minima, *landscape.local_minima):
        assert landscape.function(x, y) == pytest.approx(value, abs=1e-12)
        gradient, hessian = derivatives(landscape, x, y)
        assert np.abs(gradient).max() < 1e-6
        assert np.linalg.eigvalsh(hessian).min() > 0
        around = np.linspace(0, 2 * np.pi, 60)
        assert (landscape.function(x + 1e-3 * np.cos(around), y + 1e-3 * np.sin(around)) > value).all()


@EVERY
def test_nothing_in_the_picture_is_lower_than_the_minima(landscape):
    if landscape.minima:
        assert landscape.grid(301).min() >= landscape.floor - 1e-9
        assert all(value == pytest.approx(landscape.floor) for _, _, value in landscape.minima)
        assert all(value > landscape.floor + 1e-3 for _, _, value in landscape.local_minima)


@EVERY
def test_the_gradient_equals_central_differences(landscape):
    rng = np.random.default_rng(1)
    for x, y in zip(*(rng.uniform(*side, 20) for side in landscape.domain), strict=True):
        gradient, _ = derivatives(landscape, x, y)
        h = 1e-6
        numeric = [
            (landscape.function(x + h, y) - landscape.function(x - h, y)) / (2 * h),
            (landscape.function(x, y + h) - landscape.function(x, y - h)) / (2 * h),
        ]
        np.testing.assert_allclose(gradient, numeric, rtol=2e-5, atol=1e-6 * (1 + abs(landscape.function(x, y))))


@EVERY
def test_the_hessian_equals_autograd_and_gives_the_largest_stable_rate(landscape):
    for x, y, _ in landscape.minima[:1]:
        if landscape.key == "ackley":  # a tip has no second derivative
            assert landscape.largest_stable_lr() is None
            continue
        _, hessian = derivatives(landscape, x, y)
        np.testing.assert_allclose(landscape.hessian(x, y), hessian, rtol=1e-4, atol=1e-5)
        assert landscape.largest_stable_lr() == pytest.approx(2 / np.linalg.eigvalsh(hessian)[-1], rel=1e-4)
    if not landscape.minima:
        assert landscape.largest_stable_lr() is None


def test_the_numbers_that_the_page_quotes():
    rosenbrock = LANDSCAPES["rosenbrock"]
    assert f"{rosenbrock.largest_stable_lr():.4f}" == "0.0020"
    np.testing.assert_allclose(np.linalg.eigvalsh(rosenbrock.hessian(1, 1)), [0.399, 1001.6], rtol=1e-3)
    bowl = LANDSCAPES["bowl"].but({"condition": 50.0, "angle": 70.0})
    np.testing.assert_allclose(np.linalg.eigvalsh(bowl.hessian(0.3, -0.2)), [1, 50], rtol=1e-6)


def test_arguments_move_the_minimum_and_have_limits():
    assert LANDSCAPES["rosenbrock"].but({"a": 2.0}).minima == ((2.0, 4.0, 0.0),)
    with pytest.raises(ValueError, match=r"b is .*1,000"):
        LANDSCAPES["rosenbrock"].but({"b": 1e9})
    with pytest.raises(ValueError, match="has no argument 'c'"):
        LANDSCAPES["rosenbrock"].but({"c": 1.0})


def test_a_typed_expression_is_a_landscape():
    typed = from_expression("(1 - x)**2 + 100*(y - x**2)**2")
    x, y = np.random.default_rng(0).uniform(-2, 2, (2, 20))
    np.testing.assert_allclose(typed.function(x, y), LANDSCAPES["rosenbrock"].function(x, y), rtol=1e-12)
    assert typed.log
    [(a, b, value)] = typed.minima
    assert (a, b) == pytest.approx((1, 1), abs=1e-6)
    assert value == pytest.approx(0, abs=1e-9)
    assert typed.but({"extent": 2.0}).domain == ((-2, 2), (-2, 2))
    assert from_expression("x - y").minima == ()
    assert from_expression("1/(x*y)").minima == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x**2", "no y"),
        ("3", "no x"),
        ("x + y + z", "'z'"),
        ("sum(x) + y", "adds up a vector"),
        ("detach(x) + y", "false one"),
        ("x +* y", "missing"),
        ("", "no last expression"),
        ("__import__('os').system('true') + x + y", "."),
        ("log(-1-x*x-y*y)", "no finite value"),
        ("x + y" + " + x" * 400, "characters"),
    ],
)
def test_what_is_no_expression_in_x_and_y_is_refused_in_a_sentence(text, words):
    with pytest.raises(ValueError, match=r".+") as caught:
        from_expression(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_extent_is_refused():
    with pytest.raises(ValueError, match="extent is 0"):
        from_expression("x + y", 0)
