"""Layers that change the shape alone, blocks that hold layers, and an activation that is typed."""

from playground.catalog.base import Param
from playground.catalog.layers.base import (
    DOC,
    Args,
    Edit,
    Given,
    LayerEntry,
    Mistake,
    Plan,
    Shape,
    as_square,
    need_features,
    product,
    text,
)


def _flatten(args: Args, given: Given) -> Plan:
    shape, start = given.shape, args["start_dim"]
    if start == 0:
        if product(shape) != 1:
            raise Mistake(
                f"with start_dim=0 mixes the samples: {text(shape)} becomes one long vector",
                "set start_dim to 1",
                Edit(args={"start_dim": 1}),
            )
        return Plan((), dict(args), formula="(N, 1) = (N,)")
    if start > len(shape):
        raise Mistake(
            f"has start_dim {start} but gets {text(shape)} from {given.source}",
            "set start_dim to 1",
            Edit(args={"start_dim": 1}),
        )
    flat = (*shape[: start - 1], product(shape[start - 1 :]))
    numbers = " * ".join(f"{size:,}" for size in shape[start - 1 :]) or "1"
    return Plan(flat, dict(args), formula=f"{numbers} = {flat[-1]:,}")


def _unflatten(args: Args, given: Given) -> Plan:
    need_features(given)
    first, *rest = given.shape
    sizes = tuple(args["unflattened_size"])
    if product(sizes) != first:
        wanted = (1, *as_square(first)) if len(sizes) == 3 else (first, 1)
        raise Mistake(
            f"makes {' * '.join(f'{size:,}' for size in sizes)} = {product(sizes):,} numbers but gets {first:,} "
            f"from {given.source}",
            f"set unflattened_size to {' x '.join(map(str, wanted))}",
            Edit(args={"unflattened_size": wanted}),
        )
    numbers = " * ".join(f"{size:,}" for size in sizes)
    return Plan((*sizes, *rest), {"dim": 1, "unflattened_size": sizes}, formula=f"{first:,} = {numbers}")


def _residual(args: Args, given: Given, inside: Shape) -> Plan:
    shape = given.shape
    count = product(inside)
    formula = f"{text(inside)} + {text(shape)}"
    if not args["projection"]:
        if inside != shape:
            raise Mistake(
                f"adds its input {text(shape)} to what its layers make of it, {text(inside)}, and the shapes differ",
                "set projection to true",
                Edit(args={"projection": True}),
            )
        return Plan(inside, {}, kept=count, formula=formula)
    if len(shape) == len(inside) == 3:
        (channels, *sizes), (out, *places) = shape, inside
        strides = [-(-size // place) for size, place in zip(sizes, places, strict=True)]
        if strides[0] == strides[1] and all((n - 1) // strides[0] + 1 == p for n, p in zip(sizes, places, strict=True)):
            shortcut = {"in_channels": channels, "out_channels": out, "stride": strides[0]}
            weights = channels * out
            formula = f"{text(inside)} + {text(shape)} through a convolution of single pixels, stride {strides[0]}"
            return Plan(inside, {"shortcut": shortcut}, weights, weights * product(places), 2 * count, formula)
    elif shape and len(shape) == len(inside) and shape[:-1] == inside[:-1]:
        shortcut = {"in_features": shape[-1], "out_features": inside[-1]}
        formula = f"{text(inside)} + {text(shape)} through a Linear without bias"
        weights = shape[-1] * inside[-1]
        return Plan(inside, {"shortcut": shortcut}, weights, shape[-1] * count, 2 * count, formula)
    raise Mistake(
        f"cannot bring its input {text(shape)} into the shape that its layers make of it, {text(inside)}",
        "remove it, or keep the number of dimensions inside",
        Edit(remove=1),
    )


def _custom(args: Args, given: Given) -> Plan:
    from playground.autograd.expression import parse  # brings NumPy along, which nothing else here does

    program = parse(args["f"])
    assert program.output == len(program.steps) - 1, "the last step is the result"
    steps = tuple((step.op, step.value) if step.op == "constant" else (step.op, *step.args) for step in program.steps)
    count = product(given.shape) * sum(bool(step.args) for step in program.steps)
    return Plan(given.shape, {"f": args["f"], "steps": steps}, kept=count, formula="each number by itself")


BLOCKS = (
    LayerEntry(
        "Custom",
        "playground.modules.Custom",
        (
            Param(
                "f",
                "expression",
                "x * sigmoid(1.5 * x)",
                help="A formula in x: + - * / **, sin, exp, relu, max(a, b) ...",
            ),
        ),
        r"f(x)",
        "An activation of your own, typed as a formula; torch differentiates it like any other.",
        "https://docs.pytorch.org/docs/stable/notes/extending.html",
        label="custom activation",
        twin=False,
        plan=_custom,
        positional=2,
    ),
    LayerEntry(
        "Residual",
        "playground.modules.Residual",
        (Param("projection", "bool", False, help="Whether a learned layer brings x into the shape of what is added."),),
        r"y = f(x) + x",
        "A shortcut around the layers it holds: they learn what to add to x, and gradients pass by them undiminished.",
        "https://arxiv.org/abs/1512.03385",
        role="units",
        group="Blocks",
        holds=True,
        combine=_residual,
        contents=("GroupNorm", "Tanh"),
        sample=(3,),
    ),
    LayerEntry(
        "Flatten",
        "torch.nn.Flatten",
        (
            Param(
                "start_dim",
                "choice",
                1,
                choices=(1, 0, 2),
                help="1 keeps the samples apart, 2 the channels too. 0 flattens all: (N, 1) becomes (N,).",
            ),
        ),
        r"(N, a, b) \to (N, a \cdot b)",
        "Makes one row of every sample.",
        DOC + "torch.nn.Flatten.html",
        plan=_flatten,
        role="other",
        group="Shape",
        sample=(2, 0),
    ),
    LayerEntry(
        "Unflatten",
        "torch.nn.Unflatten",
        (
            Param(
                "unflattened_size",
                "sizes",
                (1, 8, 8),
                1,
                10**6,
                "What a row becomes: channels, height and width of a picture, or steps and features.",
                label="sizes",
            ),
        ),
        r"(N, a \cdot b) \to (N, a, b)",
        "Makes a picture or a sequence of a row of numbers.",
        DOC + "torch.nn.Unflatten.html",
        plan=_unflatten,
        positional=2,
        role="other",
        group="Shape",
        channels_first=True,
        sample=(64,),
    ),
)
