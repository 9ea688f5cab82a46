"""The panel 'The batch': which points the next step averages over, in which order, and what each of them costs."""

from typing import Any

import streamlit as st

from playground.ui.health import WAITING, ask
from playground.ui.session import handle
from playground.ui.svg import circle, class_colour, framed
from playground.ui.teaching import controls
from playground.ui.ticking import ticking

BATCH_SECONDS = 1.0
WHICH = {"next": "The next batch", "last": "The last batch"}
SIDE, EDGE = 260, 8
"""Pixels of the picture, and of its margin."""


@controls("batch")
def batch_panel() -> None:
    """Drawn while it is open: at most once a second while the run plays."""
    with st.expander("The batch", icon=":material/view_module:", on_change="rerun", key="batch") as panel:
        if panel.open:
            ticking(_batch, BATCH_SECONDS if handle().playing else None)


def _batch() -> None:
    st.session_state.setdefault("batch-which", "next")
    which = st.segmented_control(
        "Which batch", list(WHICH), default=st.session_state["batch-which"], format_func=lambda key: WHICH[key],
        key="batch-which", label_visibility="collapsed", required=True,
    )  # fmt: skip
    told = ask("batch", which=which or "next")
    if told is None:
        st.caption(WAITING)
        return
    st.markdown(summary(told))
    if told["rows"]:
        experiment = handle().experiment
        table = st.container()
        if experiment.data.entry.view == "plane":
            drawn, table = table.columns([30, 70], gap="medium")
            with drawn:
                st.image(picture(told, experiment.data.entry.domain, experiment.data.classes))
                st.caption("Large: in this batch, numbered in its order. Faint: the other training points.")
        table.dataframe(rows(told, experiment.data.classes), hide_index=True, height=290)
    st.caption(meaning(told))


def summary(told: dict[str, Any]) -> str:
    """One line: how large the batch is, which one of its epoch, and its mean loss."""
    if not told["rows"]:
        return "No batch yet: the first one comes with the first step."
    shown = "" if len(told["rows"]) == told["size"] else f", the first {len(told['rows'])} of them below"
    points = "1 point" if told["size"] == 1 else f"{told['size']:,} points"
    return (
        f"**Batch {told['number']} of {told['batches']:,}** in its epoch: {points}{shown}. Their mean loss is "
        f"**{told['mean']:.4g}**, which is what its step lowers."
    )


def meaning(told: dict[str, Any]) -> str:
    """What the settings of the batches do, with this run's numbers."""
    (size, often), *short = told["sizes"]
    if told["batches"] == 1:
        steps = (
            f"All {told['points']:,} training points are one batch: one step an epoch, and no noise from the choice."
        )
    else:
        steps = f"{told['points']:,} training points make {often:,} batches of {size:,}"
        steps += f" and a last, short one of {short[0][0]:,}, whose points count for more" if short else ""
        steps += f": {told['batches']:,} steps an epoch. Smaller batches mean more, and noisier, steps."
    order = (
        "Shuffle is on: every epoch deals all points out anew, each of them once."
        if told["shuffle"]
        else "Shuffle is off: every epoch has the same batches in the same order."
    )
    return f"{steps} {order} Losses are those of the present weights, without dropout."


def rows(told: dict[str, Any], classes: int) -> list[dict[str, Any]]:
    """The batch as a table."""
    total = sum(row["loss"] or 0 for row in told["rows"]) or 1
    return [
        {
            "order": place + 1,
            "point": row["row"],
            **{f"input {axis + 1}": round(value, 4) for axis, value in enumerate(row["inputs"] or [])},
            ("class" if classes else "target"): row["target"] if classes else round(row["target"], 4),
            "loss": row["loss"],
            "share of the loss": None if row["loss"] is None else f"{100 * row['loss'] / total:.1f} %",
        }
        for place, row in enumerate(told["rows"])
    ]


def picture(told: dict[str, Any], domain: tuple[float, float], classes: int) -> str:
    """The training points as SVG: faint, and those of the batch large, with their place in its order."""
    low, high = domain
    scale = (SIDE - 2 * EDGE) / (high - low)

    def place(row: dict[str, Any]) -> tuple[float, float]:
        x, y = row["inputs"][:2]
        return EDGE + scale * (x - low), SIDE - EDGE - scale * (y - low)

    def colour(row: dict[str, Any]) -> str:
        return class_colour(row["target"], classes)

    drawn = [circle(*place(row), 2, fill=colour(row), opacity=0.35) for row in told["all"]]
    numbered = len(told["rows"]) <= 32
    for number, row in enumerate(told["rows"], 1):
        x, y = place(row)
        drawn.append(circle(x, y, 7 if numbered else 3.5, fill=colour(row), stroke="#888", stroke_width=1))
        if numbered:
            drawn.append(
                f'<text x="{x:.1f}" y="{y + 3:.1f}" font-size="9" font-family="sans-serif" font-weight="bold" '
                f'text-anchor="middle" fill="#fff" stroke="#333" stroke-width="2" paint-order="stroke">{number}</text>'
            )
    return framed(SIDE, drawn)
