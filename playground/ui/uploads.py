"""Data of the visitor's own: a table, a time series, pictures; and the pictures that are downloaded once."""

from typing import Any

import streamlit as st

from playground.catalog import FILE_SETS
from playground.catalog.files import DELIMITERS
from playground.data import csv_file, fetching, store
from playground.data.archive import SIDES
from playground.data.client import Task
from playground.fit import fitted
from playground.limits import LIMITS
from playground.spec import Args, DataSpec, Experiment
from playground.ui import data_html as html
from playground.ui.rerun import undisturbed
from playground.ui.session import change, on_click

FILE, TASK, WHAT, FOUND, SEEN = "own-file", "own-task", "own-task-of", "own-found", "own-seen"
NEW = "own-new"
"""The file that came with the work under way, if the server did not have it before."""
POLL_SECONDS = 0.4
SIZES = [size for size in (8, 16, 28, 32, 48, 64) if SIDES[0] <= size <= SIDES[1]]
TASKS = {"classification": "a class", "regression": "a number", "series": "the next row (time series)"}


def uploads_panel() -> None:
    """The file, what was found in it, what to make of it; then the downloads."""
    left, right = st.columns([62, 38], gap="medium")
    with left:
        _upload()  # also while it is worked on: an uploader that is not drawn forgets its file
    with right:
        _downloads()
    if st.session_state.get(TASK) is not None:
        st.fragment(_progress, run_every=POLL_SECONDS)()
    elif (found := st.session_state.get(FOUND)) is not None:
        _table(found)


def _progress() -> None:
    """How far the work is, with a way out; the page is drawn anew when it has ended."""
    task: Task | None = st.session_state.get(TASK)
    if task is None:
        return
    if task.done or task.wait(0.2):
        _finish(task)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(task.progress, text=f"{st.session_state[WHAT]}: {task.said}")
        st.button("Cancel", icon=":material/close:", key="own-cancel", on_click=task.cancel)


def _begin(what: str, op: str, **request: Any) -> None:
    st.session_state[TASK], st.session_state[WHAT] = Task(op, **request), what


def _download(name: str) -> None:
    _begin(f"Downloading {FILE_SETS[name].title}", "download", name=name)


@undisturbed()
def _finish(task: Task) -> None:
    """Take over what has come out, and forget a file of which nothing has."""
    del st.session_state[TASK]
    key, new = task.request.get("key"), st.session_state.pop(NEW, "")
    if new and new == key and (task.error or task.result["key"] != key):
        store.remove(new)  # it came with this work: nobody else has it
    if task.error:
        _refuse(task.error)
    elif task.op == "table":
        st.session_state[FOUND] = {"key": task.result["key"], "look": task.result["look"]}
    elif task.op == "pictures":
        count, names, side = task.result["count"], task.result["names"], task.request["side"]
        colour = "colour" if task.request["colour"] else "grey"
        args = Args({"n": count, "classes": len(names), "side": side, "colour": colour})
        take(DataSpec(name="pictures", args=args, file=task.result["key"], train_fraction=0.8))
    else:
        take(Experiment.starter(task.request["name"]).data)


def _refuse(sentence: str) -> None:
    def refuse(old: Experiment) -> Experiment:
        raise ValueError(sentence)

    change(refuse)


def take(data: DataSpec) -> None:
    """Make the data the experiment's, with the network that its kind begins with."""
    change(lambda old: fitted(Experiment.starter(data.name), data).but(seed=old.seed))


def _upload() -> None:
    given = st.file_uploader(
        f"A table (CSV) or pictures (zip with a folder for each class), up to {max(1, LIMITS.max_upload >> 20):,} MB",
        key=FILE,
        max_upload_size=max(1, LIMITS.max_upload >> 20),
        help="Kept on this server under the name of its content: whoever has the experiment's link can use it, "
        "and it goes when room is needed.",
    )
    if given is None:
        st.session_state.pop(SEEN, None)
        st.session_state.pop(FOUND, None)
        return
    archive = given.name.lower().endswith(".zip")
    if archive:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            side = st.selectbox("Rows and columns", SIZES, index=SIZES.index(28), key="own-side", width=140)
            colour = st.toggle("Colour", key="own-colour")
            st.button(
                "Unpack", icon=":material/unarchive:", key="own-unpack", type="primary", on_click=on_click(_unpack),
                args=(given, side, colour),
            )  # fmt: skip
    elif st.session_state.get(SEEN) != given.file_id:
        with undisturbed():
            st.session_state[SEEN] = given.file_id
            st.session_state.pop(FOUND, None)
            _look(given.getvalue(), given.name)
        st.rerun()


