"""From a `DataSpec` to arrays: split, features, standardisation, and that nothing leaks."""

import subprocess
import sys

import numpy as np
import pytest

from playground.catalog import DATASETS, FEATURES
from playground.data import features_of, load
from playground.data.features import FUNCTIONS
from playground.spec import DataSpec, Experiment

PARTS = ("train", "val")


def spec_of(name: str, **fields) -> DataSpec:
    return DataSpec(name=name, **fields)


@pytest.mark.parametrize("name", DATASETS)
def test_every_starter_loads(name):
    spec = Experiment.starter(name).data
    data = load(spec)
    assert len(data.x_train) == spec.train_count
    assert len(data.x_train) + len(data.x_val) == spec.args["n"]
    for part in PARTS:
        x, y, raw = (getattr(data, f"{kind}_{part}") for kind in ("x", "y", "raw"))
        assert x.dtype == (np.int64 if spec.tokens else np.float32)
        assert x.shape[1:] == spec.input_shape
        assert y.dtype == (np.int64 if spec.classes else np.float32)
        assert raw.dtype == (np.int64 if spec.tokens else np.float64)
        if not DATASETS[name].tokens:
            assert raw.size == len(x) * DATASETS[name].inputs
        assert y.shape == getattr(data, f"index_{part}").shape == (len(x),)
        assert np.isfinite(x).all()
        assert np.isfinite(y).all()
    if spec.classes:
        assert set(data.y_train) <= set(range(spec.classes))
        assert len(set(data.y_train)) > 0.8 * spec.classes  # a rare character may be at the end of the text


@pytest.mark.parametrize("name", DATASETS)
def test_same_spec_same_arrays(name):
    spec = Experiment.starter(name).data
    first, second = load(spec), load(spec)
    for field in vars(first):
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field))
    other = load(spec.but(seed=1))
    assert np.array_equal(first.index_train, other.index_train) == DATASETS[name].ordered


@pytest.mark.parametrize("name", DATASETS)
def test_the_split_is_a_permutation(name):
    data = load(Experiment.starter(name).data)
    together = np.concatenate([data.index_train, data.index_val])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(together)))


def test_the_split_keeps_points_and_labels_together():
    """The positions lead back to what the formula drew, before it was split."""
    from playground.data.toys import spiral

    points, labels = spiral(n=500, noise=0.0, rng=np.random.default_rng(7))
    data = load(spec_of("spiral", seed=7))
    for part in PARTS:
        index = getattr(data, f"index_{part}")
        np.testing.assert_array_equal(getattr(data, f"raw_{part}"), points[index])
        np.testing.assert_array_equal(getattr(data, f"y_{part}"), labels[index])


def test_no_validation_part():
    data = load(spec_of("circle", train_fraction=1.0))
    assert len(data.x_train) == 500
    assert data.x_val.shape == (0, 2)
    assert data.y_val.shape == data.index_val.shape == (0,)
    assert data.raw_val.shape == (0, 2)


def test_odd_counts():
    data = load(spec_of("spirals", args={"n": 11, "classes": 6}))
    assert (len(data.x_train), len(data.x_val)) == (5, 6)


def test_arrays_cannot_be_written_to():
    data = load(spec_of("circle"))
    with pytest.raises(ValueError, match="read-only"):
        data.x_train[0] = 0


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.standardize])
def test_standardised_by_the_training_part(name):
    data = load(Experiment.starter(name).data)
    x = data.x_train.astype(np.float64)
    varies = np.ptp(data.raw_train, axis=0) > 0
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=0)[varies], 1, atol=1e-5)
    assert (x[:, ~varies] == 0).all()
    if DATASETS[name].task == "regression":
        np.testing.assert_allclose(data.y_train.std(), 1, atol=1e-5)
        assert data.y_std > 10


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.standardize])
def test_nothing_of_the_validation_part_leaks(name, monkeypatch):
    """Whatever the validation samples hold, the training part and the statistics are the same."""
    entry = DATASETS[name]
    module_name, _, function_name = entry.target.rpartition(".")
    module = sys.modules.get(module_name) or __import__(module_name, fromlist=["_"])
    original = getattr(module, function_name)
    spec = Experiment.starter(name).data
    before = load(spec)

    def spoiled(**arguments):
        x, y = original(**arguments)
        x[before.index_val] = 1e6
        if entry.task == "regression":
            y[before.index_val] = -1e6
        return x, y

    monkeypatch.setattr(module, function_name, spoiled)
    after = load(spec)
    np.testing.assert_array_equal(before.x_train, after.x_train)
    np.testing.assert_array_equal(before.y_train, after.y_train)
    assert (before.y_mean, before.y_std) == (after.y_mean, after.y_std)
    assert not np.array_equal(before.x_val, after.x_val)


