"""drop_last leaves the short batch of an epoch out: in the run, in the script, in NumPy, and in a DataLoader."""

import contextlib
import io

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from playground.export import to_numpy_script, to_script
from playground.fit import findings
from playground.spec import DataSpec, Experiment, OptimizerSpec, TrainingSpec
from playground.training import Run, started
from playground.training.batches import Batches


def experiment(**training) -> Experiment:
    wanted = {"batch_size": 8, "epochs": 2, "drop_last": True, **training}
    return Experiment(data=DataSpec(name="circle", args={"n": 60}), training=TrainingSpec(**wanted))


def batches_of(batches: Batches, count: int) -> list[list[int]]:
    given = []
    for _ in range(count):
        x, _ = batches.next()
        given.append(x[:, 0].tolist())
        batches.done(len(x))
    return given


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("count", [30, 32, 9])
def test_batches_are_those_of_a_data_loader(shuffle, count):
    x = torch.arange(float(count))[:, None]
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(TensorDataset(x, x), 8, shuffle=shuffle, drop_last=True, generator=generator)
    wanted = [batch[:, 0].tolist() for _ in range(3) for batch, _ in loader]
    batches = Batches(x, x, 8, shuffle, 3, drop_last=True)
    assert len(batches) == len(loader) == batches.left
    assert batches_of(batches, len(wanted)) == wanted
    assert (batches.epochs_done, batches.position, batches.epoch) == (3, 0, 3)


def test_a_change_in_the_middle_of_an_epoch():
    x = torch.arange(30.0)[:, None]
    batches = Batches(x, x, 8, False, 0)
    batches_of(batches, 3)
    assert batches.coming().tolist() == list(range(24, 30))
    batches.resize(8, False, drop_last=True)
    assert (batches.epochs_done, batches.position) == (1, 0)
    assert batches_of(batches, 1) == [list(map(float, range(8)))]
    batches.resize(20, False, drop_last=True)
    assert batches.coming().tolist() == list(range(8, 28))
    batches_of(batches, 1)
    assert (batches.epochs_done, batches.position) == (2, 0)


@pytest.mark.parametrize("engine", ["torch", "numpy"])
def test_run_and_script_agree(engine):
    wanted = experiment(engine=engine).but(optimizer=OptimizerSpec(name="SGD", args={"lr": 0.1}))
    run = started(wanted)
    run.advance(steps=100)
    assert run.step == 2 * (30 // 8)
    assert run.status == "finished"
    script, namespace = (to_script if engine == "torch" else to_numpy_script)(wanted), {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(script, "script", "exec"), namespace)
    assert namespace["losses"] == run.history["loss"].tolist()


def test_it_changes_while_the_run_goes_on_and_lives_in_the_address():
    run = Run(experiment(drop_last=False, epochs=50))
    run.advance(steps=3)
    assert run.update(experiment(epochs=50)) is None
    assert (run.epoch, run.steps_per_epoch) == (1, 3)
    run.advance(steps=3)
    assert run.epoch == 2
    assert experiment().to_query()["drop"] == "1"
    assert Experiment.from_query(experiment().to_query()) == experiment()


def test_a_batch_that_is_never_full_is_refused_with_a_cure():
    (finding,) = findings(experiment(batch_size=31))
    assert "30 samples do not fill a batch of 31" in finding.message
    assert findings(finding.fix) == []
