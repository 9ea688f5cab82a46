"""The figure of the page 'Runs': the curves of several runs, one over the other."""

from collections.abc import Sequence

import plotly.graph_objects as go

from playground.figures.theme import Theme, styled
from playground.runs import KeptRun

DASHES = {"train": "solid", "val": "dash"}


def overlay(runs: Sequence[KeptRun], what: str, log: bool, theme: Theme) -> go.Figure:
    """Curves over the steps: a colour for each run, lines for training and dashes for validation.

    Args:
        what: 'loss' or 'accuracy'.
        log: whether the value axis is logarithmic.
    """
    figure = go.Figure()
    for number, run in enumerate(runs, 1):
        colour = theme.racers[(number - 1) % len(theme.racers)]
        for split, dash in DASHES.items():
            curve = run.curves.get(f"{split}_{what}")
            if curve is None:
                continue
            figure.add_scatter(
                x=run.steps,
                y=[value if value is None or value > 0 or not log else None for value in curve],
                name=f"{number} {'training' if split == 'train' else 'validation'}",
                mode="lines" if len(run.steps) > 1 else "markers",
                line={"color": colour, "width": 2, "dash": dash},
                hovertemplate=f"step %{{x:,}}<br>{what} %{{y:.4g}}",
            )
    figure.update_yaxes(type="log" if log else "linear", title=what)
    figure.update_xaxes(title="step", rangemode="tozero")
    return styled(figure, theme, 380).update_layout(hovermode="closest")
