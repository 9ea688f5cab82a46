"""The generator draws torch's numbers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from playground import scratch

SEEDS = st.integers(0, 2**31 - 1)


def both(seed: int) -> tuple[scratch.Generator, torch.Generator]:
    return scratch.Generator(seed), torch.Generator().manual_seed(seed)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 3000), st.integers(1, 500))
def test_orders_and_uniform_numbers_are_torchs_bit_for_bit(seed, count, fan):
    ours, theirs = both(seed)
    assert ours.permutation(count).tolist() == torch.randperm(count, generator=theirs).tolist()
    bound, weight = 1 / math.sqrt(fan), torch.empty(7, fan, dtype=torch.float32)
    nn.init.uniform_(weight, -bound, bound, generator=theirs)
    assert np.array_equal(ours.uniform(-bound, bound, (7, fan)), weight.numpy())
    torch.empty((), dtype=torch.int64).random_(generator=theirs)
    ours.bits(2)
    assert ours.permutation(count).tolist() == torch.randperm(count, generator=theirs).tolist()


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.lists(st.integers(1, 100), min_size=1, max_size=4))
def test_normal_numbers_are_torchs_to_the_last_digit_but_one(seed, counts):
    ours, theirs = both(seed)
    for count in counts:
        expected = torch.empty(count, dtype=torch.float32).normal_(generator=theirs).numpy()
        assert ours.standard_normal((count,)) == pytest.approx(expected, rel=2e-6, abs=2e-6)


@pytest.mark.parametrize("seed", [0, 1, 5489, 2**31 - 1])
def test_doubles_keep_what_bernoulli_keeps(seed):
    ours, theirs = both(seed)
    expected = torch.empty(1000, dtype=torch.float64).uniform_(generator=theirs).numpy()
    assert np.array_equal(1 - ours.random((1000,)), expected)


@pytest.mark.parametrize(
    ("made", "twin"),
    [
        (lambda: nn.Linear(5, 7), lambda own: scratch.Linear(5, 7, **own)),
        (lambda: nn.Conv2d(3, 4, 3), lambda own: scratch.Conv2d(3, 4, 3, **own)),
        (lambda: nn.LSTM(3, 6), lambda own: scratch.LSTM(3, 6, **own)),
        (lambda: nn.GRU(3, 6, num_layers=2), lambda own: scratch.GRU(3, 6, num_layers=2, **own)),
    ],
    ids=["Linear", "Conv2d", "LSTM", "GRU"],
)
def test_a_layer_starts_with_the_weights_that_torch_gives_it(made, twin):
    with torch.random.fork_rng(devices=[]):
        torch.set_default_dtype(torch.float32)  # the fixture of this folder sets it back
        torch.manual_seed(11)
        expected = made().state_dict()
    layer = twin({"rng": scratch.Generator(11), "dtype": np.float32})
    for key, value in layer.state_dict().items():
        assert np.array_equal(value, expected[key].numpy()), key
