"""The page 'Data': what there is to learn from, how it is dealt out, and data of the visitor's own."""

from collections.abc import Callable

import streamlit as st

from playground.spec import TRAINING, Experiment
from playground.templates import TEMPLATES, Template
from playground.ui import data_html as html
from playground.ui import session
from playground.ui.controls import Make, param_control
from playground.ui.health import ask
from playground.ui.session import change, handle, on_change, on_click, show

VIEW = "data-view"
VIEWS = {"samples": "Samples", "batches": "Batches", "scale": "Standardisation", "code": "Code"}
BATCH = ("batch_size", "shuffle", "drop_last")
WAITING = "The data is being loaded …"


def data_page(experiment: Experiment) -> None:
    """Everything right of the controls."""
    st.session_state.setdefault(VIEW, "samples")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="data-bar"):
        st.segmented_control(
            "What to look at", list(VIEWS), default=st.session_state[VIEW], key=VIEW, required=True,
            format_func=lambda key: VIEWS[key], label_visibility="collapsed",
        )  # fmt: skip
        st.space("stretch")
        train_on_it(experiment)
    if handle().snapshot.header["status"] in ("starting", "reviving"):
        st.fragment(_wait, run_every=0.5)()
        return
    facts = ask("data", which="next")
    if facts is None:
        return
    {"samples": _samples, "batches": _batches, "scale": _scale, "code": _code}[st.session_state[VIEW] or "samples"](
        experiment, facts
    )


def _wait() -> None:
    st.caption(WAITING)
    session.engine().start()  # the first host waits for the first page to be painted
    if handle().poll(timeout=0.3).header["status"] not in ("starting", "reviving"):
        st.rerun()


def train_on_it(experiment: Experiment) -> None:
    """To the page Train, with the network that is there or with one that is made for such data."""
    suiting = [template for template in TEMPLATES.values() if template.suits(experiment.data)]
    with st.popover("Network", icon=":material/auto_fix_high:", key="data-network", on_change="rerun") as panel:
        if panel.open:
            st.caption(f"Now: {', '.join(layer.name for layer in experiment.layers)}. Networks that suit this data:")
            for template in suiting:
                st.button(
                    template.title, key=f"data-network-{template.name}", type="tertiary", help=template.text,
                    on_click=on_click(change), args=(_with(template),),
                )  # fmt: skip
    if st.button(
        "Train on it",
        help="To the page Train, with this data and this network.",
        icon=":material/play_arrow:",
        key="data-train",
        type="primary",
    ):
        st.switch_page("app_pages/train.py")


def _with(template: Template) -> Callable[[Experiment], Experiment]:
    return lambda old: template.experiment(old.data).but(seed=old.seed)


def _samples(experiment: Experiment, facts: dict) -> None:
    left, right = st.columns([68, 32], gap="medium")
    with left:
        rows = left
        if facts["places"]:
            picture, rows = st.columns(2, gap="small")
            picture.image(html.points(facts), width="stretch")
        rows.html(html.samples(facts))
        rings = "Filled points and solid frames train, rings and dashed frames validate"
        solid = rings if facts["places"] else "Solid frames train, dashed ones validate"
        st.caption(f"{solid}. Every one is a sample as it stands in the set.")
    with right:
        st.markdown("**Class balance**" if facts["names"] else "**Targets**")
        st.html(html.balance(facts))
        st.caption(_balance_said(facts))
        st.markdown("**The split**")
        st.html(html.split(facts))
        how = "the first ones train, since neighbours overlap" if experiment.data.entry.ordered else "drawn at random"
        st.caption(
            f"{facts['train']:,} samples train, {facts['val']:,} validate ({how}, seed {experiment.data.seed}). "
            "The network never trains on the latter."
        )


def _balance_said(facts: dict) -> str:
    if not facts["names"]:
        return "Where there are few samples, the network has little to go by."
    together = [a + b for a, b in zip(facts["counts"]["train"], facts["counts"]["val"], strict=True)]
    most = max(range(len(together)), key=lambda k: together[k])
    share = together[most] / sum(together)
    return f"Training filled, validation pale. Always saying '{facts['names'][most]}' is right {share:.0%} of the time."


