"""The formulas: counts, classes, domains, and what noise does."""

import ast
import inspect

import numpy as np
import pytest

from playground.catalog import DATASETS
from playground.data import toys

TOYS = {name: entry for name, entry in DATASETS.items() if entry.target.startswith("playground.data.toys.")}
COUNTS = (10, 11, 99, 500)


def draw(name: str, seed: int = 0, **changes):
    """The points and targets of a toy with its default arguments, some of them changed."""
    args = {param.name: param.default for param in TOYS[name].params} | changes
    return getattr(toys, name)(**args, rng=np.random.default_rng(seed))


def counts_of(name: str) -> tuple[int, ...]:
    low, high = next((param.low, param.high) for param in TOYS[name].params if param.name == "n")
    return tuple(n for n in COUNTS if low <= n <= high) or (int(low),)


@pytest.mark.parametrize("name", TOYS)
def test_gives_exactly_the_points_that_were_asked_for(name):
    for n in counts_of(name):
        points, targets = draw(name, n=n)
        assert points.shape == (n, TOYS[name].inputs)
        assert targets.shape == (n,)
        assert points.dtype == np.float64
        assert targets.dtype == (np.int64 if TOYS[name].task == "classification" else np.float64)
        assert np.isfinite(points).all()
        assert np.isfinite(targets).all()


@pytest.mark.parametrize("name", TOYS)
def test_the_generator_decides_everything(name):
    np.testing.assert_equal(draw(name, seed=3), draw(name, seed=3))


@pytest.mark.parametrize("name", TOYS)
def test_lies_in_the_domain_of_its_picture(name):
    low, high = TOYS[name].domain
    points, _ = draw(name)
    assert np.mean((points >= low) & (points <= high)) > 0.99


@pytest.mark.parametrize("name", [name for name, entry in TOYS.items() if entry.task == "classification"])
def test_classes_are_all_there_and_of_equal_size(name):
    classes = DATASETS[name].classes or 5
    for n in counts_of(name):
        _, labels = draw(name, n=n, **({} if DATASETS[name].classes else {"classes": 5}))
        sizes = np.bincount(labels)
        assert len(sizes) == classes
        if name != "xor":  # its quarters are hit by chance
            assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("name", TOYS)
def test_stands_alone_on_numpy(name):
    """An exported script carries the source of the function, and `import numpy as np`, and nothing else."""
    function = getattr(toys, name)
    source = inspect.getsource(function)
    ast.parse(source)
    namespace = {"np": np}
    exec(source, namespace)
    args = {param.name: param.default for param in TOYS[name].params}
    np.testing.assert_equal(
        namespace[name](**args, rng=np.random.default_rng(1)), function(**args, rng=np.random.default_rng(1))
    )
    assert function.__doc__


def test_circle_is_a_disc_of_class_1_and_a_gap():
    points, labels = draw("circle", n=1000)
    radius = np.hypot(*points.T)
    assert radius[labels == 1].max() <= 2.5
    assert 3.5 <= radius[labels == 0].min() < radius[labels == 0].max() <= 5


def test_noise_of_circle_and_xor_flips_labels_and_leaves_the_points():
    for name in ("circle", "xor"):
        clean, noisy = draw(name), draw(name, noise=0.5)
        np.testing.assert_array_equal(clean[0], noisy[0])
        assert 0.02 < np.mean(clean[1] != noisy[1]) < 0.4


def test_xor_has_class_1_where_signs_agree_and_stays_off_the_axes():
    points, labels = draw("xor", n=1000)
    np.testing.assert_array_equal(labels == 1, points[:, 0] * points[:, 1] >= 0)
    assert 0.3 <= np.abs(points).min() < np.abs(points).max() <= 5.3


@pytest.mark.parametrize(("noise", "variance"), [(0.0, 0.5), (0.25, 2.25), (0.5, 4.0)])
def test_gauss_has_its_centres_and_variances(noise, variance):
    points, labels = draw("gauss", n=5000, noise=noise)
    for label, centre in ((1, 2), (0, -2)):
        cloud = points[labels == label]
        np.testing.assert_allclose(cloud.mean(axis=0), centre, atol=0.2)
        np.testing.assert_allclose(cloud.var(axis=0), variance, rtol=0.1)


def test_spiral_is_tensorflow_playgrounds():
    """The loop of `genSpiral` in src/dataset.ts, written out."""
    points, labels = draw("spiral", n=200)
    for label, turned in ((1, 0.0), (0, np.pi)):
        arm = points[labels == label]
        for i in range(100):
            r = i / 100 * 5
            t = 1.75 * i / 100 * 2 * np.pi + turned
            np.testing.assert_allclose(arm[i], (r * np.sin(t), r * np.cos(t)), atol=1e-12)


def test_arms_are_the_lessons():
    points, labels = draw("arms", n=400)
    angle, radius = np.linspace(0, 4 * np.pi, 200), np.linspace(0, 1, 200)
    first = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    np.testing.assert_allclose(points[labels == 0], first, atol=1e-12)
    np.testing.assert_allclose(points[labels == 1], -first, atol=1e-12)


def test_xor4_is_the_truth_table():
    points, labels = draw("xor4")
    assert {(int(a), int(b)): int(label) for (a, b), label in zip(points, labels, strict=True)} == {
        (0, 0): 0,
        (0, 1): 1,
        (1, 0): 1,
        (1, 1): 0,
    }


@pytest.mark.parametrize("classes", [3, 4, 5, 6])
def test_spirals_are_one_arm_turned(classes):
    points, labels = draw("spirals", n=60 * classes, noise=0.0, classes=classes)
    first = points[labels == 0]
    for label in range(classes):
        turn = 2 * np.pi * label / classes
        turned = first @ [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        np.testing.assert_allclose(points[labels == label], turned, atol=1e-12)


@pytest.mark.parametrize("classes", [3, 6])
def test_blobs_sit_on_a_ring(classes):
    points, labels = draw("blobs", n=1000 * classes - classes, classes=classes)
    centres = np.array([points[labels == label].mean(axis=0) for label in range(classes)])
    np.testing.assert_allclose(np.hypot(*centres.T), 3.5, atol=0.1)
    assert points[labels == 1].std() < 3.5


def test_moons_are_half_circles_of_radius_3():
    points, labels = draw("moons", noise=0.0)
    np.testing.assert_allclose(np.hypot(*(points[labels == 0] - [-1.5, -0.75]).T), 3)
    np.testing.assert_allclose(np.hypot(*(points[labels == 1] - [1.5, 0.75]).T), 3)


def test_plane_is_a_tenth_of_the_sum():
    points, values = draw("plane")
    np.testing.assert_allclose(values, points.sum(axis=1) / 10)
    assert not np.allclose(draw("plane", noise=0.3)[1], values)


def test_multigauss_is_six_cones():
    points, values = draw("multigauss", n=3000)
    bumps = [(-4, 2.5, 1), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1)]
    for (x, y), value in zip(points, values, strict=True):
        heights = [sign * max(0, 1 - np.hypot(x - a, y - b) / 2) for a, b, sign in bumps]
        np.testing.assert_allclose(value, max(heights, key=abs), atol=1e-12)


def test_sine_is_a_sine():
    x, values = draw("sine", noise=0.0)
    np.testing.assert_allclose(values, np.sin(x[:, 0]))
    assert -6 <= x.min() < x.max() <= 6
