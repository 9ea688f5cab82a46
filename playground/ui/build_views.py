"""What stands beside the stack on the page 'Build': one layer, one sample, how weights begin, code, table, graph."""

import json
from collections.abc import Callable
from html import escape
from typing import Any

import streamlit as st

from playground.catalog import INITS
from playground.shapes import LayerReport, shape_text
from playground.spec import Experiment, LayerSpec
from playground.ui.autograd_graph import graph_code
from playground.ui.autograd_graph import graph_view as graph_drawing
from playground.ui.build_flow import component
from playground.ui.frame import dark
from playground.ui.session import catch_up, handle, on_change, show
from playground.ui.teaching import locked

WAITING = "The training process is starting; its numbers come in a moment."
BROKEN = "This network does not fit together yet. Mend what is red on the left, and its numbers appear here."
MIXED = "mixed"
CODE_HEIGHT = 440
GRAPH_SAMPLES = 2
"""Of the batch whose graph is drawn."""
WINDOW = {"size": 7, "padding": 0, "kernel": 3, "stride": 1, "dilation": 1}
"""What the picture of a window shows where no layer says anything else."""
KINDS = {"conv": "Convolution", "max": "Max pooling", "avg": "Average pooling"}
FORMS = ("nn.Sequential", "nn.Module", "NumPy")
GRAPHS = {"modules": "Layers", "nodes": "Every operation", "torchviz": "torchviz"}
MOST_SHOWN = 12
"""Rows and columns of the picture of a window."""

_WINDOW, _MAPS = component("window"), component("maps")


# -- one layer --------------------------------------------------------------------------------------------------------


def layer_view(experiment: Experiment, reports: list[LayerReport], chosen: int) -> None:
    """What the chosen layer computes, its arithmetic with the numbers, and what it costs."""
    layer = experiment.layers[chosen]
    st.markdown(f"**Layer {chosen + 1}, {layer.entry.title}** · ${layer.entry.formula}$")
    st.caption(f"{layer.entry.summary} [Manual]({layer.entry.doc})")
    if chosen >= len(reports):
        st.info(BROKEN, icon=":material/info:")
    else:
        report = reports[chosen]
        st.table(
            [
                {
                    "input": shape_text(report.in_shape),
                    "output": shape_text(report.out_shape),
                    "parameters": f"{report.parameters:,}",
                    "multiply-adds": f"{report.macs:,}",
                    "kept per sample": f"{report.memory:,} bytes",
                }
            ]
        )
        if report.formula:
            st.markdown(f"Shape: `{report.formula}`")
    if "kernel_size" in layer.args:
        size = reports[chosen].in_shape[-1] if chosen < len(reports) else WINDOW["size"]
        _window(layer, size, "layer")


def window_view(experiment: Experiment, reports: list[LayerReport], chosen: int) -> None:
    """How a window walks over a picture, to play with."""
    st.session_state.setdefault("build-kind", "conv")
    kind = st.segmented_control(
        "Kind", list(KINDS), default=st.session_state["build-kind"], format_func=lambda name: KINDS[name],
        key="build-kind", label_visibility="collapsed", required=True,
    )  # fmt: skip
    _draw_window({**WINDOW, "kind": kind or "conv"}, "play")


def _window(layer: LayerSpec, size: int, key: str) -> None:
    """The picture with the numbers of a layer, on an input that can be seen."""

    def number(name: str, plain: int) -> int:
        value = layer.args.get(name, plain)
        value = value[0] if isinstance(value, tuple) else value
        return value if isinstance(value, int) else plain

    kernel = number("kernel_size", WINDOW["kernel"])
    kind = "max" if "Max" in layer.name else "avg" if "Avg" in layer.name else "conv"
    numbers = {
        "kind": kind,
        "size": min(size, MOST_SHOWN),
        "padding": number("padding", 0),
        "kernel": kernel,
        "stride": number("stride", kernel if kind != "conv" else 1),
        "dilation": number("dilation", 1),
    }
    if "Transpose" in layer.name:
        st.caption("A transposed convolution is this walk backwards: every input value is spread over a window.")
    _draw_window(numbers, key)


def _draw_window(numbers: dict[str, Any], key: str) -> None:
    _WINDOW(key=f"build-window-{key}", data=json.dumps(numbers))


