"""The panels of the Train page: drawn while open, true to the run, and silent otherwise."""

import re
import time

import pytest
from page_helpers import settle

from playground.engine import Handle
from playground.lessons import LESSONS
from playground.spec import Experiment
from playground.ui.batch import meaning, picture, rows
from playground.ui.session import EXPERIMENT, HANDLE


def show(app, panel: str):
    app.session_state[panel] = True
    return app.run()


def texts(app) -> str:
    assert not app.exception, app.exception
    html = " ".join(part.proto.body for part in app.get("html"))
    return " ".join([*(part.value for part in (*app.markdown, *app.caption)), re.sub(r"<[^>]+>", " ", html)])


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The questions that a page puts to its run."""
    questions: list[str] = []
    call = Handle.call

    def noted(self, question, **arguments):
        questions.append(question if arguments.get("full", True) else "advice")
        return call(self, question, **arguments)

    monkeypatch.setattr(Handle, "call", noted)
    return questions


def test_closed_panels_ask_for_nothing(open_app, asked):
    app = open_app()
    app.run()
    assert set(asked) <= {"advice"}
    show(app, "health")
    assert {"health", "weight"} <= set(asked)
    assert "batch" not in asked
    show(app, "batch")
    assert "batch" in asked


def test_health_says_that_there_is_no_gradient_yet_and_then_the_run_s_own_numbers(open_app):
    app = open_app()
    said = texts(show(app, "health"))
    assert "No gradient yet" in said
    assert "none yet" in said
    app.button(key="step").click().run()
    said = texts(app)
    assert "none yet" not in said
    told = app.session_state[HANDLE].call("health")
    for layer in told["layers"]:
        if layer["weight"]:
            assert f"{layer['gradient']['norm']:.3g}" in said
            assert f"{layer['update_ratio']:.3g}" in said
    weight = app.session_state[HANDLE].call("weight", layer=0, name="weight", index=[0, 0])
    assert [item["name"] for item in weight["state"]] == ["exp_avg", "exp_avg_sq"]
    assert f"{weight['state'][0]['value']:.6g}" in said
    app.number_input(key="health-0-8").set_value(3).run()
    other = app.session_state[HANDLE].call("weight", layer=0, name="weight", index=[3, 0])
    assert f"{other['value']:.6g}" in texts(app)


def test_looking_at_a_playing_run_leaves_its_losses_as_they_are(open_app):
    app = open_app()
    show(app, "health")
    show(app, "batch")
    app.button(key="play").click().run()
    for _ in range(3):
        app.run()
        time.sleep(0.1)
    app.button(key="play").click().run()
    watched = app.session_state[HANDLE].poll().header
    other = open_app()
    other.session_state[HANDLE].step(watched["step"])
    alone = other.session_state[HANDLE].snapshot.header
    assert (alone["step"], alone["train"]) == (watched["step"], watched["train"])


def test_the_batch_panel_foretells_the_next_step(open_app):
    app = open_app()
    said = texts(show(app, "batch"))
    assert "Batch 1 of 25" in said
    assert "250 training points make 25 batches of 10" in said
    coming = list(app.dataframe[0].value["point"])
    app.button(key="step").click().run()
    assert "Batch 2 of 25" in texts(app)
    app.session_state["batch-which"] = "last"
    app.run()
    assert list(app.dataframe[0].value["point"]) == coming


@pytest.mark.parametrize("name", ["iris", "diabetes", "sine", "digits", "xor4", "multigauss"])
def test_panels_open_on_every_kind_of_data(open_app, name):
    app = open_app(data=name)
    show(app, "batch")
    show(app, "health")
    app.button(key="epoch").click().run()
    assert "Batch 1 of" in texts(app)


def test_pictures_and_words_of_a_batch_come_from_its_numbers():
    told = {
        "points": 25,
        "sizes": [[10, 2], [5, 1]],
        "batches": 3,
        "shuffle": False,
        "rows": [{"row": 7, "inputs": [0.0, 6.0], "target": 1, "loss": 0.5, "output": [0.1]}],
        "all": [],
    }
    assert "2 batches of 10 and a last, short one of 5" in meaning(told)
    assert "Shuffle is off" in meaning(told)
    assert 'cx="130.0" cy="8.0"' in picture(told, (-6.0, 6.0), True), "y grows upward"
    assert rows(told, 2)[0]["share of the loss"] == "100.0 %"


# -- advice -------------------------------------------------------------------------------------------------------


def test_a_diverged_run_is_given_a_smaller_rate_and_begins_anew(open_app):
    app = open_app(**LESSONS["large-step"].experiment.to_query())
    assert not [button for button in app.button if button.key == "advice-cure"]
    app.button(key="epoch").click().run()
    assert settle(app)["status"] == "diverged"
    assert "each step overshot" in texts(app)
    app.button(key="advice-cure").click().run()
    assert app.session_state[EXPERIMENT].optimizer["lr"] == 0.3
    assert settle(app)["step"] == 0
    assert not [button for button in app.button if button.key == "advice-cure"]


def test_advice_waits_while_the_experiment_on_screen_cannot_be_trained(open_app, asked):
    app = open_app(data="circle", net="Linear.4~Tanh~Linear.3")
    app.run()
    assert asked == []


# -- lessons ------------------------------------------------------------------------------------------------------


def test_a_lesson_asks_waits_and_then_says_what_to_notice(open_app):
    lesson = LESSONS["xor-line"]
    app = open_app(**lesson.address())
    assert app.session_state[EXPERIMENT] == lesson.experiment
    assert app.query_params["lesson"] in ("xor-line", ["xor-line"])
    assert lesson.question in texts(app)
    assert "Choose an answer" in texts(app)
    app.session_state["lesson-answer-xor-line"] = 0
    app.run()
    assert "You say: nearly to 0. Press Play" in texts(app)
    assert lesson.notice not in texts(app)
    app.button(key="epoch").click().run()
    assert f"It is: hardly at all.** {lesson.notice}" in texts(app)
    app.selectbox(key="lr").set_value(0.1).run()
    assert "lesson" in app.query_params, "a changed setting keeps the lesson open"
    app.button(key="lesson-close").click().run()
    assert "lesson" not in app.query_params
    assert lesson.question not in texts(app)
    assert app.session_state[EXPERIMENT].optimizer["lr"] == 0.1


@pytest.mark.parametrize("name", ["nothing", "", "<script>", "xor-line" * 500])
def test_a_lesson_that_does_not_exist_is_ignored(open_app, name):
    app = open_app(lesson=name)
    assert not app.exception
    assert app.session_state[EXPERIMENT] == Experiment()


def test_the_lessons_page_has_a_card_for_every_lesson(open_app):
    app = open_app()
    app.switch_page("app_pages/lessons.py").run()
    said = texts(app)
    for lesson in LESSONS.values():
        assert lesson.title in said
        assert lesson.question in said
    links = [link.proto for link in app.get("page_link")]
    assert len(links) == len(LESSONS)


# -- time ---------------------------------------------------------------------------------------------------------


def test_the_slider_goes_back_the_page_shows_then_and_step_goes_on_from_there(open_app):
    app = open_app()
    assert "Nothing to go back to:" in texts(show(app, "time"))
    for _ in range(3):
        app.button(key="epoch").click().run()
    loss = settle(app)["train"]["loss"]
    (slider,) = app.select_slider
    assert slider.value == 75
    slider.set_value(25).run()
    assert settle(app)["step"] == 25
    assert "This is step 25 of 75" in texts(app)
    assert any("step 25" in caption.value for caption in app.caption), "the line under the picture shows then"
    app.button(key="time-now").click().run()
    assert settle(app)["train"]["loss"] == loss
    app.select_slider[0].set_value(25).run()
    app.selectbox(key="lr").set_value(0.1).run()
    assert settle(app)["step"] == 25
    app.button(key="epoch").click().run()
    assert settle(app)["step"] == 50
    assert settle(app)["lr"] == 0.1
    assert "This is the present" in texts(app)


def test_looking_back_the_settings_and_the_address_are_those_of_then(open_app):
    app = open_app()
    show(app, "time")
    app.button(key="epoch").click().run()
    app.selectbox(key="optimizer").set_value("SGD").run()
    app.selectbox(key="lr").set_value(0.1).run()
    changed = app.session_state[EXPERIMENT]
    app.button(key="epoch").click().run()
    app.button(key="epoch").click().run()
    app.select_slider[0].set_value(25).run()
    assert app.session_state[EXPERIMENT] == Experiment()
    assert (app.selectbox(key="optimizer").value, app.selectbox(key="lr").value) == (
        "Adam",
        Experiment().optimizer["lr"],
    )
    assert "opt" not in app.query_params
    app.button(key="time-now").click().run()
    assert app.session_state[EXPERIMENT] == changed
    assert (app.selectbox(key="optimizer").value, app.selectbox(key="lr").value) == ("SGD", 0.1)
    assert "opt" in app.query_params
    app.select_slider[0].set_value(25).run()
    app.button(key="epoch").click().run()
    assert settle(app)["step"] == 50
    assert app.session_state[EXPERIMENT] == Experiment(), "it goes on with the settings of then"


def test_a_draft_that_does_not_fit_is_not_lost_by_looking_back(open_app):
    app = open_app()
    app.button(key="epoch").click().run()
    app.button(key="epoch").click().run()
    show(app, "time")
    assert app.select_slider
    app.session_state[EXPERIMENT] = broken = Experiment().but(loss={"name": "CrossEntropyLoss"})
    app.run()
    assert app.session_state[EXPERIMENT] == broken
    assert not app.select_slider
    assert "Mend what is marked above first" in texts(app)


def test_a_moment_that_the_task_forbids_is_refused_and_the_page_stays_where_it_is(open_app):
    app = open_app(opt="SGD.0.1")
    show(app, "time")
    for _ in range(2):
        app.button(key="epoch").click().run()
    app.selectbox(key="optimizer").set_value("Adam").run()
    for _ in range(2):
        app.button(key="epoch").click().run()
    app.select_slider[0].set_value(75).run()  # Adam already
    app.query_params["lock"] = "optimizer"
    app.run()
    then = app.session_state[EXPERIMENT]
    app.select_slider[0].set_value(25).run()
    assert "fixed by the link of this task" in texts(app) + " ".join(error.value for error in app.error)
    assert app.session_state[EXPERIMENT] == then
    assert settle(app)["step"] == 75
    assert app.session_state["handle"].experiment == then
    app.button(key="time-now").click().run()
    assert settle(app)["step"] == 100
    assert app.session_state[EXPERIMENT] == then


def test_an_end_that_is_looked_back_at_is_not_kept_again(open_app, monkeypatch):
    kept = []
    monkeypatch.setattr("playground.ui.runs._keep", kept.append)
    app = open_app(epochs="2")
    show(app, "time")
    for _ in range(2):
        app.button(key="epoch").click().run()
    app.run()
    assert kept == ["finished"]
    longer = app.session_state[EXPERIMENT]
    longer = longer.but(training=longer.training.but(epochs=20))
    app.session_state["handle"].update(longer)
    app.session_state[EXPERIMENT] = longer
    app.run()
    for _ in range(2):
        app.button(key="epoch").click().run()
    app.select_slider[0].set_value(50).run()
    assert settle(app)["status"] == "finished"
    app.run()
    assert kept == ["finished"]
