"""Play, pause, step: the controls of a run, its picture, and the fragments that keep both up to date."""

import time
from itertools import count
from typing import Any, NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from playground.ui.health import advice_line
from playground.ui.lessons import LESSON
from playground.ui.live import live_view
from playground.ui.points import draw_points, own_points
from playground.ui.rerun import undisturbed
from playground.ui.runs import NEWS, keep_button, keep_present
from playground.ui.session import (
    ANSWERING,
    MISTAKE,
    SPEED,
    change,
    current,
    engine,
    handle,
    index_of,
    is_part,
    is_tick,
    on_click,
)
from playground.ui.teaching import controls, locked
from playground.ui.ticking import ticking
from playground.ui.where import device_choice

SPEEDS: dict[str, float | None] = {"1 step/s": 1.0, "10 steps/s": 10.0, "100 steps/s": 100.0, "full speed": None}
POLL_SECONDS = 0.09
"""Between two pictures of a playing run without a stream, where a crowd does not ask for more."""
PATIENCE = 0.25
"""How long such a tick waits for news; a click on a button waits for the tick."""
LINE_SECONDS, LINE_PACES = 1.0, 4.0
"""Between two of the texts under the picture: seconds, and pictures of a crowd; it is for those who read or listen."""
NO_STREAM = "no stream"
"""Set where the browser could not read the stream: pictures come by reruns then."""
WAIT_SECONDS = 0.5
"""Between two looks at a run that starts or comes back."""
REST_SECONDS = 0.02
"""A fragment that ends at once after drawing loses its own frames when it is slower than its timer."""
WAITING = ("starting", "reviving", "waiting")
SEEN = "seen"
WHOLE_PAGE = "whole page"
"""Set where something done in the picture concerns the page around it."""
PANELS = ("time", "health", "batch", "code")
"""Keys of the panels that show, while they are open, what the run does."""


class Mode(NamedTuple):
    """What the buttons and the clocks of a page are drawn for; a run may get into another by itself."""

    waiting: bool
    playing: bool


def player(buttons: DeltaGenerator, blocked: bool) -> None:
    """The row of buttons, the picture and the advice; a click on a button draws no more: a class clicks often.

    Args:
        buttons: where the row is to be, above what stands between it and the picture.
        blocked: whether the experiment cannot be trained as it is.
    """

    def draw() -> None:
        if is_part() and (_page_follows() or _said_elsewhere() != said):
            st.rerun()
        mode = _mode()
        with buttons:
            _controls(blocked, mode)
        if st.session_state.get(MISTAKE):
            st.rerun()  # it is said above the picture
        _live_picture(mode)
        advice_line()

    st.fragment(draw, key=ANSWERING)()
    said = _said_elsewhere()


def _page_follows() -> bool:
    """Whether something else on the page shows what the run does."""
    return LESSON in st.query_params or any(st.session_state.get(panel) for panel in PANELS)


def _said_elsewhere() -> tuple[Any, ...]:
    """What a click on one of the buttons may change in the rest of the page and in the address."""
    return current(), st.session_state.get(SPEED), st.session_state.get(MISTAKE), st.session_state.get(NEWS)


def _mode() -> Mode:
    run = handle()
    return Mode(run.snapshot.header["status"] in WAITING, run.playing)


def _controls(blocked: bool, mode: Mode) -> None:
    run, playing = handle(), mode.playing
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="player"):
        st.button(
            "Pause" if playing else "Play",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            key="play",
            type="primary",
            disabled=blocked,
            shortcut="P",
            width=120,
            help="Train, and watch.",
            on_click=on_click(_toggle),
        )
        _command(
            "Step",
            ":material/skip_next:",
            "step",
            "One batch: forward, loss, backward, update.",
            run.step,
            blocked,
            "S",
        )
        _command(
            "Epoch", ":material/fast_forward:", "epoch", "Once through all training points.", run.epoch, blocked, "E"
        )
        _command(
            "Reset", ":material/replay:", "reset", "Back to step 0 with the same weights.", run.reset, blocked, "0"
        )
        _new_weights(blocked)
        keep_button(blocked)
        st.session_state.setdefault(SPEED, "full speed")
        st.selectbox(
            "Speed", list(SPEEDS), index_of(SPEEDS, st.session_state[SPEED]), key=SPEED, label_visibility="collapsed",
            width=125, help="How fast to train.",
        )  # fmt: skip
        if len(engine().devices or ()) > 1:
            device_choice()
    if run.pace != SPEEDS[st.session_state[SPEED]]:
        run.speed(SPEEDS[st.session_state[SPEED]])


@controls("seed")
def _new_weights(blocked: bool) -> None:
    st.button(
        "New weights",
        icon=":material/shuffle:",
        key="new-weights",
        disabled=blocked or locked(),
        help="Back to step 0 with other random weights: the seed goes up by one.",
        on_click=on_click(change),
        args=(lambda old: old.but(seed=old.seed + 1),),
    )


def _command(label: str, icon: str, key: str, help: str, action, blocked: bool, shortcut: str) -> None:
    st.button(label, icon=icon, key=key, help=help, on_click=on_click(action), disabled=blocked, shortcut=shortcut)


