"""A visitor who does anything at all: sets the widgets of a page at random, as a browser would send it."""

import random
from typing import Any

from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.state.common import user_key_from_element_id
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1 import element_tree as tree

NASTY = (
    "", " ", "0", "-1", "1e999", "nan", "∞", "1/0", "1e-3", "0x10", "x", "x + y", "x**y**x", "log(0*x)", "1/(x-x)",
    "a = b\na", "((((((((((x))))))))))", "__import__('os').system('true')", "<script>alert(1)</script>",
    "[a](javascript:alert(1))", "'; DROP TABLE playground_runs; --", "../../etc/passwd", "%s%n{0}{x}", "💥" * 60,
    "\u202eabc\u2069\x00\x07", "x" * 5000, "1, 2, 3", "[1 2", "1,,2", "relu(x) * y", "max(x, y", "λ = 3",
)  # fmt: skip
FILES = (
    ("data.csv", b"a,b,c\n1,2,x\n3,4,y\n", "text/csv"),
    ("data.csv", b"", "text/csv"),
    ("data.csv", b"\xff\xfe\x00" * 50, "text/csv"),
    ("=cmd.csv", b'a;b\n"=1+1";nan\n', "text/csv"),
    ("weights.safetensors", b"\xff" * 64, "application/octet-stream"),
    ("../../x.pt", b"\x80\x04cos\nsystem\n", "application/octet-stream"),
    ("picture.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 30, "image/png"),
    ("bomb.zip", b"PK\x03\x04" + b"\x00" * 40, "application/zip"),
)
QUIET = (tree.DownloadButton,)
"""Widgets that change nothing on the page."""
ACTIONS = (tree.Button, tree.MenuButton, tree.DownloadButton, tree.FileUploader)
"""Widgets that are set to nothing."""


class Walker:
    """Random moves on one page of an app. What is on the page may depend on the clock, and so may what can be wished.

    Args:
        chance: where the moves come from: hypothesis's generator, or one with a seed.
        quotes: beginnings of errors that are no sentences, since the page quotes them.
        avoid: keys of widgets that are left alone.
    """

    def __init__(self, app: AppTest, chance: random.Random, quotes: tuple[str, ...] = (), avoid: tuple[str, ...] = ()):
        self.app, self.random, self.quotes, self.avoid = app, chance, quotes, avoid
        self.trail: list[str] = []

    def walk(self, moves: int) -> None:
        """So many widgets are set, up to three at once; after each run nothing may be broken."""
        while moves > 0:
            together = min(moves, self.random.choice((1, 1, 2, 3)))
            self._move(together)
            moves -= together
            self.check()

    def check(self) -> None:
        """No exception, and every error is a sentence, or a quotation that the page is there for."""
        trail = "\n".join(self.trail[-12:])
        assert not self.app.exception, f"{self.app.exception[0].value}\nafter\n{trail}"
        for said in [*self.app.error, *self.app.warning]:
            text = said.value.strip()
            whole = text[-1:] in ".!?)`" or text.startswith(self.quotes)
            assert whole, f"{text!r} is no sentence, after\n{trail}"
            assert len(text) < 1_500, f"{text[:200]!r} … after\n{trail}"
            assert "Traceback" not in text, text

    def shown(self) -> dict[str, Any]:
        """What every widget with a key is set to, but those that write a new link."""
        widgets = [node for node in self.app._tree if isinstance(node, tree.Widget) and not isinstance(node, ACTIONS)]
        return {widget.key: widget.value for widget in widgets if widget.key and not widget.key.startswith("share-")}

    def _move(self, count: int) -> None:
        wishes: dict[str, WidgetState] = {}
        for _ in range(count):
            places = [*self._widgets(), *self._boxes()]
            assert places, "a page without anything to touch"
            place = self.random.choice(places)
            self.trail.append(self._set(place, wishes) if isinstance(place, tree.Widget) else self._open(place))
        states = self.app._tree.get_widget_states()
        for state in states.widgets:
            if state.id in wishes:
                state.CopyFrom(wishes[state.id])
        self.app._tree._runner._run(states)

    def _widgets(self) -> list[tree.Widget]:
        found = [node for node in self.app._tree if isinstance(node, tree.Widget) and not isinstance(node, QUIET)]
        return [
            widget for widget in found if not getattr(widget.proto, "disabled", False) and widget.key not in self.avoid
        ]

    def _boxes(self) -> list[tuple[str, Any]]:
        """Popovers, expanders and tabs whose state the page follows: (key, what it could be)."""
        found: list[tuple[str, Any]] = []

        def look(block: tree.Block) -> None:
            for child in block.children.values():
                if not isinstance(child, tree.Block):
                    continue
                proto = child.proto
                for name in ("popover", "tab_container"):
                    if hasattr(proto, "HasField") and name in proto.DESCRIPTOR.fields_by_name and proto.HasField(name):
                        proto = getattr(proto, name)
                key = user_key_from_element_id(proto.id) if getattr(proto, "id", "") else None
                if key and child.type == "tab_container":
                    labels = [tab.proto.label for tab in child.children.values()]
                    found.append((key, labels))
                elif key and child.type in ("popover", "expander"):
                    found.append((key, [True, True, False]))
                look(child)

        for root in self.app._tree.children.values():
            look(root)
        return found

    def _open(self, box: tuple[str, Any]) -> str:
        key, values = box
        value = self.random.choice(values)
        self.app.session_state[key] = value
        return f"{key} = {value}"

    def _set(self, widget: tree.Widget, wishes: dict[str, WidgetState]) -> str:
        """What a browser would send when this widget is set to something."""
        pick, state = self.random, WidgetState(id=widget.id)
        proto = widget.proto
        match widget:
            case tree.Button():
                widget.click()
                return f"click {widget.key}"
            case tree.MenuButton():
                widget.click_index(value := pick.randrange(len(proto.options)))
                return f"menu {widget.key} {value}"
            case tree.Toggle() | tree.Checkbox():
                state.bool_value = pick.random() < 0.5
            case tree.Selectbox():
                typed = proto.accept_new_options and pick.random() < 0.5
                state.string_value = pick.choice(NASTY[1:]) if typed else pick.choice(list(proto.options))
            case tree.ButtonGroup():
                contents = [option.content for option in proto.options]
                most = 1 if widget._is_single_select else len(contents)
                least = 1 if getattr(proto, "required", False) else 0
                state.string_array_value.data[:] = pick.sample(contents, pick.randint(least, most))
            case tree.Multiselect():
                state.string_array_value.data[:] = pick.sample(list(proto.options), pick.randint(0, len(proto.options)))
            case tree.SelectSlider():
                state.string_array_value.data[:] = [pick.choice(list(proto.options))]
            case tree.Slider():
                state.double_array_value.data[:] = [self._number(proto.min, proto.max, proto.step)]
            case tree.NumberInput():
                low = proto.min if proto.has_min else -1e7
                high = proto.max if proto.has_max else 1e7
                state.double_value = self._number(low, high, proto.step)
            case tree.TextInput() | tree.TextArea():
                state.string_value = pick.choice(NASTY)[: getattr(proto, "max_chars", 0) or None]
            case tree.FileUploader():
                widget.set_value(value := pick.choice(FILES))
                return f"upload {widget.key} {value[0]}"
            case _:
                raise AssertionError(f"teach the walker what a {type(widget).__name__} sends")
        wishes[widget.id] = state
        return f"{widget.key} = {str(state).partition(' ')[2]!r}".replace("\\n", " ")[:300]

    def _number(self, low: float, high: float, step: float) -> float:
        """An end of the range, a step from it, or something between: small ones more often, since they cost less."""
        steps = int((high - low) / step) if step else 0
        at = self.random.choice((0, 1, 2, 3, 7, 20, self.random.randint(0, max(0, steps)), steps))
        return min(high, max(low, low + at * step))
