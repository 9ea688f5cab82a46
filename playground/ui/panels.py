"""The controls of the Train page: what to learn from, and how."""

import streamlit as st

from playground.catalog import DATASETS, FEATURES, FILE_SETS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.catalog.base import Value
from playground.fit import fitted
from playground.spec import (
    FRACTION,
    TRAINING,
    Args,
    DataSpec,
    Experiment,
    LossSpec,
    OptimizerSpec,
    SchedulerSpec,
)
from playground.ui.controls import Make, entry_select, param_control, part_params
from playground.ui.session import change, index_of, on_change, on_click, show
from playground.ui.teaching import controls, group, locked

RESTARTS = ":material/restart_alt:"
"""Marks what starts training anew."""
NO_SCHEDULE = "constant"
ENGINES = {"torch": "PyTorch", "numpy": "NumPy from scratch"}
ANSWERS = {"labels": "its target", "inputs": "its input again"}
"""`DataSpec.target` in words."""
WHY_NUMPY = (
    "On small networks NumPy does about five times the steps, and a bare step is some ten times faster: 99 % of "
    "PyTorch's eager step on a tiny net is dispatch, not arithmetic. The curve is the same to float32 rounding. "
    "The code below stays PyTorch's."
)


@controls("data")
def data_panel(experiment: Experiment) -> None:
    """Data set, its size and noise, the split and the inputs. Every change here starts training anew."""
    data = experiment.data
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**Data** {RESTARTS}", width="content")
        with group("seed") as drawn:
            if drawn:
                st.button(
                    "New points",
                    icon=":material/casino:",
                    key="new-points",
                    type="tertiary",
                    help="Draw other points and another split.",
                    disabled=locked(),
                    on_click=on_click(change),
                    args=(lambda old: old.but(data=old.data.but(seed=old.data.seed + 1)),),
                )
    show("data", data.name)
    offered = [*DATASETS, *([data.name] if data.entry.file else [])]
    st.selectbox(
        "Data set",
        offered,
        index_of(offered, data.name),
        format_func=_dataset_title,
        key="data",
        help="Choosing another one adapts the output layer and the loss. Uploads and downloads are on the page Data.",
        label_visibility="collapsed",
        disabled=locked(),
        on_change=on_change("data", choose_dataset),
    )
    st.caption(data.entry.summary)
    for param in data.entry.params:
        if param.low == param.high or data.points or param.name in data.entry.fixed:
            continue

        def set_argument(old: Experiment, value: Value, name: str = param.name) -> Experiment:
            return fitted(old, old.data.set(**{name: value}))

        param_control(param, data[param.name], f"data-{param.name}", set_argument)
    show("data-split", round(100 * data.train_fraction))
    st.slider(
        "Training share",
        round(100 * (FRACTION.low or 0)),
        100,
        round(100 * data.train_fraction),
        step=5,
        format="%d %%",
        key="data-split",
        help="Share of the points to train on. The others validate: the network never trains on them.",
        disabled=locked(),
        on_change=on_change("data-split", lambda old, share: old.but(data=old.data.but(train_fraction=share / 100))),
    )
    if data.features:
        show("data-features", list(data.features))
        st.pills(
            "Inputs",
            list(FEATURES),
            selection_mode="multi",
            default=list(data.features),
            format_func=lambda name: FEATURES[name],
            key="data-features",
            help="What the network sees of a point.",
            disabled=locked(),
            on_change=on_change("data-features", _set_features),
        )
    st.caption(f"{RESTARTS} marks what starts training anew, from step 0. The rest changes while it plays.")


@controls("data")
def target_control(experiment: Experiment) -> None:
    """What the network should answer with, where its own input is a possible answer."""
    data = experiment.data
    if data.entry.view != "table" or data.tokens:
        return
    show("data-target", data.target)
    st.segmented_control(
        "The network answers with",
        list(ANSWERS),
        default=data.target,
        format_func=lambda name: ANSWERS[name],
        key="data-target",
        required=True,
        help="A network that makes its own input again, through few units, is an autoencoder. Choosing adapts the "
        "output layer and the loss.",
        disabled=locked(),
        on_change=on_change("data-target", _set_target),
    )


def _set_target(old: Experiment, name: str) -> Experiment:
    if name in (None, old.data.target):
        return old
    return fitted(old, old.data.but(target=name))


def _dataset_title(name: str) -> str:
    entry = DATASETS.get(name) or FILE_SETS[name]
    return f"{entry.title} · {entry.group.lower()}"


def _set_features(old: Experiment, names: list[str]) -> Experiment:
    if not names:
        raise ValueError("Inputs: the network needs at least one; choose another one before you remove this.")
    return old.but(data=old.data.but(features=tuple(names)))


def choose_dataset(old: Experiment, name: str) -> Experiment:
    """The same network on other data: the output and the loss follow the task.

    Between sets of different kinds (a table after a plane) hardly anything would fit, so the starter is taken; so it is
    with pictures and sequences.
    """
    if name == old.data.name:
        return old
    starter = Experiment.starter(name)
    ranks = {len(starter.data.input_shape), len(old.data.input_shape)}
    if starter.data.entry.view != old.data.entry.view or ranks != {1} or "xor4" in (name, old.data.name):
        return starter.but(seed=old.seed)
    data = DataSpec(
        name=name,
        args=Args({key: value for key, value in old.data.args.items() if key in starter.data.args and key != "n"}),
        features=old.data.features,
        train_fraction=old.data.train_fraction,
        seed=old.data.seed,
    )
    return fitted(old, data)


