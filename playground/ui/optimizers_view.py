"""The race's view: one canvas component that plays a packed race in the browser.

As with the live view (playground/ui/live.py), the code that draws travels alone, and the component that is given the
race holds no more than a call into it. It shares the live view's helpers for numbers, colours and axes.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import streamlit as st

_ASSETS = Path(__file__).resolve().parents[2] / "assets"
_PARTS = ("live/format", "live/theme", "live/paint", "race")
_SCRIPT = "\n".join((_ASSETS / f"{part}.js").read_text("utf-8") for part in _PARTS)
_STYLE = (_ASSETS / "race.css").read_text("utf-8")

# A browser tab may outlive a new version of the code: view and code find each other by what the code is.
_VERSION = hashlib.sha256((_SCRIPT + _STYLE).encode()).hexdigest()[:12]

_CODE_KEY = "playground-race-code"
_CODE = st.components.v2.component(
    "playground_race_code",
    css=f".st-key-{_CODE_KEY} {{\n display: none }}",
    js=_SCRIPT,
    isolate_styles=False,
)

# The frame is all that stands before the code has come: it reserves the height, so that nothing jumps.
_FRAME = """:host { display: block; container-type: inline-size }
.pg-race { --rc-height: clamp(300px, 52cqw, 430px); min-height: calc(var(--rc-height) + 142px) }
@container (max-width: 640px) {
 .pg-race { min-height: calc(92cqw + 520px) } }"""

_RACE = st.components.v2.component(
    "playground_race_view",
    html='<div class="pg-race"></div>',
    css=_FRAME,
    js=f"""export default (mount) => {{
  const race = ((globalThis.playgroundRace ??= {{}})["{_VERSION}"] ??= {{ waiting: [] }});
  race.draw ? race.draw(mount) : race.waiting.push(mount);
}};""",
)

COLOURS = (
    "#d55e00", "#0072b2", "#009e73", "#b5468f", "#c98a00", "#3a9ad9",
    "#7a52b3", "#6b6b6b", "#a8152a", "#007f7f", "#8a5a16", "#3f7d20",
)  # fmt: skip
"""The racers' colours on a light page, in the order of assets/race.js."""
SHAPES = "●■▲◆▼✖"
"""Their marks, in the order of assets/live/paint.js."""


def race_code() -> None:
    """Send the code that draws races; once per full run, outside of any fragment. It takes no space."""
    _CODE(key=_CODE_KEY, data={"version": _VERSION, "style": _STYLE})


def race_view(data: bytes, *, key: str, on_start: Callable[[], None]) -> None:
    """Draw a packed race (`playground.landscapes.picture`); it needs `race_code` on the same page.

    `on_start` is called when the visitor has chosen another start: `st.session_state[key]["start"]` is [x, y] then.
    """
    _RACE(key=key, data=data, on_start_change=on_start)
