"""The layers as a row of cards, each edited in place, with its shape and parameter count."""

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import streamlit as st

from playground.catalog import INITS, LAYERS
from playground.shapes import LayerReport, ShapeError, shape_text
from playground.spec import Experiment, LayerSpec, layers_from_text
from playground.ui.controls import param_control
from playground.ui.panels import RESTARTS
from playground.ui.session import Change, change, index_of, on_change, on_click, show
from playground.ui.teaching import controls, locked

CARD_WIDTH = 152
Act = Callable[[Change, int], None]
"""Takes a change of the stack, and the layer that it is about afterwards."""


def _change(make: Change, chosen: int) -> None:
    change(make)


@controls("layers")
def layer_cards(experiment: Experiment) -> None:
    """One card per layer, input to output. Every change here starts training anew."""
    reports, _ = outlined(experiment)
    with st.container(horizontal=True, gap="xsmall", key="layer-cards"):
        with st.container(width=150, gap="xxsmall"):
            total = sum(report.parameters for report in reports)
            st.caption(f"**Layers** {RESTARTS} · {total:,} params")
            _add_buttons()
        for index, layer in enumerate(experiment.layers):
            with st.container(border=True, width=CARD_WIDTH, gap="xxsmall", key=f"layer-{index}"):
                _card(index, layer, reports[index] if index < len(reports) else None, len(experiment.layers))


def outlined(experiment: Experiment) -> tuple[list[LayerReport], ShapeError | None]:
    """The outline as far as it goes, and the mistake that it stops at."""
    try:
        return experiment.outline(), None
    except ShapeError as error:
        return error.reports, error


def _card(index: int, layer: LayerSpec, report: LayerReport | None, count: int) -> None:
    """Kind and first argument, then the shape of what comes out, the parameters, and the popover with the rest."""
    kind = f"layer-{index}-kind"
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", wrap=False):
        show(kind, layer.name)
        st.selectbox(
            f"Layer {index + 1}",
            list(LAYERS),
            index_of(LAYERS, layer.name),
            format_func=lambda name: LAYERS[name].title,
            key=kind,
            label_visibility="collapsed",
            width="stretch",
            disabled=locked(),
            on_change=on_change(kind, lambda old, name: replaced(old, index, LayerSpec(name=name))),
        )
        with st.popover(
            "",
            icon=":material/more_vert:",
            type="tertiary",
            help=f"Options and place of layer {index + 1}",
            key=f"layer-{index}-more",
            on_change="rerun",
        ) as more:
            st.html('<div class="options-room"></div>')  # a browser places what opens by its size at that moment
            if more.open:  # closed bodies would be half of the page's elements
                layer_options(index, layer, report, count)
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", wrap=False):
        parameters = f"{report.parameters:,} params" if report and report.parameters else "no params"
        st.caption(f"{shape_text(report.out_shape) if report else '?'}  \n{parameters}", width="stretch")
        if layer.entry.size:
            param = next(param for param in layer.entry.params if param.name == layer.entry.size)
            key = f"layer-{index}-units"
            show(key, layer[param.name])
            st.number_input(
                param.label,
                int(param.low or 1),
                int(param.high or 1),
                layer[param.name],
                key=key,
                label_visibility="collapsed",
                width=62,
                disabled=locked(),
                on_change=on_change(key, lambda old, n: replaced(old, index, old.layers[index].set(**{param.name: n}))),
            )


def _inside(index: int, layer: LayerSpec) -> None:
    """The layers of a block, as the address bar has them."""
    key = f"layer-{index}-inside"
    inside = "~".join(inner.to_text() for inner in layer.layers)
    show(key, inside)
    st.text_input(
        "Layers inside",
        inside,
        key=key,
        help="As in the address bar: names with their arguments, joined by ~, such as Linear.8~Tanh~Linear.8.",
        on_change=on_change(
            key, lambda old, text: replaced(old, index, old.layers[index].but(layers=layers_from_text(text)))
        ),
    )


