"""Kept runs on screen: how a run comes onto the shelf, and the page that shows what is there."""

import os
import re
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from playground.engine.snapshot import unpack
from playground.limits import LIMITS
from playground.runs import TITLES, KeptRun, curves_csv, differences, has_tensorboard, runs_csv, to_tensorboard
from playground.ui import address, identity
from playground.ui.rerun import undisturbed
from playground.ui.session import MISTAKE, handle, on_click, show_mistake

if TYPE_CHECKING:
    from playground.shelf import Shelf

TRAIN = "app_pages/train.py"
DATABASE = "runs"
"""Its name in secrets.toml: [connections.runs]."""
ADDRESS = "PLAYGROUND_RUNS_URL"
FILE = Path(__file__).resolve().parents[2] / "runs.db"
KEEPS = "keeps"
"""Set where something was kept in this session: the browser has to be told by which word."""
NEWS = "kept-now"
"""Set where the visitor has just kept one."""
FINISHED = "finished-run"
"""The finished run that was kept last."""
ENDED = ("finished", "stopped")
TABLE, WHAT, LOG = "runs-table", "runs-what", "runs-log"
CHOSEN = "runs-chosen"
"""Beginnings of the names of the runs that are chosen in the table."""
BEGUN = "runs-begun"
"""The table that is drawn, and the rows that were chosen in it when it was drawn first."""
NAMED = 8
"""Letters of a run's name that stand in the address."""
MOST_TOGETHER = 8
"""Runs in one picture."""


def _named(text: str) -> dict[str, Any]:
    names = text.split("_")[:MOST_TOGETHER]
    if not all(re.fullmatch(rf"[0-9a-f]{{{NAMED}}}", name) for name in names):
        raise ValueError(text)
    return {CHOSEN: tuple(names)}


SHOWN = (
    address.Word("runs", (CHOSEN,), _named, lambda state: "_".join(state[CHOSEN])),
    address.choice("curves", WHAT, "loss", ["loss", "accuracy"]),
    address.choice("log", LOG, False, [False, True]),
)


@st.cache_resource(show_spinner=False)
def shelf() -> "Shelf":
    """The one shelf of this server: [connections.runs] of secrets.toml, or a file of its own."""
    from playground.shelf import Shelf  # brings SQLAlchemy along, which the first picture does not need

    try:
        known = DATABASE in st.secrets.get("connections", {})
    except StreamlitSecretNotFoundError:
        known = False
    url: dict[str, Any] = {} if known else {"url": os.environ.get(ADDRESS, f"sqlite:///{FILE}")}
    return Shelf(st.connection(DATABASE, "sql", **url).engine)


# -- keeping, on the page Train -------------------------------------------------------------------------------------


def keep_button(blocked: bool) -> None:
    """Beside the buttons of the player."""
    st.button(
        "Keep",
        icon=":material/bookmark_add:",
        key="keep",
        disabled=blocked,
        help="Its settings, scores and curves, for the page Runs. Runs that finish are kept by themselves.",
        on_click=on_click(keep_present),
    )


@undisturbed()
def keep_present() -> None:
    """Keep the run as it is now, or say why not."""
    try:
        _keep("kept")
        st.session_state[NEWS] = True
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)


@undisturbed()
def keep_finished() -> None:
    """Once per full run of the page: keep a run that has just ended by itself."""
    run = handle()
    header = run.snapshot.header
    over = header["status"] in ENDED and header["step"] and "now" not in header  # not when it looks back at an end
    ended = (run.id, run.experiment, header["step"]) if over else None
    if ended != st.session_state.get(FINISHED):
        st.session_state[FINISHED] = ended
        if ended is not None:
            try:
                _keep("finished")
            except ValueError as error:
                st.session_state[MISTAKE] = str(error)


def tell_of_keeping() -> None:
    """At the end of the page, where what comes and goes moves nothing: have the browser remember whose the kept runs
    are, and say what was kept."""
    if st.session_state.get(KEEPS):
        _recognise()
    if st.session_state.pop(NEWS, False):
        st.toast("Kept. The page Runs has its curves and settings.", icon=":material/bookmark_added:")


