"""The registries: complete, true to torch, and light."""

import importlib
import inspect

import pytest
import torch

from playground.catalog import DATASETS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.models import resolve
from playground.shapes import outline
from playground.spec import LayerSpec

TORCH = {**LAYERS, **LOSSES, **OPTIMIZERS, **SCHEDULERS}


@pytest.mark.parametrize("name", TORCH)
def test_entries_name_a_torch_class_and_its_own_arguments_and_defaults(name):
    entry = TORCH[name]
    accepted = inspect.signature(resolve(entry.target).__init__).parameters
    for param in entry.params:
        assert param.name in accepted
        theirs = accepted[param.name].default
        free = name in SCHEDULERS or param.name in ("out_features", "lr", "p")  # torch has none, or ours suits a screen
        assert free or theirs is inspect.Parameter.empty or param.default == theirs or name == "Softmax", param.name
    assert entry.summary
    assert entry.formula
    assert entry.doc.startswith("https://docs.pytorch.org/")


@pytest.mark.parametrize("name", [*TORCH, *DATASETS])
def test_defaults_lie_within_their_own_limits_and_survive_the_address_bar(name):
    entry = {**TORCH, **DATASETS}[name]
    args = entry.arguments({}, "here")
    assert entry.arguments(entry.from_text(entry.to_text(args).partition(".")[2], "here"), "here") == args
    for param in entry.params:
        assert param.help or param.name == "noise"


@pytest.mark.parametrize("name", DATASETS)
def test_data_sets_name_a_function_and_have_a_home(name):
    entry = DATASETS[name]
    module, _, function = entry.target.rpartition(".")
    accepted = inspect.signature(getattr(importlib.import_module(module), function)).parameters
    drawn = {"points"} if entry.drawn else set()
    layout = {"layout"} if entry.image else set()
    assert set(accepted) == {param.name for param in entry.params} - layout | drawn | {"rng"}
    assert entry.group
    assert entry.summary


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("features", [1, 5])
def test_shapes_and_parameters_are_those_of_the_real_layer(name, features):
    report = outline([LayerSpec(name=name)], (features,))[0]
    with torch.device("meta"):
        module = resolve(LAYERS[name].target)(**report.arguments)
        output = module(torch.empty(7, features))
    assert tuple(output.shape) == (7, *report.out_shape)
    assert sum(p.numel() for p in module.parameters()) == report.parameters


def test_a_giant_layer_is_outlined_at_once():
    from playground.catalog.layers import LAYERS as layers

    entry = layers["Linear"]
    assert entry.parameters({"out_features": 10**6, "bias": True}, (10**6,)) == 10**12 + 10**6
