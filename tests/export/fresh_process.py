"""Scripts run in processes of their own, hundreds of them in the time of a few.

Importing torch takes two seconds. So as many processes as there are cores are started anew, and each runs its share of
the scripts one after the other: every script as `__main__` in a namespace of its own. What one leaves behind could at
worst make the next one disagree with the run. `test_a_script_alone_is_like_one_among_many` compares the last of them
with `python script.py`.
"""

import contextlib
import importlib.abc
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

KEPT = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


def in_a_fresh_process(command: list[str], given: str = "", **options) -> str:
    """What the process prints; accelerators are hidden from it."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def run_all(scripts: dict, torch: bool = True, folders: Mapping = MappingProxyType({})) -> dict:
    """Label -> what that script computed: its losses, weights, and the rows it printed.

    Without `torch` the processes have imported NumPy alone, and importing torch fails. A script with a folder runs in
    it, beside its file; where there is an 'openml.npz', that is what openml.org sends.
    """
    command = [sys.executable, "-W", "ignore", __file__, "torch" if torch else "numpy"]

    def computed(labels: list) -> dict:
        given = ([scripts[label], str(folders.get(label, ""))] for label in labels)
        lines = in_a_fresh_process(command, "".join(json.dumps(each) + "\n" for each in given))
        return dict(zip(labels, map(json.loads, lines.splitlines()), strict=True))

    count = min(len(scripts), os.cpu_count() or 1)
    with ThreadPoolExecutor(count) as waiting:
        shares = waiting.map(computed, (list(scripts)[first::count] for first in range(count)))
    return {label: result for share in shares for label, result in share.items()}


def run_alone(script: str) -> dict:
    """What the script computes, as plain lists."""
    namespace = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(script, "script", "exec"), namespace)
    model = namespace["model"]
    return {
        **{key: float(namespace[key]) for key in KEPT if key in namespace},
        "losses": namespace["losses"],
        "weights": [(p if hasattr(p, "tolist") else p.data).tolist() for p in model.parameters()],
        "rows": printed.getvalue().splitlines(),
    }


class NoTorch(importlib.abc.MetaPathFinder):
    """A finder for which torch is not installed."""

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def no_network() -> None:
    """What scikit-learn would have downloaded is in a file here."""
    import numpy as np
    import sklearn.datasets

    def fetch_openml(name, **options):
        with np.load("openml.npz") as archive:
            return archive["images"].astype(float), archive["labels"].astype(str).astype(object)

    sklearn.datasets.fetch_openml = fetch_openml


def serve() -> None:
    """Run the script of every line."""
    if sys.argv[1] == "numpy":
        sys.meta_path.insert(0, NoTorch())
    for number, line in enumerate(sys.stdin.readlines(), 1):
        script, folder = json.loads(line)
        if folder:
            os.chdir(folder)
        if os.path.exists("openml.npz"):
            no_network()
        try:
            answer = run_alone(script)
        except BaseException:
            sys.exit(f"script {number} failed:\n{script}")
        print(json.dumps(answer))


if __name__ == "__main__":
    serve()
