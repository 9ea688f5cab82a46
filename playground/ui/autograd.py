"""The Autograd page: the program and its values, the graph, the witnesses, and three more views."""

import gc
from collections.abc import Callable
from typing import Any

import streamlit as st

from playground.autograd.experiments import EXPERIMENTS, run
from playground.autograd.expression import ExpressionError, parse
from playground.autograd.presets import PRESETS, Value
from playground.autograd.study import DETAILS, DRAWN, MAX_BATCH, SWITCHES, VIEWS, WORDS, Study, numbers
from playground.autograd.words import number
from playground.ui import session, teaching
from playground.ui.address import write_whole
from playground.ui.autograd_depth import depth_view
from playground.ui.autograd_graph import graph_code, graph_view, hold
from playground.ui.rerun import undisturbed

STUDY = "autograd"
ADDRESS = "autograd-address"
DRAFTS = "autograd-drafts"
MISTAKE = "autograd-mistake"
TOUCHED = "autograd-touched"
OWN = "Your own program"
SLIDERS = 4
"""Inputs up to which sliders are drawn; more get number fields, which are smaller."""
TABLE = """<style>
@media (max-width: 640px) { .stColumn:has(> div .st-key-autograd-program) { order: 2 } }
.st-key-autograd-witnesses table { font-size: .8rem; font-variant-numeric: tabular-nums; width: 100% }
.st-key-autograd-witnesses :is(th, td) { padding: 1px 8px }
.st-key-autograd-witnesses [data-testid="stMarkdownContainer"] { overflow-x: auto }
</style>"""
"""A table of eight rows stays on one screen with the graph; on a phone the graph comes before the values."""
STAGE, LOW_STAGE, HIGH_STAGE = 400, 330, 520
"""Height of the graph, px: where many inputs make the table under it long, lower; a large graph needs the screen."""
LARGE = 30
"""Nodes from which a graph is large."""


@st.cache_resource(show_spinner="Loading PyTorch …")
def load_torch() -> None:
    """torch, one thread of it, and everything that its import left behind put out of the collector's way."""
    import torch

    import playground.autograd.recorder  # noqa: F401

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


# What the page shows


@undisturbed()
def study() -> Study:
    """The visitor's study: from the address bar at first, and again when that was changed by hand.

    A run that a widget has caused does not read it: with fast keys on a slider, the address that comes with such a run
    is still that of a picture before.
    """
    address = _words()
    touched = st.session_state.pop(TOUCHED, False)
    by_hand = bool(address) and not touched and address != st.session_state.get(ADDRESS)
    if STUDY not in st.session_state or by_hand:
        try:
            opened = Study.from_query(address)
        except ValueError as error:
            opened = st.session_state.get(STUDY, Study())
            st.session_state[MISTAKE] = f"This link cannot be opened as it is. {error}"
        st.session_state[STUDY] = opened
        st.session_state[DRAFTS] = {}
        st.session_state[ADDRESS] = address
    return st.session_state[STUDY]


def _words() -> dict[str, str]:
    return {word: text for word, text in st.query_params.to_dict().items() if word in WORDS}


@undisturbed()
def write_address() -> None:
    """Make the address bar reproduce what is on screen."""
    shown = st.session_state[STUDY]
    address = shown.to_query()
    whole = address | teaching.words()
    if shown.view == "network":
        whole |= session.experiment().to_query()
    write_whole(whole)
    st.session_state[ADDRESS] = address


def _touch() -> None:
    """What every widget's callback begins with."""
    st.session_state[TOUCHED] = True


@undisturbed()
def _change(**fields: Any) -> None:
    """Another study; one that cannot be leaves everything as it was and says why."""
    _touch()
    try:
        st.session_state[STUDY] = st.session_state[STUDY].but(**fields)
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)


@undisturbed()
def _change_depth(field: str, value: Any) -> None:
    _touch()
    try:
        depth = st.session_state[STUDY].depth.but(**{field: value})
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)
    else:
        _change(depth=depth)


