"""The Autograd page under AppTest: what the widgets change, and what stays usable."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from playground.autograd.experiments import EXPERIMENTS
from playground.autograd.presets import PRESETS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def open_page():
    def opened(**query: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
        app.switch_page("app_pages/autograd.py")
        for word, text in query.items():
            app.query_params[word] = text
        app.run()
        assert not app.exception
        return app

    return opened


def graph(app: AppTest) -> dict:
    """The picture that was sent to the browser."""
    for element in app.get("bidi_component"):
        if element.proto.component_name.endswith("playground_graph"):
            return json.loads(json.loads(element.proto.json)) if element.proto.json else {}
    raise AssertionError("there is no graph")


def said(app: AppTest, word: str) -> str:
    """A word of the address bar."""
    found = app.query_params.get(word, "")
    return found if isinstance(found, str) else found[0]


def table(app: AppTest) -> dict[str, list[str]]:
    """The rows of the witnesses."""
    text = next(block.value for block in app.markdown if block.value.startswith("| ∂f/∂"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def test_first_sight(open_page):
    app = open_page()
    drawn = graph(app)["graph"]
    assert len(drawn["nodes"]) == 10
    assert drawn["steps"][-1]["words"][-1].endswith("−0.08872")
    torch, scratch, differences, spread = table(app)["w"]
    assert torch == scratch == differences == "−0.354893835"
    assert float(spread) < 1e-9
    assert said(app, "preset") == "neuron"


@pytest.mark.parametrize("key", PRESETS)
def test_every_preset(open_page, key):
    app = open_page(preset=key)
    assert {node["title"] for node in graph(app)["graph"]["nodes"]} >= set(PRESETS[key].values)
    assert not app.error


def test_a_slider_changes_the_numbers_and_the_address(open_page):
    app = open_page(preset="square")
    assert table(app)["x"][0] == "6"
    app.slider(key="autograd-value-x").set_value(-2.0).run()
    assert table(app)["x"][:3] == ["−4", "−4", "−4"]
    assert said(app, "at") == "x:-2.0"
    nodes = {node["title"]: node for node in graph(app)["graph"]["nodes"]}
    assert (nodes["x"]["value"], nodes["x"]["grad"], nodes["x**2"]["value"]) == ("−2", "−4", "4")


def test_a_program_of_ones_own(open_page):
    app = open_page()
    app.text_area(key="autograd-text").set_value("a = x*y\nexp(a)").run()
    assert set(table(app)) == {"x", "y"}
    assert said(app, "program") == "a = x*y\nexp(a)"
    assert app.selectbox(key="autograd-preset").value == "Your own program"
    app.text_area(key="autograd-text").set_value("a = x*\nexp(a)").run()
    assert "something is missing" in app.error[0].value
    assert app.text_area(key="autograd-text").value == "a = x*\nexp(a)", "the text stays, to be mended"
    assert set(table(app)) == {"x", "y"}, "and so does the last picture"
    app.text_area(key="autograd-text").set_value("__import__('os').system('true')").run()
    assert "no text here" in app.error[0].value
    app.selectbox(key="autograd-preset").set_value("square").run()
    assert not app.error
    assert set(table(app)) == {"x"}


def test_a_value_outside_of_the_domain(open_page):
    app = open_page(program="log(x)", at="x:-1")
    assert "log needs a number above 0" in app.error[0].value
    app.slider(key="autograd-value-x").set_value(2.0).run()
    assert not app.error
    assert table(app)["x"][0] == "0.5"


def test_vectors_are_typed(open_page):
    app = open_page(preset="vector")
    assert table(app)["x[2]"][0] == "8"
    app.text_input(key="autograd-value-x").set_value("3, 0").run()
    assert table(app)["x[0]"][0] == "12"
    app.text_input(key="autograd-value-x").set_value("three").run()
    assert "is no number" in app.error[0].value
    assert set(table(app)) == {"x[0]", "x[1]"}


def test_a_branch_records_the_side_that_ran(open_page):
    app = open_page(preset="branch")
    labels = [area.label for area in app.text_area]
    assert labels == ["if x > 0", "else · not recorded"]
    app.slider(key="autograd-value-x").set_value(-1.0).run()
    assert [area.label for area in app.text_area] == ["if x > 0 · not recorded", "else"]
    assert table(app)["x"][0] == "−3"


def test_where_the_visitor_stands_is_in_the_address(open_page):
    app = open_page(preset="square", step="2", node="0")
    assert (graph(app)["step"], graph(app)["node"]) == (2, 0)
    assert (said(app, "step"), said(app, "node")) == ("2", "0")


def test_a_walk_begins_anew_in_another_graph(open_page):
    app = open_page(preset="square", step="2", node="0")
    app.segmented_control(key="autograd-view").set_value("network").run()
    assert (graph(app)["step"], graph(app)["node"]) == (None, None)


@pytest.mark.parametrize("key", ["twice", "accumulate", "second"])
def test_experiments(open_page, key):
    app = open_page(view="experiments")
    app.button(key=f"trial-{key}").click().run()
    assert app.code[0].value == EXPERIMENTS[key].code
    assert len(app.error) == EXPERIMENTS[key].fails
    assert said(app, "trial") == key or key == "twice"


def test_depth(open_page):
    app = open_page(view="depth")
    assert "vanishes" in app.markdown[0].value
    app.selectbox(key="depth-activation").set_value("ReLU")
    app.slider(key="depth-gain").set_value(3.0).run()
    assert "explodes" in app.markdown[0].value
    assert said(app, "depth") == "20_ReLU_16_3.0_0"


def test_the_network_of_the_train_page(open_page):
    app = open_page(view="network", data="iris")
    titles = [node["title"] for node in graph(app)["graph"]["nodes"]]
    assert "Linear 0" in titles
    assert said(app, "data") == "iris"
    app.segmented_control(key="autograd-detail").set_value("nodes").run()
    assert "0.weight" in [node["title"] for node in graph(app)["graph"]["nodes"]]


def test_torchviz(open_page):
    pytest.importorskip("torchviz")
    app = open_page(drawn="torchviz", preset="chain")
    assert "MulBackward0" in app.get("graphviz_chart")[0].proto.spec
    app.toggle(key="torchviz-saved").set_value(True)
    app.toggle(key="torchviz-after").set_value(True).run()
    assert app.query_params["torchviz"] == "saved_after"
    assert "torchviz fails here" in app.info[0].value


def test_a_link_that_cannot_be_opened(open_page):
    app = open_page(program="x +")
    assert "cannot be opened" in app.error[0].value
    assert table(app)
