"""Gradients through depth: how large the gradient is at every layer of a deep network, from a real tape."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from playground.catalog import LAYERS, lookup

MAX_DEPTH = 100
MAX_WIDTH = 64
MAX_GAIN = 10.0
SAMPLES = 16
"""Inputs that the norms are taken over."""


def activations() -> list[str]:
    """The activations of the catalog, and none at all."""
    return [
        "none",
        *(name for name, entry in LAYERS.items() if entry.role == "activation" and entry.twin and name != "Softmax"),
    ]


@dataclass(frozen=True)
class Layer:
    """Norms at one hidden layer: of its output, of dL/doutput, and of dL/dweight."""

    number: int
    output: float
    gradient: float
    weight: float


def through_depth(depth: int, activation: str, width: int = 16, gain: float = 1.0, seed: int = 0) -> list[Layer]:
    """Norms in a network of `depth` equal layers, Linear(width, width) and activation, on random inputs.

    Weights are drawn from N(0, gain^2 / width): with gain 1 a linear layer keeps the size of what it is given. Biases
    are 0. The loss is the sum of the outputs of the last layer.

    Raises:
        ValueError: a number is out of range, or there is no such activation.
    """
    import torch

    from playground.autograd.tape import trace_module

    for name, value, low, high in (
        ("depth", depth, 1, MAX_DEPTH),
        ("width", width, 1, MAX_WIDTH),
        ("gain", gain, 0.01, MAX_GAIN),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} is {value:g}; it must be between {low:g} and {high:g}.")
    if activation not in activations():
        raise ValueError(f"there is no activation {activation!r}; choose among {', '.join(activations())}.")
    generator = torch.Generator().manual_seed(seed)
    layers: list[torch.nn.Module] = []
    for module in _layers(depth, activation, width):
        if isinstance(module, torch.nn.Linear):
            with torch.no_grad():
                module.weight.normal_(0.0, gain / width**0.5, generator=generator)
                module.bias.zero_()
        layers.append(module)
    x = torch.randn(SAMPLES, width, generator=generator, dtype=torch.float64)
    tape = trace_module(torch.nn.Sequential(*layers), x, torch.sum)
    by_name = {node.name: node for node in tape.nodes if node.name}
    outputs = {node.module: node for node in tape.nodes if node.kind == "operation" and node.module != "loss"}
    per_layer = len(layers) // depth
    found = []
    for number in range(depth):
        output = outputs[str((number + 1) * per_layer - 1)]
        weight = by_name[f"{number * per_layer}.weight"]
        found.append(Layer(number + 1, _norm(output.value), _norm(output.grad), _norm(weight.grad)))
    return found


def _layers(depth: int, activation: str, width: int) -> Iterator:
    import torch

    from playground.models import resolve

    with torch.device("meta"):
        linear = [torch.nn.Linear(width, width, dtype=torch.float64) for _ in range(depth)]
    for layer in linear:
        yield layer.to_empty(device="cpu")
        if activation != "none":
            entry = lookup(LAYERS, activation, "activation")
            made = resolve(entry.target)(**{param.name: param.default for param in entry.params})
            yield made.to(torch.float64)


def _norm(value: object) -> float:
    return float(np.linalg.norm(np.asarray(value, float))) if value is not None else 0.0
