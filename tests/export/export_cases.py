"""Experiments that together use everything in the registries, one option varied at a time, and what a Run makes of them."""

import ast
from functools import lru_cache

import nbformat
import torch

from playground.catalog import DATASETS, FEATURES, INITS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.catalog.base import Entry
from playground.export import to_module, to_notebook, to_script
from playground.fit import findings
from playground.spec import DataSpec, Experiment, LayerSpec, LossSpec, OptimizerSpec, SchedulerSpec, TrainingSpec
from playground.templates import TEMPLATES
from playground.training import Run, started
from tests.layers_around import REAL, another, around

from fresh_process import run_all  # isort: skip

EPOCHS = 3
LAST = "dropout and batch norm"
"""The experiment that is run after all others: it draws every kind of random number."""
NEEDS = {
    "nesterov": {"momentum": 0.9},
    "dampening": {"momentum": 0.9},
    "max_iter": {"max_iter": 3},
    "output_padding": {"stride": 3},
}
"""Arguments that another argument needs to have an effect, or to be quick."""


def layer(name: str, **args) -> LayerSpec:
    return LayerSpec(name=name, args=args)


def small(data: DataSpec | None = None, hidden=(), outputs: int = 1, **fields) -> Experiment:
    """A quick experiment: 30 points in batches of 8, so that the last batch is short; 3 epochs."""
    layers = (layer("Linear", out_features=4), *(hidden or [layer("Tanh")]), layer("Linear", out_features=outputs))
    training = {"batch_size": 8, "epochs": EPOCHS, **fields.pop("training", {})}
    plain = {"layers": layers, "training": TrainingSpec(**training), "loss": LossSpec(name="BCEWithLogitsLoss")}
    plain |= {"optimizer": OptimizerSpec(name="SGD", args={"lr": 0.1}), "seed": 5}
    return Experiment(**{"data": data or DataSpec(name="circle", args={"n": 60}), **plain, **fields})


def variations(entry: Entry):
    """The entry with its defaults, then with one argument changed at a time: (label, arguments)."""
    yield entry.name, {}
    for param in entry.params:
        if (value := another(param)) != param.default:
            yield f"{entry.name} {param.name}={value}", {**NEEDS.get(param.name, {}), param.name: value}


def starters():
    for name in DATASETS:
        starter = Experiment.starter(name)
        yield f"starter {name}", starter.but(training=starter.training.but(epochs=2))


def datasets():
    for name, entry in DATASETS.items():
        least = next(param.low for param in entry.params if param.name == "n")
        starter = Experiment.starter(name)
        some = starter.data.but(args={**starter.data.args, "n": int(least) + (name != "xor4")}, seed=3)
        for fraction in (0.7, 1.0, 0.1):
            yield (
                f"data {name} {fraction}",
                starter.but(data=some.but(train_fraction=fraction), training=TrainingSpec(epochs=2, batch_size=4)),
            )
        for param in entry.params:
            if param.name != "n":
                value = another(param) if param.choices else 4 if param.kind == "int" else 0.3
                data = starter.data.set(**{"n": 60, param.name: value})
                made = small(data, outputs=data.classes if data.classes > 2 else 1, loss=starter.loss)
                flat = (layer("Flatten"),) if len(data.input_shape) > 1 else ()
                yield f"data {name} {param.name}", made.but(layers=flat + made.layers)
    yield "features", small(DataSpec(name="spiral", args={"n": 60}, features=tuple(FEATURES)))
    yield "feature", small(DataSpec(name="spiral", args={"n": 60}, features=("sinx",)))


def losses():
    two = DataSpec(name="moons", args={"n": 60})
    more = DataSpec(name="blobs", args={"n": 60, "classes": 4})
    for entry in LOSSES.values():
        last = (layer("Sigmoid"),) if entry.prediction == "probability" else ()
        for label, args in variations(entry):
            loss = LossSpec(name=entry.name, args=args)
            for data, outputs in ((two, 1), (two, 2), (more, 4)):
                if outputs == 1 and entry.targets == "indices":
                    continue
                base = small(data, outputs=outputs)
                yield f"{label} {data.name} {outputs}", base.but(loss=loss, layers=base.layers + last)
            if entry.targets == "values":
                yield f"{label} plane", small(DataSpec(name="plane", args={"n": 60}), loss=loss)
                yield f"{label} diabetes", small(DataSpec(name="diabetes", args={"n": 60}), loss=loss)


def optimizers():
    for entry in OPTIMIZERS.values():
        for label, args in variations(entry):
            batches = {"batch_size": 500, "epochs": 2} if entry.closure else {}
            yield label, small(optimizer=OptimizerSpec(name=entry.name, args=args), training=batches)
    careful = OptimizerSpec(name="LBFGS", args={"lr": 0.05, "max_iter": 3})
    yield "LBFGS with dropout", small(optimizer=careful, hidden=[layer("Tanh"), layer("Dropout", p=0.2)])
    yield "LBFGS with penalties", small(optimizer=careful, training={"l1": 0.01, "l2": 0.01, "clip_norm": 0.1})
    yield "LBFGS mixed", small(optimizer=careful, training={"precision": "mixed"})


def schedulers():
    for entry in SCHEDULERS.values():
        for label, args in variations(entry):
            scheduler = SchedulerSpec(name=entry.name, args=args)
            optimizer = OptimizerSpec(name="Adam", args={"lr": 0.1})
            yield label, small(scheduler=scheduler, optimizer=optimizer)
    for total in (2, 11, 12, 13):
        scheduler = SchedulerSpec(name="OneCycleLR", args={"total_steps": total, "anneal_strategy": "linear"})
        yield f"OneCycleLR of {total} in 12 steps", small(scheduler=scheduler)
    plateau = SchedulerSpec(name="ReduceLROnPlateau", args={"patience": 0})
    jumpy = OptimizerSpec(name="SGD", args={"lr": 5.0})
    for fraction in (0.5, 1.0):
        data = DataSpec(name="circle", args={"n": 60}, train_fraction=fraction)
        yield f"plateau {fraction}", small(data, scheduler=plateau, optimizer=jumpy, training={"epochs": 8})


