"""The tape: what torch computed and recorded, and what `backward()` then did, as plain data.

`trace` runs a typed program, `trace_module` a network. Every value is a Node; an Edge leads from an operand to the
operation that uses it, and says what flows back along it. All numbers are floats and nested lists, so that a tape holds
no tensor, no graph and no hook. Three things hold on every tape:

- the `contrib` of the edges out of a node add up to the node's `grad` (the output begins with 1 everywhere);
- `contrib = local * grad of dst`, summed over whatever broadcasting had repeated;
- the `grad` of a leaf is the derivative of the (summed) output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from playground.autograd.expression import ExpressionError, Program, parse
from playground.autograd.operations import numpy_value

if TYPE_CHECKING:
    import torch

Plain = Any
"""A float, nested lists of floats, or None."""
SAVED_SHOWN = 16
"""Numbers of a saved tensor that a node keeps; of larger ones only the shape."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value.

    Attributes:
        id: its place in `Tape.nodes`.
        op: "leaf", "constant", or the operation: "mul", "tanh", "linear" ...
        name: of a leaf, of a parameter, or the name the program gives to it; "" otherwise.
        kind: "leaf", "operation", or why no gradient comes here: "constant", "detached", "no_grad"; "inner" is a part
            of a larger operation, recorded by torch but never handed out.
        span: (start, end) in the program's text; None in a module.
        value: what the forward pass computed; None if it was never handed out or is larger than asked for.
        shape: of the value.
        grad_fn: the name of torch's backward node; None where nothing is recorded.
        grad: dL/dvalue; None where backward did not come.
        order_fwd, order_bwd: the place in the forward and in the backward walk; None where it did not come.
        module: path of the submodule that made it, "loss" for the loss, "" in a program.
        saved: what torch keeps for the backward, by name.
    """

    id: int
    op: str
    name: str = ""
    kind: str = "operation"
    span: tuple[int, int] | None = None
    value: Plain = None
    shape: tuple[int, ...] = ()
    grad_fn: str | None = None
    grad: Plain = None
    order_fwd: int | None = None
    order_bwd: int | None = None
    module: str = ""
    saved: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """One use of an operand.

    Attributes:
        src, dst: ids of the operand and of the operation.
        slot: the place among the operands.
        local: d dst / d src, element by element in dst's shape; a Jacobian that is no such thing (a matrix product's)
            is None. Where dst is one number it may have src's shape.
        contrib: what this edge adds to src's gradient, in src's shape; None if no gradient flows here.
    """

    src: int
    dst: int
    slot: int
    local: Plain = None
    contrib: Plain = None


@dataclass(frozen=True, slots=True)
class Tape:
    """Nodes in forward order, edges by operation and slot.

    Attributes:
        output: id of the node that backward starts from.
        text: the program's text; "" for a module.
        modules: path of every submodule and the name of its class.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    output: int
    text: str = ""
    modules: Mapping[str, str] = field(default_factory=dict)

    @property
    def leaves(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.kind == "leaf")

    def into(self, id: int) -> tuple[Edge, ...]:
        """The edges from the operands of a node."""
        return tuple(edge for edge in self.edges if edge.dst == id)

    def out_of(self, id: int) -> tuple[Edge, ...]:
        """The edges to everything that uses a node."""
        return tuple(edge for edge in self.edges if edge.src == id)


# The backward walk, seen through hooks


@dataclass
class _Walk:
    """What passed the autograd nodes during one backward, by the place of the node in a list."""

    arrived: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    left: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    order: dict[int, int] = field(default_factory=dict)

    def _enter(self, index: int, gradients: tuple[Any, ...]) -> None:
        self.order[index] = len(self.order)
        self.arrived[index] = gradients

    def _leave(self, index: int, contributions: tuple[Any, ...], gradients: tuple[Any, ...]) -> None:
        self.left[index] = contributions

    @classmethod
    def of(cls, output: torch.Tensor, functions: Iterable[Any], retain: bool = False) -> _Walk:
        """Run backward from `output` and write down what arrives at each node and what leaves it.

        The hooks know a node by its number: one that held the node itself would keep the graph alive for ever. They
        are removed in any case, since those on a leaf would fire again in every later backward.
        """
        import torch

        walk, handles = cls(), []
        try:
            for index, function in enumerate(functions):
                handles.append(function.register_prehook(partial(walk._enter, index)))
                handles.append(function.register_hook(partial(walk._leave, index)))
            torch.autograd.backward(output, torch.ones_like(output), retain_graph=retain)
        finally:
            for handle in handles:
                handle.remove()
        return walk


