"""Uploads and downloads in processes of their own."""

import io
import threading
import time
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from playground.data import client, fetching, load, store
from playground.data.client import Task
from playground.data.csv_file import Look
from playground.limits import Limits
from playground.spec import DataSpec, Experiment
from playground.training import Run

CSV = "a,b\n" + "".join(f"{k},{'xy'[k % 2]}\n" for k in range(30))


def test_a_table_is_looked_at_and_kept_as_utf_8():
    task = Task("table", key=store.put(("grün" + CSV).encode("cp1252")))
    assert task.wait(30)
    assert task.error == ""
    found = Look.of(task.result["look"])
    assert [column.name for column in found.columns] == ["grüna", "b"]
    assert store.get(task.result["key"]).decode().startswith("grüna,b")


def test_a_bad_file_is_a_sentence_and_a_lost_one_too():
    task = Task("table", key=store.put(b"\0\1\2"))
    assert task.wait(30)
    assert "no text" in task.error
    task = Task("pictures", key="0" * 32, side=16, colour=False)
    assert task.wait(30)
    assert "no longer on this server" in task.error


def test_so_many_at_once_and_cancelling_ends_the_process(monkeypatch):
    monkeypatch.setattr(client, "LIMITS", Limits(max_data_jobs=1))
    first = Task("download", name="mnist")
    second = Task("download", name="mnist")
    assert second.done
    assert "1 files are being worked on" in second.error
    first.cancel()
    assert first.error == "Cancelled."
    assert first._process.wait(10) != 0
    third = Task("table", key=store.put(CSV.encode()))
    assert third.wait(30)
    assert third.error == ""


def faked(name, *, data_home, **options):
    """As scikit-learn's loader, with little in it."""
    assert options == {"version": 1, "return_X_y": True, "as_frame": False, "parser": "liac-arff"}
    data_home_file = Path(data_home) / "part"
    data_home_file.write_bytes(b"x" * 1000)
    time.sleep(0.5)
    assert data_home_file.exists()
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (300, 784)).astype(float), np.array([str(k % 10) for k in range(300)], dtype=object)


@pytest.mark.parametrize("name", fetching.SIZES)
def test_a_download_is_kept_and_trained_on(name, monkeypatch):
    monkeypatch.setattr("sklearn.datasets.fetch_openml", faked)
    with pytest.raises(ValueError, match="download it on the page Data"):
        load(DataSpec(name=name))
    said = []
    fetching.fetch(name, lambda share, word: said.append((share, word)))
    assert said[0][1].startswith("0.0 of about ")
    assert said[-1] == (1.0, "done")
    assert fetching.is_here(name)
    assert [place.name for place in store.folder().iterdir()] == [f"{name}.npz"]
    starter = Experiment.starter(name)
    run = Run(starter.but(data=starter.data.set(n=300)))
    assert run.advance(steps=2) == 2
    assert run.data.x_train.shape[1:] == (1, 28, 28)
    images, labels = faked(
        name, data_home=store.folder(), version=1, return_X_y=True, as_frame=False, parser="liac-arff"
    )
    np.testing.assert_array_equal(run.data.raw_train[0].ravel(), images[run.data.index_train[0]])
    assert run.data.y_train[0] == int(labels[run.data.index_train[0]])


def test_the_script_of_a_download_fetches_the_same_pictures(monkeypatch):
    from playground.data import files

    monkeypatch.setattr(
        "sklearn.datasets.fetch_openml", lambda name, **options: faked(name, **{"data_home": store.folder(), **options})
    )
    fetching.fetch("mnist", lambda share, word: None)
    starter = Experiment.starter("mnist").data.set(n=100)
    by_script, labels = files.openml("mnist_784", 100, np.random.default_rng(starter.seed))
    by_run, targets = files.pictures(str(fetching.place("mnist")), 100, np.random.default_rng(starter.seed))
    np.testing.assert_array_equal(by_script, by_run.reshape(100, -1))
    np.testing.assert_array_equal(labels, targets)


@pytest.mark.parametrize(
    "error", [URLError("Name or service not known"), ConnectionResetError("reset"), TimeoutError("timed out")]
)
def test_without_a_network_there_is_one_sentence_and_nothing_left(error, monkeypatch):
    def failing(*args, **options):
        raise error

    monkeypatch.setattr("sklearn.datasets.fetch_openml", failing)
    with pytest.raises(ValueError, match=r"openml\.org cannot be reached .* digits of 8x8 pixels"):
        fetching.fetch("mnist", lambda share, word: None)
    assert not list(store.folder().iterdir())
    assert threading.active_count() < 20


def test_something_else_than_the_pictures_is_refused(monkeypatch):
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *args, **options: (np.zeros((3, 5)), np.zeros(3)))
    with pytest.raises(ValueError, match=r"shape \(3, 5\)"):
        fetching.fetch("fashion", lambda share, word: None)


def test_an_archive_of_objects_is_not_unpickled():
    made = io.BytesIO()
    np.savez(made, images=np.array([{"a": 1}] * 9, dtype=object), labels=np.zeros(9))
    spec = DataSpec(name="pictures", file=store.put(made.getvalue()), args={"n": 9})
    with pytest.raises(ValueError, match="does not hold"):
        load(spec)
