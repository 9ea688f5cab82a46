"""The views of the page 'NumPy vs PyTorch'."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import streamlit as st

from playground.catalog import LAYERS, LOSSES, OPTIMIZERS
from playground.parity.presets import PRESETS
from playground.parity.spec import NUMBERS, TRAIN_PAGE, VIEWS, ParitySpec, part_from_text
from playground.spec import LayerSpec, OptimizerSpec
from playground.ui import parity_html as html
from playground.ui import session
from playground.ui.controls import param_control, part_params
from playground.ui.parity_state import Slot, change, client, on_change, on_click, put, show

Draw = Callable[[Slot, dict[str, Any]], None]
_STYLE = Path(__file__).resolve().parents[2] / "assets" / "parity.css"
POLL_SECONDS = 1.0
"""Between two looks at a job: Plotly draws no more often than once a second."""
WHY = (
    "On the small networks a bare training step is some ten times faster in NumPy; a whole run, with its batches, "
    "evaluations and curves, about five times. Not because its arithmetic is faster: a step of "
    "2-8-8-1 on ten samples takes a compiled loop less than a microsecond. 99 % of PyTorch's eager step on a tiny "
    "net is dispatch: choosing a kernel, recording the graph, walking it back, about 130 operations per step. "
    "That price is paid per operation, not per number, so it fades as batches and layers grow, and an accelerator "
    "cannot be had without it."
)


def style() -> None:
    """How grids and marked code look."""
    st.html(_STYLE)


def header(question: ParitySpec) -> None:
    """Which view, and the dtype of both sides."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small"):
        show("parity-show", question.show)
        st.segmented_control(
            "View",
            list(VIEWS),
            format_func=lambda name: VIEWS[name],
            key="parity-show",
            label_visibility="collapsed",
            required=True,
            on_change=on_change("parity-show", put("show")),
        )
        if question.show != "speed":
            show("parity-dtype", question.dtype)
            st.segmented_control(
                "Number type",
                ["float64", "float32"],
                key="parity-dtype",
                label_visibility="collapsed",
                required=True,
                help="float64 rounds in the 16th digit, float32 in the 7th: so far may both sides be apart.",
                on_change=on_change("parity-dtype", put("dtype")),
            )


def _numbers(question: ParitySpec, *names: str) -> None:
    for name in names:
        param_control(NUMBERS[name], getattr(question, name), f"parity-{name}", put(name), on=on_change)


def _dark() -> bool:
    return st.context.theme.type == "dark"


def _compute(what: str, **fields: Any) -> dict[str, Any] | None:
    """An answer of the worker, or the sentence why there is none."""
    try:
        if client().started:
            return client().compute(what, **fields)
        with st.spinner("Starting PyTorch in a process of its own …"):
            return client().compute(what, **fields)
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return None


def badge(relative: float | None, tolerance: float, where: str = "") -> None:
    """The verdict in one line: green only below the tolerance. None: not finite on one side."""
    same = relative is not None and relative <= tolerance
    size = "not finite" if relative is None else f"{relative:.1e}"
    said = "no difference at all" if relative == 0 else f"largest relative difference {size}"
    place = f" at {where}" if where and relative else ""
    st.badge(
        f"{said}{place} · tolerance {tolerance:.0e}",
        icon=":material/check_circle:" if same else ":material/error:",
        color="green" if same else "red",
    )


# -- one layer ------------------------------------------------------------------------------------------------------


def layer_view(question: ParitySpec) -> None:
    """Forward, backward and finite differences of one layer or loss, as numbers, with the code of both sides."""
    part = question.part
    left, right = st.columns([20, 80], gap="small")
    with left, st.container(border=True, gap="xsmall", key="parity-panel"):
        show("parity-part", part.name)
        st.selectbox(
            "Layer or loss",
            [name for name, entry in (*LAYERS.items(), *LOSSES.items()) if entry.twin],
            key="parity-part",
            help=part.entry.summary,
            on_change=on_change("parity-part", lambda old, name: old.but(part=_first(name))),
        )
        st.caption(f"${part.entry.formula}$")
        part_params(part, f"parity-{part.name}", lambda old, changed: old.but(part=changed), on=on_change)
        _numbers(question, "rows", "columns")
        _redraw(question)
    with right:
        result = _compute(
            "layer",
            name=part.name,
            args=dict(part.args),
            rows=question.rows,
            columns=question.columns,
            seed=question.draw,
            dtype=question.dtype,
        )
        if result is None:
            return
        badge(result["relative"], result["tolerance"], result["where"])
        st.html(html.comparison(result, _dark()))
    _layer_code(question, result)


