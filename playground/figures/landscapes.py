"""Figures of the Optimizers page that are read at rest: rates, basins, a network's loss, the surface in 3-D."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from playground.figures.theme import Theme, styled
from playground.landscapes.landscape import Landscape
from playground.landscapes.maps import ELSEWHERE, LOST, MOVING


def heat_figure(
    optimizers: Sequence[str],
    rates: Sequence[float],
    loss: np.ndarray,
    diverged: np.ndarray,
    floor: float | None,
    theme: Theme,
) -> go.Figure:
    """Final loss over learning rate (x) and optimizer (y); what diverged is dark, with the boundary drawn.

    Args:
        loss, diverged: (optimizers, rates); `diverged` is a step or -1.
    """
    lost = (diverged >= 0) | ~np.isfinite(loss)
    above = loss - (floor if floor is not None else loss[~lost].min(initial=np.inf))
    shown = np.log10(np.clip(above, 1e-8, 1e6))
    shown[lost] = np.nan
    words = np.empty(loss.shape, object)
    for row, name in enumerate(optimizers):
        for column, rate in enumerate(rates):
            end = f"diverged at step {diverged[row, column]}" if lost[row, column] else f"loss {loss[row, column]:.4g}"
            words[row, column] = f"{name}, rate {rate:g}<br>{end}"
    figure, rows = go.Figure(), list(range(len(optimizers)))
    usual = float(np.nanmedian(shown[:, 0]))  # what the smallest rates end with: hardly below the start
    figure.add_heatmap(
        z=shown,
        x=np.log10(rates),
        y=rows,
        text=words,
        hovertemplate="%{text}<extra></extra>",
        colorscale=theme.heat,
        zmin=usual - 5,
        zmax=usual + 2,
        xgap=1,
        ygap=2,
        colorbar={
            "title": "loss above<br>the lowest",
            "tickvals": list(range(-8, 7, 2)),
            "ticktext": [f"1e{k}" for k in range(-8, 7, 2)],
        },
    )
    figure.add_heatmap(
        z=np.where(lost, 1.0, np.nan),
        x=np.log10(rates),
        y=rows,
        text=words,
        hovertemplate="%{text}<extra></extra>",
        colorscale=[[0, theme.lost], [1, theme.lost]],
        showscale=False,
        xgap=1,
        ygap=2,
        name="diverged",
    )
    step = (np.log10(rates[-1]) - np.log10(rates[0])) / (len(rates) - 1)
    edge_x: list[float | None] = []
    edge_y: list[float | None] = []
    for row in range(len(optimizers)):
        first = int(np.argmax(lost[row])) if lost[row].any() else None
        if first:  # the boundary stands before the first rate that diverges
            x = float(np.log10(rates[first])) - step / 2
            edge_x += [x, x, None]
            edge_y += [row - 0.5, row + 0.5, None]
    figure.add_scatter(
        x=edge_x,
        y=edge_y,
        mode="lines",
        line={"color": theme.racers[0], "width": 4},
        name="diverges from here",
        hoverinfo="skip",
    )
    best = np.nanargmin(np.where(lost, np.inf, above), axis=1)
    figure.add_scatter(
        x=np.log10(np.array(rates)[best]),
        y=rows,
        mode="markers",
        name="best rate",
        marker={"symbol": "star", "size": 11, "color": "#ffffff", "line": {"color": "#10151b", "width": 1.3}},
        hoverinfo="skip",
    )
    ticks = list(range(-5, 2))
    figure = styled(figure, theme, 470)
    figure.update_xaxes(title="learning rate", tickvals=ticks, ticktext=[f"{10.0**k:g}" for k in ticks])
    return figure.update_yaxes(
        range=[len(rows) - 0.5, -0.5],
        tickvals=rows,
        ticktext=list(optimizers),
        ticksuffix=" ",
        showgrid=False,
        zeroline=False,
    )


def basin_figure(place: Landscape, found: dict[str, Any], show: str, theme: Theme) -> go.Figure:
    """Every start, coloured by where it ends ('ends'), by the steps it needed ('steps') or by its last loss ('loss').

    Args:
        found: what `playground.landscapes.maps.basin` returns.
    """
    size = len(found["basin"])
    x, y = (np.linspace(*side, size) for side in place.domain)
    figure = go.Figure()
    if show == "ends":
        _ends(figure, found, x, y, theme)
    else:
        values = np.array(found[show], float)
        if show == "steps":
            values[values < 0] = np.nan
            title = "steps until<br>there"
        else:
            floor = place.floor if place.floor is not None else np.nanmin(values)
            values, title = np.log10(np.clip(values - floor, 1e-8, None)), "log10 of loss<br>above the lowest"
        figure.add_heatmap(z=values, x=x, y=y, colorscale=theme.heat, colorbar={"title": title})
    _contour(figure, place, theme)
    minima = [*place.minima, *place.local_minima]
    figure.add_scatter(
        x=[a for a, _, _ in minima],
        y=[b for _, b, _ in minima],
        mode="markers",
        showlegend=False,
        marker={"symbol": "star", "size": 12, "color": "#fff3bf", "line": {"color": "#10151b", "width": 1.2}},
        hovertext=[f"minimum {c:.4g}" for _, _, c in minima],
        hoverinfo="text",
    )
    figure = styled(figure, theme, 510)
    return figure.update_xaxes(range=place.domain[0], title="start x").update_yaxes(
        range=place.domain[1], title="start y"
    )


def _ends(figure: go.Figure, found: dict[str, Any], x: np.ndarray, y: np.ndarray, theme: Theme) -> None:
    codes = np.asarray(found["basin"], int)
    kinds = [
        (k, theme.racers[k % 12], f"({a:.3g}, {b:.3g}), value {c if abs(c) > 1e-12 else 0:.4g}")
        for k, (a, b, c, _) in enumerate(found["ends"])
    ]
    kinds += [
        (ELSEWHERE, "#9a8f80", "at rest elsewhere"),
        (MOVING, theme.moving, "still on the way"),
        (LOST, theme.lost, "diverged"),
    ]
    present = [(code, colour, name) for code, colour, name in kinds if (codes == code).any()]
    z, words = np.zeros(codes.shape, np.uint8), np.empty(codes.shape, object)
    scale: list[list[Any]] = []
    for place, (code, colour, name) in enumerate(present):
        z[codes == code], words[codes == code] = place, name
        scale += [[place / len(present), colour], [(place + 1) / len(present), colour]]
        label = f"{name}: {100 * (codes == code).mean():.1f} %"
        marker = {"color": colour, "symbol": "square", "size": 11}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=label)
    figure.add_heatmap(
        z=z,
        x=x,
        y=y,
        colorscale=scale,
        zmin=-0.5,
        zmax=len(present) - 0.5,
        showscale=False,
        opacity=0.85,
        text=words,
        hovertemplate="start %{x:.3g}, %{y:.3g}<br>%{text}<extra></extra>",
    )


def _contour(figure: go.Figure, place: Landscape, theme: Theme) -> None:
    z, (x, y) = _heights(place), (np.linspace(*side, len(place.grid())) for side in place.domain)
    figure.add_contour(
        z=z,
        x=x,
        y=y,
        contours={"coloring": "none"},
        ncontours=18,
        line={"color": theme.text, "width": 0.5},
        opacity=0.35,
        showscale=False,
        hoverinfo="skip",
        showlegend=False,
    )


def _heights(place: Landscape) -> np.ndarray:
    """What a picture shows of the values: their logarithm above the lowest where the landscape says so."""
    grid = place.grid()
    if not place.log:
        return grid
    lowest = np.nanmin(grid) if place.floor is None else min(place.floor, np.nanmin(grid))
    span = np.nanmax(grid) - lowest
    return np.log10(np.maximum(grid - lowest, span * 10**-4.4))


def surface_figure(place: Landscape, trails: Sequence[tuple[str, np.ndarray, np.ndarray]], theme: Theme) -> go.Figure:
    """The surface in three dimensions with every trail on it; its height is the logarithm where the contours' is.

    Args:
        trails: (label, path (n, 2), loss (n,)) of each racer.
    """
    z = _heights(place)
    (x0, x1), (y0, y1) = place.domain
    figure = go.Figure()
    figure.add_surface(
        z=z,
        x=np.linspace(x0, x1, z.shape[1]),
        y=np.linspace(y0, y1, z.shape[0]),
        colorscale=theme.heat,
        opacity=0.92,
        showscale=False,
        contours={"z": {"show": True, "usecolormap": False, "color": theme.muted, "width": 1}},
        hoverinfo="skip",
    )
    lift = 0.012 * (np.nanmax(z) - np.nanmin(z))
    grid = place.grid()
    lowest = np.nanmin(grid) if place.floor is None else min(place.floor, np.nanmin(grid))
    for k, (label, path, loss) in enumerate(trails):
        inside = (path[:, 0] >= x0) & (path[:, 0] <= x1) & (path[:, 1] >= y0) & (path[:, 1] <= y1)
        height = np.log10(np.maximum(loss - lowest, (np.nanmax(grid) - lowest) * 10**-4.4)) if place.log else loss
        where = np.where(inside, height, np.nan)
        figure.add_scatter3d(
            x=path[:, 0],
            y=path[:, 1],
            z=where + lift,
            mode="lines",
            name=label,
            line={"color": theme.racers[k % 12], "width": 6},
            hovertext=[f"{label}<br>loss {value:.4g}" for value in loss],
            hoverinfo="text",
        )
    figure = styled(figure, theme, 600)
    axis = {"gridcolor": theme.grid, "backgroundcolor": "rgba(0,0,0,0)", "color": theme.text}
    return figure.update_layout(
        margin={"l": 0, "r": 0, "t": 30, "b": 0},
        scene={
            "xaxis": {**axis, "title": "x"},
            "yaxis": {**axis, "title": "y"},
            "zaxis": {**axis, "title": "log10 loss" if place.log else "loss"},
            "aspectratio": {"x": 1.2, "y": 1.2, "z": 0.7},
            "camera": {"eye": {"x": 1.3, "y": -1.4, "z": 0.9}},
        },
    )


def network_figure(header: dict[str, Any], arrays: dict[str, np.ndarray], theme: Theme) -> go.Figure:
    """The loss on the plane through the best weights, with every racer's way projected on it.

    Args:
        header, arrays: what `playground.landscapes.network.explore` returns.
    """
    (a0, a1), (b0, b1) = arrays["extent"]
    surface = np.log10(np.maximum(arrays["surface"], 1e-8))
    size = len(surface)
    figure = go.Figure()
    figure.add_contour(
        z=surface,
        x=np.linspace(a0, a1, size),
        y=np.linspace(b0, b1, size),
        colorscale=theme.surface,
        ncontours=22,
        line={"color": theme.muted, "width": 0.6},
        colorbar={"title": "log10<br>loss", "len": 0.8},
        hovertemplate="loss 10^%{z:.2f}<extra></extra>",
    )
    for k, row in enumerate(header["rows"]):
        path = arrays[f"path_{k}"]
        figure.add_scatter(
            x=path[:, 0],
            y=path[:, 1],
            mode="lines+markers",
            name=row["label"],
            marker={"size": 3},
            line={"color": theme.racers[k % 12], "width": 2.5},
            hovertext=[f"{row['label']}<br>loss {value:.4g}" for value in arrays[f"loss_{k}"]],
            hoverinfo="text",
        )
    start = arrays["path_0"][0]
    figure.add_scatter(
        x=[start[0], 0],
        y=[start[1], 0],
        mode="markers+text",
        text=["start", "best end"],
        textposition=["bottom center", "top center"],
        showlegend=False,
        marker={"symbol": ["circle-open", "star"], "size": 13, "color": theme.text, "line": {"width": 2}},
        hoverinfo="skip",
    )
    names = ("first", "second")
    figure = styled(figure, theme, 520)
    return figure.update_xaxes(title=f"along the {names[0]} direction").update_yaxes(
        title=f"along the {names[1]} direction"
    )
