"""Devices: what computes here, how fast, and where an accelerator starts to pay."""

import streamlit as st

from playground.ui.devices import devices_page
from playground.ui.frame import style

style()
st.markdown(
    "An accelerator is fast where there is much to compute at once, and slow to begin. Where the lines cross, it pays."
)
devices_page()
