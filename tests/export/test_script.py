"""Every script is run, in a fresh process, and gives the losses of `training.Run` to the last bit."""

import inspect
import json
import os
import subprocess
import sys

import pytest
import torch

from playground.catalog import DATASETS, FEATURES, INITS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.catalog.base import Entry, Param
from playground.export import to_script
from playground.fit import findings
from playground.models import resolve
from playground.spec import DataSpec, Experiment, LayerSpec, LossSpec, OptimizerSpec, SchedulerSpec, TrainingSpec
from playground.training import Run

EPOCHS = 3
NEEDS = {"nesterov": {"momentum": 0.9}, "dampening": {"momentum": 0.9}, "max_iter": {"max_iter": 3}}
"""Arguments that another argument needs to have an effect, or to be quick."""

RUNNER = """
import contextlib, io, json, sys
for line in sys.stdin:
    name, script = json.loads(line)
    namespace = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(script, name, "exec"), namespace)
    kept = ("losses", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
    result = {key: namespace[key] for key in kept if key in namespace}
    result["weights"] = [p.tolist() for p in namespace["model"].parameters()]
    result["rows"] = printed.getvalue().splitlines()
    print(json.dumps([name, result]))
"""


def layer(name: str, **args) -> LayerSpec:
    return LayerSpec(name=name, args=args)


def small(data: DataSpec | None = None, hidden=(), outputs: int = 1, **fields) -> Experiment:
    """A quick experiment: 30 points in batches of 8, so that the last batch is short; 3 epochs."""
    layers = (layer("Linear", out_features=4), *(hidden or [layer("Tanh")]), layer("Linear", out_features=outputs))
    training = {"batch_size": 8, "epochs": EPOCHS, **fields.pop("training", {})}
    plain = {"layers": layers, "training": TrainingSpec(**training), "loss": LossSpec(name="BCEWithLogitsLoss")}
    plain |= {"optimizer": OptimizerSpec(name="SGD", args={"lr": 0.1}), "seed": 5}
    return Experiment(**{"data": data or DataSpec(name="circle", args={"n": 60}), **plain, **fields})


def another(param: Param):
    """A value of the parameter that is not its default."""
    if param.kind == "bool":
        return not param.default
    if param.choices:
        return next((choice for choice in param.choices if choice != param.default), param.default)
    if param.kind == "pair":
        return tuple(number * 0.9 for number in param.default)
    if param.kind == "int":
        return max(int(param.low), 2)
    if not param.default:
        return min(0.05, param.high)
    return param.default * 1.25 if param.default * 1.25 <= param.high else param.default * 0.75


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
    for entry in LAYERS.values():
        for label, args in variations(entry):
            yield f"layer {label}", small(hidden=[layer(entry.name, **args)])
    for name in INITS:
        weights = [LayerSpec(name="Linear", init=name), layer("Tanh"), layer("Dropout", p=0.2), layer("LayerNorm")]
        yield f"init {name}", small(hidden=weights)
    flat = small(loss=LossSpec(name="MSELoss"))
    yield "Flatten to (N,)", flat.but(layers=(*flat.layers, layer("Flatten", start_dim=0)))
    several = [layer("BatchNorm1d"), layer("ReLU"), layer("Dropout", p=0.3), layer("LayerNorm"), layer("Dropout")]
    yield "dropout and batch norm", small(hidden=several, training={"shuffle": False})