def _keep(how: Literal["kept", "finished"]) -> None:
    run = handle()
    header, arrays = unpack(run.snapshot.data)
    kept = KeptRun.of_snapshot(run.experiment, header, arrays, time.time(), how)
    shelf().keep(identity.owner(), kept)
    st.session_state[KEEPS] = True


def _recognise() -> None:
    if before := identity.recognise():
        try:
            shelf().hand_over(before, identity.owner())
        except ValueError as error:
            st.session_state[MISTAKE] = str(error)


# -- the page -------------------------------------------------------------------------------------------------------


def runs_page() -> None:
    """The visitor's runs as a table; those that are chosen as curves, differences and files."""
    try:
        if st.session_state.get(KEEPS) or identity.known():
            _recognise()
        runs = shelf().runs(identity.owner())
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return
    show_mistake()
    if not runs:
        _nothing()
        return
    left, right = st.columns([55, 45], gap="medium")
    with left:
        chosen = _table(runs)
        shown = chosen or list(runs)[:2]
        if not chosen:
            st.caption("The newest are shown; choose others by the boxes at the left of the rows.")
        _keeping(runs, shown, removable=bool(chosen))
    with right:
        _picture([runs[id] for id in shown])
    _chosen(runs, shown)


def _nothing() -> None:
    st.markdown(
        "#### No runs yet\n\nTrain something and press **Keep**, or let a run reach its last epoch. Then its "
        "curves and settings are here, beside those of other runs."
    )
    st.page_link(TRAIN, label="To the page Train", icon=":material/play_circle:")
    st.caption(
        f"Kept for this browser alone, for {LIMITS.kept_days} days: a cookie with a random word finds them again. It "
        "is set with the first run that you keep."
    )


def _table(runs: dict[str, KeptRun]) -> list[str]:
    """The table; the ids of the chosen runs.

    Whenever a run comes or goes it is another table, in which the same runs are chosen: rows are known by their number
    alone, and what stood there has gone.
    """
    ids = list(runs)
    key = f"{TABLE}-{sha256(repr(ids).encode()).hexdigest()[:8]}"
    if st.session_state.get(BEGUN, ("", ()))[0] != key:
        names = {runs[id].name[:NAMED]: row for row, id in enumerate(ids)}
        begun = [names[name] for name in st.session_state.get(CHOSEN, ()) if name in names]
        st.session_state[BEGUN] = key, begun
    rows = st.dataframe(
        [_row(run) for run in runs.values()],
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": list(st.session_state[BEGUN][1])}},
        hide_index=True,
        column_config={
            "run": st.column_config.TextColumn(width=190),
            "kept": st.column_config.DatetimeColumn(format="MMM D, HH:mm", width=95),
        },
        height=min(420, 38 + 35 * len(ids)),
    )["selection"]["rows"]
    chosen = [ids[row] for row in rows if row < len(ids)][:MOST_TOGETHER]
    if len(rows) > MOST_TOGETHER:
        st.caption(f"The first {MOST_TOGETHER} of those chosen: more cannot be told apart.")
    st.session_state[CHOSEN] = tuple(runs[id].name[:NAMED] for id in chosen)
    return chosen


