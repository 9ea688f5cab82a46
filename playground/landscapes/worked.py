"""One step of an optimizer, worked out: the update rule in plain text, and every number in it.

The rule is arithmetic that `playground.autograd.expression` can read; with `numbers` put in, it gives the next point.
"""

from collections.abc import Callable

import numpy as np

from playground.landscapes.racing import Racer, Trail

Columns = dict[str, np.ndarray]

ADAPTIVE = "w - lr * m_hat / (sqrt(v_hat) + eps)"


def _sgd(racer: Racer) -> str:
    if not racer.args["momentum"]:
        return "w - lr * g"
    return "w - lr * (g + momentum * b)" if racer.args["nesterov"] else "w - lr * b"


def _rmsprop(racer: Racer) -> str:
    if racer.args["momentum"]:
        return "w - lr * b"
    return f"w - lr * g / (sqrt({'v - mean_g**2' if racer.args['centered'] else 'v'}) + eps)"


RULES: dict[str, Callable[[Racer], str]] = {
    "SGD": _sgd,
    "Adam": lambda racer: ADAPTIVE,
    "AdamW": lambda racer: ADAPTIVE.replace("w", "w * (1 - lr * weight_decay)", 1),
    "RMSprop": _rmsprop,
    "Adagrad": lambda racer: "w - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(v) + eps)",
    "Adadelta": lambda racer: "w - lr * sqrt(u + eps) / sqrt(v + eps) * g",
    "Adamax": lambda racer: "w - lr * m_hat / v",
    "NAdam": lambda racer: "w - lr * (now * g + then * m) / (sqrt(v_hat) + eps)",
    "RAdam": lambda racer: "w - lr * r * m_hat",
    "Rprop": lambda racer: "w - s * sign",
    "ASGD": lambda racer: "w * (1 - lambd * eta) - eta * g",
    "Adafactor": lambda racer: "w * (1 - lr * weight_decay) - alpha * g / sqrt(v)",
    "LBFGS": lambda racer: "p + a * d",
}

MEANING: dict[str, str] = {
    "g": "gradient, after clipping and weight decay",
    "m": "mean of the gradients",
    "v": "mean (Adagrad: sum; Adamax: largest) of their squares",
    "m_hat": "m without its bias towards 0",
    "v_hat": "v without its bias towards 0",
    "b": "momentum buffer",
    "u": "mean of the squared updates before",
    "mean_g": "mean of the gradients, taken off",
    "r": "one over the root of v, once it can be trusted; 1 before",
    "s": "step size of each coordinate",
    "sign": "sign of the gradient; 0 after it has changed",
    "now": "weight of the gradient",
    "then": "weight of m",
    "eta": "step that shrinks with time",
    "alpha": "step relative to the size of the point",
    "p": "point before the last of this step's inner steps",
    "a": "length of that inner step; 0 where none was needed",
    "d": "its direction: the inverse curvature, learnt from the inner steps before, times minus the gradient",
}


def rule(racer: Racer) -> str:
    """How the next w follows, as text; of the many inner steps in one of LBFGS, the last."""
    return RULES[racer.optimizer](racer)


def numbers(trail: Trail) -> Columns:
    """What the names in `rule` stand for: (steps, 2), (steps,) or a plain number, by name; `w` is the point before."""
    racer, state = trail.racer, trail.state
    steps = len(trail.lr)
    t = np.arange(1, steps + 1)
    w, args = trail.path[:-1], racer.args
    known: Columns = {name: np.asarray(value, float) for name, value in args.items() if isinstance(value, int | float)}
    known |= {"w": w, "lr": trail.lr, "t": t.astype(float), "update": state["update"], "g": _gradient(trail)}
    known |= {name: state[name] for name in ("m", "v", "m_hat", "v_hat") if name in state}
    with np.errstate(all="ignore"):
        known |= EXTRA.get(racer.optimizer, lambda *_: {})(trail, known, t)
    return known


def _gradient(trail: Trail) -> np.ndarray:
    racer, grad = trail.racer, trail.grad[:-1]
    if racer.clip is not None:
        norm = np.hypot(grad[:, 0], grad[:, 1])[:, None]
        grad = grad * np.minimum(1, racer.clip / (norm + 1e-6))
    if racer.optimizer not in ("AdamW", "Adafactor") and racer.args.get("weight_decay"):
        grad = grad + racer.args["weight_decay"] * trail.path[:-1]
    return grad


def _before(column: np.ndarray, first: float) -> np.ndarray:
    """The column as it was one step earlier."""
    return np.concatenate([np.full_like(column[:1], first), column[:-1]])


def _momentum(trail: Trail, known: Columns, t: np.ndarray) -> Columns:
    names = {"momentum_buffer": "b", "grad_avg": "mean_g"}
    return {short: trail.state[name] for name, short in names.items() if name in trail.state}


def _adadelta(trail: Trail, known: Columns, t: np.ndarray) -> Columns:
    return {"u": _before(trail.state["acc_delta"], 0.0)}


def _nadam(trail: Trail, known: Columns, t: np.ndarray) -> Columns:
    beta1, decay = trail.racer.args["betas"][0], trail.racer.args["momentum_decay"]
    mu, following = (beta1 * (1 - 0.5 * 0.96 ** (step * decay)) for step in (t, t + 1))
    product = trail.state["mu_product"]
    return {"now": (1 - mu) / (1 - product), "then": following / (1 - product * following)}


def _radam(trail: Trail, known: Columns, t: np.ndarray) -> Columns:
    beta2 = trail.racer.args["betas"][1]
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    squared = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    trusted = np.sqrt(np.maximum(squared, 0) * (1 - beta2**t))[:, None] / (
        np.sqrt(known["v"]) + trail.racer.args["eps"]
    )
    return {"r": np.where((length > 5)[:, None], trusted, 1.0)}


def _rprop(trail: Trail, known: Columns, t: np.ndarray) -> Columns:
    return {"s": trail.state["step_size"], "sign": np.sign(trail.state["prev"])}


def _asgd(trail: Trail, known: Columns, t: np.ndarray) -> Columns:
    return {"eta": _before(trail.state["eta"], trail.racer.lr)}


def _adafactor(trail: Trail, known: Columns, t: np.ndarray) -> Columns:
    def rms(rows: np.ndarray) -> np.ndarray:
        return np.sqrt((rows**2).mean(1))

    v = np.maximum(known["v"], np.finfo(float).eps ** 2)  # torch's own way around a division by 0
    size = np.maximum(1e-3, rms(known["w"])) * np.minimum(trail.lr, 1 / np.sqrt(t))
    largest = rms(known["g"] / np.sqrt(v)) / trail.racer.args["d"]
    return {"v": v, "alpha": size / np.maximum(1.0, largest)}


def _lbfgs(trail: Trail, known: Columns, t: np.ndarray) -> Columns:
    directions = trail.state["d"] if "d" in trail.state else np.zeros_like(known["w"])
    length = trail.state["inner_t"]
    return {"p": trail.state["inner"], "a": length, "d": np.where(length[:, None] == 0, 0.0, directions)}


EXTRA: dict[str, Callable[[Trail, Columns, np.ndarray], Columns]] = {
    "SGD": _momentum,
    "RMSprop": _momentum,
    "Adadelta": _adadelta,
    "NAdam": _nadam,
    "RAdam": _radam,
    "Rprop": _rprop,
    "ASGD": _asgd,
    "Adafactor": _adafactor,
    "LBFGS": _lbfgs,
}
