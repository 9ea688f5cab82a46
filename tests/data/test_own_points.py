"""Points that a visitor draws: on their grid, in the address bar, in the run and in the script."""

import contextlib
import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.catalog import DATASETS
from playground.catalog.points import CLASSES, MOST, from_text, snapped, to_text
from playground.data import load
from playground.export import to_script
from playground.fit import findings
from playground.spec import DataSpec, Experiment
from playground.training import Run
from playground.ui.points import BEGIN_WITH, draw_points, own_points

PLANES = [name for name, entry in DATASETS.items() if entry.view == "plane"]
coordinates = st.floats(-6, 6)
drawings = st.lists(st.tuples(coordinates, coordinates, st.integers(0, CLASSES - 1)), min_size=2, max_size=40)


@settings(max_examples=100, deadline=None)
@given(drawings)
def test_the_text_of_points_gives_them_back(drawing):
    points = snapped(drawing)
    assert snapped(points) == points
    assert from_text(to_text(points)) == points
    of_ten = all(label < 10 for *_, label in points)
    assert 4 * len(points) <= len(to_text(points)) <= (4 if of_ten else 8) * len(points)
    assert np.abs(np.array(points) - np.array(drawing)).max() <= 0.005 + 1e-9


@settings(max_examples=40, deadline=None)
@given(drawings)
def test_drawn_points_survive_json_and_the_address_bar(drawing):
    experiment = Experiment(data=DataSpec(name="own", points=drawing))
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment
    assert Experiment.from_query(experiment.query_string()) == experiment
    assert "%" not in experiment.query_string()
    assert hash(experiment) == hash(Experiment.from_query(experiment.to_query()))
    assert experiment.data["n"] == len(drawing)


@pytest.mark.parametrize(("classes", "characters"), [(10, 2_300), (CLASSES, 4_300)])
def test_as_many_points_as_there_can_be_still_fit_into_a_link(classes, characters):
    rng = np.random.default_rng(0)
    drawing = [
        (*xy, int(label))
        for xy, label in zip(rng.uniform(-6, 6, (MOST, 2)), rng.integers(0, classes, MOST), strict=True)
    ]
    experiment = draw_points(Experiment(), to_text(snapped(drawing)))
    assert Experiment.from_query(experiment.query_string()) == experiment
    assert len(experiment.query_string()) < characters


@pytest.mark.parametrize(
    ("points", "part"),
    [
        ([(0, 0, 0)], "1 own point; the least is 2"),
        ([(0, 0, 0)] * 501, "501 own points; the most is 500"),
        ([(0, 0, 0), (7, 0, 1)], "own point 2 is at (7, 0); x and y lie within -6 and 6"),
        ([(0, 0, 0), (math.nan, 0, 1)], "own point 2 is at (nan, 0)"),
        ([(0, 0, 100), (1, 0, 1)], "own point 1 has class 100; the classes are 0 to 99"),
        ([(0, 0, -1), (1, 0, 1)], "has class -1"),
    ],
)
def test_what_cannot_be_drawn_is_said(points, part):
    with pytest.raises(ValueError) as caught:
        DataSpec.of(name="own", points=points)
    assert part in str(caught.value)
    assert str(caught.value).endswith(".")


def test_other_sets_take_no_points():
    with pytest.raises(ValueError, match="circle makes its own points"):
        DataSpec.of(name="circle", points=[(0, 0, 0), (1, 1, 1)])
    assert Experiment.from_query({"data": "circle", "own": "0000"}) == Experiment.starter("circle")


@pytest.mark.parametrize("text", ["abc", "ab!d", "0000", "____" * 2, "0" * 2004, "é" * 8])
def test_a_broken_text_is_answered_with_a_sentence(text):
    with pytest.raises(ValueError) as caught:
        Experiment.from_query({"data": "own", "own": text})
    assert str(caught.value).startswith("own")
    assert str(caught.value).endswith(".")


def test_the_run_trains_on_the_points_as_drawn():
    drawing = snapped([(-3, -3, 0), (3, 3, 1), (3, -3, 2), (-3, 3, 0), (2, 2, 1), (2, -2, 2)])
    experiment = draw_points(Experiment.starter("circle"), to_text(drawing)).but(seed=3)
    experiment = experiment.but(data=experiment.data.but(train_fraction=1.0))
    assert not findings(experiment)
    assert experiment.outline()[-1].out_shape == (3,)
    data = load(experiment.data)
    order = np.argsort(data.index_train)
    np.testing.assert_array_equal(data.raw_train[order], [point[:2] for point in drawing])
    np.testing.assert_array_equal(data.y_train[order], [point[2] for point in drawing])
    run = Run(experiment)
    run.advance(steps=400)
    assert run.evaluate()["train"]["accuracy"] == 1.0


def test_the_script_carries_the_points_and_gives_the_losses_of_the_run():
    drawing = snapped([(x, y, int(x * y > 0)) for x in (-4, -2, 1, 3.3) for y in (-5, -1, 2.2, 4)])
    experiment = draw_points(Experiment.starter("xor"), to_text(drawing))
    script = to_script(experiment, epochs=3)
    assert "(-4.0, -5.0, 1), (-4.0, -1.0, 1)" in script
    assert max(map(len, script.splitlines())) <= 120
    namespace: dict = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(script, "script", "exec"), namespace)
    run = Run(experiment)
    run.advance(steps=len(namespace["losses"]))
    assert namespace["losses"] == run.history["loss"].tolist()


@pytest.mark.parametrize("name", PLANES)
def test_every_plane_becomes_own_points_that_look_the_same(name):
    old = Experiment.starter(name)
    new = own_points(old)
    assert new.data.name == "own"
    assert new.data.features == old.data.features
    assert not any(finding.fatal for finding in findings(new))
    assert own_points(new) == new
    made = load(old.data)
    places = np.concatenate([made.raw_train, made.raw_val])
    assert len(new.data.points) <= BEGIN_WITH or name == "own"
    assert len(new.data.points) >= min(len(places), BEGIN_WITH) - 6
    low, high = old.data.entry.domain
    scaled = np.clip((places - low) / (high - low) * 12 - 6, -6, 6)
    drawn = np.array(new.data.points)[:, :2]
    assert np.linalg.norm(scaled[None] - drawn[:, None], axis=2).min(1).max() < 0.01
    labels = {label for _, _, label in new.data.points}
    assert labels == set(range(old.data.classes or 2))


def test_what_is_no_plane_has_no_points_to_move():
    with pytest.raises(ValueError, match="iris is no plane"):
        own_points(Experiment.starter("iris"))
