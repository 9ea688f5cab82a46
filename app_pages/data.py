"""Data: what there is to learn from, how it is dealt out in batches, and data of one's own."""

import streamlit as st

from playground.ui import address, panels, session
from playground.ui.data import VIEW, VIEWS, data_page, own_data
from playground.ui.frame import style

SHOWN = (address.choice("show", VIEW, "samples", VIEWS), address.opened("open", ("own-data",)))

style()
address.take(SHOWN)
experiment = session.experiment()

left, right = st.columns([21, 79], gap="small")
with right, st.container(gap="xsmall"):
    session.show_problems(session.open_findings())
    own_data()
    data_page(session.experiment())
with left, st.container(border=True, gap="xsmall", key="data-panel"):
    panels.data_panel(experiment)
    panels.target_control(experiment)

session.write_address()
address.give(SHOWN)
