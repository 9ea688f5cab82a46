"""'Share' on every page: the link of what is on screen, as text and as a QR code, and the link for a class."""

from pathlib import Path
from urllib.parse import urlencode, urlsplit

import streamlit as st

from playground.limits import LIMITS
from playground.teaching import CONTROLS, LOCKABLE, WORDS, Teaching
from playground.ui import teaching

_ASSETS = Path(__file__).resolve().parents[2] / "assets"
_LINK = st.components.v2.component(
    "playground_link",
    html='<div class="pg-link"></div>',
    css=(_ASSETS / "share.css").read_text("utf-8"),
    js=(_ASSETS / "share.js").read_text("utf-8"),
)
LOCK, HIDE, TASK, SEED = "share-lock", "share-hide", "share-task", "share-seed"
LONGEST_READABLE = 1_200
"""Characters up to which a phone reads the code from a projector's wall."""


def share() -> None:
    """The popover in the page's head; drawn when the page has written its address."""
    with (
        st.container(key="share"),
        st.popover(
            "Share",
            icon=":material/share:",
            key="share-open",
            type="tertiary",
            on_change="rerun",
        ) as opened,
    ):
        if opened.open:
            _share()


def _share() -> None:
    whom = st.segmented_control(
        "For", ["Anyone", "A class"], default="Anyone", key="share-whom", required=True, label_visibility="collapsed"
    )
    if whom == "A class":
        _class_form()
    else:
        _show_link(address(st.query_params.to_dict()))
        st.caption("Whoever opens it sees what is set here. A run begins at step 0: the same settings, the same run.")
        if teaching.teaching():
            st.button("Leave the task", icon=":material/lock_open:", key="share-leave", on_click=teaching.leave,
                      help="Every control again; what is set stays.")  # fmt: skip


def address(words: dict[str, str]) -> str:
    """The full address of this page with these words."""
    plain = st.context.url or ""
    plain += "" if urlsplit(plain).path else "/"
    return f"{plain}?{urlencode(words)}" if words else plain


def _show_link(link: str) -> None:
    _LINK(key="share-link", data={"link": link, "code": qr_code(link)})
    if len(link) > LONGEST_READABLE:
        st.caption(
            f"The link has {len(link):,} characters; a phone reads QR codes of up to {LONGEST_READABLE:,}. "
            "Send it as text."
        )


def qr_code(link: str) -> str:
    """The link as a picture, in SVG; nothing where it is too long to be read from one."""
    if not link or len(link) > LONGEST_READABLE:
        return ""
    import segno  # no page needs it before somebody shares

    code = segno.make(link, error="l", micro=False, boost_error=False)
    return code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True)


def _class_form() -> None:
    """Words beside those of the experiment; the link below follows them at once."""
    given = teaching.teaching()
    st.session_state.setdefault(TASK, given.task)
    st.session_state.setdefault(LOCK, [name for name in given.lock if name != "seed"])
    st.session_state.setdefault(HIDE, list(given.hide))
    st.session_state.setdefault(SEED, given.fixes("seed"))
    task = st.text_area(
        "Task", key=TASK, max_chars=LIMITS.max_task, height=90, placeholder="What to find out, in plain text.",
        help="Stands above the page. It is shown as it is typed: no HTML, no formatting.",
    )  # fmt: skip
    fixed = st.toggle(
        "Fix the seed", key=SEED, help="Everybody has the same points and first weights: same settings, same run."
    )
    lock = _groups("Locked: shown, and cannot be changed", LOCK, [name for name in LOCKABLE if name != "seed"])
    hide = _groups("Hidden", HIDE, [name for name in CONTROLS if name != "seed"])
    try:
        wanted = Teaching.of(task=task or "", lock=(*lock, *(["seed"] if fixed else [])), hide=tuple(hide))
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return
    others = {word: text for word, text in st.query_params.to_dict().items() if word not in WORDS}
    _show_link(address({**others, **wanted.to_query()}))
    st.caption(
        "The link guides, it does not guard: whoever shortens it has every control again. Controls are those of the "
        "page Train."
    )


def _groups(label: str, key: str, names: list[str]) -> list[str]:
    return st.pills(label, names, selection_mode="multi", format_func=lambda name: CONTROLS[name].title, key=key)
