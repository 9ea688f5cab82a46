"""The page 'Data' as HTML: facts of the run's data in, text out."""

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape
from typing import Any

from playground.ui.svg import CLASS_COLOURS, circle, class_colour, framed

STYLE = """<style>
.dt-grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(var(--dt-wide),1fr));gap:6px;margin:0 0 4px}
.dt-one{border:1px solid rgba(128,128,128,.3);border-radius:6px;padding:4px;font-size:.76rem;line-height:1.25;
overflow:hidden;min-width:0;border-left:3px solid var(--dt-colour)}
.dt-one img{display:block;width:100%;image-rendering:pixelated;border-radius:3px}
.dt-one.val{border-style:dashed;border-left-style:solid}
.dt-one code{display:block;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.74rem;background:none;padding:0}
.dt-one b{font-weight:600}.dt-one i{font-style:normal;opacity:.7}
.dt-bar{display:block;height:4px;border-radius:2px;background:#d55e00;margin-top:3px}
.dt-rows{display:grid;grid-template-columns:max-content 1fr max-content;gap:2px 8px;align-items:center;font-size:.8rem}
.dt-rows span.lane{display:flex;height:12px;gap:1px}.dt-rows span.lane i{display:block;height:100%;border-radius:2px}
.dt-num{font-variant-numeric:tabular-nums;opacity:.8}
.dt-table{border-collapse:collapse;font-size:.82rem}.dt-scroll{overflow-x:auto}
.dt-table th,.dt-table td{border:0;padding:.15rem .8rem .15rem 0;text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}
.dt-table th:first-child,.dt-table td:first-child{text-align:left}.dt-table th{font-weight:500;opacity:.75}
.dt-hist{display:flex;align-items:flex-end;gap:2px;height:90px}
.dt-hist span{flex:1;display:flex;flex-direction:column;justify-content:flex-end;height:100%}
.dt-hist i{display:block}
</style>"""
SIDE, EDGE = 320, 14
"""Units of the picture of a set, and of its margin."""
WIDE = {"picture": "84px", "row": "150px", "sequence": "150px", "tokens": "170px"}


def colour(facts: dict[str, Any], target: float | None) -> str:
    """Of the class, or of the value."""
    return class_colour(target, len(facts["names"] or ()))


def name_of(facts: dict[str, Any], target: float | None) -> str:
    """The class's name, or the value."""
    if target is None:
        return "–"
    return escape(facts["names"][int(target)]) if facts["names"] else f"{target:.4g}"


def samples(facts: dict[str, Any]) -> str:
    """Samples of both parts, those of the validation part with a dashed frame."""
    cells = [
        f'<div class="dt-one {one["split"]}" style="--dt-colour:{colour(facts, one["target"])}" '
        f'title="sample {one["index"]}, {"training" if one["split"] == "train" else "validation"}">'
        f"{_value(facts, one)}<b>{name_of(facts, one['target'])}</b></div>"
        for one in facts["samples"]
    ]
    return _grid(facts, cells)


def points(facts: dict[str, Any]) -> str:
    """The set as a picture, as SVG: what trains is filled, what validates is a ring."""
    across, up = ([point[axis] for point in facts["places"]] for axis in (0, 1))

    def scaled(value: float, values: Sequence[float]) -> float:
        low, high = min(values), max(values)
        return EDGE + (SIDE - 2 * EDGE) * ((value - low) / (high - low) if high > low else 0.5)

    drawn = []
    for x, y, target, trains in facts["places"]:
        paint = colour(facts, target)
        fill = paint if trains else "none"
        drawn.append(circle(scaled(x, across), SIDE - scaled(y, up), 3, stroke=paint, stroke_width=1.2, fill=fill))
    return framed(SIDE, drawn)


def batch(facts: dict[str, Any]) -> str:
    """The batch in its order; the bar under a sample is its share of the largest loss."""
    most = max([one["loss"] or 0 for one in facts["batch"]] or [0]) or 1
    cells = []
    for number, one in enumerate(facts["batch"], 1):
        sure = f" {100 * one['sure']:.0f} %" if one["sure"] is not None else ""
        loss = "not finite" if one["loss"] is None else f"{one['loss']:.3g}"
        width = 100 * (one["loss"] or 0) / most
        cells.append(
            f'<div class="dt-one" style="--dt-colour:{colour(facts, one["target"])}" title="sample {one["index"]}">'
            f"{_value(facts, one)}<i>{number}</i> <b>{name_of(facts, one['target'])}</b> "
            f"<i>says {name_of(facts, one['said'])}{sure}</i><br>loss {loss}"
            f'<span class="dt-bar" style="width:{width:.0f}%"></span></div>'
        )
    return _grid(facts, cells)


def _grid(facts: dict[str, Any], cells: Sequence[str]) -> str:
    return f'{STYLE}<div class="dt-grid" style="--dt-wide:{WIDE[facts["kind"]]}">{"".join(cells)}</div>'


def _value(facts: dict[str, Any], one: dict[str, Any]) -> str:
    """One sample's inputs."""
    value, kind = one["value"], facts["kind"]
    if kind == "picture":
        said = f"{name_of(facts, one['target'])}, sample {one['index']}"
        return f'<img src="{picture(value)}" alt="{said}">'
    if kind == "tokens":
        return f"<code>{escape(''.join(facts['letters'][token] for token in value))}…</code>"
    if kind == "sequence":
        return f'<img src="{lines(value)}" alt="sequence {one["index"]}" style="image-rendering:auto">'
    shown = ", ".join("–" if number is None else f"{number:.3g}" for number in value[:6])
    return f"<code>{shown}{', …' if len(value) > 6 else ''}</code>"


