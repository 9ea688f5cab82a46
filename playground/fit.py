"""Whether the output of a network fits its loss and its task, and what to do if not."""

import math
from dataclasses import dataclass

from playground.shapes import ShapeError, shape_text
from playground.spec import Args, DataSpec, Experiment, LayerSpec, LossSpec, every_layer, output_for

FLATTEN = "Add Flatten"


@dataclass(frozen=True)
class Finding:
    """Something that does not fit.

    Attributes:
        message: one sentence: what, and the way out.
        fatal: whether training cannot start; otherwise it runs, but not as it should.
        cure: what the button beside the sentence says.
        fix: the experiment after the cure; None if there is no single one.
    """

    message: str
    fatal: bool
    cure: str = ""
    fix: Experiment | None = None


def findings(experiment: Experiment) -> list[Finding]:
    """All that does not fit, what stops training first."""
    try:
        output = experiment.outline()[-1].out_shape
    except ShapeError as error:
        fix = None if error.fix is None else _changed(experiment, layers=error.fix)
        return [Finding(str(error), True, error.cure, fix)]
    shaped = (_task(experiment, output), _width(experiment, output), _weights(experiment))
    found = (*shaped, _twice(experiment), _batches(experiment), _cycle(experiment), _engine(experiment))
    return sorted((finding for finding in found if finding), key=lambda finding: not finding.fatal)


def fitted(experiment: Experiment, data: DataSpec) -> Experiment:
    """`experiment` on other data, with an output and a loss that fit: what a change of data set does by default.

    The loss that goes with the former data makes way for the one that goes with these; another one was chosen, and
    stays if it can.
    """
    output, loss = output_for(data)
    usual = experiment.loss == output_for(experiment.data)[1]
    experiment = experiment.but(data=data, loss=loss if usual else experiment.loss)
    kept = _with_outputs(experiment, output["out_features"])
    yes_or_no = data.classes > 2 and experiment.loss.entry.prediction in ("logit", "probability")
    unusual = yes_or_no and kept is not None and kept.layers != experiment.layers  # one question for each new class
    if kept is not None and not unusual and not findings(kept):
        return kept
    layers = list(experiment.layers)
    while layers and layers[-1].name in ("Sigmoid", "Softmax", "Flatten"):
        layers.pop()
    if layers and layers[-1].name == "Linear":
        layers[-1] = layers[-1].set(out_features=output["out_features"])
    else:
        layers.append(output)
    made = experiment.but(layers=tuple(layers), loss=loss)
    many = [finding.fix for finding in findings(made) if finding.cure == FLATTEN]
    return many[0] or made if many else made


def _changed(experiment: Experiment, **fields: object) -> Experiment | None:
    try:
        return experiment.but(**fields)
    except ValueError:
        return None


def _task(experiment: Experiment, output: tuple[int, ...]) -> Finding | None:
    """A loss for classes needs classes."""
    loss = experiment.loss
    if experiment.data.classes or loss.entry.targets == "values":
        return None
    return Finding(
        f"{loss.name} is for classes, but {experiment.data.entry.title} asks for a value: use MSELoss.",
        True,
        "Use MSELoss",
        experiment.but(loss=LossSpec(name="MSELoss")),
    )


def _width(experiment: Experiment, output: tuple[int, ...]) -> Finding | None:
    """The output has one column per class, or one for two classes, or one value."""
    classes, loss = experiment.data.classes, experiment.loss
    if not output:
        return _flat(experiment)
    if len(output) > 1:
        return _positions(experiment, output)
    wanted = classes if loss.entry.targets == "indices" else experiment.data.outputs
    width = output[-1]
    if width == wanted or (classes == 2 and width == 2) or (loss.entry.targets == "indices" and width > wanted):
        return None
    what = f"{classes} classes" if classes else "one value" if wanted == 1 else f"a sample of {wanted:,} numbers"
    number = f"{width} output" + ("s" if width > 1 else "")
    return Finding(
        f"The network has {number}, but {what} with {loss.name} need {wanted}: set the last Linear to {wanted}.",
        True,
        f"Set the last Linear to {wanted}",
        _with_outputs(experiment, wanted),
    )


def _weights(experiment: Experiment) -> Finding | None:
    """An optimizer without a parameter refuses to begin."""
    if any(report.parameters for report in experiment.outline()):
        return None
    wanted = output_for(experiment.data)[0]["out_features"]
    return Finding(
        f"No layer has weights, so there is nothing to learn: add a Linear layer of {wanted}.",
        True,
        "Add a Linear layer",
        _with_outputs(experiment, wanted),
    )


def _with_outputs(experiment: Experiment, wanted: int) -> Experiment | None:
    layers = list(experiment.layers)
    for index in range(len(layers) - 1, -1, -1):
        if layers[index].name == "Linear":
            layers[index] = layers[index].set(out_features=wanted)
            return _changed(experiment, layers=tuple(layers))
    return _changed(experiment, layers=(*layers, LayerSpec(name="Linear", args=Args(out_features=wanted))))


def _flat(experiment: Experiment) -> Finding:
    """An output of shape (N,) against targets of shape (N, 1): torch would pair every output with every target."""
    kept = tuple(layer for layer in experiment.layers if not (layer.name == "Flatten" and layer["start_dim"] == 0))
    loss = experiment.loss
    if loss.entry.targets == "values":
        message = (
            f"The output has shape (N,) and the targets (N, 1): {loss.name} broadcasts them to (N, N) and compares "
            "every output with every target. Remove Flatten with start_dim=0."
        )
    else:
        message = f"The output has shape (N,), but {loss.name} needs (N, outputs): remove Flatten with start_dim=0."
    return Finding(message, loss.entry.targets != "values", "Remove Flatten", _changed(experiment, layers=kept))


