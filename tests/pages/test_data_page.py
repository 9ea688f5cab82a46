"""The page 'Data' under AppTest: what it shows is what is trained on, and a bad file leaves everything as it was."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from page_helpers import settle
from PIL import Image
from streamlit.testing.v1 import AppTest

from playground.data import fetching, load, store
from playground.limits import LIMITS
from playground.ui import uploads
from playground.ui.session import EXPERIMENT, HANDLE

ROOT = Path(__file__).resolve().parents[2]
CSV = "size,colour,sold\n" + "".join(
    f"{k * 0.5},{'red' if k % 3 else ''},{'yes' if k > 20 else 'no'}\n" for k in range(40)
)


@pytest.fixture(autouse=True)
def _empty_store():
    yield
    for file in store.folder().iterdir():
        file.unlink()


def first_page(**query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    app.switch_page("app_pages/data.py")
    for word, text in query.items():
        app.query_params[word] = text
    return app.run()


def open_page(**query: str) -> AppTest:
    app = first_page(**query)
    from playground.ui.session import engine

    engine().start()
    settle(app, 60)
    return app.run()


def problems(app) -> list[str]:
    assert not app.exception, app.exception
    return [error.value for error in app.error]


def texts(app) -> str:
    written = [element.value for kind in ("markdown", "caption") for element in app.get(kind)]
    return "\n".join([*written, *(element.proto.body for element in app.get("html"))])


def finish(app, seconds: float = 60) -> AppTest:
    """Wait for the process that works on the file; it may have ended while the page was drawn."""
    if uploads.TASK in app.session_state:
        assert app.session_state[uploads.TASK].wait(seconds)
    return app.run()


def test_samples_balance_and_split_are_those_of_the_data():
    app = open_page(data="iris")
    assert problems(app) == []
    data = load(app.session_state[EXPERIMENT].data)
    for k, name in enumerate(("setosa", "versicolor", "virginica")):
        train, val = (int((y == k).sum()) for y in (data.y_train, data.y_val))
        assert f"<span>{name}</span>" in texts(app)
        assert f"{train} + {val}" in texts(app)
    assert f"{len(data.x_train)} samples train, {len(data.x_val)} validate" in texts(app)


@pytest.mark.parametrize("view", ["samples", "batches", "scale", "code"])
def test_every_kind_of_data_has_every_view(view):
    app = open_page(show=view)
    for name in ("digits", "diabetes", "wave", "characters", "parity", "sine"):
        app.selectbox(key="data").set_value(name).run()
        assert problems(app) == [], name
        assert app.session_state[EXPERIMENT].data.name == name


def test_the_input_itself_can_be_asked_for_and_the_target_again():
    app = open_page(data="iris")
    before = app.session_state[EXPERIMENT]
    app.segmented_control(key="data-target").set_value("inputs").run()
    assert problems(app) == []
    experiment = app.session_state[EXPERIMENT]
    assert (experiment.data.target, experiment.loss.name) == ("inputs", "MSELoss")
    assert experiment.layers[-1]["out_features"] == 4
    assert app.query_params["target"] in ("inputs", ["inputs"])
    app.session_state[HANDLE].step(2)
    assert app.session_state[HANDLE].snapshot.header["task"] == "regression"
    app.segmented_control(key="data-target").set_value("labels").run()
    assert app.session_state[EXPERIMENT] == before
    app.selectbox(key="data").set_value("spiral").run()
    assert "data-target" not in [control.key for control in app.segmented_control]


def test_a_batch_is_the_one_that_the_next_step_trains_on():
    app = open_page(data="iris", show="batches", batch="32")
    run = app.session_state[HANDLE]
    told = run.call("batch", which="next")
    assert f"batch **1 of {told['batches']}**" in texts(app)
    assert f"Mean loss **{told['mean']:.4g}**" in texts(app)
    app.button(key="data-next").click().run()
    assert run.snapshot.header["step"] == 1
    assert f"batch **2 of {told['batches']}**" in texts(app)
    app.toggle(key="data-drop_last").set_value(True).run()
    assert problems(app) == []
    assert run.call("batch")["batches"] == told["points"] // 32
    assert f"drop_last leaves {told['points'] % 32} out" in texts(app)
    assert app.query_params["drop"] in ("1", ["1"])


def test_the_table_shows_that_only_the_training_part_is_standardised_exactly():
    app = open_page(data="iris", show="scale")
    data = load(app.session_state[EXPERIMENT].data)
    mean, std = data.raw_train[:, 0].mean(), data.raw_train[:, 0].std()
    assert f"<td>{mean:.3g} ± {std:.3g}</td><td>0 ± 1</td>" in texts(app)
    assert f"{data.x_val[:, 0].mean(dtype=np.float64):.3g} ± " in texts(app)


def test_the_code_is_that_of_the_script():
    app = open_page(data="digits", show="code")
    code = app.code[0].value
    assert "def digits(" in code
    assert "DataLoader(" in code
    assert "nn.Sequential" not in code


class Upload:
    """What Streamlit's uploader gives."""

    def __init__(self, name: str, content: bytes):
        self.name, self.content, self.file_id = name, content, str(hash((name, content)))

    def getvalue(self) -> bytes:
        return self.content


