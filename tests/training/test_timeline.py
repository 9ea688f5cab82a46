"""Going back in a run: to the bits of then, on from there, and back to now as if nothing had been."""

from itertools import pairwise

import pytest
import torch
from test_diagnostics import states_are_the_same

from playground.spec import Experiment, OptimizerSpec, SchedulerSpec
from playground.training import Run, started, timeline
from playground.training.diagnostics import batch
from playground.training.timeline import MAX_MOMENTS, Moment, Timeline

torch.set_num_threads(1)

COURSES = {
    "adam": "data=spiral.100&net=Linear~Tanh~Linear~Tanh~Linear.1",
    "dropout and batch norm": "data=moons.90&net=Linear.16~BatchNorm1d~ReLU~Dropout.0.3~Linear.1&opt=SGD.0.1..0.9&batch=7",
    "closure": "data=circle.80&net=Linear.4~Tanh~Linear.1&opt=LBFGS.0.5..5&batch=40",
    "schedule": "data=circle.80&net=Linear.4~Tanh~Linear.1&opt=SGD.0.1..0.9&sched=StepLR.10",
    "early stopping": "data=moons.60&net=Linear.16~ReLU~Linear.1&opt=Adam.0.05&patience=3&batch=8",
}


def run_of(query: str, steps: int = 0) -> Run:
    run = Run(Experiment.from_query(query), "cpu")
    run.advance(steps=steps)
    return run


@pytest.mark.parametrize("name", COURSES)
def test_looking_back_shows_what_was_and_coming_back_leaves_no_trace(name):
    plain, run = run_of(COURSES[name], 60), run_of(COURSES[name], 60)
    for moment in list(run.timeline)[::3]:
        run.look_back(moment.step)
        then = run_of(COURSES[name], moment.step)
        assert run.step == moment.step
        assert run.scores == then.evaluate()
        assert run.status == then.status
        assert (run.history["loss"] == then.history["loss"]).all()
        assert all(torch.equal(a, b) for a, b in zip(run.model.parameters(), then.model.parameters(), strict=True))
    run.look_back(None)
    assert not run.looking_back
    assert states_are_the_same(run, plain)
    plain.advance(steps=37)
    run.advance(steps=37)
    assert states_are_the_same(run, plain)


@pytest.mark.parametrize("name", COURSES)
def test_going_on_from_a_moment_repeats_the_course_and_forgets_what_came_after(name):
    run = run_of(COURSES[name], 60)
    moments = [moment.step for moment in run.timeline]
    run.look_back(moments[len(moments) // 2])
    assert run.present_step > run.step
    run.advance(steps=10)
    assert not run.looking_back
    assert states_are_the_same(run, run_of(COURSES[name], run.step))
    assert all(moment.step <= run.step for moment in run.timeline)


def test_a_fork_takes_the_weights_of_then_and_what_is_changed_there():
    run = run_of(COURSES["adam"], 50)
    then = run_of(COURSES["adam"], 25)
    run.look_back(25)
    fork = run.experiment.but(optimizer=run.experiment.optimizer.set(lr=0.1))
    for one in (run, then):
        assert one.update(fork) is None
        one.advance(steps=20)
    assert states_are_the_same(run, then)


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": OptimizerSpec(name="SGD", args={"lr": 0.1, "momentum": 0.9})},
        {"scheduler": SchedulerSpec(name="StepLR")},
        {"training": Experiment().training.but(batch_size=7, l2=0.1)},
    ],
)
def test_a_moment_has_the_settings_of_then(change):
    run, plain = run_of(COURSES["adam"], 30), run_of(COURSES["adam"], 30)
    old, new = run.experiment, run.experiment.but(**change)
    run.update(new)
    run.advance(steps=30)
    present = [parameter.clone() for parameter in run.model.parameters()]
    run.look_back(25)
    assert run.experiment == old
    assert type(run.optimizer).__name__ == old.optimizer.name
    run.look_back(50)
    assert run.experiment == new
    assert type(run.optimizer).__name__ == new.optimizer.name
    run.look_back(None)
    assert run.experiment == new
    assert all(torch.equal(a, b) for a, b in zip(run.model.parameters(), present, strict=True))
    run.look_back(25)
    assert run.advance(steps=5) == 5  # as if the change had never been made
    assert states_are_the_same(run, plain)


def test_a_diverged_run_can_go_back_before_the_fall():
    run = run_of("data=plane&opt=SGD.0.03&loss=MSELoss&net=Linear.8~ReLU~Linear.8~ReLU~Linear.1", 120)
    run.update(run.experiment.but(optimizer=run.experiment.optimizer.set(lr=1000.0)))
    run.advance(steps=200)
    assert run.status == "diverged"
    assert all(moment.step <= run.step for moment in run.timeline)
    run.look_back(60)
    assert (run.status, run.step) == ("ready", 60)
    run.look_back(None)
    assert run.status == "diverged"
    assert "Diverged at step" in run.message


