"""The Train page: every control does what it says, and nonsense is answered with a sentence."""

import time

import pytest
from page_helpers import settle

from playground.catalog import DATASETS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS
from playground.spec import Experiment
from playground.ui.controls import number
from playground.ui.session import EXPERIMENT, HANDLE


def header(app) -> dict:
    return settle(app)


def errors(app) -> list[str]:
    assert not app.exception, app.exception
    return [error.value for error in app.error]


def test_the_default_experiment_is_there_with_a_picture_and_its_numbers_as_text(open_app):
    app = open_app()
    assert errors(app) == []
    assert app.session_state[EXPERIMENT] == Experiment()
    app.run()
    text = next(caption.value for caption in app.caption if "training loss" in caption.value)
    assert "step 0" in text
    assert f"{header(app)['train']['loss']:.4f}" in text
    assert header(app)["device"] in text
    assert [part.proto.component_name for part in app.get("bidi_component")] == [
        "playground_live_code",
        "playground_live_view",
        "playground_tab",
    ]


def test_play_pause_step_epoch_and_reset(open_app):
    app = open_app()
    loss = header(app)["train"]["loss"]
    app.button(key="step").click().run()
    assert header(app)["step"] == 1
    app.button(key="epoch").click().run()
    assert header(app)["step"] == 25
    app.button(key="play").click().run()
    assert app.button(key="play").label == "Pause"
    end = time.monotonic() + 5
    while header(app)["step"] < 100:
        assert time.monotonic() < end
    app.button(key="play").click().run()
    paused = header(app)["step"]
    time.sleep(0.2)
    assert header(app)["step"] == paused
    assert app.button(key="play").label == "Play"
    app.button(key="reset").click().run()
    assert header(app)["step"] == 0
    assert header(app)["train"]["loss"] == loss
    app.button(key="new-weights").click().run()
    assert header(app)["train"]["loss"] != loss
    assert app.query_params["seed"] == "1"
    assert errors(app) == []


def test_a_long_epoch_is_paused_like_a_run_that_plays(open_app, monkeypatch):
    monkeypatch.setattr("playground.engine.handle.MOMENT", 1.0)
    layers = "~".join(["Linear.512~Tanh"] * 6)
    app = open_app(data="circle.5000", net=f"{layers}~Linear.1", batch="1", opt="SGD.0.001")
    app.button(key="epoch").click().run()
    assert app.button(key="play").label == "Pause"
    app.button(key="play").click().run()
    assert not app.exception
    header = settle(app)
    assert app.button(key="play").label == "Play"
    assert header["status"] == "ready"
    assert header["step"] < 2500


def test_rates_optimizers_and_batches_change_without_a_reset(open_app):
    app = open_app()
    app.button(key="epoch").click().run()
    app.selectbox(key="lr").set_value(0.03).run()
    app.selectbox(key="optimizer").set_value("SGD").run()
    app.number_input(key="batch_size").set_value(50).run()
    app.selectbox(key="schedule").set_value("StepLR").run()
    assert errors(app) == []
    experiment = app.session_state[EXPERIMENT]
    assert experiment.optimizer.name == "SGD"
    assert experiment.training.batch_size == 50
    assert experiment.scheduler.name == "StepLR"
    assert header(app)["step"] == 25
    assert app.session_state[HANDLE].experiment == experiment
    assert Experiment.from_query(app.query_params) == experiment


def test_data_loss_and_layers_start_anew(open_app):
    app = open_app()
    app.button(key="epoch").click().run()
    app.slider(key="data-noise").set_value(0.2).run()
    assert header(app)["step"] == 0
    app.button(key="epoch").click().run()
    app.number_input(key="layer-0-units").set_value(5).run()
    assert header(app)["step"] == 0
    assert header(app)["columns"][1]["units"] == 5
    app.button(key="add-hidden").click().run()
    assert [layer.name for layer in app.session_state[EXPERIMENT].layers] == ["Linear", "Tanh"] * 3 + ["Linear"]
    for layer, action in ((0, "duplicate"), (1, "right"), (0, "remove")):
        app.session_state[f"layer-{layer}-more"] = True  # opens its popover
        app.run()
        app.button(key=f"layer-{layer}-{action}").click().run()
    names = [layer.name for layer in app.session_state[EXPERIMENT].layers]
    assert names == ["Tanh", "Linear", "Linear", "Tanh", "Linear", "Tanh", "Linear"]
    assert errors(app) == []


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_opens_from_a_link_and_steps(open_app, name):
    app = open_app(data=name)
    app.button(key="step").click().run()
    assert errors(app) == []
    assert header(app)["step"] == 1