def _positions(experiment: Experiment, output: tuple[int, ...]) -> Finding:
    """An answer for every place of a picture or a sequence, where one is asked for."""
    layers = list(experiment.layers)
    last = next((index for index in range(len(layers) - 1, 0, -1) if layers[index].name == "Linear"), len(layers))
    flat = _changed(experiment, layers=(*layers[:last], LayerSpec(name="Flatten"), *layers[last:]))
    return Finding(
        f"The output has shape {shape_text(output)}, but one answer per sample is (N, outputs): add Flatten before the "
        "last layer.",
        True,
        FLATTEN,
        flat,
    )


def _twice(experiment: Experiment) -> Finding | None:
    """Losses that apply the last activation themselves, and the one that does not."""
    last, loss = experiment.layers[-1].name, experiment.loss.name
    without = experiment.layers[:-1]
    if loss == "CrossEntropyLoss" and last == "Softmax":
        return Finding(
            "CrossEntropyLoss applies the softmax itself; after a Softmax layer it is applied twice and learning "
            "slows down. Remove the Softmax.",
            False,
            "Remove the Softmax",
            _changed(experiment, layers=without),
        )
    if loss == "BCEWithLogitsLoss" and last == "Sigmoid":
        return Finding(
            "BCEWithLogitsLoss applies the sigmoid itself; after a Sigmoid layer it is applied twice and no output "
            "can be sure. Remove the Sigmoid.",
            False,
            "Remove the Sigmoid",
            _changed(experiment, layers=without),
        )
    if loss == "BCELoss" and last not in ("Sigmoid", "Softmax"):
        return Finding(
            f"BCELoss takes probabilities, but the last layer is {last}: end with a Sigmoid, or use BCEWithLogitsLoss.",
            True,
            "Use BCEWithLogitsLoss",
            experiment.but(loss=LossSpec(name="BCEWithLogitsLoss")),
        )
    if loss == "BCELoss" and last == "Softmax" and experiment.outline()[-1].out_shape in ((), (1,)):
        return Finding(
            "A Softmax over one unit is 1 whatever goes in, so nothing is learned: end with a Sigmoid.",
            False,
            "Use a Sigmoid",
            _changed(experiment, layers=(*without, LayerSpec(name="Sigmoid"))),
        )
    return None


def _batches(experiment: Experiment) -> Finding | None:
    """Batch statistics of a single number do not exist; of a single sample's channels, which hold many, they do."""
    names = [
        inner.name
        for layer, report in zip(experiment.layers, experiment.outline(), strict=True)
        for inner in every_layer([layer])
        if inner.entry.batch_statistics and (inner is not layer or math.prod(report.in_shape[1:]) == 1)
    ]
    count, size, drop_last = experiment.data.train_count, experiment.training.batch_size, experiment.training.drop_last
    if drop_last and size > count:
        return Finding(
            f"drop_last leaves nothing to train on: {count:,} samples do not fill a batch of {size:,}. Use batches of "
            f"{count:,} or fewer.",
            True,
            f"Use batches of {count:,}",
            _changed(experiment, training=experiment.training.but(batch_size=count)),
        )
    smallest = size if drop_last else count % size or min(size, count)
    if not names or smallest > 1:
        return None
    fix = next(
        (other for other in (*range(size + 1, size + 9), *range(size - 1, 1, -1)) if (count % other or other) > 1), None
    )
    return Finding(
        f"{names[0]} needs at least 2 samples in every batch, but {count:,} samples in batches of {size:,} leave one "
        f"of 1: {f'use a batch size of {fix}' if fix else 'use more points'}.",
        True,
        f"Use batches of {fix}" if fix else "",
        _changed(experiment, training=experiment.training.but(batch_size=fix)) if fix else None,
    )


def _cycle(experiment: Experiment) -> Finding | None:
    """A schedule that moves the momentum needs an optimizer that has one."""
    scheduler, optimizer = experiment.scheduler, experiment.optimizer
    if scheduler is None or not scheduler.args.get("cycle_momentum") or {"momentum", "betas"} & set(optimizer.args):
        return None
    return Finding(
        f"cycle_momentum moves the momentum of the optimizer, but {optimizer.name} has none: switch it off.",
        True,
        "Switch it off",
        experiment.but(scheduler=scheduler.set(cycle_momentum=False)),
    )


def _engine(experiment: Experiment) -> Finding | None:
    """The NumPy engine needs a twin of every part."""
    if experiment.training.engine != "numpy":
        return None
    parts = [*every_layer(experiment.layers), experiment.loss, experiment.optimizer]
    parts += [experiment.scheduler] if experiment.scheduler else []
    without = next((part.name for part in parts if not part.entry.twin), "")
    if experiment.training.precision != "float32":
        without = "Mixed precision"
    elif experiment.outline()[-1].out_shape == () and experiment.loss.entry.targets == "values":
        without = f"{experiment.loss.name} of outputs of shape (N,)"
    if not without:
        return None
    return Finding(
        f"{without} has no NumPy twin: the engine 'NumPy from scratch' cannot train this. Use PyTorch.",
        True,
        "Use PyTorch",
        _changed(experiment, training=experiment.training.but(engine="torch")),
    )
