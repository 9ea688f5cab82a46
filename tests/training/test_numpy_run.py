"""The NumPy engine: the same interface and, but for float32 rounding, the same course as the torch run."""

import time

import numpy as np
import pytest

from playground import scratch
from playground.catalog import DATASETS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.engine.picture import picture
from playground.fit import findings
from playground.spec import PLAIN_WORDS, Experiment, OptimizerSpec, needs_reset
from playground.training import NumpyRun, Run, restored, started

COURSES = {
    "adam": "data=spiral.100&net=Linear~Tanh~Linear~Tanh~Linear.1",
    "initialised": "data=spiral.100&net=Linear-xavier~Tanh~Linear-he~Tanh~Linear-zeros~Linear-normal.1",
    "dropout": "data=moons.90&net=Linear.16~ReLU~Dropout.0.3~Linear.8~Dropout~Linear.1&opt=SGD.0.1..0.9",
    "batch norm": "data=blobs.104..0.2..4&net=Linear.16~BatchNorm1d~Tanh~Linear.4&loss=CrossEntropyLoss&opt=AdamW&batch=16",
    "penalties": "data=multigauss.110&net=Linear.8~Tanh~LayerNorm~Linear.1&loss=HuberLoss&opt=RMSprop&l1=0.001&l2=0.01&clip=0.5",
    "schedule": "data=digits.200&net=Linear.32~GELU~Linear.10&loss=CrossEntropyLoss&opt=Adam.0.003&sched=OneCycleLR.0.05..30&batch=32",
    "plateau": "data=circle.80&net=Linear.4~Sigmoid~Linear.1~Sigmoid&loss=BCELoss&opt=NAdam&sched=ReduceLROnPlateau.0.5..0&batch=7",
    "points": "data=xor4&split=1.0&net=Linear.4~Tanh~Linear.1&loss=BCEWithLogitsLoss&opt=SGD.0.5&batch=4",
}


def experiment(query: str, engine: str = "numpy") -> Experiment:
    return Experiment.from_query(f"{query}&engine={engine}")


@pytest.mark.parametrize("name", COURSES)
def test_the_course_is_that_of_the_torch_run_to_float32_rounding(name):
    ours, theirs = started(experiment(COURSES[name])), started(experiment(COURSES[name], "torch"), "cpu")
    assert (type(ours), type(theirs)) == (NumpyRun, Run)
    for a, b in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        assert (a == b).all()
    for run in (ours, theirs):
        run.advance(steps=40)
    for column in theirs.history:
        np.testing.assert_allclose(ours.history[column], theirs.history[column], rtol=2e-3, atol=2e-4, err_msg=column)
    assert ours.lr == pytest.approx(theirs.lr, rel=1e-6)
    assert abs(ours.predict(ours.data.x_train) - theirs.predict(theirs.data.x_train)).max() < 5e-3


@pytest.mark.parametrize("name", COURSES)
def test_slices_states_and_resets_do_not_change_the_bits(name):
    whole, cut = started(experiment(COURSES[name])), started(experiment(COURSES[name]))
    whole.advance(steps=60)
    for steps in (1, 7, 22):
        cut.advance(steps=steps)
    again = restored(cut.state())
    assert type(again) is NumpyRun
    for run in (cut, again):
        run.advance(steps=30)
        assert run.history["loss"].tolist() == whole.history["loss"].tolist()
        assert run.evaluate() == whole.evaluate()
    first = whole.history["loss"].tolist()
    whole.reset()
    assert whole.step == 0
    whole.advance(steps=60)
    assert whole.history["loss"].tolist() == first


def test_evaluating_predicting_and_drawing_leave_the_course_alone():
    calm, watched = (started(experiment(COURSES["dropout"])) for _ in range(2))
    for _ in range(20):
        calm.advance(steps=1)
        watched.advance(steps=1)
        watched.evaluate()
        watched.predict(watched.data.x_val)
        watched.confusion()
        picture(watched)
    assert calm.history["loss"].tolist() == watched.history["loss"].tolist()


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_plays_and_is_drawn(name):
    starter = Experiment.starter(name)
    run = started(starter.but(training=starter.training.but(engine="numpy")))
    run.advance(steps=3)
    header, arrays = picture(run)
    assert header["device"] == "cpu, NumPy"
    assert header["step"] == 3
    weight = next(one.data for key, one in run.twin.model.params.items() if key.endswith("weight"))
    shown = arrays["weight_1"]
    assert (shown == weight[: shown.shape[0], : shown.shape[1]]).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_with_a_twin_plays_and_the_others_say_so(name):
    wanted = Experiment().but(optimizer=OptimizerSpec(name=name), training=Experiment().training.but(engine="numpy"))
    if OPTIMIZERS[name].twin:
        run = started(wanted)
        loss = run.evaluate()["train"]["loss"]
        run.advance(steps=30)
        assert run.evaluate()["train"]["loss"] != loss
        return
    (finding,) = findings(wanted)
    assert finding.fatal
    assert finding.message.startswith(f"{name} has no NumPy twin")
    assert finding.cure == "Use PyTorch"
    assert findings(finding.fix) == []
    with pytest.raises(ValueError, match=name):
        started(wanted)


