"""The layers as a row of cards, each edited in place, with its shape and parameter count."""

from typing import Any

import streamlit as st

from playground.catalog import LAYERS
from playground.shapes import LayerReport, ShapeError, shape_text
from playground.spec import Experiment, LayerSpec, layers_from_text
from playground.ui.controls import param_control
from playground.ui.panels import RESTARTS
from playground.ui.session import change, on_change, on_click, show
from playground.ui.teaching import controls, locked

CARD_WIDTH = 152


@controls("layers")
def layer_cards(experiment: Experiment) -> None:
    """One card per layer, input to output. Every change here starts training anew."""
    reports = _reports(experiment)
    with st.container(horizontal=True, gap="xsmall", key="layer-cards"):
        with st.container(width=150, gap="xxsmall"):
            total = sum(report.parameters for report in reports)
            st.caption(f"**Layers** {RESTARTS} · {total:,} params")
            _add_buttons()
        for index, layer in enumerate(experiment.layers):
            with st.container(border=True, width=CARD_WIDTH, gap="xxsmall", key=f"layer-{index}"):
                _card(index, layer, reports[index] if index < len(reports) else None, len(experiment.layers))


def _reports(experiment: Experiment) -> list[LayerReport]:
    """The outline as far as it goes."""
    try:
        return experiment.outline()
    except ShapeError as error:
        return error.reports


def _card(index: int, layer: LayerSpec, report: LayerReport | None, count: int) -> None:
    """Kind and first argument, then the shape of what comes out, the parameters, and the popover with the rest."""
    kind = f"layer-{index}-kind"
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", wrap=False):
        show(kind, layer.name)
        st.selectbox(
            f"Layer {index + 1}",
            list(LAYERS),
            format_func=lambda name: LAYERS[name].title,
            key=kind,
            label_visibility="collapsed",
            width="stretch",
            disabled=locked(),
            on_change=on_change(kind, lambda old, name: _replaced(old, index, LayerSpec(name=name))),
        )
        with st.popover(
            "",
            icon=":material/more_vert:",
            type="tertiary",
            help=f"Options and place of layer {index + 1}",
            key=f"layer-{index}-more",
            on_change="rerun",
        ) as more:
            if more.open:  # closed bodies would be half of the page's elements
                _options(index, layer, report, count)
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
                key=key,
                label_visibility="collapsed",
                width=62,
                disabled=locked(),
                on_change=on_change(
                    key, lambda old, n: _replaced(old, index, old.layers[index].set(**{param.name: n}))
                ),
            )


def _inside(index: int, layer: LayerSpec) -> None:
    """The layers of a block, as the address bar has them."""
    key = f"layer-{index}-inside"
    show(key, "~".join(inner.to_text() for inner in layer.layers))
    st.text_input(
        "Layers inside",
        key=key,
        help="As in the address bar: names with their arguments, joined by ~, such as Linear.8~Tanh~Linear.8.",
        on_change=on_change(
            key, lambda old, text: _replaced(old, index, old.layers[index].but(layers=layers_from_text(text)))
        ),
    )


def _options(index: int, layer: LayerSpec, report: LayerReport | None, count: int) -> None:
    """What a card's popover offers: the layer's own arguments, and its place."""
    st.markdown(f"**{layer.name}** · ${layer.entry.formula}$")
    st.caption(f"{layer.entry.summary} [Manual]({layer.entry.doc})")
    if report is not None and report.formula:
        st.caption(f"`{report.formula}` · {report.macs:,} multiply-adds · {report.memory:,} bytes per sample")
    if layer.entry.holds:
        _inside(index, layer)
    for param in layer.entry.params:
        if param.name == layer.entry.size:
            continue

        def set_argument(old: Experiment, value: Any, name: str = param.name) -> Experiment:
            return _replaced(old, index, old.layers[index].set(**{name: value}))

        param_control(param, layer[param.name], f"layer-{index}-{param.name}", set_argument)
    with st.container(horizontal=True, gap="xsmall"):
        _move("Left", ":material/arrow_back:", index, index - 1, disabled=index == 0)
        _move("Right", ":material/arrow_forward:", index, index + 1, disabled=index == count - 1)
        st.button(
            "Duplicate",
            key=f"layer-{index}-duplicate",
            disabled=locked(),
            icon=":material/content_copy:",
            on_click=on_click(change),
            args=(lambda old: old.but(layers=(*old.layers[: index + 1], *old.layers[index:])),),
        )
        st.button(
            "Remove",
            key=f"layer-{index}-remove",
            icon=":material/delete:",
            disabled=count == 1 or locked(),
            on_click=on_click(change),
            args=(lambda old: old.but(layers=old.layers[:index] + old.layers[index + 1 :]),),
        )


def _move(label: str, icon: str, index: int, to: int, disabled: bool) -> None:
    def moved(old: Experiment) -> Experiment:
        layers = list(old.layers)
        layers.insert(to, layers.pop(index))
        return old.but(layers=tuple(layers))

    st.button(
        label,
        key=f"layer-{index}-{label.lower()}",
        icon=icon,
        disabled=disabled or locked(),
        on_click=on_click(change),
        args=(moved,),
    )


def _replaced(old: Experiment, index: int, layer: LayerSpec) -> Experiment:
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
