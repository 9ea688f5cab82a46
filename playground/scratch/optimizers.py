"""Optimizers: from the gradient of every parameter to its next value.

Each class is one rule, `update`, for an array θ and its gradient g; everything around it (groups, state, zero_grad) is
shared. In the formulas t is the number of the step, counted from 1. weight_decay adds its multiple of θ to g, which
pulls θ towards 0, unless a class says otherwise. Arguments, defaults and the names in `state` are torch's.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .core import Named, Parameter, to_numpy

Group = dict[str, Any]
Memory = dict[str, Any]
Rule = Callable[[np.ndarray, np.ndarray, Memory, Group], None]

JOINED_UP_TO = 4096  # numbers; for larger arrays copying costs more than the calls it saves


class Optimizer(metaclass=Named):
    """Parameters in groups, each with its own options, and what the rule remembers for every parameter.

    params: Parameters, or dicts such as {"params": [...], "lr": 0.1} whose options override the common ones.
    `param_groups` is a list of such dicts, complete; `state[parameter]` holds e.g. "step" and "exp_avg".
    """

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self._blocks: list[_Block] = []
        self._planned: list[list[Parameter]] = []
        self._idle: dict[Parameter, Memory] = {}  # the memory of parameters that had no gradient in the last step
        given: list[Any] = [params] if isinstance(params, Parameter) else list(params)
        if not given:
            raise ValueError(f"{self.name}: the list of parameters is empty; pass layer.parameters()")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    @property
    def name(self) -> str:
        return type(self).__name__

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        params = group["params"]
        params = [params] if isinstance(params, Parameter) else list(params)
        known = {p for other in self.param_groups for p in other["params"]}
        for p in params:
            if not isinstance(p, Parameter):
                raise ValueError(f"{self.name} optimizes Parameters but got {type(p).__name__}; wrap it: Parameter(x)")
            if p in known:
                raise ValueError(f"{self.name}: {p} appears twice; every parameter belongs to one group, once")
            known.add(p)
        unknown = [key for key in group if key not in self.defaults and key not in ("params", "initial_lr")]
        if unknown:
            raise ValueError(f"{self.name} has no option {unknown}; it has {list(self.defaults)}")
        complete = self.defaults | dict(group) | {"params": params}
        self.check(complete)
        self.param_groups.append(complete)

    def check(self, group: Group) -> None:
        """Raises ValueError for options outside their range."""
        for key in ("lr", "eps", "weight_decay", "momentum", "alpha", "lr_decay", "lambd", "initial_accumulator_value"):
            if key in group and not group[key] >= 0:
                raise ValueError(f"{self.name}: {key} is {group[key]}; it must be at least 0")
        if "rho" in group and not 0 <= group["rho"] <= 1:
            raise ValueError(f"{self.name}: rho is {group['rho']}; it must be between 0 and 1")
        for beta in group.get("betas", ()):
            if not 0 <= beta < 1:
                raise ValueError(f"{self.name}: betas are {group['betas']}; each must be at least 0 and below 1")

    def zero_grad(self, set_to_none: bool = True) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None if set_to_none or p.grad is None else np.zeros_like(p.data)

    def step(self) -> None:
        """Apply the rule once to every parameter that has a gradient."""
        active = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        if active != self._planned:
            self._plan(active)
        for block in self._blocks:
            block.step(self.update)

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        """The rule: change `theta` in place. `state` is empty at first and keeps what the rule puts there."""
        raise NotImplementedError

    @property
    def state(self) -> dict[Parameter, Memory]:
        """What the rule remembers, for every parameter that has made a step; arrays are views, not copies."""
        memory = dict(self._idle)
        for block in self._blocks:
            memory.update(block.split())
        return defaultdict(dict, {p: own for p, own in memory.items() if own})

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: the joined vectors are left out, the next step joins them again."""
        return self.__dict__ | {"_blocks": [], "_planned": [], "_idle": dict(self.state)}

    def _plan(self, active: list[list[Parameter]]) -> None:
        """Join the small parameters of a group whose memories have the same age and dtype; keep the others single."""
        state = self.state
        self._blocks = []
        for group, params in zip(self.param_groups, active, strict=True):
            alike: dict[Any, list[Parameter]] = {}
            for p in params:
                numbers = tuple((key, v) for key, v in state.get(p, {}).items() if not isinstance(v, np.ndarray))
                alone = p if p.data.size > JOINED_UP_TO else None
                alike.setdefault((alone, p.data.dtype, numbers, len(state.get(p, {}))), []).append(p)
            self._blocks += [_Block(group, members, [state.pop(p, {}) for p in members]) for members in alike.values()]
        self._idle, self._planned = state, active

    def state_dict(self) -> dict[str, Any]:
        """A copy of state and options in torch's form: parameters are numbered in the order they were given."""
        number = {p: i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        state = {number[p]: {key: _copy(value) for key, value in memory.items()} for p, memory in self.state.items()}
        groups = [group | {"params": [number[p] for p in group["params"]]} for group in self.param_groups]
        return {"state": dict(sorted(state.items())), "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` of this class, or of torch's with the same parameters, returned."""
        groups = state_dict["param_groups"]
        sizes, given = [len(g["params"]) for g in self.param_groups], [len(g["params"]) for g in groups]
        if sizes != given:
            raise ValueError(f"{self.name}: the state_dict has groups of {given} parameters but this one of {sizes}")
        params = [p for group in self.param_groups for p in group["params"]]
        numbers = [i for group in groups for i in group["params"]]
        for own, group in zip(self.param_groups, groups, strict=True):
            own.update({key: value for key, value in group.items() if key != "params"})
        self._blocks, self._planned = [], []
        self._idle = {
            p: {key: _restore(key, value, p) for key, value in state_dict["state"][i].items() if value is not None}
            for i, p in zip(numbers, params, strict=True)
            if i in state_dict["state"]
        }


class _Block:
    """Parameters that step together, as one long vector.

    Every rule below treats each number by itself, so it makes no difference to it whether θ is one parameter or several
    joined. But NumPy takes as long to start an operation as to do it on a thousand numbers: six small parameters in one
    vector step five times faster than one by one. (torch does the same and calls it foreach.)
    """

    def __init__(self, group: Group, params: list[Parameter], memories: list[Memory]) -> None:
        self.group, self.params = group, params
        ends = itertools.accumulate(p.data.size for p in params)
        self.parts = [slice(end - p.data.size, end) for p, end in zip(params, ends, strict=True)]
        self.single = len(params) == 1 and params[0].data.ndim > 0  # nothing to join; a lone number becomes a vector
        if self.single:
            self.memory = memories[0]
            return
        self.memory = {
            key: np.concatenate([m[key] for m in memories], axis=None) if isinstance(value, np.ndarray) else value
            for key, value in memories[0].items()
        }
        self.theta, self.grad = (np.empty(sum(p.data.size for p in params), params[0].data.dtype) for _ in range(2))
        self.views = list(zip(params, self._views(self.theta), self._views(self.grad), strict=True))

    def step(self, rule: Rule) -> None:
        if self.single:
            (p,) = self.params
            rule(p.data, _fitting_grad(p), self.memory, self.group)
            return
        for p, theta, grad in self.views:
            theta[...] = p.data
            grad[...] = _fitting_grad(p)
        rule(self.theta, self.grad, self.memory, self.group)
        for p, theta, _ in self.views:
            p.data[...] = theta

    def split(self) -> dict[Parameter, Memory]:
        """The memory of each parameter, arrays in its shape."""
        if self.single:
            return {self.params[0]: self.memory}
        memories: list[Memory] = [{} for _ in self.params]
        for key, value in self.memory.items():
            values = self._views(value) if isinstance(value, np.ndarray) else [value] * len(self.params)
            for memory, own in zip(memories, values, strict=True):
                memory[key] = own
        return dict(zip(self.params, memories, strict=True))

    def _views(self, joined: np.ndarray) -> list[np.ndarray]:
        return [joined[part].reshape(p.data.shape) for p, part in zip(self.params, self.parts, strict=True)]


class SGD(Optimizer):
    """θ -= lr·g, the plain step downhill (Robbins and Monro, 1951).

    With momentum μ (Polyak, 1964) a buffer collects the gradients: b = μ b + (1 - dampening) g, b = g at first, and
    θ -= lr·b. nesterov (1983) looks one step ahead: θ -= lr(g + μ b).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
        )

    def check(self, group: Group) -> None:
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov needs momentum above 0 and dampening 0 but they are {group['momentum']} "
                f"and {group['dampening']}"
            )

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * theta
        momentum = group["momentum"]
        if momentum:
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = np.array(grad, theta.dtype)
            else:
                state["momentum_buffer"] *= momentum
                state["momentum_buffer"] += (1 - group["dampening"]) * grad
            buffer = state["momentum_buffer"]
            grad = grad + momentum * buffer if group["nesterov"] else buffer
        theta -= group["lr"] * grad


class Adagrad(Optimizer):
    """Steps shrink where gradients have been large (Duchi et al., 2011): s += g²; θ -= lr' g/(√s + eps).

    lr' = lr/(1 + (t-1)·lr_decay).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "eps": eps,
            },
        )

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if not state:
            state.update(step=0, sum=np.full_like(theta, group["initial_accumulator_value"]))
        state["step"] += 1
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * theta
        lr = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])
        state["sum"] += grad * grad
        theta -= lr * grad / (np.sqrt(state["sum"]) + group["eps"])


