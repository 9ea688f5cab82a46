"""The Optimizers page, part by part: the racer table, the race, its code and data."""

import math
from typing import Any

import streamlit as st

from playground.catalog import OPTIMIZERS, SCHEDULERS
from playground.catalog.base import Param
from playground.engine.snapshot import read_header
from playground.landscapes.functions import LANDSCAPES
from playground.landscapes.racing import CANNOT_RACE
from playground.landscapes.spec import CLIP, EXPRESSION, LR, STEPS, TOLERANCE, RacerSpec, RaceSpec
from playground.limits import LIMITS
from playground.parts import Args
from playground.spec import SchedulerSpec
from playground.ui import optimizers_state as state
from playground.ui.controls import param_control, part_params
from playground.ui.optimizers_view import COLOURS, SHAPES, race_code, race_view

NO_SCHEDULE = "constant"
RATES = (*(float(f"{digit}e{power}") for power in range(-5, 1) for digit in (1, 1.5, 2, 3, 5, 7)), 10.0)
FIRST_EXPRESSION = "(x**2 + y - 3)**2 + 5*sin(2*x)*sin(y)"
VIEW = "race-view"
ROWS = """<style>
@media (max-width: 640px) { .stColumn:has(> div .st-key-race-panel) { order: 2 } }
.st-key-racers { max-height: 23rem; overflow: hidden auto; scrollbar-width: thin }
[class*="st-key-racer-"][class*="-lr"] { padding: 0.4rem 0.5rem 0 }
[class*="st-key-racer-"] > [data-testid="stElementContainer"] .stCaptionContainer { margin: -0.4rem 0 0.2rem 1.4rem }
</style>"""
"""What keeps eight racers in sight: no theme option reaches it."""


def course_panel(spec: RaceSpec) -> None:
    """Where to race, from which point, for how long."""
    place = spec.place
    state.show("landscape", spec.landscape)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall", wrap=False):
        st.selectbox(
            "Landscape",
            [*LANDSCAPES, EXPRESSION],
            format_func=lambda key: LANDSCAPES[key].label if key in LANDSCAPES else "Type your own …",
            key="landscape",
            help=f"{place.summary} {f'${place.formula}$' if place.formula else ''} Source: {place.source}.",
            on_change=state.on_change("landscape", _choose_landscape),
        )
        with st.popover("", icon=":material/tune:", key="course-more", help="How racers are compared."):
            _comparing(spec)
    if spec.landscape == EXPRESSION:
        state.show("expression", spec.expression)
        st.text_input(
            "f(x, y) =",
            key="expression",
            help="Arithmetic in x and y with sin, cos, tan, tanh, exp, log, sqrt, abs, relu, sigmoid, softplus, "
            "max, min.",
            on_change=state.on_change("expression", lambda old, text: old.on(EXPRESSION, text)),
        )
    if place.params:
        with st.container(horizontal=True, gap="xsmall", wrap=False):
            for param in place.params:

                def set_argument(old: RaceSpec, value: Any, name: str = param.name) -> RaceSpec:
                    return old.but(args=Args({**old.args, name: value}))

                param_control(param, spec.args[param.name], f"place-{param.name}", set_argument, on=state.on_change)
    with st.container(horizontal=True, gap="xsmall", wrap=False):
        _start_input(spec, 0)
        _start_input(spec, 1)
        param_control(STEPS, spec.steps, "steps", lambda old, value: old.but(steps=value), on=state.on_change)


def _choose_landscape(old: RaceSpec, key: str) -> RaceSpec:
    return old.on(key, FIRST_EXPRESSION if key == EXPRESSION else "")


def _start_input(spec: RaceSpec, axis: int) -> None:
    (low, high), key = spec.place.domain[axis], f"start-{'xy'[axis]}"
    state.show(key, float(spec.begin[axis]))

    def set_start(old: RaceSpec, value: float) -> RaceSpec:
        point = list(old.begin)
        point[axis] = value
        return old.but(start=tuple(point))

    st.number_input(
        f"start {'xy'[axis]}",
        key=key,
        step=float(f"{(high - low) / 20:.1g}"),
        format="%g",
        help="Or click on the map, drag the start, or move it with the arrow keys.",
        on_change=state.on_change(key, set_start),
    )


