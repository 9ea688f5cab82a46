"""What one visitor's session holds: the experiment, the handle of its run, and what went wrong last.

The experiment is the only source of truth. In every run of a page the widgets' values are set from it, and a widget
that shows something else in the next run makes a new experiment; one that cannot be made leaves everything as it was
and says why.
"""

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Literal

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

from playground.engine import Engine, Handle, the_engine
from playground.fit import Finding, findings, fitted
from playground.spec import KNOWN_WORDS, Experiment, needs_reset
from playground.ui import teaching
from playground.ui.address import write_whole
from playground.ui.rerun import chosen, taken_from, undisturbed

EXPERIMENT = "experiment"
HANDLE = "handle"
ADDRESS = "address"
MISTAKE = "mistake"
SHOWN = "shown"
PAGE = "page"
CLICKED = "clicked"
ANSWERING = "answering"
"""Key of the part of a page that is drawn alone after a click on one of its buttons."""
REPLACED = "replaced"
DRAFTING, BEHIND = "drafting", "behind"
GONE = "What you have just changed was removed at the same moment, so nothing else was changed."
LATE_SECONDS = 5.0
"""How late a message of the browser may come; within it, the address before the last one was not typed."""
ASSIGNED, SETTLES = "assigned", 0.5
"""When the page has set which widget, and for how many seconds it goes on to."""
SPEED = "speed"
FIRST_PAGE = 4.0
"""Seconds that the first page gets, at most, before torch is imported beside it; its ticks end them."""

Change = Callable[[Experiment], Experiment]
Make = Callable[[Experiment, Any], Experiment]
"""(the experiment, what a widget was set to) -> the new experiment; ValueError says why there is none."""


def engine() -> Engine:
    """The one engine of this server, started with the first visitor; its hosts leave the cores to the first page."""
    return the_engine(FIRST_PAGE)


@undisturbed()
def experiment(drafting: bool = False) -> Experiment:
    """The visitor's experiment: what the widgets have made of it, or what the address bar says if that was changed.

    An address without any word of an experiment says nothing: so it is after a visit to another page. On a page that
    is `drafting` the run does not follow every change at once, but when it is asked for (`catch_up`) or elsewhere.
    """
    st.session_state[DRAFTING] = drafting
    _leave_other_page()
    if EXPERIMENT not in st.session_state:
        _open_address(_words())
    acted = st.session_state.pop(CLICKED, False)  # before the widgets are looked at: a click may have changed them too
    acted = _take_changes(acted) or acted
    if not acted and _address_was_changed():
        _open_address(_words())
    if not drafting:
        catch_up()
    return st.session_state[EXPERIMENT]


def _leave_other_page() -> None:
    """Forget the widgets of another page. One of the same key here is a new one for Streamlit, which would begin with
    its own plain value and be taken for the visitor's choice; so `show` sets it anew."""
    context = get_script_run_ctx()
    page = context.page_script_hash if context else ""
    if st.session_state.get(PAGE, page) != page:
        for key in st.session_state.pop(SHOWN, {}):
            st.session_state.pop(key, None)
    st.session_state[PAGE] = page


def _address_was_changed() -> bool:
    """Whether the address bar says something else than this page has written there.

    A message of the browser can carry the address from before the last one that was written.
    """
    address, late = _words(), st.session_state.get(REPLACED, ({}, 0.0))
    if not address or address == st.session_state[ADDRESS]:
        return False
    return address != late[0] or time.monotonic() - late[1] > LATE_SECONDS


def _words() -> dict[str, str]:
    """What the address bar says of an experiment; other words belong to others."""
    return {word: text for word, text in st.query_params.to_dict().items() if word in KNOWN_WORDS}


def names_experiment() -> bool:
    """Whether the address bar says which experiment it is."""
    return bool(_words())


def _open_address(address: dict[str, str]) -> None:
    try:
        wanted = Experiment.from_query(address)
        if wanted.data.entry.file:  # only then: what looks for a file needs NumPy
            from playground.data import need_file

            need_file(wanted.data)
    except ValueError as error:
        wanted = Experiment()
        st.session_state[MISTAKE] = f"This link cannot be opened as it is, so here is the default experiment. {error}"
    st.session_state[ADDRESS] = address
    if EXPERIMENT in st.session_state:
        try:
            if not teaching.said():  # a link on a page, such as that of a kept run: what the task fixes stays
                teaching.check(st.session_state[EXPERIMENT], wanted)
            _adopt(wanted)
        except ValueError as error:
            st.session_state[MISTAKE] = str(error)
    else:
        st.session_state[EXPERIMENT] = wanted