def trainings():
    settings = {
        "in order": {"shuffle": False},
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
    probabilities = small(loss=LossSpec(name="BCELoss"), training={"precision": "mixed"})
    yield "mixed BCELoss", probabilities.but(layers=(*probabilities.layers, layer("Sigmoid")))


GROUPS = (starters, datasets, losses, optimizers, schedulers, layers, trainings)
EXPERIMENTS: dict[str, Experiment] = {}
for group in GROUPS:
    for label, experiment in group():
        if any(finding.fatal for finding in findings(experiment)):
            continue  # such as Flatten with start_dim=0 in the middle
        assert label not in EXPERIMENTS, f"two experiments are called {label}"
        EXPERIMENTS[label] = experiment


def in_a_fresh_process(command: list[str], given: str = "", **options) -> str:
    """What the process prints; accelerators are hidden from it."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def results() -> dict[str, dict]:
    """Label -> what the script of that experiment computed; all of them in one fresh process."""
    scripts = [json.dumps([label, to_script(experiment)]) for label, experiment in EXPERIMENTS.items()]
    lines = in_a_fresh_process([sys.executable, "-W", "ignore", "-c", RUNNER], "\n".join(scripts))
    return dict(json.loads(line) for line in lines.splitlines())


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", EXPERIMENTS)
def test_gives_the_losses_of_the_run(label, results):
    experiment, result = EXPERIMENTS[label], results[label]
    run = Run(experiment, device="cpu")
    run.advance(steps=1_000)
    assert run.status in ("finished", "stopped")
    assert result["losses"] == run.history["loss"].tolist()
    assert len(result["losses"]) == run.step > 0
    assert result["weights"] == [p.tolist() for p in run.model.parameters()]


@pytest.mark.parametrize("label", [label for label in EXPERIMENTS if label.startswith("starter")])
def test_prints_what_evaluate_says(label, results):
    run, result = Run(EXPERIMENTS[label], device="cpu"), results[label]
    run.advance(steps=1_000)
    assert len(result["rows"]) == 2 + 1  # epochs, and the last line
    for split, word in (("train", "training"), ("val", "validation")):
        score = run.evaluate()[split]
        assert result.get(f"{split}_loss") == score["loss"]
        assert result.get(f"{split}_accuracy") == score["accuracy"]
        assert (f"{word} loss" in result["rows"][0]) == (score["loss"] is not None)
    assert repr(result["losses"][-1]) in result["rows"][-1]


def test_early_stopping_was_reached(results):
    for label in ("early stopping 0.5", "early stopping 1.0"):
        assert results[label]["rows"][-2].startswith("stopped early")


def test_one_script_alone(tmp_path):
    (tmp_path / "script.py").write_text(to_script(small(training={"epochs": 2})), encoding="utf-8")
    rows = in_a_fresh_process([sys.executable, "script.py"], cwd=tmp_path).splitlines()
    run = Run(small(training={"epochs": 2}), device="cpu")
    run.advance(steps=100)
    assert [row.partition(":")[0] for row in rows[:2]] == ["epoch 1", "epoch 2"]
    assert rows[-1] == f"{run.step} steps; the last batch had a loss of {float(run.history['loss'][-1])}"


def test_scripts_hold_nothing_unused(tmp_path):
    """No import, variable or name that is not needed, in any of them."""
    for number, experiment in enumerate(EXPERIMENTS.values()):
        (tmp_path / f"script_{number}.py").write_text(to_script(experiment), encoding="utf-8")
    rules = ["--isolated", "--select", "E,F,W,I,PIE", "--line-length", "120"]
    in_a_fresh_process([sys.executable, "-m", "ruff", "check", "--no-cache", *rules, str(tmp_path)])


def test_only_what_is_used_appears():
    plain = to_script(small())
    for word in (
        "copy",
        "scheduler",
        "penalty",
        "weights",
        "autocast",
        "clip_grad",
        "closure",
        "std",
        "fused",
        "sin(x)",
    ):
        assert word not in plain, word
    everything = to_script(EXPERIMENTS["everything"])
    for word in ("copy", "penalty", "autocast", "clip_grad"):
        assert word in everything, word


def test_epochs_can_be_those_that_were_seen():
    script = to_script(small(), epochs=17)
    assert "range(1, 17 + 1)" in script
    assert "range(1, 3 + 1)" not in script


def test_sizes_are_written_out():
    script = to_script(small(hidden=[layer("BatchNorm1d"), layer("Linear", out_features=3, bias=False), layer("GELU")]))
    for line in ("nn.Linear(2, 4)", "nn.BatchNorm1d(4)", "nn.Linear(4, 3, bias=False)", 'nn.GELU(approximate="none")'):
        assert f"    {line},\n" in script


def test_the_same_experiment_gives_the_same_text():
    assert to_script(Experiment()) == to_script(Experiment())


@pytest.mark.parametrize("entry", [*OPTIMIZERS.values(), *LOSSES.values(), *LAYERS.values()], ids=lambda e: e.name)
def test_what_is_left_out_is_torchs_default(entry):
    signature = inspect.signature(resolve(entry.target)).parameters
    for param in entry.params:
        always_written = param.kind == "int" or len(entry.params) == 1
        if not (always_written and entry in LAYERS.values()):
            assert signature[param.name].default == param.default, param.name


def test_needs_no_torch():
    code = (
        "import sys; from playground.export import to_script; from playground.spec import Experiment;"
        "to_script(Experiment()), to_script(Experiment.starter('digits'));"
        "assert not {'torch', 'sklearn'} & set(sys.modules)"
    )
    in_a_fresh_process([sys.executable, "-c", code])
