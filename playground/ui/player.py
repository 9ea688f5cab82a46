"""Play, pause, step: the controls of a run, and the fragment that keeps its picture moving."""

import time

import streamlit as st

from playground.engine import Snapshot
from playground.ui.live import live_code, live_view
from playground.ui.session import SPEED, change, handle

SPEEDS: dict[str, float | None] = {"1 step/s": 1.0, "10 steps/s": 10.0, "100 steps/s": 100.0, "full speed": None}
POLL_SECONDS = 0.08
"""Between two pictures of a playing run."""
WAIT_SECONDS = 0.25
"""Between two looks at a run that starts or comes back."""
REST_SECONDS = 0.02
"""A fragment that ends at once after drawing loses its own frames when it is slower than its timer."""
WAITING = ("starting", "reviving")
SAID = "said"


def player_controls(blocked: bool) -> None:
    """The row of buttons; `blocked` while the experiment cannot be trained."""
    run = handle()
    playing = run.playing
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
            on_click=_toggle,
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
        st.button(
            "New weights",
            icon=":material/shuffle:",
            key="new-weights",
            disabled=blocked,
            help="Back to step 0 with other random weights: the seed goes up by one.",
            on_click=change,
            args=(lambda old: old.but(seed=old.seed + 1),),
        )
        st.session_state.setdefault(SPEED, "full speed")
        st.selectbox(
            "Speed", list(SPEEDS), key=SPEED, label_visibility="collapsed", width=140, help="How fast to train.",
            on_change=lambda: handle().speed(SPEEDS[st.session_state[SPEED]]),
        )  # fmt: skip


def _command(label: str, icon: str, key: str, help: str, action, blocked: bool, shortcut: str) -> None:
    st.button(label, icon=icon, key=key, help=help, on_click=action, disabled=blocked, shortcut=shortcut)


def _toggle() -> None:
    run = handle()
    if run.playing:
        run.pause()
    else:
        run.play()


def live_picture() -> None:
    """The moving picture; it asks for news while the run plays, and not otherwise."""
    run = handle()
    live_code()
    status = run.snapshot.header["status"]
    interval = POLL_SECONDS if run.playing else WAIT_SECONDS if status in WAITING else None
    st.fragment(_draw, run_every=interval)(interval is not None)


def _draw(polling: bool) -> None:
    run = handle()
    seen = st.session_state.get("seen", -1)
    snapshot = run.poll(newer_than=seen if polling else -1, timeout=0.5 if polling else 0.0)
    st.session_state["seen"] = snapshot.seq
    live_view(snapshot.data, key="live")
    st.caption(_said(snapshot), width="stretch")
    status = snapshot.header["status"]
    if polling and not run.playing and status not in WAITING:
        st.rerun()
    if polling:
        time.sleep(REST_SECONDS)


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
    if header.get("lr") is not None:
        parts.append(f"learning rate {header['lr']:g}")
    if header.get("steps_per_second"):
        parts.append(f"{header['steps_per_second']:,.0f} steps/s")
    if header.get("device"):
        parts.append(header["device"])
    return " · ".join([*parts, *([header["message"]] if header.get("message") else [])])
