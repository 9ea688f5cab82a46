"""The further tabs of the Optimizers page: rates, basins, a network's loss, 3-D, NumPy beside torch, code and data."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from playground.catalog.base import Param
from playground.engine.snapshot import unpack
from playground.landscapes.landscape import FAR
from playground.landscapes.network import SEED, STEPS, TOYS, NetworkSpec
from playground.landscapes.spec import RaceSpec
from playground.landscapes.worker import Job, Worker
from playground.limits import LIMITS
from playground.ui import address
from playground.ui import optimizers_state as state
from playground.ui.session import index_of

BASIN_SIZE = 200
LOOK_EVERY = 0.2
COLOURS = {"ends": "where it ends", "steps": "steps needed", "loss": "last loss"}
PLANES = {"random": "random directions", "paths": "along the ways"}
WHO = {"usual": "rates for networks", "race": "those of the race"}
NETWORK = NetworkSpec.of()
SHOWN = (
    address.whole("who", "basin-racer", 0, 0, LIMITS.max_racers - 1),
    address.choice("colour", "basin-show", "ends", COLOURS),
    address.choice("set", "net-data", NETWORK.data, TOYS),
    address.choice("plane", "net-plane", NETWORK.plane, PLANES),
    address.choice("rates", "net-racers", "usual", WHO),
    address.whole("train", "net-steps", NETWORK.steps, int(STEPS.low or 1), int(STEPS.high or 1)),
    address.whole("draw", "net-seed", NETWORK.seed, int(SEED.low or 0), int(SEED.high or 1)),
)
"""What the address says of the tabs, beside the race."""


def _dark() -> bool:
    return st.context.theme.type == "dark"


def _job_controls(operation: str, label: str, help: str, **fields: Any) -> Job | None:
    """A button that starts a job, or cancels it while it is under way; the job for what is on screen, or None."""
    job = state.job(operation, **fields)
    busy = job is not None and not job.done
    if busy:
        assert job is not None, "only a job can be busy"
        st.button(
            "Cancel",
            icon=":material/close:",
            key=f"{operation}-cancel",
            on_click=state.on_click(lambda: state.worker().cancel(job.id)),
        )
    else:
        st.button(
            label,
            icon=":material/play_arrow:",
            key=f"{operation}-go",
            type="primary",
            help=help,
            on_click=state.on_click(state.order),
            args=(operation,),
            kwargs=fields,
        )
    return job


def _follow(job: Job | None, show: Callable[[Job], None], hint: str) -> None:
    """The result, or how far the job is; looks again until it is there."""
    if job is None:
        st.info(hint, icon=":material/touch_app:")
    elif job.ok:
        show(job)
    elif job.done:
        st.info(job.error, icon=":material/info:")
    else:
        st.fragment(_progress, run_every=LOOK_EVERY)(job)


def _progress(job: Job) -> None:
    if job.done:
        st.rerun()
    st.progress(job.progress, f"{100 * job.progress:.0f} %")


def rates_tab(spec: RaceSpec) -> None:
    """Learning rate x optimizer -> final loss."""
    st.markdown(
        f"**Which rate suits whom?** Every optimizer with 25 rates, {spec.steps} gradients each, from "
        f"({spec.begin[0]:g}, {spec.begin[1]:g}) on {spec.place.label}. Other arguments are torch's defaults."
    )
    job = _job_controls("heat", "Sweep the rates", "A few seconds; the race can go on meanwhile.")

    def show(job: Job) -> None:
        from playground.figures.landscapes import heat_figure
        from playground.figures.theme import theme_of

        header, (_, arrays) = job.header, unpack(job.body)
        figure = heat_figure(
            header["optimizers"],
            header["rates"],
            arrays["loss"],
            arrays["diverged"].astype(int),
            header["floor"],
            theme_of(_dark()),
        )
        st.plotly_chart(figure, key="heat", width="stretch")
        limit = spec.place.largest_stable_lr()
        stable = "" if limit is None else f"Plain SGD must stay below {limit:.2g} near the minimum. "
        st.caption(
            f"Dark cells diverged: they ended without a finite number, or more than {FAR} picture sides away. The "
            f"orange line is the boundary. {stable}A star marks the best rate, which may be a fluke: one lucky step "
            "can land anywhere."
        )

    _follow(
        job, show, "Press the button: the strip shows how wide the range of good rates is, and where each one diverges."
    )


def basins_tab(spec: RaceSpec) -> None:
    """Where every start ends."""
    field = spec.field()
    st.session_state.setdefault("basin-show", "ends")
    if st.session_state.get("basin-racer", 0) >= len(field):
        st.session_state["basin-racer"] = 0
    with st.container(horizontal=True, vertical_alignment="bottom"):
        index = st.selectbox(
            "Racer",
            range(len(field)),
            format_func=lambda k: field[k].label,
            key="basin-racer",
            width=280,
            help="Elementwise optimizers take all starts as rows of one tensor; schedules and clipping are left out.",
        )
        show_as = st.segmented_control(
            "Colour",
            list(COLOURS),
            default=st.session_state["basin-show"],
            required=True,
            key="basin-show",
            format_func=lambda word: COLOURS[word],
            help="Steps needed: until the loss is within the tolerance of the lowest value.",
        )
        size = BASIN_SIZE if field[index].optimizer not in ("LBFGS", "Adafactor") else 20
        job = _job_controls("basin", f"Start from {size} x {size} points", "", racer=index, size=size)

    def show(job: Job) -> None:
        from playground.figures.landscapes import basin_figure
        from playground.figures.theme import theme_of

        _, arrays = unpack(job.body)
        found = {**arrays, "ends": job.header["ends"]}
        st.plotly_chart(
            basin_figure(spec.place, found, show_as or "ends", theme_of(_dark())), key="basin", width="stretch"
        )
        st.caption(
            f"{job.header['racer']}, {job.header['steps']} steps from each of {job.header['size'] ** 2:,} starts."
        )

    _follow(job, show, "Press the button: every pixel is a start, coloured by the minimum it ends in.")


def _whole(label: str, param: Param, now: int, step: int) -> int:
    """A whole number of the network's landscape."""
    key = f"net-{param.name}"
    return int(
        st.number_input(
            label, int(param.low or 0), int(param.high or 1), now, step=step, key=key, width=120, help=param.help
        )
    )


