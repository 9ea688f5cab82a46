"""Sequences: every target follows from its own inputs by the formula."""

import numpy as np
import pytest

from playground.catalog import DATASETS
from playground.data import load, sequences
from playground.fit import findings
from playground.spec import DataSpec, Experiment, LayerSpec


def made(name: str, **args) -> tuple[np.ndarray, np.ndarray]:
    return getattr(sequences, name)(rng=np.random.default_rng(0), **args)


def test_a_wave_goes_on_as_its_last_two_values_say():
    """Without noise x_T = 2 cos(w) x_(T-1) - x_(T-2), with the frequency found from the three values before."""
    x, y = made("wave", n=200, steps=12, noise=0.0)
    values = x[:, :, 0]
    use = np.abs(values[:, -2]) > 0.2
    twice_cosine = (values[use, -1] + values[use, -3]) / values[use, -2]
    np.testing.assert_allclose(y[use], twice_cosine * values[use, -1] - values[use, -2], atol=1e-9)


def test_parity_counts_ones_and_repeats_no_string():
    x, y = made("parity", n=200, steps=8)
    np.testing.assert_array_equal(y, x.sum(axis=(1, 2)).astype(int) % 2)
    assert len({tuple(row) for row in x[:, :, 0]}) == 200
    assert len(made("parity", n=200, steps=3)[0]) == 200  # more strings than there are: some repeat


def test_adding_marks_one_number_in_each_half():
    x, y = made("adding", n=300, steps=11)
    marked = x[:, :, 1].astype(bool)
    assert (marked[:, :5].sum(axis=1) == 1).all()
    assert (marked[:, 5:].sum(axis=1) == 1).all()
    np.testing.assert_allclose(y, np.where(marked, x[:, :, 0], 0).sum(axis=1))
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, rel=0.2)


def test_characters_are_those_that_follow_in_the_text():
    tokens, following = made("characters", n=2000, steps=40, encoding="tokens")
    rows, _ = made("characters", n=2000, steps=40, encoding="one_hot")
    np.testing.assert_array_equal(rows.argmax(axis=2), tokens)
    assert (rows.sum(axis=2) == 1).all()
    np.testing.assert_array_equal(tokens[1:, -1], following[:-1])
    names = DATASETS["characters"].names
    assert "".join(names[token] for token in tokens[0]).startswith("a␣network␣begins")
    assert set(following) == set(range(DATASETS["characters"].tokens))


def test_no_window_of_the_text_validates_what_an_earlier_one_was_trained_on():
    data = load(DataSpec(name="characters", args={"n": 500}, train_fraction=0.8))
    assert data.index_train.max() < data.index_val.min()
    for seed in (1, 2):
        np.testing.assert_array_equal(
            load(DataSpec(name="characters", args={"n": 500}, seed=seed)).index_val[:3], [250, 251, 252]
        )


def test_tokens_want_an_embedding_and_the_cure_works():
    experiment = Experiment.starter("characters")
    (finding, *_) = findings(experiment.but(data=experiment.data.set(encoding="tokens")))
    assert finding.fatal
    assert "whole numbers from 0 to 29" in finding.message
    assert findings(finding.fix) == []
    assert finding.fix.layers[0].name == "Embedding"
    assert finding.fix.outline()[0].out_shape == (8, 16)


def test_an_answer_at_every_step_is_refused_and_the_cure_works():
    experiment = Experiment.starter("adding")
    layers = (LayerSpec(name="Linear", args={"out_features": 8}), LayerSpec(name="Linear", args={"out_features": 1}))
    (finding,) = findings(experiment.but(layers=layers))
    assert "(N, 10, 1)" in finding.message
    assert findings(finding.fix) == []