def _row(run: KeptRun) -> dict[str, Any]:
    accuracy = run.scores.get("val_accuracy")
    return {
        "run": run.title,
        "epochs": round(run.epoch, 1),
        "loss": _short(run.scores.get("train_loss")),
        "validation": _short(run.scores.get("val_loss")),
        "accuracy": None if accuracy is None else f"{100 * accuracy:.1f} %",
        "kept": run.when,
        "why": "by you" if run.how == "kept" else "finished",
    }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _keeping(runs: dict[str, KeptRun], chosen: list[str], removable: bool) -> None:
    """Files of the runs that are shown, and the ways to be rid of them: of those alone that were chosen on purpose."""
    several = [runs[id] for id in chosen]
    which = "this run" if len(several) == 1 else f"these {len(several)}"
    with st.container(horizontal=True, gap="xsmall"):
        st.download_button(
            "Runs (CSV)", lambda: runs_csv(several), "runs.csv", "text/csv", icon=":material/table:", key="runs-csv",
            on_click="ignore", help=f"Scores and settings of {which}, one line for each, as CSV.",
        )  # fmt: skip
        st.download_button(
            "Curves (CSV)", lambda: curves_csv(several), "curves.csv", "text/csv", icon=":material/show_chart:",
            key="curves-csv", on_click="ignore", help=f"The curves of {which}, as CSV.",
        )  # fmt: skip
        if has_tensorboard():
            st.download_button(
                "TensorBoard", lambda: to_tensorboard(several), "runs.zip", "application/zip",
                icon=":material/folder_zip:", key="runs-tensorboard", on_click="ignore",
                help=f"Event files of {which}: unzip them, then `tensorboard --logdir` the folder.",
            )  # fmt: skip
        st.button(
            "Remove", icon=":material/delete:", key="runs-remove", on_click=_remove, args=(chosen,),
            disabled=not removable, help=f"Forgets {which}." if removable else "Forgets the runs that you choose.",
        )  # fmt: skip
    with st.popover("About what is kept", icon=":material/lock:", type="tertiary", key="runs-about"):
        st.caption(
            f"{len(runs)} of at most {LIMITS.kept_runs} runs, each for {LIMITS.kept_days} days; when it gets full, the "
            "oldest that you did not keep yourself go first. They belong to this browser: a cookie with a random word "
            "finds them again, and nothing else is known of you. Clear the cookie and they are out of reach."
        )
        st.button("Forget all my runs", icon=":material/delete_forever:", key="runs-forget", on_click=_forget)


def _remove(ids: Sequence[str]) -> None:
    try:
        shelf().remove(identity.owner(), ids)
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)


def _forget() -> None:
    try:
        shelf().forget(identity.owner())
    except ValueError as error:
        st.session_state[MISTAKE] = str(error)


def _picture(runs: list[KeptRun]) -> None:
    from playground.figures.runs import overlay
    from playground.figures.theme import theme_of

    st.session_state.setdefault(WHAT, "loss")
    st.session_state.setdefault(LOG, False)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        what = st.segmented_control(
            "Curves", ["loss", "accuracy"], key=WHAT, required=True, label_visibility="collapsed"
        )
        log = st.toggle("Logarithmic", key=LOG)
    figure = overlay(runs, what or "loss", log, theme_of(st.context.theme.type == "dark"))
    if not figure.data:
        st.info("A regression has no accuracy; look at the loss.", icon=":material/info:")
        return
    said = "; ".join(f"run {number}: {run.title}" for number, run in enumerate(runs, 1))
    st.plotly_chart(figure, key="runs-picture", config={"displayModeBar": False}, alt=f"The {what} of {said}")


def _chosen(runs: dict[str, KeptRun], chosen: list[str]) -> None:
    """Each chosen run with its link, and the settings in which they differ."""
    from playground.figures.theme import theme_of

    colours = theme_of(st.context.theme.type == "dark").racers
    for number, id in enumerate(chosen, 1):
        run = runs[id]
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"run-{number}"):
            st.html(f'<b style="color:{colours[number - 1]}">━ {number}</b>', width="content")
            st.markdown(f"**{run.title}**  \n{_said(run)}", width="stretch")
            st.page_link(
                TRAIN, label="Open", icon=":material/play_circle:", query_params=run.experiment.to_query(),
                help="The same experiment on the page Train, at step 0.",
            )  # fmt: skip
    if len(chosen) < 2:
        return
    several = [runs[id] for id in chosen]
    different = differences(several)
    if not different:
        st.caption("The same settings, looked at after a different number of steps.")
        return
    st.markdown("**What is different**")
    columns = {"setting": list(different)}
    for number in range(len(several)):
        columns[f"run {number + 1}"] = [texts[number] for texts in different.values()]
    st.dataframe(columns, hide_index=True, height=38 + 35 * min(12, len(different)))


def _said(run: KeptRun) -> str:
    parts = [f"epoch {run.epoch:,.1f}", f"step {run.step:,}"]
    for name, title in TITLES.items():
        if (value := run.scores.get(name)) is not None:
            parts.append(f"{title} {100 * value:.1f} %" if name.endswith("accuracy") else f"{title} {value:.4g}")
    return " · ".join([*parts, *([run.device] if run.device else []), *([run.message] if run.message else [])])
