"""Train: data on the left, the network in the middle, what it has learned on the right."""

import streamlit as st

from playground.export import to_script
from playground.ui import panels, session
from playground.ui.layers import layer_cards
from playground.ui.player import live_picture, player_controls

experiment = session.experiment()
session.handle()
findings = session.open_findings()

left, right = st.columns([27, 73], gap="small")
with left:
    with st.container(border=True, gap="xsmall"):
        panels.data_panel(experiment)
    with st.container(border=True, gap="xsmall"):
        panels.learning_panel(experiment)
with right:
    player_controls(blocked=any(finding.fatal for finding in findings))
    if mistake := session.take_mistake():
        st.error(mistake, icon=":material/error:")
    for finding in findings:
        session.show_finding(finding)
    live_picture(experiment)
    layer_cards(experiment)
    with st.expander("The code of this experiment", icon=":material/code:", on_change="rerun", key="code") as code:
        if code.open:
            st.code(to_script(experiment), language="python", height=480)

session.write_address()