def _first(name: str) -> Any:
    """The layer or loss as it is shown first: few units, so that all numbers fit."""
    part = part_from_text(name)
    size = part.entry.size if isinstance(part, LayerSpec) else ""
    return part.set(**{size: 3}) if size else part


def _redraw(question: ParitySpec) -> None:
    def another(old: ParitySpec) -> ParitySpec:
        return old.but(draw=(old.draw + 1) % 10_000)

    st.button(
        "Other numbers",
        icon=":material/casino:",
        key="parity-another",
        help=f"Draw other inputs, weights and gradients (now seed {question.draw}).",
        on_click=on_click(change),
        args=(another,),
        width="stretch",
    )


def _layer_code(question: ParitySpec, result: dict[str, Any]) -> None:
    left, right = st.columns([62, 38], gap="small")
    with left:
        st.markdown("**NumPy: the real source of `playground.scratch`**")
        st.caption("① makes the output · ② makes the gradients of the weights · ③ makes the gradient of the input")
        with st.container(height=340, border=False):
            st.html(html.code(result["numpy_code"], "NumPy source of forward and backward"))
        with st.expander("The rule, derived"):
            st.code(result["rule"], language=None, wrap_lines=True)
    with right:
        st.markdown("**PyTorch: the lines that replace it**")
        st.caption("The same numbers, by the signs of the lines.")
        st.html(html.code(result["torch_code"], "PyTorch lines"))
        st.markdown("**Third witness: (L(w+h) - L(w-h)) / 2h**")
        from playground.figures.parity import error_curve  # brings Plotly along, which other views do not need

        st.plotly_chart(
            error_curve(result["step_sizes"], result["errors"], result["best_step"]),
            key="parity-errors",
            config={"displayModeBar": False},
        )
        st.caption(
            "Large steps miss the curvature, small ones drown in rounding: neither reaches the backward's accuracy. "
            "At a kink (ReLU at 0) a step that jumps over it is wrong whatever its size."
        )


# -- one optimizer step ---------------------------------------------------------------------------------------------


def step_view(question: ParitySpec) -> None:
    """Weight, gradient and state before and after one step of an optimizer, and its rule in numbers."""
    rule = question.rule
    left, right = st.columns([20, 80], gap="small")
    with left, st.container(border=True, gap="xsmall", key="parity-panel"):
        show("parity-rule", rule.name)
        st.selectbox(
            "Optimizer",
            list(OPTIMIZERS),
            key="parity-rule",
            help=rule.entry.summary,
            on_change=on_change("parity-rule", lambda old, name: old.but(rule=OptimizerSpec(name=name))),
        )
        _numbers(question, "step")
        _redraw(question)
        with st.expander("Settings"):
            part_params(rule, f"parity-{rule.name}", lambda old, changed: old.but(rule=changed), on=on_change)
    with right:
        result = _compute(
            "step", name=rule.name, args=dict(rule.args), step=question.step, seed=question.draw, dtype=question.dtype
        )
        if result is None:
            return
        badge(result["relative"], result["tolerance"], result["where"])
        if result["note"]:
            st.caption(result["note"])
        st.html(html.step_comparison(result, _dark()))
    left, right = st.columns([66, 34], gap="small")
    with left:
        st.markdown(f"**The rule with the numbers of the first weight, step {question.step}**")
        st.caption(
            f"${rule.entry.formula}$ · left the real lines of `playground.scratch.{rule.name}`, right what they compute"
        )
        st.html(html.filled_lines(result["lines"]))
    with right:
        st.markdown("**PyTorch: the lines that replace it**")
        st.code("\n".join(result["torch_code"]), language="python", wrap_lines=True)


# -- whole training -------------------------------------------------------------------------------------------------