@pytest.mark.parametrize("registry", [LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS])
def test_the_catalog_knows_what_has_a_twin(registry):
    assert {name: entry.twin for name, entry in registry.items()} == {name: hasattr(scratch, name) for name in registry}


def test_mixed_precision_and_broadcast_outputs_have_no_twin():
    for query in (
        "data=spiral&precision=mixed&net=Linear~Tanh~Linear.1",
        "data=spiral&loss=MSELoss&net=Linear.1~Flatten.0",
    ):
        found = [finding for finding in findings(experiment(query)) if "no NumPy twin" in finding.message]
        assert [finding.fatal for finding in found] == [True]
        assert found[0].fix.training.engine == "torch"


def test_the_engine_is_a_word_of_the_address_and_old_links_mean_torch():
    assert PLAIN_WORDS["engine"] == "torch"
    assert Experiment.from_query("data=spiral").training.engine == "torch"
    assert "engine" not in Experiment().to_query()
    wanted = experiment("data=moons")
    assert wanted.to_query()["engine"] == "numpy"
    assert Experiment.from_query(wanted.to_query()) == wanted
    assert "the engine" in needs_reset(wanted, experiment("data=moons", "torch"))
    with pytest.raises(ValueError, match="engine"):
        experiment("data=moons", "jax")


def test_divergence_is_said_and_the_last_good_weights_are_back():
    ours, theirs = (
        started(experiment("data=spiral&net=Linear~ReLU~Linear.1&opt=SGD.1000000.0&loss=MSELoss", e))
        for e in ("numpy", "torch")
    )
    for run in (ours, theirs):
        run.advance(steps=100)
    assert ours.status == theirs.status == "diverged"
    assert ours.message.partition(":")[0] == theirs.message.partition(":")[0]
    assert ours.step == theirs.step
    assert np.isfinite(ours.evaluate()["train"]["loss"])
    assert ours.update(ours.experiment.but(optimizer=OptimizerSpec.from_text("SGD.0.001"))) is None
    assert ours.advance(steps=5) == 5


def test_early_stopping_takes_the_best_weights_back():
    run = started(experiment("data=moons.60..0.5&net=Linear.16~Tanh~Linear.1&opt=Adam.0.1&patience=3&batch=30"))
    run.advance(steps=2_000)
    assert run.status == "stopped"
    best = run.history["val_loss"].min()
    assert run.evaluate()["val"]["loss"] == pytest.approx(best, rel=1e-6)


def test_rates_optimizers_batches_and_penalties_change_under_way():
    run = started(experiment(COURSES["adam"]))
    run.advance(steps=10)
    assert run.update(run.experiment.but(optimizer=OptimizerSpec.from_text("Adam.0.05"))) is None
    assert run.lr == 0.05
    assert len(run.optimizer.state) == len(list(run.model.parameters()))
    changed = run.experiment.but(
        optimizer=OptimizerSpec.from_text("RMSprop.0.02"), training=run.experiment.training.but(l2=0.5, batch_size=20)
    )
    assert run.update(changed) is None
    assert (run.lr, len(run.optimizer.state), run.twin.l2) == (0.02, 0, 0.5)
    assert run.advance(steps=10) == 10
    assert "the engine" in run.update(experiment(COURSES["adam"], "torch"))


def test_gradients_updates_and_set_weights_are_those_of_numpy():
    run = started(experiment(COURSES["adam"]))
    before = run.model[0].weight.clone()
    run.advance(steps=1)
    assert (run.model[0].weight.grad.numpy() == run.twin.model.params["0.weight"].grad).all()
    assert (run.last_update[0] == run.model[0].weight.detach() - before.detach()).all()
    run.set_parameter(0, 1, 0, 0.25)
    assert run.twin.model.params["0.weight"].data[1, 0] == 0.25


def test_numpy_is_much_faster_on_a_tiny_net():
    net = "data=spiral&features=x_y_sinx_siny&net=Linear.8~Tanh~Linear.8~Tanh~Linear.1~Tanh&loss=MSELoss&opt=SGD.0.03"
    runs = [started(experiment(net, engine), "cpu") for engine in ("numpy", "torch")]
    rates = [[], []]
    for _ in range(4):
        for run, found in zip(runs, rates, strict=True):
            start = time.thread_time()
            found.append(run.advance(steps=150) / (time.thread_time() - start))
    assert max(rates[0]) > 3 * max(rates[1])
