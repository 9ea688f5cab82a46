"""From an experiment to an `nn.Module`, with random numbers of its own.

The weights are bit for bit those of `torch.manual_seed(seed)` followed by `nn.Sequential(...)`, but the global
random state is neither read nor changed, so that runs in one process do not disturb each other.
"""

import importlib
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from playground.catalog import INITS, LAYERS
from playground.catalog.inits import DEFAULT
from playground.shapes import LayerReport, ShapeError, outline, shape_text
from playground.spec import Experiment, LayerSpec

__all__ = [
    "Dropout",
    "LayerReport",
    "ShapeError",
    "build",
    "construct",
    "drawing_from",
    "outline",
    "own_dropout",
    "resolve",
    "shape_text",
]


class drawing_from(TorchDispatchMode):
    """Inside, whatever draws from the global generator draws from the given one instead, in this thread alone.

    So torch's own constructors make their own initial weights, to the bit, without a global seed.
    """

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.generator = generator

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if any(argument.name == "generator" for argument in func._schema.arguments):
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)


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
        return x * self.mask(torch.empty_like(x))

    def mask(self, like: Tensor) -> Tensor:
        """0 or 1 / (1 - p) in the place of every number of `like`."""
        return like.bernoulli_(1 - self.p, generator=self.generator).div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout2d(Dropout):
    """`nn.Dropout2d` that draws from a given generator: one m for every channel of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * self.mask(x.new_empty((*x.shape[:2], 1, 1)))


class _Attention(nn.MultiheadAttention):
    """Self-attention whose dropout draws from a given generator; an `nn.MultiheadAttention` becomes one.

    The values are those of torch's own path with dropout: the projections of (T, N, E) at once, then
    softmax(q s (k s)^T), its dropout, and v.
    """

    generator: torch.Generator

    def forward(self, query: Tensor, *rest: Any, **options: Any) -> tuple[Tensor, Tensor | None]:
        if not self.training or self.dropout == 0:
            return super().forward(query, *rest, **options)
        x = query.transpose(0, 1)  # (T, N, E)
        steps, batch, width = x.shape
        packed = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        packed = packed.unflatten(-1, (3, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
        q, k, v = (  # (N, heads, T, d)
            part.view(steps, batch * self.num_heads, -1).transpose(0, 1).view(batch, self.num_heads, steps, -1)
            for part in packed
        )
        scale = math.sqrt(1 / math.sqrt(self.head_dim))
        weights = ((q * scale) @ (k * scale).transpose(-2, -1)).softmax(-1)
        kept = torch.empty_like(weights).bernoulli_(1 - self.dropout, generator=self.generator)
        mixed = (weights * kept.div_(1 - self.dropout)) @ v
        mixed = mixed.permute(2, 0, 1, 3).contiguous().view(steps * batch, width)
        return self.out_proj(mixed).view(steps, batch, width).transpose(0, 1), None


def build(experiment: Experiment, generator: torch.Generator, device: torch.device | str = "cpu") -> nn.Sequential:
    """The network of `experiment`, its weights drawn from `generator` (a CPU generator), moved to `device`.

    On an accelerator dropout draws from a generator of that device, seeded as `torch.manual_seed` would.

    Raises:
        ShapeError: a layer cannot take what the layer before it gives.
    """
    device = torch.device(device)
    drawing = generator if device.type == "cpu" else torch.Generator(device).manual_seed(experiment.seed)
    model = nn.Sequential(*(construct(report, generator) for report in experiment.outline()))
    _begin(model, experiment.layers, generator)
    return own_dropout(model, drawing).to(device)


def construct(report: LayerReport, generator: torch.Generator) -> nn.Module:
    """The module of one layer, or of a block with what it holds, its weights drawn from `generator`."""
    inside = [construct(inner, generator) for inner in report.layers]
    with drawing_from(generator):
        return resolve(LAYERS[report.name].target)(*inside, **report.arguments)


def own_dropout(module: nn.Module, generator: torch.Generator) -> Any:
    """`module` with everything in it that would draw from the global generator drawing from this one."""
    if type(module) is nn.Dropout:
        return Dropout(module.p, generator)
    if type(module) is nn.Dropout2d:
        return Dropout2d(module.p, generator)
    if isinstance(module, nn.MultiheadAttention) and module.dropout:
        module.__class__, module.generator = _Attention, generator
    for name, child in module.named_children():
        setattr(module, name, own_dropout(child, generator))
    return module


def _begin(modules: Iterable[nn.Module], layers: Iterable[LayerSpec], generator: torch.Generator) -> None:
    """The weights of all layers whose card says how they begin."""
    for layer, module in zip(layers, modules, strict=True):
        if layer.layers:
            _begin(module.body, layer.layers, generator)
        if layer.init != DEFAULT:
            reinitialise(module, layer.init, generator)


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
