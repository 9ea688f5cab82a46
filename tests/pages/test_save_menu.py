"""The menu 'Save': files to take along, and what is loaded."""

import io

import pytest
import torch
from page_helpers import settle
from safetensors.torch import load, save

from playground.checkpoints import opened
from playground.spec import Experiment
from playground.training import restored
from playground.ui import save as save_room
from playground.ui.resume import MOST_WAITING, Cloakroom
from playground.ui.save import OPEN, UPLOAD
from playground.ui.session import EXPERIMENT, HANDLE


def at_menu(open_app, **query):
    app = open_app(**query)
    app.button(key="epoch").click().run()
    settle(app)
    app.session_state[OPEN] = True
    app.run()
    assert not app.exception
    return app


def loaded(app, data: bytes, name: str = "file.safetensors"):
    number = app.session_state[save_room.UPLOADS]
    app.get("file_uploader")
    app.file_uploader(key=f"{UPLOAD}-{number}").upload(name, data, "application/octet-stream").run()
    settle(app)
    assert not app.exception
    return app


def test_the_files_hold_the_run(open_app):
    app = at_menu(open_app)
    run = app.session_state[HANDLE]
    experiment, state = opened(save_room.checkpoint_file(run), Experiment())
    again = restored(state, "cpu")
    assert (again.step, experiment) == (25, Experiment())
    expected = dict(again.model.state_dict())
    weights = load(save_room.weights_file(run))
    pickled = torch.load(io.BytesIO(save_room.pt_file(run)), weights_only=True)
    for name, tensor in expected.items():
        assert torch.equal(tensor, weights[name])
        assert torch.equal(tensor, pickled[name])


def test_while_no_host_has_the_run_there_is_no_file_and_a_sentence_says_so(open_app):
    app = at_menu(open_app)
    files = [button for button in app.get("download_button") if button.proto.id.endswith("_file")]
    assert [file.proto.disabled for file in files] == [False] * 3
    app.session_state[HANDLE]._announce("reviving", "The training host was lost.")
    app.run()
    files = [button for button in app.get("download_button") if button.proto.id.endswith("_file")]
    assert [file.proto.disabled for file in files] == [True] * 3
    assert save_room.STARTING in [caption.value for caption in app.caption]


def test_a_loaded_run_is_the_run_on_screen(open_app):
    other = at_menu(open_app, data="circle", net="Linear.3~ReLU~Linear.1", loss="BCEWithLogitsLoss", opt="SGD.0.1")
    file, experiment = save_room.checkpoint_file(other.session_state[HANDLE]), other.session_state[EXPERIMENT]
    app = loaded(at_menu(open_app), file)
    assert app.session_state[EXPERIMENT] == experiment
    assert settle(app)["step"] == 25
    assert app.query_params["data"].startswith("circle")
    app.button(key="epoch").click().run()
    assert settle(app)["step"] == 50


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x80\x04pickle", "was not opened"),
        (b"PK\x03\x04zip", "was not opened"),
        (b"hello", "not a file of weights"),
        (save({"0.weight": torch.zeros(3, 2)}), "another network"),
    ],
)
def test_a_file_that_is_refused_leaves_the_run_as_it_was(open_app, data, words):
    app = at_menu(open_app)
    before = settle(app)
    app = loaded(app, data)
    assert any(words in error.value and "\n" not in error.value for error in app.error)
    after = settle(app)
    assert (after["step"], after["train"]) == (before["step"], before["train"])
    app.button(key="epoch").click().run()
    assert settle(app)["step"] == 50


def test_what_a_teacher_has_locked_no_file_changes(open_app):
    other = at_menu(open_app, data="circle", net="Linear.3~ReLU~Linear.1", loss="BCEWithLogitsLoss", opt="SGD.0.1")
    app = loaded(at_menu(open_app, lock="data"), save_room.checkpoint_file(other.session_state[HANDLE]))
    assert any("was not loaded" in error.value for error in app.error)
    assert app.session_state[EXPERIMENT] == Experiment()


# -- the cloakroom --------------------------------------------------------------------------------------------------


def test_a_word_opens_a_run_once_and_only_when_its_session_has_gone():
    here = {"first"}
    room = Cloakroom(here.__contains__)
    room.keep("a", "first", "run", {})
    assert room.take("a") is None
    here.clear()
    assert room.take("a").run == "run"
    assert room.take("a") is None
    assert room.take("b") is None


def test_runs_that_nobody_comes_back_for_are_given_up():
    here, now = {"first", "here"}, [0.0]
    room = Cloakroom(here.__contains__, lambda: now[0])
    room.keep("a", "first", "run", {})
    here.discard("first")
    room.keep("h", "here", "run", {})
    now[0] = 599.0
    room.keep("h", "here", "run", {})
    assert len(room) == 2
    now[0] = 601.0
    room.keep("h", "here", "run", {})
    assert len(room) == 1
    for number in range(MOST_WAITING + 50):
        room.keep(str(number), "gone", "run", {})
        now[0] += 1
    assert len(room) == MOST_WAITING + 1
    assert room.take("0") is None
    assert room.take(str(MOST_WAITING + 49)) is not None
