"""Recurrent layers: RNN, LSTM and GRU, with backpropagation through time.

All three repeat one cell over the time steps: h_t = cell(x_t, h_{t-1}). Two things make this fast in NumPy
without hiding the rule. The products W_ih x_t do not wait for h, so all steps share one product before the loop;
and arrays inside are feature-first, (T, features, N), so that every gate is one contiguous block.
The backward runs the same loop from the last step to the first, carrying dL/dh_t, and leaves one array
dL/d(gates): all weight gradients and dx are products with it after the loop.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .core import Layer, check_count, check_probability, uniform
from .dropout import Dropout

State = tuple[np.ndarray, ...]  # (h,) or, for the LSTM, (h, c)


def sigmoid_(z: np.ndarray) -> np.ndarray:
    """1/(1 + exp(-z)), in place: no temporaries in the loop over time."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    return np.reciprocal(z, out=z)


class _Recurrent(Layer):
    """Layers, directions and shapes. A subclass supplies one cell: `scan` over time, and `scan_backward`.

    x: (T, N, input_size), with batch_first (N, T, input_size), or (T, input_size) without a batch.
    Output: the same with hidden_size, twice that if bidirectional. h0, hn: (num_layers·directions, N, hidden_size).
    Layer l+1 reads the output of layer l, [forward, backward] side by side; the backward direction reads x reversed.
    `dropout` acts between layers in training. After `backward`, `grad_h0` (and `grad_c0`) hold the initial state's.
    """

    gates: int  # blocks of hidden_size rows in the weights
    states = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        super().__init__()
        check_count(self.name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        check_probability(self.name, dropout)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.directions = 2 if bidirectional else 1
        self.dtype = np.dtype(dtype)
        rng = np.random.default_rng() if rng is None else rng
        self.dropouts = [Dropout(dropout, rng=rng) for _ in range(num_layers - 1)]
        self.grad_h0: np.ndarray | None = None
        self.grad_c0: np.ndarray | None = None
        rows, bound = self.gates * hidden_size, 1 / math.sqrt(hidden_size)
        for layer in range(num_layers):
            columns = input_size if layer == 0 else hidden_size * self.directions
            for direction in range(self.directions):
                suffix = self._suffix(layer, direction)
                self.params["weight_ih" + suffix] = uniform(rng, bound, (rows, columns), dtype)
                self.params["weight_hh" + suffix] = uniform(rng, bound, (rows, hidden_size), dtype)
                if bias:
                    self.params["bias_ih" + suffix] = uniform(rng, bound, (rows,), dtype)
                    self.params["bias_hh" + suffix] = uniform(rng, bound, (rows,), dtype)

    def scan(
        self, gates_x: np.ndarray, state: State, weight_hh: np.ndarray, bias_hh: np.ndarray
    ) -> tuple[np.ndarray, State, tuple[Any, ...]]:
        """All steps of one layer in one direction.

        gates_x: (T, gates·H, N) is W_ih x + b_ih and may be overwritten; bias_hh: (gates·H, 1) or 0.
        Returns every h (T+1, H, N) with the initial one first, the last state, and what the backward needs.
        """
        raise NotImplementedError

    def scan_backward(
        self, grad_h: np.ndarray, grad_state: State, hidden: np.ndarray, weight_hh: np.ndarray, saved: tuple[Any, ...]
    ) -> tuple[np.ndarray, np.ndarray, State]:
        """grad_h: (T, H, N), grad_state: of the last state. Returns dL/d(W_ih x + b_ih), dL/d(W_hh h + b_hh), both
        (T, gates·H, N), and the gradient of the initial state."""
        raise NotImplementedError

    def forward(self, x: Any, state: Any = None) -> tuple[np.ndarray, Any]:
        x, batched = self._sequence(x)  # (T, I, N)
        steps, _, batch = x.shape
        start = self._start(state, batch, batched)
        final: list[np.ndarray] = [np.empty_like(s) for s in start]
        scans = []
        with np.errstate(over="ignore"):  # exp(-z) may become inf: 1/(1 + inf) = 0 is right
            for layer in range(self.num_layers):
                if layer:
                    self.dropouts[layer - 1].train(self.training)
                    x = self.dropouts[layer - 1].forward(x)
                outputs = []
                for direction in range(self.directions):
                    w_ih, w_hh, b_ih, b_hh = self._weights(layer, direction)
                    index = layer * self.directions + direction
                    seen = x[::-1] if direction else x
                    gates_x = np.matmul(w_ih, seen)  # (T, gates·H, N)
                    gates_x += b_ih
                    hidden, last, saved = self.scan(gates_x, tuple(s[index] for s in start), w_hh, b_hh)
                    for into, value in zip(final, last, strict=True):
                        into[index] = value
                    outputs.append(hidden[:0:-1] if direction else hidden[1:])
                    scans.append((seen, hidden, saved))
                x = np.concatenate(outputs, axis=1) if len(outputs) > 1 else outputs[0]  # (T, directions·H, N)
        self._saved, self._steps, self._batch, self._batched = (scans,), steps, batch, batched
        return self._as_given(x, batched), self._pack([s.swapaxes(1, 2) for s in final], batched)

    def backward(self, grad_output: Any) -> np.ndarray:
        """grad_output: (g_out, g_hn), for the LSTM (g_out, (g_hn, g_cn)); None stands for zeros."""
        if self._saved is None:
            raise ValueError(f"{self.name}: backward was called before forward; run forward(x) first")
        (scans,) = self._saved
        grad, grad_state = self._grads(grad_output)  # (T, directions·H, N), and (layers·directions, H, N) each
        grad_start = [np.empty_like(s) for s in grad_state]
        size = self.hidden_size
        for layer in reversed(range(self.num_layers)):
            grad_x: Any = 0
            for direction in range(self.directions):
                index = layer * self.directions + direction
                seen, hidden, saved = scans[index]
                w_ih, w_hh, _, _ = self._weights(layer, direction)
                grad_h = grad[:, direction * size : (direction + 1) * size]
                grad_h = grad_h[::-1] if direction else grad_h
                last = tuple(s[index] for s in grad_state)
                from_x, from_h, first = self.scan_backward(grad_h, last, hidden, w_hh, saved)
                for into, value in zip(grad_start, first, strict=True):
                    into[index] = value
                self._accumulate(layer, direction, seen, hidden[:-1], from_x, from_h)
                grad_seen = np.matmul(w_ih.T, from_x)  # (T, I, N)
                grad_x = grad_x + (grad_seen[::-1] if direction else grad_seen)
            grad = self.dropouts[layer - 1].backward(grad_x) if layer else grad_x
        packed = [self._unbatch(s.swapaxes(1, 2)) for s in grad_start]
        self.grad_h0, self.grad_c0 = packed[0], packed[1] if self.states == 2 else None
        return self._as_given(grad, self._batched)

    def _accumulate(
        self, layer: int, direction: int, x: np.ndarray, h: np.ndarray, from_x: np.ndarray, from_h: np.ndarray
    ) -> None:
        """The sum over steps and batch: dW_ih = Σ_t dgates_t x_tᵀ, dW_hh = Σ_t dgates_t h_{t-1}ᵀ, db = Σ dgates."""
        suffix = self._suffix(layer, direction)
        for key, grad, fed in (("ih", from_x, x), ("hh", from_h, h)):
            total = np.tensordot(grad, fed, axes=((0, 2), (0, 2)))  # (gates·H, features)
            self.params[f"weight_{key}{suffix}"].accumulate(total)
            if self.bias:
                self.params[f"bias_{key}{suffix}"].accumulate(grad.sum(axis=0).sum(axis=1))

    def _suffix(self, layer: int, direction: int) -> str:
        return f"_l{layer}" + ("_reverse" if direction else "")

    def _weights(self, layer: int, direction: int) -> tuple[np.ndarray, np.ndarray, Any, Any]:
        suffix = self._suffix(layer, direction)
        w_ih, w_hh = self.params["weight_ih" + suffix].data, self.params["weight_hh" + suffix].data
        if not self.bias:
            return w_ih, w_hh, 0, 0
        b_ih, b_hh = self.params["bias_ih" + suffix].data, self.params["bias_hh" + suffix].data
        return w_ih, w_hh, b_ih[:, None], b_hh[:, None]

    def _sequence(self, x: Any) -> tuple[np.ndarray, bool]:
        """x as (T, input_size, N), and whether it had a batch dimension."""
        x = np.asarray(x, dtype=self.dtype)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size or 0 in x.shape:
            order = "(N, T, features)" if self.batch_first else "(T, N, features)"
            raise ValueError(
                f"{self.name} expects {order}, or (T, features) for one sequence, with {self.input_size} features "
                f"but the input has shape {x.shape}"
            )
        if x.ndim == 2:
            return np.ascontiguousarray(x[:, :, None]), False
        return np.ascontiguousarray(x.transpose((1, 2, 0) if self.batch_first else (0, 2, 1))), True

    def _as_given(self, x: np.ndarray, batched: bool) -> np.ndarray:
        """(T, features, N) back in the caller's order."""
        if not batched:
            return x[:, :, 0]
        return x.transpose((2, 0, 1) if self.batch_first else (0, 2, 1))

    def _start(self, state: Any, batch: int, batched: bool) -> State:
        """The initial state, each (layers·directions, H, N); zeros where the caller gives none."""
        shape = (self.num_layers * self.directions, batch, self.hidden_size)
        given = (None,) * self.states if state is None else (state,) if self.states == 1 else tuple(state)
        if len(given) != self.states:
            raise ValueError(f"{self.name}: the initial state has {len(given)} parts; it must be the pair (h0, c0)")
        return tuple(self._state(value, shape, batched, "initial state") for value in given)

    def _state(self, value: Any, shape: tuple[int, ...], batched: bool, what: str) -> np.ndarray:
        if value is None:
            return np.zeros((shape[0], shape[2], shape[1]), self.dtype)
        value = np.asarray(value, dtype=self.dtype)
        expected = shape if batched else (shape[0], shape[2])
        if value.shape != expected:
            raise ValueError(
                f"{self.name}: the {what} has shape {value.shape} but (layers·directions, batch, hidden) "
                f"is {expected} here"
            )
        return np.ascontiguousarray(value.reshape(shape).swapaxes(1, 2))

    def _grads(self, grad_output: Any) -> tuple[np.ndarray, State]:
        if not isinstance(grad_output, (tuple, list)):
            grad_output = (grad_output, None)
        if len(grad_output) != 2:
            raise ValueError(f"{self.name}: backward takes (g_out, g_hn), the shape of what forward returned")
        g_out, g_state = grad_output
        width = self.directions * self.hidden_size
        if g_out is None:
            grad = np.zeros((self._steps, width, self._batch), self.dtype)
        else:
            grad = np.asarray(g_out, dtype=self.dtype)
            order = (self._batch, self._steps, width) if self.batch_first else (self._steps, self._batch, width)
            expected = order if self._batched else (self._steps, width)
            if grad.shape != expected:
                raise ValueError(
                    f"{self.name}: grad_output has shape {grad.shape} but the output of the last forward "
                    f"has shape {expected}"
                )
            grad = grad if self._batched else grad[:, None]
            grad = grad.transpose((1, 2, 0) if self._batched and self.batch_first else (0, 2, 1))
        if self.states == 1 or g_state is None:
            g_state = (g_state,) * self.states
        shape = (self.num_layers * self.directions, self._batch, self.hidden_size)
        state = tuple(self._state(g, shape, self._batched, "gradient of the final state") for g in g_state)
        return np.ascontiguousarray(grad), state

    def _unbatch(self, state: np.ndarray) -> np.ndarray:
        return state if self._batched else state[:, 0]

    def _pack(self, final: list[np.ndarray], batched: bool) -> Any:
        packed = tuple(s if batched else s[:, 0] for s in final)
        return packed if self.states == 2 else packed[0]


class RNN(_Recurrent):
    """h_t = act(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), act = tanh or relu (Elman, 1990).

    With z the argument of act: dz_t = dh_t · act'(z_t), and dh_{t-1} = W_hhᵀ dz_t plus what the output adds.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity is {nonlinearity!r}; choose 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, rng=rng, dtype=dtype
        )

    def scan(self, gates_x: np.ndarray, state: State, weight_hh: np.ndarray, bias_hh: Any) -> Any:
        steps, size, batch = gates_x.shape
        gates_x += bias_hh
        hidden = np.empty((steps + 1, size, batch), self.dtype)
        hidden[0] = state[0]
        for t in range(steps):
            z = weight_hh.dot(hidden[t])
            z += gates_x[t]
            if self.nonlinearity == "tanh":
                np.tanh(z, out=hidden[t + 1])
            else:
                np.maximum(z, 0, out=hidden[t + 1])
        return hidden, (hidden[-1],), ()

    def scan_backward(
        self, grad_h: np.ndarray, grad_state: State, hidden: np.ndarray, weight_hh: np.ndarray, saved: Any
    ) -> Any:
        h = hidden[1:]
        slope = 1 - h * h if self.nonlinearity == "tanh" else (h > 0).astype(h.dtype)  # act'(z), from h = act(z)
        grad_z = np.empty_like(h)
        (dh,) = grad_state
        for t in reversed(range(len(h))):
            dh = dh + grad_h[t]
            np.multiply(dh, slope[t], out=grad_z[t])
            dh = weight_hh.T.dot(grad_z[t])
        return grad_z, grad_z, (dh,)


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; forget gate by Gers et al., 2000).

    The weights hold four blocks of rows, i, f, g, o. With z = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh:

        i, f, o = σ(z_i), σ(z_f), σ(z_o);  g = tanh(z_g)
        c_t = f c_{t-1} + i g              the memory: kept by f, written by i
        h_t = o tanh(c_t)                  what is shown of it

    Backwards, dc collects dh·o(1 - tanh²c) from h_t and f·dc from c_{t+1}; then dz is one product for each gate:

        dz_i = dc·g·i(1-i),  dz_f = dc·c_{t-1}·f(1-f),  dz_g = dc·i·(1-g²),  dz_o = dh·tanh(c)·o(1-o)

    The factors beside dc and dh are known before the loop, so they are computed for all steps at once.
    forward(x, (h0, c0)) returns output, (hn, cn).
    """

    gates = 4
    states = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        if proj_size:
            raise ValueError(f"LSTM: proj_size={proj_size} is not written here; leave it at 0")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, rng=rng, dtype=dtype
        )

    def scan(self, gates_x: np.ndarray, state: State, weight_hh: np.ndarray, bias_hh: Any) -> Any:
        steps, rows, batch = gates_x.shape
        size = rows // 4
        gates_x += bias_hh
        gates = gates_x.reshape(steps, 4, size, batch)  # filled with i, f, g, o step by step
        hidden, cell = (np.empty((steps + 1, size, batch), self.dtype) for _ in range(2))
        tanh_cell = np.empty((steps, size, batch), self.dtype)
        hidden[0], cell[0] = state
        for t in range(steps):
            z = gates_x[t]
            z += weight_hh.dot(hidden[t])
            g = np.tanh(gates[t, 2])
            sigmoid_(z)  # all four blocks in one go; the third is put right below
            i, f, gates[t, 2], o = gates[t, 0], gates[t, 1], g, gates[t, 3]
            np.multiply(f, cell[t], out=cell[t + 1])
            g *= i
            cell[t + 1] += g
            np.tanh(cell[t + 1], out=tanh_cell[t])
            np.multiply(o, tanh_cell[t], out=hidden[t + 1])
        return hidden, (hidden[-1], cell[-1]), (gates, cell, tanh_cell)

    def scan_backward(
        self, grad_h: np.ndarray, grad_state: State, hidden: np.ndarray, weight_hh: np.ndarray, saved: Any
    ) -> Any:
        gates, cell, tanh_cell = saved
        steps, _, size, batch = gates.shape
        i, f, g, o = (gates[:, k] for k in range(4))
        # dz = factor · (dc, dc, dc, dh): the factors of all steps, (T, 4, H, N)
        factor = gates * (1 - gates)
        factor[:, 0] *= g
        factor[:, 1] *= cell[:-1]
        factor[:, 2] = (1 - g * g) * i
        factor[:, 3] *= tanh_cell
        shown = o * (1 - tanh_cell * tanh_cell)  # dc from dh
        dh, dc = grad_state
        dc = dc.copy()
        grad_z = factor.reshape(steps, 4 * size, batch)  # becomes dz in place
        for t in reversed(range(steps)):
            dh = dh + grad_h[t]
            shown[t] *= dh
            dc += shown[t]
            factor[t, :3] *= dc
            factor[t, 3] *= dh
            dc *= f[t]
            dh = weight_hh.T.dot(grad_z[t])
        return grad_z, grad_z, (dh, dc)


