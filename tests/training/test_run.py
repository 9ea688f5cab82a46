"""The run: equal to the plain script bit for bit, whatever the slices, and honest when it fails."""

import re
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from playground.catalog import DATASETS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.fit import fitted
from playground.models import resolve
from playground.spec import Experiment, LayerSpec, LossSpec, OptimizerSpec, SchedulerSpec
from playground.training import Run, metrics, started
from playground.training.history import Table
from playground.training.run import EVALUATION_SHARE, EVALUATION_STEPS, STEP_WORK
from tests.layers_around import REAL, around


def experiment(query: str) -> Experiment:
    return Experiment.from_query(query)


PLAIN = {
    "adam": "data=spiral.100&net=Linear~Tanh~Linear~Tanh~Linear.1",
    "dropout": "data=moons.90&net=Linear.16~ReLU~Dropout.0.3~Linear.8~Dropout~Linear.1&opt=SGD.0.1..0.9",
    "batch norm": "data=blobs.103..0.2..4&net=Linear.16~BatchNorm1d~ReLU~Linear.4&loss=CrossEntropyLoss&opt=AdamW&batch=16",
    "penalties": "data=multigauss.110&net=Linear.8~Tanh~LayerNorm~Linear.1&loss=HuberLoss&opt=RMSprop&l1=0.001&l2=0.01&clip=0.5",
    "schedule": "data=digits.200&net=Linear.32~GELU~Linear.10&loss=CrossEntropyLoss&opt=Adam.0.003&sched=OneCycleLR.0.05..30&batch=32",
    "in order": "data=circle.80&net=Linear.4~Sigmoid~Linear.1~Sigmoid&loss=BCELoss&opt=NAdam&shuffle=0&batch=7",
    "closure": "data=circle.80&net=Linear.4~Tanh~Linear.1&opt=LBFGS.0.5..5&batch=40",
}


def plain_losses(experiment: Experiment, epochs: int) -> tuple[list[float], nn.Module]:
    """The loop as everybody writes it, with the global generator and a DataLoader."""
    state = torch.get_rng_state()
    torch.manual_seed(experiment.seed)
    model = nn.Sequential(*(resolve(LAYERS[r.name].target)(**r.arguments) for r in experiment.outline()))
    run = Run(experiment, "cpu")  # for the data alone
    loader = DataLoader(
        TensorDataset(run.x_train, run.t_train),
        batch_size=experiment.training.batch_size,
        shuffle=experiment.training.shuffle,
        generator=torch.Generator().manual_seed(experiment.seed),
    )
    loss_function = getattr(nn, experiment.loss.name)(**experiment.loss.args)
    fused = {"fused": True} if experiment.optimizer.entry.fused else {}
    optimizer = getattr(torch.optim, experiment.optimizer.name)(
        model.parameters(), **experiment.optimizer.args, **fused
    )
    scheduler = experiment.scheduler and getattr(torch.optim.lr_scheduler, experiment.scheduler.name)(
        optimizer, **experiment.scheduler.args
    )
    training, losses, calls = experiment.training, [], 1
    for _ in range(epochs):
        for x, y in loader:

            def closure(x=x, y=y):
                optimizer.zero_grad()
                loss = loss_function(model(x), y)
                penalty = torch.zeros(())
                weights = [p for p in model.parameters() if p.dim() > 1]
                if training.l1:
                    penalty = penalty + training.l1 * sum(w.abs().sum() for w in weights)
                if training.l2:
                    penalty = penalty + training.l2 / 2 * sum(w.square().sum() for w in weights)
                (loss + penalty if training.l1 or training.l2 else loss).backward()
                if training.clip_norm:
                    nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm)
                return loss

            if experiment.optimizer.entry.closure:
                loss = optimizer.step(closure)
            else:
                loss = closure()
                optimizer.step()
            losses.append(loss.item())
            if scheduler and calls < experiment.scheduler["total_steps"]:
                scheduler.step()
                calls += 1
    torch.set_rng_state(state)
    return losses, model


