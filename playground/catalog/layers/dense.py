"""Linear layers, activations and dropout, named and parametrised as in `torch.nn`."""

from playground.catalog.base import Param
from playground.catalog.layers.base import (
    DOC,
    LARGEST,
    Args,
    Edit,
    Given,
    LayerEntry,
    Mistake,
    Plan,
    expect,
    inferred,
    need_features,
    product,
    same,
    text,
)


def _linear(args: Args, given: Given) -> Plan:
    features, units = need_features(given), int(args["out_features"])
    expect(args, "in_features", features, "features", given)
    shape = (*given.shape[:-1], units)
    return Plan(
        shape,
        {"in_features": features, "out_features": units, "bias": args["bias"]},
        (features + bool(args["bias"])) * units,
        features * product(shape),
        product(shape),
        f"(N, {features:,}) times ({features:,}, {units:,}) = (N, {units:,})",
    )


def _softmax(args: Args, given: Given) -> Plan:
    need_features(given)
    return same(args, given)


def _dropout(args: Args, given: Given) -> Plan:
    plan = same(args, given)
    return Plan(plan.out_shape, plan.arguments, kept=2 * plan.kept if args["p"] else 0, formula=plan.formula)


def _dropout2d(args: Args, given: Given) -> Plan:
    """torch takes other shapes too, with a warning, and drops something else than channels."""
    if len(given.shape) != 3:
        raise Mistake(
            f"drops channels of pictures (N, channels, height, width) but gets {text(given.shape)} from {given.source}",
            "use Dropout instead",
            Edit(name="Dropout", args={"p": args["p"]}),
        )
    kept = product(given.shape) + given.shape[0] if args["p"] else 0
    return Plan(given.shape, dict(args), kept=kept, formula="each channel by itself")


_SLOPE = Param("negative_slope", "float", 0.01, 0.0, 1.0, "Slope for negative inputs.")

DENSE = (
    LayerEntry(
        "Linear",
        "torch.nn.Linear",
        (
            Param(
                "out_features",
                "int",
                8,
                1,
                LARGEST,
                "How many units the layer has.",
                label="units",
            ),
            Param("bias", "bool", True, help="Whether a learned number is added to every unit."),
            inferred("in_features", "How many numbers arrive"),
        ),
        r"y = x W^\top + b",
        "Every unit is a weighted sum of all inputs, plus a bias.",
        DOC + "torch.nn.Linear.html",
        plan=_linear,
        positional=2,
        role="units",
        group="Dense",
        size="out_features",
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
        (Param("dim", "choice", 1, choices=(1, -1), help="The dimension that sums to 1: the classes."),),
        r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
        "Turns a row of numbers into probabilities. CrossEntropyLoss does this itself.",
        DOC + "torch.nn.Softmax.html",
        plan=_softmax,
    ),
    LayerEntry(
        "Dropout",
        "torch.nn.Dropout",
        (Param("p", "float", 0.5, 0.0, 0.99, "Share of the values set to 0 at every training step."),),
        r"\frac{x \cdot m}{1 - p}, \; m \sim \text{Bernoulli}(1 - p)",
        "Zeroes random values while training, and does nothing while evaluating.",
        DOC + "torch.nn.Dropout.html",
        plan=_dropout,
        role="other",
        group="Dropout",
    ),
    LayerEntry(
        "Dropout2d",
        "torch.nn.Dropout2d",
        (Param("p", "float", 0.5, 0.0, 0.99, "Share of the channels set to 0 at every training step."),),
        r"\frac{x_c \cdot m_c}{1 - p}, \; m_c \sim \text{Bernoulli}(1 - p)",
        "Zeroes whole channels of a picture while training: neighbouring pixels would give single ones away.",
        DOC + "torch.nn.Dropout2d.html",
        plan=_dropout2d,
        role="other",
        group="Dropout",
        channels_first=True,
        sample=(2, 0, 0),
    ),
)