@pytest.mark.parametrize("seed", range(20))
def test_constant_columns_do_not_explode(seed):
    """With three training samples many columns are constant, and their computed deviation may be a rounding error."""
    for name in ("iris", "diabetes"):
        data = load(spec_of(name, args={"n": 30}, train_fraction=0.1, seed=seed))
        assert np.abs(data.x_val).max() < 1e4
        assert np.isfinite(data.y_val).all()


def test_a_single_training_sample():
    data = load(spec_of("diabetes", args={"n": 10}, train_fraction=0.1))
    assert (data.x_train == 0).all()
    assert (data.y_train, data.y_std) == (0, 1)


def test_a_small_table_is_a_random_subset():
    whole = load(spec_of("iris", train_fraction=1.0))
    some = load(spec_of("iris", args={"n": 60}, train_fraction=1.0))
    rows = {tuple(row) for row in whole.raw_train}
    assert all(tuple(row) in rows for row in some.raw_train)
    assert len(set(some.y_train)) == 3


def test_regression_targets_come_back():
    from sklearn.datasets import load_diabetes

    data = load(spec_of("diabetes"))
    values = load_diabetes(return_X_y=True)[1]
    np.testing.assert_allclose(data.y_val * data.y_std + data.y_mean, values[data.index_val], rtol=1e-5)


def test_ten_features_ask_for_the_sign_of_the_sum():
    data = load(spec_of("ten_features"))
    np.testing.assert_array_equal(data.y_train == 1, data.raw_train.sum(axis=1) > 0)


def test_features():
    points = np.array([[2.0, -3.0], [0.5, 1.0]])
    x, y = points.T
    computed = features_of(points, list(FEATURES))
    assert computed.dtype == np.float32
    expected = np.column_stack([x, y, x * x, y * y, x * y, np.sin(x), np.sin(y)]).astype(np.float32)
    np.testing.assert_array_equal(computed, expected)


def test_every_feature_of_the_catalog_has_its_function():
    assert list(FUNCTIONS) == list(FEATURES)
    assert [function.__name__ for function in FUNCTIONS.values()] == list(FEATURES)


def test_toys_need_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from playground.data import load; from playground.spec import DataSpec;"
        "load(DataSpec(name='spiral')); assert not {'torch', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_global_random_state_is_untouched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for name in DATASETS:
        load(Experiment.starter(name).data)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.image])
def test_a_picture_lies_flat_or_as_an_image(name):
    """The layout changes the shape and nothing else."""
    spec = Experiment.starter(name).data.set(n=60)
    flat, image = load(spec.set(layout="flat")), load(spec.set(layout="image"))
    rows, columns = DATASETS[name].image
    assert spec.set(layout="image").input_shape == image.x_train.shape[1:] == (1, rows, columns)
    assert spec.set(layout="flat").input_shape == flat.x_train.shape[1:] == (rows * columns,)
    np.testing.assert_array_equal(image.x_train.reshape(len(flat.x_train), -1), flat.x_train)
    np.testing.assert_array_equal(image.y_val, flat.y_val)


def test_digits_lie_flat_in_a_link_that_does_not_say_how():
    assert DataSpec.from_text("digits.60").input_shape == (64,)
    assert DataSpec.from_text("digits.60..image").input_shape == (1, 8, 8)


@pytest.mark.parametrize("name", [entry.name for entry in DATASETS.values() if entry.columns])
def test_inputs_are_called_as_their_source_calls_them(name):
    import sklearn.datasets

    called = getattr(sklearn.datasets, f"load_{name}")().feature_names
    assert DATASETS[name].columns == tuple(each.removesuffix(" (cm)") for each in called)
    assert load(Experiment.starter(name).data).columns == DATASETS[name].columns
