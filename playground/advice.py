"""Advice that reads a run: what is wrong with it, in one sentence, and one change of the experiment that may cure it.

Everything here is arithmetic on the plain table that `playground.training.diagnostics.health` gives, so a page can
judge a run without torch. A rule looks at one sickness and says nothing about a run that does not have it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from playground.fit import findings
from playground.spec import Args, Experiment, LayerSpec, OptimizerSpec, every_layer

Facts = Mapping[str, Any]

DEAD = 0.5
"""Share of a layer's units that give 0 for every training point, from which on the layer is called dead."""
SATURATED = 0.6
"""Share of a layer's values at the flat ends of its activation, from which on it counts as saturated."""
VANISHING = 1e-3
"""Gradients of the first weights this many times the last ones', or the largest ones' (root mean square), hardly
arrive."""
LARGE_WEIGHT = 10.0
"""Root mean square of a layer's weights above which its outputs jump."""
LARGE_UPDATE, SMALL_UPDATE = 0.1, 1e-5
"""Size of a step over the size of the weights: above, a step throws the weights about; below, it hardly moves them."""

POOR_ACCURACY, POOR_R2 = 0.9, 0.3
"""Below these on the training points, a task counts as unsolved."""
FLAT = 0.02
"""A training loss that falls by less than this share in the second half of its course is a plateau."""
PLATEAU_EPOCHS, STALLED_EPOCHS, POINTS = 50, 5, 6
"""Epochs before a plateau is called one: fewer where a cause is plain to see; and evaluations, in any case."""
RISE, RISE_OF_FIRST, RISE_POINTS = 0.25, 0.15, 6
"""Overfitting: evaluations with a validation loss above the least by these shares, of it and of the first one."""
UNSTEADY = 1.5
"""A training loss this many times the first one, when some epochs are over, comes from steps that are too large."""
UNSTEADY_POINTS = 4


@dataclass(frozen=True)
class Advice:
    """What one rule has noticed.

    Attributes:
        rule: the rule's name.
        message: one sentence: what was noticed, and why that is so.
        cure: what the button beside it says; empty if there is no single cure.
        fix: the experiment after the cure.
        anew: whether the cure needs fresh weights, because the present ones are beyond repair.
    """

    rule: str
    message: str
    cure: str = ""
    fix: Experiment | None = None
    anew: bool = False


@dataclass(frozen=True)
class Remark:
    """A measured number of one layer beside its threshold.

    Attributes:
        level: 'good', 'watch' (outside what is usual), or 'none' (nothing to measure yet).
        sentence: what it means, and what to try.
    """

    level: str
    sentence: str


def advise(experiment: Experiment, facts: Facts) -> list[Advice]:
    """What the rules say about a run, the most urgent first; usually nothing at all."""
    found = (rule(experiment, facts) for rule in RULES)
    return [advice for advice in found if advice]


# -- rules --------------------------------------------------------------------------------------------------------


def diverged(experiment: Experiment, facts: Facts) -> Advice | None:
    """The loss left all bounds, or stands far above where it began."""
    losses = _column(facts, "train_loss")
    if facts["status"] == "diverged":
        what = "The run diverged: each step overshot the valley and the next one overshot further."
    elif len(losses) > UNSTEADY_POINTS and min(losses[-3:]) > UNSTEADY * losses[0]:
        what = f"The training loss is {losses[-1]:.3g}, but it began at {losses[0]:.3g}: the steps are too large."
    else:
        return None
    lr = experiment.optimizer["lr"]
    smallest = experiment.optimizer.entry.params[0].low or 0.0
    if lr / 10 >= max(smallest, 1e-3):
        lower = float(f"{lr / 10:.1g}")
        return Advice(
            "divergence",
            f"{what} Take smaller ones.",
            f"Learning rate {lower:g}",
            experiment.but(optimizer=experiment.optimizer.set(lr=lower)),
            anew=True,
        )
    if not experiment.training.clip_norm:
        return Advice(
            "divergence",
            f"{what} The learning rate is small already, so bound the gradients.",
            "Clip gradients to norm 1",
            _training(experiment, clip_norm=1.0),
            anew=True,
        )
    return Advice("divergence", f"{what} Try another optimizer, or smaller inputs.")


def bounded_output(experiment: Experiment, facts: Facts) -> Advice | None:
    """The last layer cannot give what the loss asks for, whatever the weights are."""
    last = experiment.layers[-1].name
    if last not in OUTPUT_RANGE or findings(experiment):
        return None
    low, high = OUTPUT_RANGE[last]
    asked = _asked_range(experiment, facts)
    if asked is None or (low <= asked[0] and asked[1] <= high):
        return None
    name = experiment.loss.name
    wants = (
        f"{name} asks for values from {asked[0]:.3g} to {asked[1]:.3g}"
        if math.isfinite(asked[0])
        else f"{name} asks for any number, large ones where the network is sure"
    )
    given = f"{low:g} to {high:g}" if math.isfinite(high) else f"{low:g} and above"
    return Advice(
        "output",
        f"The last layer is {last}, which gives {given}, but {wants}: no weights can reach that.",
        f"Remove the last {last}",
        _changed(experiment, layers=experiment.layers[:-1]),
    )