def picture(value: dict[str, Any]) -> str:
    """The address of a PNG of a picture's bytes, which are given channel by channel."""
    channels, rows, columns = value["shape"]
    pixels = base64.b64decode(value["pixels"])
    if channels == 3:
        size = rows * columns
        pixels = bytes(
            byte for trio in zip(*(pixels[k * size : (k + 1) * size] for k in range(3)), strict=True) for byte in trio
        )
    width = columns * channels
    flat = b"".join(b"\0" + pixels[row * width : (row + 1) * width] for row in range(rows))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", columns, rows, 8, 2 if channels == 3 else 0, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(flat)) + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"


def lines(columns: Sequence[Sequence[float | None]]) -> str:
    """The address of an SVG of a sequence: a line for each of its columns."""
    known = [value for column in columns for value in column if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    span = (high - low) or 1
    drawn = []
    for place, column in enumerate(columns):
        step = 116 / max(len(column) - 1, 1)
        points = [(2 + k * step, 42 - 40 * (v - low) / span) for k, v in enumerate(column) if v is not None]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        ink = CLASS_COLOURS[(place + 1) % len(CLASS_COLOURS)]
        drawn.append(f'<polyline points="{way}" fill="none" stroke="{ink}" stroke-width="1.6"/>')
        if len(column) <= 24:
            drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.7" fill="{ink}"/>' for x, y in points]
    text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 44">{"".join(drawn)}</svg>'
    return f"data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode()}"


def balance(facts: dict[str, Any]) -> str:
    """How many samples of each class, or of each range of values: training filled, validation pale."""
    train, val = facts["counts"]["train"], facts["counts"]["val"]
    most = max(a + b for a, b in zip(train, val, strict=True)) or 1
    if not facts["names"]:
        bars = "".join(
            f'<span title="{a} training, {b} validation">'
            f'<i style="height:{100 * b / most:.1f}%;background:#0072b2;opacity:.35"></i>'
            f'<i style="height:{100 * a / most:.1f}%;background:#0072b2"></i></span>'
            for a, b in zip(train, val, strict=True)
        )
        ends = f"{facts['low']:.4g} to {facts['high']:.4g}"
        return f'{STYLE}<div class="dt-hist" role="img" aria-label="Histogram of the target, {ends}">{bars}</div>' + (
            f'<span class="dt-num" style="font-size:.8rem">target from {ends}; training filled, validation pale</span>'
        )
    rows = "".join(
        f"<span>{escape(name)}</span>"
        f'<span class="lane"><i style="width:{90 * a / most:.1f}%;background:{class_colour(k, len(train))}"></i>'
        f'<i style="width:{90 * b / most:.1f}%;background:{class_colour(k, len(train))};opacity:.4"></i></span>'
        f'<span class="dt-num">{a:,} + {b:,}</span>'
        for k, (name, a, b) in enumerate(zip(facts["names"], train, val, strict=True))
    )
    return f'{STYLE}<div class="dt-rows">{rows}</div>'


def split(facts: dict[str, Any]) -> str:
    """The two parts as one bar."""
    share = 100 * facts["train"] / (facts["train"] + facts["val"])
    return (
        f'{STYLE}<div style="display:flex;height:16px;gap:2px;margin:2px 0" role="img" '
        f'aria-label="{facts["train"]:,} samples train, {facts["val"]:,} validate">'
        f'<i style="width:{share:.1f}%;background:#0072b2;border-radius:3px"></i>'
        f'<i style="flex:1;background:#0072b2;opacity:.35;border-radius:3px"></i></div>'
    )


def inputs(facts: dict[str, Any]) -> str:
    """Mean and deviation before and after, of the part that they were computed on and of the one that they were not."""
    head = "<tr><th>input</th><th>raw, training</th><th>as given, training</th><th>as given, validation</th></tr>"

    def pair(moments: list[float] | None) -> str:
        mean, std = moments or (None, None)
        if mean is None:
            return "–"
        return f"{0.0 if abs(mean) < 1e-6 else mean:.3g} ± {std:.3g}"

    rows = "".join(
        f"<tr><td>{escape(row['name'])}</td><td>{pair(row['raw'])}</td><td>{pair(row['train'])}</td>"
        f"<td>{pair(row['val'])}</td></tr>"
        for row in facts["inputs"]
    )
    table = f'<table class="dt-table"><thead>{head}</thead><tbody>{rows}</tbody></table>'
    return f'{STYLE}<div class="dt-scroll">{table}</div>'


def preview(columns: Sequence[Any], rows: Sequence[Sequence[str]]) -> str:
    """The first rows of an uploaded table, and what each column holds."""
    head = "".join(f"<th>{escape(column.name[:24])}</th>" for column in columns[:12])
    kinds = "".join(
        f"<td>{column.kind}, {column.different:,} "
        f"different{f', {column.missing:,} missing' if column.missing else ''}</td>"
        for column in columns[:12]
    )
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell[:24])}</td>' for cell in row[:12])}</tr>" for row in rows[:4])
    return (
        f'{STYLE}<div class="dt-scroll"><table class="dt-table"><thead><tr>{head}</tr></thead>'
        f'<tbody><tr style="opacity:.7">{kinds}</tr>{body}</tbody></table></div>'
    )
