"""Convolutions and pooling: windows that slide over a line or a picture."""

from collections.abc import Callable, Sequence

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
    before,
    expect,
    inferred,
    need_image,
    product,
    text,
)

MOST = 31
"""Largest kernel, stride, padding and dilation."""


def _window(args: Args, size: int) -> tuple[int, str]:
    """How many places a window takes along an axis of `size`, and the arithmetic."""
    kernel, stride, dilation = args["kernel_size"], args["stride"] or args["kernel_size"], args.get("dilation", 1)
    if args["padding"] == "same":
        return size, f"padding 'same' keeps {size}"
    padded, reach = size + 2 * args["padding"], dilation * (kernel - 1) + 1
    over = padded - reach
    count = over // stride + 1
    if args.get("ceil_mode") and over % stride and count * stride < size + args["padding"]:
        count += 1  # torch: no window begins beyond the picture and its left padding
        return count, f"ceil(({_padded(args, size)} - {kernel})/{stride}) + 1 = {count}"
    reached = str(kernel) if dilation == 1 else f"{dilation}*({kernel} - 1) - 1"
    inner = f"({_padded(args, size)} - {reached})/{stride}"
    return count, f"{f'floor({inner})' if over % stride else inner} + 1 = {count}"


def _padded(args: Args, size: int) -> str:
    return f"{size} + 2*{args['padding']}" if args["padding"] else str(size)


def _places(args: Args, sizes: Sequence[int]) -> tuple[tuple[int, ...], str]:
    """The output's size along each axis, and the arithmetic.

    Raises:
        Mistake: the window is larger than what it slides over.
    """
    for size in sizes:
        if args["padding"] == "same":
            continue
        kernel, dilation = args["kernel_size"], args.get("dilation", 1)
        padded, reach = size + 2 * args["padding"], dilation * (kernel - 1) + 1
        if reach > padded:
            room = f"the {size} places there are" + (f" with a padding of {args['padding']}" if args["padding"] else "")
            fits = (min(sizes) + 2 * args["padding"] - 1) // dilation + 1
            spread = f" with dilation {dilation} covers {reach} places," if dilation > 1 else ""
            raise Mistake(
                f"kernel_size {kernel}{spread} exceeds {room}",
                f"set kernel_size to {fits}",
                Edit(args={"kernel_size": fits, "padding": _allowed_padding(args, fits)}),
            )
    found = [_window(args, size) for size in sizes]
    return tuple(count for count, _ in found), "; ".join(dict.fromkeys(formula for _, formula in found))


