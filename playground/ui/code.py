"""The code of an experiment in all its forms: to read, to copy and to take along."""

import json
import re
from typing import TYPE_CHECKING

import streamlit as st

from playground.spec import Experiment
from playground.ui.session import handle

if TYPE_CHECKING:
    from playground.export import Form

FORM, SEEN = "code-form", "code-seen"
HEIGHT = 440


def code_of(experiment: Experiment) -> None:
    """The form that the visitor chooses, with its words and a button that downloads it."""
    from playground.export import FORMS  # brings NumPy along, which the first picture does not need

    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="code-forms"):
        st.session_state.setdefault(FORM, "script")
        chosen = st.segmented_control(
            "Form", list(FORMS), default=st.session_state[FORM], key=FORM, required=True, label_visibility="collapsed",
            format_func=lambda name: FORMS[name].label,
        )  # fmt: skip
        form, epochs = FORMS[chosen or "script"], _epochs(experiment) if chosen != "module" else None
        try:
            text = form.write(experiment, epochs)
        except ValueError as error:
            st.info(str(error), icon=":material/info:")
            return
        st.download_button(
            form.file, text, form.file, form.mime, key="code-download", icon=":material/download:", on_click="ignore",
            help=f"Download: {form.help}",
        )  # fmt: skip
    st.caption(form.help)
    _show(form, text)


def _epochs(experiment: Experiment) -> int | None:
    """As many as the run has done, where the visitor wants no more; None is all."""
    run = handle()
    done = int(run.snapshot.header["epoch"] or 0)
    if run.experiment != experiment or not done:
        return None
    only = st.checkbox(
        f"only the {done:,} epochs so far", key=SEEN,
        help=f"The code stops where the run is now, instead of after {experiment.training.epochs:,} epochs.",
    )  # fmt: skip
    return done if only else None


def _show(form: "Form", text: str) -> None:
    if form.language == "python":
        st.code(text, language="python", height=HEIGHT)
        return
    with st.container(height=HEIGHT, border=True, gap="xsmall"):
        for cell in json.loads(text)["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code":
                st.code(source, language="python")
            else:
                st.markdown(re.sub(r"^#+ ", "##### ", source, flags=re.MULTILINE))
