"""What a layer entry is: from its arguments and the shape it is given to everything that can be known beforehand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from playground.catalog.base import Entry, Param

Shape = tuple[int, ...]
"""The shape of one sample, without the batch dimension. `()` is a plain number per sample."""
Args = Mapping[str, Any]

DOC = "https://docs.pytorch.org/docs/stable/generated/"
LARGEST = 10**9
"""The largest size that can be described; what can be trained is decided by `playground.limits`."""


@dataclass(frozen=True)
class Given:
    """What arrives at a layer.

    Attributes:
        shape: of one sample.
        tokens: whole numbers 0 to tokens - 1 instead of real numbers; 0 for real numbers.
        source: what it comes from, as a sentence names it.
    """

    shape: Shape
    tokens: int = 0
    source: str = "the input"


@dataclass(frozen=True)
class Plan:
    """What a layer does to one sample, known before anything is allocated.

    Attributes:
        out_shape: shape of the output.
        arguments: every keyword of the constructor, inferred ones included.
        parameters: trained values.
        macs: multiply-adds of one forward pass: matrix products and convolutions, as torch's own counter has it.
        kept: numbers of 4 bytes that the forward makes and keeps until the backward, the output among them. What the
            whole batch shares, such as its statistics, does not count.
        formula: the arithmetic of the shape with its numbers: `(28 + 2*1 - 3)/1 + 1 = 28`.
    """

    out_shape: Shape
    arguments: dict[str, Any]
    parameters: int = 0
    macs: int = 0
    kept: int = 0
    formula: str = ""


@dataclass(frozen=True)
class Edit:
    """A change of the network that mends a mistake.

    Attributes:
        args: arguments of the layer to change.
        name: the layer that takes its place, with its defaults and `args`.
        before: name and arguments of a layer to put in front of it.
        remove: how many layers to take out: 1 for this one, -1 for the one before it.
    """

    args: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    before: tuple[str, dict[str, Any]] | None = None
    remove: int = 0


class Mistake(ValueError):
    """A layer that cannot take its input or its own arguments: what is wrong, and what to do.

    The message is the end of a sentence that begins with the layer: `expects 10 features but gets 8: set ...`.
    """

    def __init__(self, problem: str, cure: str, edit: Edit | None = None):
        super().__init__(f"{problem}: {cure}")
        self.problem, self.cure, self.edit = problem, cure, edit


def same(args: Args, given: Given) -> Plan:
    """The plan of what works on every number by itself."""
    return Plan(given.shape, dict(args), kept=product(given.shape), formula="each number by itself")


@dataclass(frozen=True)
class LayerEntry(Entry):
    """A layer: what it does to a shape, what it holds, and how it is constructed.

    Attributes:
        plan: (args, what arrives) -> the plan; raises Mistake if the input cannot be taken.
        role: 'units' start a new column of the drawn network; 'activation', 'norm' and 'other' belong to it.
        group: what it stands with in a list.
        positional: how many of the constructor's arguments, the first ones, code gives without their names.
        size: the argument that says how wide it is, whose widget stands on the layer's card.
        takes_tokens: whether its input is whole numbers.
        holds: whether it holds layers of its own; then `combine` makes the plan of what they give.
        combine: (args, what arrives, what the layers inside give) -> the plan of the block without its layers.
        contents: the layers that it holds to begin with, as in the address bar; they keep any shape.
        channels_first: whether the first dimension of its output counts units (channels) and the others places.
        batch_statistics: whether training needs more than one sample in every batch.
        sample: shape of a small sample that it can take; 0 stands for a number of one's choice.
        sample_tokens: the same where it takes tokens: how many different ones.
    """

    plan: Callable[[Args, Given], Plan] = same
    role: str = "activation"
    group: str = "Activations"
    positional: int = 0
    size: str = ""
    takes_tokens: bool = False
    holds: bool = False
    combine: Callable[[Args, Given, Shape], Plan] | None = None
    contents: tuple[str, ...] = ()
    channels_first: bool = False
    batch_statistics: bool = False
    sample: Shape = (0,)
    sample_tokens: int = 0

    @property
    def has_weights(self) -> bool:
        """Whether it holds weight matrices, which can begin in different ways (catalog.inits)."""
        return self.role == "units"

    @property
    def bends(self) -> bool:
        """Whether its output is more than a straight-line function of its input."""
        return self.role == "activation" or self.group in ("Sequences", "Attention", "Pooling")

    def planned(self, args: Args, given: Given) -> Plan:
        """`plan`, after a look at what kind of numbers arrive.

        Raises:
            Mistake: the layer cannot take them.
        """
        if given.tokens and not self.takes_tokens:
            raise Mistake(
                f"takes amounts but gets tokens, whole numbers from 0 to {given.tokens - 1}, from {given.source}",
                "put an Embedding before it",
                Edit(before=("Embedding", {"num_embeddings": given.tokens})),
            )
        if self.takes_tokens and not given.tokens:
            raise Mistake(f"looks up whole numbers but gets real ones from {given.source}", "remove it", Edit(remove=1))
        return self.plan(args, given)


def product(shape: Sequence[int]) -> int:
    """Numbers in a sample of this shape."""
    total = 1
    for size in shape:
        total *= size
    return total


def text(shape: Shape) -> str:
    """`(N, 8)`: a shape with its batch dimension, as torch prints it."""
    return f"({', '.join(['N', *map(str, shape)])}{')' if shape else ',)'}"


def inferred(name: str, what: str) -> Param:
    """An argument that follows from the layer before unless it is given."""
    return Param(name, "int", None, 1, LARGEST, f"{what}; it follows from the layer before.")


def expect(args: Args, name: str, found: int, what: str, given: Given) -> None:
    """`args[name]`, where it is given, must be what arrives.

    Raises:
        Mistake: it is something else.
    """
    wanted = args.get(name)
    if wanted is not None and wanted != found:
        raise Mistake(
            f"expects {wanted:,} {what} but gets {found:,} from {given.source}",
            f"set {name} to {found:,}",
            Edit(args={name: found}),
        )


def need_features(given: Given) -> int:
    """The size of the last dimension.

    Raises:
        Mistake: there is none.
    """
    if given.shape:
        return given.shape[-1]
    raise Mistake(
        f"needs inputs of shape (N, features) but gets (N,) from {given.source}",
        "remove Flatten with start_dim=0 before it",
        Edit(remove=-1),
    )


def need_sequence(given: Given) -> tuple[int, int]:
    """(steps, features) of what arrives.

    Raises:
        Mistake: it is no sequence.
    """
    shape = given.shape
    if len(shape) == 2:
        return shape[0], shape[1]
    problem = f"needs a sequence (N, steps, features) but gets {text(shape)} from {given.source}"
    if len(shape) == 1:
        raise Mistake(problem, "put an Unflatten before it", before("Unflatten", unflattened_size=(shape[0], 1)))
    if len(shape) == 3:
        raise Mistake(problem, "put a Flatten with start_dim=2 before it", before("Flatten", start_dim=2))
    raise Mistake(problem, "remove Flatten with start_dim=0 before it", Edit(remove=-1))


def need_image(given: Given) -> tuple[int, int, int]:
    """(channels, height, width) of what arrives.

    Raises:
        Mistake: it is no picture.
    """
    shape = given.shape
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    problem = f"needs pictures (N, channels, height, width) but gets {text(shape)} from {given.source}"
    if not shape:
        raise Mistake(problem, "remove Flatten with start_dim=0 before it", Edit(remove=-1))
    sizes = (1, *as_square(shape[0])) if len(shape) == 1 else (1, shape[0])
    cure = f"put an Unflatten to {' x '.join(map(str, (*sizes, *shape[1:])))} before it"
    raise Mistake(problem, cure, before("Unflatten", unflattened_size=sizes))


def before(name: str, **args: Any) -> Edit:
    """The edit that puts a layer in front."""
    return Edit(before=(name, args))


def as_square(count: int) -> tuple[int, int]:
    """Height and width of a picture of `count` pixels that is as square as it can be: 64 -> (8, 8)."""
    height = next(side for side in range(int(count**0.5), 0, -1) if count % side == 0) if count < 10**8 else 1
    return height, count // height


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is at most `most`."""
    return next(size for size in range(min(most, number), 0, -1) if number % size == 0)