def _comparing(spec: RaceSpec) -> None:
    state.show("budget", spec.budget)
    st.segmented_control(
        "Fair budget",
        ["steps", "gradients"],
        key="budget",
        required=True,
        help="LBFGS asks for up to 20 gradients in one step. By gradients, everybody may ask equally often.",
        on_change=state.on_change("budget", lambda old, value: old.but(budget=value)),
    )
    param_control(
        TOLERANCE, spec.tolerance, "tolerance", lambda old, value: old.but(tolerance=value), on=state.on_change
    )


def racer_table(spec: RaceSpec) -> None:
    """One row per racer, in the colour of its trail."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", horizontal_alignment="distribute"):
        st.menu_button(
            "Add",
            list(OPTIMIZERS),
            icon=":material/add:",
            key="add-racer",
            help=f"Any class of torch.optim that can step a point. {_cannot()}",
            disabled=len(spec.racers) >= LIMITS.max_racers,
            on_click=state.on_click(
                lambda: state.change(lambda old: _with(old, RacerSpec.of_class(st.session_state["add-racer"])))
            ),
        )
        state.show("same-rate", spec.shared_lr is not None)
        st.toggle(
            "Same learning rate",
            key="same-rate",
            help="Everybody races with one rate, and each keeps its own for later. Rates of different optimizers do "
            "not mean the same: 0.01 is small for Adam and throws SGD out of the valley. So this compares less than "
            "it seems.",
            on_change=state.on_change("same-rate", lambda old, on: old.but(shared_lr=0.001 if on else None)),
        )
    if spec.shared_lr is not None:
        _rate_slider("One rate for all", spec.shared_lr, "shared-rate", lambda old, lr: old.but(shared_lr=lr))
    st.html(ROWS)
    with st.container(gap=None, key="racers"):
        for index, racer in enumerate(spec.racers):
            with st.container(gap=None, key=f"racer-{index}"):
                _racer_row(spec, index, racer)


def _cannot() -> str:
    return "Not here: " + "; ".join(f"{name}, since {why}" for name, why in CANNOT_RACE.items()) + "."


def _with(old: RaceSpec, racer: RacerSpec) -> RaceSpec:
    return old.but(racers=(*old.racers, racer))


def _racer_row(spec: RaceSpec, index: int, racer: RacerSpec) -> None:
    optimizer, key = racer.optimizer, f"racer-{index}-class"
    state.show(key, optimizer.name)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", wrap=False):
        mark = f'<span style="color:{COLOURS[index % 12]};font-size:1.1rem">{SHAPES[index % 6]}</span>'
        st.html(mark, width="content")
        st.selectbox(
            f"Optimizer {index + 1}",
            list(OPTIMIZERS),
            key=key,
            label_visibility="collapsed",
            width=112,
            on_change=state.on_change(key, lambda old, name: old.with_racer(index, RacerSpec.of_class(name))),
        )
        _rate_slider(
            f"Learning rate of racer {index + 1}",
            optimizer["lr"],
            f"racer-{index}-lr",
            lambda old, lr: old.with_racer(
                index, old.racers[index].but(optimizer=old.racers[index].optimizer.set(lr=lr))
            ),
            disabled=spec.shared_lr is not None,
        )
        with st.popover("", icon=":material/tune:", type="tertiary", key=f"racer-{index}-more", help="Everything else"):
            _racer_options(spec, index, racer)
    if extras := _extras(racer):
        st.caption(extras)


def _extras(racer: RacerSpec) -> str:
    """What a racer has beside its rate, in a few words."""
    label = racer.racer().label
    return label.partition(", ")[2]


def _rate_slider(label: str, value: float, key: str, make: Any, disabled: bool = False) -> None:
    """A slider over powers of ten; a rate between its marks gets a mark of its own."""
    state.show(key, value)
    st.select_slider(
        label,
        sorted({*RATES, value}),
        format_func=lambda rate: f"{rate:g}",
        key=key,
        label_visibility="visible" if key == "shared-rate" else "collapsed",
        disabled=disabled,
        on_change=state.on_change(key, make),
    )


def _racer_options(spec: RaceSpec, index: int, racer: RacerSpec) -> None:
    entry, key = racer.optimizer.entry, f"racer-{index}"

    def put(old: RaceSpec, new: RacerSpec) -> RaceSpec:
        return old.with_racer(index, new)

    st.markdown(f"**{entry.name}** · ${entry.formula}$")
    st.caption(f"{entry.summary} [Manual]({entry.doc})")
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            "Duplicate",
            icon=":material/content_copy:",
            key=f"{key}-duplicate",
            disabled=len(spec.racers) >= LIMITS.max_racers,
            on_click=state.on_click(state.change),
            args=(lambda old: old.but(racers=(*old.racers[: index + 1], *old.racers[index:])),),
        )
        st.button(
            "Remove",
            icon=":material/delete:",
            key=f"{key}-remove",
            disabled=len(spec.racers) == 1,
            on_click=state.on_click(state.change),
            args=(lambda old: old.but(racers=(*old.racers[:index], *old.racers[index + 1 :])),),
        )
    own = Param("lr", "float", LR.default, LR.low, LR.high, LR.help, scale="log", label="learning rate, any number")
    part = racer.optimizer
    param_control(
        own,
        part["lr"],
        f"{key}-any-lr",
        lambda old, lr: put(old, racer.but(optimizer=part.set(lr=lr))),
        on=state.on_change,
    )
    part_params(
        part,
        f"{key}-arg",
        lambda old, new: put(old, racer.but(optimizer=new)),
        skip=("lr",),
        on=state.on_change,
    )
    schedule = racer.scheduler.name if racer.scheduler else NO_SCHEDULE
    state.show(f"{key}-schedule", schedule)
    st.selectbox(
        "Schedule, one move per step",
        [NO_SCHEDULE, *SCHEDULERS],
        key=f"{key}-schedule",
        help=SCHEDULERS[schedule].summary if schedule in SCHEDULERS else "The learning rate stays as it is.",
        on_change=state.on_change(f"{key}-schedule", lambda old, name: put(old, _scheduled(racer, name))),
    )
    if racer.scheduler:
        part_params(
            racer.scheduler,
            f"{key}-sched",
            lambda old, new: put(old, racer.but(scheduler=new)),
            on=state.on_change,
        )
    param_control(CLIP, racer.clip, f"{key}-clip", lambda old, clip: put(old, racer.but(clip=clip)), on=state.on_change)


def _scheduled(racer: RacerSpec, name: str) -> RacerSpec:
    return racer.but(scheduler=None if name == NO_SCHEDULE else SchedulerSpec(name=name))


def race_picture() -> None:
    """The race; while it is under way the page looks again until it is there."""
    race_code()
    job = state.race_job()
    if job.wait(state.QUICK):
        with st.container():  # a fragment has one around it: the view keeps its place, and is not made anew
            _draw_race(polling=False)
    else:
        st.fragment(_draw_race, run_every=0.25)(polling=True)


def _draw_race(polling: bool) -> None:
    from playground.landscapes.picture import surface_picture  # NumPy, which the router does not need

    job, spec = state.race_job(), state.race()
    race_view(job.body if job.ok else surface_picture(spec), key=VIEW, on_start=_start_chosen)
    if polling and job.done:
        st.rerun()  # after the picture: what a run has not drawn is taken away
    if job.error:
        st.error(job.error, icon=":material/error:")
    elif polling:
        st.caption(f"The racers are on their way: {100 * job.progress:.0f} %. The first race waits for torch.")
    else:
        st.caption(" ".join(notes(spec, read_header(job.body)["racers"])))


def _start_chosen() -> None:
    chosen = st.session_state[VIEW]["start"]
    if chosen is not None:
        state.change(lambda old: old.but(start=tuple(float(number) for number in chosen)))


def notes(spec: RaceSpec, scores: list[dict[str, Any]]) -> list[str]:
    """What the picture may not say by itself: who diverged and why, and what stands against a fair comparison."""
    said = []
    limit = spec.place.largest_stable_lr()
    for score in scores:
        if score["diverged_at"] is not None:
            said.append(f":red[**{score['label']}** diverged at step {score['diverged_at']}: {score['diverged']}.]")
    if limit is not None:
        above = [score["lr"] for score in scores if score["plain"] and score["lr"] > limit]
        said.append(
            f"Plain gradient descent stays at the minimum up to a rate of {_rate(limit)} (2 / largest Hessian "
            f"eigenvalue there, {2 / limit:,.1f}){'; above it, it is thrown out' if above else ''}."
        )
    elif not spec.place.minima:
        said.append("There is no minimum in this picture: nobody can arrive.")
    if spec.shared_lr is not None:
        said.append("One rate for all: it means another step length to each of them.")
    if spec.budget == "steps" and any(racer.optimizer.entry.closure for racer in spec.racers):
        said.append("One step of LBFGS is up to max_iter gradients; for a fair budget compare by gradients.")
    return said


def _rate(value: float) -> str:
    """Two digits that are worth reading: 0.0020."""
    if value < 1e-4 or value >= 1e4:
        return f"{value:.1e}"
    return f"{value:.{max(0, 1 - math.floor(math.log10(value)))}f}"
