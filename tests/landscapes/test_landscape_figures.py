"""The figures that are read at rest: same data, same figure, in both themes."""

import numpy as np
import pytest

from playground.figures.landscapes import basin_figure, heat_figure, surface_figure
from playground.figures.theme import theme_of
from playground.landscapes import LANDSCAPES
from playground.landscapes.maps import LOST


@pytest.mark.parametrize("dark", [False, True])
def test_the_heat_strip_marks_boundary_and_best_rate_in_the_right_row(dark):
    loss = np.array([[4.0, 1.0, np.nan], [4.0, 3.0, 2.0]])
    diverged = np.array([[-1, -1, 5], [-1, -1, -1]])
    figure = heat_figure(["SGD", "Adam"], [0.1, 1.0, 10.0], loss, diverged, 0.0, theme_of(dark))
    boundary, best = figure.data[2], figure.data[3]
    assert list(boundary.x)[:2] == [0.5, 0.5]
    assert list(boundary.y)[:2] == [-0.5, 0.5]
    assert list(best.x) == [0.0, 1.0]
    assert list(best.y) == [0, 1]
    assert list(figure.layout.yaxis.ticktext) == ["SGD", "Adam"]
    assert "diverged at step 5" in figure.data[0].text[0][2]


@pytest.mark.parametrize("show", ["ends", "steps", "loss"])
def test_a_basin_map_shows_what_is_asked(show):
    codes = np.array([[0, 0], [1, LOST]], np.uint8)
    ends = [(3.0, 2.0, 0.0, 0.5), (-2.8, 3.1, 0.0, 0.25)]
    steps, loss = np.array([[3.0, 4], [5, -1]]), np.array([[0.0, 1], [2, np.nan]])
    found = {"basin": codes, "steps": steps, "loss": loss, "ends": ends}
    figure = basin_figure(LANDSCAPES["himmelblau"], found, show, theme_of(False))
    names = [trace.name or "" for trace in figure.data]
    assert any("diverged: 25.0 %" in name for name in names) == (show == "ends")


@pytest.mark.parametrize("key", LANDSCAPES)
def test_every_surface_can_be_drawn(key):
    place = LANDSCAPES[key]
    path = np.array([place.starts[0], (1e9, 1e9), (np.nan, np.nan)])
    figure = surface_figure(place, [("SGD", path, np.array([1.0, 2.0, np.nan]))], theme_of(True))
    assert np.isfinite(np.asarray(figure.data[0].z, float)).all()
