"""Share: the link of every page, and the teacher's link through pages and changes."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
import segno
from page_helpers import PAGES, settle

from playground.limits import LIMITS
from playground.spec import Experiment
from playground.teaching import CONTROLS
from playground.ui.session import EXPERIMENT
from playground.ui.share import LONGEST_READABLE, qr_code

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) **bold** :red[red] $x$ :material/home:",
    "javascript:alert(1)",
    "&lt;b&gt; &amp; \"quotes\" 'single'",
    "abc\u202edcba \u2067rtl\u2069",
    "nul\x00 bell\x07 esc\x1b[31m",
    "לימוד مرحبا 你好 👩‍🏫",
]


def link_of(app) -> dict[str, str]:
    """The link that Share shows, as words."""
    app.session_state["share-open"] = True
    app.run()
    shown = next(part for part in app.get("bidi_component") if part.proto.component_name == "playground_link")
    assert "<svg" in shown.proto.json
    link = json.loads(shown.proto.json)["link"]
    return {word: texts[0] for word, texts in parse_qs(urlsplit(link).query, keep_blank_values=True).items()}


def html_of(app) -> list[str]:
    return [part.proto.body for part in app.get("html")]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shares_its_address(open_app, page):
    app = open_app(task="Look.", seed="3")
    app.switch_page(page).run()
    assert not app.exception
    assert link_of(app) == dict(app.query_params)
    assert link_of(app)["task"] == "Look."


@pytest.mark.parametrize("text", HOSTILE)
def test_a_task_is_text_whatever_it_says(open_app, text):
    app = open_app(task=text)
    assert not app.exception
    shown = next(body for body in html_of(app) if 'class="task"' in body)
    inner = shown.removeprefix('<p class="task" dir="auto"><strong>Task</strong> ').removesuffix("</p>")
    assert "<" not in inner.replace("<br>", "")
    assert not {"\u202e", "\u2067", "\x00", "\x1b"} & set(inner)
    assert not any("alert" in part.value or "click" in part.value for part in app.markdown)


@pytest.mark.parametrize(
    "query", [{"task": "x" * (LIMITS.max_task + 1)}, {"lock": "__class__"}, {"hide": "<b>"}, {"lock": "code"}]
)
def test_a_task_that_cannot_be_shown_says_so_once_and_the_page_works(open_app, query):
    app = open_app(**query)
    assert [error.value.partition(".")[0] for error in app.error] == ["The task of this link cannot be shown as it is"]
    assert not app.exception
    app.run()
    assert not app.error
    assert not {"task", "lock", "hide"} & set(app.query_params)


def test_locked_controls_are_there_and_disabled_hidden_ones_are_not(open_app):
    app = open_app(lock="data_layers_seed", hide="loss_code")
    assert app.selectbox(key="data").disabled
    assert app.selectbox(key="layer-0-kind").disabled
    assert app.button(key="new-weights").disabled
    assert app.button(key="new-points").disabled
    assert not app.selectbox(key="optimizer").disabled
    keys = {widget.key for widget in app.selectbox}
    assert "loss" not in keys
    assert "code" not in app.session_state
    app.selectbox(key="lr").set_value(0.1).run()
    assert app.session_state[EXPERIMENT].optimizer["lr"] == 0.1
    assert app.query_params["lock"] == "data_layers_seed"


@pytest.mark.parametrize("name", CONTROLS)
def test_every_group_can_be_hidden(open_app, name):
    app = open_app(hide=name)
    assert not app.exception
    whole = open_app()
    seen, all_seen = ({widget.key for kind in (page.button, page.selectbox, page.number_input, page.slider, page.expander)
                       for widget in kind} for page in (app, whole))  # fmt: skip
    titles, all_titles = ({part.label for part in page.expander} for page in (app, whole))
    assert (seen, titles) != (all_seen, all_titles)
    assert seen <= all_seen


def test_a_change_by_another_way_is_refused_with_a_sentence(open_app):
    app = open_app(lock="layers", data="circle", net="Linear.4~Tanh~Linear.3")
    app.button(key="fix-0").click().run()
    assert any("Layers: fixed by the link of this task" in error.value for error in app.error)
    assert len(app.session_state[EXPERIMENT].layers) == 3
    assert app.session_state[EXPERIMENT].layers[-1]["out_features"] == 3


def test_a_link_on_a_page_does_not_change_what_the_task_has_locked(open_app):
    """As Open on the page Runs does: it puts another experiment into the address of the same session."""
    app = open_app(lock="data", data="circle", opt="SGD.0.2")
    app.query_params.clear()
    for word, text in Experiment.from_query({"data": "moons"}).to_query().items():
        app.query_params[word] = text
    app.run()
    assert any("Data: fixed by the link of this task" in error.value for error in app.error)
    assert app.session_state[EXPERIMENT] == Experiment.from_query({"data": "circle", "opt": "SGD.0.2"})
    assert app.query_params["data"].startswith("circle")
    assert app.query_params["lock"] == "data"
    app.query_params.clear()
    for word, text in Experiment.from_query({"data": "circle", "opt": "SGD.0.3"}).to_query().items():
        app.query_params[word] = text
    app.run()
    assert app.session_state[EXPERIMENT].optimizer["lr"] == 0.3, "what is not locked may change"


def test_a_task_goes_along_to_other_pages_and_can_be_left(open_app):
    app = open_app(task="Compare.", lock="data")
    for page in PAGES:
        app.switch_page(page).run()
        assert any("Compare." in body for body in html_of(app)), page
        assert app.query_params["task"] == "Compare."
    app.switch_page("app_pages/train.py").run()
    app.session_state["share-open"] = True
    app.run()
    app.button(key="share-leave").click().run()
    assert "task" not in app.query_params
    assert not app.selectbox(key="data").disabled


def test_the_form_for_a_class_makes_a_link_that_does_what_it_says(open_app):
    app = open_app(opt="Adam.0.5")
    app.session_state["share-open"] = True
    app.session_state["share-whom"] = "A class"
    app.run()
    app.text_area(key="share-task").set_value("Why does it <b>jump</b>?").run()
    app.toggle(key="share-seed").set_value(True).run()
    app.get("button_group")  # the pills are set below: AppTest has no typed access to them
    app.session_state["share-lock"] = ["data", "layers"]
    app.session_state["share-hide"] = ["code"]
    words = link_of(app)
    assert words["task"] == "Why does it <b>jump</b>?"
    assert (words["lock"], words["hide"]) == ("data_layers_seed", "code")
    assert "task" not in app.query_params, "the teacher's own page stays as it is"
    other = open_app(**words)
    assert other.session_state[EXPERIMENT] == Experiment.from_query("opt=Adam.0.5")
    assert other.button(key="new-weights").disabled
    assert other.selectbox(key="data").disabled


def test_a_link_that_a_phone_cannot_read_gets_no_code():
    assert qr_code("https://playground.example/?" + "x" * LONGEST_READABLE) == ""
    assert "<svg" in qr_code("https://playground.example/?seed=1")
    assert segno.make("x" * LONGEST_READABLE, error="l").version <= 40


def test_words_of_the_view_open_what_they_name(open_app):
    app = open_app(open="health_code", speed="10-steps-s", lesson="sgd")
    assert app.session_state["health"]
    assert app.session_state["code"]
    assert app.session_state["speed"] == "10 steps/s"
    assert app.query_params["open"] == "health_code"
    app.session_state["health"] = False
    app.run()
    assert app.query_params["open"] == "code"
    settle(app)


@pytest.mark.parametrize("query", [{"open": "<script>"}, {"speed": "9" * 5000}, {"tab": "../../etc"}, {"who": "-1"}])
def test_a_view_that_does_not_exist_is_passed_over(open_app, query):
    app = open_app(**query)
    app.switch_page("app_pages/optimizers.py")
    for word, text in query.items():
        app.query_params[word] = text
    app.run()
    assert not app.exception
    assert not app.error
