"""The Optimizers page: every control makes another race, and nonsense is answered with a sentence."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from playground.catalog import OPTIMIZERS
from playground.engine.snapshot import read_header
from playground.landscapes import LANDSCAPES, race
from playground.landscapes.spec import RaceSpec
from playground.ui.optimizers_state import JOBS, MISTAKE, RACE, worker

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def _one_worker():
    """The process outlives the single test: starting it takes seconds."""
    yield
    worker().close()


@pytest.fixture
def open_page():
    def opened(**query):
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=40)
        app.run()
        app.switch_page("app_pages/optimizers.py")
        for word, text in query.items():
            app.query_params[word] = text
        return settled(app.run())

    return opened


def settled(app):
    """The page when its race is there."""
    assert not app.exception
    assert app.session_state[JOBS]["race"][1].wait(40)
    app.run()
    assert not app.exception
    return app


def shown(app):
    """The header of the race that the view was given."""
    [view] = [node for node in app.get("bidi_component") if b"playground_race_view" in node.proto.SerializeToString()]
    return read_header(view.proto.bytes)


def changed(app):
    app.run()
    return settled(app)


def spec_of(app) -> RaceSpec:
    return app.session_state[RACE]


def text_of(app):
    return " ".join(element.value for kind in ("caption", "markdown", "error", "info") for element in app.get(kind))


def test_the_default_view_is_the_lessons_race(open_page):
    app = open_page()
    spec = spec_of(app)
    assert spec == RaceSpec()
    header = shown(app)
    trails = race(spec.place, spec.field(), (-1, 1), 100)
    assert [row["loss"] for row in header["racers"]] == [trail.loss[-1] for trail in trails]
    assert "0.0020" in text_of(app)
    assert not app.query_params


def test_the_address_opens_a_race_and_follows_it(open_page):
    app = open_page(v="1", on="booth", start="2.0_2.0", steps="20", race="Adam.0.05~~Rprop")
    assert shown(app)["label"] == "Booth"
    assert [row["label"] for row in shown(app)["racers"]] == ["Adam 0.05", "Rprop 0.01"]
    app.number_input(key="steps").set_value(30)
    changed(app)
    assert app.query_params["steps"] in ("30", ["30"])
    assert shown(app)["steps"] == 30


def test_a_bad_address_says_so(open_page):
    app = open_page(on="mars")
    assert "default race" in app.error[0].value
    assert "'mars'" in app.error[0].value
    assert spec_of(app) == RaceSpec()


def test_landscape_start_and_steps(open_page):
    app = open_page()
    app.selectbox(key="landscape").set_value("himmelblau")
    changed(app)
    assert shown(app)["start"] == list(LANDSCAPES["himmelblau"].starts[0])
    app.number_input(key="start-x").set_value(1.5)
    changed(app)
    assert shown(app)["start"] == [1.5, 0.0]
    app.selectbox(key="landscape").set_value("expression")
    changed(app)
    app.text_input(key="expression").set_value("x**2 + sin(y)")
    changed(app)
    assert shown(app)["label"] == "x**2 + sin(y)"
    app.text_input(key="expression").set_value("x**2")
    changed(app)
    assert "no y" in app.error[0].value
    assert spec_of(app).expression == "x**2 + sin(y)"
    app.selectbox(key="landscape").set_value("bowl")
    changed(app)
    app.number_input(key="place-condition").set_value(100.0)
    changed(app)
    assert spec_of(app).place.args["condition"] == 100
    assert "0.020" in text_of(app)


def test_the_racer_table(open_page):
    app = open_page()
    app.selectbox(key="racer-0-class").set_value("LBFGS")
    changed(app)
    assert spec_of(app).racers[0].optimizer.name == "LBFGS"
    app.select_slider(key="racer-2-lr").set_value(0.1)
    changed(app)
    assert spec_of(app).racers[2].optimizer["lr"] == 0.1
    app.button(key="racer-2-duplicate").click()
    settled(app.run())
    assert [racer.optimizer.name for racer in spec_of(app).racers] == ["LBFGS", "SGD", "Adam", "Adam", "RMSprop"]
    app.button(key="racer-0-remove").click()
    settled(app.run())
    assert len(spec_of(app).racers) == 4
    app.selectbox(key="racer-0-schedule").set_value("StepLR")
    changed(app)
    assert spec_of(app).racers[0].scheduler.name == "StepLR"
    app.number_input(key="racer-0-clip").set_value(2.0)
    changed(app)
    assert spec_of(app).racers[0].clip == 2.0
    assert "clip 2" in shown(app)["racers"][0]["label"]


def test_one_rate_for_all_says_what_it_does_and_divergence_is_said(open_page):
    app = open_page()
    app.toggle(key="same-rate").set_value(True)
    changed(app)
    app.select_slider(key="shared-rate").set_value(0.01)
    changed(app)
    assert {row["lr"] for row in shown(app)["racers"]} == {0.01}
    told = text_of(app)
    assert "One rate for all" in told
    assert "diverged at step" in told
    assert "largest Hessian eigenvalue" in told
    app.toggle(key="same-rate").set_value(False)
    changed(app)
    assert spec_of(app) == RaceSpec()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_draws_its_controls(open_page, name):
    app = open_page(v="1", race=name, steps="3")
    keys = {
        getattr(element, "key", None)
        for kind in ("slider", "number_input", "selectbox", "toggle")
        for element in app.get(kind)
    }
    for param in OPTIMIZERS[name].params[1:]:
        wanted = f"racer-0-arg-{param.name}"
        assert any(str(key).startswith(wanted) for key in keys), wanted


def test_a_chosen_start_is_raced_from(open_page):
    from playground.ui import optimizers_state

    app = open_page()
    app.session_state[RACE] = optimizers_state.RaceSpec().but(start=(0.5, -0.25))
    changed(app)
    assert shown(app)["start"] == [0.5, -0.25]
    assert app.number_input(key="start-x").value == 0.5
    assert MISTAKE not in app.session_state


TABS = {"heat": "Rates", "basin": "Basins", "network": "A network's loss", "twins": "NumPy beside torch"}


@pytest.mark.parametrize("operation", TABS)
def test_the_further_tabs_compute_and_show(open_page, operation):
    app = open_page(v="1", on="booth", steps="10")
    app.session_state["race-tab"] = TABS[operation]
    app.run()
    assert not app.exception
    app.button(key=f"{operation}-go").click().run()
    assert app.session_state[JOBS][operation][1].wait(60)
    app.run()
    assert not app.exception
    assert app.get("plotly_chart") or app.table
    assert app.session_state[JOBS][operation][1].ok


@pytest.mark.parametrize(("tab", "kind"), [("3-D", "plotly_chart"), ("Code and data", "code")])
def test_the_tabs_at_rest(open_page, tab, kind):
    app = open_page()
    app.session_state["race-tab"] = tab
    app.run()
    assert not app.exception
    assert app.get(kind)


def test_a_late_address_takes_nothing_back(open_page):
    """The browser's next message may carry the address from before the last change; a typed one counts."""
    app = open_page(steps="50")
    app.number_input(key="start-x").set_value(0.5)
    app.run()
    before = dict(app.query_params)
    app.number_input(key="start-y").set_value(-0.25)
    app.run()
    app.query_params["start"] = before["start"]
    app.run()
    assert spec_of(app).begin == (0.5, -0.25)
    app.query_params["start"] = "0.1_0.2"
    assert spec_of(settled(app.run())).begin == (0.1, 0.2)
