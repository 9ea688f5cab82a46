"""'Save' on the page Train: the run and its weights as files, and back again."""

import base64
from collections.abc import Callable
from functools import partial

import streamlit as st

from playground.checkpoints import opened, to_checkpoint, weights_of
from playground.engine import Handle
from playground.fit import findings
from playground.limits import LIMITS
from playground.ui import teaching
from playground.ui.rerun import undisturbed
from playground.ui.session import EXPERIMENT, MISTAKE, engine, handle

OPEN, UPLOAD, UPLOADS = "save-open", "save-upload", "save-uploads"
NOT_THERE = ("starting", "reviving")
"""While no host has the run there is no file of it."""
STARTING = "The training host is still starting; try again in a few seconds."


def save_menu() -> None:
    """The popover in the page's head, beside 'Share'."""
    with (
        st.container(key="save"),
        st.popover(
            "Save", icon=":material/save:", key=OPEN, type="tertiary", on_change="rerun",
            help="The run or its weights as a file, to go on with later, here or in your own code.",
        ) as menu,
    ):  # fmt: skip
        if menu.open:
            _files()
            _upload()


def _files() -> None:
    name = handle().experiment.data.name
    st.markdown("**Take along**")
    if handle().snapshot.header["status"] in NOT_THERE:
        st.caption(STARTING)
    _download(
        "The whole run", f"{name}.run.safetensors", checkpoint_file,
        "Weights, optimizer, schedule, random generators, curves, settings: loaded here it goes on with the same bits.",
    )  # fmt: skip
    _download(
        "Weights for PyTorch", f"{name}.pt", pt_file,
        'model.load_state_dict(torch.load("…", weights_only=True)) in the script of the panel Code.',
    )  # fmt: skip
    _download(
        "Weights as safetensors", f"{name}.weights.safetensors", weights_file,
        "The same numbers in a format that holds nothing but numbers, for every framework.",
    )  # fmt: skip


def _download(label: str, file: str, made: Callable[[Handle], bytes], help: str) -> None:
    """A file is made when it is asked for, which is outside of any run of the page."""
    st.download_button(
        label, partial(made, handle()), file, "application/octet-stream", key=f"save-{made.__name__}", help=help,
        icon=":material/download:", on_click="ignore", width="stretch",
        disabled=handle().snapshot.header["status"] in NOT_THERE,
    )  # fmt: skip


def checkpoint_file(run: Handle) -> bytes:
    """The run as it is at the click."""
    return to_checkpoint(run.state())


def weights_file(run: Handle) -> bytes:
    """A safetensors state_dict."""
    return weights_of(run.state())


def pt_file(run: Handle) -> bytes:
    """What torch.save writes; made in the host, since nothing here needs torch."""
    answer = run.call("state dict")
    if answer is None:
        raise ValueError(STARTING)
    return base64.b64decode(answer["pt"])


def _upload() -> None:
    number = st.session_state.setdefault(UPLOADS, 0)
    st.markdown("**Go on with a file**")
    file = st.file_uploader(
        "A run saved here, or a safetensors state_dict of this network", key=f"{UPLOAD}-{number}",
        max_upload_size=max(1, LIMITS.max_checkpoint >> 20),
        help="It is read as numbers and nothing else. Pickles (.pt, .pth) are not opened: they can run code.",
    )  # fmt: skip
    if file is None:
        return
    with undisturbed():
        st.session_state[UPLOADS] = number + 1  # another widget next time: this file has been looked at
        load(file.getvalue())
    st.rerun()


def load(data: bytes) -> None:
    """Go on with what a file holds; if it cannot be, say why, and leave everything as it was."""
    old, run = st.session_state[EXPERIMENT], handle()
    try:
        experiment, state = opened(data, old)
        teaching.check(old, experiment)
        if fatal := next((finding for finding in findings(experiment) if finding.fatal), None):
            raise ValueError(fatal.message)
        if not engine().ready():
            raise ValueError(STARTING)
        run.open(experiment, state)
    except ValueError as error:
        st.session_state[MISTAKE] = f"The file was not loaded, and the run is as it was. {error}"
        return
    st.session_state[EXPERIMENT] = experiment
    st.toast(f"Loaded: step {run.snapshot.header['step']:,}.", icon=":material/check:")
