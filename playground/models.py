"""From an experiment to an `nn.Module`, with random numbers of its own.

The weights are bit for bit those of `torch.manual_seed(seed)` followed by `nn.Sequential(...)`, but the global
random state is neither read nor changed, so that runs in one process do not disturb each other.
"""

import importlib
import math
from typing import Any

import torch
from torch import Tensor, nn

from playground.catalog import INITS, LAYERS
from playground.catalog.inits import DEFAULT
from playground.shapes import LayerReport, ShapeError, outline, shape_text
from playground.spec import Experiment

__all__ = ["Dropout", "LayerReport", "ShapeError", "build", "initialise", "outline", "resolve", "shape_text"]


class Dropout(nn.Module):
    """`nn.Dropout` that draws from a given generator: x * m / (1 - p) with m ~ Bernoulli(1 - p), any shape.

    On the CPU the values are bit for bit those of `nn.Dropout` under the same generator state.
    """

    def __init__(self, p: float, generator: torch.Generator):
        super().__init__()
        self.p, self.generator = p, generator

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        mask = torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator)
        return x * mask.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def build(experiment: Experiment, generator: torch.Generator, device: torch.device | str = "cpu") -> nn.Sequential:
    """The network of `experiment`, its weights drawn from `generator` (a CPU generator), moved to `device`.

    On an accelerator dropout draws from a generator of that device, seeded as `torch.manual_seed` would.

    Raises:
        ShapeError: a layer cannot take what the layer before it gives.
    """
    device = torch.device(device)
    drawing = generator if device.type == "cpu" else torch.Generator(device).manual_seed(experiment.seed)
    modules: list[nn.Module] = []
    for report in experiment.outline():
        if report.name == "Dropout":
            modules.append(Dropout(report.arguments["p"], drawing))
            continue
        with torch.device("meta"):  # nothing is allocated and nothing is drawn
            module = resolve(LAYERS[report.name].target)(**report.arguments)
        module.to_empty(device="cpu")
        initialise(module, generator)
        modules.append(module)
    for layer, module in zip(experiment.layers, modules, strict=True):
        if layer.init != DEFAULT:
            reinitialise(module, layer.init, generator)
    return nn.Sequential(*modules).to(device)


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """torch's default initialisation of one layer, drawn from `generator`.

    Matrices: U(±1/√fan_in), for the bias as well (He et al., 2015, with a = √5, as in `nn.Linear`). What draws
    nothing (normalisation layers: ones and zeros) resets itself.
    """
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor) and weight.dim() > 1:
        nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
        bias = getattr(module, "bias", None)
        if isinstance(bias, Tensor):
            bound = 1 / math.sqrt(weight[0].numel())
            nn.init.uniform_(bias, -bound, bound, generator=generator)
    elif hasattr(module, "reset_parameters"):
        module.reset_parameters()


def reinitialise(module: nn.Module, rule: str, generator: torch.Generator) -> None:
    """The weight matrices of a layer by a rule of `catalog.INITS`, its biases 0; scales of norms stay."""
    entry = INITS[rule]
    draws = {"generator": generator} if entry.draws else {}
    for name, parameter in module.named_parameters():
        if parameter.dim() > 1:
            resolve(entry.target)(parameter, **entry.keywords, **draws)
        elif "bias" in name:
            nn.init.zeros_(parameter)


def resolve(target: str) -> Any:
    """What a registry entry stands for: `"torch.nn.Linear"` -> the class."""
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)