def dead_units(experiment: Experiment, facts: Facts) -> Advice | None:
    """Most units of a ReLU layer give 0 for every training point, and learning has stopped short."""
    lost = [layer for layer in facts["layers"] if layer["dead"] is not None and layer["dead"] >= DEAD]
    if not lost or not _stalled(facts, STALLED_EPOCHS):
        return None
    worst = max(lost, key=lambda it: it["dead"])
    layers = tuple(LayerSpec(name="LeakyReLU") if layer.name == "ReLU" else layer for layer in experiment.layers)
    return Advice(
        "dead units",
        f"{_percent(worst['dead'])} of the units after layer {worst['index'] + 1} ({worst['name']}) are dead: they "
        "give 0 for every training point, so their gradient is 0 as well and they cannot come back.",
        "Use LeakyReLU",
        _changed(experiment, layers=layers),
    )


def vanishing(experiment: Experiment, facts: Facts) -> Advice | None:
    """The gradient hardly reaches the first layer through squashing activations."""
    sizes = [layer["gradient"]["rms"] for layer in facts["layers"] if layer["gradient"]]
    squashing = [layer.name for layer in experiment.layers[:-1] if layer.name in ("Sigmoid", "Tanh")]
    if len(sizes) < 3 or not squashing or not _does_badly(facts) or sizes[0] >= VANISHING * sizes[-1]:
        return None
    return Advice(
        "vanishing gradients",
        f"The gradient shrinks by a factor of {_factor(sizes[-1], sizes[0])} on its way from the last layer to the "
        f"first: every {squashing[0]} it passes multiplies it by a slope below 1, so the first layers hardly learn.",
        "Use ReLU",
        _with_activation(experiment, "ReLU"),
    )


def saturated(experiment: Experiment, facts: Facts) -> Advice | None:
    """Most values of a hidden layer lie where its activation is flat."""
    hidden = [it for it in facts["layers"][:-1] if it["saturated"] is not None and it["saturated"] >= SATURATED]
    if not hidden or not _stalled(facts, STALLED_EPOCHS):
        return None
    worst = max(hidden, key=lambda it: it["saturated"])
    what = (
        f"{_percent(worst['saturated'])} of the values after layer {worst['index'] + 1} ({worst['name']}) lie at its "
        "flat ends, where the slope is nearly 0 and no gradient comes through"
    )
    optimizer = experiment.optimizer
    usual = 0.1 if optimizer.name == "SGD" else 0.01
    if optimizer["lr"] > 3 * usual:
        return Advice(
            "saturation",
            f"{what}: large steps have thrown them there.",
            f"Learning rate {usual:g}",
            experiment.but(optimizer=optimizer.set(lr=usual)),
            anew=True,
        )
    return Advice(
        "saturation",
        f"{what}.",
        "Use ReLU",
        _with_activation(experiment, "ReLU"),
    )


def overfitting(experiment: Experiment, facts: Facts) -> Advice | None:
    """The validation loss rises while the training loss still falls."""
    train, val = facts["curve"]["train_loss"], facts["curve"]["val_loss"]
    if len(val) < 2 * RISE_POINTS or any(value is None for value in (*train, *val)):
        return None
    best = min(range(len(val)), key=val.__getitem__)
    now, train_now = _mean(val[-3:]), _mean(train[-3:])
    rise = now - val[best]
    if len(val) - best <= RISE_POINTS or rise < RISE * val[best] or rise < RISE_OF_FIRST * val[0]:
        return None
    if train_now >= train[best]:
        return None
    what = (
        f"Overfitting: the validation loss has risen from {val[best]:.3g} to {now:.3g} while the training loss fell to "
        f"{train_now:.3g}; the network learns the training points by heart."
    )
    training = experiment.training
    if not training.l2:
        return Advice("overfitting", what, "L2 penalty 0.01", _training(experiment, l2=0.01))
    if not any(layer.name == "Dropout" for layer in experiment.layers):
        return Advice("overfitting", what, "Add dropout", _with_dropout(experiment))
    if not training.patience:
        return Advice("overfitting", what, "Stop early, after 20 epochs", _training(experiment, patience=20))
    return Advice("overfitting", f"{what} More points, or fewer units, would help.")


