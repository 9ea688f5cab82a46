"""`python -m benchmarks` lists the benchmarks; `python -m benchmarks NAME [options]` runs one."""

import ast
import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def benchmarks(folder: Path = FOLDER) -> dict[str, str]:
    """Name and first line of every module of `folder` with a main(); nothing is imported for it."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def run(arguments: list[str]) -> int:
    """List the benchmarks, or run the one that is named; its exit status."""
    found = benchmarks()
    if not arguments or arguments[0] in ("-h", "--help"):
        print("python -m benchmarks NAME [options]; --help after a name tells its options\n")
        width = max(map(len, found))
        for name, words in found.items():
            print(f"  {name:<{width}}  {words}")
        return 0
    name, *rest = arguments
    if name not in found:
        print(f"There is no benchmark {name!r}; choose among {', '.join(found)}.", file=sys.stderr)
        return 2
    sys.argv = [f"python -m benchmarks {name}", *rest]
    return importlib.import_module(f"benchmarks.{name}").main() or 0


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))
