"""The choice of the device: where the run is, which the experiment does not say."""

import streamlit as st

from playground.ui.session import MISTAKE, engine, handle, index_of

CHOICE = "device"
ALONE = "There is no accelerator here, so everything runs on the CPU. The page Devices says what one would change."
HELP = "Where the run computes. It goes on from where it is; the line under the picture says where its tensors are."


def device_choice(width: int = 96) -> None:
    """A select box over the devices of the training hosts; another choice moves the run there."""
    run, here = handle(), engine().devices or ["cpu"]
    key = f"{CHOICE}-{len(here)}"  # the hosts say only after a while what is there
    now = run.device or here[-1]
    if (wanted := st.session_state.get(key, now)) != now:
        try:
            run.move(wanted)
        except ValueError as error:
            st.session_state[MISTAKE] = str(error)
        now = run.device or here[-1]
    if st.session_state.get(key) != now:
        st.session_state[key] = now
    alone = len(here) == 1
    st.selectbox(
        "Device",
        here,
        index_of(here, now),
        key=key,
        width=width,
        disabled=alone,
        label_visibility="collapsed",
        help=ALONE if alone else HELP,
    )
