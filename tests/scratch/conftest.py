"""torch computes in float64 here, also what it keeps as scalars inside some optimizers; afterwards as before."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _float64():
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    yield
    torch.set_default_dtype(before)
    torch.set_num_threads(threads)