def _function(tensor: torch.Tensor) -> Any:
    """The autograd node that a gradient of `tensor` is sent to: its grad_fn, or a leaf's accumulator."""
    import torch

    return torch.autograd.graph.get_gradient_edge(tensor).node


def _title(function: Any) -> str:
    return function.name().rpartition("::")[2]


def _plain(value: Any, most: int | None = None) -> Plain:
    """A tensor as a float or nested lists; None if it holds more than `most` numbers."""
    if value is None or (most is not None and value.numel() > most):
        return None
    return value.detach().double().tolist()


def _partials(function: Any, *upstream: Any) -> tuple[Any, ...]:
    """The backward formula of a node applied to `upstream`. No hook fires and nothing is freed."""
    import torch

    with torch.no_grad():
        call = getattr(function, "apply", None) or function  # a custom Function's node is not callable
        result = call(*upstream)
    return result if isinstance(result, tuple) else (result,)


@lru_cache(maxsize=512)
def _saved_names(kind: type) -> tuple[str, ...]:
    return tuple(name for name in dir(kind) if name.startswith("_saved_"))


def _saved(function: Any) -> dict[str, Plain]:
    """What a node keeps for its backward: small tensors as numbers, larger ones as the words of their shape."""
    import torch

    found: dict[str, Plain] = {}
    for name in _saved_names(type(function)):  # type: ignore[arg-type]
        try:
            value = getattr(function, name)
        except RuntimeError:  # freed, or edited in place since
            continue
        key = name.removeprefix("_saved_")
        if isinstance(value, torch.Tensor):
            small = value.numel() <= SAVED_SHOWN and not value.is_complex()
            found[key] = _plain(value) if small else f"tensor of shape {tuple(value.shape)}"
        elif isinstance(value, bool | int | float | str):
            found[key] = value
    return found


# Programs


def trace(program: Program | str, values: Mapping[str, Any]) -> Tape:
    """Run a program on fresh float64 leaves, then backward from its output (from the sum of its elements).

    Raises:
        ExpressionError: a value is missing or is no number, or a result is not finite.
    """
    import torch

    program = parse(program) if isinstance(program, str) else program
    leaves = {name: _leaf(program, name, values[name]) for name in program.names if name in values}
    with torch.enable_grad():
        results = program.run(leaves, like=torch.empty(0))
    places = [place for place, result in enumerate(results) if result.requires_grad]
    functions = [_function(results[place]) for place in places]
    number = {place: index for index, place in enumerate(places)}
    locals_ = {place: _step_locals(program, place, results, functions[number[place]]) for place in places}
    saved = {place: _saved(functions[number[place]]) for place in places}
    output = results[program.output]
    walk = _Walk.of(output, functions) if output.requires_grad else _Walk()

    nodes, edges, kinds = [], [], list[str]()
    for place, (step, result) in enumerate(zip(program.steps, results, strict=True)):
        index = number.get(place, -1)
        arrived = walk.arrived.get(index, (None,))[0]
        kinds.append(_kind(step.op, step.no_grad, result.requires_grad, [kinds[arg] for arg in step.args]))
        nodes.append(
            Node(
                id=place,
                op="leaf" if step.op == "input" else step.op,
                name=step.name,
                kind=kinds[place],
                span=step.span,
                value=_plain(result),
                shape=tuple(result.shape),
                grad_fn=_title(functions[index]) if index >= 0 else None,
                grad=_plain(arrived),
                order_fwd=place,
                order_bwd=walk.order.get(index),
                saved=saved.get(place, {}),
            )
        )
        for slot, arg in enumerate(step.args):
            local = locals_[place].get(slot) if place in locals_ and results[arg].requires_grad else None
            contrib = None
            if local is not None and index in walk.left:
                share = walk.left[index][slot]
                contrib = _plain(torch.zeros_like(results[arg]) if share is None else share)
            edges.append(Edge(arg, place, slot, local, contrib))
    return Tape(tuple(nodes), tuple(edges), program.output, program.text)


