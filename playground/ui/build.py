"""The page 'Build': the stack of layers as cards, and the toolbar above it.

What is drawn is the experiment and its outline; nothing is built or computed for it in the web process.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from playground.catalog import DATASETS, LAYERS
from playground.catalog.base import Param
from playground.shapes import LayerReport, ShapeError, shape_text
from playground.spec import Experiment, LayerSpec
from playground.templates import TEMPLATES
from playground.ui import session
from playground.ui.build_flow import flow
from playground.ui.build_views import VIEWS
from playground.ui.layers import layer_options, outlined
from playground.ui.panels import choose_dataset
from playground.ui.session import change, index_of, on_change, on_click, show
from playground.ui.teaching import controls, locked

SELECTED = "build-selected"
PAST, NOW, FUTURE = "build-past", "build-now", "build-future"
MOST_STEPS = 100
"""Steps that can be undone."""
TRAIN = "app_pages/train.py"


def build_page() -> None:
    """Everything on the page but its address."""
    experiment = session.experiment(drafting=True)
    _remember(experiment)
    reports, mistake = outlined(experiment)
    problems = session.open_findings()
    chosen = _selected(experiment, mistake)
    _toolbar(experiment, reports, blocked=any(problem.fatal for problem in problems))
    session.show_mistake()
    flow(experiment, reports, mistake, chosen, pick=_pick)
    session.show_findings(problems)
    left, right = st.columns([37, 63], gap="small")
    with left:
        _cards(experiment, reports, mistake, chosen)
    with right:
        _views(experiment, reports, chosen)


# -- what is chosen, and what can be taken back -----------------------------------------------------------------------


def _selected(experiment: Experiment, mistake: ShapeError | None) -> int:
    """The layer whose card is open: the one that was picked; at first the one that is wrong, or the first."""
    at = st.session_state.setdefault(SELECTED, mistake.index if mistake else 0)
    return min(at, len(experiment.layers) - 1)


def first_card() -> int:
    """The layer whose card a new visitor of this experiment finds open."""
    mistake = outlined(session.current())[1]
    return mistake.index if mistake else 0


def _pick(index: int) -> None:
    st.session_state[SELECTED] = index


def _remember(experiment: Experiment) -> None:
    """Whatever has changed the experiment, here or on another page, can be taken back here."""
    before = st.session_state.setdefault(NOW, experiment)
    past, future = st.session_state.setdefault(PAST, []), st.session_state.setdefault(FUTURE, [])
    if experiment != before:
        past.append(before)
        del past[:-MOST_STEPS]
        future.clear()
        st.session_state[NOW] = experiment


def _back(source: str, target: str) -> None:
    """To the last experiment of `source`, with the present one kept in `target`."""
    wanted, present = st.session_state[source][-1], st.session_state[NOW]
    change(lambda old: wanted)
    if session.current() == wanted:
        st.session_state[source].pop()
        st.session_state[target].append(present)
        st.session_state[NOW] = wanted


def edit(make: Callable[[Experiment], Experiment], chosen: int) -> None:
    """Change the stack, and have the card of this layer open."""
    before = session.current()
    change(make)
    if session.current() != before:
        st.session_state[SELECTED] = chosen


# -- the toolbar ------------------------------------------------------------------------------------------------------


def _toolbar(experiment: Experiment, reports: list[LayerReport], blocked: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="build-bar"):
        _data(experiment)
        _templates(experiment)
        _palette(experiment)
        _step("Undo", ":material/undo:", PAST, FUTURE)
        _step("Redo", ":material/redo:", FUTURE, PAST)
        st.caption(_totals(reports), width="stretch")
        if st.button(
            "Train it",
            icon=":material/play_arrow:",
            type="primary",
            key="build-train",
            disabled=blocked,
            help="To the page Train, with this network." if not blocked else "Mend what is red first.",
        ):
            st.switch_page(TRAIN)


@controls("data")
def _data(experiment: Experiment) -> None:
    show("build-data", experiment.data.name)
    st.selectbox(
        "Data set",
        list(DATASETS),
        index_of(DATASETS, experiment.data.name),
        format_func=lambda name: f"{DATASETS[name].title} · {DATASETS[name].group.lower()}",
        key="build-data",
        label_visibility="collapsed",
        width=190,
        disabled=locked(),
        help=f"What the network reads: samples of shape {shape_text(experiment.data.input_shape)}.",
        on_change=on_change("build-data", choose_dataset),
    )


@controls("layers")
def _templates(experiment: Experiment) -> None:
    """The networks to begin with that suit the data."""
    show("build-template", None)
    suitable = [name for name, template in TEMPLATES.items() if template.suits(experiment.data)]

    def begun(old: Experiment, name: str | None) -> Experiment:
        if name is None:
            return old
        st.session_state[SELECTED] = 0
        return TEMPLATES[name].experiment(old.data).but(seed=old.seed)

    st.selectbox(
        "Template",
        suitable,
        index=None,
        format_func=lambda name: TEMPLATES[name].title,
        placeholder="Template",
        key="build-template",
        label_visibility="collapsed",
        width=170,
        disabled=locked(),
        help="A network to begin with, fitted to the data. Undo brings the present one back.",
        on_change=on_change("build-template", begun),
    )


@controls("layers")
def _palette(experiment: Experiment) -> None:
    """Every layer of the registry, by group; typing searches."""
    show("build-add", None)
    groups = list(dict.fromkeys(entry.group for entry in LAYERS.values()))
    ordered = sorted(LAYERS, key=lambda name: groups.index(LAYERS[name].group))

    def added(old: Experiment, name: str | None) -> Experiment:
        if name is None:
            return old
        place = min(st.session_state.get(SELECTED, 0), len(old.layers) - 1) + 1
        st.session_state[SELECTED] = place
        return old.but(layers=(*old.layers[:place], LayerSpec(name=name), *old.layers[place:]))

    st.selectbox(
        "Add a layer",
        ordered,
        index=None,
        format_func=lambda name: f"{LAYERS[name].title} · {LAYERS[name].group.lower()}",
        placeholder="Add a layer",
        key="build-add",
        label_visibility="collapsed",
        width=180,
        disabled=locked(),
        help="Type to search. It comes after the layer whose card is open.",
        on_change=on_change("build-add", added),
    )


def _step(label: str, icon: str, source: str, target: str) -> None:
    steps = st.session_state[source]
    st.button(
        "",
        icon=icon,
        key=f"build-{label.lower()}",
        disabled=not steps,
        help=f"{label}: {len(steps)} steps" if steps else f"Nothing to {label.lower()}.",
        on_click=on_click(_back),
        args=(source, target),
    )


def _totals(reports: list[LayerReport]) -> str:
    parameters = sum(report.parameters for report in reports)
    work, memory = sum(report.macs for report in reports), sum(report.memory for report in reports)
    return f"**{parameters:,}** parameters · **{work:,}** multiply-adds · **{size(memory)}** kept per sample"


def size(count: int) -> str:
    """`12.5 kB`."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= one:
            return f"{count / one:,.3g} {unit}"
    return f"{count} B"


