"""Scripts that run as in a fresh process each, hundreds of them in the time of a few.

Importing torch takes two seconds. So one process that is started anew imports what scripts import, computes nothing, and
forks a child for every script: the child has the memory of a process that has just imported torch (its random state, its
settings, no thread, no tensor), runs one script as `__main__`, and ends. Nothing of it can reach the next one.
`test_a_child_is_like_a_fresh_process` compares such a child with `python script.py`.
"""

import contextlib
import gc
import importlib.abc
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback

KEPT = ("losses", "train_loss", "train_accuracy", "val_loss", "val_accuracy")


def in_a_fresh_process(command: list[str], given: str = "", **options) -> str:
    """What the process prints; accelerators are hidden from it."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def run_all(scripts: dict[str, str], torch: bool = True) -> dict[str, dict]:
    """Label -> what that script computed: its losses, weights, and the rows it printed.

    Without `torch` the process has imported NumPy alone, and importing torch fails.
    """
    lines = "\n".join(json.dumps([label, script]) for label, script in scripts.items())
    command = [sys.executable, "-W", "ignore", __file__, "torch" if torch else "numpy"]
    return dict(json.loads(line) for line in in_a_fresh_process(command, lines).splitlines())


def run_alone(label: str, script: str) -> dict:
    """What the script computes, as plain lists."""
    namespace = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(script, label, "exec"), namespace)
    result = {key: float(namespace[key]) for key in KEPT[1:] if key in namespace}
    if "losses" in namespace:
        result["losses"] = namespace["losses"]
    if (model := namespace.get("model")) is not None:
        result["weights"] = [(p if hasattr(p, "tolist") else p.data).tolist() for p in model.parameters()]
    result |= namespace.get("result", {})
    return result | {"rows": printed.getvalue().splitlines()}


class NoTorch(importlib.abc.MetaPathFinder):
    """A finder for which torch is not installed."""

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def serve() -> None:
    """Fork a child for every line."""
    if sys.argv[1] == "torch":
        import torch
        import torch._dynamo  # what the first optimizer would import
        import torch.utils.data  # noqa: F401
    else:
        sys.meta_path.insert(0, NoTorch())
    import numpy as np  # noqa: F401
    import sklearn.datasets  # noqa: F401

    waiting = [json.loads(line) for line in sys.stdin][::-1]
    gc.collect()
    gc.freeze()
    running: dict[int, tuple[str, io.TextIOBase]] = {}
    while waiting or running:
        if waiting and len(running) < (os.cpu_count() or 1):
            label, script = waiting.pop()
            answer = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - open until its child has ended
            running[fork(label, script, answer)] = label, answer
            continue
        child, status = os.wait()
        label, answer = running.pop(child)
        if status:
            sys.exit(f"the script of {label!r} failed")
        answer.seek(0)
        print(json.dumps([label, json.load(answer)]))


def fork(label: str, script: str, answer: io.TextIOBase) -> int:
    """The process id of a child that runs the script and writes what it computed into the file `answer`."""
    child = os.fork()
    if child:
        return child
    try:
        json.dump(run_alone(label, script), answer)
        answer.flush()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    serve()
