"""How a network's tape is made: calls are seen in the forward pass, autograd's nodes and hooks tell the rest.

The graph is autograd's own: its nodes, walked from the loss. The forward pass is watched for what that graph does not
hold: values, names, the module that made them, and everything without a gradient.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from playground.autograd.tape import Edge, Node, Plain, Tape, _partials, _plain, _saved, _title, _Walk

Key = tuple[Any, int]
"""An autograd node and the number of its output: where a gradient is sent."""

ELEMENTWISE = frozenset({
    "Abs", "Add", "Clamp", "ClampMax", "ClampMin", "Cos", "Div", "Elu", "Exp", "Expm1", "Gelu", "Hardsigmoid",
    "Hardswish", "Hardtanh", "LeakyRelu", "Log", "Log1P", "LogSigmoid", "Maximum", "Minimum", "Mish", "Mul", "Neg",
    "Pow", "Reciprocal", "Relu", "Rsub", "Sigmoid", "Silu", "Sin", "Softplus", "Sqrt", "Sub", "Tan", "Tanh",
    "Threshold", "Where",
})  # fmt: skip
"""Backward nodes whose Jacobian is diagonal, so that one number per element tells it."""


@dataclass
class _Seen:
    """A value that the forward pass handed out."""

    time: float
    op: str
    name: str
    kind: str
    module: str
    value: torch.Tensor
    operands: tuple[Any, ...] = ()


class _Mode(TorchFunctionMode):
    """Shows every public call to a recorder; what a call does inside of itself is not seen."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        operands = list(_tensors((args, kwargs)))
        self.recorder.meet(operands)
        result = func(*args, **kwargs)
        self.recorder.made(func, operands, result if result is not None else args[:1])
        return result


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _key(tensor: torch.Tensor) -> Key:
    return (tensor.grad_fn, tensor.output_nr) if tensor.grad_fn is not None else (_accumulator(tensor), 0)


def _accumulator(leaf: torch.Tensor) -> Any:
    """Where a leaf's gradient is added up."""
    with torch.enable_grad():
        function: Any = leaf.view_as(leaf).grad_fn
    return function.next_functions[0][0]


def _wants(tensor: torch.Tensor) -> bool:
    """Whether a gradient can be sent to a tensor.

    A view of a leaf that is made under `no_grad` says that it requires one, but has no place for it.
    """
    return tensor.grad_fn is not None or (tensor.requires_grad and _accumulator(tensor) is not None)


def _kind_of(name: str) -> str:
    """`MulBackward0` -> `Mul`."""
    return name.rstrip("0123456789").removesuffix("Backward")