class RMSprop(Optimizer):
    """Adagrad with a fading memory (Tieleman and Hinton, 2012): s = α s + (1-α) g²; θ -= lr·g/(√s + eps).

    centered subtracts the square of the mean gradient from s, which makes it a variance. With momentum the quotient is
    collected in a buffer, b = μ b + g/(√s + eps), and θ -= lr·b.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
            },
        )

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if not state:
            state.update(step=0, square_avg=np.zeros_like(theta))
            if group["momentum"] > 0:
                state["momentum_buffer"] = np.zeros_like(theta)
            if group["centered"]:
                state["grad_avg"] = np.zeros_like(theta)
        state["step"] += 1
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * theta
        alpha, square_avg = group["alpha"], state["square_avg"]
        square_avg *= alpha
        square_avg += (1 - alpha) * grad * grad
        variance = square_avg
        if group["centered"]:
            state["grad_avg"] += (1 - alpha) * (grad - state["grad_avg"])
            variance = square_avg - state["grad_avg"] ** 2
        step = grad / (np.sqrt(variance) + group["eps"])
        if group["momentum"] > 0:
            state["momentum_buffer"] *= group["momentum"]
            state["momentum_buffer"] += step
            step = state["momentum_buffer"]
        theta -= group["lr"] * step


class Adadelta(Optimizer):
    """Steps measured in units of earlier steps, so that lr can stay 1 (Zeiler, 2012).

    s = ρ s + (1-ρ) g²;  Δ = √(a + eps)/√(s + eps) · g;  a = ρ a + (1-ρ) Δ²;  θ -= lr·Δ.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0
    ) -> None:
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay})

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if not state:
            state.update(step=0, square_avg=np.zeros_like(theta), acc_delta=np.zeros_like(theta))
        state["step"] += 1
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * theta
        rho, eps, square_avg, acc_delta = group["rho"], group["eps"], state["square_avg"], state["acc_delta"]
        square_avg *= rho
        square_avg += (1 - rho) * grad * grad
        delta = np.sqrt(acc_delta + eps) / np.sqrt(square_avg + eps) * grad
        acc_delta *= rho
        acc_delta += (1 - rho) * delta * delta
        theta -= group["lr"] * delta