@pytest.fixture
def give(monkeypatch):
    """Opens the panel with a file in it."""

    def given(name: str, content: bytes) -> AppTest:
        monkeypatch.setattr("playground.ui.uploads.st.file_uploader", lambda *args, **options: Upload(name, content))
        app = open_page()
        app.session_state["own-data"] = True
        app.run()
        return finish(app) if uploads.TASK in app.session_state else app

    return given


def test_an_uploaded_table_is_learned_from(give):
    app = give("houses.csv", CSV.encode())
    assert problems(app) == []
    assert "number, 40 different" in texts(app)
    assert "words, 1 different, 14 missing" in texts(app)
    app.button(key="own-use").click().run()
    assert problems(app) == []
    experiment = app.session_state[EXPERIMENT]
    assert (experiment.data.name, experiment.data.classes, experiment.data.columns) == ("table", 2, (0, 1))
    assert experiment.loss.name == "BCEWithLogitsLoss"
    assert app.query_params["file"] in (experiment.data.file, [experiment.data.file])
    app.session_state[HANDLE].step(3)
    assert app.session_state[HANDLE].snapshot.header["classes"] == ["no", "yes"]
    again = open_page(**experiment.to_query())
    assert again.session_state[EXPERIMENT] == experiment
    store.remove(experiment.data.file)
    gone = first_page(**experiment.to_query())
    assert "upload it again on the page Data" in problems(gone)[0]
    assert gone.session_state[EXPERIMENT].data.name == "spiral"


def test_reading_the_file_in_use_another_way_cannot_lose_it(give):
    app = give("numbers.csv", b"a,b,c\n" + b"".join(b"%d,%d,%d\n" % (k, k % 5, k % 2) for k in range(40)))
    app.button(key="own-use").click().run()
    used = app.session_state[EXPERIMENT].data.file
    choice = next(box for box in app.selectbox if box.label == "Delimiter")
    choice.set_value("semicolon" if "semicolon" in choice.options else choice.options[1]).run()
    finish(app)
    assert not app.exception
    assert store.has(used), "what does not work out takes nothing away"
    assert app.session_state[EXPERIMENT].data.file == used
    store.remove(used)
    box = next(box for box in app.selectbox if box.label == "Delimiter")
    box.set_value(next(option for option in box.options if option != box.value)).run()
    assert "no longer on this server" in problems(app)[0]


def test_a_file_that_the_server_had_stays_when_its_work_is_refused(give, monkeypatch):
    key = store.put(CSV.encode())
    monkeypatch.setattr("playground.data.client.LIMITS", replace(LIMITS, max_data_jobs=0))
    app = give("houses.csv", CSV.encode())
    assert "files are being worked on" in problems(app)[0]
    assert store.has(key)
    store.remove(key)
    app = give("houses again.csv", CSV.encode())
    assert not store.has(key), "one that came with it goes again"


def zipped(n: int = 8) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for k in range(n):
            one = io.BytesIO()
            Image.new("L", (9, 9), 30 * k).save(one, "PNG")
            archive.writestr(f"{'ab'[k % 2]}/{k}.png", one.getvalue())
    return made.getvalue()


def test_an_archive_of_pictures_is_learned_from(give):
    app = give("pictures.zip", zipped())
    app.button(key="own-unpack").click().run()
    app = finish(app)
    assert problems(app) == []
    assert app.session_state[EXPERIMENT].data.input_shape == (1, 28, 28)
    app.session_state[HANDLE].step(2)
    assert app.session_state[HANDLE].snapshot.header["classes"] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "empty"),
        ("binary.csv", b"\0\1\2" * 50, "no text"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n1,2\n1,2\n1,2\n", "Line 3"),
        ("one.csv", b"a\n1\n2\n3\n4\n5\n", "single column"),
        ("wide.csv", b",".join([b"1"] * 1_000_000) + b"\n", "1,000,000 columns"),
        ("half.zip", zipped()[:200], "no zip archive"),
    ],
)
def test_a_bad_file_gives_a_sentence_and_leaves_the_experiment_as_it_was(give, name, content, words):
    app = give(name, content)
    if name.endswith(".zip"):
        app.button(key="own-unpack").click().run()
        app = finish(app)
    assert [words in sentence for sentence in problems(app)] == [True]
    assert app.session_state[EXPERIMENT].to_query() == open_page().session_state[EXPERIMENT].to_query()
    assert not list(store.folder().glob("?" * store.KEY_LENGTH))


def test_one_class_leaves_the_experiment_as_it_was(give):
    app = give("same.csv", b"a,b\n" + b"".join(f"{k},same\n".encode() for k in range(9)))
    before = app.session_state[EXPERIMENT]
    key = app.session_state[uploads.FOUND]["key"]
    app.selectbox(key=f"own-target-{key}").set_value(1).run()
    app.button(key="own-use").click().run()
    assert "one class only" in problems(app)[0]
    assert app.session_state[EXPERIMENT] == before


def test_a_download_shows_its_progress_and_can_be_cancelled(monkeypatch):
    app = open_page(open="own-data")
    assert "15" in app.button(key="own-mnist").label or "16" in app.button(key="own-mnist").label
    app.button(key="own-mnist").click().run()
    assert problems(app) == []
    task = app.session_state[uploads.TASK]
    task.cancel()
    app.run()
    assert problems(app) == ["Cancelled."]
    assert not fetching.is_here("mnist")


def test_train_on_it_goes_to_the_page_train():
    app = open_page(data="wave")
    assert app.button(key="data-train").label == "Train on it"
    app.button(key="data-train").click().run()
    assert problems(app) == []