@pytest.mark.parametrize("engine", ["torch", "numpy"])
def test_gradients_updates_and_the_last_batch_are_those_of_then(engine):
    query = COURSES["adam"] + f"&engine={engine}"
    run = started(Experiment.from_query(query), "cpu")
    run.advance(steps=80)
    assert len(list(run.timeline)) > 2
    for step in [*(moment.step for moment in run.timeline), None]:
        run.look_back(step)
        then = started(Experiment.from_query(query), "cpu")
        then.advance(steps=run.step)
        for ours, theirs in zip(run.model.parameters(), then.model.parameters(), strict=True):
            assert (ours.grad is None) == (run.step == 0)
            assert ours.grad is None or torch.equal(ours.grad, theirs.grad)
        assert (run.last_update is None) == (run.step == 0)
        assert all(torch.equal(a, b) for a, b in zip(run.last_update or [], then.last_update or [], strict=True))
        assert torch.equal(run.batches.last, then.batches.last)
        assert batch(run, "last") == batch(then, "last")


def test_moments_are_bounded_and_evenly_spaced():
    run = run_of("data=xor4&split=1.0&loss=BCEWithLogitsLoss&net=Linear.2~ReLU~Linear.1&batch=4&opt=SGD.0.1", 1000)
    steps = [moment.step for moment in run.timeline]
    assert MAX_MOMENTS / 2 <= len(steps) <= MAX_MOMENTS
    assert steps[0] == 0
    assert len({after - before for before, after in pairwise(steps)}) == 1


def test_a_network_too_large_for_the_budget_says_so(monkeypatch):
    monkeypatch.setattr(timeline, "MAX_BYTES", 30_000)
    run = run_of("data=spiral.100&net=Linear.64~Tanh~Linear.64~Tanh~Linear.1", 30)
    assert list(run.timeline) == []
    with pytest.raises(ValueError, match="too large for a timeline"):
        run.look_back(5)
    monkeypatch.setattr(timeline, "MAX_BYTES", 100_000)
    run = run_of("data=spiral.100&net=Linear.8~Tanh~Linear.1", 200)
    assert 2 <= len(list(run.timeline)) <= 10
    assert sum(moment.size for moment in run.timeline) <= 100_000


def test_reset_and_restore_begin_a_new_timeline():
    run = run_of(COURSES["adam"], 50)
    run.look_back(10)
    run.reset()
    assert not run.looking_back
    assert [moment.step for moment in run.timeline] == [0]
    run.advance(steps=12)
    again = Run.restore(run.state(), "cpu")
    assert [moment.step for moment in again.timeline] == [12]
    again.advance(steps=20)
    again.look_back(0)
    assert again.step == 12


def test_the_nearest_moment_is_found():
    line = Timeline()
    for step in (0, 10, 20):
        line.keep(Moment(step, step / 10, Experiment(), {}, "ready", ""))
    assert [line.at(step).step for step in (0, 5, 6, 14, 99)] == [0, 0, 10, 10, 20]


def test_a_state_taken_while_looking_back_holds_the_present_too():
    run, plain = run_of(COURSES["adam"], 60), run_of(COURSES["adam"], 60)
    changed = run.experiment.but(optimizer=run.experiment.optimizer.set(lr=0.1))
    for one in (run, plain):
        one.update(changed)
        one.advance(steps=15)
    run.look_back(25)
    again = Run.restore(run.state(), "cpu")
    assert again.looking_back
    assert (again.step, again.present_step) == (25, 75)
    assert again.experiment == run.experiment != changed
    assert (again.present_history["loss"] == plain.history["loss"]).all()
    again.look_back(None)
    assert again.experiment == changed
    assert states_are_the_same(again, plain)
    for one in (again, plain):
        one.advance(steps=10)
    assert states_are_the_same(again, plain)


@pytest.mark.parametrize("engine", ["torch", "numpy"])
def test_a_whole_state_holds_the_moments(engine):
    query = COURSES["adam"] + f"&engine={engine}"
    run = started(Experiment.from_query(query), "cpu")
    run.advance(steps=80)
    again = type(run).restore(run.state(whole=True), "cpu")
    steps = [moment.step for moment in run.timeline]
    assert [moment.step for moment in again.timeline] == steps
    for one in (run, again):
        one.advance(steps=3 * again.steps_per_epoch)
        assert len(list(one.timeline)) == len(steps) + 3
        one.look_back(steps[1])
    assert all(torch.equal(a, b) for a, b in zip(run.model.parameters(), again.model.parameters(), strict=True))
    assert torch.equal(again.batches.last, run.batches.last)
    assert all(torch.equal(a, b) for a, b in zip(again.last_update, run.last_update, strict=True))
    for one in (run, again):
        one.look_back(None)
    assert states_are_the_same(run, again)


def test_a_whole_state_is_bounded(monkeypatch):
    run = run_of(COURSES["adam"], 500)
    moments = len(list(run.timeline))
    monkeypatch.setattr(timeline, "MOST_KEPT", 80_000)
    again = Run.restore(run.state(whole=True), "cpu")
    kept = list(again.timeline)
    assert 2 <= len(kept) < moments
    assert sum(moment.size for moment in kept) <= 80_000
    assert len({after.step - before.step for before, after in pairwise(kept)}) == 1
