"""The network as one nn.Sequential: it is the network of the run."""

import pytest
import torch

from playground.export import to_sequential
from playground.models import build
from playground.spec import Experiment

NETS = {
    "plain": "data=spiral",
    "initialised": "data=iris&net=Linear-he.8~ReLU~LayerNorm~Linear-xavier.3&loss=CrossEntropyLoss",
    "pictures": "data=digits...image&net=Conv2d.8~ReLU~MaxPool2d~Flatten~Linear.10&loss=CrossEntropyLoss",
}


@pytest.mark.parametrize("name", NETS)
def test_run_after_the_seed_it_is_the_runs_network(name):
    experiment = Experiment.from_query(NETS[name])
    namespace: dict = {}
    state = torch.get_rng_state()
    torch.manual_seed(experiment.seed)
    exec(to_sequential(experiment), namespace)
    torch.set_rng_state(state)
    ours = build(experiment, torch.Generator().manual_seed(experiment.seed))
    for (name, a), (other, b) in zip(namespace["model"].state_dict().items(), ours.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(a, b)