class Adam(Optimizer):
    """A mean of the gradients over a mean of their size (Kingma and Ba, 2014).

        m = β1 m + (1-β1) g            v = β2 v + (1-β2) g²
        θ -= lr · m̂/(√v̂ + eps)         with m̂ = m/(1-β1ᵗ), v̂ = v/(1-β2ᵗ), because both start at 0

    amsgrad uses the largest v so far (Reddi et al., 2018). decoupled_weight_decay makes it AdamW.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(theta), exp_avg_sq=np.zeros_like(theta))
        state["step"] += 1
        lr, (beta1, beta2), step = group["lr"], group["betas"], state["step"]
        if group["weight_decay"]:
            grad = _decay(theta, grad, group)
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m *= beta1
        m += (1 - beta1) * grad
        v *= beta2
        v += (1 - beta2) * (grad * grad)
        if group["amsgrad"]:
            largest = state.setdefault("max_exp_avg_sq", np.zeros_like(v))
            v = np.maximum(largest, v, out=largest)
        root = np.sqrt(v)  # becomes √v̂ + eps in place
        root /= math.sqrt(1 - beta2**step)
        root += group["eps"]
        np.divide(m, root, out=root)
        root *= lr / (1 - beta1**step)
        theta -= root


class AdamW(Adam):
    """Adam whose weight decay does not pass through the mean (Loshchilov and Hutter, 2017): θ *= 1 - lr·λ first."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, decoupled_weight_decay=True)