class Recorder:
    """Watches one forward pass of a module and turns it into a tape."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.root = module
        self.module = ""
        self.time = 0.0
        self.seen: dict[Key, _Seen] = {}  # what a gradient can be sent to
        self.still: dict[int, _Seen] = {}  # what it cannot, by the id of a tensor that is held in `held`
        self.held: list[torch.Tensor] = []

    # the forward pass

    def know(self, tensor: torch.Tensor, name: str, module: str = "") -> None:
        """A tensor that is there before the forward pass."""
        if _wants(tensor):
            self.seen[_key(tensor)] = _Seen(-1, "leaf", name, "leaf", module, tensor.detach().clone())
        else:
            self._keep(tensor, _Seen(-1, "constant", name, "constant", module, tensor.detach().clone()))

    def meet(self, operands: list[torch.Tensor]) -> None:
        """Operands that nobody made before our eyes: leaves and constants from elsewhere."""
        self.time += 1
        for tensor in operands:
            if _wants(tensor):
                if tensor.grad_fn is None and (key := _key(tensor)) not in self.seen:
                    self.seen[key] = _Seen(self.time - 0.5, "leaf", "", "leaf", self.module, tensor.detach().clone())
            elif id(tensor) not in self.still:
                seen = _Seen(self.time - 0.5, "constant", "", "constant", self.module, tensor.detach().clone())
                self._keep(tensor, seen)

    def made(self, func: Any, operands: list[torch.Tensor], results: Any) -> None:
        """The results of a call."""
        name = getattr(func, "__name__", "call")
        if name == "__get__":
            name = getattr(getattr(func, "__self__", None), "__name__", "get")
        op = name.strip("_")
        names = tuple(_key(tensor) if _wants(tensor) else id(tensor) for tensor in operands)
        for tensor in _tensors(results):
            value = tensor.detach().clone()
            if tensor.grad_fn is not None:
                key = _key(tensor)
                if key not in self.seen:
                    used = tuple(name for name in names if name != key)
                    self.seen[key] = _Seen(self.time, op, "", "operation", self.module, value, used)
            elif not _wants(tensor) and id(tensor) not in self.still:
                self._keep(tensor, _Seen(self.time, op, "", self._why(op, operands), self.module, value, names))

    def _why(self, op: str, operands: list[torch.Tensor]) -> str:
        """Why a result has no gradient."""
        kinds = {self.still[id(tensor)].kind for tensor in operands if id(tensor) in self.still}
        needed = any(map(_wants, operands))
        if needed and op in ("detach", "data"):
            return "detached"
        if needed:
            return "no_grad" if not torch.is_grad_enabled() else "constant"
        return next((kind for kind in ("detached", "no_grad") if kind in kinds), "constant")

    def _keep(self, tensor: torch.Tensor, seen: _Seen) -> None:
        self.held.append(tensor)  # while it is held nothing else gets its id
        self.still[id(tensor)] = seen

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Inside of it calls are seen, and the submodule that makes them is known."""
        handles, before = [], list[str]()

        def enter(path: str, *_: Any) -> None:
            before.append(self.module)
            self.module = path

        def leave(*_: Any) -> None:
            self.module = before.pop()

        try:
            for path, module in self.root.named_modules():
                handles.append(module.register_forward_pre_hook(lambda *_, path=path: enter(path)))
                handles.append(module.register_forward_hook(leave))
            with _Mode(self):
                yield
        finally:
            for handle in handles:
                handle.remove()

    # the graph

    def tape(self, output: torch.Tensor, most: int | None) -> Tape:
        """Walk the graph from `output` and from everything seen, run backward, and write it all down."""
        functions = self._functions(output)
        numbers = {function: index for index, function in enumerate(functions)}
        keys = self._keys(output, functions)
        count: dict[Any, int] = {}
        for function, _ in keys:
            count[function] = count.get(function, 0) + 1
        saved = [_saved(function) for function in functions]
        partials = {
            numbers[function]: _local_partials(function, most) for function in functions if count.get(function) == 1
        }
        retain = any(many > 1 for many in count.values())
        walk = _Walk.of(output, functions, retain) if _wants(output) else _Walk()

        times = self._times(keys, functions)
        order: list[Key | int] = sorted([*keys, *self.still], key=lambda key: times[key])
        used = self._used_constants(order)
        order = [key for key in order if not isinstance(key, int) or key in used]
        ids = {key: place for place, key in enumerate(order)}
        places = self._modules(order)
        nodes = [self._node(key, ids[key], numbers, walk, saved, most, places) for key in order]
        edges: list[Edge] = []
        for key in order:
            if isinstance(key, int):
                names = self.still[key].operands
                edges += [Edge(ids[name], ids[key], slot) for slot, name in enumerate(names) if name in ids]
            else:
                shares = self._shares(key, numbers, walk, count[key[0]])
                edges += self._edges(key, ids, partials.get(numbers[key[0]], ()), shares, most)
        modules = {path: type(module).__name__ for path, module in self.root.named_modules()}
        place = ids[_key(output) if _wants(output) else id(output)]
        return Tape(tuple(nodes), tuple(edges), place, "", modules)

    def _functions(self, output: torch.Tensor) -> list[Any]:
        """Every autograd node in reach, each once, found with a list instead of recursion."""
        roots = [function for function, _ in self.seen]
        if _wants(output):
            roots.append(_key(output)[0])
        found = dict.fromkeys(roots)
        waiting = list(found)
        while waiting:
            for function, _ in waiting.pop().next_functions:
                if function is not None and function not in found:
                    found[function] = None
                    waiting.append(function)
        return list(found)

    def _keys(self, output: torch.Tensor, functions: list[Any]) -> list[Key]:
        """Every output of an autograd node that was handed out or is used."""
        keys = dict.fromkeys(self.seen)
        if _wants(output):
            keys[_key(output)] = None
        for function in functions:
            keys.update(dict.fromkeys(key for key in function.next_functions if key[0] is not None))
        return list(keys)

    def _times(self, keys: list[Key], functions: list[Any]) -> dict[Any, tuple[float, float]]:
        """When a value was there: as seen, else shortly before whoever uses it first."""
        first: dict[Any, float] = {}
        for seen in [*self.seen.values(), *self.still.values()]:
            for name in seen.operands:
                user = name[0] if isinstance(name, tuple) else name
                first[user] = min(first.get(user, seen.time), seen.time)
        of_function: dict[Any, list[Key]] = {}
        for key in keys:
            of_function.setdefault(key[0], []).append(key)
        times: dict[Any, tuple[float, float]] = {}
        # users before what they use; the accumulators of leaves, which use nothing, last
        for function in sorted(functions, key=lambda f: (not f.next_functions, -f._sequence_nr())):
            own = of_function.get(function, [])
            seen_at = [self.seen[key].time for key in own if key in self.seen and self.seen[key].time >= 0]
            leaf = not function.next_functions
            time = min(seen_at) if seen_at else first.get(function, self.time) - 0.5 * leaf
            for key in own:
                times[key] = (time, float(function._sequence_nr()) + 1e-3 * key[1])
            for operand, _ in function.next_functions:
                if operand is not None:
                    first[operand] = min(first.get(operand, time), time)
        for number, seen in self.still.items():
            times[number] = (seen.time if seen.time >= 0 else first.get(number, self.time) - 0.5, 0.0)
        return times

    def _modules(self, order: list[Key | int]) -> dict[Any, str]:
        """The module of every autograd node; of one that was not seen, that of its first user."""
        found: dict[Any, str] = {}
        for key in reversed(order):
            if isinstance(key, int):
                continue
            if key in self.seen:
                found[key[0]] = self.seen[key].module
            for operand, _ in key[0].next_functions:
                if operand is not None:
                    found[operand] = found.get(key[0], "")
        return found

    def _used_constants(self, order: list[Key | int]) -> set[int]:
        """Constants that something uses; results without a gradient are shown in any case."""
        used = {name for seen in [*self.seen.values(), *self.still.values()] for name in seen.operands}
        return {key for key in order if isinstance(key, int) and (key in used or self.still[key].op != "constant")}

    def _node(
        self,
        key: Key | int,
        id: int,
        numbers: dict[Any, int],
        walk: _Walk,
        saved: list[Any],
        most: int | None,
        places: dict[Any, str],
    ) -> Node:
        if isinstance(key, int):
            seen = self.still[key]
            shape = tuple(seen.value.shape)
            return Node(id, seen.op, seen.name, seen.kind, None, _plain(seen.value, most), shape, None, None, id, None,
                        seen.module)  # fmt: skip
        function, number = key
        index, known = numbers[function], self.seen.get(key)
        arrived = walk.arrived.get(index)
        grad = arrived[number] if arrived is not None and number < len(arrived) else None
        title = _title(function)
        if known is not None:
            shape = tuple(known.value.shape)
        else:
            metadata: Any = getattr(function, "_input_metadata", ())
            shape = tuple(metadata[number].shape) if number < len(metadata) else ()
        leaf = not function.next_functions and hasattr(function, "variable")
        return Node(
            id=id,
            op=known.op if known else "leaf" if leaf else _kind_of(title).lower(),
            name=known.name if known else "",
            kind=known.kind if known else "leaf" if leaf else "inner",
            value=_plain(known.value, most) if known else None,
            shape=shape,
            grad_fn=title,
            grad=_plain(grad, most),
            order_fwd=id,
            order_bwd=walk.order.get(index),
            module=known.module if known else places.get(function, ""),
            saved=saved[index],
        )

    def _shares(self, key: Key, numbers: dict[Any, int], walk: _Walk, outputs: int) -> tuple[Any, ...] | None:
        """What one output of a node sends to each of its operands; backward is linear, so several outputs add up."""
        function, number = key
        left, arrived = walk.left.get(numbers[function]), walk.arrived.get(numbers[function])
        if left is None or arrived is None or outputs == 1:
            return left
        if arrived[number] is None:
            return None
        alone = [gradient if place == number else None for place, gradient in enumerate(arrived)]
        return _partials(function, *alone)

    def _edges(
        self, key: Key, ids: dict[Any, int], partials: tuple[Any, ...], shares: Any, most: int | None
    ) -> list[Edge]:
        function, _ = key
        edges, free = [], []
        for slot, operand in enumerate(function.next_functions):
            if operand[0] is None:
                free.append(slot)
                continue
            local = partials[slot] if slot < len(partials) else None
            share = shares[slot] if shares is not None and slot < len(shares) else None
            edges.append(Edge(ids[operand], ids[key], slot, _plain(local, most), _plain(share, most)))
        names = [name for name in self.seen[key].operands if isinstance(name, int)] if key in self.seen else []
        after = len(function.next_functions)
        for place, name in enumerate(name for name in names if name in ids):
            slot = free[place] if place < len(free) else after + place - len(free)
            edges.append(Edge(ids[name], ids[key], slot))
        return edges


def _local_partials(function: Any, most: int | None) -> tuple[Plain, ...]:
    """The partial derivatives of an elementwise operation, or of one whose result is a single number."""
    metadata: Any = getattr(function, "_input_metadata", ())
    if not function.next_functions or len(metadata) != 1:
        return ()
    kind, shape = _kind_of(_title(function)), tuple(metadata[0].shape)
    count = 1
    for size in shape:
        count *= size
    if (kind not in ELEMENTWISE and count != 1) or (most is not None and count > most):
        return ()
    try:
        partials = _partials(function, torch.ones(shape, dtype=metadata[0].dtype, device=metadata[0].device))
    except (RuntimeError, TypeError):  # a node that cannot be called alone tells no partials
        return ()
    if kind in ("Sum", "Mean"):  # the same for every element
        return tuple(p.reshape(-1)[0].reshape(shape) if p is not None and p.numel() else None for p in partials)
    if kind in ELEMENTWISE:
        return tuple(None if p is None else p.expand(shape) for p in partials)
    return partials
