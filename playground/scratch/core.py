"""The three ideas every file of this library builds on: Parameter, Layer and Sequential.

A layer is a function y = f(x, w) that knows its own derivative. `forward` computes y and remembers what the
derivative needs; `backward` receives dL/dy, the gradient of the loss with respect to y, and applies the chain
rule: it returns dL/dx and adds dL/dw to the `grad` of each Parameter. Shapes, names and defaults are torch's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np


class Parameter:
    """A trainable array and, after a backward, the gradient of the loss with respect to it."""

    def __init__(self, data: Any) -> None:
        data = to_numpy(data)
        self.data: np.ndarray = np.array(data, dtype=data.dtype if data.dtype.kind == "f" else np.float64)
        self.grad: np.ndarray | None = None

    def accumulate(self, grad: np.ndarray) -> None:
        """Add `grad` to what is there: a weight used twice receives the sum of both gradients."""
        self.grad = grad if self.grad is None else self.grad + grad

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    def __repr__(self) -> str:
        return f"Parameter(shape={self.data.shape}, dtype={self.data.dtype})"


AS_IN_TORCH = {
    "inplace": False, "device": None, "size_average": None, "reduce": None,
    "maximize": False, "foreach": None, "capturable": False, "differentiable": False, "fused": None,
}  # fmt: skip
"""Options of torch that are not written here, at the values that change nothing."""


class NotWritten(ValueError, TypeError):
    """An option of torch that this library leaves out."""


class Named(type):
    """The class of layers, losses, optimizers and schedules: says so where torch's option is not written here."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        known = cls.__signature__.parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in known.values())
        for key in [] if takes_any else [key for key in options if key not in known]:
            if key not in AS_IN_TORCH or options.pop(key) is not AS_IN_TORCH[key]:
                written = [name for name, p in known.items() if p.kind is not p.VAR_POSITIONAL]
                raise NotWritten(
                    f"{cls.__name__}: the option {key} is not written here; leave it out. "
                    f"There are {', '.join(written) or 'no others'}."
                )
        return super().__call__(*args, **options)

    @property
    def __signature__(cls) -> inspect.Signature:
        """That of the constructor, which `inspect` would take to be the one of `__call__`."""
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])


