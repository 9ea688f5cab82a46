"""One-click experiments: a few real lines of torch each, shown as they stand here, and what they answered.

Every experiment is a generator function of `(torch)`. It yields what it wants to say; an exception of torch's ends it
and its message is part of the answer.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Line = tuple[str, Any]
Body = Callable[[Any], Iterator[Line]]


@dataclass(frozen=True)
class Experiment:
    """What to try.

    Attributes:
        body: the lines that run, and that are shown.
        lesson: what it shows, in a sentence or two.
        fails: whether torch refuses it.
    """

    title: str
    body: Body
    lesson: str
    fails: bool = False

    @property
    def code(self) -> str:
        """The lines of the body as a reader would type them."""
        lines = inspect.getsource(self.body).splitlines()[1:]
        text = textwrap.dedent("\n".join(lines))
        return "import torch\n\n" + "\n".join(_typed(line) for line in text.splitlines())


def _typed(line: str) -> str:
    """`yield "x.grad", x.grad` -> `print("x.grad", x.grad)`."""
    indent, found, said = line.partition("yield ")
    return f"{indent}print({said})" if found else line


@dataclass(frozen=True)
class Answer:
    """What came of it: the lines it said, and torch's message if it was refused."""

    lines: tuple[tuple[str, str], ...]
    error: str = ""


def run(experiment: Experiment) -> Answer:
    """Run it here and now."""
    import torch

    lines: list[tuple[str, str]] = []
    try:
        with torch.enable_grad():
            for name, value in experiment.body(torch):
                lines.append((name, str(value)))
    except RuntimeError as error:
        return Answer(tuple(lines), f"{type(error).__name__}: {str(error).strip()}")
    return Answer(tuple(lines))


def _twice(torch: Any) -> Iterator[Line]:
    x = torch.tensor(3.0, requires_grad=True)
    y = x**2
    y.backward()
    yield "x.grad after the first", x.grad
    y.backward()


def _retained(torch: Any) -> Iterator[Line]:
    x = torch.tensor(3.0, requires_grad=True)
    y = x**2
    y.backward(retain_graph=True)
    yield "x.grad after the first", x.grad
    y.backward()
    yield "x.grad after the second", x.grad


def _accumulate(torch: Any) -> Iterator[Line]:
    x = torch.tensor(2.0, requires_grad=True)
    (x**2).backward()
    yield "first backward", x.grad
    (x**2).backward()
    yield "second, without zeroing", x.grad
    x.grad = None
    (x**2).backward()
    yield "third, zeroed before", x.grad


def _zero_grad(torch: Any) -> Iterator[Line]:
    model = torch.nn.Module()
    model.x = torch.nn.Parameter(torch.tensor(2.0))
    for step in (1, 2, 3):
        model.zero_grad()
        (model.x**2).backward()
        yield f"step {step}", model.x.grad


def _detach(torch: Any) -> Iterator[Line]:
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    z = x * x.detach()
    yield "values", (y.item(), z.item())
    y.backward()
    yield "x.grad of x * x", x.grad
    x.grad = None
    z.backward()
    yield "x.grad of x * x.detach()", x.grad


def _no_grad(torch: Any) -> Iterator[Line]:
    x = torch.tensor(3.0, requires_grad=True)
    with torch.no_grad():
        y = x**2
    yield "y.requires_grad", y.requires_grad
    yield "y.grad_fn", y.grad_fn
    y.backward()


def _in_place(torch: Any) -> Iterator[Line]:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    z = (y * y).sum()
    yield "saved y", y
    y.add_(1)
    yield "edited y", y
    z.backward()


def _leaf_in_place(torch: Any) -> Iterator[Line]:
    x = torch.tensor(3.0, requires_grad=True)
    with torch.no_grad():
        x -= 0.1 * 6
    yield "x, inside of no_grad", x
    x -= 0.1 * 6


def _vector(torch: Any) -> Iterator[Line]:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    y.backward(torch.ones(3), retain_graph=True)
    yield "x.grad with a gradient of ones", x.grad
    y.backward()


def _second(torch: Any) -> Iterator[Line]:
    x = torch.tensor(3.0, requires_grad=True)
    y = x**3
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    yield "first derivative, 3x**2", first
    yield "its own grad_fn", first.grad_fn.name()
    (second,) = torch.autograd.grad(first, x)
    yield "second derivative, 6x", second


EXPERIMENTS: dict[str, Experiment] = {
    "twice": Experiment(
        "Backward twice",
        _twice,
        "The first backward frees what the graph had saved, so a second walk has nothing to multiply with.",
        fails=True,
    ),
    "retained": Experiment(
        "Backward twice, retain_graph=True",
        _retained,
        "With retain_graph the saved values stay, and the second gradient is added to the first: 6, then 12.",
    ),
    "accumulate": Experiment(
        "Accumulation: 4, 8, 4",
        _accumulate,
        "backward adds to .grad. Without zeroing the second answer is 8; with it, 4 again.",
    ),
    "zero_grad": Experiment(
        "With zero_grad: 4, 4, 4",
        _zero_grad,
        "zero_grad() of a model, or of its optimizer, before every backward: each step sees its own gradient only.",
    ),
    "detach": Experiment(
        "detach",
        _detach,
        "Same value, other gradient: the detached factor is a constant, so one of the two edges is gone (6, then 3).",
    ),
    "no_grad": Experiment(
        "no_grad",
        _no_grad,
        "Inside of no_grad nothing is recorded, so there is no graph to walk back through.",
        fails=True,
    ),
    "in_place": Experiment(
        "Edit a saved tensor in place",
        _in_place,
        "The product had saved y for its derivative. torch counts the edits of every tensor, and notices.",
        fails=True,
    ),
    "leaf_in_place": Experiment(
        "Edit a leaf in place",
        _leaf_in_place,
        "An update step edits a parameter in place, which is allowed inside of no_grad only.",
        fails=True,
    ),
    "vector": Experiment(
        "Backward of a vector",
        _vector,
        "Which of three outputs is meant? backward needs one number to start from, or a weight for each output.",
        fails=True,
    ),
    "second": Experiment(
        "create_graph: the second derivative",
        _second,
        "With create_graph the backward walk is recorded too, so the gradient has a graph of its own.",
    ),
}
