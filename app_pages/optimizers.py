"""Optimizers: a race of real torch.optim classes over a landscape, and what a single race cannot show."""

import streamlit as st

from playground.ui import address, optimizers, optimizers_state, optimizers_tabs
from playground.ui.frame import style

FURTHER = {
    "Rates": optimizers_tabs.rates_tab,
    "Basins": optimizers_tabs.basins_tab,
    "A network's loss": optimizers_tabs.network_tab,
    "3-D": optimizers_tabs.surface_tab,
    "NumPy beside torch": optimizers_tabs.twins_tab,
    "Code and data": optimizers_tabs.code_tab,
}
SHOWN = (address.choice("tab", "race-tab", "Race", ["Race", *FURTHER]), *optimizers_tabs.SHOWN)

style()
address.take(SHOWN)
race = optimizers_state.open_race()
first, *others = st.tabs(["Race", *FURTHER], key="race-tab", on_change="rerun")
if first.open:
    with first:
        optimizers_state.race_job()  # it runs while the controls are drawn
        left, right = st.columns([27, 73], gap="small")
        with left, st.container(gap="xsmall", key="race-panel"):
            optimizers.course_panel(race)
            optimizers.racer_table(race)
        with right, st.container(gap="xsmall"):
            optimizers_state.show_mistake()
            optimizers.race_picture()
for tab, show in zip(others, FURTHER.values(), strict=True):
    if tab.open:
        with tab:
            optimizers_state.show_mistake()
            show(race)

optimizers_state.write_address()
address.give(SHOWN)