def network_tab(spec: RaceSpec) -> None:
    """A small network's loss on a plane."""
    st.markdown(
        "**A landscape of 105 dimensions.** A 2-8-8-1 tanh network, trained from the same weights on the same full "
        "batch. The plane through the best end is the same for all; what it hides is stated below it."
    )
    plain = {"data": NETWORK.data, "plane": NETWORK.plane, "steps": NETWORK.steps, "seed": NETWORK.seed}
    for name, value in {**plain, "racers": "usual"}.items():
        st.session_state.setdefault(f"net-{name}", value)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        now = {name: st.session_state[f"net-{name}"] for name in (*plain, "racers")}
        data = st.selectbox("Data", TOYS, index_of(TOYS, now["data"]), key="net-data", width=120)
        plane = st.segmented_control(
            "Plane",
            list(PLANES),
            default=now["plane"],
            required=True,
            key="net-plane",
            format_func=lambda word: PLANES[word],
            help="Random: two Gaussian directions, filter-normalised: each unit as long as its weights (Li et al., "
            "2018). Ways: the two directions in which they differ most. Either plane is the same for all racers.",
        )
        who = st.segmented_control(
            "Racers",
            list(WHO),
            default=now["racers"],
            required=True,
            key="net-racers",
            format_func=lambda word: WHO[word],
            help="Rates that suit Rosenbrock's valley hardly move a network.",
        )
        steps, seed = _whole("Steps", STEPS, now["steps"], 50), _whole("Seed", SEED, now["seed"], 1)
        wanted = NetworkSpec.of(
            data=data, plane=plane, steps=steps, seed=seed, **({"racers": ()} if who == "race" else {})
        )
        job = _job_controls("network", "Explore", "A few seconds.", network=wanted.model_dump(mode="json"))

    def show(job: Job) -> None:
        from playground.figures.landscapes import network_figure
        from playground.figures.theme import theme_of

        header, (_, arrays) = job.header, unpack(job.body)
        left, right = st.columns([3, 2])
        left.plotly_chart(network_figure(header, arrays, theme_of(_dark())), key="network", width="stretch")
        with right:
            st.metric("Explained variance of all ways together", f"{100 * header['explained']:.2f} %")
            st.table(
                {
                    "racer": [row["label"] for row in header["rows"]],
                    "last loss": [f"{row['last_loss']:.4g}" for row in header["rows"]],
                    "explained": [f"{100 * row['explained']:.2f} %" for row in header["rows"]],
                    "projection gap": [f"{row['mean_gap']:.3g}" for row in header["rows"]],
                }
            )
            st.caption(
                "Explained: share of the squared distances from the best end that lies in the plane. Projection gap: "
                "how far, on average, the loss on the way is from the loss where its shadow falls on the plane. A "
                "small share and a large gap say that the picture shows little of what happened: almost all went on "
                f"in the other {header['parameters'] - 2} directions. On random directions the ways hardly leave the "
                "middle; drag over the map to look nearer, double-click to come back."
            )

    _follow(
        job, show, "Press the button: four optimizers train the same network, and their ways are drawn on its loss."
    )