def _setting(key: str, field: str) -> Callable[[], None]:
    """For a widget that sets one field; where it shows another graph, the walk begins anew there."""

    @undisturbed()
    def changed() -> None:
        if st.session_state[key] is not None:
            anew = {"step": None, "node": None} if field in ("view", "detail") else {}
            _change(**{field: st.session_state[key]}, **anew)

    return changed


# The frame


def views(shown: Study) -> None:
    """The row that chooses what to look at."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="autograd-views"):
        _choice("View", VIEWS, shown.view, "view")
        if shown.view in ("program", "network"):
            _choice("Drawn by", DRAWN, shown.drawn, "drawn")
        if shown.view == "network" and shown.drawn == "graph":
            _choice("Detail", DETAILS, shown.detail, "detail")
    session.show_mistake(MISTAKE)


def _choice(label: str, options: dict[str, str], value: str, field: str) -> None:
    key = f"autograd-{field}"
    hold(key, value)
    st.segmented_control(
        label,
        list(options),
        format_func=lambda option: options[option],
        key=key,
        label_visibility="collapsed",
        required=True,
        on_change=_setting(key, field),
    )


# Program


def program_view(shown: Study) -> None:
    """Program and values left; the graph right, and under it the witnesses."""
    left, right = st.columns([24, 76], gap="small")
    with left, st.container(gap="xsmall", key="autograd-program"):
        _editor(shown)
        _values(shown)
    with right, st.container(gap="xsmall"):
        load_torch()
        try:
            if shown.drawn == "graph":
                _program_graph(shown)
            else:
                _program_torchviz(shown)
        except ExpressionError as error:
            st.error(f"{error} Change a value, or the program.", icon=":material/error:")


def _editor(shown: Study) -> None:
    key = "autograd-preset"
    hold(key, shown.preset if shown.origin else OWN)
    st.selectbox(
        "Example",
        [*PRESETS, *([] if shown.origin else [OWN])],
        format_func=lambda name: PRESETS[name].title if name in PRESETS else name,
        key=key,
        on_change=_take_preset,
        help="Programs to begin with. Change them as you like.",
    )
    _text_area("if x > 0" if shown.otherwise else "Program", "text", shown.text, not shown.taken)
    if shown.otherwise:
        _text_area("else", "otherwise", shown.otherwise, shown.taken)
    for error in st.session_state[DRAFTS].values():
        st.error(error[1], icon=":material/edit:")


def _text_area(label: str, field: str, value: str, unused: bool) -> None:
    key = f"autograd-{field}"
    hold(key, st.session_state[DRAFTS].get(field, (value, ""))[0])
    st.text_area(
        f"{label} · not recorded" if unused else label,
        key=key,
        height=68 if value.count("\n") < 1 else 68 + 22 * min(value.count("\n"), 3),
        on_change=_take_text,
        args=(field,),
        help="Lines `name = expression`, then one expression. + - * / **, sin cos tan tanh exp log sqrt abs relu "
        "sigmoid softplus max min sum mean, pi, e; detach(...) and no_grad(...). Ctrl+Enter runs it.",
    )


@undisturbed()
def _take_preset() -> None:
    _touch()
    if (key := st.session_state["autograd-preset"]) in PRESETS:
        old = st.session_state[STUDY]
        st.session_state[DRAFTS] = {}
        st.session_state[STUDY] = Study.of_preset(key, view=old.view, drawn=old.drawn, detail=old.detail,
                                                  batch=old.batch, depth=old.depth, trial=old.trial,
                                                  torchviz=old.torchviz)  # fmt: skip


@undisturbed()
def _take_text(field: str) -> None:
    """A text that cannot be read stays in the editor, and the picture shows the last one that could."""
    _touch()
    text, drafts = st.session_state[f"autograd-{field}"], dict(st.session_state[DRAFTS])
    drafts.pop(field, None)
    try:
        parse(text)
        st.session_state[STUDY] = st.session_state[STUDY].but(**{field: text, "step": None, "node": None})
    except ValueError as error:
        drafts[field] = (text, str(error))
    st.session_state[DRAFTS] = drafts


def _values(shown: Study) -> None:
    values = shown.given
    few = len(values) <= SLIDERS
    columns = None if few else st.columns(2, gap="xsmall")
    for place, (name, value) in enumerate(values.items()):
        with columns[place % 2] if columns else st.container():
            _value(name, value, few)
    if origin := shown.origin:
        st.caption(origin.note)


def _value(name: str, value: Value, slider: bool) -> None:
    key = f"autograd-value-{name}"
    if isinstance(value, tuple):
        hold(key, ", ".join(f"{element:g}" for element in value))
        st.text_input(name, key=key, on_change=_take_value, args=(name,), help="Numbers with commas between them.")
    elif slider:
        high = 5.0
        while abs(value) > high:
            high *= 2
        hold(key, value)
        st.slider(name, -high, high, step=0.05, format="%g", key=key, on_change=_take_value, args=(name,))
    else:
        hold(key, value)
        st.number_input(name, -1e6, 1e6, step=0.25, format="%g", key=key, on_change=_take_value, args=(name,))


@undisturbed()
def _take_value(name: str) -> None:
    _touch()
    given = st.session_state[f"autograd-value-{name}"]
    try:
        value = numbers(given, name) if isinstance(given, str) else given
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)
        return
    if value is not None:
        _change(values=tuple({**st.session_state[STUDY].given, name: value}.items()))


def _program_graph(shown: Study) -> None:
    from playground.autograd.graph import picture
    from playground.autograd.tape import trace

    program = parse(shown.running)
    tape = trace(program, shown.given)
    height = HIGH_STAGE if len(tape.nodes) > LARGE else STAGE if len(tape.leaves) <= SLIDERS else LOW_STAGE
    _graph(picture(tape), "program", shown.running, shown, height)
    _witnesses(program, shown, tape)


def _graph(drawn: dict[str, Any], key: str, id: str, shown: Study, height: int) -> None:
    graph_code()
    at = graph_view(drawn, key=f"graph-{key}", id=id, height=height, step=shown.step, node=shown.node, moved=_touch)
    if (at["step"], at["node"]) != (shown.step, shown.node):
        st.session_state[STUDY] = shown.but(step=at["step"], node=at["node"])


def _witnesses(program: Any, shown: Study, tape: Any) -> None:
    from playground.autograd.witness import witnesses

    rows = witnesses(program, shown.given, tape)
    if not rows:
        st.caption("This program has no input, so there is nothing to differentiate by.")
        return
    says = {"torch": "torch", "scratch": "scratch.Tensor", "differences": "differences"}
    lines = [f"| ∂f/∂ | {' | '.join(says.values())} | largest difference |", "|:--|--:|--:|--:|--:|"]
    for row in rows:
        cells = [_cell(getattr(row, name)) for name in says]
        spread = "" if row.spread is None else f"{row.spread:.1e}"
        lines.append(f"| {row.name} | {' | '.join(cells)} | {spread} |")
    st.html(TABLE)
    with st.container(key="autograd-witnesses"):
        st.markdown("\n".join(lines))
        if any(row.torch is None and row.differences for row in rows):
            st.caption(
                "torch says None where `detach` or `no_grad` has cut the way; the function itself still changes."
            )


def _cell(value: float | None) -> str:
    if value is None:
        return "None"
    if value == 0:
        return "0"
    return f"{value:.9g}".replace("-", "−") if value == value and abs(value) != float("inf") else number(value)


def _program_torchviz(shown: Study) -> None:
    from playground.autograd.classic import program_output

    _torchviz(shown.torchviz, lambda: program_output(parse(shown.running), shown.given))


def _take_switches() -> None:
    _change(torchviz=tuple(name for name in SWITCHES if st.session_state[f"torchviz-{name}"]))


def _torchviz(on: tuple[str, ...], make: Callable[[], tuple[Any, dict[str, Any]]]) -> None:
    """torchviz's picture with its switches; what it cannot draw it says."""
    from playground.autograd.classic import dot_source

    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        for name, (label, help) in SWITCHES.items():
            hold(f"torchviz-{name}", name in on)
            st.toggle(label, key=f"torchviz-{name}", help=help, on_change=_take_switches)
        place = st.empty()
    try:
        source = dot_source(*make(), show_attrs="attrs" in on, show_saved="saved" in on, after_backward="after" in on)
    except ValueError as error:
        if isinstance(error, ExpressionError):
            raise
        st.info(str(error), icon=":material/info:")
        return
    place.download_button("DOT", source, "graph.dot", "text/vnd.graphviz", icon=":material/download:")
    st.graphviz_chart(source, width="content", height=480)
    st.caption(
        "Drawn by `torchviz.make_dot`. Values, gradients, constants and what was detached are not in its picture."
    )


