"""The panel 'Time': back to any kept epoch, and on from there."""

from typing import Any

import streamlit as st

from playground.ui.health import WAITING, ask
from playground.ui.session import handle, look_back, open_findings
from playground.ui.teaching import controls

RETURNS = "time-returns"
"""How often the visitor has come back to now."""


@controls("time")
def timeline_panel() -> None:
    """Drawn while it is open; the slider is there while the run stands still."""
    with st.expander("Time", icon=":material/history:", on_change="rerun", key="time") as panel:
        if panel.open:
            _timeline()


def _timeline() -> None:
    if handle().playing:
        st.caption("Pause the run to go back to an earlier epoch.")
        return
    if any(finding.fatal for finding in open_findings()):
        st.caption("Mend what is marked above first; then the run can go back to an earlier epoch.")
        return
    told = ask("timeline")
    if told is None:
        st.caption(WAITING)
        return
    if not told["kept"]:
        st.caption(
            "Nothing to go back to: moments are kept at the ends of epochs, the last ones that have room. "
            "Of a large network one alone may be too much."
        )
        return
    epochs = {moment["step"]: moment["epoch"] for moment in told["kept"]} | {told["now"]: None}
    shown = told["shown"] if told["shown"] in epochs else told["now"]
    # A slider that the visitor did not move himself is a new one: a browser may send the old one's place once more.
    if st.session_state.get(_key(told["now"]), shown) != shown:
        st.session_state[RETURNS] = st.session_state.get(RETURNS, 0) + 1
    key = _key(told["now"])
    st.session_state.setdefault(key, shown)
    st.select_slider(
        "Epoch",
        list(epochs),
        st.session_state[key],
        format_func=lambda step: "now" if epochs.get(step) is None else f"{epochs[step]:g}",
        key=key,
        help="The whole page shows the run as it was at the end of that epoch.",
        on_change=_go,
        args=(key, told),
    )
    st.markdown(words(told))
    if told["looking_back"]:
        st.button("Back to now", icon=":material/undo:", key="time-now", on_click=_return, args=(told,))


def _key(now: int) -> str:
    return f"time-{now}-{st.session_state.get(RETURNS, 0)}"


def _go(key: str, told: dict[str, Any]) -> None:
    """Have the run show the moment that the slider is at. The run stands still, so no tick can come between."""
    step = st.session_state[key]
    if not handle().playing:
        look_back(None if step == told["now"] else step, _shown(told))


def _return(told: dict[str, Any]) -> None:
    st.session_state[RETURNS] = st.session_state.get(RETURNS, 0) + 1
    look_back(None, _shown(told))


def _shown(told: dict[str, Any]) -> int | None:
    return told["shown"] if told["looking_back"] else None


def words(told: dict[str, Any]) -> str:
    """What is shown, and what the buttons of the player would do now."""
    if not told["looking_back"]:
        return "This is the present. Move the slider to see the whole page as it was."
    return (
        f"**This is step {told['shown']:,} of {told['now']:,}.** Play, Step and Epoch go on from here and forget "
        "what came after. The settings are those of then, too; change one, and it is a fork."
    )