@undisturbed()
def write_address() -> None:
    """Make the address bar reproduce what is on screen; the default experiment needs no words."""
    wanted = st.session_state[EXPERIMENT]
    address = {} if wanted == Experiment() else wanted.to_query()
    if address != st.session_state[ADDRESS]:
        st.session_state[REPLACED] = (st.session_state[ADDRESS], time.monotonic())
        st.session_state[ADDRESS] = address
    others = {word: text for word, text in st.query_params.to_dict().items() if word not in KNOWN_WORDS}
    write_whole({**address, **others})  # last: the run can be broken off where it tells the browser


@undisturbed()
def show(key: str, value: Any) -> None:
    """Have the widget `key` show `value`. Only where it shows something else: whatever is assigned goes to the browser,
    and would take back what the visitor is setting just now.

    The widget is to have `value` for its default too. A browser that is still loading the widget's script when the next
    run comes sees that run alone, in which nothing is assigned any more: it would show the widget's own plain value,
    and send it back as the visitor's. For the same reason what is assigned is assigned again for a moment: of two runs
    that follow each other at once, a browser may draw the second alone.
    """
    assigned: dict[str, float] = st.session_state.setdefault(ASSIGNED, {})
    now = time.monotonic()
    if key not in st.session_state:
        assigned[key] = now
    elif (before := st.session_state[key]) != value:
        assigned[key] = now
        taken_from(key, before)
    if now - assigned.get(key, -math.inf) < SETTLES:
        st.session_state[key] = value


def index_of(options: Iterable[Any], value: Any) -> int | None:
    """Where a value stands among the options, for a select box's `index`; None where it does not."""
    return next((place for place, option in enumerate(options) if option == value), None)


def current() -> Experiment:
    """The experiment as it is now, also in the middle of a click."""
    return st.session_state[EXPERIMENT]


@undisturbed()
def handle() -> Handle:
    """The run of this session; opened with the first page, closed when the session is forgotten."""
    if HANDLE not in st.session_state:
        try:
            st.session_state[HANDLE] = engine().open(_trainable(st.session_state[EXPERIMENT]))
        except ValueError as error:  # its file has gone, or is not what the link says of it
            st.session_state[MISTAKE] = f"This experiment cannot be opened, so here is the default one. {error}"
            st.session_state[EXPERIMENT] = Experiment()
            st.session_state[HANDLE] = engine().open(Experiment())
    return st.session_state[HANDLE]


def _trainable(wanted: Experiment) -> Experiment:
    """`wanted`, or something near it that can be trained: a picture is there while the visitor mends the rest."""
    for _ in wanted.layers:
        fatal = next((finding for finding in findings(wanted) if finding.fatal), None)
        if fatal is None:
            return wanted
        if fatal.fix is None:
            break
        wanted = fatal.fix
    return fitted(Experiment.starter(wanted.data.name), wanted.data)


@undisturbed()
def change(make: Change) -> None:
    """Replace the experiment by what `make` makes of it, or keep it and remember the mistake."""
    old = st.session_state[EXPERIMENT]
    try:
        new = make(old)
        teaching.check(old, new)
        _adopt(new)
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)
    except IndexError:
        st.session_state[MISTAKE] = GONE


def _adopt(new: Experiment) -> None:
    """Take over an experiment, the run with it or later."""
    if st.session_state.get(DRAFTING):
        st.session_state[BEHIND] = True
    else:
        _follow(new)
    if new != st.session_state[EXPERIMENT]:
        st.session_state[EXPERIMENT] = new


def _follow(new: Experiment) -> None:
    """The run goes on with the experiment, starts anew, or waits until it fits."""
    run = handle()
    if any(finding.fatal for finding in findings(new)):
        run.pause()
    elif needs_reset(run.experiment, new):
        run.open(new)
    elif run.experiment != new:
        run.update(new)


@undisturbed()
def catch_up() -> None:
    """Have the run follow what was drafted without it."""
    if not st.session_state.pop(BEHIND, False):
        return
    try:
        _follow(st.session_state[EXPERIMENT])
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)


