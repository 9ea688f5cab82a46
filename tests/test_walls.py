"""The walls of the house: which room may import what."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*ROOT.glob("playground/**/*.py"), *ROOT.glob("app_pages/*.py"), ROOT / "streamlit_app.py"])
STANDARD = set(sys.stdlib_module_names)

# room -> the third-party modules it may import; a room not named may import all but streamlit and plotly
MAY_IMPORT = {
    "catalog": set(),
    "limits": set(),
    "shapes": set(),
    "fit": set(),
    "advice": set(),
    "lessons": set(),
    "parts": {"pydantic"},
    "spec": {"pydantic"},
    "scratch": {"numpy"},
}
# room -> rooms above it, which it may not know
BELOW = ["limits", "catalog", "shapes", "parts", "spec", "fit", "data", "scratch", "models", "training", "engine", "ui"]


def imports(path: Path) -> set[str]:
    """Dotted names of everything that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return (parts[1] if len(parts) > 2 else path.stem) if parts[0] == "playground" else parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_room_keeps_to_its_own(path):
    room, names = room_of(path), imports(path)
    roots = {name.partition(".")[0] for name in names} - STANDARD - {"playground"}
    if room in MAY_IMPORT:
        assert roots <= MAY_IMPORT[room]
    if room != "ui" and path.parts[-2] != "app_pages" and path.name != "streamlit_app.py":
        assert "streamlit" not in roots
    if room != "figures":
        assert "plotly" not in roots
    if path.parts[-2] == "app_pages":
        assert not roots & {"torch", "numpy"}
    if room in BELOW:
        above = set(BELOW[BELOW.index(room) + 1 :])
        known = {name.split(".")[1] for name in names if name.startswith("playground.")}
        assert not known & above, "an arrow points the wrong way"


FORBIDDEN = ("manual_seed(", "set_default_dtype(", "use_deterministic_algorithms(", "np.random.seed(", "pickle.load")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_acts_on_the_whole_process_or_runs_what_was_typed(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec"), f"line {node.lineno}"
            assert called not in {f"torch.{name.rstrip('(')}" for name in FORBIDDEN[:3]}, f"line {node.lineno}"
            assert called not in ("np.random.seed", "pickle.load", "pickle.loads", "torch.load"), f"line {node.lineno}"