def training_view(question: ParitySpec) -> None:
    """One experiment trained by both sides in lockstep."""
    slot = Slot.of("lockstep")
    titles = {name: preset.title for name, preset in PRESETS.items()} | {TRAIN_PAGE: "The network of the Train page"}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width=290):
            show("parity-preset", question.preset)
            st.selectbox(
                "Train",
                list(titles),
                format_func=lambda name: titles[name],
                key="parity-preset",
                on_change=on_change("parity-preset", lambda old, name: old.but(preset=name, passes=0)),
            )
        with st.container(width=150):
            show("parity-passes", question.epochs)
            st.number_input(
                "Epochs", 1, int(NUMBERS["passes"].high or 1), key="parity-passes", help="Passes over the data.",
                on_change=on_change("parity-passes", put("passes")),
            )  # fmt: skip
        own = question.preset == TRAIN_PAGE
        experiment = session.experiment() if own else PRESETS[question.preset].experiment
        begun = _begun(
            slot,
            preset="" if own else question.preset,
            query=experiment.query_string() if own else "",
            dtype=question.dtype,
            epochs=question.epochs,
        )
        if begun:
            _stop_or("Again", slot)
    st.caption(_summary(question))
    if begun:
        _follow(slot, _training_picture)


def _summary(question: ParitySpec) -> str:
    if question.preset == TRAIN_PAGE:
        return "Same weights, same batches, compared after every step. Change the network on the Train page."
    return f"{PRESETS[question.preset].summary} Same weights, same batches, compared after every step."


def _begun(slot: Slot, **fields: Any) -> bool:
    """Whether the job for these fields is under way or done; if not, the sentence why is on the page."""
    try:
        with st.spinner("Starting PyTorch in a process of its own …") if not client().started else nullcontext():
            slot.want(**fields)
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return False
    return True


def _stop_or(label: str, slot: Slot, of: str = "") -> None:
    """The button that ends the job, or begins it anew; `of` tells it from the one of another job on the page."""
    if slot.running:
        st.button("Stop", icon=":material/stop:", key=f"parity-stop{of}", on_click=on_click(slot.stop))
    else:
        st.button(label, icon=":material/replay:", key=f"parity-again{of}", on_click=on_click(slot.again))


def _follow(slot: Slot, draw: Draw) -> None:
    """Draws the job's reports, once a second while it runs."""
    st.fragment(_draw_job, run_every=POLL_SECONDS if slot.running else None)(slot, draw)


def _draw_job(slot: Slot, draw: Draw) -> None:
    running = slot.running
    try:
        report = slot.poll()
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return
    if report is None:
        st.progress(0.0, text="Beginning …")
        return
    if report["failed"]:
        st.error(report["failed"], icon=":material/error:")
    draw(slot, report)
    if running and not slot.running:
        st.rerun()


def _training_picture(slot: Slot, report: dict[str, Any]) -> None:
    from playground.figures import parity as figures

    ours, theirs = report["milliseconds"]
    times = f"{ours:.3g} ms NumPy, {theirs:.3g} ms PyTorch per step" if ours and theirs else ""
    ended = "" if slot.running else " · stopped" if slot.stopped else ""
    st.progress(
        min(1.0, report["fraction"]),
        text=f"step {report['step']:,} of {report['steps']:,} · epoch {report['epoch']:,.1f} · {times}{ended}",
    )
    if report["columns"]["step"]:
        badge(report["largest"], report["tolerance"], report["where"])
    for sentence in (report["note"], report["status"]):
        if sentence:
            st.caption(sentence)
    left, right = st.columns(2, gap="small")
    bare = {"displayModeBar": False}
    with left:
        st.plotly_chart(figures.loss_curves(report["columns"]), key="parity-losses", config=bare)
    with right:
        st.plotly_chart(figures.gap_curves(report["columns"], report["tolerance"]), key="parity-gaps", config=bare)
    if report["scores"]:
        _predictions(report)