def layer_options(
    index: int, layer: LayerSpec, report: LayerReport | None, count: int, act: Act = _change, vertical: bool = False
) -> None:
    """Everything that can be set on a layer: its own arguments, how its weights begin, and its place.

    `act` carries out a click; `vertical` where the stack is drawn downwards, without a size on the card itself.
    """
    if not vertical:
        st.markdown(f"**{layer.name}** · ${layer.entry.formula}$")
        st.caption(f"{layer.entry.summary} [Manual]({layer.entry.doc})")
        if report is not None and report.formula:
            st.caption(f"`{report.formula}` · {report.macs:,} multiply-adds · {report.memory:,} bytes per sample")
    if layer.entry.holds:
        _inside(index, layer)
    params = [param for param in layer.entry.params if vertical or param.name != layer.entry.size]
    places = _places(vertical)
    for param in params:

        def set_argument(old: Experiment, value: Any, name: str = param.name) -> Experiment:
            return replaced(old, index, old.layers[index].set(**{name: value}))

        with next(places):
            param_control(param, layer[param.name], f"layer-{index}-{param.name}", set_argument)
    if layer.entry.has_weights:
        with next(places):
            _beginning(index, layer)
    back, forth = ("Up", "Down") if vertical else ("Left", "Right")
    arrows = ("upward", "downward") if vertical else ("back", "forward")
    with st.container(horizontal=True, gap="xsmall"):
        for label, arrow, to in ((back, arrows[0], index - 1), (forth, arrows[1], index + 1)):
            possible = 0 <= to < count
            _act(index, label, f":material/arrow_{arrow}:", act, _moved(index, to), to if possible else index, possible)
        _act(index, "Duplicate", ":material/content_copy:", act, _doubled(index), index + 1, True)
        _act(index, "Remove", ":material/delete:", act, _removed(index), max(0, index - 1), count > 1)


def _places(paired: bool) -> Iterator[Any]:
    """Where the options go, one after the other: in pairs, row by row, so that a narrow screen keeps their order."""
    if not paired:
        yield from repeat(st.container())
    while True:
        yield from st.columns(2, gap="small")


def _act(index: int, label: str, icon: str, act: Act, make: Change, chosen: int, possible: bool) -> None:
    st.button(
        label,
        key=f"layer-{index}-{label.lower()}",
        icon=icon,
        disabled=not possible or locked(),
        on_click=on_click(act),
        args=(make, chosen),
    )


def _moved(index: int, to: int) -> Change:
    def moved(old: Experiment) -> Experiment:
        layers = list(old.layers)
        layers.insert(to, layers.pop(index))
        return old.but(layers=tuple(layers))

    return moved


def _doubled(index: int) -> Change:
    return lambda old: old.but(layers=(*old.layers[: index + 1], *old.layers[index:]))


def _removed(index: int) -> Change:
    return lambda old: old.but(layers=old.layers[:index] + old.layers[index + 1 :])


def _beginning(index: int, layer: LayerSpec) -> None:
    """How the weights of a layer begin."""
    key = f"layer-{index}-init"
    show(key, layer.init)
    st.selectbox(
        "Weights begin",
        list(INITS),
        index_of(INITS, layer.init),
        format_func=lambda name: INITS[name].title,
        key=key,
        help=INITS[layer.init].summary,
        disabled=locked(),
        on_change=on_change(key, lambda old, init: replaced(old, index, old.layers[index].but(init=init))),
    )


def replaced(old: Experiment, index: int, layer: LayerSpec) -> Experiment:
    return old.but(layers=(*old.layers[:index], layer, *old.layers[index + 1 :]))


def _add_buttons() -> None:
    st.button(
        "Hidden layer",
        icon=":material/add:",
        key="add-hidden",
        width="stretch",
        help="A Linear layer of 8 units and its activation, before the output.",
        disabled=locked(),
        on_click=on_click(change),
        args=(_with_hidden,),
    )
    st.menu_button(
        "Other layer",
        list(LAYERS),
        format_func=lambda name: f"{LAYERS[name].group} · {LAYERS[name].title}",
        icon=":material/add:",
        key="add-layer",
        width="stretch",
        help="Any layer, before the output. Its card moves it elsewhere.",
        disabled=locked(),
        on_click=on_click(_add_chosen),
    )


def _add_chosen() -> None:
    name = st.session_state["add-layer"]
    change(lambda old: _inserted(old, LayerSpec(name=name)))


def _output_index(experiment: Experiment) -> int:
    """Where the output begins: at the last Linear."""
    places = [index for index, layer in enumerate(experiment.layers) if layer.name == "Linear"]
    return places[-1] if places else len(experiment.layers)


def _inserted(experiment: Experiment, *layers: LayerSpec) -> Experiment:
    place = _output_index(experiment)
    return experiment.but(layers=(*experiment.layers[:place], *layers, *experiment.layers[place:]))


def _with_hidden(experiment: Experiment) -> Experiment:
    """One more hidden layer, with the activation that the others have."""
    used = [layer for layer in experiment.layers if layer.entry.role == "activation" and layer.name != "Softmax"]
    return _inserted(experiment, LayerSpec(name="Linear"), used[0] if used else LayerSpec(name="Tanh"))
