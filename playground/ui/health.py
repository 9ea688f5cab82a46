"""The advice under the picture, and the panel 'Health': what a run is like inside, layer by layer."""

from collections.abc import Iterable
from html import escape
from typing import Any

import streamlit as st

from playground.advice import (
    DEAD,
    LARGE_UPDATE,
    LARGE_WEIGHT,
    SATURATED,
    SMALL_UPDATE,
    VANISHING,
    Advice,
    advise,
    remarks,
)
from playground.spec import Experiment
from playground.ui.session import change, engine, handle, is_part
from playground.ui.session import experiment as present
from playground.ui.teaching import controls
from playground.ui.ticking import ticking

ADVICE_SECONDS, HEALTH_SECONDS = 3.0, 1.0
"""Between two looks at a playing run."""
AXES, PLACE = ("Unit", "From input"), "health-place"
"""What the numbers of a weight's place mean, and where the session keeps them: a widget forgets its own when it is not
drawn, as when another tensor has another size."""
WAITING = "The training host is starting; the numbers come with it."


# -- advice -------------------------------------------------------------------------------------------------------


def advice_line() -> None:
    """The most urgent advice, if there is any, with the button that tries the cure."""
    ticking(_advice, max(ADVICE_SECONDS, 10 * engine().pace) if handle().playing else None)


def _advice() -> None:
    run = handle()
    if run.experiment != present():
        return  # what is on screen cannot be trained as it is, which is said elsewhere
    facts = ask("health", full=False)
    found = advise(run.experiment, facts) if facts else []
    if found:
        _say(found[0])


def _say(advice: Advice) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="advice", gap="small"):
        st.markdown(f":material/lightbulb: {advice.message}", width="stretch")
        if advice.fix is not None and st.button(
            advice.cure,
            key="advice-cure",
            help="Tries this, from fresh weights." if advice.anew else "Tries this.",
        ):
            _try(advice)
            st.rerun()


def _try(advice: Advice) -> None:
    wanted, run = advice.fix, handle()
    assert wanted is not None, "there is a button only for a cure"
    change(lambda old: wanted)
    if advice.anew and run.experiment == wanted:
        run.reset()


def ask(question: str, **arguments: Any) -> dict[str, Any] | None:
    """The run's answer; None, with a line on the page, where there is none."""
    try:
        answer = handle().call(question, **arguments)
    except ValueError as error:
        st.caption(str(error))
        return None
    return answer


# -- the panel ----------------------------------------------------------------------------------------------------


@controls("health")
def health_panel() -> None:
    """Drawn while it is open: at most once a second while the run plays."""
    with st.expander("Health", icon=":material/monitor_heart:", on_change="rerun", key="health") as panel:
        if panel.open:
            ticking(_health, HEALTH_SECONDS if handle().playing else None)


def _health() -> None:
    facts = ask("health")
    if facts is None:
        st.caption(WAITING)
        return
    st.html(table(facts["layers"]))
    for line in sentences(facts["layers"]):
        st.markdown(line)
    st.caption(
        f"Step {facts['step']:,}. Gradient and step are those of the last batch; dead units and flat ends are counted "
        f"over up to 512 training points. Usual: a step of {SMALL_UPDATE:g} to {LARGE_UPDATE:g} of the weights, fewer "
        f"than {100 * DEAD:.0f} % dead units, fewer than {100 * SATURATED:.0f} % of the values at flat ends. "
        f"A weight is up to {LARGE_WEIGHT:g} on average, and a layer's gradient at least {VANISHING:g} of the "
        "largest one. ▲ marks what is outside; ‖·‖ is the norm, √(sum of squares)."
    )
    _one_weight(handle().experiment, facts["layers"])
    if computed_with := "".join(numbers(layer) for layer in facts["layers"]):
        st.html(computed_with)


COLUMNS = {
    "Layer": "",
    "‖weights‖": "Norm of the layer's weights",
    "‖gradient‖": "Norm of the gradient of the last batch",
    "step / weights": "Norm of the last update over the norm of the weights",
    "dead": "Share of the units that give 0 for every training point",
    "flat ends": "Share of the values where the activation is nearly flat",
    "weights": "How the weights are spread, from the least to the largest",
    "gradients": "How the gradients are spread",
    "values": "How the values that leave the layer are spread",
}


def table(layers: Iterable[dict[str, Any]]) -> str:
    """The layers' numbers as an HTML table; everything in it is a number or a name of ours."""
    head = "".join(f'<th title="{escape(help)}">{escape(title)}</th>' for title, help in COLUMNS.items())
    body = "".join(_row(layer) for layer in layers)
    return f'<div class="health-table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(layer: dict[str, Any]) -> str:
    notes = remarks(layer)
    learns, weight, gradient, ratio = (
        layer["weight"] is not None,
        layer["weight"],
        layer["gradient"],
        layer["update_ratio"],
    )
    cells = [
        f"<th>{layer['index'] + 1} {escape(layer['title'])}</th>",
        _cell(_number(weight["norm"]) if weight else "", notes, "weight"),
        _cell(_number(gradient["norm"]) if gradient else "none yet" if learns else "", notes, "gradient"),
        _cell(_number(ratio) if ratio is not None else "none yet" if learns else "", notes, "update"),
        _cell("" if layer["dead"] is None else f"{100 * layer['dead']:.0f} %", notes, "dead"),
        _cell("" if layer["saturated"] is None else f"{100 * layer['saturated']:.0f} %", notes, "saturated"),
        *(f"<td>{bars(part['histogram']) if part else ''}</td>" for part in (weight, gradient, layer["activation"])),
    ]
    return f"<tr>{''.join(cells)}</tr>"


