"""Colours and sizes of all figures, light and dark."""

from dataclasses import dataclass

import plotly.graph_objects as go

RACERS_LIGHT = (
    "#d55e00", "#0072b2", "#009e73", "#b5468f", "#c98a00", "#3a9ad9",
    "#7a52b3", "#6b6b6b", "#a8152a", "#007f7f", "#8a5a16", "#3f7d20",
)  # fmt: skip
RACERS_DARK = (
    "#ff8a3d", "#4aa8ef", "#2fcf9f", "#ee9ccb", "#f2b632", "#8ccdf5",
    "#b79be8", "#b5b5b5", "#ff6f7d", "#4fd0d0", "#cfa05e", "#9ad07a",
)  # fmt: skip
"""As in assets/race.js."""


@dataclass(frozen=True)
class Theme:
    """What a figure is drawn with."""

    text: str
    muted: str
    grid: str
    background: str
    racers: tuple[str, ...]
    surface: tuple[tuple[float, str], ...]
    heat: tuple[tuple[float, str], ...]
    lost: str
    moving: str


LIGHT = Theme(
    "#1d2733", "#5b6775", "#e3e8ee", "#ffffff", RACERS_LIGHT,
    ((0.0, "#ffffff"), (1.0, "#b0c2d6")),
    ((0.0, "#fff7d6"), (0.25, "#bfe0c2"), (0.55, "#5aa9b5"), (0.8, "#2f6a98"), (1.0, "#27326b")),
    "#3b3b3b", "#dfe4ea",
)  # fmt: skip
DARK = Theme(
    "#e6ebf1", "#a6b1bf", "#28323d", "#11161d", RACERS_DARK,
    ((0.0, "#4a6680"), (1.0, "#161d26")),
    ((0.0, "#fff3b0"), (0.25, "#8fd0a5"), (0.55, "#3d93a8"), (0.8, "#28577f"), (1.0, "#1d2450")),
    "#000000", "#39434f",
)  # fmt: skip


def theme_of(dark: bool) -> Theme:
    """The theme of a page."""
    return DARK if dark else LIGHT


def styled(figure: go.Figure, theme: Theme, height: int) -> go.Figure:
    """The figure with the theme's fonts, grid and margins."""
    axis = {
        "gridcolor": theme.grid,
        "zerolinecolor": theme.grid,
        "linecolor": theme.muted,
        "ticks": "outside",
        "ticklen": 3,
    }
    return figure.update_layout(
        height=height,
        margin={"l": 60, "r": 20, "t": 30, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": theme.text, "size": 12},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis=axis,
        yaxis=axis,
    )
