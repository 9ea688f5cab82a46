"""The layers as a row of cards, each edited in place, with its shape and parameter count."""

from typing import Any

import streamlit as st

from playground.catalog import LAYERS
from playground.shapes import LayerReport, ShapeError, outline, shape_text
from playground.spec import Experiment, LayerSpec
from playground.ui.controls import param_control
from playground.ui.session import change, on_change

CARD_WIDTH = 168


def layer_cards(experiment: Experiment) -> None:
    """One card per layer, input to output. Every change here starts training anew."""
    reports = _reports(experiment)
    total = sum(report.parameters for report in reports)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            "**Layers**",
            help="A change here starts training anew, from step 0. Input sizes are inferred.",
            width="content",
        )
        st.caption(
            f"{shape_text(experiment.data.input_shape)} → {_output(reports)} · {total:,} parameters", width="content"
        )
    with st.container(horizontal=True, gap="small", key="layer-cards"):
        for index, layer in enumerate(experiment.layers):
            with st.container(border=True, width=CARD_WIDTH, gap="xsmall", key=f"layer-{index}"):
                _card(experiment, index, layer, reports[index] if index < len(reports) else None)
        _add_menu()


def _reports(experiment: Experiment) -> list[LayerReport]:
    """The outline as far as it goes."""
    try:
        return experiment.outline()
    except ShapeError as error:
        return outline(experiment.layers[: error.index], experiment.data.input_shape)


def _output(reports: list[LayerReport]) -> str:
    return shape_text(reports[-1].out_shape) if reports else "?"


def _card(experiment: Experiment, index: int, layer: LayerSpec, report: LayerReport | None) -> None:
    kind_key = f"layer-{index}-kind"
    st.session_state[kind_key] = layer.name
    st.selectbox(
        f"Layer {index + 1}",
        list(LAYERS),
        key=kind_key,
        label_visibility="collapsed",
        help=layer.entry.summary,
        on_change=on_change(kind_key, lambda old, name: _replaced(old, index, LayerSpec(name=name))),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if report is None:
            st.caption("?", width="stretch")
        else:
            count = f"{report.parameters:,}" if report.parameters else "no"
            st.caption(f"{shape_text(report.out_shape)}  \n{count} parameters", width="stretch")
        with st.popover(
            "",
            icon=":material/tune:",
            type="tertiary",
            help=f"Options and place of layer {index + 1}",
            key=f"layer-{index}-more",
        ):
            _options(experiment, index, layer)


def _options(experiment: Experiment, index: int, layer: LayerSpec) -> None:
    """What a card's popover offers: the layer's own arguments, and its place."""
    st.markdown(f"**{layer.name}** · ${layer.entry.formula}$")
    st.caption(f"{layer.entry.summary} [Manual]({layer.entry.doc})")
    for param in layer.entry.params:

        def set_argument(old: Experiment, value: Any, name: str = param.name) -> Experiment:
            return _replaced(old, index, old.layers[index].set(**{name: value}))

        param_control(param, layer[param.name], f"layer-{index}-{param.name}", set_argument)
    last = len(experiment.layers) - 1
    with st.container(horizontal=True, gap="xsmall"):
        _move("Left", ":material/arrow_back:", index, index - 1, disabled=index == 0)
        _move("Right", ":material/arrow_forward:", index, index + 1, disabled=index == last)
        st.button(
            "Duplicate",
            key=f"layer-{index}-duplicate",
            icon=":material/content_copy:",
            on_click=change,
            args=(lambda old: old.but(layers=(*old.layers[: index + 1], *old.layers[index:])),),
        )
        st.button(
            "Remove",
            key=f"layer-{index}-remove",
            icon=":material/delete:",
            disabled=last == 0,
            on_click=change,
            args=(lambda old: old.but(layers=old.layers[:index] + old.layers[index + 1 :]),),
        )


def _move(label: str, icon: str, index: int, to: int, disabled: bool) -> None:
    def moved(old: Experiment) -> Experiment:
        layers = list(old.layers)
        layers.insert(to, layers.pop(index))
        return old.but(layers=tuple(layers))

    st.button(label, key=f"layer-{index}-{label.lower()}", icon=icon, disabled=disabled, on_click=change, args=(moved,))


def _replaced(old: Experiment, index: int, layer: LayerSpec) -> Experiment:
    return old.but(layers=(*old.layers[:index], layer, *old.layers[index + 1 :]))


def _add_menu() -> None:
    with st.container(width=CARD_WIDTH, gap="xsmall"):
        st.button(
            "Hidden layer",
            icon=":material/add:",
            key="add-hidden",
            width="stretch",
            help="A Linear layer of 8 units and its activation, before the output.",
            on_click=change,
            args=(_with_hidden,),
        )
        st.menu_button(
            "Other layer",
            list(LAYERS),
            icon=":material/add:",
            key="add-layer",
            width="stretch",
            help="Any layer, before the output. Its card moves it elsewhere.",
            on_click=lambda: change(lambda old: _inserted(old, LayerSpec(name=st.session_state["add-layer"]))),
        )


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
