"""The layer cards of the Train page: options of every kind of argument, blocks, and a mistake that one click mends."""

import pytest
from page_helpers import settle

from playground.spec import Experiment, LayerSpec
from playground.ui.session import EXPERIMENT

CNN = "Unflatten.1_8_8~Conv2d.4..3..1..1~RMSNorm~Custom~Residual~Conv2d.4..3..1..1~-~MaxPool2d~Flatten~Linear.10"


@pytest.fixture
def cards(open_app):
    """The page with a network of pictures, and the options of one card open."""

    def opened(index: int):
        app = open_app(data="digits.100", net=CNN, loss="CrossEntropyLoss", opt="Adam")
        app.session_state[f"layer-{index}-more"] = True
        app.run()
        assert not app.exception
        return app

    return opened


def layer(app, index: int) -> LayerSpec:
    assert not app.exception
    return app.session_state[EXPERIMENT].layers[index]


def test_sizes_are_typed_and_a_mistake_is_mended_by_one_click(cards):
    app = cards(0)
    app.text_input(key="layer-0-unflattened_size").set_value("4 x 4, 4").run()
    assert layer(app, 0)["unflattened_size"] == (4, 4, 4)
    app.text_input(key="layer-0-unflattened_size").set_value("1 x 5 x 5").run()
    assert "makes 1 * 5 * 5 = 25 numbers but gets 64 from the input" in app.error[0].value
    app.button(key="fix-0").click().run()
    assert layer(app, 0)["unflattened_size"] == (1, 8, 8)
    assert not app.error
    app.text_input(key="layer-0-unflattened_size").set_value("one").run()
    assert "it takes a number" in app.error[0].value


def test_padding_is_chosen_and_the_size_that_follows_may_be_given(cards):
    app = cards(1)
    app.selectbox(key="layer-1-padding").set_value("same").run()
    assert layer(app, 1)["padding"] == "same"
    assert layer(app, 1)["in_channels"] is None
    app.number_input(key="layer-1-in_channels").set_value(3).run()
    assert "expects 3 channels but gets 1 from Unflatten: set in_channels to 1" in app.error[0].value
    app.button(key="fix-0").click().run()
    assert layer(app, 1)["in_channels"] == 1
    assert any("multiply-adds" in caption.value for caption in app.caption)


def test_a_formula_is_typed_and_nonsense_answered_with_a_sentence(cards):
    app = cards(3)
    app.text_input(key="layer-3-f").set_value("max(x, 0.2*x)").run()
    assert layer(app, 3)["f"] == "max(x, 0.2*x)"
    app.text_input(key="layer-3-f").set_value("open('x')").run()
    assert app.error[0].value.endswith(".")
    assert layer(app, 3)["f"] == "max(x, 0.2*x)"


def test_what_a_block_holds_can_be_changed_and_the_network_is_drawn(cards):
    app = cards(4)
    app.text_input(key="layer-4-inside").set_value("Conv2d.4..3..1..1~ReLU").run()
    assert [inner.name for inner in layer(app, 4).layers] == ["Conv2d", "ReLU"]
    app.text_input(key="layer-4-inside").set_value("Conv2d.6..3..1..1").run()
    assert "set projection to true" in app.error[0].value
    app.button(key="fix-0").click().run()
    assert layer(app, 4)["projection"] is True
    columns = settle(app)["columns"]
    assert [column["units"] for column in columns] == [1, 4, 6, 10]
    assert Experiment.from_query(dict(app.query_params)).layers == app.session_state[EXPERIMENT].layers