def test_going_through_all_data_sets_keeps_the_network_fitting(open_app):
    app = open_app()
    for name in DATASETS:
        app.selectbox(key="data").set_value(name).run()
        assert errors(app) == [], name
        assert app.session_state[EXPERIMENT].data.name == name
        assert header(app)["step"] == 0


@pytest.mark.parametrize(("key", "registry"), [("optimizer", OPTIMIZERS), ("loss", LOSSES), ("schedule", SCHEDULERS)])
def test_every_entry_can_be_chosen(open_app, key, registry):
    app = open_app()
    for name in registry:
        app.selectbox(key=key).set_value(name).run()
        assert not app.exception, name
        for error in app.error:
            assert error.value.endswith("."), name


def test_every_layer_can_be_put_in(open_app):
    app = open_app()
    for name in LAYERS:
        app.selectbox(key="layer-1-kind").set_value(name).run()
        assert not app.exception, name
        assert app.session_state[EXPERIMENT].layers[1].name == name


def test_what_does_not_fit_is_said_and_one_click_mends_it(open_app):
    app = open_app(data="circle", net="Linear.4~Tanh~Linear.3")
    assert "set the last Linear to 1" in errors(app)[0]
    assert app.button(key="play").disabled
    app.button(key="fix-0").click().run()
    assert errors(app) == []
    assert not app.button(key="play").disabled
    assert header(app)["columns"][-1]["units"] == 1


@pytest.mark.parametrize(
    "query",
    [
        {"data": "<script>alert(1)</script>"},
        {"net": "Linear." + "9" * 400},
        {"opt": "Adam.nan"},
        {"v": "999"},
        {"seed": "-1"},
        {"data": "circle", "features": "__class__"},
    ],
)
def test_a_hostile_link_opens_the_default_and_says_why(open_app, query):
    app = open_app(**query)
    assert app.session_state[EXPERIMENT] == Experiment()
    said = errors(app)
    assert len(said) == 1
    assert "This link cannot be opened" in said[0]
    app.run()
    assert errors(app) == []


@pytest.mark.parametrize("typed", ["fast", "", "1/0", "0x10", "1e", "💥" * 50, "__import__('os')"])
def test_what_is_no_number_is_answered_with_a_sentence(typed):
    with pytest.raises(ValueError, match=r"learning rate: .* is not a number; type one such as"):
        number(typed, "learning rate")


@pytest.mark.parametrize(
    ("typed", "value"), [("1e-3", 0.001), (" 0,5 ", 0.5), ("1/1000", 0.001), ("3", 3.0), (0.1, 0.1)]
)
def test_numbers_may_be_typed_as_people_write_them(typed, value):
    assert number(typed, "learning rate") == value


def test_divergence_is_explained_and_a_smaller_rate_goes_on(open_app):
    app = open_app(data="spiral", net="Linear~Tanh~Linear~Tanh~Linear.1", opt="Adam.1000000.0")
    app.button(key="play").click().run()
    end = time.monotonic() + 10
    while header(app)["status"] != "diverged":
        assert time.monotonic() < end
    app.run()
    assert app.button(key="play").label == "Play"
    assert any("Diverged at step" in caption.value for caption in app.caption)
    app.selectbox(key="lr").set_value(0.01).run()
    app.button(key="step").click().run()
    assert header(app)["status"] in ("ready", "playing")


def test_the_code_is_one_click_away_and_compiles(open_app):
    app = open_app()
    app.session_state["code"] = True
    app.run()
    compile(app.code[0].value, "script", "exec")
    assert "torch.manual_seed(0)" in app.code[0].value
