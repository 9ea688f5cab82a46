"""Words of the address bar for what a page shows beside its value: which tab, which panels, how fast.

A word is read when its widget is first drawn, and left out while the widget has its plain value. A text that no widget
could have written is passed over: it changes what is looked at, never what is computed.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from playground.ui.rerun import undisturbed

SENT = "address-sent"
"""What the browser was told last."""


@dataclass(frozen=True)
class Word:
    """One word of the address bar.

    Attributes:
        name: as it stands in the address.
        keys: of the widgets that it describes.
        read: text -> the widgets' values by key; ValueError where it says nothing.
        write: the widgets' values by key -> text; "" for the plain ones.
    """

    name: str
    keys: tuple[str, ...]
    read: Callable[[str], dict[str, Any]]
    write: Callable[[dict[str, Any]], str]


def choice(name: str, key: str, plain: Any, values: Iterable[Any] | Callable[[], Iterable[Any]]) -> Word:
    """For a widget that offers a few values; a function gives them where looking them up has a price."""

    def read(text: str) -> dict[str, Any]:
        texts = {_slug(str(value)): value for value in (values() if callable(values) else values)}
        if text not in texts:
            raise ValueError(text)
        return {key: texts[text]}

    return Word(name, (key,), read, lambda state: "" if state[key] in (plain, None) else _slug(str(state[key])))


def whole(name: str, key: str, plain: int | Callable[[], int], low: int, high: int) -> Word:
    """For a whole number within its limits; a function says what is plain where that depends on the page's value."""

    def read(text: str) -> dict[str, Any]:
        if not re.fullmatch(r"\d{1,12}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(text)
        return {key: int(text)}

    def write(state: dict[str, Any]) -> str:
        return "" if state[key] in (plain() if callable(plain) else plain, None) else str(state[key])

    return Word(name, (key,), read, write)


def opened(name: str, keys: tuple[str, ...]) -> Word:
    """For panels: which of them are open."""
    return Word(
        name,
        keys,
        lambda text: {key: True for key in keys if key in text.split("_")},
        lambda state: "_".join(key for key in keys if state.get(key)),
    )


def take(words: Iterable[Word]) -> None:
    """Set the widgets as the address says; before they are drawn."""
    for word in words:
        if word.name not in st.query_params or any(key in st.session_state for key in word.keys):
            continue
        try:
            st.session_state.update(word.read(st.query_params[word.name]))
        except ValueError:
            continue


@undisturbed()
def write_whole(wanted: dict[str, str]) -> None:
    """Make this the whole address, also where a late message of the browser has brought the one from before."""
    if wanted != st.query_params.to_dict() or wanted != st.session_state.get(SENT, wanted):
        st.session_state[SENT] = wanted
        st.query_params.from_dict(wanted)


def give(words: Iterable[Word]) -> None:
    """Have the address say how the widgets are set; after they were drawn."""
    address = st.query_params.to_dict()
    wanted = dict(address)
    for word in words:
        state = {key: st.session_state[key] for key in word.keys if key in st.session_state}
        if text := word.write(state) if state else "":
            wanted[word.name] = text
        else:
            wanted.pop(word.name, None)
    write_whole(wanted)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
