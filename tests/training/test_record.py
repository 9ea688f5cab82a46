"""Nested state as a file and back: every kind of tensor, and nothing stays behind in memory."""

import gc
import tracemalloc

import pytest
import torch
from safetensors.torch import load

from playground.training import record

TENSORS = {
    "weights": torch.linspace(-1, 1, 12).reshape(3, 4),
    "transposed": torch.arange(6.0, dtype=torch.float64).reshape(2, 3).T,
    "half": torch.tensor([0.5, -2.0], dtype=torch.bfloat16),
    "order": torch.tensor([3, 1, 2]),
    "generator": torch.Generator().get_state(),
    "mask": torch.tensor([True, False]),
    "step": torch.tensor(7.0),
    "empty": torch.zeros(0, 5),
    "view": torch.arange(10.0)[2:5],
}


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_comes_back_as_it_was(name):
    tensor = TENSORS[name]
    file = record.dump({"kept": [tensor, (1, "two", None)], 3: {"again": tensor}})
    back = record.parse(file)
    for found in (back["kept"][0], back[3]["again"]):
        assert found.dtype == tensor.dtype
        assert found.shape == tensor.shape
        assert torch.equal(found, tensor)
    assert back["kept"][1] == (1, "two", None)
    assert all(torch.equal(found, tensor) for found in load(file).values()), "any reader of safetensors can read it"


def test_a_history_that_grows_leaves_nothing_behind_in_memory():
    def dump(lengths: range) -> int:
        for length in lengths:
            record.dump({"loss": torch.zeros(length)})
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = dump(range(5_000, 5_010))
        assert dump(range(6_000, 6_300)) - before < 30_000
    finally:
        tracemalloc.stop()
