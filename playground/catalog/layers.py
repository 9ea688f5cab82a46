"""Layers of dense networks, named and parametrised as in `torch.nn`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playground.catalog.base import Entry, Param, Value
from playground.limits import LIMITS

Shape = tuple[int, ...]
"""The shape of one sample, without the batch dimension. `()` is a plain number per sample."""

DOC = "https://docs.pytorch.org/docs/stable/generated/"


def _same(args: Mapping[str, Value], shape: Shape) -> Shape:
    return shape


def _no_more(args: Mapping[str, Value], shape: Shape) -> dict[str, Any]:
    return dict(args)


def _none(args: Mapping[str, Value], shape: Shape) -> int:
    return 0


@dataclass(frozen=True)
class LayerEntry(Entry):
    """A layer: what it does to a shape, what it holds, and how it is constructed.

    Attributes:
        shape: (args, input shape) -> output shape; raises ValueError if the input cannot be taken.
        construct: (args, input shape) -> every keyword of the torch constructor, inferred ones included.
        parameters: (args, input shape) -> number of trained values.
        role: 'units' start a new column of the drawn network; 'activation', 'norm' and 'other' belong to it.
        batch_statistics: whether training needs more than one sample in every batch.
    """

    shape: Callable[[Mapping[str, Value], Shape], Shape] = _same
    construct: Callable[[Mapping[str, Value], Shape], dict[str, Any]] = _no_more
    parameters: Callable[[Mapping[str, Value], Shape], int] = _none
    role: str = "activation"
    batch_statistics: bool = False

    @property
    def has_weights(self) -> bool:
        """Whether it holds weight matrices, which can begin in different ways (catalog.inits)."""
        return self.parameters is not _none and self.role not in ("norm", "activation")


def _need_features(name: str, shape: Shape) -> int:
    if not shape:
        raise ValueError(
            f"{name} needs inputs of shape (N, features) but gets (N,): remove Flatten with start_dim=0 before it."
        )
    return shape[-1]


def _linear_shape(args: Mapping[str, Value], shape: Shape) -> Shape:
    _need_features("Linear", shape)
    return (*shape[:-1], int(args["out_features"]))  # type: ignore[arg-type]


def _linear_construct(args: Mapping[str, Value], shape: Shape) -> dict[str, Any]:
    return {"in_features": _need_features("Linear", shape), **args}


def _linear_parameters(args: Mapping[str, Value], shape: Shape) -> int:
    return (_need_features("Linear", shape) + bool(args["bias"])) * int(args["out_features"])  # type: ignore[arg-type]


def _norm_shape(name: str) -> Callable[[Mapping[str, Value], Shape], Shape]:
    def shape_of(args: Mapping[str, Value], shape: Shape) -> Shape:
        _need_features(name, shape)
        return shape

    return shape_of


def _norm_parameters(args: Mapping[str, Value], shape: Shape) -> int:
    affine = args.get("affine", args.get("elementwise_affine", True))
    return 2 * _need_features("Normalisation", shape) if affine else 0


def _flatten_shape(args: Mapping[str, Value], shape: Shape) -> Shape:
    if args["start_dim"] == 1:
        return (math.prod(shape),)
    if math.prod(shape) != 1:
        raise ValueError(
            f"Flatten with start_dim=0 mixes the samples: (N, {', '.join(map(str, shape))}) becomes one long vector. "
            "Set start_dim to 1."
        )
    return ()


_SLOPE = Param("negative_slope", "float", 0.01, 0.0, 1.0, "Slope for negative inputs.")
_EPS = Param("eps", "float", 1e-5, 1e-12, 0.1, "Added to the variance, so that nothing is divided by 0.", scale="log")

LAYERS: dict[str, LayerEntry] = {
    entry.name: entry
    for entry in (
        LayerEntry(
            "Linear",
            "torch.nn.Linear",
            (
                Param(
                    "out_features",
                    "int",
                    8,
                    1,
                    LIMITS.max_units,
                    "How many units the layer has.",
                    label="units",
                ),
                Param("bias", "bool", True, help="Whether a learned number is added to every unit."),
            ),
            r"y = x W^\top + b",
            "Every unit is a weighted sum of all inputs, plus a bias.",
            DOC + "torch.nn.Linear.html",
            shape=_linear_shape,
            construct=_linear_construct,
            parameters=_linear_parameters,
            role="units",
        ),
        LayerEntry(
            "ReLU",
            "torch.nn.ReLU",
            (),
            r"\max(0, x)",
            "Lets positive values through and turns negative ones into 0.",
            DOC + "torch.nn.ReLU.html",
        ),
        LayerEntry(
            "LeakyReLU",
            "torch.nn.LeakyReLU",
            (_SLOPE,),
            r"\max(0, x) + \alpha \min(0, x)",
            "A ReLU that keeps a small slope for negative values, so that no unit dies.",
            DOC + "torch.nn.LeakyReLU.html",
        ),
        LayerEntry(
            "ELU",
            "torch.nn.ELU",
            (Param("alpha", "float", 1.0, 0.01, 10.0, "Where negative values level off: -alpha."),),
            r"x \text{ if } x > 0 \text{ else } \alpha (e^x - 1)",
            "Like ReLU, but smooth below 0, where it levels off at -alpha.",
            DOC + "torch.nn.ELU.html",
        ),
        LayerEntry(
            "GELU",
            "torch.nn.GELU",
            (
                Param(
                    "approximate",
                    "choice",
                    "none",
                    choices=("none", "tanh"),
                    help="'none' uses the error function, 'tanh' its approximation.",
                ),
            ),
            r"x \, \Phi(x)",
            "Weighs every value by the chance that a normal variable is smaller: ReLU with a soft knee.",
            DOC + "torch.nn.GELU.html",
        ),
        LayerEntry(
            "SiLU",
            "torch.nn.SiLU",
            (),
            r"x \, \sigma(x)",
            "The value times its own sigmoid; also called swish.",
            DOC + "torch.nn.SiLU.html",
        ),
        LayerEntry(
            "Sigmoid",
            "torch.nn.Sigmoid",
            (),
            r"\sigma(x) = \frac{1}{1 + e^{-x}}",
            "Squeezes every value into 0 to 1. Its slope is at most 1/4, which shrinks gradients through depth.",
            DOC + "torch.nn.Sigmoid.html",
        ),
        LayerEntry(
            "Tanh",
            "torch.nn.Tanh",
            (),
            r"\tanh x",
            "Squeezes every value into -1 to 1, with slope 1 at 0.",
            DOC + "torch.nn.Tanh.html",
        ),
        LayerEntry(
            "Softmax",
            "torch.nn.Softmax",
            (Param("dim", "choice", 1, choices=(1,), help="The dimension that sums to 1: the classes."),),
            r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
            "Turns a row of numbers into probabilities. CrossEntropyLoss does this itself.",
            DOC + "torch.nn.Softmax.html",
            shape=_norm_shape("Softmax"),
        ),
        LayerEntry(
            "Dropout",
            "torch.nn.Dropout",
            (Param("p", "float", 0.5, 0.0, 0.99, "Share of the values set to 0 at every training step."),),
            r"\frac{x \cdot m}{1 - p}, \; m \sim \text{Bernoulli}(1 - p)",
            "Zeroes random values while training, and does nothing while evaluating.",
            DOC + "torch.nn.Dropout.html",
            role="other",
        ),
        LayerEntry(
            "BatchNorm1d",
            "torch.nn.BatchNorm1d",
            (
                _EPS,
                Param("momentum", "float", 0.1, 0.0, 1.0, "Share of the new batch in the running statistics."),
                Param("affine", "bool", True, help="Whether a scale and a shift are learned for every unit."),
            ),
            r"\frac{x - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}} \gamma + \beta",
            "Standardises every unit over the batch; while evaluating, over what it saw in training.",
            DOC + "torch.nn.BatchNorm1d.html",
            shape=_norm_shape("BatchNorm1d"),
            construct=lambda args, shape: {"num_features": shape[0], **args},
            parameters=_norm_parameters,
            role="norm",
            batch_statistics=True,
        ),
        LayerEntry(
            "LayerNorm",
            "torch.nn.LayerNorm",
            (
                _EPS,
                Param(
                    "elementwise_affine",
                    "bool",
                    True,
                    help="Whether a scale and a shift are learned per unit.",
                ),
            ),
            r"\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \gamma + \beta",
            "Standardises every sample over its own units; the same in training and evaluation.",
            DOC + "torch.nn.LayerNorm.html",
            shape=_norm_shape("LayerNorm"),
            construct=lambda args, shape: {"normalized_shape": shape[-1], **args},
            parameters=_norm_parameters,
            role="norm",
        ),
        LayerEntry(
            "Flatten",
            "torch.nn.Flatten",
            (
                Param(
                    "start_dim",
                    "choice",
                    1,
                    choices=(1, 0),
                    help="1 keeps the samples apart. 0 flattens them too: (N, 1) becomes (N,).",
                ),
            ),
            r"(N, a, b) \to (N, a \cdot b)",
            "Makes one row of every sample.",
            DOC + "torch.nn.Flatten.html",
            shape=_flatten_shape,
            role="other",
        ),
    )
}