def numbers(layer: dict[str, Any]) -> str:
    """What a layer without a matrix computes with, such as the running mean of a batch norm; '' where there is none."""
    if not layer["numbers"]:
        return ""
    units = max(map(len, layer["numbers"].values()))
    head = "".join(f"<th>unit {unit}</th>" for unit in range(units))
    rows = "".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{_number(value)}</td>' for value in values)}</tr>"
        for name, values in layer["numbers"].items()
    )
    head = f"<tr><th>{layer['index'] + 1} {escape(layer['title'])}</th>{head}</tr>"
    return f'<div class="health-table"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _cell(text: str, notes: dict[str, Any] | None = None, name: str = "") -> str:
    note = (notes or {}).get(name)
    if note is None or not text:
        return f"<td>{text}</td>"
    mark = '<b class="watch">▲</b> ' if note.level == "watch" else ""
    return f'<td title="{escape(note.sentence)}">{mark}{text}</td>'


def _number(value: float) -> str:
    return f"{value:.3g}"


def bars(histogram: dict[str, list[float]]) -> str:
    """A histogram as a row of bars, with its ends in figures."""
    most = max(histogram["counts"]) or 1
    drawn = "".join(f'<i style="height:{100 * count / most:.0f}%"></i>' for count in histogram["counts"])
    low, high = _number(histogram["edges"][0]), _number(histogram["edges"][-1])
    return (
        f'<span class="bars" role="img" aria-label="from {low} to {high}">{drawn}</span><small>{low} … {high}</small>'
    )


def sentences(layers: list[dict[str, Any]]) -> list[str]:
    """What is outside of the usual, in words, and what to try; one line for all that has not begun."""
    lines = []
    for layer in layers:
        lines += [
            f"▲ **Layer {layer['index'] + 1} ({layer['title']})**: {note.sentence}"
            for note in remarks(layer).values()
            if note.level == "watch"
        ]
    learning = [remarks(layer) for layer in layers if layer["weight"] is not None]
    if learning and learning[0]["gradient"].level == "none":
        lines.append(learning[0]["gradient"].sentence)
    return lines


# -- one weight ---------------------------------------------------------------------------------------------------


def _one_weight(experiment: Experiment, layers: list[dict[str, Any]]) -> None:
    """What the optimizer keeps for a weight that the visitor chooses."""
    places = [(layer, name) for layer in layers for name in layer["parameters"]]
    if not places:
        return
    st.markdown(f"**One weight, as {experiment.optimizer.name} sees it**")
    if st.session_state.get("health-tensor", 0) >= len(places):
        st.session_state["health-tensor"] = 0  # there are fewer layers now
    with st.container(horizontal=True, gap="small"):
        number = st.selectbox(
            "Layer and tensor",
            range(len(places)),
            format_func=lambda i: f"{places[i][0]['index'] + 1} {places[i][0]['title']} · {places[i][1]}",
            key="health-tensor",
            width=220,
        )
        layer, name = places[number]
        shape = layer["parameters"][name]
        index = [_place(axis, label, size) for axis, (label, size) in enumerate(zip(AXES, shape, strict=False))]
    told = ask("weight", layer=layer["index"], name=name, index=index)
    if told is None:
        return
    rows = [
        ("value", "", told["value"]),
        ("gradient", "of the last batch", told["gradient"]),
        ("update", "what the last step added", told["update"]),
        *((item["name"], item["meaning"], item["value"]) for item in told["state"]),
    ]
    st.html(_pairs(rows))
    if not told["state"]:
        st.caption(_stateless(experiment.optimizer.name, told["gradient"] is None))


def _place(axis: int, label: str, size: int) -> int:
    """One number of the weight's place; what is kept may be more than this tensor has."""
    kept, key = f"{PLACE}-{axis}", f"health-{axis}-{size}"
    at = min(st.session_state.get(kept, 0), size - 1)
    st.session_state.setdefault(key, at)
    given = int(st.number_input(label, 0, size - 1, at, key=key, width=130, disabled=size == 1))
    if given != at:
        st.session_state[kept] = given
        if is_part():
            st.rerun()  # the whole page, for the address
    return given


def _pairs(rows: Iterable[tuple[str, str, float | None]]) -> str:
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{'none yet' if value is None else f'{value:.6g}'}</td>"
        f"<td>{escape(meaning)}</td></tr>"
        for name, meaning, value in rows
    )
    return f'<div class="health-table"><table><tbody>{body}</tbody></table></div>'


def _stateless(optimizer: str, new: bool) -> str:
    if new:
        return "The optimizer has no state yet: it comes with the first step."
    if optimizer == "LBFGS":
        return "L-BFGS keeps the last steps of all weights together, and nothing for a single one."
    return f"{optimizer} keeps nothing for this weight from one step to the next."