class GRU(_Recurrent):
    """Gated recurrent unit (Cho et al., 2014), in torch's variant: r acts after the product with W_hn.

    The weights hold three blocks of rows, r, z, n. With a = W_ih x_t + b_ih and b = W_hh h_{t-1} + b_hh:

        r, z = σ(a_r + b_r), σ(a_z + b_z);  n = tanh(a_n + r b_n);  h_t = (1 - z) n + z h_{t-1}

    Backwards, with dh the gradient of h_t:

        dn = dh(1 - z)(1 - n²) reaches a_n as it is, b_n times r, and r times b_n;
        dz = dh(h_{t-1} - n) z(1 - z);  dr = dn·b_n·r(1 - r);  dh_{t-1} = dh·z + W_hhᵀ(dr, dz, dn·r)
    """

    gates = 3

    def scan(self, gates_x: np.ndarray, state: State, weight_hh: np.ndarray, bias_hh: Any) -> Any:
        steps, rows, batch = gates_x.shape
        size = rows // 3
        gates = gates_x.reshape(steps, 3, size, batch)  # filled with r, z, n step by step
        from_h = np.empty((steps, size, batch), self.dtype)  # b_n of every step
        hidden = np.empty((steps + 1, size, batch), self.dtype)
        hidden[0] = state[0]
        for t in range(steps):
            b = weight_hh.dot(hidden[t])
            b += bias_hh
            r_z, n = gates[t, :2], gates[t, 2]
            r_z += b[: 2 * size].reshape(2, size, batch)
            sigmoid_(r_z)
            from_h[t] = b[2 * size :]
            n += r_z[0] * from_h[t]
            np.tanh(n, out=n)
            np.subtract(hidden[t], n, out=hidden[t + 1])  # h_t = n + z (h_{t-1} - n)
            hidden[t + 1] *= r_z[1]
            hidden[t + 1] += n
        return hidden, (hidden[-1],), (gates, from_h)

    def scan_backward(
        self, grad_h: np.ndarray, grad_state: State, hidden: np.ndarray, weight_hh: np.ndarray, saved: Any
    ) -> Any:
        gates, b_n = saved
        steps, _, size, batch = gates.shape
        r, z, n = (gates[:, k] for k in range(3))
        to_n = (1 - z) * (1 - n * n)  # dn from dh; the factors of all steps at once
        to_z = (hidden[:-1] - n) * z * (1 - z)
        to_r = to_n * b_n * r * (1 - r)
        from_x, from_h = (np.empty((steps, 3, size, batch), self.dtype) for _ in range(2))
        flat_h = from_h.reshape(steps, 3 * size, batch)
        (dh,) = grad_state
        for t in reversed(range(steps)):
            dh = dh + grad_h[t]
            np.multiply(to_r[t], dh, out=from_h[t, 0])
            np.multiply(to_z[t], dh, out=from_h[t, 1])
            np.multiply(to_n[t], dh, out=from_x[t, 2])
            np.multiply(from_x[t, 2], r[t], out=from_h[t, 2])
            dh *= z[t]
            dh += weight_hh.T.dot(flat_h[t])
        from_x[:, :2] = from_h[:, :2]
        return from_x.reshape(steps, 3 * size, batch), flat_h, (dh,)
