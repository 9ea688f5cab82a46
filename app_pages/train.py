"""Train: data on the left, the network in the middle, what it has learned on the right."""

from collections.abc import Iterable

import streamlit as st

from playground.limits import LIMITS
from playground.spec import Experiment
from playground.ui import address, panels, session
from playground.ui.batch import WHICH, batch_panel
from playground.ui.code import code_of
from playground.ui.frame import style
from playground.ui.health import PLACE, health_panel
from playground.ui.layers import layer_cards
from playground.ui.lessons import lesson_panel
from playground.ui.live import live_code
from playground.ui.player import PANELS, SPEEDS, player
from playground.ui.resume import come_back, leave_word
from playground.ui.runs import keep_finished, tell_of_keeping
from playground.ui.save import save_menu
from playground.ui.teaching import controls
from playground.ui.timeline import timeline_panel


def _forms() -> Iterable[str]:
    from playground.export import FORMS  # brings NumPy along, which the first picture does not need

    return FORMS


SHOWN = (
    address.choice("speed", session.SPEED, "full speed", SPEEDS),
    address.opened("open", PANELS),
    address.choice("form", "code-form", "script", _forms),
    address.choice("which", "batch-which", "next", WHICH),
    address.whole("tensor", "health-tensor", 0, 0, 4 * LIMITS.max_layers),
    address.whole("unit", f"{PLACE}-0", 0, 0, LIMITS.max_parameters),
    address.whole("input", f"{PLACE}-1", 0, 0, LIMITS.max_parameters),
)


@controls("code")
def code_panel(experiment: Experiment) -> None:
    with st.expander("The code of this experiment", icon=":material/code:", on_change="rerun", key="code") as code:
        if code.open:
            code_of(experiment)


style()
live_code()  # first, since the browser has most to do with it
address.take(SHOWN)
experiment = session.experiment()
come_back()
keep_finished()
findings = session.open_findings()

left, right = st.columns([21, 79], gap="small")
with right, st.container(gap="xsmall"):
    lesson_panel()
    buttons = st.container()
    panels.learning_bar(experiment)
    session.show_problems(findings)
    player(buttons, blocked=any(finding.fatal for finding in findings))
    layer_cards(experiment)
    with st.container(gap="xsmall", key="panels"):
        timeline_panel()
        health_panel()
        batch_panel()
        code_panel(experiment)
with left, st.container(border=True, gap="xsmall", key="data-panel"):
    panels.data_panel(experiment)
save_menu()
tell_of_keeping()

session.write_address()
address.give(SHOWN)
leave_word()
