"""Figures of the page 'Devices': measured lines in, Plotly figures out."""

from typing import Any

import plotly.graph_objects as go

from playground.figures.theme import Theme, styled

DASHES = {"float32": "solid", "mixed": "dot"}


def timing_figure(task: dict[str, Any], theme: Theme, x: str, estimate: bool) -> go.Figure:
    """Seconds of one act by size, both axes logarithmic: a colour per place, dotted for mixed precision.

    The dashed line of an accelerator has the transfer of its inputs on top. `estimate` draws the assumed accelerator.
    """
    figure = go.Figure()
    for number, (place, lines) in enumerate(task["lines"].items()):
        colour = theme.racers[(number * 2 + 1) % len(theme.racers)]
        for precision, line in lines.items():
            mixed = "" if precision == "float32" else ", mixed precision"
            _line(figure, line["size"], line["seconds"], f"{place}{mixed}", colour, DASHES[precision])
        whole = lines.get("float32")
        if whole and whole["transfer"][0] is not None:
            carried = [a + b for a, b in zip(whole["seconds"], whole["transfer"], strict=True)]
            _line(figure, whole["size"], carried, f"{place} with the transfer", colour, "dash")
    if estimate and task["assumed"]["size"]:
        _line(figure, task["assumed"]["size"], task["assumed"]["seconds"], "a GPU, assumed", theme.muted, "longdash")
    styled(figure, theme, 340)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8}, hovermode="x unified")
    figure.update_layout(legend={"orientation": "h", "y": -0.27, "yanchor": "top", "x": 0})
    figure.update_xaxes(type="log", title=x, dtick=0.30103, automargin=True, tickformat="d")
    return figure.update_yaxes(type="log", title="seconds", dtick=1, exponentformat="SI", automargin=True)


def _line(figure: go.Figure, sizes: list[Any], seconds: list[Any], name: str, colour: str, dash: str) -> None:
    figure.add_scatter(
        x=sizes,
        y=seconds,
        name=name,
        mode="lines+markers",
        marker={"size": 5},
        line={"color": colour, "width": 2, "dash": dash},
        hovertemplate="%{y:.3s}s",
    )