# -- the cards --------------------------------------------------------------------------------------------------------


@controls("layers")
def _cards(experiment: Experiment, reports: list[LayerReport], mistake: ShapeError | None, chosen: int) -> None:
    """One card per layer, the chosen one open, the wrong one red."""
    with st.container(gap="xxsmall", key="build-cards"):
        for index, layer in enumerate(experiment.layers):
            report = reports[index] if index < len(reports) else None
            label = _title(index, layer, report, mistake is not None and mistake.index == index)
            if index == chosen:
                with st.container(border=True, gap="xsmall", key="build-open"):
                    st.markdown(label)
                    layer_options(index, layer, report, len(experiment.layers), act=edit, vertical=True)
            else:
                st.button(label, key=f"build-card-{index}", width="stretch", on_click=on_click(_pick), args=(index,))


def _title(index: int, layer: LayerSpec, report: LayerReport | None, wrong: bool) -> str:
    said = [f"{index + 1} · **{layer.entry.title}** {_arguments(layer)}".rstrip()]
    if wrong:
        return f":red[{said[0]} does not fit]"
    if report is not None:
        said[0] += f" → {shape_text(report.out_shape)}"
        said += [f"{report.parameters:,} params"] if report.parameters else []
    return " · ".join(said)


def _arguments(layer: LayerSpec) -> str:
    """The arguments that differ from their defaults, and the size whatever it is."""
    said = []
    for param in layer.entry.params:
        value = layer[param.name]
        if param.name == layer.entry.size:
            said.append(str(value))
        elif value != param.default:
            said.append(f"{_name(param)} {'x'.join(map(str, value)) if isinstance(value, tuple) else value}")
    return ", ".join(said)


def _name(param: Param) -> str:
    return param.label or param.name.removesuffix("_size")


# -- what stands beside them ------------------------------------------------------------------------------------------


def _views(experiment: Experiment, reports: list[LayerReport], chosen: int) -> None:
    tabs: Any = st.tabs(list(VIEWS), key="build-tab", on_change="rerun")
    for tab, draw in zip(tabs, VIEWS.values(), strict=True):
        if tab.open:
            with tab:
                draw(experiment, reports, chosen)
