"""Data of one's own and downloads: every form, in a fresh process beside the file, gives the losses of the run."""

import io
import os
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from playground.catalog import FILE_SETS
from playground.data import fetching, store
from playground.data.csv_file import look, series_spec, suggested_inputs, table_spec
from playground.export import to_numpy_script, to_script, without_numpy
from playground.fit import fitted
from playground.parts import Args
from playground.spec import DataSpec, Experiment, LayerSpec, TrainingSpec

from export_cases import cells, trained, with_module  # isort: skip
from fresh_process import run_all  # isort: skip

FORMS = {"script": to_script, "notebook": lambda one: "\n\n".join(cells(one)), "module": with_module}


def rows(between: str, header: bool, missing: bool) -> bytes:
    """A table of numbers and words; with commas for the decimal point where another character is between."""
    lines = [between.join(("size", "wind", "kind", "price"))] if header else []
    for k in range(40):
        wind = "" if missing and k % 7 == 3 else f"{(k * 7) % 13 / 4}"
        kind = "?" if missing and k % 11 == 5 else ("red", "green", "blue")[k % 3]
        line = between.join((str(k % 17), wind, kind, f"{k * 1.5 - 9}"))
        lines.append(line if between == "," else line.replace(".", ","))
    return ("\n".join(lines) + "\n").encode()


def tables():
    for delimiter, between in (("comma", ","), ("semicolon", ";"), ("tab", "\t")):
        for header in (True, False):
            found = look(rows(between, header, missing=False), delimiter=delimiter, header=header)
            key = store.put(found.text.encode())
            yield f"table {delimiter} {header}", table_spec(found, key, 3, (0, 1, 2), "regression")
            yield f"series {delimiter} {header}", series_spec(found, key, 3, (0, 1), 5)
    found = look(rows(",", header=True, missing=True))
    key = store.put(found.text.encode())
    yield "table of classes with gaps", table_spec(found, key, 2, suggested_inputs(found, 2), "classification")
    yield "table of few columns", table_spec(found, key, 3, (1,), "regression")
    yield "series with gaps", series_spec(found, key, 3, (), 3)
    spec = table_spec(found, key, 2, (0, 1, 3), "classification")
    yield "autoencoder", spec.but(target="inputs")
    yield "fewer rows", spec.set(n=20)


def pictures():
    for colour, side, layout in (("grey", 8, "image"), ("colour", 8, "image"), ("grey", 16, "flat")):
        rng, packed = np.random.default_rng(side), io.BytesIO()
        images = rng.integers(0, 256, (24, 3 if colour == "colour" else 1, side, side)).astype(np.uint8)
        np.savez(packed, images=images, labels=np.arange(24) % 3, names=np.array(["a", "b", "c"]))
        args = {"n": 20, "classes": 3, "side": side, "colour": colour, "layout": layout}
        yield (
            f"pictures {colour} {layout}",
            DataSpec(name="pictures", args=Args(args), file=store.put(packed.getvalue())),
        )


def downloads():
    for name in fetching.SIZES:
        rng = np.random.default_rng(len(name))
        images, labels = rng.integers(0, 256, (60, 784)).astype(np.uint8), np.arange(60) % 10
        packed = io.BytesIO()
        np.savez(packed, images=images.reshape(-1, 1, 28, 28), labels=labels)
        store.write(store.folder() / f"{name}.npz", packed.getvalue())
        for layout in ("image", "flat"):
            yield f"{name} {layout}", DataSpec(name=name, args=Args({"n": 40, "layout": layout}))


def small(data: DataSpec) -> Experiment:
    """Two epochs of a network with one hidden layer that takes the data as it is."""
    made = Experiment.starter(data.name).but(seed=4)
    flat = (LayerSpec(name="Flatten"),) if len(data.input_shape) > 1 else ()
    hidden = (LayerSpec(name="Linear", args={"out_features": 4}), LayerSpec(name="Tanh"))
    made = made.but(layers=(*flat, *hidden, made.layers[-1]), training=TrainingSpec(batch_size=8, epochs=2))
    return fitted(made, data.but(train_fraction=0.7))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def experiments(folder) -> dict[str, Experiment]:
    """Label -> experiment, whose file is in the store, and as a script would find it in a folder of that name."""
    with patch.dict(os.environ, PLAYGROUND_STORE=str(folder / "store")):
        found = {label: small(data) for makers in (tables, pictures, downloads) for label, data in makers()}
        for label, experiment in found.items():
            (place := folder / label).mkdir()
            kind, data = experiment.data.entry.file, experiment.data
            if data.file:
                (place / f"upload.{kind}").write_bytes(store.get(data.file))
            else:
                with np.load(fetching.place(data.name)) as archive:
                    images = archive["images"].reshape(-1, 784)
                    np.savez(place / "openml.npz", images=images, labels=archive["labels"])
            trained(experiment)  # while its file is there
    return found


def test_every_set_of_files_is_here_with_every_choice(experiments):
    assert {one.data.name for one in experiments.values()} == set(FILE_SETS)
    for name, entry in FILE_SETS.items():
        for param in entry.params:
            used = {one.data[param.name] for one in experiments.values() if one.data.name == name}
            assert len(used) > 1 or param.name in ("n", "classes", "target"), (name, param.name)


def test_every_form_gives_the_losses_of_the_run(experiments, folder):
    scripts = {(form, label): write(one) for form, write in FORMS.items() for label, one in experiments.items()}
    results = run_all(scripts, folders={(form, label): folder / label for form, label in scripts})
    for (form, label), result in results.items():
        run = trained(experiments[label])
        assert result["losses"] == run.history["loss"].tolist(), (form, label)
        assert len(result["losses"]) == run.step > 0
        assert str(folder) not in scripts[form, label]


def test_so_does_numpy(experiments, folder):
    of_numpy = {label: one.but(training=one.training.but(engine="numpy")) for label, one in experiments.items()}
    assert not any(map(without_numpy, of_numpy.values()))
    scripts = {label: to_numpy_script(one) for label, one in of_numpy.items()}
    results = run_all(scripts, torch=False, folders={label: folder / label for label in scripts})
    for label, result in results.items():
        with patch.dict(os.environ, PLAYGROUND_STORE=str(folder / "store")):
            assert result["losses"] == trained(of_numpy[label]).history["loss"].tolist(), label
