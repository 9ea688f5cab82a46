"""A kept run as a value: out of a snapshot, compared, and written to files that others read."""

import csv
import io
import math
import zipfile

import numpy as np
import pytest

from playground.catalog import DATASETS
from playground.engine.picture import picture
from playground.figures.runs import overlay
from playground.figures.theme import DARK
from playground.runs import (
    CURVES,
    MAX_POINTS,
    KeptRun,
    curves_csv,
    differences,
    has_tensorboard,
    runs_csv,
    settings,
    to_tensorboard,
)
from playground.spec import Experiment
from playground.training import Run

MADE = 1_750_000_000.0


def kept(query: str = "", steps: int = 60, **fields) -> KeptRun:
    """A run that was really trained."""
    experiment = Experiment.from_query(query)
    run = Run(experiment)
    run.advance(steps=steps)
    header, arrays = picture(run)
    return KeptRun.of_snapshot(experiment, header, arrays, MADE, **fields)


@pytest.fixture(scope="module")
def circle() -> KeptRun:
    return kept("data=circle&epochs=4")


@pytest.fixture(scope="module")
def spiral() -> KeptRun:
    return kept("opt=SGD.0.1&seed=4")


@pytest.mark.parametrize("name", DATASETS)
def test_a_run_of_every_data_set_can_be_kept_and_read_again(name):
    run = kept(f"data={name}", steps=2)
    assert KeptRun.from_json(run.model_dump_json()) == run
    assert run.experiment == Experiment.starter(name)
    assert run.step == 2
    assert run.curves["train_loss"][-1] == pytest.approx(run.scores["train_loss"], rel=1e-5)
    assert ("train_accuracy" in run.curves) == bool(run.experiment.data.classes)
    assert run.title.startswith(DATASETS[name].title)
    assert settings(run.experiment)["data set"] == DATASETS[name].title


def test_curves_are_those_of_the_run(circle):
    run = Run(circle.experiment)
    run.advance(steps=60)
    history = run.history
    for name in CURVES:
        drawn = dict(zip(circle.steps, circle.curves[name], strict=True))
        for step, value in zip(history["eval_step"], history[name], strict=True):
            assert drawn[float(step)] == pytest.approx(value, rel=1e-5)


def test_kept_while_looking_back_it_ends_then():
    run = Run(Experiment.from_query("data=circle"))
    run.advance(steps=200)
    run.look_back(75)
    header, arrays = picture(run)
    assert arrays["curve_step"].max() > 75
    found = KeptRun.of_snapshot(run.experiment, header, arrays, MADE)
    assert (found.step, found.steps[-1]) == (75, 75)
    assert all(len(points) == len(found.steps) for points in found.curves.values())
    assert found.curves["train_loss"][-1] == pytest.approx(found.scores["train_loss"], rel=1e-5)


def test_nothing_is_kept_of_a_run_at_step_0():
    with pytest.raises(ValueError, match="There is nothing to keep yet: press Play or Step first"):
        kept(steps=0)


def test_numbers_that_are_not_finite_are_gaps():
    arrays = {"curve_step": np.array([0, 1, 2]), "curve_train_loss": np.array([1.0, math.inf, math.nan])}
    run = KeptRun.of_snapshot(Experiment(), {"step": 2, "train": {"loss": None}}, arrays, MADE)
    assert run.curves == {"train_loss": (1.0, None, None)}
    assert run.scores == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[1]",
        '{"words": {}, "made": 1, "step": -1, "epoch": 0}',
        '{"words": {}, "made": 1, "step": 1, "epoch": 0, "curves": {"__class__": []}}',
        '{"words": {}, "made": 1, "step": 1, "epoch": 0, "extra": 1}',
        f'{{"words": {{}}, "made": 1, "step": 1, "epoch": 0, "curves": {{"val_loss": {[1] * (MAX_POINTS + 1)}}}}}',
    ],
)
def test_what_is_no_kept_run_is_not_read(text):
    with pytest.raises(ValueError, match="cannot be read"):
        KeptRun.from_json(text)