def _predictions(report: dict[str, Any]) -> None:
    """What both say of the data in the end."""
    from playground.figures import parity as figures

    surface = report["surface"]
    columns = st.columns([40, 30, 30] if surface else [60, 40], gap="small")
    with columns[0]:
        st.markdown(f"**Predictions on the {report['split']} data**")
        (our_loss, our_accuracy), (their_loss, their_accuracy) = report["scores"]
        said = f"loss {_text(our_loss)} NumPy, {_text(their_loss)} PyTorch"
        if our_accuracy is not None and their_accuracy is not None:
            said += f" · accuracy {100 * our_accuracy:.2f} % and {100 * their_accuracy:.2f} %"
        st.caption(said)
        of_many = any(shown for _, shown, _, _ in report["samples"])  # the largest of several outputs
        st.dataframe(
            [
                {
                    "true": true,
                    **({"predicted": shown} if of_many else {}),
                    "NumPy": f"{_text(a)}",
                    "PyTorch": f"{_text(b)}",
                    "difference": "nan" if a is None or b is None else f"{abs(a - b):.1e}",
                }
                for true, shown, a, b in report["samples"]
            ],
            hide_index=True,
            height=182,
        )
    for column, side, title in zip(columns[1:], ("numpy", "torch"), ("NumPy", "PyTorch"), strict=False):
        if not surface:
            break
        with column:
            st.markdown(f"**{title}**")
            st.plotly_chart(
                figures.surface(surface["axis"], surface[side], surface["points"], surface["probability"]),
                key=f"parity-surface-{side}",
                config={"displayModeBar": False},
            )
    if not surface:
        with columns[1]:
            st.caption(WHY)


def _text(value: float | None) -> str:
    return "nan" if value is None else f"{value:.10g}"


# -- speed ----------------------------------------------------------------------------------------------------------


def speed_view(question: ParitySpec) -> None:
    """Seconds per training step against batch size and width, and the aspect table with this machine's numbers."""
    table, slot = Slot.of("aspects"), Slot.of("speed")
    left, right = st.columns([54, 46], gap="small")
    with right:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown("**NumPy and PyTorch, aspect by aspect, measured here**")
            begun = _begun(table)
            if begun:
                _stop_or("Again", table, "-aspects")
        if begun:
            _follow(table, _aspect_table)
        st.caption(WHY)
    with left:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            for name in ("width", "batch"):
                with st.container(width=150):
                    _numbers(question, name)
            begun = _begun(slot, width=question.width, batch=question.batch)
            if begun:
                _stop_or("Measure again", slot)
        if begun:
            _follow(slot, _speed_picture)


def _aspect_table(slot: Slot, report: dict[str, Any]) -> None:
    if slot.running:
        st.progress(min(1.0, report["fraction"]), text="Measuring …")
    st.table(
        [
            {
                "": f"**{row['aspect']}**",
                "NumPy": f"`{row['numpy']}`  \n{row['numpy_measured']}",
                "PyTorch": f"`{row['torch']}`  \n{row['torch_measured']}",
            }
            for row in report["rows"]
        ]
    )


def _speed_picture(slot: Slot, report: dict[str, Any]) -> None:
    from playground.figures.parity import speed_lines

    said = "Measuring …" if slot.running else "Stopped." if slot.stopped else "Measured."
    st.progress(min(1.0, report["fraction"]), text=said)
    fixed = {"batch": f"width {report['width']}", "width": f"batches of {report['batch']}"}
    for along, axis in (("batch", "batch size"), ("width", "width")):
        sides = report["lines"][along]
        if not sides:
            continue
        st.caption(f"**2-w-w-1 with {fixed[along]}.** {crossing_words(report['crossings'][along], sides, axis)}")
        st.plotly_chart(speed_lines(sides, axis), key=f"parity-speed-{along}", config={"displayModeBar": False})


def crossing_words(crossings: dict[str, float | None], sides: dict[str, Any], axis: str) -> str:
    """Where the lines cross, as sentences."""
    said = []
    for side, place in crossings.items():
        ours, theirs = sides["NumPy"], sides[side]
        count = min(len(ours["x"]), len(theirs["x"]))
        ratios = [theirs["seconds"][i] / ours["seconds"][i] for i in range(count)]
        first, last = ours["x"][0], ours["x"][count - 1]
        ends = f"{_times(ratios[0])} at {axis} {first:,}, {_times(ratios[-1])} at {last:,}"
        if place is None:
            said.append(f"NumPy and {side} do not cross up to {axis} {last:,}: NumPy is {ends}.")
        else:
            said.append(f"{side} overtakes NumPy near {axis} {place:,.0f}: NumPy is {ends}.")
    return " ".join(said)


def _times(ratio: float) -> str:
    return f"{ratio:.1f}x as fast" if ratio >= 1 else f"{1 / ratio:.1f}x as slow"