def layers():
    for name in REAL:
        for label, args in variations(LAYERS[name]):
            yield f"layer {label}", small(hidden=around(name, **args))
    words = DataSpec(name="characters", args={"n": 60, "encoding": "tokens"})
    for name in sorted(set(LAYERS) - set(REAL)):
        for label, args in variations(LAYERS[name]):
            reading = (layer(name, **args), layer("Flatten"), layer("Linear", out_features=words.classes))
            yield f"layer {label}", small(words, loss=LossSpec(name="CrossEntropyLoss")).but(layers=reading)
    for name in INITS:
        weights = [LayerSpec(name="Linear", init=name), layer("Tanh"), layer("Dropout", p=0.2), layer("LayerNorm")]
        yield f"init {name}", small(hidden=weights)
    flat = small(loss=LossSpec(name="MSELoss"))
    yield "Flatten to (N,)", flat.but(layers=(*flat.layers, layer("Flatten", start_dim=0)))
    several = [layer("BatchNorm1d"), layer("ReLU"), layer("Dropout", p=0.3), layer("LayerNorm"), layer("Dropout")]
    yield "dropout and batch norm", small(hidden=several, training={"shuffle": False})


def templates():
    for name, template in TEMPLATES.items():
        starter = Experiment.starter({"rows": "iris", "pictures": "digits", "sequences": "wave"}[template.takes])
        made = template.experiment(starter.data.set(n=50))
        yield f"template {name}", made.but(training=made.training.but(epochs=2, batch_size=8))


def trainings():
    settings = {
        "in order": {"shuffle": False},
        "whole batches": {"drop_last": True},
        "one batch": {"batch_size": 500},
        "clipped": {"clip_norm": 0.05},
        "l1": {"l1": 0.01},
        "l2": {"l2": 0.01},
        "l1 and l2": {"l1": 0.003, "l2": 0.01, "clip_norm": 1.0},
        "mixed": {"precision": "mixed"},
        "everything": {"l1": 0.01, "l2": 0.1, "clip_norm": 1.0, "precision": "mixed", "patience": 3, "epochs": 8},
    }
    for label, training in settings.items():
        yield label, small(training=training)
    jumpy = OptimizerSpec(name="SGD", args={"lr": 3.0})
    for fraction in (0.5, 1.0):
        data = DataSpec(name="circle", args={"n": 60, "noise": 0.3}, train_fraction=fraction)
        early = {"patience": 2, "epochs": 60}
        yield f"early stopping {fraction}", small(data, optimizer=jumpy, training=early)
    itself = Experiment.starter("iris").data.but(target="inputs")
    yield "autoencoder", small(itself, outputs=itself.outputs, loss=LossSpec(name="MSELoss"))
    probabilities = small(loss=LossSpec(name="BCELoss"), training={"precision": "mixed"})
    yield "mixed BCELoss", probabilities.but(layers=(*probabilities.layers, layer("Sigmoid")))


GROUPS = (starters, datasets, losses, optimizers, schedulers, layers, templates, trainings)
EXPERIMENTS: dict[str, Experiment] = {}
UNFIT: set[str] = set()
"""Labels of what cannot be trained, such as Flatten with start_dim=0 in the middle."""
for group in GROUPS:
    for label, experiment in group():
        if any(finding.fatal for finding in findings(experiment)):
            UNFIT.add(label)
            continue
        assert label not in EXPERIMENTS, f"two experiments are called {label}"
        EXPERIMENTS[label] = experiment

EXPERIMENTS[LAST] = EXPERIMENTS.pop(LAST)


def cells(experiment: Experiment) -> list[str]:
    """The code of the experiment's notebook."""
    notebook = nbformat.reads(to_notebook(experiment), as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def with_module(experiment: Experiment) -> str:
    """The script of the experiment with the class of `to_module` in the place of its network."""
    text = to_script(experiment)
    lines = text.splitlines()
    (network,) = (one for one in ast.parse(text).body if "model" in _assigned(one))
    rules = [one for one in ast.parse(text).body if ast.unparse(one).startswith("initialise(")]
    for one in rules:  # the class does it in its __init__
        lines[one.lineno - 1 : one.end_lineno] = [""] * (one.end_lineno - one.lineno + 1)
    lines[network.lineno - 1 : network.end_lineno] = ["model = Network().to(device)"]
    head = max(one.end_lineno for one in ast.parse(text).body if isinstance(one, ast.Import | ast.ImportFrom))
    return "\n".join([*lines[:head], to_module(experiment), *lines[head:]])


def _assigned(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


@lru_cache
def all_computed() -> dict[tuple[str, str], dict]:
    """(form, label) -> what the code of that experiment in that form computed, in a fresh process."""
    write = {"script": to_script, "notebook": lambda one: "\n\n".join(cells(one)), "module": with_module}
    return run_all({(form, label): write[form](one) for form in write for label, one in EXPERIMENTS.items()})


def computed(form: str) -> dict[str, dict]:
    """Label -> what the code of that experiment in this form computed."""
    return {label: result for (other, label), result in all_computed().items() if other == form}


@lru_cache
def trained(experiment: Experiment) -> Run:
    """The run of `experiment` at its end; one thread, as in the scripts."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = started(experiment, device="cpu")
        run.advance(steps=1_000)
    finally:
        torch.set_num_threads(threads)
    assert run.status in ("finished", "stopped"), run.message
    return run
