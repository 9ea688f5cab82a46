"""The page 'NumPy vs PyTorch' under AppTest: every view shows the numbers that were computed."""

import time
from pathlib import Path

import pytest
from page_helpers import settle
from streamlit.testing.v1 import AppTest

from playground.catalog import LAYERS, LOSSES, OPTIMIZERS
from playground.parity import compare_layer
from playground.parity.spec import ParitySpec
from playground.spec import LayerSpec, LossSpec
from playground.ui import parity_html as html
from playground.ui.parity_state import JOBS, QUESTION, client
from playground.ui.session import EXPERIMENT

ROOT = Path(__file__).resolve().parents[2]
PAGE = "app_pages/numpy_vs_pytorch.py"


@pytest.fixture(scope="module", autouse=True)
def _one_worker():
    yield
    client().close()


@pytest.fixture
def open_page():
    def opened(**query: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
        app.switch_page(PAGE)
        for word, text in query.items():
            app.query_params[word] = text
        return app.run()

    return opened


def problems(app) -> list[str]:
    assert not app.exception, app.exception
    return [error.value for error in app.error]


def texts(app) -> str:
    written = [element.value for kind in ("markdown", "caption") for element in app.get(kind)]
    return "\n".join([*written, *(element.proto.body for element in app.get("html"))])


def finish(app, kind: str, seconds: float = 60):
    """Run the page until the job of this kind has ended; its report."""
    end = time.monotonic() + seconds
    while app.session_state[JOBS][kind].running:
        assert time.monotonic() < end
        time.sleep(0.2)
        app.run()
    assert problems(app) == []
    return app.session_state[JOBS][kind].report


def test_a_difference_is_green_only_below_the_tolerance():
    assert "same" in html.gap(1e-17, 1e-16, 1e-9)
    assert "apart" in html.gap(1e-3, 2e-9, 1e-9)
    assert "apart" in html.gap(None, None, 1e-9)
    assert "<script>" not in html.code([["<script>", "forward"]], "x") + html.filled_lines([["<script>", "<script>"]])


def test_the_first_sight_is_a_layer_with_its_numbers(open_page):
    app = open_page()
    assert problems(app) == []
    shown = texts(app)
    wanted = compare_layer("Linear", {"out_features": 3}, 3, 4, 0, "float64")
    assert f"largest relative difference {wanted['relative']:.1e}" in shown
    for value in wanted["grids"][0]["numpy"][0]:
        assert repr(value) in shown
    assert "dL/dweight" in shown
    assert "def backward(self, grad_output" in shown
    assert len(app.get("plotly_chart")) == 1
    assert app.query_params == {}


@pytest.mark.parametrize("name", [name for name, entry in (*LAYERS.items(), *LOSSES.items()) if entry.twin])
def test_every_layer_and_loss_can_be_looked_at(open_page, name):
    size = LAYERS[name].size if name in LAYERS else ""
    app = open_page(part=LayerSpec(name=name, args={size: 2}).to_text() if size else name)
    assert problems(app) == []
    assert ":green-badge[" in texts(app)


def test_controls_make_the_address_and_the_address_makes_the_page(open_page):
    app = open_page()
    app.selectbox(key="parity-part").set_value("HuberLoss").run()
    app.number_input(key="parity-rows").set_value(5).run()
    app.button(key="parity-another").click().run()
    app.get("button_group")[1].set_value("float32").run()
    assert problems(app) == []
    wanted = ParitySpec(part=LossSpec(name="HuberLoss"), rows=5, draw=1, dtype="float32")
    assert app.session_state[QUESTION] == wanted
    again = open_page(**dict(app.query_params))
    assert again.session_state[QUESTION] == wanted


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_shows_its_step_or_says_that_it_has_no_twin(open_page, name):
    app = open_page(show="step", rule=name, step="2")
    if name in ("Adafactor", "LBFGS"):
        assert f"{name} has no NumPy twin" in problems(app)[0]
        return
    assert problems(app) == []
    assert ":green-badge[" in texts(app)
    assert "parity-lines" in texts(app)


def test_xor_is_trained_to_the_end_in_lockstep(open_page):
    app = open_page(show="training", passes="200")
    report = finish(app, "lockstep")
    assert report["step"] == 200
    assert report["largest"] < 1e-9
    assert len(app.get("plotly_chart")) == 4
    (our_loss, _), _ = report["scores"]
    assert f"{our_loss:.10g}" in texts(app)
    assert len(app.dataframe[0].value) == 4


def test_a_long_training_is_stopped_and_begun_again(open_page):
    app = open_page(show="training", preset="digits", passes="500")
    time.sleep(0.5)
    app.run()
    app.button(key="parity-stop").click().run()
    slot = app.session_state[JOBS]["lockstep"]
    assert not slot.running
    assert 0 < slot.report["step"] < slot.report["steps"]
    app.run()
    assert not app.session_state[JOBS]["lockstep"].running
    app.number_input(key="parity-passes").set_value(1).run()
    assert finish(app, "lockstep")["step"] == 15


def test_the_network_of_the_train_page_is_carried_by_the_address(open_page):
    app = open_page(show="training", preset="train", passes="2", data="moons", net="Linear.5~ReLU~Linear.1")
    report = finish(app, "lockstep")
    assert report["step"] > 0
    assert report["largest"] < 1e-9
    assert app.query_params["net"] == "Linear.5~ReLU~Linear.1"
    assert app.query_params["preset"] == "train"


def test_what_has_no_twin_is_said_before_anything_is_trained(open_page):
    app = open_page(show="training", preset="train", data="spiral", net="Linear~Tanh~Linear.1", opt="LBFGS")
    assert "LBFGS has no NumPy twin" in problems(app)[0]


def test_the_table_holds_numbers_of_this_machine(open_page):
    app = open_page(show="speed", wide="4", many="1")
    app.button(key="parity-stop").click().run()
    rows = finish(app, "aspects")["rows"]
    assert [row["aspect"] for row in rows] == [
        "Forward",
        "Backward",
        "Update",
        "Activations",
        "Losses",
        "Device",
        "Speed",
    ]
    assert all(any(c.isdigit() for c in row["torch_measured"]) or row["torch_measured"] == "cpu" for row in rows)
    assert "dispatch" in texts(app)


@pytest.mark.parametrize(
    "query",
    [{"show": "<script>"}, {"part": "Linear.99999"}, {"rows": "-1"}, {"rule": "Nothing"}, {"preset": "x" * 999}],
)
def test_a_hostile_link_opens_the_plain_page_and_says_why(open_page, query):
    app = open_page(**query)
    assert app.session_state[QUESTION] == ParitySpec()
    assert "This link cannot be opened" in problems(app)[0]
    app.run()
    assert problems(app) == []


def test_the_train_page_plays_the_same_experiment_on_numpy(open_app):
    app = open_app(data="circle")
    app.button(key="epoch").click().run()
    theirs = settle(app)
    app.session_state["more"] = True
    app.run()
    app.selectbox(key="engine").set_value("numpy").run()
    assert problems(app) == []
    assert settle(app)["step"] == 0
    assert app.query_params["engine"] == "numpy"
    app.button(key="epoch").click().run()
    ours = settle(app)
    assert ours["device"] == "cpu, NumPy"
    assert ours["step"] == theirs["step"]
    assert ours["train"]["loss"] == pytest.approx(theirs["train"]["loss"], rel=1e-4)
    app.selectbox(key="optimizer").set_value("LBFGS").run()
    assert "LBFGS has no NumPy twin" in problems(app)[0]
    app.button(key="fix-0").click().run()
    assert problems(app) == []
    assert app.session_state[EXPERIMENT].training.engine == "torch"


def test_pictures_are_shown_channel_by_channel_and_sequences_sample_by_sample(open_page):
    app = open_page(part="Conv2d.3")
    assert problems(app) == []
    shown = texts(app)
    for caption in ("x[2, 0]", "y[2, 2]", "dL/dx[0, 0]", "dL/dweight[2, 0]"):
        assert f"<caption>{caption}</caption>" in shown
    assert "relative difference" in shown
    app = open_page(part="LSTM.3")
    assert problems(app) == []
    assert "<caption>dL/dx[2]</caption>" in texts(app)