def _allowed_padding(args: Args, kernel: int) -> int:
    """The padding, or for pooling as much of it as half of the kernel."""
    return args["padding"] if "out_channels" in args else min(args["padding"], kernel // 2)


def _line(given: Given) -> tuple[int, int]:
    """(channels, length) of what arrives."""
    shape = given.shape
    if len(shape) == 2:
        return shape[0], shape[1]
    problem = f"needs lines (N, channels, length) but gets {text(shape)} from {given.source}"
    if len(shape) == 1:
        raise Mistake(
            problem,
            f"put an Unflatten to 1 x {shape[0]} before it",
            before("Unflatten", unflattened_size=(1, shape[0])),
        )
    if len(shape) == 3:
        raise Mistake(problem, "put a Flatten with start_dim=2 before it", before("Flatten", start_dim=2))
    raise Mistake(problem, "remove Flatten with start_dim=0 before it", Edit(remove=-1))


def _grouped(args: Args, channels: int) -> None:
    groups, out = args["groups"], args["out_channels"]
    if channels % groups or out % groups:
        shares = [size for size in range(1, groups) if channels % size == 0 and out % size == 0]
        raise Mistake(
            f"groups is {groups}, which does not divide {channels:,} channels in and {out:,} out",
            f"set groups to {shares[-1]}",
            Edit(args={"groups": shares[-1]}),
        )


def _convolution(axes: int) -> Callable[[Args, Given], Plan]:
    def plan(args: Args, given: Given) -> Plan:
        channels, *sizes = need_image(given) if axes == 2 else _line(given)
        expect(args, "in_channels", channels, "channels", given)
        _grouped(args, channels)
        if args["padding"] == "same" and args["stride"] != 1:
            raise Mistake(
                f"has padding 'same' with stride {args['stride']}, which torch refuses",
                "set stride to 1",
                Edit(args={"stride": 1}),
            )
        places, formula = _places(args, sizes)
        out, kernel = args["out_channels"], args["kernel_size"] ** axes * channels // args["groups"]
        shape = (out, *places)
        arguments = {"in_channels": channels, **{name: value for name, value in args.items() if name != "in_channels"}}
        count = out * (kernel + bool(args["bias"]))
        return Plan(shape, arguments, count, kernel * product(shape), product(shape), formula)

    return plan


def _transposed(args: Args, given: Given) -> Plan:
    channels, *sizes = need_image(given)
    expect(args, "in_channels", channels, "channels", given)
    _grouped(args, channels)
    stride, padding, kernel, more = args["stride"], args["padding"], args["kernel_size"], args["output_padding"]
    dilation = args["dilation"]
    if more >= max(stride, dilation):
        raise Mistake(
            f"has output_padding {more}, which must be smaller than stride {stride} or dilation {dilation}",
            f"set output_padding to {max(stride, dilation) - 1}",
            Edit(args={"output_padding": max(stride, dilation) - 1}),
        )
    places = tuple((size - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1 for size in sizes)
    if min(places) < 1:
        raise Mistake(
            f"padding {padding} cuts away all of the {min(places) + 2 * padding} places it makes",
            "set padding to 0",
            Edit(args={"padding": 0}),
        )
    reach = str(kernel) if dilation == 1 else f"{dilation}*({kernel} - 1) + 1"
    formula = "; ".join(
        dict.fromkeys(
            f"({size} - 1)*{stride}"
            + (f" - 2*{padding}" if padding else "")
            + f" + {reach}"
            + (f" + {more}" if more else "")
            + f" = {place}"
            for size, place in zip(sizes, places, strict=True)
        )
    )
    out = args["out_channels"]
    shape, weights = (out, *places), kernel**2 * channels * out // args["groups"]
    arguments = {"in_channels": channels, **{name: value for name, value in args.items() if name != "in_channels"}}
    count = weights + bool(args["bias"]) * out
    return Plan(shape, arguments, count, weights * product(sizes), product(shape), formula)


def _pooling(indices: bool) -> Callable[[Args, Given], Plan]:
    """`indices`: whether the place of every largest value is kept, in 8 bytes each."""

    def plan(args: Args, given: Given) -> Plan:
        channels, *sizes = need_image(given)
        if 2 * args["padding"] > args["kernel_size"]:
            raise Mistake(
                f"padding is {args['padding']}, more than half of kernel_size {args['kernel_size']}",
                f"set padding to {args['kernel_size'] // 2}",
                Edit(args={"padding": args["kernel_size"] // 2}),
            )
        places, formula = _places(args, sizes)
        shape = (channels, *places)
        return Plan(shape, dict(args), kept=product(shape) * (3 if indices else 1), formula=formula)

    return plan


def _adaptive(args: Args, given: Given) -> Plan:
    channels, *sizes = need_image(given)
    side = args["output_size"]
    shape = (channels, side, side)
    formula = "; ".join(dict.fromkeys(f"{size} in {side} bins = {side}" for size in sizes))
    return Plan(shape, dict(args), kept=product(shape), formula=formula)


_PADDINGS = (*range(MOST + 1), "same")


def _conv_params(default: int = 8) -> tuple[Param, ...]:
    return (
        Param(
            "out_channels", "int", default, 1, LARGEST, "How many kernels, each giving one channel.", label="channels"
        ),
        Param("kernel_size", "int", 3, 1, MOST, "Side of the window."),
        Param("stride", "int", 1, 1, MOST, "How far the window moves from place to place."),
        Param("padding", "choice", 0, choices=_PADDINGS, help="Zeros around the input; 'same' keeps its size."),
        Param("dilation", "int", 1, 1, MOST, "Distance of the cells under the kernel; 2 leaves every other one out."),
        Param(
            "groups", "int", 1, 1, LARGEST, "Parts that the channels are divided into, each with kernels of its own."
        ),
        Param("bias", "bool", True, help="Whether a learned number is added to every channel."),
        inferred("in_channels", "How many channels arrive"),
    )


def _pool_params() -> tuple[Param, ...]:
    return (
        Param("kernel_size", "int", 2, 1, MOST, "Side of the window."),
        Param("stride", "int", None, 1, MOST, "How far the window moves; as far as it is wide unless given."),
        Param("padding", "int", 0, 0, MOST // 2, "Cells around the input, at most half of the window."),
        Param("ceil_mode", "bool", False, help="Whether a last window may hang over the edge."),
    )


CONVOLUTION = (
    LayerEntry(
        "Conv1d",
        "torch.nn.Conv1d",
        _conv_params(),
        r"y_{o,l} = b_o + \sum_{c,k} W_{o,c,k} \, x_{c,\, l s + k d}",
        "Slides kernels along a line (channels, length): the same weights at every place.",
        DOC + "torch.nn.Conv1d.html",
        plan=_convolution(1),
        positional=3,
        role="units",
        group="Convolution",
        size="out_channels",
        channels_first=True,
        sample=(2, 0),
    ),
    LayerEntry(
        "Conv2d",
        "torch.nn.Conv2d",
        _conv_params(),
        r"y_{o,i,j} = b_o + \sum_{c,u,v} W_{o,c,u,v} \, x_{c,\, i s + u d,\, j s + v d}",
        "Slides kernels over a picture (channels, height, width): each finds one pattern wherever it is.",
        DOC + "torch.nn.Conv2d.html",
        plan=_convolution(2),
        positional=3,
        role="units",
        group="Convolution",
        size="out_channels",
        channels_first=True,
        sample=(1, 0, 0),
    ),
    LayerEntry(
        "ConvTranspose2d",
        "torch.nn.ConvTranspose2d",
        (
            Param("out_channels", "int", 8, 1, LARGEST, "How many channels come out.", label="channels"),
            Param("kernel_size", "int", 2, 1, MOST, "Side of the stamp that every cell leaves."),
            Param("stride", "int", 1, 1, MOST, "How far apart the stamps are: the picture grows by it."),
            Param("padding", "int", 0, 0, MOST, "Cells cut off around the output."),
            Param("output_padding", "int", 0, 0, MOST, "Cells added on one side of the output."),
            Param("groups", "int", 1, 1, LARGEST, "Parts that the channels are divided into."),
            Param("bias", "bool", True, help="Whether a learned number is added to every channel."),
            Param("dilation", "int", 1, 1, MOST, "Distance of the cells of a stamp."),
            inferred("in_channels", "How many channels arrive"),
        ),
        r"y_{o,\, i s + u d,\, j s + v d} \mathrel{+}= W_{c,o,u,v} \, x_{c,i,j}",
        "A convolution backwards: every cell stamps a kernel into a larger picture.",
        DOC + "torch.nn.ConvTranspose2d.html",
        plan=_transposed,
        positional=3,
        role="units",
        group="Convolution",
        size="out_channels",
        channels_first=True,
        sample=(1, 0, 0),
    ),
    LayerEntry(
        "MaxPool2d",
        "torch.nn.MaxPool2d",
        _pool_params(),
        r"y_{c,i,j} = \max_{u,v} x_{c,\, i s + u,\, j s + v}",
        "Keeps the largest value of every window: the picture shrinks, the strongest answers stay.",
        DOC + "torch.nn.MaxPool2d.html",
        plan=_pooling(indices=True),
        positional=1,
        role="other",
        group="Pooling",
        channels_first=True,
        sample=(1, 0, 0),
    ),
    LayerEntry(
        "AvgPool2d",
        "torch.nn.AvgPool2d",
        (
            *_pool_params(),
            Param("count_include_pad", "bool", True, help="Whether the zeros around the input count in the mean."),
        ),
        r"y_{c,i,j} = \frac{1}{k^2} \sum_{u,v} x_{c,\, i s + u,\, j s + v}",
        "Takes the mean of every window: the picture shrinks and blurs.",
        DOC + "torch.nn.AvgPool2d.html",
        plan=_pooling(indices=False),
        positional=1,
        role="other",
        group="Pooling",
        channels_first=True,
        sample=(1, 0, 0),
    ),
    LayerEntry(
        "AdaptiveAvgPool2d",
        "torch.nn.AdaptiveAvgPool2d",
        (Param("output_size", "int", 1, 1, 512, "Side of the picture that comes out, whatever came in."),),
        r"y_{c,i} = \text{mean of } x_{c,\lfloor i H / o \rfloor} \ldots x_{c,\lceil (i+1) H / o \rceil - 1}",
        "Means over as many windows as the output has cells, so that any picture fits the layers after it.",
        DOC + "torch.nn.AdaptiveAvgPool2d.html",
        plan=_adaptive,
        positional=1,
        role="other",
        group="Pooling",
        channels_first=True,
        sample=(1, 0, 0),
    ),
)
