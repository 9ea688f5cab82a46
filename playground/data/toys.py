"""Data made from formulas. Every function stands alone on NumPy: exported scripts carry its source.

Classes are whole numbers; of two classes, 1 is the one that TensorFlow Playground calls +1 and draws in blue.
The formulas, domains and noises named after it are those of tensorflow/playground (2016), src/dataset.ts.
"""

import numpy as np


def circle(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A disc (class 1) inside a ring, as in TensorFlow Playground.

    Radius U(0, 2.5) for one half and U(3.5, 5) for the other, angle U(0, 2 pi). The class is 1 where
    |p + e| < 2.5 with e ~ U(-5, 5) * noise on each axis: noise moves the test, not the point.
    """
    inner = n // 2
    radius = np.concatenate([rng.uniform(0, 2.5, inner), rng.uniform(3.5, 5, n - inner)])
    angle = rng.uniform(0, 2 * np.pi, n)
    points = np.column_stack([radius * np.sin(angle), radius * np.cos(angle)])
    tested = points + rng.uniform(-5, 5, (n, 2)) * noise
    return points, (np.hypot(*tested.T) < 2.5).astype(np.int64)


def xor(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Opposite quarters share a class, as in TensorFlow Playground.

    x, y ~ U(-5, 5), pushed 0.3 away from both axes. The class is 1 where (x + e)(y + f) >= 0 with
    e, f ~ U(-5, 5) * noise: noise moves the test, not the point.
    """
    points = rng.uniform(-5, 5, (n, 2))
    points += np.where(points > 0, 0.3, -0.3)
    tested = points + rng.uniform(-5, 5, (n, 2)) * noise
    return points, (tested[:, 0] * tested[:, 1] >= 0).astype(np.int64)


def gauss(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two Gaussian clouds, as in TensorFlow Playground.

    Class 1 around (2, 2), class 0 around (-2, -2); the variance grows from 0.5 without noise to 4 at noise 0.5.
    """
    labels = (np.arange(n) < n // 2).astype(np.int64)
    centres = np.where(labels == 1, 2.0, -2.0)[:, np.newaxis]
    return centres + np.sqrt(0.5 + 7 * noise) * rng.standard_normal((n, 2)), labels


def spiral(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two arms of 1.75 turns, as in TensorFlow Playground.

    Point i of an arm: r = 5 i / (n / 2), t = 1.75 * 2 pi i / (n / 2), for class 0 turned by pi;
    (r sin t, r cos t) + U(-1, 1) * noise on each axis.
    """
    labels = (np.arange(n) + 1) % 2
    share = (np.arange(n) // 2) / (n / 2)
    radius = 5 * share
    angle = 1.75 * 2 * np.pi * share + np.where(labels == 1, 0.0, np.pi)
    points = np.column_stack([radius * np.sin(angle), radius * np.cos(angle)])
    return points + rng.uniform(-1, 1, (n, 2)) * noise, labels


def moons(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two half circles that reach into each other, three times as large as scikit-learn's and centred.

    Class 0: (cos t, sin t); class 1: (1 - cos t, 1/2 - sin t); t over 0..pi; then normal noise of standard
    deviation `noise`, minus (1/2, 1/4), times 3.
    """
    upper = n // 2
    labels = (np.arange(n) >= upper).astype(np.int64)
    angle = np.concatenate([np.linspace(0, np.pi, upper), np.linspace(0, np.pi, n - upper)])
    x = np.where(labels == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(labels == 0, np.sin(angle), 0.5 - np.sin(angle))
    points = np.column_stack([x, y]) + rng.normal(0, noise, (n, 2))
    return 3 * (points - [0.5, 0.25]), labels


def arms(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two arms of two full turns without noise, n/2 points each; `rng` is not needed.

    (r cos t, r sin t) with r over 0..1 and t over 0..4 pi; the arm of class 1 is turned by pi.
    """
    first = n // 2
    labels = (np.arange(n) >= first).astype(np.int64)
    share = np.concatenate([np.linspace(0, 1, first), np.linspace(0, 1, n - first)])
    angle = 4 * np.pi * share + np.pi * labels
    return np.column_stack([share * np.cos(angle), share * np.sin(angle)]), labels


def xor4(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The truth table of exclusive or: class 1 where exactly one of two bits is set. `n` is 4; `rng` is not needed."""
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    return bits.astype(np.float64), bits[:, 0] ^ bits[:, 1]


def spirals(n: int, noise: float, classes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One arm of 1.25 turns for each class.

    r grows evenly from 0.5 to 5 along an arm and t = 1.25 * 2 pi (r - 0.5) / 4.5, turned by 2 pi k / classes for
    class k; (r sin t, r cos t) + U(-1, 1) * noise on each axis.
    """
    labels = np.arange(n) % classes
    share = (np.arange(n) // classes) / (n / classes)
    radius = 0.5 + 4.5 * share
    angle = 2 * np.pi * (1.25 * share + labels / classes)
    points = np.column_stack([radius * np.sin(angle), radius * np.cos(angle)])
    return points + rng.uniform(-1, 1, (n, 2)) * noise, labels


def blobs(n: int, noise: float, classes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One Gaussian cloud for each class.

    Centres evenly on a ring of radius 3.5, the first at the top; standard deviation 0.3 + 2 * noise.
    """
    labels = np.arange(n) % classes
    angle = 2 * np.pi * labels / classes
    centres = 3.5 * np.column_stack([np.sin(angle), np.cos(angle)])
    return centres + (0.3 + 2 * noise) * rng.standard_normal((n, 2)), labels


def plane(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A tilted plane, as in TensorFlow Playground.

    x, y ~ U(-6, 6); the value is (x + e + y + f) / 10 with e, f ~ U(-6, 6) * noise.
    """
    points = rng.uniform(-6, 6, (n, 2))
    tested = points + rng.uniform(-6, 6, (n, 2)) * noise
    return points, tested.sum(axis=1) / 10


def multigauss(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six bumps, three up and three down, as in TensorFlow Playground.

    x, y ~ U(-6, 6). Bumps at x in {-4, 0, 4}, y = 2.5 with signs +, -, + and y = -2.5 with signs -, +, -. Each
    falls straight from 1 to 0 over a distance of 2; the largest in absolute value is the value, read at
    (x, y) + U(-6, 6) * noise.
    """
    points = rng.uniform(-6, 6, (n, 2))
    tested = points + rng.uniform(-6, 6, (n, 2)) * noise
    centres = np.array([[-4, 2.5], [0, 2.5], [4, 2.5], [-4, -2.5], [0, -2.5], [4, -2.5]])
    signs = np.array([1, -1, 1, -1, 1, -1])
    distances = np.linalg.norm(tested[:, np.newaxis] - centres, axis=2)  # (n, 6)
    nearest = distances.argmin(axis=1)
    heights = np.maximum(0, 1 - distances[np.arange(n), nearest] / 2)
    return points, signs[nearest] * heights


def sine(n: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A noisy sine: x ~ U(-6, 6), y = sin x + normal noise of standard deviation `noise`."""
    x = rng.uniform(-6, 6, n)
    return x[:, np.newaxis], np.sin(x) + rng.normal(0, noise, n)