class Adamax(Optimizer):
    """Adam with the largest recent gradient instead of the root of v (Kingma and Ba, 2014, section 7).

    m = β1 m + (1-β1) g;  u = max(β2 u, |g| + eps);  θ -= lr/(1-β1ᵗ) · m/u.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(theta), exp_inf=np.zeros_like(theta))
        state["step"] += 1
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * theta
        beta1, beta2 = group["betas"]
        m, u = state["exp_avg"], state["exp_inf"]
        m *= beta1
        m += (1 - beta1) * grad
        u *= beta2
        np.maximum(u, np.abs(grad) + group["eps"], out=u)
        theta -= group["lr"] / (1 - beta1 ** state["step"]) * m / u


class NAdam(Optimizer):
    """Adam with Nesterov's look ahead (Dozat, 2016): the step mixes m with the gradient that is just entering it.

    μ_t = β1 (1 - ½·0.96^(t·momentum_decay)),  Π = μ_1 ··· μ_t
    θ -= lr ((1-μ_t)/(1-Π) · g + μ_{t+1}/(1-Π μ_{t+1}) · m)/(√v̂ + eps)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if not state:
            zeros = np.zeros_like(theta)
            state.update(step=0, mu_product=1.0, exp_avg=zeros, exp_avg_sq=zeros.copy())
        state["step"] += 1
        if group["weight_decay"]:
            grad = _decay(theta, grad, group)
        lr, (beta1, beta2), step = group["lr"], group["betas"], state["step"]
        mu = beta1 * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        state["mu_product"] *= mu
        product = state["mu_product"]
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m *= beta1
        m += (1 - beta1) * grad
        v *= beta2
        v += (1 - beta2) * (grad * grad)
        root = np.sqrt(v / (1 - beta2**step)) + group["eps"]
        ahead = (1 - mu) / (1 - product) * grad + mu_next / (1 - product * mu_next) * m
        theta -= lr * ahead / root


