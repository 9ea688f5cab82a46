"""How weights begin: the entries against torch, and the numbers that a built network has."""

import math

import pytest
import torch

from playground.catalog import INITS, LAYERS
from playground.models import build, resolve
from playground.spec import Experiment

DEEP = "data=spiral&net=Linear{0}.64~Tanh~Linear{0}.64~LayerNorm~Linear{0}.1"


def network(init: str) -> torch.nn.Sequential:
    experiment = Experiment.from_query(DEEP.format("" if init == "default" else f"-{init}"))
    return build(experiment, torch.Generator().manual_seed(experiment.seed))


@pytest.mark.parametrize("name", [name for name in INITS if name != "default"])
def test_weights_are_those_of_torch_drawn_after_the_default_ones_and_biases_are_0(name):
    entry, plain, model = INITS[name], network("default"), network(name)
    generator = torch.Generator()
    state = torch.get_rng_state()
    torch.manual_seed(0)
    for layer in plain:  # what a script would have drawn until here
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    generator.set_state(torch.get_rng_state())
    torch.set_rng_state(state)
    draws = {"generator": generator} if entry.draws else {}
    for index in (0, 2, 4):
        wanted = resolve(entry.target)(torch.empty_like(model[index].weight), **entry.keywords, **draws)
        assert torch.equal(model[index].weight, wanted)
        assert not model[index].bias.any()
    assert torch.equal(model[3].weight, torch.ones(64)), "scales of a normalisation layer stay"


def test_the_spread_is_what_the_formula_says():
    spread = {name: network(name)[2].weight.std().item() for name in INITS}
    wide = {"default": 1 / 192, "xavier": 2 / 128, "he": 2 / 64, "zeros": 0.0, "normal": 1e-4}
    for name, variance in wide.items():
        assert spread[name] == pytest.approx(math.sqrt(variance), rel=0.05)


def test_every_layer_with_weights_has_some_and_no_other():
    for entry in LAYERS.values():
        assert entry.has_weights == (entry.role == "units"), entry.name
