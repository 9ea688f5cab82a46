"""The graph on the Autograd page: one component that draws a picture made by `playground.autograd.graph`.

As with the live view, the code that draws travels alone in a component of its own (`graph_code`), so that a slider's
rerun sends the picture and not the code.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_ASSETS = Path(__file__).resolve().parents[2] / "assets"
_SCRIPT = (_ASSETS / "graph.js").read_text("utf-8")
_STYLE = (_ASSETS / "graph.css").read_text("utf-8")
_VERSION = hashlib.sha256((_SCRIPT + _STYLE).encode()).hexdigest()[:12]

_CODE_KEY = "playground-graph-code"
_CODE = st.components.v2.component(
    "playground_graph_code",
    css=f".st-key-{_CODE_KEY} {{\n display: none }}",
    js=_SCRIPT,
    isolate_styles=False,
)
_GRAPH = st.components.v2.component(
    "playground_graph",
    html='<div class="pg-graph"></div>',
    css=":host {\n display: block }",
    js=f"""export default (mount) => {{
  const graph = ((globalThis.playgroundGraph ??= {{}})["{_VERSION}"] ??= {{ waiting: [] }});
  graph.show ? graph.show(mount) : graph.waiting.push(mount);
}};""",
)


def graph_code() -> None:
    """Send the code that draws graphs; once per full run. It takes no space."""
    _CODE(key=_CODE_KEY, data={"version": _VERSION, "style": _STYLE})


def graph_view(
    picture: dict[str, Any],
    *,
    key: str,
    id: str,
    height: int,
    step: int | None = None,
    node: int | None = None,
    moved: Callable[[], None],
) -> dict[str, Any]:
    """Draw a picture, with its scrubber and the words of its step.

    Args:
        id: what the picture is of; with another one the walk begins anew at `step` and `node` (None: at its end, and no
            node). With the same one the visitor stays where they are, while the numbers change.
        height: of the drawing, in px.
        moved: called before the run that a move of the visitor causes.

    Returns:
        Where the visitor stands, a moment after they stopped moving: {"step": int | None, "node": int | None}.
    """
    data = json.dumps({"id": id, "graph": picture, "height": height, "step": step, "node": node}, allow_nan=False)
    at = {"id": id, "step": step, "node": node}
    result = _GRAPH(key=key, data=data, default={"at": at}, on_at_change=moved)
    return dict(result.at) if result.at and result.at["id"] == id else at  # else it is of the picture before


def hold(key: str, value: Any) -> None:
    """Make the widget `key` show `value`.

    It is told only where it shows something else: a value sent by the server overrides what the visitor has set
    the widget to in the meantime, and fast keys on a slider would be lost.
    """
    if st.session_state.get(key) != value:
        st.session_state[key] = value
