"""Tables: scikit-learn's bundled sets, of which `n` rows are kept at random, and one made of normal numbers.

Every function stands alone: exported scripts carry its source. scikit-learn is imported only where it is used.
"""

import numpy as np


def iris(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n of 150 irises: length and width of sepal and petal in cm; setosa, versicolor, virginica (Fisher, 1936)."""
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    kept = np.sort(rng.choice(len(y), n, replace=False))
    return x[kept], y[kept]


def breast_cancer(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n of 569 samples: 30 measurements of cell nuclei; 0 malignant, 1 benign (Wisconsin, 1995)."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    kept = np.sort(rng.choice(len(y), n, replace=False))
    return x[kept], y[kept]


def diabetes(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n of 442 patients: ten measurements in their own units, and the disease a year later (Efron et al., 2004)."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    kept = np.sort(rng.choice(len(y), n, replace=False))
    return x[kept], y[kept]


def digits(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n of 1,797 handwritten digits: 8x8 pixels of 0 to 16, row by row (UCI, 1998)."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    kept = np.sort(rng.choice(len(y), n, replace=False))
    return x[kept], y[kept]


def ten_features(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ten numbers ~ N(0, 1); the class is 1 where their sum is positive."""
    x = rng.standard_normal((n, 10))
    return x, (x.sum(axis=1) > 0).astype(np.int64)
