"""Play, pause, step: the controls of a run, and the fragment that keeps its picture moving."""

import time
from typing import Any

import streamlit as st

from playground.engine import Snapshot
from playground.ui.live import live_view
from playground.ui.points import draw_points, own_points
from playground.ui.runs import keep_button, keep_present
from playground.ui.session import MISTAKE, SPEED, change, engine, handle, is_tick, on_click
from playground.ui.teaching import controls, locked
from playground.ui.where import device_choice

SPEEDS: dict[str, float | None] = {"1 step/s": 1.0, "10 steps/s": 10.0, "100 steps/s": 100.0, "full speed": None}
POLL_SECONDS = 0.09
"""Between two pictures of a playing run; a tick waits for news, so that a crowd's are further apart."""
STREAM_SECONDS = 1.0
"""Between two looks at a run whose pictures come by a stream: the text under them."""
NO_STREAM = "no stream"
"""Set where the browser could not read the stream: pictures come by reruns then."""
WAIT_SECONDS = 0.5
"""Between two looks at a run that starts or comes back."""
REST_SECONDS = 0.02
"""A fragment that ends at once after drawing loses its own frames when it is slower than its timer."""
WAITING = ("starting", "reviving", "waiting")
SAID = "said"
SHOWN_PLAYING = "shown playing"
"""Whether the button says Pause: a run may end by itself while the page is being drawn."""
WHOLE_PAGE = "whole page"
"""Set where something done in the picture concerns the page around it."""
RUNS = "runs"


def player_controls(blocked: bool) -> None:
    """The row of buttons; `blocked` while the experiment cannot be trained."""
    run = handle()
    playing = st.session_state[SHOWN_PLAYING] = run.playing
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
            "Speed", list(SPEEDS), key=SPEED, label_visibility="collapsed", width=125, help="How fast to train.",
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


def live_picture() -> None:
    """The moving picture; it asks for news while the run plays, and not otherwise."""
    run = handle()
    status = run.snapshot.header["status"]
    playing = STREAM_SECONDS if _streaming() else POLL_SECONDS
    interval = WAIT_SECONDS if status in WAITING else playing if st.session_state[SHOWN_PLAYING] else None

    def draw() -> None:
        _draw(interval is not None)

    # A tick of the old timer that comes just after a full run would start a new script runner, and Streamlit drops what
    # it has not yet sent of the run before: the changed widgets. Under a new name, the old ticks are ignored.
    draw.__qualname__ = f"live_picture.{_next_number()}"
    st.fragment(draw, run_every=interval)()


def _next_number() -> int:
    st.session_state[RUNS] = st.session_state.get(RUNS, 0) + 1
    return st.session_state[RUNS]


def _draw(polling: bool) -> None:
    run = handle()
    if polling and is_tick():  # the browser has the page: what has waited for it may start
        engine().start()
    seen = st.session_state.get("seen", -1)
    streaming = run.playing and _streaming()
    if streaming:
        snapshot = run.poll()
        snapshot = snapshot.but(stream=run.token)
    else:
        patience = max(0.5, 1.5 * engine().pace)
        snapshot = run.poll(newer_than=seen if polling else -1, timeout=patience if polling else 0.0)
    st.session_state["seen"] = snapshot.seq
    live_view(snapshot.data, key="live", on_touch=touched)
    st.caption(_said(snapshot), width="stretch")
    status = snapshot.header["status"]
    if st.session_state.pop(WHOLE_PAGE, False):
        st.rerun()
    if polling and not run.playing and status not in WAITING:
        st.rerun()
    if polling:
        time.sleep(REST_SECONDS)


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


def _said(snapshot: Snapshot) -> str:
    """The numbers as plain text: new words at most once a second while the run plays, for those who listen."""
    words, when = st.session_state.get(SAID, ("", 0.0))
    now = time.monotonic()
    if snapshot.header["status"] != "playing" or now - when >= 1 or not words:
        words = status_text(snapshot.header)
        st.session_state[SAID] = (words, now)
    return words


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