class Layer(metaclass=Named):
    """The contract of all layers: `forward`, `backward`, `params`, `buffers`, and torch's way of saving them.

    Subclasses fill `params` (trainable) and `buffers` (remembered but not trained, such as running means),
    both keyed as in torch's `state_dict`. `forward` ends with `return self.remember(y, ...)` and `backward`
    begins with `grad_output, (...) = self.recall(grad_output)`.
    """

    training = True
    needs_input_grad = True  # False on the first layer of a network saves the gradient of the data itself

    def __init__(self) -> None:
        self.params: dict[str, Parameter] = {}
        self.buffers: dict[str, np.ndarray] = {}
        self._saved: tuple[Any, ...] | None = None
        self._output: tuple[tuple[int, ...], Any] = ((), None)  # shape and dtype of the last output

    def forward(self, x: Any) -> Any:
        raise NotImplementedError

    def backward(self, grad_output: Any) -> Any:
        raise NotImplementedError

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    def remember(self, output: np.ndarray, *saved: Any) -> np.ndarray:
        """Keep what `backward` will need, and hand the output on."""
        self._saved, self._output = saved, (output.shape, output.dtype)
        return output

    def recall(self, grad_output: Any) -> tuple[np.ndarray, tuple[Any, ...]]:
        """What `forward` kept, and `grad_output` as an array checked against the output's shape."""
        if self._saved is None:
            raise ValueError(f"{self.name}: backward was called before forward; run forward(x) first")
        shape, dtype = self._output
        grad_output = np.asarray(grad_output, dtype)
        if grad_output.shape != shape:
            raise ValueError(
                f"{self.name}: grad_output has shape {grad_output.shape} but the output of the last forward "
                f"has shape {shape}; pass one number per output"
            )
        return grad_output, self._saved

    @property
    def name(self) -> str:
        return type(self).__name__

    def parameters(self) -> list[Parameter]:
        return list(self.params.values())

    def zero_grad(self) -> None:
        for param in self.params.values():
            param.grad = None

    def train(self, mode: bool = True) -> Layer:
        self.training = mode
        return self

    def eval(self) -> Layer:
        return self.train(False)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, under torch's names; `torch.as_tensor` takes each as it is."""
        state = {key: param.data.copy() for key, param in self.params.items()}
        return state | {key: buffer.copy() for key, buffer in self.buffers.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Copy the values of `state_dict` (arrays or torch tensors) into this layer.

        Raises:
            ValueError: a key is missing or unknown, or a shape differs; then nothing has been changed.
        """
        arrays = {key: param.data for key, param in self.params.items()} | self.buffers
        missing = [key for key in arrays if key not in state_dict]
        unknown = [key for key in state_dict if key not in arrays]
        if missing or unknown:
            raise ValueError(
                f"{self.name}: the state_dict does not fit: missing {missing}, unknown {unknown}; "
                f"it must have exactly the keys {list(arrays)}"
            )
        values = {key: to_numpy(state_dict[key]) for key in arrays}
        for key, array in arrays.items():
            if values[key].shape != array.shape:
                raise ValueError(
                    f"{self.name}: '{key}' has shape {values[key].shape} in the state_dict but "
                    f"{array.shape} here; build the layer with the same sizes"
                )
        for key, array in arrays.items():
            array[...] = values[key]

    if not TYPE_CHECKING:  # `layer.weight` reads `layer.params["weight"]`, as in torch

        def __getattr__(self, key: str) -> Any:
            for store in ("params", "buffers"):
                if key in self.__dict__.get(store, ()):
                    return self.__dict__[store][key]
            raise AttributeError(f"{type(self).__name__} has no attribute '{key}'")


class Sequential(Layer):
    """Layers one after the other: y = f_n(... f_2(f_1(x))).

    The chain rule reads the list backwards: each layer turns the gradient of its output into the gradient of
    its input, which is the gradient of the output of the layer before it.
    """

    def __init__(self, *layers: Any) -> None:
        super().__init__()
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            named = dict(layers[0])
        else:
            named = {str(index): layer for index, layer in enumerate(layers)}
        for key, layer in named.items():
            if not isinstance(layer, Layer):
                raise ValueError(f"Sequential: entry '{key}' is {layer!r}, which is not a layer of this library")
        self.named_layers: dict[str, Layer] = named
        self.layers: list[Layer] = list(named.values())
        for key, layer in named.items():
            self.params.update({f"{key}.{name}": param for name, param in layer.params.items()})
            self.buffers.update({f"{key}.{name}": buffer for name, buffer in layer.buffers.items()})

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad_output: Any) -> Any:
        for layer in reversed(self.layers):
            grad_output = layer.backward(grad_output)
            if grad_output is None:  # the layer before has nothing to learn from: indices, or data
                return None
        return grad_output

    def parameters(self) -> list[Parameter]:
        """Every Parameter once, even where two layers share it."""
        return list(dict.fromkeys(self.params.values()))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Layer after layer, the order of torch's keys."""
        layers = self.named_layers.items()
        return {f"{key}.{name}": value for key, layer in layers for name, value in layer.state_dict().items()}

    def train(self, mode: bool = True) -> Layer:
        for layer in self.layers:
            layer.train(mode)
        return super().train(mode)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)


def to_numpy(value: Any) -> np.ndarray:
    """An array from a list, a number, an array, or a torch tensor on any device."""
    for step in ("detach", "cpu"):
        if hasattr(value, step):
            value = getattr(value, step)()
    return np.asarray(value)


def as_float(x: Any) -> np.ndarray:
    """x as an array of floats: float32 and float64 stay what they are, integers become float64."""
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def check_count(layer: str, minimum: int = 1, **values: Any) -> None:
    """Every value must be a whole number of at least `minimum`.

    Raises:
        ValueError: with the name, the value and the limit.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
            raise ValueError(f"{layer}: {name} is {value!r}; it must be a whole number of at least {minimum}")


def check_probability(layer: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{layer}: p is {p}; it is the fraction of values to drop, between 0 and 1")


def uniform(rng: np.random.Generator | None, bound: float, shape: tuple[int, ...], dtype: Any) -> Parameter:
    """A Parameter drawn from U(-bound, bound): with bound = 1/sqrt(fan_in) this is torch's default start."""
    rng = np.random.default_rng() if rng is None else rng
    return Parameter(rng.uniform(-bound, bound, shape).astype(dtype))


@functools.lru_cache(maxsize=64)
def ones(length: int, dtype: Any) -> np.ndarray:
    """The vector 1 of the sum 1ᵀg; kept, because making it takes longer than the product."""
    return np.ones(length, dtype)
