"""Every script is run, in a fresh process, and gives the losses of `training.Run` to the last bit."""

import inspect
import sys

import pytest

from playground.catalog import DATASETS, FEATURES, INITS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.export import to_notebook, to_script
from playground.models import resolve
from playground.spec import TRAINING, Experiment, every_layer

from export_cases import EXPERIMENTS, LAST, computed, layer, small, trained  # isort: skip
from fresh_process import in_a_fresh_process  # isort: skip


@pytest.fixture(scope="module")
def results() -> dict[str, dict]:
    """Label -> what the script of that experiment computed."""
    return computed("script")


def test_every_entry_and_every_option_is_in_some_experiment():
    """What the tests below run is everything that can be chosen; what follows from the data cannot be."""
    seen: dict[tuple[str, str], set[str]] = {}
    for one in EXPERIMENTS.values():
        parts = [one.data, *every_layer(one.layers), one.loss, one.optimizer, *filter(None, [one.scheduler])]
        for part in parts:
            seen.setdefault((part.entry.name, ""), set())
            for param in part.entry.params:
                seen.setdefault((part.entry.name, param.name), set()).add(repr(part.args.get(param.name)))
    for entry in (one for registry in (DATASETS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS) for one in registry.values()):
        assert (entry.name, "") in seen, entry.name
        for param in entry.params:
            inferred = (
                param.name == "n" if entry in DATASETS.values() else param.default is None and entry in LAYERS.values()
            )
            assert len(seen[entry.name, param.name]) > 1 or inferred, (entry.name, param.name)
    experiments = EXPERIMENTS.values()
    assert {layer.init for one in experiments for layer in one.layers} == set(INITS)
    assert {feature for one in experiments for feature in one.data.features} == set(FEATURES)
    for name in set(TRAINING) - {"engine"}:  # that of NumPy has a form of its own
        assert len({getattr(one.training, name) for one in experiments}) > 1, name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", EXPERIMENTS)
def test_gives_the_losses_of_the_run(label, results):
    run, result = trained(EXPERIMENTS[label]), results[label]
    assert result["losses"] == run.history["loss"].tolist()
    assert len(result["losses"]) == run.step > 0
    assert result["weights"] == [p.tolist() for p in run.model.parameters()]


@pytest.mark.parametrize("label", [label for label in EXPERIMENTS if label.startswith("starter")])
def test_prints_what_evaluate_says(label, results):
    run, result = trained(EXPERIMENTS[label]), results[label]
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


def test_a_script_alone_is_like_one_among_many(tmp_path, results):
    """`python script.py` prints the same as the process that has run many before, where all kinds of chance are used."""
    label = LAST
    (tmp_path / "script.py").write_text(to_script(EXPERIMENTS[label]), encoding="utf-8")
    rows = in_a_fresh_process([sys.executable, "script.py"], cwd=tmp_path).splitlines()
    assert rows == results[label]["rows"]
    run = trained(EXPERIMENTS[label])
    assert rows[0].startswith("epoch 1: training loss ")
    assert rows[-1] == f"{run.step} steps; the last batch had a loss of {float(run.history['loss'][-1])}"


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


def test_only_what_is_true_is_said_of_a_run_of_numpy():
    for write in (to_script, to_notebook):
        assert "of a run whose settings" in write(small())
        of_numpy = write(small(training={"engine": "numpy"}))
        assert "for rounding, and those" in of_numpy
        assert "of a run whose settings" not in of_numpy


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
        placed = list(signature)[: getattr(entry, "positional", 0)]
        always_written = param.name in placed or len(entry.params) == 1
        inferred = param.name not in signature  # what it stands for is always written
        if not ((always_written or inferred) and entry in LAYERS.values()):
            default = signature[param.name].default
            assert (default.__name__ if callable(default) else default) == param.default, param.name
