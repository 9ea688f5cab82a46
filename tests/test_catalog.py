"""The registries: complete, true to torch, and light."""

import importlib
import inspect

import pytest

from playground.catalog import DATASETS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.models import resolve

TORCH = {**LAYERS, **LOSSES, **OPTIMIZERS, **SCHEDULERS}


@pytest.mark.parametrize("name", TORCH)
def test_entries_name_a_torch_class_and_its_own_arguments_and_defaults(name):
    entry = TORCH[name]
    accepted = inspect.signature(resolve(entry.target).__init__).parameters
    own = entry.target.startswith("playground.modules")
    for param in entry.params:
        if name == "Residual" or (own and getattr(entry, "positional", 0) and param.name not in accepted):
            continue  # what it stands for is made of it by the plan
        assert param.name in accepted
        theirs = accepted[param.name].default
        theirs = getattr(theirs, "__name__", theirs) if inspect.isfunction(theirs) else theirs
        free = name in SCHEDULERS or param.name in ("lr", "p") or _given_by_place(entry, param.name)
        assert free or theirs is inspect.Parameter.empty or param.default == theirs or name == "Softmax", param.name
    assert entry.summary
    assert entry.formula
    assert entry.doc.startswith(("https://docs.pytorch.org/", "https://arxiv.org/"))


def _given_by_place(entry, name: str) -> bool:
    """Whether code always gives the argument, so that its default need not be torch's."""
    return name in list(inspect.signature(resolve(entry.target)).parameters)[: getattr(entry, "positional", 0)]


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
def test_code_gives_by_place_what_the_constructor_demands(name):
    parameters = inspect.signature(resolve(LAYERS[name].target)).parameters.values()
    demanded = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(demanded) <= LAYERS[name].positional or LAYERS[name].positional == 0 == len(demanded)