# Network


def network_view(shown: Study) -> None:
    """The network of the Train page: one batch forwards and backwards."""
    from playground.autograd.network import batch_of

    experiment = session.experiment()
    load_torch()
    handle = st.session_state.get(session.HANDLE)
    state = None
    if handle is not None and (handle.snapshot.header.get("step") or 0) > 0:
        try:
            state = handle.state()
        except ValueError:
            state = None  # it comes back later; the weights at step 0 are shown until then
    try:
        batch = batch_of(experiment, shown.batch, state)
    except ValueError as error:
        st.error(f"{error} Mend it on the Train page.", icon=":material/error:")
        return
    words = " → ".join(layer.to_text().split("..")[0].replace(".", " ") for layer in experiment.layers)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        key = "autograd-batch"
        hold(key, shown.batch)
        st.number_input("Samples in the batch", 1, MAX_BATCH, key=key, width=150, on_change=_setting(key, "batch"))
        weights = f"after {batch.step:,} steps" if batch.step else "at step 0"
        st.caption(f"**{experiment.data.entry.title}** · {words} · {experiment.loss.entry.title}. The network of the "
                   f"Train page, its weights {weights}; the first training samples, one backward.")  # fmt: skip
    if shown.drawn == "graph":
        from playground.autograd.graph import picture

        drawn = picture(batch.tape(), by_module=shown.detail == "modules")
        _graph(drawn, "network", f"{experiment.to_query()}{shown.detail}", shown, STAGE + 50)
    else:
        _torchviz(
            shown.torchviz, lambda: (batch.loss(batch.module(batch.inputs)), dict(batch.module.named_parameters()))
        )


