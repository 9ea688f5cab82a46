"""The page 'Build' under AppTest: every edit of the stack, what it says of it, and the way back."""

import json
from pathlib import Path

import pytest
from page_helpers import settle
from streamlit.testing.v1 import AppTest

from playground.catalog import INITS, LAYERS
from playground.shapes import shape_text
from playground.spec import Experiment
from playground.templates import TEMPLATES
from playground.ui.build import NOW, PAST, SELECTED, size
from playground.ui.build_views import VIEWS, spread_table
from playground.ui.session import EXPERIMENT, HANDLE

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {
    "data": "digits...image",
    "net": "Conv2d.8~ReLU~MaxPool2d~Flatten~Linear.10",
    "loss": "CrossEntropyLoss",
}


@pytest.fixture
def open_page():
    def opened(**query: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
        app.switch_page("app_pages/build.py")
        for word, text in query.items():
            app.query_params[word] = text
        return app.run()

    return opened


def net(app: AppTest) -> str:
    assert not app.exception, app.exception
    return "~".join(layer.to_text() for layer in app.session_state[EXPERIMENT].layers)


def flow(app: AppTest) -> dict:
    """The picture of the network that was sent to the browser."""
    for element in app.get("bidi_component"):
        if element.proto.component_name.endswith("playground_flow"):
            return json.loads(json.loads(element.proto.json))
    raise AssertionError("there is no picture of the network")


def show(app: AppTest, view: str) -> None:
    """Open a view, and wait until the run that it may ask is there."""
    app.session_state["build-tab"] = view
    app.run()
    if HANDLE in app.session_state:
        settle(app)
        app.run()
    assert not app.exception, app.exception


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception, app.exception
    return app


def test_the_picture_says_what_the_outline_says(open_page):
    app = open_page(**PICTURES)
    reports = app.session_state[EXPERIMENT].outline()
    stages = flow(app)["stages"]
    assert [stage["shape"] for stage in stages] == [[1, 8, 8], *(list(report.out_shape) for report in reports)]
    assert [stage["text"] for stage in stages[1:]] == [shape_text(report.out_shape) for report in reports]
    assert stages[1]["hint"] == reports[0].formula
    said = "\n".join(caption.value for caption in app.caption)
    assert f"**{sum(report.parameters for report in reports):,}** parameters" in said
    assert f"**{sum(report.macs for report in reports):,}** multiply-adds" in said
    assert not app.error


def test_layers_are_added_moved_doubled_and_removed_and_all_of_it_is_taken_back(open_page):
    app = open_page()
    first = net(app)
    app.selectbox(key="build-add").set_value("Dropout").run()
    assert net(app) == "Linear~Dropout~Tanh~Linear~Tanh~Linear.1"
    assert app.session_state[SELECTED] == 1, "the new card is open"
    assert app.selectbox(key="build-add").value is None
    press(app, "layer-1-down")
    assert net(app) == "Linear~Tanh~Dropout~Linear~Tanh~Linear.1"
    assert app.session_state[SELECTED] == 2, "the card goes with its layer"
    press(app, "layer-2-up")
    press(app, "layer-1-duplicate")
    assert net(app) == "Linear~Dropout~Dropout~Tanh~Linear~Tanh~Linear.1"
    press(app, "layer-2-remove")
    press(app, "build-card-0")
    app.number_input(key="layer-0-out_features").set_value(5).run()
    assert net(app) == "Linear.5~Dropout~Tanh~Linear~Tanh~Linear.1"
    last = net(app)
    assert len(app.session_state[PAST]) == 6
    for _ in range(6):
        press(app, "build-undo")
    assert net(app) == first
    assert app.button(key="build-undo").disabled
    for _ in range(6):
        press(app, "build-redo")
    assert net(app) == last
    assert app.button(key="build-redo").disabled
    press(app, "build-undo")
    press(app, "layer-0-remove")
    assert app.button(key="build-redo").disabled, "a new edit forgets what was taken back"
    assert app.session_state[NOW] == app.session_state[EXPERIMENT]


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_of_the_palette_has_its_options_and_never_breaks_the_page(open_page, name):
    app = open_page(**(PICTURES if LAYERS[name].channels_first else {}))
    app.selectbox(key="build-add").set_value(name).run()
    assert not app.exception, app.exception
    added = app.session_state[EXPERIMENT].layers[1]
    assert added.name == name
    widgets = {widget.key for kind in ("number_input", "selectbox", "toggle", "slider", "text_input")
               for widget in app.get(kind)}  # fmt: skip
    for param in added.entry.params:
        assert any(key.startswith(f"layer-1-{param.name}") for key in widgets if key), param.name
    assert ("layer-1-init" in widgets) == added.entry.has_weights


def test_the_first_mistake_is_red_at_its_layer_and_mended_by_one_click(open_page):
    app = open_page(**{**PICTURES, "net": "Conv2d.8~ReLU~MaxPool2d~Flatten~Linear.10....99"})
    stages = flow(app)["stages"]
    assert [stage.get("wrong", False) for stage in stages] == [False] * 5 + [True]
    assert stages[5]["shape"] is None
    (error,) = app.error
    assert "Layer 5" in error.value
    assert "99" in error.value
    assert "72" in error.value
    assert any(":red[5 · **Linear**" in text.value for text in app.markdown)
    assert app.button(key="build-train").disabled
    press(app, "fix-0")
    assert not app.error
    assert not app.button(key="build-train").disabled
    assert [stage.get("wrong", False) for stage in flow(app)["stages"]] == [False] * 6
    press(app, "build-undo")
    assert "Layer 5" in app.error[0].value


def test_a_mistake_in_the_middle_leaves_what_comes_after_without_a_shape(open_page):
    app = open_page(net="Linear.4~Conv2d.8~ReLU~Linear.1")
    stages = flow(app)["stages"]
    assert stages[1]["shape"] == [4]
    assert stages[2]["wrong"]
    assert stages[3]["after"]
    assert stages[3]["shape"] is None
    for view in VIEWS:
        app.session_state["build-tab"] = view
        app.run()
        assert not app.exception, view


def test_a_refused_edit_says_why_and_leaves_the_stack(open_page):
    app = open_page()
    before = net(app)
    app.number_input(key="layer-0-out_features").set_value(1024).run()
    for _ in range(4):
        if not app.error:
            press(app, f"layer-{app.session_state[SELECTED]}-duplicate")
    assert "the most is" in app.error[0].value
    assert net(app) != before
    app.run()
    assert not app.error, "it is said once"


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_beside_the_stack(open_page, view):
    app = open_page(**PICTURES)
    show(app, view)
    assert not app.error


def test_one_sample_goes_through_every_layer(open_page):
    app = open_page(**PICTURES)
    show(app, "One sample")
    app.number_input(key="build-sample").set_value(3).run()
    sent = next(e.proto.json for e in app.get("bidi_component") if e.proto.component_name.endswith("playground_maps"))
    layers = json.loads(json.loads(sent))["layers"]
    assert [layer["title"] for layer in layers] == [
        "input",
        "1 Conv2d",
        "2 ReLU",
        "3 MaxPool2d",
        "4 Flatten",
        "5 Linear",
    ]
    assert any("sample 3 of" in caption.value for caption in app.caption)


def test_all_weights_begin_as_chosen_and_the_histograms_follow(open_page, monkeypatch):
    monkeypatch.setattr("playground.ui.rerun.ALONE", 0.0)  # nobody is as fast as this test
    app = open_page()
    show(app, "Beginnings")
    for name in [*INITS, "default"]:
        app.segmented_control(key="build-init").set_value(name).run()
        inits = {layer.init for layer in app.session_state[EXPERIMENT].layers if layer.entry.has_weights}
        assert inits == {name}
    app.selectbox(key="layer-0-init").set_value("zeros").run()
    assert net(app).startswith("Linear-zeros~Tanh~Linear~")
    assert app.segmented_control(key="build-init").value == "mixed"
    table = next(element.proto.body for element in app.get("html") if "health-table" in element.proto.body)
    assert "100%</td>" in table, "zeros in, zeros out"


def test_code_table_and_graph_are_those_of_the_network(open_page):
    app = open_page(**PICTURES)
    app.session_state["build-tab"] = "Code"
    app.run()
    assert "nn.Conv2d(1, 8, 3)" in app.code[0].value or "nn.Conv2d(1, 8" in app.code[0].value
    app.segmented_control(key="build-form").set_value("nn.Module").run()
    assert "class Network(nn.Module)" in app.code[0].value
    app.segmented_control(key="build-form").set_value("NumPy").run()
    assert "import numpy as np" in app.code[0].value
    app.session_state["build-tab"] = "Table"
    app.run()
    total = sum(report.parameters for report in app.session_state[EXPERIMENT].outline())
    assert f"Total params: {total:,}" in app.code[0].value
    app.session_state["build-tab"] = "Graph"
    app.session_state["build-graph"] = "torchviz"
    app.run()
    assert "ConvolutionBackward0" in app.get("graphviz_chart")[0].proto.spec


def test_train_it_goes_to_train_with_the_same_experiment(open_page):
    app = open_page(**PICTURES)
    press(app, "layer-0-duplicate")
    built = app.session_state[EXPERIMENT]
    press(app, "build-train")
    assert app.button(key="play")
    assert app.session_state[EXPERIMENT] == built


def test_the_run_follows_a_draft_when_it_is_asked_for(open_page):
    app = open_page(net="Linear.4~Tanh~Linear.1")
    show(app, "One sample")
    app.session_state["build-tab"] = "Layer"
    app.number_input(key="layer-0-out_features").set_value(5).run()
    built, run = app.session_state[EXPERIMENT], app.session_state[HANDLE]
    assert (built.layers[0]["out_features"], run.experiment.layers[0]["out_features"]) == (5, 4)
    show(app, "One sample")
    assert run.experiment == built
    app.session_state["build-tab"] = "Layer"
    app.number_input(key="layer-0-out_features").set_value(6).run()
    assert run.experiment == built
    app.switch_page("app_pages/train.py").run()
    assert not app.exception
    assert run.experiment == app.session_state[EXPERIMENT] != built


def test_what_was_changed_on_train_can_be_taken_back_here(open_page):
    app = open_page()
    app.switch_page("app_pages/train.py").run()
    press(app, "add-hidden")
    app.switch_page("app_pages/build.py").run()
    assert net(app) == "Linear~Tanh~Linear~Tanh~Linear~Tanh~Linear.1"
    press(app, "build-undo")
    assert app.session_state[EXPERIMENT] == Experiment()


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_is_one_click_and_one_click_back(open_page, name):
    app = open_page(**PICTURES)
    before = app.session_state[EXPERIMENT]
    if not TEMPLATES[name].suits(before.data):
        assert name not in app.selectbox(key="build-template").options
        return
    app.selectbox(key="build-template").set_value(name).run()
    assert app.session_state[EXPERIMENT] == TEMPLATES[name].experiment(before.data)
    assert not app.error
    assert not app.exception
    assert len(flow(app)["stages"]) == 1 + len(app.session_state[EXPERIMENT].layers)
    press(app, "build-undo")
    assert app.session_state[EXPERIMENT] == before


def test_sizes_are_read_easily():
    assert [size(count) for count in (12, 1500, 2_340_000, 5 * 10**9)] == ["12 B", "1.5 kB", "2.34 MB", "5 GB"]


def test_names_in_the_table_of_spreads_are_text():
    layer = {"index": 0, "name": "<b>", "init": "<i>", "mean": None, "std": None, "zero": None, "ratio": None,
             "counts": [], "edges": []}  # fmt: skip
    text = spread_table({"samples": 1, "layers": [layer]})
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