def _toggle() -> None:
    run = handle()
    if run.playing:
        run.pause()
    else:
        run.play()


def _live_picture(mode: Mode) -> None:
    """The moving picture, and the line under it, which a crowd gets less often.

    They ask for news while the run plays or waits, and not otherwise; a picture that comes by a stream never asks.
    """
    pace, ticks = engine().pace, count()

    def moving() -> None:
        if is_tick() and next(ticks):  # the second tick: the browser has drawn the page; what has waited may start
            engine().start()
        _draw(patience=PATIENCE)
        _leave(mode)
        time.sleep(REST_SECONDS)

    def streamed() -> None:
        _draw()
        _leave(mode)

    def moving_line() -> None:
        _draw_line()
        _leave(mode)

    if mode.waiting:
        ticking(moving, WAIT_SECONDS)
        _draw_line()
    elif mode.playing:
        ticking(*((streamed, None) if _streaming() else (moving, max(POLL_SECONDS, pace))))
        ticking(moving_line, max(LINE_SECONDS, LINE_PACES * pace))
    else:
        ticking(_draw, None)
        _draw_line()


def _leave(mode: Mode) -> None:
    """Draw the page anew, with other buttons and clocks, if the run is no longer in this mode by itself."""
    if _mode() != mode:
        st.rerun()


def _draw(patience: float = 0.0) -> None:
    run = handle()
    snapshot = run.poll(newer_than=st.session_state.get(SEEN, -1) if patience else -1, timeout=patience)
    st.session_state[SEEN] = snapshot.seq
    if run.playing and _streaming():
        snapshot = snapshot.but(stream=run.token)
    live_view(snapshot.data, key="live", on_touch=touched)
    if st.session_state.pop(WHOLE_PAGE, False):
        st.rerun()


def _draw_line() -> None:
    st.caption(status_text(handle().poll().header), width="stretch")


@undisturbed()
def touched(messages: list[dict[str, Any]]) -> None:
    """Carry out what was done in the picture; what cannot be done is said on the page."""
    for message in messages:
        try:
            _obey(message)
        except ValueError as error:
            st.session_state[MISTAKE] = str(error)
            st.session_state[WHOLE_PAGE] = True


def _obey(message: dict[str, Any]) -> None:
    """One message of the view, whose every word is checked: it may come from anywhere.

    Raises:
        ValueError: one sentence.
    """
    run = handle()
    match message:
        case {"what": "weight", "column": int(column), "unit": int(unit), "input": int(input), "value": value}:
            run.set_weight(column, unit, input, _number(value))
        case {"what": "bias", "column": int(column), "unit": int(unit), "value": value}:
            run.set_bias(column, unit, _number(value))
        case {"what": "trace", "place": None}:
            run.trace(None)
        case {"what": "trace", "place": [x, y]}:
            run.trace((_number(x), _number(y)))
        case {"what": "pin"}:
            if run.snapshot.header["step"]:
                keep_present()
                st.session_state[WHOLE_PAGE] = True
        case {"what": "stood still"}:
            pass  # the stream has ended with its run: this rerun shows it
        case {"what": "no stream"}:
            st.session_state[NO_STREAM] = st.session_state[WHOLE_PAGE] = True
        case {"what": "edit points"}:
            change(own_points)
            st.session_state[WHOLE_PAGE] = True
        case {"what": "points", "points": str(text)}:
            change(lambda old: draw_points(old, text))
            st.session_state[WHOLE_PAGE] = True
        case _:
            raise ValueError("The picture sent something that this page does not know; reload the page.")


def _streaming() -> bool:
    """Whether pictures come by a stream, and the page asks for the words under them alone."""
    return engine().streaming and not st.session_state.get(NO_STREAM)


def _number(value: Any) -> float:
    """A finite number from the browser.

    Raises:
        ValueError: it is none; one sentence.
    """
    if isinstance(value, int | float) and abs(value) < 1e300:
        return float(value)
    raise ValueError(f"The picture sent {str(value)[:40]!r} where a number belongs; type a number such as 0.5.")


def status_text(header: dict) -> str:
    """One line: where the run is, how well it does, and on which device."""
    parts = [f"epoch {header.get('epoch') or 0:,.1f}", f"step {header.get('step') or 0:,}"]
    for split, title in (("train", "training"), ("val", "validation")):
        scores = header.get(split) or {}
        if scores.get("loss") is not None:
            parts.append(f"{title} loss {scores['loss']:.4f}")
        if scores.get("accuracy") is not None:
            parts.append(f"{title} accuracy {100 * scores['accuracy']:.1f} %")
        elif scores.get("r2") is not None:
            parts.append(f"{title} R² {scores['r2']:.3f}")
    if (header.get("scored") or 0) < (header.get("step") or 0) and header.get("train"):
        parts.append(f"as of step {header.get('scored') or 0:,}")
    if header.get("lr") is not None:
        parts.append(f"learning rate {header['lr']:g}")
    if header.get("steps_per_second"):
        parts.append(f"{header['steps_per_second']:,.0f} steps/s")
    if header.get("device"):
        parts.append(header["device"])
    return " · ".join([*parts, *([header["message"]] if header.get("message") else [])])