class RAdam(Optimizer):
    """Adam that waits until v̂ can be trusted (Liu et al., 2019).

    With ρ∞ = 2/(1-β2) - 1 and ρ = ρ∞ - 2t β2ᵗ/(1-β2ᵗ), roughly the number of gradients in v: up to ρ = 5 the step is
    lr·m̂ alone; then lr·m̂·√(1-β2ᵗ)/(√v + eps) times √((ρ-4)(ρ-2)ρ∞ / ((ρ∞-4)(ρ∞-2)ρ)).
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(theta), exp_avg_sq=np.zeros_like(theta))
        state["step"] += 1
        if group["weight_decay"]:
            grad = _decay(theta, grad, group)
        (beta1, beta2), step = group["betas"], state["step"]
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m *= beta1
        m += (1 - beta1) * grad
        v *= beta2
        v += (1 - beta2) * (grad * grad)
        m_hat = m / (1 - beta1**step)
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * step * beta2**step / (1 - beta2**step)
        if rho > 5:
            trust = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            m_hat *= trust * math.sqrt(1 - beta2**step) / (np.sqrt(v) + group["eps"])
        theta -= group["lr"] * m_hat


class Rprop(Optimizer):
    """Only the sign of the gradient counts (Riedmiller and Braun, 1993): every number has its own step size.

    Same sign as last time: the step grows by etas[1]. Another sign: it shrinks by etas[0], and this gradient counts
    as 0, now and in the next comparison. It stays within step_sizes. θ -= sign(g)·step. Meant for full batches.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
    ) -> None:
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes})

    def check(self, group: Group) -> None:
        super().check(group)
        shrink, grow = group["etas"]
        if not 0 < shrink < 1 < grow:
            raise ValueError(f"Rprop: etas are {group['etas']}; the first is between 0 and 1, the second above 1")

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if not state:
            state.update(step=0, prev=np.zeros_like(theta), step_size=np.full_like(theta, group["lr"]))
        state["step"] += 1
        agreement = grad * state["prev"]
        shrink, grow = group["etas"]
        step_size = state["step_size"]
        step_size[agreement > 0] *= grow
        step_size[agreement < 0] *= shrink
        np.clip(step_size, *group["step_sizes"], out=step_size)
        state["prev"][...] = np.where(agreement < 0, 0, grad)
        theta -= np.sign(state["prev"]) * step_size


class ASGD(Optimizer):
    """Plain steps that shrink, and the average of the places visited (Polyak and Juditsky, 1992).

    θ = (1 - lambd·η) θ - η g with η = lr/(1 + lambd·lr·t)^alpha, t counting finished steps. From step t0 on,
    state["ax"] is the running mean of θ: the answer to use in the end. Before that it is θ itself.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(params, {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay})

    def update(self, theta: np.ndarray, grad: np.ndarray, state: Memory, group: Group) -> None:
        if not state:
            state.update(step=0, eta=group["lr"], mu=1.0, ax=np.zeros_like(theta))
        state["step"] += 1
        if group["weight_decay"]:
            grad = grad + group["weight_decay"] * theta
        theta *= 1 - group["lambd"] * state["eta"]
        theta -= state["eta"] * grad
        state["ax"] += (theta - state["ax"]) * state["mu"]
        state["eta"] = group["lr"] / (1 + group["lambd"] * group["lr"] * state["step"]) ** group["alpha"]
        state["mu"] = 1 / max(1, state["step"] - group["t0"])


def _fitting_grad(p: Parameter) -> np.ndarray:
    grad = np.asarray(p.grad)
    if grad.shape != p.data.shape:
        raise ValueError(f"{p} has a gradient of shape {grad.shape}; it must have the parameter's, {p.data.shape}")
    return grad


def _decay(theta: np.ndarray, grad: np.ndarray, group: Group) -> np.ndarray:
    """Weight decay as part of the gradient, or decoupled: a shrinking of θ before the step."""
    if group["decoupled_weight_decay"]:
        theta *= 1 - group["lr"] * group["weight_decay"]
        return grad
    return grad + group["weight_decay"] * theta


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _restore(key: str, value: Any, p: Parameter) -> Any:
    """An array in the parameter's dtype, or one of the numbers, which torch keeps as 0-d tensors."""
    array = to_numpy(value)
    return array.item() if key in ("step", "mu_product", "eta", "mu") else array.astype(p.data.dtype)
