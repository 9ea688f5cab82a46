"""Number grids and marked code as HTML: pure functions, everything that was typed is escaped."""

from collections.abc import Sequence
from html import escape
from itertools import product
from typing import Any

Rows = Sequence[Sequence[float | None]]
BLUE, ORANGE = "8, 119, 189", "224, 130, 20"
SIGNS = {"forward": "①", "parameters": "②", "input": "③"}


def number(value: float | None) -> str:
    """Four digits; what is not finite is said."""
    if value is None:
        return "nan"
    return "0" if value == 0 else f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.1e}"


def grid(rows: Rows, caption: str, scale: float, titles: Sequence[str] = ()) -> str:
    """A table of numbers: blue where positive, orange where negative, as strong as it is large beside `scale`."""
    lines = []
    for index, row in enumerate(rows):
        cells = [f'<th scope="row">{escape(titles[index])}</th>'] if titles else []
        for value in row:
            strength = 0.0 if value is None or not scale else min(1.0, abs(value) / scale) * 0.6
            colour = f"background: rgba({BLUE if (value or 0) > 0 else ORANGE}, {strength:.2f})"
            cells.append(f'<td style="{colour}" title="{"nan" if value is None else repr(value)}">{number(value)}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><caption>{escape(caption)}</caption>{''.join(lines)}</table>"


def pages(rows: Rows, shape: Sequence[int], name: str, caption: str, scale: float) -> str:
    """An array of any dimensions: one grid for each index of all but the last two, as `y[0, 1]`.

    rows: the array as a table, (prod(shape[:-1]), shape[-1]).
    """
    if len(shape) < 3:
        return grid(rows, caption, scale)
    height, found = shape[-2], []
    for number_, index in enumerate(product(*map(range, shape[:-2]))):
        part = rows[number_ * height : (number_ + 1) * height]
        found.append(grid(part, f"{name}[{', '.join(map(str, index))}]", scale))
    return f'<div class="pages"><b>{escape(caption)}</b>{"".join(found)}</div>'


def largest(*tables: Rows | None) -> float:
    """The largest absolute number of some tables."""
    return max((abs(v) for table in tables if table for row in table for v in row if v is not None), default=0.0)


def gap(absolute: float | None, relative: float | None, tolerance: float) -> str:
    """The difference between both sides: always a number, and green only below the tolerance."""
    same = relative is not None and relative <= tolerance
    said, part = (_scientific(absolute, 1), _scientific(relative, 0))
    return (
        f'<div class="middle {"same" if same else "apart"}"><b>{"✓" if same else "✗"} {said}</b>'
        f"<small>relative {part}</small></div>"
    )


def _scientific(value: float | None, digits: int) -> str:
    return "not finite" if value is None else f"{value:.{digits}e}" if value else "0"


def comparison(result: dict[str, Any], dark: bool) -> str:
    """Input and gradient from above, then every array: NumPy, difference, PyTorch, finite differences."""
    given = [("x", "input x", result["x"]), ("t", "target", result["target"])]
    given.append(("g", "gradient from above, g = dL/dy", result["upstream"]))
    shown = "".join(
        f"<div>{pages(rows, result['shapes'].get(name, ()), name, title, largest(rows))}</div>"
        for name, title, rows in given
        if rows is not None
    )
    parts = [f'<div class="row given">{shown}</div>']
    heads = ("NumPy", "difference", "PyTorch", "finite differences")
    parts.append('<div class="row heads">' + "".join(f"<div>{head}</div>" for head in heads) + "</div>")
    parts[-1] = parts[-1].replace("<div>difference", '<div class="middle">difference')
    for array in result["grids"] + result["running"]:
        scale = largest(array["numpy"], array["torch"])
        witness = array["witness"]
        parts.append(
            '<div class="row">'
            f"<div>{pages(array['numpy'], array['shape'], array['name'], array['name'] + ' · NumPy', scale)}</div>"
            f"{gap(array['absolute'], array['relative'], result['tolerance'])}"
            f"<div>{pages(array['torch'], array['shape'], array['name'], array['name'] + ' · PyTorch', scale)}</div>"
            f"<div>{_witness(array, scale) if witness else ''}</div>"
            "</div>"
        )
    return f'<div class="parity{" dark" if dark else ""}">{"".join(parts)}</div>'


def _witness(array: dict[str, Any], scale: float) -> str:
    return pages(array["witness"], array["shape"], array["name"], array["name"] + " · differences", scale)


def step_comparison(result: dict[str, Any], dark: bool) -> str:
    """Weight and state before and after one optimizer step, both sides, and the gradient they share."""
    heads = ("NumPy", "difference", "PyTorch")
    gradient = [result["gradient"]]
    parts = [
        f'<div class="row given"><div>{grid(gradient, "gradient on both sides", largest(gradient))}</div></div>',
        '<div class="row three heads">' + "".join(f"<div>{head}</div>" for head in heads) + "</div>",
    ]
    parts[-1] = parts[-1].replace("<div>difference", '<div class="middle">difference')
    for name, moments in {"weight": result["weight"], **result["state"]}.items():
        both = [sides for sides in moments if None not in sides]
        ours, theirs = [sides[0] for sides in both], [sides[1] for sides in both]
        titles = ["before", "after"][-len(both) :]
        scale = largest(ours, theirs)
        apart = largest([[a - b for a, b in zip(*sides, strict=True) if None not in (a, b)] for sides in both])
        parts.append(
            '<div class="row three">'
            f"<div>{grid(ours, f'{name} · NumPy', scale, titles)}</div>"
            f"{gap(apart, apart / scale if scale else 0.0, result['tolerance'])}"
            f"<div>{grid(theirs, f'{name} · PyTorch', scale, titles)}</div></div>"
        )
    return f'<div class="parity{" dark" if dark else ""}">{"".join(parts)}</div>'


def code(lines: Sequence[Sequence[str]], label: str) -> str:
    """Code whose lines carry the sign of the line on the other side that they belong to."""
    shown = "".join(
        f'<span class="line {escape(mark)}" data-sign="{SIGNS.get(mark, "")}">{escape(text) or " "}</span>'
        for text, mark in lines
    )
    return f'<pre class="parity-code" aria-label="{escape(label)}" tabindex="0"><code>{shown}</code></pre>'


def filled_lines(lines: Sequence[Sequence[str]]) -> str:
    """The rule's own lines beside the same lines in numbers."""
    rows = "".join(f"<tr><td>{escape(line)}</td><td>{escape(filled)}</td></tr>" for line, filled in lines)
    return f'<table class="parity-lines">{rows}</table>'
