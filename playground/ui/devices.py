"""The page 'Devices': what is here, how fast it is, and where an accelerator starts to pay."""

from contextlib import nullcontext
from typing import Any

import streamlit as st

from playground.ui import session
from playground.ui.frame import dark
from playground.ui.slot import Slot
from playground.ui.where import device_choice
from playground.work.client import Client

SLOT = "timing"
AGAIN = "timing-again"
POLL_SECONDS = 1.0
"""Between two looks at the measurement: Plotly draws no more often than once a second."""
TASKS = {
    "matmul": ("Matrix product, n x n times n x n", "n"),
    "step": ("Training step of 784-w-w-10, batch of 128, Adam", "width w"),
}
PRECISIONS = {"float32": "float32", "mixed": "mixed precision"}


@st.cache_resource(show_spinner=False)
def client() -> Client:
    """The one measuring process of this server; it starts with the first visit to the page."""
    return Client("playground.timing")


def devices_page() -> None:
    """Everything on the page; the measurement begins by itself, and ends when nobody looks."""
    session.experiment()
    slot: Slot = st.session_state.setdefault(SLOT, Slot("timing", client))
    try:
        with nullcontext() if client().started else st.spinner("Starting PyTorch in a process of its own …"):
            here = client().compute("here")
            slot.want(again=st.session_state.setdefault(AGAIN, False))
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return
    _whats_here(here, slot)
    st.fragment(_pictures, run_every=POLL_SECONDS if slot.running else None)(slot, here)


def _whats_here(here: dict[str, Any], slot: Slot) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="devices-here"):
        for row in here["rows"]:
            memory = f" · {row['memory'] / 2**30:,.0f} GiB" if row["memory"] else ""
            st.markdown(f"**{row['device']}** {row['chip']} · {row['what']}{memory}", width="content")
        st.caption(f"torch {here['torch']}", width="content")
        st.space("stretch")
        device_choice()
        if slot.running:
            st.button("Stop", icon=":material/stop:", key="timing-stop", on_click=slot.stop)
        else:
            st.button("Measure again", icon=":material/replay:", key="timing-once-more", on_click=_again, args=(slot,))


def _again(slot: Slot) -> None:
    st.session_state[AGAIN] = True
    slot.again()


def _pictures(slot: Slot, here: dict[str, Any]) -> None:
    running = slot.running
    try:
        report = slot.poll()
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return
    if report is None:
        st.progress(0.0, text="Beginning …")
        return
    if report["failed"]:
        st.error(report["failed"], icon=":material/error:")
    if slot.running or slot.stopped:
        said = "Measuring: each number is the median of five rounds, from synchronised to synchronised …"
        st.progress(min(1.0, report["fraction"]), text=said if slot.running else "Stopped: this is what was measured.")
    if (report["load"] or 0) > 1.5 * report["cores"]:
        st.caption(
            f"Others compute here too (a load of {report['load']:.0f} on {report['cores']} cores): these numbers are "
            "slower, and more uneven, than those of a quiet machine."
        )
    alone = len(here["rows"]) == 1
    columns = st.columns(2, gap="medium")
    for column, task in zip(columns, TASKS, strict=True):
        with column:
            _task(task, report["tasks"][task], alone)
    _table(report["rows"])
    if running and not slot.running:
        st.rerun()


def _task(name: str, task: dict[str, Any], alone: bool) -> None:
    from playground.figures.devices import timing_figure  # brings Plotly along
    from playground.figures.theme import theme_of

    title, axis = TASKS[name]
    st.markdown(f"**{title}**")
    if task["lines"]:
        figure = timing_figure(task, theme_of(dark()), axis, alone)
        st.plotly_chart(figure, key=f"timing-{name}", config={"displayModeBar": False})
        further = _would(name, task) if alone else _pays(task)
        st.markdown("  \n".join([*_fastest(task), *_threads(task), *further]))


def _fastest(task: dict[str, Any]) -> list[str]:
    """The rates of the places, and what mixed precision does to them."""
    said = []
    for place, rates in task["rates"].items():
        whole, mixed = rates.get("float32"), rates.get("mixed")
        if whole:
            gain = f"; mixed precision {mixed / whole:.2g} times that" if mixed else ""
            said.append(f"{place}: up to **{rate(whole)}** in float32{gain}.")
    return said


def rate(flops: float) -> str:
    """`12.3 GFLOP/s`."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if flops >= size:
            return f"{flops / size:,.3g} {unit}FLOP/s"
    return f"{flops:,.3g} FLOP/s"


def _threads(task: dict[str, Any]) -> list[str]:
    if len([place for place in task["rates"] if "thread" in place]) < 2:
        return []
    if task["threads"] is None:
        return ["All threads were at no size faster than one: starting and joining them costs more, or others compute."]
    return [f"All threads pay from about {task['threads']:,.0f} on; below, starting and joining them costs more."]


def _pays(task: dict[str, Any]) -> list[str]:
    """Where the accelerator is faster than the best of the CPU."""
    said = []
    for found in task["pays"]:
        if found["times"] is None:
            continue
        ends = f"{found['times']:.3g} times as fast at {found['largest']:,}"
        there, carried = (_from(found[name]) for name in ("there", "carried"))
        said.append(
            f"The accelerator pays {there} with the numbers already there, {carried} if carried each time; {ends}."
        )
    return said


def _from(size: float | None) -> str:
    return "at no size measured" if size is None else f"from about {size:,.0f} on"


def _would(name: str, task: dict[str, Any]) -> list[str]:
    """What an accelerator would change, by a plain assumption that is said."""
    from_size = _from(task["assumed"]["from"])
    parts = "one operation" if name == "matmul" else "about 40 operations"
    return [
        f"**What a GPU would change.** There is none here, so the dashed line is an assumption and no measurement: "
        f"10 µs to launch each of {parts}, and 10 TFLOP/s. Such a GPU would be faster {from_size}. Below that size the "
        "time is all launching, and the CPU is done before the GPU has begun."
    ]


def _table(rows: list[dict[str, Any]]) -> None:
    with st.expander("All numbers", icon=":material/table:", key="timing-table", on_change="rerun") as table:
        if table.open:
            st.dataframe(
                [
                    {
                        "what": TASKS[row["task"]][0].partition(",")[0],
                        "size": row["size"],
                        "where": row["place"],
                        "precision": PRECISIONS[row["precision"]],
                        "µs": 1e6 * row["seconds"],
                        "transfer, µs": None if row["transfer"] is None else 1e6 * row["transfer"],
                    }
                    for row in rows
                ],
                hide_index=True,
                column_config={name: st.column_config.NumberColumn(format="%,.1f") for name in ("µs", "transfer, µs")},
            )