def learning_bar(experiment: Experiment) -> None:
    """Optimizer, rate, batches, schedule and loss in one row. All but the loss change while the run plays."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="learning"):
        _optimizer_controls(experiment)
        _batch_control(experiment)
        _schedule_control(experiment)
        _loss_control(experiment)
        with st.popover(
            "More", icon=":material/tune:", help="Every other setting of the loop.", key="more", on_change="rerun"
        ) as more:
            if more.open:
                more_settings(experiment)


@controls("optimizer")
def _optimizer_controls(experiment: Experiment) -> None:
    optimizer = experiment.optimizer
    with st.container(width=130):
        entry_select(
            "Optimizer",
            OPTIMIZERS,
            optimizer.name,
            "optimizer",
            lambda old, name: old.but(optimizer=_optimizer(name)),
        )
    with st.container(width=120):
        rate = optimizer.entry.params[0]
        param_control(rate, optimizer["lr"], "lr", lambda old, lr: old.but(optimizer=old.optimizer.set(lr=lr)))


@controls("training")
def _batch_control(experiment: Experiment) -> None:
    with st.container(width=130):
        size = experiment.training.batch_size
        param_control(TRAINING["batch_size"], size, "batch_size", _training("batch_size"))


@controls("schedule")
def _schedule_control(experiment: Experiment) -> None:
    schedule = experiment.scheduler.name if experiment.scheduler else NO_SCHEDULE
    with st.container(width=170):
        show("schedule", schedule)
        st.selectbox(
            "Schedule",
            [NO_SCHEDULE, *SCHEDULERS],
            index_of([NO_SCHEDULE, *SCHEDULERS], schedule),
            key="schedule",
            help=SCHEDULERS[schedule].summary if schedule in SCHEDULERS else "The learning rate stays as it is.",
            disabled=locked(),
            on_change=on_change("schedule", _set_schedule),
        )


@controls("loss")
def _loss_control(experiment: Experiment) -> None:
    with st.container(width=200):
        entry_select(
            f"Loss {RESTARTS}",
            LOSSES,
            experiment.loss.name,
            "loss",
            lambda old, name: old.but(loss=LossSpec(name=name)),
        )


def more_settings(experiment: Experiment) -> None:
    """Every other argument of the optimizer, the schedule, the loss and the loop."""
    _optimizer_settings(experiment)
    _schedule_settings(experiment)
    _loss_settings(experiment)
    _loop_settings(experiment)


@controls("optimizer")
def _optimizer_settings(experiment: Experiment) -> None:
    if experiment.optimizer.entry.params[1:]:
        st.caption(f"**{experiment.optimizer.name}** · ${experiment.optimizer.entry.formula}$")
        part_params(experiment.optimizer, "optimizer", lambda old, part: old.but(optimizer=part), skip=("lr",))


@controls("schedule")
def _schedule_settings(experiment: Experiment) -> None:
    if experiment.scheduler:
        st.caption(f"**{experiment.scheduler.name}** · ${experiment.scheduler.entry.formula}$")
        part_params(experiment.scheduler, "scheduler", lambda old, part: old.but(scheduler=part))


@controls("loss")
def _loss_settings(experiment: Experiment) -> None:
    if experiment.loss.entry.params:
        st.caption(f"**{experiment.loss.name}** :material/restart_alt:")
        part_params(experiment.loss, "loss", lambda old, part: old.but(loss=part))


@controls("training")
def _loop_settings(experiment: Experiment) -> None:
    st.caption("**The loop**")
    for name, param in TRAINING.items():
        if name not in ("batch_size", "engine"):
            param_control(param, getattr(experiment.training, name), name, _training(name))
    engine_control(experiment)


def engine_control(experiment: Experiment) -> None:
    """What computes the steps."""
    show("engine", experiment.training.engine)
    st.selectbox(
        f"Engine {RESTARTS}",
        list(ENGINES),
        index_of(ENGINES, experiment.training.engine),
        format_func=lambda name: ENGINES[name],
        key="engine",
        help=TRAINING["engine"].help,
        disabled=locked(),
        on_change=on_change("engine", _training("engine")),
    )
    st.caption(WHY_NUMPY)


def _training(name: str) -> Make:
    def make(old: Experiment, value: object) -> Experiment:
        return old.but(training=old.training.but(**{name: value}))

    return make


def _optimizer(name: str) -> OptimizerSpec:
    """Another optimizer with its own usual rate: one rate for all means nothing."""
    usual = {"Adam": 0.01, "AdamW": 0.01, "NAdam": 0.01, "RAdam": 0.01, "Adamax": 0.01, "SGD": 0.03, "Adagrad": 0.1}
    return OptimizerSpec(name=name, args=Args({"lr": usual[name]} if name in usual else {}))


def _set_schedule(old: Experiment, name: str) -> Experiment:
    if name == NO_SCHEDULE:
        return old.but(scheduler=None)
    return old.but(scheduler=SchedulerSpec(name=name))