@pytest.mark.parametrize("name", PLAIN)
def test_the_numbers_are_those_of_the_plain_script(name):
    spec = experiment(PLAIN[name])
    losses, model = plain_losses(spec, epochs=4)
    run = Run(spec, "cpu")
    run.advance(steps=len(losses))
    assert run.history["loss"].tolist() == losses
    for ours, theirs in zip(run.model.state_dict().values(), model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", PLAIN)
def test_slices_evaluations_resets_and_restored_states_do_not_matter(name):
    spec = experiment(PLAIN[name])
    whole, ones, sevens, clock = (Run(spec, "cpu") for _ in range(4))
    whole.advance(steps=40)
    for _ in range(40):
        ones.advance(steps=1)
        ones.evaluate()
    for _ in range(5):
        sevens.advance(steps=7)
        sevens = Run.restore(sevens.state(), "cpu")
    sevens.advance(steps=5)
    while clock.step < 40:
        clock.advance(seconds=0.002)
    clock.reset()
    clock.advance(steps=40)
    for other in (ones, sevens, clock):
        for column in whole.history:
            np.testing.assert_array_equal(whole.history[column], other.history[column], err_msg=column)
        assert all(torch.equal(a, b) for a, b in zip(whole.model.parameters(), other.model.parameters(), strict=True))


def test_evaluations_follow_from_the_work_alone_and_take_a_small_part_of_it():
    spec = experiment("data=digits.600&net=Linear.256~ReLU~Linear.10&loss=CrossEntropyLoss&opt=Adam&batch=60")
    run, slices = Run(spec, "cpu"), Run(spec, "cpu")
    run.advance(steps=900)
    while slices.step < 900:
        slices.advance(seconds=0.003)
    at = run.history["eval_step"].tolist()
    done = slices.history["eval_step"]
    assert at == done[done <= 900].tolist()
    assert at[:4] == [0, 25, 50, 100]  # often while the run is young
    gaps = np.diff(at)
    assert (np.diff(gaps) >= 0).all()
    one, step = 600 * run.sample_work, 3 * 60 * run.sample_work + STEP_WORK
    assert one / (gaps[-1] * step) <= EVALUATION_SHARE < one / (EVALUATION_STEPS * step)


def test_what_acts_on_evaluations_has_one_after_every_epoch():
    query = "data=digits.100&net=Linear.1024~ReLU~Linear.10&loss=CrossEntropyLoss&opt=Adam&batch=10&epochs=12"
    for more in ("&patience=5", "&sched=ReduceLROnPlateau"):
        run = Run(experiment(query + more), "cpu")
        run.advance(steps=40)
        assert run.history["eval_step"].tolist() == list(range(0, 41, run.steps_per_epoch))
    run = Run(experiment(query), "cpu")
    run.advance(steps=1000)
    assert (run.status, run.history["eval_step"][-1]) == ("finished", run.step)
    assert len(run.timeline.moments) == 13  # epochs can be gone back to, evaluated or not


def test_the_global_random_state_is_untouched_and_threads_do_not_disturb_each_other():
    spec = experiment(PLAIN["dropout"])
    alone = Run(spec, "cpu")
    alone.advance(steps=60)
    before = torch.get_rng_state()
    runs = [Run(spec, "cpu"), Run(spec, "cpu")]
    threads = [threading.Thread(target=run.advance, kwargs={"steps": 60}) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(before, torch.get_rng_state())
    assert all(run.history["loss"].tolist() == alone.history["loss"].tolist() for run in runs)


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_has_a_starter_that_learns(name):
    run = Run(Experiment.starter(name), "cpu")
    before = run.evaluate()["train"]["loss"]
    run.advance(steps=80)
    assert run.status == "ready"
    assert run.evaluate()["train"]["loss"] < before


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains_and_is_restored_to_the_bit(name):
    spec = experiment("data=circle.60&net=Linear.4~Tanh~Linear.1").but(optimizer=OptimizerSpec(name=name))
    run = Run(spec, "cpu")
    run.advance(steps=9)
    other = Run.restore(run.state(), "cpu")
    run.advance(steps=9)
    other.advance(steps=9)
    assert run.history["loss"].tolist() == other.history["loss"].tolist()
    assert np.isfinite(run.history["loss"]).all()


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_schedule_moves_the_rate_and_is_restored(name):
    args = {"OneCycleLR": {"total_steps": 20}, "StepLR": {"step_size": 2}, "ReduceLROnPlateau": {"patience": 0}}.get(
        name, {}
    )
    spec = experiment("data=circle.60&net=Linear.4~Tanh~Linear.1&opt=SGD.0.00001&batch=10")
    spec = spec.but(scheduler=SchedulerSpec(name=name, args=args))
    run = Run(spec, "cpu")
    run.advance(steps=14)
    other = Run.restore(run.state(), "cpu")
    for each in (run, other):
        each.advance(steps=40)
    assert run.history["lr"].tolist() == other.history["lr"].tolist()
    assert name == "ReduceLROnPlateau" or len(set(run.history["lr"])) > 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("data", ["circle.40", "blobs.40", "sine.40"])
def test_every_loss_either_trains_or_says_what_does_not_fit(loss, data):
    spec = experiment(f"data={data}&net=Linear.4~Tanh~Linear.1").but(loss=LossSpec(name=loss))
    try:
        run = Run(spec, "cpu")
    except ValueError as error:
        assert str(error).endswith(".")
        assert ":" in str(error)
        run = Run(fitted(spec, spec.data), "cpu")
    run.advance(steps=5)
    assert run.step == 5


@pytest.mark.parametrize("name", REAL)
def test_every_layer_trains(name):
    layers = (*around(name), LayerSpec(name="Linear", args={"out_features": 1}))
    run = Run(experiment("data=circle.44").but(layers=layers), "cpu")
    run.advance(steps=5)
    assert run.step == 5
    assert sum(p.numel() for p in run.model.parameters()) == sum(r.parameters for r in run.experiment.outline())


def test_changes_that_keep_the_weights_are_taken_over_and_others_say_why_not():
    run = Run(experiment("data=circle.100&net=Linear.4~Tanh~Linear.1&opt=Adam.0.01"), "cpu")
    run.advance(steps=13)
    momentum = run.optimizer.state_dict()["state"][0]["exp_avg"].clone()
    faster = run.experiment.but(
        optimizer=run.experiment.optimizer.set(lr=0.5), training=run.experiment.training.but(batch_size=25)
    )
    assert run.update(faster) is None
    assert run.step == 13
    assert run.lr == 0.5
    assert torch.equal(momentum, run.optimizer.state_dict()["state"][0]["exp_avg"])
    run.advance(steps=20)
    assert run.update(run.experiment.but(optimizer=OptimizerSpec(name="SGD"))) is None
    assert type(run.optimizer).__name__ == "SGD"
    reason = run.update(run.experiment.but(layers=run.experiment.layers[1:]))
    assert reason == "Changing the layers starts training anew."
    assert len(run.experiment.layers) == 3


def test_every_sample_is_visited_once_per_epoch_also_when_the_batch_size_changes_in_between():
    run = Run(experiment("data=circle.100&net=Linear.4~Tanh~Linear.1&batch=10"), "cpu")
    run.advance(steps=2)
    run.update(run.experiment.but(training=run.experiment.training.but(batch_size=7)))
    run.advance(steps=5)  # 20 + 30 of 50 points
    assert run.epoch == 1.0


@pytest.mark.parametrize(
    "query",
    [
        "data=spiral.100&net=Linear~Tanh~Linear~Tanh~Linear.1&opt=Adam.1000000.0",
        "data=circle.100&net=Linear~ReLU~Linear.1&opt=SGD.1000000.0",
        "data=multigauss.100&net=Linear~ReLU~Linear~ReLU~Linear.1&loss=MSELoss&opt=SGD.50.0",
        "data=moons.100&net=Linear.16~BatchNorm1d~ReLU~Dropout~Linear.1&opt=SGD.100000.0&sched=ExponentialLR.0.999",
    ],
)
def test_divergence_stops_the_run_and_gives_back_the_last_finite_weights(query):
    run = Run(experiment(query), "cpu")
    done = run.advance(steps=2000)
    assert run.status == "diverged"
    assert run.message.startswith("Diverged at step ")
    assert re.search(r"through the (weights|values) of layer \d \(Linear\)", run.message)
    assert "learning rate" in run.message
    assert run.advance(steps=5) == 0
    assert all(p.isfinite().all() for p in run.model.parameters())
    assert len(run.history["loss"]) == run.step <= done
    twin = Run(run.experiment, "cpu")
    twin.advance(steps=run.step)
    assert all(torch.equal(a, b) for a, b in zip(run.model.parameters(), twin.model.parameters(), strict=True))
    assert run.update(run.experiment.but(optimizer=run.experiment.optimizer.set(lr=1e-3))) is None
    assert run.status == "ready"
    assert run.advance(steps=3) == 3


def test_a_run_that_diverges_late_goes_back_exactly_two_steps():
    run = Run(experiment("data=moons.100&net=Linear.16~Tanh~Dropout~Linear.1&opt=SGD.0.1&batch=10"), "cpu")
    run.advance(steps=700)
    with torch.no_grad():
        run.model[0].weight.fill_(float("nan"))
    run.advance(steps=1)
    twin = Run(run.experiment, "cpu")
    twin.advance(steps=699)
    assert run.status == "diverged"
    assert "step 701" in run.message
    assert "layer 1 (Linear)" in run.message
    assert run.step == 699
    assert all(torch.equal(a, b) for a, b in zip(run.model.parameters(), twin.model.parameters(), strict=True))
    np.testing.assert_array_equal(run.history["loss"], twin.history["loss"])


def test_early_stopping_brings_the_best_weights_back():
    run = Run(experiment("data=ten_features.60&net=Linear.64~ReLU~Linear.1&opt=Adam.0.05&split=0.5&patience=5"), "cpu")
    run.advance(steps=5000)
    assert run.status == "stopped"
    best = np.nanmin(run.history["val_loss"][1:])
    assert run.evaluate()["val"]["loss"] == pytest.approx(best, rel=1e-6)
    assert "epoch" in run.message
    assert run.update(run.experiment.but(training=run.experiment.training.but(patience=0))) is None
    assert run.advance(steps=3) == 3


def test_a_run_ends_after_its_epochs_and_goes_on_when_given_more():
    run = Run(experiment("data=circle.40&net=Linear.4~Tanh~Linear.1&epochs=3"), "cpu")
    assert run.advance(steps=100) == 6
    assert run.status == "finished"
    assert run.message == "All 3 epochs are done."
    run.update(run.experiment.but(training=run.experiment.training.but(epochs=5)))
    assert run.advance(steps=100) == 4


def test_scores_confusion_and_predictions_agree():
    run = Run(experiment("data=iris&opt=Adam.0.05"), "cpu")
    run.advance(steps=60)
    scores, matrix = run.evaluate(), run.confusion("val")
    assert matrix.sum() == len(run.data.y_val)
    assert scores["val"]["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum())
    assert (run.predict(run.data.x_val).argmax(1) == run.data.y_val).mean() == pytest.approx(scores["val"]["accuracy"])
    assert run.probabilities(run.data.x_val).sum(1) == pytest.approx(1)
    with pytest.raises(ValueError, match="regression"):
        Run(Experiment.starter("sine"), "cpu").confusion()


def test_mixed_precision_runs_on_the_cpu():
    run = Run(experiment("data=circle.40&net=Linear.4~Tanh~Linear.1&precision=mixed"), "cpu")
    run.advance(steps=5)
    assert run.step == 5
    assert run.model[0].weight.dtype == torch.float32


def test_without_validation_points_the_scores_say_none():
    run = Run(Experiment.starter("xor4"), "cpu")
    assert run.evaluate()["val"] == {"loss": None, "accuracy": None, "r2": None}
    run.advance(steps=2000)
    assert run.evaluate()["train"]["accuracy"] >= 0.75


@pytest.mark.parametrize("arguments", [{}, {"steps": 1, "seconds": 1}, {"steps": -1}, {"seconds": -1}, {"steps": 1.5}])
def test_advance_takes_steps_or_seconds(arguments):
    with pytest.raises(ValueError, match="advance"):
        Run(Experiment(), "cpu").advance(**arguments)


def test_states_from_elsewhere_are_refused():
    state = Run(Experiment(), "cpu").state()
    for bad in (b"", b"junk", state[:200], state[:-100], b"\x80\x04." * 50):
        with pytest.raises(ValueError, match="not the state of a run"):
            Run.restore(bad)


def test_an_unknown_device_is_refused_with_those_that_are_here():
    with pytest.raises(ValueError, match="choose one of cpu"):
        Run(Experiment(), "hpu")


def test_history_is_bounded_and_evenly_spaced():
    table = Table(("step", "loss"), 64)
    for step in range(10_000):
        table.append(step, step / 2)
    steps = np.array(table.columns["step"])
    assert 32 <= len(table) <= 64
    assert set(np.diff(steps)) == {table.stride}
    assert steps[0] == 0
    table.cut(5_000)
    table.append(99_999, 0)
    assert table.columns["step"][-2] <= 5_000


def test_two_classes_can_be_trained_with_any_targets():
    y = torch.tensor([0, 1])
    assert metrics.targets_for(LOSSES["MSELoss"], y, 2, 1).tolist() == [[-1.0], [1.0]]
    assert metrics.targets_for(LOSSES["BCELoss"], y, 2, 1).tolist() == [[0.0], [1.0]]
    assert metrics.targets_for(LOSSES["MSELoss"], y, 2, 2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert metrics.targets_for(LOSSES["CrossEntropyLoss"], y, 2, 2).tolist() == [0, 1]


def test_a_batch_size_changed_within_an_epoch_never_leaves_a_batch_norm_a_single_sample():
    query = "data=spiral.500&net=Linear.4~BatchNorm1d~ReLU~Linear.1&batch=10"
    for engine in ("torch", "numpy"):
        for steps in range(25):
            run = started(Experiment.from_query(f"{query}&engine={engine}"), "cpu")
            run.advance(steps=steps)
            run.update(run.experiment.but(training=run.experiment.training.but(batch_size=11)))
            left = run.batches.left
            assert len(run.batches.coming()) in (10, 11, 12)
            assert run.advance(steps=left) == left
            assert run.batches.position == 0, "the epoch is over after as many batches as were left"
            run.advance(steps=run.steps_per_epoch)
            assert run.status == "ready"


def test_a_schedule_that_moved_the_momentum_gives_it_back():
    run = Run(Experiment.from_query("data=circle.80&net=Linear.4~Tanh~Linear.1&opt=SGD.0.1..0.9&batch=10"), "cpu")
    cycle = SchedulerSpec(name="OneCycleLR", args={"total_steps": 200, "cycle_momentum": True})
    run.update(run.experiment.but(scheduler=cycle))
    run.advance(steps=20)
    assert run.optimizer.param_groups[0]["momentum"] != 0.9
    run.update(run.experiment.but(scheduler=None))
    assert run.optimizer.param_groups[0]["momentum"] == 0.9
    assert run.lr == 0.1


@pytest.mark.parametrize("engine", ["torch", "numpy"])
@pytest.mark.parametrize("optimizer", ["RMSprop", "SGD", "Adam"])
def test_momentum_that_comes_with_a_schedule_finds_its_place(optimizer, engine):
    query = f"data=circle.80&net=Linear.4~Tanh~Linear.1&opt={optimizer}.0.01&batch=10&engine={engine}"
    run = started(Experiment.from_query(query), "cpu")
    run.advance(steps=5)
    cycle = SchedulerSpec(name="OneCycleLR", args={"total_steps": 200, "cycle_momentum": True})
    run.update(run.experiment.but(scheduler=cycle))
    assert run.advance(steps=20) == 20


def test_settings_changed_right_after_a_spoilt_step_do_not_keep_its_weights():
    run = Run(
        Experiment.from_query("data=plane&opt=SGD.0.01&loss=MSELoss&net=Linear.8~ReLU~Linear.8~ReLU~Linear.1"), "cpu"
    )
    run.update(run.experiment.but(optimizer=run.experiment.optimizer.set(lr=1e6)))
    assert run.advance(steps=1) == 1
    calm = run.experiment.but(optimizer=run.experiment.optimizer.set(lr=0.01))
    run.update(calm)
    run.advance(steps=5)
    assert run.status == "diverged"
    assert run.step == 0
    assert run.experiment == calm
    run.update(calm.but(training=calm.training.but(clip_norm=1.0)))
    assert run.advance(steps=20) == 20, "it can go on from there"