def _unpack(given: Any, side: int, colour: bool) -> None:
    key = _kept(given.getvalue())
    if key:
        _begin(given.name, "pictures", key=key, side=side, colour=colour)


def _look(content: bytes, name: str, **choices: Any) -> None:
    key = _kept(content)
    if key:
        _begin(name, "table", key=key, **choices)


def _kept(content: bytes) -> str:
    """The key under which the server has the file; '' if it cannot be kept, which is said."""
    known = store.has(store.key_of(content))
    try:
        key = store.put(content)
        st.session_state[NEW] = "" if known else key
        return key
    except ValueError as error:
        _refuse(str(error))
        return ""


@undisturbed()
def _again(key: str, **choices: Any) -> None:
    """Read the same table with another delimiter or header."""
    try:
        content = store.get(key)
    except (ValueError, OSError):
        st.session_state.pop(FOUND, None)
        _refuse("The uploaded file is no longer on this server, which had to make room; upload it again.")
        return
    _look(content, "reading anew", **choices)


def _table(found: dict[str, Any]) -> None:
    """What the table holds, and what to ask of it."""
    look, key = csv_file.Look.of(found["look"]), found["key"]
    names = [column.name for column in look.columns]
    st.html(html.preview(look.columns, look.preview))
    missing = sum(column.missing for column in look.columns)
    st.caption(
        f"{look.rows:,} rows, {len(names)} columns"
        + (f", {len(names) - 12} of them not shown" if len(names) > 12 else "")
        + (
            f"; {missing:,} missing values: rows without a target are left out, a missing number becomes the training "
            "part's mean, and a missing word is none of the words."
            if missing
            else "; nothing is missing."
        )
        + (
            f" {LIMITS.max_samples:,} of the rows are taken: more are not trained on here."
            if look.rows > LIMITS.max_samples
            else ""
        )
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="own-choices"):
        delimiter = st.selectbox(
            "Delimiter",
            list(DELIMITERS),
            index=list(DELIMITERS).index(look.delimiter),
            key=f"own-delimiter-{key}",
            width=130,
        )
        header = st.toggle("First row holds names", look.header, key=f"own-header-{key}")
        if (delimiter, header) != (look.delimiter, look.header):
            _again(key, delimiter=delimiter, header=header)
            st.rerun()
        suggested = csv_file.suggested_target(look)
        target = st.selectbox(
            "Target",
            range(len(names)),
            index=suggested,
            format_func=lambda k: names[k],
            key=f"own-target-{key}",
            width=180,
        )
        task = st.selectbox(
            "Asks for",
            list(TASKS),
            index=list(TASKS).index(csv_file.suggested_task(look.columns[target])),
            format_func=lambda name: TASKS[name],
            key=f"own-task-{key}-{target}",
            width=200,
        )
        steps = 12
        if task == "series":
            steps = st.number_input("Window", 2, 200, 12, key=f"own-steps-{key}", width=110)
    inputs = csv_file.suggested_inputs(look, target)
    if task == "series":
        inputs = tuple(k for k in inputs if look.columns[k].kind == "number")
    columns = st.multiselect(
        "Inputs", [k for k in range(len(names)) if k != target], default=inputs, format_func=lambda k: names[k],
        key=f"own-columns-{key}-{target}-{task == 'series'}",
    )  # fmt: skip
    if left := [column.usable for k, column in enumerate(look.columns) if k != target and column.usable]:
        st.caption(" ".join(left[:3]))
    st.button(
        "Learn from it", icon=":material/check:", key="own-use", type="primary", on_click=on_click(_use),
        args=(look, key, target, tuple(columns), task, int(steps)),
    )  # fmt: skip


def _use(look: csv_file.Look, key: str, target: int, columns: tuple[int, ...], task: str, steps: int) -> None:
    try:
        if task == "series":
            data = csv_file.series_spec(look, key, target, columns, steps)
        else:
            data = csv_file.table_spec(look, key, target, columns, task)
    except ValueError as error:
        _refuse(str(error))
        return
    take(data)


def _downloads() -> None:
    """Sets that come over the network once."""
    for name, size in fetching.SIZES.items():
        entry = FILE_SETS[name]
        st.markdown(f"**{entry.title}** · {entry.summary}")
        if fetching.is_here(name):
            st.button(
                f"Use {entry.title}", icon=":material/check:", key=f"own-{name}", on_click=on_click(take),
                args=(Experiment.starter(name).data,),
            )  # fmt: skip
        else:
            st.button(
                f"Download {entry.title}, {size / 1e6:.0f} MB", icon=":material/download:", key=f"own-{name}",
                help="From openml.org, through scikit-learn; kept on this server for everybody.",
                on_click=on_click(_download), args=(name,),
            )  # fmt: skip
