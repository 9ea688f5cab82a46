"""Layers that standardise what passes through them."""

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
    largest_divisor,
    need_features,
    product,
    text,
)


def _batch_norm(args: Args, given: Given, picture: bool) -> Plan:
    need_features(given)
    shape = given.shape
    if (len(shape) == 3) != picture:
        other = "BatchNorm1d" if picture else "BatchNorm2d"
        wanted = "(N, channels, height, width)" if picture else "(N, features) or (N, channels, length)"
        raise Mistake(
            f"takes {wanted} but gets {text(shape)} from {given.source}",
            f"use {other} instead",
            Edit(name=other, args={key: value for key, value in args.items() if key != "num_features"}),
        )
    expect(args, "num_features", shape[0], "channels" if len(shape) > 1 else "features", given)
    arguments = {"num_features": shape[0], **{key: value for key, value in args.items() if key != "num_features"}}
    places = f" over N * {' * '.join(map(str, shape[1:]))} values each" if shape[1:] else " over N values each"
    formula = f"{shape[0]:,} means and variances{places}"
    return Plan(shape, arguments, 2 * shape[0] * bool(args["affine"]), kept=product(shape), formula=formula)


def _layer_norm(args: Args, given: Given) -> Plan:
    features = need_features(given)
    rows = product(given.shape[:-1])
    return Plan(
        given.shape,
        {"normalized_shape": features, **args},
        2 * features * bool(args["elementwise_affine"]),
        kept=product(given.shape) + 2 * rows,
        formula=f"each row of {features:,} by itself",
    )


def _rms_norm(args: Args, given: Given) -> Plan:
    features = need_features(given)
    return Plan(
        given.shape,
        {"normalized_shape": features, **args},
        features * bool(args["elementwise_affine"]),
        kept=product(given.shape) * (1 + bool(args["elementwise_affine"])) + product(given.shape[:-1]),
        formula=f"each row of {features:,} by itself",
    )


def _group_norm(args: Args, given: Given) -> Plan:
    need_features(given)
    channels, groups = given.shape[0], args["num_groups"]
    if channels % groups:
        fits = largest_divisor(channels, groups)
        raise Mistake(
            f"has num_groups {groups:,}, which does not divide the {channels:,} channels from {given.source}",
            f"set num_groups to {fits:,}",
            Edit(args={"num_groups": fits}),
        )
    return Plan(
        given.shape,
        {"num_groups": groups, "num_channels": channels, "eps": args["eps"], "affine": args["affine"]},
        2 * channels * bool(args["affine"]),
        kept=product(given.shape) + 2 * groups,
        formula=f"{channels} channels / {groups} groups = {channels // groups} in each",
    )


_EPS = Param("eps", "float", 1e-5, 1e-12, 0.1, "Added to the variance, so that nothing is divided by 0.", scale="log")
_MOMENTUM = Param("momentum", "float", 0.1, 0.0, 1.0, "Share of the new batch in the running statistics.")

NORMALIZATION = (
    LayerEntry(
        "BatchNorm1d",
        "torch.nn.BatchNorm1d",
        (
            _EPS,
            _MOMENTUM,
            Param("affine", "bool", True, help="Whether a scale and a shift are learned for every unit."),
            inferred("num_features", "How many features or channels arrive"),
        ),
        r"\frac{x - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}} \gamma + \beta",
        "Standardises every unit over the batch; while evaluating, over what it saw in training.",
        DOC + "torch.nn.BatchNorm1d.html",
        plan=lambda args, given: _batch_norm(args, given, picture=False),
        positional=1,
        role="norm",
        group="Normalisation",
        batch_statistics=True,
    ),
    LayerEntry(
        "BatchNorm2d",
        "torch.nn.BatchNorm2d",
        (
            _EPS,
            _MOMENTUM,
            Param("affine", "bool", True, help="Whether a scale and a shift are learned for every channel."),
            inferred("num_features", "How many channels arrive"),
        ),
        r"\frac{x - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} \gamma_c + \beta_c",
        "Standardises every channel over the batch and all places of the picture.",
        DOC + "torch.nn.BatchNorm2d.html",
        plan=lambda args, given: _batch_norm(args, given, picture=True),
        positional=1,
        role="norm",
        group="Normalisation",
        channels_first=True,
        batch_statistics=True,
        sample=(2, 0, 0),
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
        plan=_layer_norm,
        positional=1,
        role="norm",
        group="Normalisation",
    ),
    LayerEntry(
        "RMSNorm",
        "torch.nn.RMSNorm",
        (
            Param(
                "eps",
                "float",
                None,
                1e-12,
                0.1,
                "Added to the mean square; the smallest step of the number type unless given.",
                scale="log",
            ),
            Param("elementwise_affine", "bool", True, help="Whether a scale is learned per unit."),
        ),
        r"\frac{x}{\sqrt{\overline{x^2} + \epsilon}} \gamma",
        "LayerNorm without the mean: divides every sample by its own root mean square.",
        DOC + "torch.nn.RMSNorm.html",
        plan=_rms_norm,
        positional=1,
        role="norm",
        group="Normalisation",
    ),
    LayerEntry(
        "GroupNorm",
        "torch.nn.GroupNorm",
        (
            Param("num_groups", "int", 1, 1, LARGEST, "Groups of channels that are standardised together."),
            _EPS,
            Param("affine", "bool", True, help="Whether a scale and a shift are learned for every channel."),
        ),
        r"\frac{x - \mu_g}{\sqrt{\sigma_g^2 + \epsilon}} \gamma_c + \beta_c",
        "Standardises groups of channels within each sample, so that the batch size does not matter.",
        DOC + "torch.nn.GroupNorm.html",
        plan=_group_norm,
        positional=2,
        role="norm",
        group="Normalisation",
        channels_first=True,
        sample=(2, 0, 0),
    ),
)