def surface_tab(spec: RaceSpec) -> None:
    """The surface of the race in three dimensions."""
    job = state.race_job()
    if not job.wait(state.QUICK):
        st.fragment(_progress, run_every=LOOK_EVERY)(job)
        return
    if job.error:
        st.error(job.error)
        return
    from playground.figures.landscapes import surface_figure
    from playground.figures.theme import theme_of

    header, arrays = unpack(job.body)
    trails = [(racer["label"], arrays[f"path_{k}"], arrays[f"loss_{k}"]) for k, racer in enumerate(header["racers"])]
    st.plotly_chart(surface_figure(spec.place, trails, theme_of(_dark())), key="surface", width="stretch")
    st.caption("Drag to turn, scroll to come nearer. The same race as in the first tab.")


def twins_tab(spec: RaceSpec) -> None:
    """The NumPy optimizers on the same race."""
    st.markdown(
        "**The same race without torch.** Gradients by the reverse-mode engine in `playground.scratch`, steps by its "
        "optimizers, written from the formulas in NumPy."
    )
    job = _job_controls("twins", "Race in NumPy", "Runs both and compares every point of the paths.")

    def show(job: Job) -> None:
        rows = job.header["rows"]
        found = [row["difference"] for row in rows if "difference" in row]
        if found:
            st.metric("Largest difference of any coordinate at any step", f"{max(found):.2g}")
        st.table(
            {
                "racer": [row["label"] for row in rows],
                "NumPy ends at": [_point(row.get("numpy")) for row in rows],
                "largest difference": [
                    f"{row['difference']:.2g}" if "difference" in row else row["reason"] for row in rows
                ],
                "torch ends at": [_point(row.get("torch")) for row in rows],
                "steps compared": [str(row.get("compared", "")) for row in rows],
            }
        )
        if any(row["optimizer"] in ("NAdam", "ASGD") for row in rows):
            st.caption("NAdam and ASGD keep some of their state in float32 in torch: their differences stay near 1e-9.")

    _follow(job, show, "Press the button: both libraries run, and the largest difference of their paths is shown.")


def _point(point: list[float] | None) -> str:
    return "" if point is None else f"({point[0]:.12g}, {point[1]:.12g})"


def code_tab(spec: RaceSpec) -> None:
    """The script of exactly this race, and its trails as a table."""
    from playground.landscapes.script import to_script

    script = to_script(spec)
    with st.container(horizontal=True):
        st.download_button("Script", script, "race.py", "text/x-python", icon=":material/code:", key="script")
        st.download_button(
            "All trails as CSV",
            partial(_csv, state.worker(), state.race()),  # what is asked for later has no session
            "race.csv",
            "text/csv",
            icon=":material/table:",
            key="csv",
            on_click="ignore",
            help="One line per racer and step, in full precision.",
        )
    st.caption("Run it anywhere with torch: it prints the final losses of the scoreboard, to the last digit.")
    st.code(script, language="python", height=520)


def _csv(worker: Worker, race: RaceSpec) -> bytes:
    job = worker.submit("csv", race)
    job.wait(120)
    return job.body if job.ok else (job.error or "The race took longer than two minutes.").encode()