def _leaf(program: Program, name: str, value: Any) -> torch.Tensor:
    import torch

    try:
        data = numpy_value(value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise program.no_number(name, value, error) from None
    return torch.tensor(data, dtype=torch.float64, requires_grad=True)


def _step_locals(program: Program, place: int, results: list[Any], function: Any) -> dict[int, Plain]:
    """The partial derivative of a step by each of its operands that a gradient flows to."""
    import torch

    step = program.steps[place]
    if step.op == "input":
        return {}
    found: dict[int, Plain] = {}
    for slot, partial_ in enumerate(_partials(function, torch.ones_like(results[place]))):
        if slot >= len(step.args) or not results[step.args[slot]].requires_grad:
            continue
        if partial_ is None:
            partial_ = torch.zeros_like(results[place])
        if step.op in ("sum", "mean"):  # the same for every element
            partial_ = partial_.reshape(-1)[0] if partial_.numel() else torch.zeros(())
        found[slot] = _plain(partial_.expand(results[place].shape))
    return found


def _kind(op: str, no_grad: bool, requires_grad: bool, operands: list[str]) -> str:
    if op == "input":
        return "leaf"
    if requires_grad:
        return "operation"
    if no_grad or op == "no_grad":
        return "constant" if set(operands) <= {"constant"} else "no_grad"
    if op == "detach":
        return "detached"
    return next((kind for kind in ("detached", "no_grad") if kind in operands), "constant")


# Networks


def trace_module(
    module: torch.nn.Module,
    inputs: Any,
    loss: Callable[[Any], torch.Tensor] | None = None,
    most: int | None = None,
) -> Tape:
    """Run a network on copies of its parameters, then backward from `loss(output)`; the module is left as it was.

    Args:
        inputs: a tensor (or array), or a tuple of them for a module of several.
        loss: a function of the output; without one, and where it is no single number, the sum is taken.
        most: the largest number of elements of which values and gradients are kept; all by default.

    Raises:
        ValueError: the output, or what the loss makes of it, is no tensor.
    """
    import torch

    from playground.autograd.recorder import Recorder

    several = isinstance(inputs, tuple) or (isinstance(inputs, list) and all(map(torch.is_tensor, inputs)))
    given = tuple(inputs) if several else (inputs,)
    given = tuple(value if isinstance(value, torch.Tensor) else torch.as_tensor(value) for value in given)
    given = tuple(value.detach().clone().requires_grad_(value.requires_grad) for value in given)
    parameters = {
        name: value.detach().clone().requires_grad_(value.requires_grad) for name, value in module.named_parameters()
    }
    buffers = {name: value.detach().clone() for name, value in module.named_buffers()}
    recorder = Recorder(module)
    for place, value in enumerate(given):
        recorder.know(value, "input" if len(given) == 1 else f"input {place + 1}")
    for name, value in {**parameters, **buffers}.items():
        recorder.know(value, name, name.rpartition(".")[0])
    with torch.enable_grad(), recorder.watching():
        output = torch.func.functional_call(module, {**parameters, **buffers}, given)
        recorder.module = "loss"
        result = output if loss is None else loss(output)
    if not isinstance(result, torch.Tensor):
        raise ValueError(f"the loss is a {type(result).__name__}; it must be a tensor made from the module's output.")
    return recorder.tape(result, most)


__all__ = ["Edge", "ExpressionError", "Node", "Tape", "trace", "trace_module"]
