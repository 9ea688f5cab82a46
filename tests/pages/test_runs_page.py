"""Keeping runs on the page Train, and the page that shows them."""

import time
from types import SimpleNamespace

import pytest
from page_helpers import settle

from playground.spec import Experiment
from playground.ui import identity
from playground.ui import runs as page
from playground.ui.session import EXPERIMENT

RUNS = "app_pages/runs.py"


@pytest.fixture(autouse=True)
def _nobody_before():
    """Every test has visitors of its own."""
    yield
    with page.shelf()._begin() as connection, connection.begin():
        connection.exec_driver_sql("DELETE FROM playground_runs")


def said(app) -> str:
    assert not app.exception, app.exception
    return "\n".join(part.value for part in [*app.markdown, *app.caption, *app.error])


def identity_of(app) -> str:
    return identity._owner(app.session_state[identity.VISITOR])


def kept(app, steps: int = 3) -> None:
    settle(app)
    for _ in range(steps):
        app.button(key="step").click().run()
    app.button(key="keep").click().run()
    assert not app.exception


def finish(app) -> None:
    """Play until the run ends by itself."""
    app.button(key="play").click().run()
    end = time.monotonic() + 60
    while settle(app)["status"] == "playing":
        assert time.monotonic() < end
        time.sleep(0.05)
    app.run()


def test_without_runs_the_page_says_how_to_get_one(open_app):
    app = open_app()
    app.switch_page(RUNS).run()
    assert "No runs yet" in said(app)
    assert [link.proto.label for link in app.get("page_link")] == ["To the page Train"]
    assert not [part for part in app.get("bidi_component") if part.proto.component_name == "playground_visitor"]


def test_nothing_is_kept_before_the_first_step(open_app):
    app = open_app()
    app.button(key="keep").click().run()
    assert [error.value for error in app.error] == ["There is nothing to keep yet: press Play or Step first."]
    app.switch_page(RUNS).run()
    assert "No runs yet" in said(app)


def test_a_kept_run_is_there_with_its_scores_and_opens_again(open_app):
    app = open_app(data="circle", opt="SGD.0.25", seed="7")
    kept(app)
    loss = settle(app)["train"]["loss"]
    app.switch_page(RUNS).run()
    text = said(app)
    assert "circle · Linear 4, Tanh, Linear 2, Tanh, Linear 1 · SGD 0.25" in text
    assert f"step 3 · training loss {loss:.4g}" in text
    assert app.dataframe[0].value["loss"][0] == pytest.approx(loss, rel=1e-3)
    link = next(part.proto for part in app.get("page_link") if part.proto.label == "Open")
    assert Experiment.from_query(link.query_string) == app.session_state[EXPERIMENT]
    assert app.get("plotly_chart")
    assert not app.error


def test_a_finished_run_is_kept_by_itself_and_once(open_app):
    app = open_app(data="circle", epochs="2")
    finish(app)
    app.run()
    app.button(key="reset").click().run()
    finish(app)
    app.switch_page(RUNS).run()
    assert list(app.dataframe[0].value["why"]) == ["finished"]
    assert "All 2 epochs are done." in said(app)


def test_two_runs_are_compared_and_removed(open_app):
    app = open_app(data="circle")
    kept(app)
    app.selectbox(key="lr").set_value(0.1).run()
    kept(app)
    app.switch_page(RUNS).run()
    assert len(app.dataframe) == 2, "the runs, and what is different"
    assert list(app.dataframe[1].value["setting"]) == ["optimizer: learning rate"]
    assert list(app.dataframe[1].value["run 1"]) == ["0.1"]
    app.toggle(key="runs-log").set_value(True).run()
    assert app.query_params["log"] == "true"
    assert app.button(key="runs-remove").disabled, "nothing was chosen: what is shown is not removed by the way"


def test_chosen_runs_stand_in_the_address_and_are_removed_alone(open_app):
    app = open_app(data="circle")
    for _ in range(3):
        kept(app, 1)
    runs = list(page.shelf().runs(identity_of(app)).values())
    assert [run.step for run in runs] == [3, 2, 1]
    middle = runs[1].name[: page.NAMED]
    app.switch_page(RUNS)
    app.query_params["runs"] = f"{middle}_deadbeef"
    app.run()
    assert app.query_params["runs"] == middle
    assert "step 2" in said(app)
    assert "step 3" not in said(app)
    app.button(key="runs-remove").click().run()
    assert [run.step for run in page.shelf().runs(identity_of(app)).values()] == [3, 1]
    assert "runs" not in app.query_params
    assert app.button(key="runs-remove").disabled, "nothing else took the place of what was removed"


@pytest.mark.parametrize("text", ["", "x", "<script>", "0123456g", "_", "0" * 5000, "deadbeef"])
def test_runs_that_are_not_there_are_passed_over(open_app, text):
    app = open_app(data="circle")
    kept(app, 1)
    app.switch_page(RUNS)
    app.query_params["runs"] = text
    app.run()
    assert "step 1" in said(app)
    assert "runs" not in app.query_params


def test_everything_is_forgotten_at_one_click(open_app):
    app = open_app()
    kept(app)
    app.switch_page(RUNS).run()
    app.button(key="runs-forget").click().run()
    assert "No runs yet" in said(app)


def test_another_visitor_sees_nothing(open_app):
    app = open_app()
    kept(app)
    other = open_app()
    other.switch_page(RUNS).run()
    assert "No runs yet" in said(other)


def test_a_known_cookie_brings_the_runs_back(open_app, monkeypatch):
    app = open_app()
    kept(app)
    word = app.session_state[identity.VISITOR]
    known = SimpleNamespace(cookies={identity.COOKIE: word}, theme=SimpleNamespace(type="dark"), url="http://x/")
    monkeypatch.setattr("streamlit.context", known)
    again = open_app()
    again.switch_page(RUNS).run()
    assert len(again.dataframe[0].value) == 1


@pytest.mark.parametrize("word", ["", "short", "x" * 33, "../../../etc/passwd", "' OR 1=1 --" + "x" * 21, "é" * 32])
def test_a_cookie_that_was_not_set_here_is_no_visitor(open_app, monkeypatch, word):
    known = SimpleNamespace(cookies={identity.COOKIE: word}, theme=SimpleNamespace(type="dark"), url="http://x/")
    monkeypatch.setattr("streamlit.context", known)
    app = open_app()
    kept(app)
    assert app.session_state[identity.VISITOR] != word
    assert identity.WORD.fullmatch(app.session_state[identity.VISITOR])


def test_without_its_database_the_app_goes_on(open_app, monkeypatch):
    def broken(*args):
        raise ValueError("Kept runs cannot be reached now.")

    monkeypatch.setattr("playground.shelf.Shelf._begin", broken)
    app = open_app()
    kept(app)
    assert [error.value for error in app.error] == ["Kept runs cannot be reached now."]
    app.switch_page(RUNS).run()
    assert [error.value for error in app.error] == ["Kept runs cannot be reached now."]
    app.switch_page("app_pages/train.py").run()
    app.button(key="step").click().run()
    assert settle(app)["step"] == 4
    assert not app.exception
