"""Points of a set as SVG, where nothing moves; and the colours of classes, which the live views have too."""

from collections.abc import Iterable

CLASS_COLOURS = (
    *("#e69f00", "#0072b2", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442"),
    *("#754ca5", "#8c8c8c", "#7a3e12"),
)
"""As in assets/live/theme.js; the first seven are those of Okabe and Ito, 2008."""
UNKNOWN = "#808080"


def class_colour(target: float | None, classes: int) -> str:
    """Of a class; without classes blue for a value above 0 and orange below, as everywhere; gray for none."""
    if target is None:
        return UNKNOWN
    index = int(target) if classes else int(target > 0)
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def circle(x: float, y: float, radius: float, **style: float | str) -> str:
    """A point; `style` holds attributes such as `fill`, with _ for -."""
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{attributes}/>'


def framed(side: int, drawn: Iterable[str]) -> str:
    """A square picture with a thin frame."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side}" height="{side}">'
        f'<rect x="1" y="1" width="{side - 2}" height="{side - 2}" fill="none" stroke="#888" stroke-opacity="0.4" '
        f'rx="6"/>{"".join(drawn)}</svg>'
    )
