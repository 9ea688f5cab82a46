"""Definitions of this library as text, with all that they need: read from the files, nothing is imported for it.

>>> text, imports = pasted(["playground.scratch.ReLU"])
>>> "class ReLU(Activation):" in text and "class Activation(Layer):" in text
True
"""

import ast
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import playground

ROOT = Path(playground.__file__).parent.parent


@dataclass(frozen=True)
class Module:
    """One file: its top-level definitions, and what it imports from this library and from elsewhere."""

    name: str
    lines: list[str]
    definitions: dict[str, ast.stmt]
    ends: dict[str, int]
    inner: dict[str, tuple[str, str]]
    outer: dict[str, tuple[str, str, str]]


class Imports:
    """Import statements, in the order that isort gives them."""

    def __init__(self, *lines: str) -> None:
        self._found: set[tuple[str, str, str]] = set()  # module, name ('' for the module itself), alias
        for line in lines:
            (statement,) = ast.parse(line).body
            self._found.update(_bound(statement).values())

    def add(self, found: Iterable[tuple[str, str, str]]) -> "Imports":
        self._found.update(found)
        return self

    def __str__(self) -> str:
        sections: list[list[str]] = [[], [], []]
        for module in sorted({module for module, name, _ in self._found if not name}, key=str.lower):
            for alias in sorted(alias for one, name, alias in self._found if one == module and not name):
                sections[_section(module)].append(f"import {module}" + (f" as {alias}" if alias != module else ""))
        for module in sorted({module for module, name, _ in self._found if name}, key=str.lower):
            names = sorted({(name, alias) for one, name, alias in self._found if one == module and name}, key=_kind)
            texts = (name if name == alias else f"{name} as {alias}" for name, alias in names)
            sections[_section(module)].append(f"from {module} import {', '.join(texts)}")
        return "\n\n".join("\n".join(section) for section in sections if section)


def _section(module: str) -> int:
    root = module.partition(".")[0]
    return 0 if root == "__future__" else 1 if root in sys.stdlib_module_names else 2


def _kind(pair: tuple[str, str]) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions."""
    name = pair[0]
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


@dataclass
class _Walk:
    """What was found so far: definitions by module, imports, modules begun, and those done in their order."""

    found: dict[str, set[str]] = field(default_factory=dict)
    imports: set[tuple[str, str, str]] = field(default_factory=set)
    order: list[str] = field(default_factory=list)
    walked: set[str] = field(default_factory=set)


def pasted(targets: Sequence[str]) -> tuple[str, set[tuple[str, str, str]]]:
    """The source of `targets` (dotted paths) and of every definition of this library that they use; their imports.

    What is used by others comes first; within a file the order is the file's own.
    """
    walk = _Walk()
    for target in targets:
        place, _, name = target.rpartition(".")
        _gather(place, name, walk)
    texts: list[str] = []
    for place in walk.order:
        module = _module(place)
        texts += [_text(module, one) for one in module.definitions if one in walk.found[place]]
    return "\n\n\n".join(texts), walk.imports


def _gather(module_name: str, name: str, walk: _Walk) -> None:
    module = _module(module_name)
    if name in module.inner:
        _gather(*module.inner[name], walk)
    elif name in module.outer:
        walk.imports.add(module.outer[name])
    elif name in module.definitions and name not in walk.found.setdefault(module_name, set()):
        walk.found[module_name].add(name)
        outermost = module_name not in walk.walked  # its file is done when all that it uses is
        walk.walked.add(module_name)
        if (future := module.outer.get("annotations")) is not None:
            walk.imports.add(future)
        for used in _names(module.definitions[name]):
            _gather(module_name, used, walk)
        if outermost and module_name not in walk.order:
            walk.order.append(module_name)


def _names(statement: ast.stmt) -> list[str]:
    """Names that a definition reads, in the order of their first use."""
    return list(dict.fromkeys(node.id for node in ast.walk(statement) if isinstance(node, ast.Name)))


@lru_cache
def _module(name: str) -> Module:
    """The file of a module of this library."""
    place = ROOT.joinpath(*name.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = file.read_text(encoding="utf-8")
    package = name if place.is_dir() else name.rpartition(".")[0]
    module = Module(name, text.splitlines(), {}, {}, {}, {})
    body = ast.parse(text).body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for bound, (origin, imported, alias) in _bound(statement, package).items():
                if origin.partition(".")[0] == "playground" and imported:
                    module.inner[bound] = (origin, imported)
                else:
                    module.outer[bound] = (origin, imported, alias)
            continue
        for defined in _defined(statement):
            module.definitions[defined] = statement
            described = isinstance(following, ast.Expr) and not isinstance(statement, ast.ClassDef | ast.FunctionDef)
            assert statement.end_lineno is not None, "a parsed statement has an end"
            end = following.end_lineno if described and following is not None else statement.end_lineno
            module.ends[defined] = end or statement.end_lineno
    return module


def _bound(statement: ast.stmt, package: str = "") -> dict[str, tuple[str, str, str]]:
    """The names that an import binds -> (module, name in it or '', alias)."""
    if isinstance(statement, ast.Import):
        return {one.asname or one.name: (one.name, "", one.asname or one.name) for one in statement.names}
    assert isinstance(statement, ast.ImportFrom), f"no import: {ast.dump(statement)}"
    origin = statement.module or ""
    if statement.level:
        base = package.split(".")[: len(package.split(".")) - statement.level + 1]
        origin = ".".join([*base, *([statement.module] if statement.module else [])])
    return {one.asname or one.name: (origin, one.name, one.asname or one.name) for one in statement.names}


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef):
        return [statement.name]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return []


def _text(module: Module, name: str) -> str:
    """The lines of a definition: with its decorators, the remarks above it and the words below it."""
    statement = module.definitions[name]
    first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))])
    while first > 1 and module.lines[first - 2].startswith("#"):
        first -= 1
    return "\n".join(module.lines[first - 1 : module.ends[name]])