@undisturbed()
def look_back(step: int | None, shown: int | None) -> None:
    """Have the whole page be at the kept moment nearest to a step, with the settings of then; None is now.

    What the task of a link fixes stays: a moment that does not have it is not shown, but the one that is `shown`.
    """
    run, present = handle(), st.session_state[EXPERIMENT]
    try:
        run.look_back(step)
        try:
            teaching.check(present, run.experiment)
        except ValueError:
            run.look_back(shown)
            raise
        st.session_state[EXPERIMENT] = run.experiment
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)


def open_findings() -> list[Finding]:
    """What does not fit in the experiment on screen."""
    return findings(st.session_state[EXPERIMENT])


def on_change(key: str, make: Make) -> Literal["rerun"]:
    """For a widget's `on_change`: what the visitor sets it to makes a new experiment at the beginning of the next run.

    `st.session_state[key]` already holds what the widget shows. No callback takes the change over, because callbacks
    also run in the ticks of the live picture, and those are stopped half-way by a full run: the change would have
    reached the run, and not the page.
    """
    st.session_state[SHOWN][key] = (st.session_state[key], make)
    return "rerun"


def is_tick() -> bool:
    """Whether a part of the page is drawn by the clock, and not the whole page or what answers to its own buttons."""
    context = get_script_run_ctx()
    if context is None or not context.fragment_ids_this_run:
        return False
    return set(context.fragment_ids_this_run).isdisjoint(_answering(context))


def is_part() -> bool:
    """Whether only a part of the page is drawn."""
    context = get_script_run_ctx()
    return context is not None and bool(context.fragment_ids_this_run)


def _answering(context: ScriptRunContext) -> Iterable[str]:
    """The names that Streamlit gives the part `ANSWERING`; none before it was first drawn."""
    with suppress(StreamlitAPIException):
        return context.fragment_storage.resolve_target(ANSWERING)
    return ()


def on_click(action: Callable[..., None]) -> Callable[..., None]:
    """For a button's `on_click`: `action`, once per click.

    A tick of the live picture that leaves the browser between the click and its message carries the click too; the run
    that the click asks for follows, and it is the one that counts.
    """

    @undisturbed()
    def clicked(*args: Any) -> None:
        if not is_tick():
            st.session_state[CLICKED] = not is_part()
            action(*args)

    return clicked


def _take_changes(clicked: bool) -> bool:
    """Make of the experiment what the visitor has set the widgets to since they were drawn; whether there was any."""
    shown: dict[str, tuple[Any, Make]] = st.session_state.setdefault(SHOWN, {})
    for key in [key for key in shown if key not in st.session_state]:
        del shown[key]  # the widget is no longer on the page
    given = {key: st.session_state[key] for key, (value, _) in shown.items() if st.session_state[key] != value}
    changes = chosen(given, clicked)
    for key, wanted in changes.items():
        change(partial(_made, shown[key][1], wanted))
    return bool(changes)


def _made(make: Make, given: Any, old: Experiment) -> Experiment:
    return make(old, given)


def show_mistake(of: str = MISTAKE) -> None:
    """The last input that could not be used, once.

    Its place is there without it, too: a browser makes everything anew that moves in the order of the page's elements,
    and whoever is typing or uploading there would lose it.

    Args:
        of: where the session has the sentence.
    """
    with st.container():
        if mistake := st.session_state.pop(of, ""):
            st.error(mistake, icon=":material/error:")


def show_problems(found: list[Finding]) -> None:
    """The last input that could not be used, once, and what does not fit."""
    show_mistake()
    show_findings(found)


def show_findings(found: list[Finding]) -> None:
    """What does not fit, with the buttons that mend it."""
    with st.container():  # also without any: what follows stays where it is
        for number, finding in enumerate(found):
            with st.container(horizontal=True, vertical_alignment="center", wrap=False, key=f"finding-{number}"):
                (st.error if finding.fatal else st.warning)(finding.message, width="stretch")
                if finding.fix is not None:
                    st.button(
                        finding.cure,
                        key=f"fix-{number}",
                        type="primary" if finding.fatal else "secondary",
                        on_click=on_click(change),
                        args=(_adopting(finding.fix),),
                    )


def _adopting(wanted: Experiment) -> Change:
    return lambda old: wanted
