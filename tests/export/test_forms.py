"""Notebook, module and NumPy script: each is run in a fresh process and agrees with the run, bit for bit."""

import sys

import nbformat
import numpy as np
import pytest
import torch

from playground.export import FORMS, NoNumpy, to_module, to_notebook, to_numpy_script, without_numpy
from playground.fit import findings
from playground.spec import Experiment, TrainingSpec
from playground.training import Run

from export_cases import EXPERIMENTS, cells, computed, small, trained  # isort: skip
from fresh_process import in_a_fresh_process, run_all  # isort: skip

ON_NUMPY = {
    label: experiment.but(training=experiment.training.but(engine="numpy")) for label, experiment in EXPERIMENTS.items()
}
NUMPY = {
    label: one
    for label, one in ON_NUMPY.items()
    if not any(finding.fatal for finding in findings(one)) and not without_numpy(one)
}
"""Experiments that the NumPy engine can train, and that a NumPy script can hold."""

MASKS_FROM_GENERATOR = torch.equal(
    torch.empty(64).bernoulli_(0.5, generator=torch.Generator().manual_seed(1)),
    torch.empty(64, dtype=torch.float64).uniform_(generator=torch.Generator().manual_seed(1)).lt(0.5).float(),
)
"""Whether torch draws dropout masks from its own generator; on Intel processors it asks MKL for them."""


@pytest.fixture(scope="module")
def numpy_scripts() -> dict[str, dict]:
    return run_all({label: to_numpy_script(experiment) for label, experiment in NUMPY.items()}, torch=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", EXPERIMENTS)
@pytest.mark.parametrize("form", ["notebook", "module"])
def test_a_form_gives_the_losses_of_the_run(form, label):
    """The cells of a notebook, one after the other; the class of a module, trained by the loop of the script."""
    run, result = trained(EXPERIMENTS[label]), computed(form)[label]
    assert result["losses"] == run.history["loss"].tolist()
    assert result["weights"] == [p.tolist() for p in run.model.parameters()]


def test_a_notebook_is_valid_and_says_what_its_cells_do():
    for experiment in EXPERIMENTS.values():
        notebook = nbformat.reads(to_notebook(experiment), as_version=4)
        nbformat.validate(notebook)
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
        kinds = [cell.cell_type for cell in notebook.cells]
        assert kinds[0] == "markdown"
        assert kinds.count("code") == 5
        assert all(cell.source.strip() for cell in notebook.cells)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", NUMPY)
def test_a_numpy_script_gives_the_losses_of_the_numpy_engine(label, numpy_scripts):
    with np.errstate(all="ignore"):
        run = trained(NUMPY[label])
    result, drops = numpy_scripts[label], any(layer.name.startswith("Dropout") for layer in NUMPY[label].layers)
    if drops and not MASKS_FROM_GENERATOR:
        assert len(result["losses"]) == run.step
        return
    if to_numpy_script(NUMPY[label]).count("standard_normal(") > 1:  # torch has its own logarithm and cosine there
        assert result["losses"] == pytest.approx(run.history["loss"].tolist(), rel=1e-5)
        return
    assert result["losses"] == run.history["loss"].tolist()
    assert result["weights"] == [p.tolist() for p in run.model.parameters()]


def test_a_numpy_script_gives_pytorchs_losses_but_for_rounding(numpy_scripts):
    for label in ("starter spiral", "starter iris", "starter diabetes", "SGD", "Adam"):
        losses = trained(EXPERIMENTS[label]).history["loss"]
        assert numpy_scripts[label]["losses"] == pytest.approx(losses.tolist(), rel=1e-4)


def test_one_numpy_script_alone(tmp_path):
    experiment = small(training={"epochs": 2, "engine": "numpy"})
    (tmp_path / "script.py").write_text(to_numpy_script(experiment), encoding="utf-8")
    rows = in_a_fresh_process([sys.executable, "-W", "error", "script.py"], cwd=tmp_path).splitlines()
    assert rows[-1].endswith(f"a loss of {float(trained(experiment).history['loss'][-1])}")


def test_what_has_no_twin_is_refused_by_name():
    with pytest.raises(NoNumpy, match="Mixed precision has no NumPy twin"):
        to_numpy_script(small(training={"precision": "mixed"}))
    with pytest.raises(NoNumpy, match="LBFGS has no NumPy twin"):
        to_numpy_script(EXPERIMENTS["LBFGS"])
    assert len(NUMPY) > len(EXPERIMENTS) * 0.8


def test_code_holds_nothing_unused(tmp_path):
    """No import, variable or name that is not needed, in any form of any experiment."""
    for number, (label, experiment) in enumerate(EXPERIMENTS.items()):
        for name, form in FORMS.items():
            if name == "numpy" and label not in NUMPY:
                continue
            text = "\n\n".join(cells(experiment)) + "\n" if name == "notebook" else form.write(experiment, None)
            (tmp_path / f"{name}_{number}.py").write_text(text, encoding="utf-8")
    rules = ["--isolated", "--select", "E,F,W,I,PIE", "--line-length", "120", "--ignore", "E303,E305,E402,PIE790,I001"]
    in_a_fresh_process([sys.executable, "-m", "ruff", "check", "--no-cache", *rules, str(tmp_path)])


def test_a_module_names_its_layers_as_a_reader_would():
    experiment = Experiment.starter("ten_features")
    text = to_module(experiment)
    for line in ("self.linear1 = nn.Linear(10, 64)", "self.relu2 = nn.ReLU()", "return self.linear3(x)"):
        assert line in text
    assert "x = self.linear1(x)  # (N, 64)" in text


def test_epochs_can_be_those_that_were_seen():
    for write in (to_notebook, to_numpy_script):
        assert "range(1, 17 + 1)" in write(small(), epochs=17)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_same_experiment_gives_the_same_text(form):
    assert form.write(Experiment(), None) == form.write(Experiment(), None)
    assert form.help.endswith(".")


@pytest.mark.parametrize("name", FORMS)
def test_needs_no_torch(name):
    code = (
        f"import sys; from playground.export import FORMS; from playground.spec import Experiment; "
        f"FORMS[{name!r}].write(Experiment.starter('digits'), None);"
        "assert not {'torch', 'sklearn'} & set(sys.modules)"
    )
    in_a_fresh_process([sys.executable, "-c", code])


def test_a_numpy_script_needs_no_torch_and_says_so():
    text = to_numpy_script(small())
    assert "import torch" not in text
    assert "playground" not in text.split('"""', 2)[2]
    assert Run(small(training=TrainingSpec(epochs=2).model_dump())).status == "ready"