# -- one sample -------------------------------------------------------------------------------------------------------


def sample_view(experiment: Experiment, reports: list[LayerReport], chosen: int) -> None:
    """One sample through the present weights: what every layer makes of it."""
    sample = int(st.session_state.get("build-sample", 0))
    found = _asked(experiment, "activations", sample=sample, split="val")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        most = found["count"] - 1 if found else 10**6
        st.number_input(
            "Sample", 0, max(0, most), key="build-sample", width=130,
            help="Of the validation part, or of the training part where there is none.",
        )  # fmt: skip
        if found:
            st.caption(_verdict(experiment, found), width="stretch")
    if not found:
        return
    layers = [{**layer, "text": f"{shape_text(tuple(layer['shape']))} {_range(layer)}"} for layer in found["layers"]]
    _MAPS(key="build-maps", data=json.dumps({"layers": layers, "dark": dark()}))


def _verdict(experiment: Experiment, found: dict[str, Any]) -> str:
    weights = f"after {found['step']:,} steps" if found["step"] else "untrained"
    what = "validation" if found["split"] == "val" else "training"
    said = f"{what} sample {found['sample']:,} of {found['count']:,}, weights {weights}"
    if found["probabilities"]:
        best = max(range(len(found["probabilities"])), key=lambda index: found["probabilities"][index] or 0)
        share = found["probabilities"][best] or 0
        return f"{said}. True class **{found['target']}**, predicted **{best}** with {share:.0%}."
    return f"{said}. True value **{found['target']:.4g}**, predicted **{found['output'][0]}**."


def _range(layer: dict[str, Any]) -> str:
    return "" if layer["low"] is None else f"{layer['low']:.2g} to {layer['high']:.2g}"


def _asked(experiment: Experiment, question: str, **arguments: Any) -> dict[str, Any] | None:
    """What the run in its host says about itself, or a sentence on the page."""
    catch_up()
    run = handle()
    if run.experiment != experiment:
        st.info(BROKEN, icon=":material/info:")
        return None
    try:
        found = run.call(question, **arguments)
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return None
    if found is None:
        st.info(WAITING, icon=":material/hourglass:")
        st.fragment(_look_again, run_every=1.0)()
    return found


def _look_again() -> None:
    """The page once more when the host is there."""
    if handle().poll().header["status"] != "starting":
        st.rerun()


# -- how weights begin ------------------------------------------------------------------------------------------------


def beginnings_view(experiment: Experiment, reports: list[LayerReport], chosen: int) -> None:
    """The rule by which all weights begin, and what it does to the values through depth."""
    used = {layer.init for layer in experiment.layers if layer.entry.has_weights}
    now = used.pop() if len(used) == 1 else MIXED
    show("build-init", now)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "All weights begin",
            [*INITS, *([MIXED] if now == MIXED else [])],
            default=now,
            key="build-init",
            format_func=lambda name: INITS[name].title if name in INITS else name,
            required=True,
            disabled=locked(),
            help="For all layers at once; each card has its own.",
            on_change=on_change("build-init", _all_begin),
        )
        if now in INITS:
            st.caption(f"${INITS[now].formula}$  \n{INITS[now].summary}", width="stretch")
    if found := _asked(experiment, "spread"):
        st.html(spread_table(found))
        st.caption(
            f"{found['samples']} training samples through the untrained network. A deviation that falls through "
            "depth means that values fade, and with them the gradients; one that rises, that they explode or saturate."
        )


def _all_begin(old: Experiment, init: str | None) -> Experiment:
    if init not in INITS:
        return old
    return old.but(layers=tuple(_begun(layer, init) for layer in old.layers))


def _begun(layer: LayerSpec, init: str) -> LayerSpec:
    """The layer, and those that it holds, with weights that begin so."""
    inner = {"layers": tuple(_begun(one, init) for one in layer.layers)} if layer.layers else {}
    return layer.but(**inner, **({"init": init} if layer.entry.has_weights else {}))