# Experiments


def experiments_view(shown: Study) -> None:
    """A few lines of torch, one click each, and what torch answers."""
    left, right = st.columns([30, 70], gap="medium")
    with left, st.container(gap="xsmall"):
        for key, experiment in EXPERIMENTS.items():
            st.button(
                experiment.title,
                key=f"trial-{key}",
                type="primary" if key == shown.trial else "secondary",
                width="stretch",
                icon=":material/error_outline:" if experiment.fails else ":material/check_circle:",
                on_click=_change,
                kwargs={"trial": key},
            )
    with right, st.container(gap="small"):
        chosen = EXPERIMENTS[shown.trial]
        load_torch()
        answer = run(chosen)
        st.code(chosen.code, language="python")
        if answer.lines:
            st.code("\n".join(f"{name} {value}" for name, value in answer.lines), language=None)
        if answer.error:
            st.error(answer.error.replace("[", "\\["), icon=":material/error:")
        st.markdown(chosen.lesson)


PANES: dict[str, Callable[[Study], None]] = {
    "program": program_view,
    "network": network_view,
    "depth": lambda shown: depth_view(shown.depth, load_torch, _change_depth),
    "experiments": experiments_view,
}


def show(shown: Study) -> None:
    """The chosen view."""
    PANES[shown.view](shown)
