"""Figures of the page 'NumPy vs PyTorch': numbers in, Plotly figures out."""

from typing import Any

import plotly.graph_objects as go

NUMPY, TORCH, OTHERS = "#0072B2", "#E69F00", ("#009E73", "#CC79A7")
GAPS = {"outputs": "#0072B2", "gradients": "#E69F00", "parameters": "#009E73"}
SMALLEST = 1e-17
"""Where a difference of exactly 0 is drawn on a logarithmic axis."""
DIVERGING = [[0, "#e08214"], [0.5, "#f4f1ea"], [1, "#0877bd"]]


def _plain(figure: go.Figure, height: int, x: str, y: str) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
        xaxis_title=x,
        yaxis_title=y,
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure


def error_curve(step_sizes: list[float], errors: list[float], best: float) -> go.Figure:
    """Largest error of the finite differences against their step size h, both logarithmic."""
    line = go.Scatter(x=step_sizes, y=_above_zero(errors), mode="lines+markers", line_color=NUMPY, name="error")
    figure = go.Figure(line)
    figure.add_vline(x=best, line_dash="dot", line_color="gray", annotation_text=f"used: {best:g}")
    figure.update_xaxes(type="log", exponentformat="power", dtick=2)
    figure.update_yaxes(type="log", exponentformat="power")
    return _plain(figure, 220, "step size h", "largest error")


def loss_curves(columns: dict[str, list[Any]]) -> go.Figure:
    """Both losses on top of each other: torch as a broad line, NumPy dashed upon it."""
    figure = go.Figure()
    figure.add_scatter(x=columns["step"], y=columns["torch_loss"], name="PyTorch", line={"color": TORCH, "width": 5})
    figure.add_scatter(
        x=columns["step"], y=columns["numpy_loss"], name="NumPy", line={"color": NUMPY, "width": 2, "dash": "dash"}
    )
    figure.update_yaxes(type="log")
    return _plain(figure, 250, "step", "loss")


def gap_curves(columns: dict[str, list[Any]], tolerance: float) -> go.Figure:
    """Largest relative difference of outputs, gradients and parameters after every step, logarithmic."""
    figure = go.Figure()
    for name, colour in GAPS.items():
        values = _above_zero(columns[name])
        figure.add_scatter(x=columns["step"], y=values, name=name, line={"color": colour, "width": 1.5})
    figure.add_hline(y=tolerance, line_dash="dot", line_color="gray", annotation_text=f"tolerance {tolerance:.0e}")
    figure.update_yaxes(type="log", exponentformat="power", range=[-17.5, 0.5], dtick=4)
    return _plain(figure, 250, "step", "relative difference")


def speed_lines(sides: dict[str, dict[str, list[float]]], along: str) -> go.Figure:
    """Microseconds per training step against batch size or width, one line per side, both axes logarithmic."""
    figure = go.Figure()
    for side, line in sides.items():
        figure.add_scatter(
            x=line["x"],
            y=[1e6 * seconds for seconds in line["seconds"]],
            name=side,
            mode="lines+markers",
            line={"color": _colour(side, list(sides))},
        )
    figure.update_xaxes(type="log")
    figure.update_yaxes(type="log")
    return _plain(figure, 215, along, "µs per training step")


def surface(axis: list[float], values: list[list[Any]], points: list[list[float]], probability: bool) -> go.Figure:
    """What one side says over the plane, with the training points; 0 to 1 for a probability, else symmetric."""
    largest = max((abs(v) for row in values for v in row if v is not None), default=1.0) or 1.0
    low, high = (0.0, 1.0) if probability else (-largest, largest)
    figure = go.Figure(go.Heatmap(x=axis, y=axis, z=values, zmin=low, zmax=high, colorscale=DIVERGING, showscale=False))
    figure.add_scatter(
        x=[p[0] for p in points],
        y=[p[1] for p in points],
        mode="markers",
        marker={
            "color": [p[2] for p in points],
            "cmin": low,
            "cmax": high,
            "colorscale": DIVERGING,
            "size": 7,
            "line": {"color": "#222", "width": 1},
        },
        name="training points",
    )
    _plain(figure, 230, "", "")
    figure.update_layout(showlegend=False, hovermode="closest")
    figure.update_yaxes(scaleanchor="x", constrain="domain")
    figure.update_xaxes(constrain="domain")
    return figure


def _colour(side: str, sides: list[str]) -> str:
    if side == "NumPy":
        return NUMPY
    others = [name for name in sides if name != "NumPy"]
    return (TORCH, *OTHERS)[others.index(side) % 3]


def _above_zero(values: list[Any]) -> list[Any]:
    return [value if value is None else max(value, SMALLEST) for value in values]