def spread_table(found: dict[str, Any]) -> str:
    """A row per layer: the histogram of its values, their mean and deviation, and what share of them is 0."""
    rows = []
    for layer in found["layers"]:
        most = max(layer["counts"], default=0) or 1
        bars = "".join(f'<i style="height:{100 * count / most:.0f}%"></i>' for count in layer["counts"])
        edge = f"±{layer['edges'][1]:.2g}" if layer["edges"] else "not finite"
        name = layer["name"] if layer["index"] < 0 else f"{layer['index'] + 1} {layer['name']}"
        cells = [
            f"{escape(name)} <small>{escape(layer['init'])}</small>",
            f'<div class="bars" style="width:150px;height:26px" role="img" aria-label="histogram">{bars}</div>',
            edge,
            _text(layer["mean"]),
            _text(layer["std"]),
            _text(layer["ratio"]),
            "" if layer["zero"] is None else f"{layer['zero']:.0%}",
        ]
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = ("layer", "values", "99 % within", "mean", "deviation", "over the input's", "exactly 0")
    head, body = "".join(f"<th>{title}</th>" for title in heads), "".join(rows)
    return f'<div class="health-table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


# -- code, table, graph -----------------------------------------------------------------------------------------------


def code_view(experiment: Experiment, reports: list[LayerReport], chosen: int) -> None:
    """The network as torch code in two forms, and its NumPy twin."""
    if len(reports) < len(experiment.layers):
        st.info(BROKEN, icon=":material/info:")
        return
    from playground.export import to_module, to_numpy_script, to_sequential  # brings NumPy along

    writers: tuple[Callable[[Experiment], str], ...] = (to_sequential, to_module, to_numpy_script)
    forms = dict(zip(FORMS, writers, strict=True))
    st.session_state.setdefault("build-form", FORMS[0])
    form = st.segmented_control(
        "Form", list(forms), default=st.session_state["build-form"], key="build-form", label_visibility="collapsed",
        required=True,
    )  # fmt: skip
    try:
        st.code(forms[form or FORMS[0]](experiment), language="python", height=CODE_HEIGHT)
    except ValueError as error:
        st.info(str(error), icon=":material/info:")


def table_view(experiment: Experiment, reports: list[LayerReport], chosen: int) -> None:
    """The table that torchinfo prints, for one batch."""
    from playground.summary import summary

    batch = min(experiment.training.batch_size, experiment.data.train_count)
    if len(reports) < len(experiment.layers):
        st.info(BROKEN, icon=":material/info:")
    if reports:
        with st.container(key="build-table"):
            st.code(summary(reports, experiment.data.input_shape, batch), language=None, height=CODE_HEIGHT)
        st.caption(
            f"As torchinfo prints it for a batch of {batch:,}. Its mult-adds count every parameter once per "
            "use, biases too; those above count matrix products and convolutions alone."
        )


def graph_view(experiment: Experiment, reports: list[LayerReport], chosen: int) -> None:
    """One batch forwards and backwards as a graph: ours, with numbers, or torchviz's."""
    if len(reports) < len(experiment.layers):
        st.info(BROKEN, icon=":material/info:")
        return
    from playground.ui.autograd import load_torch

    st.session_state.setdefault("build-graph", "modules")
    drawn = st.segmented_control(
        "Drawn by", list(GRAPHS), default=st.session_state["build-graph"], key="build-graph",
        format_func=lambda name: GRAPHS[name], label_visibility="collapsed", required=True,
    )  # fmt: skip
    load_torch()
    from playground.autograd.network import batch_of

    try:
        batch = batch_of(experiment, GRAPH_SAMPLES)
        if drawn == "torchviz":
            from playground.autograd.classic import dot_source

            output = batch.loss(batch.module(batch.inputs))
            st.graphviz_chart(dot_source(output, dict(batch.module.named_parameters())), width="content", height=480)
        else:
            from playground.autograd.graph import picture

            drawing, name = picture(batch.tape(), by_module=drawn != "nodes"), f"{experiment.to_query()}{drawn}"
            graph_code()
            graph_drawing(drawing, key="build-graph-view", id=name, height=400, moved=_stay)
    except ValueError as error:
        st.info(str(error), icon=":material/info:")


def _stay() -> None:
    """A step of the graph's scrubber changes nothing else on the page."""


VIEWS: dict[str, Callable[[Experiment, list[LayerReport], int], None]] = {
    "Layer": layer_view,
    "One sample": sample_view,
    "Beginnings": beginnings_view,
    "Code": code_view,
    "Table": table_view,
    "Graph": graph_view,
    "Window": window_view,
}
