"""The shape flowing through the network, drawn as blocks to scale: a component that draws what the outline says."""

import json
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from playground.shapes import LayerReport, ShapeError, shape_text
from playground.spec import Experiment

_ASSETS = Path(__file__).resolve().parents[2] / "assets" / "build"
KEY = "build-flow"


def component(name: str) -> Callable[..., object]:
    """The component whose code is assets/build/NAME.js and .css."""
    return st.components.v2.component(
        f"playground_{name}",
        html=f'<div class="pg-{name}"></div>',
        css=(_ASSETS / f"{name}.css").read_text("utf-8"),
        js=(_ASSETS / f"{name}.js").read_text("utf-8"),
    )


_FLOW = component("flow")


def flow(
    experiment: Experiment,
    reports: list[LayerReport],
    mistake: ShapeError | None,
    chosen: int,
    pick: Callable[[int], None],
) -> None:
    """Draw the blocks; a click on one is told to `pick`."""

    def picked() -> None:
        index = st.session_state[KEY].get("pick")
        if isinstance(index, int) and 0 <= index < len(experiment.layers):
            pick(index)

    picture = {"stages": stages(experiment, reports, mistake), "selected": chosen}
    _FLOW(key=KEY, data=json.dumps(picture), on_pick_change=picked)


def stages(experiment: Experiment, reports: list[LayerReport], mistake: ShapeError | None) -> list[dict[str, object]]:
    """What is drawn of the input and of every layer: names, shapes and cost; no shape behind the first mistake."""
    shape = experiment.data.input_shape
    drawn: list[dict[str, object]] = [
        {"title": "input", "text": shape_text(shape), "cost": "", "shape": shape, "hint": experiment.data.entry.title}
    ]
    for index, layer in enumerate(experiment.layers):
        report = reports[index] if index < len(reports) else None
        wrong = mistake is not None and mistake.index == index
        drawn.append(
            {
                "title": layer.entry.title,
                "text": shape_text(report.out_shape) if report else "does not fit" if wrong else "?",
                "cost": f"{report.parameters:,}" if report and report.parameters else "",
                "shape": report.out_shape if report else None,
                "hint": report.formula if report else str(mistake) if wrong else "",
                "wrong": wrong,
                "after": mistake is not None and index > mistake.index,
            }
        )
    return drawn
