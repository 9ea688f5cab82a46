"""The live view: one component that draws a run's newest snapshot, about ten times a second.

Streamlit sends a component's inline code again with every update. So the code that draws travels alone, in a
component without a picture (`live_code`, mounted once per full run), and the component that is fed with snapshots
(`live_view`) holds no more than a call into it. The code is in assets/live/: several files, joined here into
one module, since a component's inline code cannot import its neighbours.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_ASSETS = Path(__file__).resolve().parents[2] / "assets" / "live"
_OUTPUTS = ("plane", "line", "confusion", "scatter", "continued", "output")
_TOUCH = ("send", "edit", "trace", "switches", "hidden", "points")
_DRAWN = ("network", *_OUTPUTS, "curves")
_PARTS = ("snapshot", "stream", "format", "theme", "paint", *_DRAWN, *_TOUCH, "focus", "phases", "view")
_SCRIPT = "\n".join((_ASSETS / f"{part}.js").read_text("utf-8") for part in _PARTS)
_STYLE = (_ASSETS / "live.css").read_text("utf-8")

# A browser tab may outlive a new version of the code: view and code find each other by what the code is.
_VERSION = hashlib.sha256((_SCRIPT + _STYLE).encode()).hexdigest()[:12]

MOST_MESSAGES = 50
"""How many of the messages in one trigger are read."""

_CODE_KEY = "playground-live-code"
_CODE = st.components.v2.component(
    "playground_live_code",
    css=f".st-key-{_CODE_KEY} {{\n display: none }}",
    js=_SCRIPT,
    isolate_styles=False,
)

# The frame is all that stands before the code has come: it reserves the height, so that nothing jumps.
_FRAME = """:host { display: block; container-type: inline-size }
.pg-live { --pg-column: clamp(320px, 36.5cqw, 388px); --pg-field: calc(var(--pg-column) - 112px);
 min-height: calc(var(--pg-field) + 210px) }
@container (max-width: 759px) {
 .pg-live { --pg-field: min(100cqw - 112px, 340px); min-height: calc(var(--pg-field) + 640px) } }"""

_LIVE = st.components.v2.component(
    "playground_live_view",
    html='<div class="pg-live"></div>',
    css=_FRAME,
    js=f"""export default (mount) => {{
  const live = ((globalThis.playgroundLive ??= {{}})["{_VERSION}"] ??= {{ waiting: [] }});
  live.draw ? live.draw(mount) : live.waiting.push(mount);
}};""",
)


def live_code() -> None:
    """Send the code that draws live views; once per full run, outside of any fragment. It takes no space."""
    _CODE(key=_CODE_KEY, data={"version": _VERSION, "style": _STYLE})


def live_view(data: bytes, *, key: str, on_touch: Callable[[list[dict[str, Any]]], None] | None = None) -> None:
    """Draw a packed snapshot: network, output, curves and numbers, in place.

    Args:
        data: `Snapshot.data`, the packed buffer as a host sends it.
        key: Streamlit's key of this view; the same key keeps the same picture, redrawn without a rebuild.
        on_touch: takes what the visitor has done in the view since the last time, as tables with a word `what`.
            They come from a browser: nothing in them can be trusted.

    The view needs `live_code` on the same page. Its height follows from its width alone, so nothing moves when
    a snapshot arrives.
    """
    _LIVE(key=key, data=data, on_touch_change=lambda: on_touch and on_touch(_news(key)))


def _news(key: str) -> list[dict[str, Any]]:
    """The messages of a view that were not seen before: a view repeats them, since Streamlit may drop one."""
    sent = st.session_state[key].get("touch")
    if not isinstance(sent, dict) or not isinstance(sent.get("said"), list):
        return []
    view, heard = str(sent.get("view"))[:20], st.session_state.setdefault(f"{key}-heard", {})
    messages = [
        said for said in sent["said"][:MOST_MESSAGES] if isinstance(said, dict) and isinstance(said.get("n"), int)
    ]
    new = [said for said in messages if said["n"] > heard.get(view, 0)]
    st.session_state[f"{key}-heard"] = {view: max([heard.get(view, 0), *(said["n"] for said in new)])}
    return new