def plateau(experiment: Experiment, facts: Facts) -> Advice | None:
    """The training loss has stopped falling before the task is solved."""
    losses = _column(facts, "train_loss")
    straight = not any(layer.entry.bends for layer in every_layer(experiment.layers[:-1]))
    if not _stalled(facts, STALLED_EPOCHS if straight else PLATEAU_EPOCHS):
        return None
    what = f"The training loss stays at about {_mean(losses[-3:]):.3g}, and the task is not solved"
    optimizer, scheduler = experiment.optimizer, experiment.scheduler
    if straight:
        return Advice(
            "plateau",
            f"{what}: without a hidden layer the network can only draw a straight line.",
            "Add a hidden layer",
            _with_hidden(experiment),
        )
    if scheduler is not None and facts["lr"] < optimizer["lr"] / 10:
        return Advice(
            "plateau",
            f"{what}: the schedule has brought the learning rate down to {facts['lr']:.2g}, too small to move on.",
            "Constant learning rate",
            experiment.but(scheduler=None),
        )
    if optimizer.name == "SGD" and (optimizer["lr"] <= 0.01 or _moves_little(facts)):
        lr = float(f"{min(10 * optimizer['lr'], 1.0):.1g}")
        return Advice(
            "plateau",
            f"{what}: a learning rate of {optimizer['lr']:g} may be too small.",
            f"Learning rate {lr:g}",
            experiment.but(optimizer=optimizer.set(lr=lr)),
        )
    if optimizer.name != "Adam":
        return Advice(
            "plateau",
            f"{what}: Adam gives every weight a step size of its own, and often finds the way out.",
            "Use Adam",
            experiment.but(optimizer=OptimizerSpec(name="Adam", args=Args(lr=0.01))),
        )
    if wider := _wider(experiment):
        return Advice("plateau", f"{what}: the network may be too small.", "Twice as many units", wider)
    return Advice("plateau", f"{what}: other inputs or less noise may help.")


RULES: tuple[Callable[[Experiment, Facts], Advice | None], ...] = (
    diverged,
    bounded_output,
    dead_units,
    saturated,
    vanishing,
    overfitting,
    plateau,
)
"""What cannot be repaired by waiting comes first."""

_INF = math.inf
OUTPUT_RANGE = {
    "ReLU": (0.0, _INF),
    "Sigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "GELU": (-0.17, _INF),
    "SiLU": (-0.28, _INF),
}
"""What can come out of a layer, for those that cannot give every number."""


# -- one layer ----------------------------------------------------------------------------------------------------


def remarks(layer: Mapping[str, Any]) -> dict[str, Remark]:
    """The numbers of one layer, each beside its threshold: 'weight', 'gradient', 'update', 'dead', 'saturated'."""
    found: dict[str, Remark] = {}
    if layer["weight"] is not None:
        found["weight"] = _weight_remark(layer["weight"]["rms"])
        found["gradient"] = _gradient_remark(layer["gradient"], layer["gradient_share"])
        found["update"] = _update_remark(layer["update_ratio"])
    if layer["dead"] is not None:
        share = _percent(layer["dead"])
        found["dead"] = (
            Remark("watch", f"{share} of the units give 0 for every training point. Try LeakyReLU, or smaller steps.")
            if layer["dead"] >= DEAD
            else Remark("good", f"{share} of the units are dead; up to {_percent(DEAD)} is no harm.")
        )
    if layer["saturated"] is not None:
        share = _percent(layer["saturated"])
        found["saturated"] = (
            Remark("watch", f"{share} of the values are at the flat ends. Try ReLU, or a norm layer before it.")
            if layer["saturated"] >= SATURATED
            else Remark("good", f"{share} of the values are at the flat ends; up to {_percent(SATURATED)} is usual.")
        )
    return found


def _weight_remark(size: float) -> Remark:
    if not size:
        return Remark("watch", "All weights are 0, so that all units do the same: try another initialisation.")
    if size > LARGE_WEIGHT:
        return Remark(
            "watch",
            f"A weight is {size:.3g} on average (root mean square): above {LARGE_WEIGHT:g} small changes of the "
            "input matter too much. Try L2, or a smaller learning rate.",
        )
    return Remark("good", f"A weight is {size:.3g} on average (root mean square); up to {LARGE_WEIGHT:g} is fine.")


def _gradient_remark(gradient: Mapping[str, float] | None, share: float | None) -> Remark:
    if gradient is None:
        return Remark("none", "No gradient yet: it comes with the first backward pass.")
    if not gradient["norm"]:
        return Remark("watch", "The gradient is exactly 0: nothing behind this layer asks it to change.")
    if share is not None and share < VANISHING:
        return Remark(
            "watch",
            f"The gradient is {share:.1g} of the largest layer's, and less than {VANISHING:g} hardly teaches. Try "
            "ReLU, a norm layer, or fewer layers.",
        )
    return Remark("good", f"Arrives. Less than {VANISHING:g} of the largest layer's gradient is too little.")