def test_the_same_run_has_the_same_name(circle, spiral):
    assert circle.name == kept("data=circle&epochs=4", steps=60).name
    assert len({circle.name, spiral.name, kept("data=circle&epochs=4", steps=61).name}) == 3


def test_what_differs_is_what_was_set_differently(circle, spiral):
    one = Experiment()
    other = one.but(optimizer=one.optimizer.set(lr=0.5), training=one.training.but(shuffle=False), seed=3)
    runs = [KeptRun(words=spec.to_query(), made=MADE, step=1, epoch=0.1) for spec in (one, other)]
    assert differences(runs) == {
        "optimizer: learning rate": ["0.01", "0.5"],
        "shuffle": ["yes", "no"],
        "weights (seed)": ["0", "3"],
    }
    assert differences([circle, circle]) == {}
    found = differences([circle, spiral])
    assert found["data set"] == ["circle", "spiral"]
    assert found["optimizer"] == ["Adam", "SGD"]
    assert found["optimizer: momentum"] == ["–", "0"]


def test_every_setting_is_in_the_table():
    base = Experiment()
    for query in ("l1=0.5", "split=0.7", "points=8", "features=x_x2", "batch=99", "sched=StepLR.7", "loss=MSELoss",
                  "precision=mixed", "clip=3.0", "patience=4", "engine=numpy"):  # fmt: skip
        changed = Experiment.from_query({**base.to_query(), **dict([query.split("=")])})
        assert settings(changed) != settings(base), query


def test_csv_holds_every_number(circle, spiral):
    rows = list(csv.DictReader(io.StringIO(runs_csv([circle, spiral]))))
    assert [row["data set"] for row in rows] == ["circle", "spiral"]
    assert float(rows[0]["val_loss"]) == circle.scores["val_loss"]
    assert Experiment.from_query(rows[1]["link"]) == spiral.experiment
    points = [row for row in csv.DictReader(io.StringIO(curves_csv([circle, spiral]))) if row["run"] == circle.name]
    assert [float(row["step"]) for row in points] == list(circle.steps)
    assert [float(row["val_loss"]) for row in points] == list(circle.curves["val_loss"])


def test_no_cell_of_a_csv_is_a_formula():
    run = KeptRun(words=Experiment().to_query(), made=MADE, step=1, epoch=0.0, device="=HYPERLINK(1)")
    assert next(csv.DictReader(io.StringIO(runs_csv([run]))))["device"] == "'=HYPERLINK(1)"


def test_tensorboard_reads_what_was_written(circle, spiral, tmp_path):
    assert has_tensorboard()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    zipfile.ZipFile(io.BytesIO(to_tensorboard([circle, spiral]))).extractall(tmp_path)
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == 2
    for folder, run in zip(folders, (circle, spiral), strict=True):
        read = EventAccumulator(str(folder)).Reload()
        assert set(read.Tags()["scalars"]) == {"loss/train", "loss/val", "accuracy/train", "accuracy/val"}
        loss = read.Scalars("loss/val")
        assert [event.step for event in loss] == [int(step) for step in run.steps]
        assert [event.value for event in loss] == pytest.approx(run.curves["val_loss"], rel=1e-6)


def test_the_figure_has_two_lines_for_every_run_in_a_colour_of_its_own(circle, spiral):
    figure = overlay([circle, spiral], "loss", log=False, theme=DARK)
    assert [line.name for line in figure.data] == ["1 training", "1 validation", "2 training", "2 validation"]
    assert list(figure.data[1].y) == list(circle.curves["val_loss"])
    assert figure.data[0].line.color == figure.data[1].line.color != figure.data[2].line.color
    assert figure.data[0].line.dash != figure.data[1].line.dash


def test_a_logarithmic_axis_leaves_out_what_it_cannot_show():
    run = KeptRun(
        words=Experiment().to_query(), made=MADE, step=2, epoch=0.1, steps=(0, 1, 2),
        curves={"train_accuracy": (0.0, None, 0.5)},
    )  # fmt: skip
    assert list(overlay([run], "accuracy", log=True, theme=DARK).data[0].y) == [None, None, 0.5]
    assert not overlay([run], "loss", log=True, theme=DARK).data
