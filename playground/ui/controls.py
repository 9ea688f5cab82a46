"""Widgets drawn from registry entries: every limit, help text and default comes from there."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from playground.catalog.base import Entry, Param
from playground.spec import Experiment, Part
from playground.ui.session import index_of, on_change, show
from playground.ui.teaching import locked

Make = Callable[[Experiment, Any], Experiment]
OnChange = Callable[[str, Callable[[Any, Any], Any]], Any]
"""Makes a widget's `on_change` from its key and what makes a new value of the old; other pages have their own."""

RATES = (*(float(f"{digit}e{power}") for power in range(-5, 1) for digit in (1, 3)), 10.0)


def param_control(
    param: Param, value: Any, key: str, make: Any, disabled: bool = False, on: OnChange = on_change
) -> None:
    """The widget for one parameter; a new value goes through `make`, by way of `on`."""
    label = f"{param.label[0].upper()}{param.label[1:]}" if param.label else f"`{param.name}`"
    disabled = disabled or locked()
    shown: dict[str, Any] = {"key": key, "help": param.help or None, "disabled": disabled}
    if param.kind == "pair":
        _pair_control(param, value, key, make, label, disabled, on)
        return
    if param.kind == "bool":
        show(key, value)
        st.toggle(label, value, on_change=on(key, make), **shown)
    elif param.kind == "choice":
        show(key, value)
        index = index_of(param.choices, value)
        st.selectbox(label, param.choices, index, format_func=str, on_change=on(key, make), **shown)
    elif param.kind == "expression":
        show(key, value)
        st.text_input(label, value, on_change=on(key, make), **shown)
    elif param.kind == "sizes":
        _sizes_control(value, make, label, shown, on)
    elif param.default is None:
        _optional_control(param, value, make, label, shown, on)
    elif param.scale == "log":
        _log_control(param, value, key, make, label, shown, on)
    elif _is_share(param):
        show(key, float(value))
        low, high = param.low, param.high
        st.slider(label, low, high, float(value), step=0.01, format="%g", on_change=on(key, make), **shown)
    elif param.kind == "int":
        show(key, value)
        low, high = (None if bound is None else int(bound) for bound in (param.low, param.high))
        st.number_input(label, low, high, value, step=1, format="%d", on_change=on(key, make), **shown)
    else:
        show(key, float(value))
        low, high = param.low, param.high
        st.number_input(label, low, high, float(value), step=0.1, format="%g", on_change=on(key, make), **shown)


def _sizes_control(value: tuple[int, ...], make: Any, label: str, shown: dict[str, Any], on: OnChange) -> None:
    """Whole numbers with an x between them, such as 1 x 28 x 28."""

    def typed(old: Any, given: str) -> Any:
        parts = [part for part in re.split(r"[\s,;x×*]+", given.strip()) if part]
        return make(old, tuple(int(part) if part.isdecimal() else part for part in parts))

    text = " x ".join(map(str, value))
    show(shown["key"], text)
    st.text_input(label, text, on_change=on(shown["key"], typed), **shown)


def _optional_control(param: Param, value: Any, make: Any, label: str, shown: dict[str, Any], on: OnChange) -> None:
    """A number that may be left out; it then follows from something else."""
    show(shown["key"], value)
    whole = param.kind == "int"
    st.number_input(
        label,
        None if param.low is None else int(param.low) if whole else param.low,
        None if param.high is None else int(param.high) if whole else param.high,
        value,
        step=1 if whole else None,
        format="%d" if whole else "%g",
        placeholder="inferred",
        on_change=on(shown["key"], make),
        **shown,
    )


def _is_share(param: Param) -> bool:
    """Whether a slider in hundredths covers the parameter: a range of at most 1 with such a default."""
    if param.kind != "float" or param.low is None or param.high is None or param.high - param.low > 1:
        return False
    return all(round(100 * edge, 6).is_integer() for edge in (param.default, param.low, param.high))  # type: ignore[arg-type, operator]


def _log_control(
    param: Param, value: float, key: str, make: Any, label: str, shown: dict[str, Any], on: OnChange
) -> None:
    """Usual sizes to pick from, and any other number typed in."""
    usual = [rate for rate in RATES if (param.low or 0) <= rate <= (param.high or rate)]
    options = sorted({*([0.0] if param.low == 0 and param.name != "lr" else []), *usual, float(value)})
    show(key, float(value))

    def typed(old: Any, given: Any) -> Any:
        return make(old, number(given, label))

    st.selectbox(
        label,
        options,
        index_of(options, float(value)),
        format_func=lambda rate: f"{rate:g}" if isinstance(rate, float) else str(rate),
        accept_new_options=True,
        on_change=on(key, typed),
        **shown,
    )


def number(given: Any, label: str) -> float:
    """What was typed, as a number; `1e-3`, `0,001` and `1/1000` are all fine.

    Raises:
        ValueError: it is no number.
    """
    text = str(given).strip().replace(",", ".")
    match = re.fullmatch(r"([\d.]+)\s*/\s*([\d.]+)", text)
    try:
        if match:
            numerator, denominator = match.groups()
            return float(numerator) / float(denominator)
        return float(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{label}: {str(given)[:40]!r} is not a number; type one such as 0.01 or 1e-3.") from None


def _pair_control(param: Param, value: Any, key: str, make: Any, label: str, disabled: bool, on: OnChange) -> None:
    for index, column in enumerate(st.columns(2)):
        one = replace(param, kind="float", default=param.default[index], label=f"{label} {index + 1}")  # type: ignore[index]

        def set_one(old: Any, given: float, index: int = index) -> Any:
            return make(old, tuple(given if i == index else other for i, other in enumerate(value)))

        with column:
            param_control(one, value[index], f"{key}-{index}", set_one, disabled, on)


def part_params(part: Part, key: str, make: Any, skip: tuple[str, ...] = (), on: OnChange = on_change) -> None:
    """A widget for every argument of a part but those in `skip`; `make` takes the changed part."""
    for param in part.entry.params:
        if param.name in skip:
            continue

        def set_argument(old: Any, value: Any, name: str = param.name) -> Any:
            return make(old, part.set(**{name: value}))

        param_control(param, part[param.name], f"{key}-{param.name}", set_argument, on=on)


def entry_select(
    label: str,
    registry: Mapping[str, Entry],
    value: str,
    key: str,
    make: Any,
    on: OnChange = on_change,
    **shown: Any,
) -> None:
    """A select box over a registry, with the chosen entry's summary as help."""
    show(key, value)
    st.selectbox(
        label,
        list(registry),
        index_of(registry, value),
        format_func=lambda name: registry[name].title,
        key=key,
        help=registry[value].summary,
        disabled=locked(),
        on_change=on(key, make),
        **shown,
    )