def _update_remark(ratio: float | None) -> Remark:
    if ratio is None:
        return Remark("none", "No step measured yet: press Step, or Play.")
    if ratio > LARGE_UPDATE:
        return Remark(
            "watch", f"A step changes more than {LARGE_UPDATE:g} of the weights: try a smaller learning rate."
        )
    if ratio < SMALL_UPDATE:
        return Remark("watch", f"A step changes less than {SMALL_UPDATE:g} of the weights: try a larger learning rate.")
    return Remark("good", f"Between {SMALL_UPDATE:g} and {LARGE_UPDATE:g} of the weights a step; about 0.001 is usual.")


# -- reading facts ------------------------------------------------------------------------------------------------


def _column(facts: Facts, name: str) -> list[float]:
    return [value for value in facts["curve"][name] if value is not None]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _stalled(facts: Facts, epochs: int) -> bool:
    """Far from solved, and not on the way: the training loss has not fallen in the second half of its course."""
    losses = _column(facts, "train_loss")
    if len(losses) < POINTS or facts["epoch"] < epochs or not _does_badly(facts):
        return False
    span = max(2, len(losses) // 6)
    early, late = _mean(losses[len(losses) // 2 :][:span]), _mean(losses[-span:])
    return early - late < FLAT * early


def _does_badly(facts: Facts) -> bool:
    """Whether the fit to the training points is still poor."""
    accuracy, r2 = facts["train"]["accuracy"], facts["train"]["r2"]
    return accuracy < POOR_ACCURACY if accuracy is not None else r2 is not None and r2 < POOR_R2


def _moves_little(facts: Facts) -> bool:
    ratios = [layer["update_ratio"] for layer in facts["layers"] if layer["update_ratio"] is not None]
    return bool(ratios) and max(ratios) < 10 * SMALL_UPDATE


def _asked_range(experiment: Experiment, facts: Facts) -> tuple[float, float] | None:
    """What the loss wants the outputs to be; None where every range will do."""
    loss, classes = experiment.loss.entry, experiment.data.classes
    if loss.prediction in ("logit", "logits"):
        return -_INF, _INF
    if loss.prediction == "probability":
        return None  # `fit` looks after these
    if not classes:
        return tuple(facts["targets"])
    several = experiment.outline()[-1].out_shape[-1:] != (1,)
    return (0.0, 1.0) if several else (-1.0, 1.0)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _factor(large: float, small: float) -> str:
    return f"{large / small:,.0f}" if small and large / small < 1e9 else "more than a billion"


# -- cures --------------------------------------------------------------------------------------------------------


def _changed(experiment: Experiment, **fields: object) -> Experiment | None:
    """The experiment after the change; None where that is not allowed or cannot be trained."""
    try:
        changed = experiment.but(**fields)
    except ValueError:
        return None
    return None if any(finding.fatal for finding in findings(changed)) else changed


def _training(experiment: Experiment, **settings: Any) -> Experiment:
    return experiment.but(training=experiment.training.but(**settings))


def _with_activation(experiment: Experiment, name: str) -> Experiment | None:
    """The squashing activations between layers replaced; one that ends the network belongs to the loss and stays."""
    *hidden, last = experiment.layers
    layers = [LayerSpec(name=name) if layer.name in ("Sigmoid", "Tanh") else layer for layer in hidden]
    return _changed(experiment, layers=(*layers, last))


def _with_dropout(experiment: Experiment) -> Experiment | None:
    """Dropout of 0.2 behind every hidden activation."""
    dropout = LayerSpec(name="Dropout", args=Args(p=0.2))
    layers: list[LayerSpec] = []
    for layer in experiment.layers[:-1]:
        layers += [layer, dropout] if layer.entry.role == "activation" else [layer]
    return _changed(experiment, layers=(*layers, experiment.layers[-1]))


def _with_hidden(experiment: Experiment) -> Experiment | None:
    hidden = (LayerSpec(name="Linear", args=Args(out_features=8)), LayerSpec(name="Tanh"))
    return _changed(experiment, layers=(*hidden, *experiment.layers))


def _wider(experiment: Experiment) -> Experiment | None:
    """Every hidden Linear with twice its units, up to 64."""
    places = [index for index, layer in enumerate(experiment.layers) if layer.name == "Linear"][:-1]
    if not places or all(experiment.layers[index]["out_features"] >= 64 for index in places):
        return None
    layers = list(experiment.layers)
    for index in places:
        layers[index] = layers[index].set(out_features=min(64, 2 * layers[index]["out_features"]))
    return _changed(experiment, layers=tuple(layers))
