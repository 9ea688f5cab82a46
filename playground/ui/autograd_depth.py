"""Gradients through depth: controls, and the norm at every layer on a logarithmic axis."""

import math
from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from playground.autograd.depth import MAX_DEPTH, MAX_GAIN, MAX_WIDTH, Layer, activations, through_depth
from playground.autograd.study import DepthStudy
from playground.autograd.words import number
from playground.ui.autograd_graph import hold

WIDTH, HEIGHT = 860, 400
MARGIN = {"left": 62, "right": 150, "top": 16, "bottom": 40}
FLOOR = 1e-300
LINES = (("gradient", "∂L/∂output", "#0877bd"), ("weight", "∂L/∂weight", "#e08214"), ("output", "output", "#8a94a0"))
"""What is drawn: field of a layer, its words, its colour."""

_CHART = st.components.v2.component(
    "playground_depth",
    html='<div class="chart"></div>',
    css=".chart {\n color: var(--st-text-color); font-family: var(--st-font) }",
    js="""export default ({ data, parentElement }) => {
  parentElement.querySelector(".chart").innerHTML = data;
};""",
)
"""Text in, picture out: `st.html` takes SVG away."""


def depth_view(shown: DepthStudy, prepare: Callable[[], None], change: Callable[[str, Any], None]) -> None:
    """Controls left, the norms right; `change` takes a field and what the visitor sets it to."""
    left, right = st.columns([24, 76], gap="medium")

    def take(field: str) -> None:
        change(field, st.session_state[f"depth-{field}"])

    with left:
        hold("depth-activation", shown.activation)
        st.selectbox("Activation", activations(), key="depth-activation", on_change=take, args=("activation",))
        hold("depth-depth", shown.depth)
        st.slider("Layers", 1, MAX_DEPTH, key="depth-depth", on_change=take, args=("depth",))
        hold("depth-gain", shown.gain)
        st.slider("Gain", 0.1, min(4.0, MAX_GAIN), step=0.05, key="depth-gain", on_change=take, args=("gain",),
                  help="Weights are drawn from N(0, gain² / width): 1 keeps the size through a linear layer, √2 ≈ 1.4 "
                       "through one with ReLU (He et al., 2015), 5/3 is usual for tanh.")  # fmt: skip
        hold("depth-width", shown.width)
        st.slider("Units in a layer", 1, MAX_WIDTH, key="depth-width", on_change=take, args=("width",))
        hold("depth-seed", shown.seed)
        st.number_input("Seed", 0, 2**31 - 1, key="depth-seed", on_change=take, args=("seed",))
    with right:
        prepare()
        layers = through_depth(shown.depth, shown.activation, shown.width, shown.gain, shown.seed)
        st.markdown(f"**{verdict(layers)}**")
        _CHART(key="depth-chart", data=chart(layers))
        st.caption(
            "Norms over 16 random inputs, from the tape of one real backward: the loss is the sum of the outputs."
        )


def verdict(layers: list[Layer]) -> str:
    """What happened to the gradient on its way to the first layer, in a sentence."""
    first, last = layers[0].gradient, layers[-1].gradient
    if not (math.isfinite(first) and math.isfinite(last)):
        return "The numbers have left the range of float64: exploded."
    if first == 0 or last == 0:
        return "Nothing arrives at the first layer: the gradient is 0."
    ratio = first / last
    each = ratio ** (1 / max(1, len(layers) - 1))
    name = "vanishes" if ratio < 1e-3 else "explodes" if ratio > 1e3 else "arrives"
    return (
        f"The gradient {name}: at layer 1 it is {number(ratio)} of that at layer {len(layers)}, "
        f"× {number(each)} from layer to layer."
    )


def chart(layers: list[Layer]) -> str:
    """The norms as an SVG picture; it takes its text colour from the page."""
    values = [value for field, _, _ in LINES for layer in layers if FLOOR < (value := getattr(layer, field)) < math.inf]
    low, high = math.floor(math.log10(min(values, default=1))), math.ceil(math.log10(max(values, default=1)))
    high = max(high, low + 2)
    plot_w, plot_h = WIDTH - MARGIN["left"] - MARGIN["right"], HEIGHT - MARGIN["top"] - MARGIN["bottom"]

    def x(number: int) -> float:
        return MARGIN["left"] + plot_w * (number - 1) / max(1, len(layers) - 1)

    def y(value: float) -> float:
        return MARGIN["top"] + plot_h * (high - math.log10(max(value, FLOOR))) / (high - low)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" font-size="12" fill="currentColor" '
             f'aria-label="{escape(verdict(layers))}">']  # fmt: skip
    step = max(1, round((high - low) / 8))
    for power in range(low, high + 1, step):
        at = y(10.0**power)
        parts.append(
            f'<path d="M{MARGIN["left"]},{at:.1f}H{WIDTH - MARGIN["right"]}" stroke="currentColor" opacity=".14"/>'
        )
        parts.append(
            f'<text x="{MARGIN["left"] - 8}" y="{at + 4:.1f}" text-anchor="end" opacity=".75">1e{power}</text>'
        )
    for layer in layers[:: max(1, len(layers) // 10)]:
        at = x(layer.number)
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 20}" text-anchor="middle" opacity=".75">{layer.number}</text>')
    parts.append(
        f'<text x="{MARGIN["left"] + plot_w / 2}" y="{HEIGHT - 3}" text-anchor="middle" opacity=".75">layer</text>'
    )
    ends = []
    for field, words, colour in LINES:
        points = [
            (x(layer.number), y(value)) for layer in layers if FLOOR < (value := getattr(layer, field)) < math.inf
        ]
        if points:
            line = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
            dots = "".join(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3"/>' for px, py in points)
            parts.append(f'<g fill="{colour}">{dots}</g>')
            ends.append((points[-1][1], words, colour))
    at = 0.0
    for end, words, colour in sorted(ends):
        at = max(end + 4, at + 16)
        parts.append(
            f'<text x="{WIDTH - MARGIN["right"] + 10}" y="{at:.1f}" fill="{colour}" font-weight="600">‖{words}‖</text>'
        )
    return "".join([*parts, "</svg>"])
