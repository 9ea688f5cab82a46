"""An experiment as code that runs by itself, as it would be written by hand.

>>> from playground.spec import Experiment, every_layer
>>> "nn.Linear(2, 8)" in to_script(Experiment())
True
>>> "self.linear1 = nn.Linear(2, 8)" in to_module(Experiment())
True
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from playground.export import pieces
from playground.export.sources import Imports
from playground.shapes import LayerReport, shape_text
from playground.spec import Experiment, every_layer

__all__ = [
    "FORMS",
    "Form",
    "NoNumpy",
    "to_module",
    "to_notebook",
    "to_numpy_script",
    "to_script",
    "to_sequential",
    "without_numpy",
]

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)
TEMPLATES.filters["shape"] = shape_text
CELL = re.compile(r"^# %%( \[markdown\])?\n", re.MULTILINE)


class NoNumpy(ValueError):
    """The experiment has a part that the NumPy library does not have; the message names it and a way out."""


def to_script(experiment: Experiment, epochs: int | None = None) -> str:
    """A script that trains `experiment` and prints its losses: run in a fresh process, those of `training.Run`.

    Only what the experiment uses appears. `epochs` replaces `experiment.training.epochs`, for a run that was
    stopped by hand.

    Raises:
        ShapeError: a layer cannot take what the layer before it gives.
    """
    return _torch("script.py.j2", experiment, epochs)


def to_notebook(experiment: Experiment, epochs: int | None = None) -> str:
    """The script as a Jupyter notebook (nbformat 4.5): JSON text, with words between the cells.

    Raises:
        ShapeError: a layer cannot take what the layer before it gives.
    """
    cells = []
    before, *parts = CELL.split(_torch("notebook.j2", experiment, epochs))
    assert not before, "the notebook begins with a cell"
    for number, (kind, text) in enumerate(zip(parts[::2], parts[1::2], strict=True), 1):
        cell: dict[str, Any] = {"cell_type": "markdown" if kind else "code", "id": f"cell-{number}", "metadata": {}}
        if not kind:
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell | {"source": text.strip("\n").splitlines(keepends=True)})
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": python, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def to_sequential(experiment: Experiment) -> str:
    """The network alone, as one `nn.Sequential`, with the shape behind every layer.

    Raises:
        ShapeError: a layer cannot take what the layer before it gives.
    """
    parts, reports = pieces.torch_parts(experiment), experiment.outline()
    imports = Imports("from torch import nn").add(parts["pasted_imports"])
    return _render("sequential.py.j2", **parts, reports=reports, imports=imports)


def to_module(experiment: Experiment) -> str:
    """The network alone, as an `nn.Module` class with `__init__` and `forward`.

    Built after `torch.manual_seed(experiment.seed)` it has the initial weights of `training.Run`.

    Raises:
        ShapeError: a layer cannot take what the layer before it gives.
    """
    parts = pieces.torch_parts(experiment)
    reports = experiment.outline()
    names = _attributes(reports)
    return _render(
        "module.py.j2",
        title=experiment.data.entry.title,
        parameters=f"{sum(report.parameters for report in reports):,}",
        reports=reports,
        members=list(zip(names, parts["layers"], reports, strict=True)),
        initialised=parts["initialised"],
        pasted=parts["pasted"],
        imports=Imports("from torch import nn").add(parts["pasted_imports"]),
    )


def to_numpy_script(experiment: Experiment, epochs: int | None = None) -> str:
    """The same training in NumPy alone, in one file: the layers, loss and optimizer that it uses are pasted into it.

    Initial weights, batches and dropout masks are torch's, because `scratch.Generator` draws torch's numbers. Run in a
    fresh process it gives, bit for bit, the losses of `training.NumpyRun`. scikit-learn's data sets still need
    scikit-learn.

    Raises:
        NoNumpy: a part of the experiment has no NumPy twin.
        ShapeError: a layer cannot take what the layer before it gives.
    """
    _require_twins(experiment)
    parts = pieces.numpy_parts(experiment)
    imports = Imports("import numpy as np").add(parts["pasted_imports"])
    return _render("numpy.py.j2", **pieces.common(experiment, _epochs(experiment, epochs)), **parts, imports=imports)


@dataclass(frozen=True)
class Form:
    """One form of code: what a visitor reads, how the file is called, and the function that writes it.

    `write` takes the experiment and the number of epochs; None is as many as the experiment has.
    """

    label: str
    file: str
    language: str
    mime: str
    write: Callable[[Experiment, int | None], str]
    help: str


FORMS: dict[str, Form] = {
    "script": Form(
        "Script", "train.py", "python", "text/x-python", to_script,
        "The whole training in one file: run it, and the losses are those on screen.",
    ),
    "notebook": Form(
        "Notebook", "train.ipynb", "json", "application/x-ipynb+json", to_notebook,
        "The same for Jupyter, in cells.",
    ),
    "module": Form(
        "nn.Module", "network.py", "python", "text/x-python", lambda experiment, epochs: to_module(experiment),
        "The network alone, as a class with __init__ and forward.",
    ),
    "numpy": Form(
        "NumPy", "train_numpy.py", "python", "text/x-python", to_numpy_script,
        "The same training without PyTorch: layers, loss and optimizer written out in NumPy.",
    ),
}  # fmt: skip
"""Key -> form, in the order in which they are offered."""


def _torch(template: str, experiment: Experiment, epochs: int | None) -> str:
    parts = pieces.torch_parts(experiment)
    imports = Imports("import numpy as np", "import torch", "from torch import nn")
    imports.add([("torch.utils.data", name, name) for name in ("DataLoader", "TensorDataset")])
    imports.add([("copy", "", "copy")] if experiment.training.patience else [])
    imports.add(parts["pasted_imports"])
    return _render(template, **pieces.common(experiment, _epochs(experiment, epochs)), **parts, imports=imports)


def _epochs(experiment: Experiment, epochs: int | None) -> int:
    return experiment.training.epochs if epochs is None else epochs


def _render(template: str, **words: Any) -> str:
    return TEMPLATES.get_template(template).render(**words).rstrip("\n") + "\n"


def _attributes(reports: Sequence[LayerReport]) -> list[str]:
    """Names for the layers of a module: `linear1`, `tanh1`, `linear2`; no number where there is only one."""
    words = [re.sub(r"\dd$", "", report.name).lower() for report in reports]  # BatchNorm1d: batchnorm
    total, seen = Counter(words), Counter[str]()
    names = []
    for word in words:
        seen[word] += 1
        names.append(word if total[word] == 1 else f"{word}{seen[word]}")
    return names


def without_numpy(experiment: Experiment) -> str:
    """What of the experiment no NumPy script can hold; empty where all of it can."""
    parts = [*every_layer(experiment.layers), experiment.loss, experiment.optimizer]
    parts += [experiment.scheduler] if experiment.scheduler else []
    if experiment.training.precision != "float32":
        return "Mixed precision"
    if experiment.outline()[-1].out_shape == () and experiment.loss.entry.targets == "values":
        return f"{experiment.loss.name} of outputs of shape (N,)"
    return next((part.name for part in parts if not part.entry.twin), "")


def _require_twins(experiment: Experiment) -> None:
    if without := without_numpy(experiment):
        raise NoNumpy(f"{without} has no NumPy twin, so there is no NumPy script of this experiment.")