def _batches(experiment: Experiment, facts: dict) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="data-batches"):
        st.button(
            "Next batch",
            icon=":material/skip_next:",
            key="data-next",
            type="primary",
            help="Train on the batch below: one step. The next one comes then.",
            on_click=on_click(handle().step),
        )
        for name in BATCH:
            with st.container(width=150):
                param_control(TRAINING[name], getattr(experiment.training, name), f"data-{name}", _setting(name))
        with st.container(width=150):
            show("data-seed", experiment.seed)
            st.number_input(
                "Seed", 0, 2**31 - 1, experiment.seed, step=1, key="data-seed",
                help="Of the order, and of the first weights.",
                on_change=on_change("data-seed", lambda old, seed: old.but(seed=seed)),
            )  # fmt: skip
    shown = "" if len(facts["batch"]) == facts["size"] else f", the first {len(facts['batch'])} below"
    mean = "not finite" if facts["mean"] is None else f"{facts['mean']:.4g}"
    st.markdown(
        f"Epoch {int(facts['epoch']) + 1}, batch **{facts['number']} of {facts['batches']:,}**: {facts['size']:,} "
        "samples"
        f"{shown}. Mean loss **{mean}**: what its step lowers."
    )
    st.html(html.batch(facts))
    (size, often), *short = facts["sizes"]
    left_over = facts["points"] - size * often
    if experiment.training.drop_last and left_over:
        last = f"; drop_last leaves {left_over:,} out of every epoch, others each time"
    else:
        last = f" and a last, short one of {short[0][0]:,}" if short else ""
    dealt = "dealt anew every epoch" if facts["shuffle"] else "in the same order every epoch"
    st.caption(f"{facts['points']:,} training samples make {often:,} batches of {size:,}{last}, {dealt}.")


def _setting(name: str) -> Make:
    return lambda old, value: old.but(training=old.training.but(**{name: value}))


def _scale(experiment: Experiment, facts: dict) -> None:
    entry = experiment.data.entry
    if not facts["inputs"]:
        st.info("Tokens are names, not amounts: there is nothing to standardise.", icon=":material/info:")
        return
    st.html(html.inputs(facts))
    if entry.standardize:
        st.caption(
            "x' = (x − mean) / std, mean ± std as in the table. Both are those of the training part alone: there "
            "the result "
            "is 0 ± 1, and nearly so in validation, whose samples nobody has looked at. With statistics of everything, "
            "the network would already know something of what it is tested on: a leak."
            + (" A column that never changes becomes 0." if not entry.together else "")
        )
    else:
        st.caption("This set is given as it is: its numbers already lie near 0 and are of one size.")


def _code(experiment: Experiment, facts: dict) -> None:
    from playground.export import to_script  # brings NumPy along, which the first picture does not need

    try:
        script = to_script(experiment)
    except ValueError as error:
        st.info(str(error), icon=":material/info:")
        return
    if experiment.data.file:
        _give_back(experiment)
    body = script[script.index("import ") :].partition("\n\n# Network")[0].rstrip()
    st.code(body, language="python", height=520)
    st.caption("The first part of the experiment's script: data, split, standardisation, TensorDataset and DataLoader.")


def _give_back(experiment: Experiment) -> None:
    from playground.data import store

    name = "upload.csv" if experiment.data.entry.file == "csv" else "upload.npz"
    try:
        content = store.get(experiment.data.file)
    except ValueError as error:
        st.warning(str(error), icon=":material/warning:")
        return
    st.download_button(
        name, content, name, key="data-give-back", icon=":material/download:", on_click="ignore",
        help="The file as the script reads it: put it beside the script.",
    )  # fmt: skip


def own_data() -> None:
    """Uploads and downloads, in a panel that stands above the rest while it is open."""
    from playground.ui.uploads import uploads_panel

    with st.expander(
        "Your own data, MNIST and Fashion-MNIST", icon=":material/upload_file:", on_change="rerun", key="own-data"
    ) as panel:
        if panel.open:
            uploads_panel()


__all__ = ["data_page", "own_data", "session"]
