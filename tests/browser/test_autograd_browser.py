"""The Autograd page in a real Chromium: click a node, scrub, turn a value, and see the numbers change."""

import itertools
import re
from urllib.parse import urlencode

import pytest

from playground.autograd.study import Study

ROOT = ".pg-graph"


@pytest.fixture
def open_autograd(browser, server):
    """Open the page with a query; in the end nothing has gone wrong in it."""
    contexts, errors = [], []

    def opened(query: str = "", width: int = 1280, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server[0]}/autograd?{query}")
        page.locator(f"{ROOT}[data-drawn]").wait_for()
        return page

    yield opened
    shown = [page.get_by_test_id("stException").count() for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert not sum(shown), "an exception was shown"
    assert not errors


def node(page, title: str):
    return page.locator(f"{ROOT} .node", has=page.locator("text.title", has_text=re.compile(f"^{re.escape(title)}$")))


def numbers(page, title: str) -> tuple[str, str]:
    found = node(page, title)
    return found.locator(".value").text_content(), found.locator(".grad").text_content()


def at_step(page, step: int):
    page.locator(f"{ROOT}[data-step='{step}']").wait_for()


def test_scrubbing_shows_values_first_and_gradients_when_backward_reaches_them(open_autograd):
    page = open_autograd("preset=square&step=0")
    at_step(page, 0)
    assert numbers(page, "x") == ("3", "none yet")
    assert numbers(page, "x**2") == ("·", "none yet")
    page.get_by_role("button", name="One step on").click()
    at_step(page, 1)
    assert numbers(page, "x**2") == ("9", "none yet")
    assert page.locator(f"{ROOT} .words").inner_text() == "x**2 = 3**2 = 9"
    page.get_by_role("button", name="One step on").click()
    at_step(page, 2)
    assert numbers(page, "x**2")[1] == "∂ 1"
    assert numbers(page, "x")[1] == "none yet"
    page.get_by_role("button", name="One step on").click()
    assert numbers(page, "x")[1] == "∂ 6"
    assert page.locator(f"{ROOT} .words").inner_text() == "∂f/∂x += ∂f/∂x · ∂f/∂f = 6 · 1 = 6"
    page.get_by_label("Step of the walk").press("Home")
    at_step(page, 0)
    assert numbers(page, "x")[1] == "none yet"


def test_where_paths_meet_the_shares_add_up(open_autograd):
    page = open_autograd("preset=twice&step=5")
    at_step(page, 5)
    assert numbers(page, "x")[1] == "none yet"
    seen = []
    for _ in range(2):
        page.get_by_role("button", name="One step on").click()
        seen.append((numbers(page, "x")[1], page.locator(f"{ROOT} .words").inner_text()))
    assert seen[0][0] == "∂ −0.4161 +…"
    assert seen[1][0] == "∂ 3.584"
    assert "−0.4161 + 2 = 1.584" in seen[1][1]
    assert "1.584 + 2 = 3.584" in seen[1][1]


def test_a_clicked_node_tells_what_it_knows(open_autograd):
    page = open_autograd("preset=neuron")
    node(page, "y").click()
    details = page.locator(f"{ROOT} .details")
    details.wait_for()
    text = details.inner_text()
    for words in (
        "SigmoidBackward0",
        "0.6225",
        "−0.7551",
        "0.235 · −0.7551 → −0.1774",
        "saved result",
        "σ(a)·(1 − σ(a))",
    ):
        assert words in text
    assert details.locator("mark").inner_text() == "sigmoid(w*x + b)"
    page.wait_for_url("**node=*")
    page.reload()
    page.locator(f"{ROOT} .details strong", has_text="y").wait_for()
    page.keyboard.press("Tab")
    details.get_by_role("button", name="Close").click()
    details.wait_for(state="hidden")


def test_a_slider_changes_the_picture_where_it_stands(open_autograd):
    page = open_autograd("preset=square")
    assert numbers(page, "x") == ("3", "∂ 6")
    slider = page.locator(".st-key-autograd-value-x input[type=range]")
    for _ in range(20):
        slider.press("ArrowLeft")
    page.locator(f"{ROOT} .node .value", has_text=re.compile("^4$")).wait_for()
    assert numbers(page, "x") == ("2", "∂ 4")
    page.wait_for_url("**at=x*")
    page.reload()
    page.locator(f"{ROOT} .node .value", has_text=re.compile("^4$")).wait_for()
    assert numbers(page, "x") == ("2", "∂ 4"), "the address bar reproduces the page"


def test_playing_walks_to_the_end(open_autograd):
    page = open_autograd("preset=square")
    page.get_by_role("button", name="Play the walk").click()
    at_step(page, 0)
    page.get_by_role("button", name="Pause the walk").wait_for()
    at_step(page, 4)
    page.get_by_role("button", name="Play the walk").wait_for()


def test_the_graph_by_keyboard(open_autograd):
    page = open_autograd("preset=chain", scheme="dark")
    assert page.locator(ROOT).get_attribute("data-dark") == "true"
    page.locator(f"{ROOT} .node[tabindex='0']").focus()

    def focused() -> str:
        find = "[...document.querySelectorAll('*')].map((e) => e.shadowRoot?.activeElement?.ariaLabel).find(Boolean)"
        return page.evaluate(find)

    assert focused().startswith("((x**2)+1)*3, value 15, gradient 1")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert focused().startswith("x**2, value 4, gradient 3")
    page.keyboard.press("Enter")
    page.locator(f"{ROOT} .details strong", has_text="x**2").wait_for()
    page.keyboard.press("Escape")
    page.locator(f"{ROOT} .details").wait_for(state="hidden")
    before = page.locator(f"{ROOT} svg > g").get_attribute("transform")
    page.keyboard.press("+")
    assert page.locator(f"{ROOT} svg > g").get_attribute("transform") != before


def test_the_graph_is_dragged(open_autograd):
    page = open_autograd("preset=chain")
    world, box = page.locator(f"{ROOT} svg > g"), page.locator(f"{ROOT} .stage").bounding_box()
    before = world.get_attribute("transform")
    page.mouse.move(box["x"] + 60, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 60, steps=4)
    page.mouse.up()
    assert world.get_attribute("transform") != before
    page.get_by_role("button", name="Fit the whole graph").click()
    assert world.get_attribute("transform") == before


def test_cause_and_effect_are_on_one_screen(open_autograd):
    page = open_autograd("preset=neuron")
    for locator in (
        page.locator(f"{ROOT} .stage"),
        page.locator(f"{ROOT} .words"),
        page.locator(".st-key-autograd-witnesses"),
    ):
        box = locator.bounding_box()
        assert box["y"] + box["height"] <= 800
    assert page.locator(".st-key-autograd-value-t input[type=range]").bounding_box()["y"] <= 800


def test_a_narrow_screen(open_autograd):
    page = open_autograd("preset=neuron", width=390)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert numbers(page, "w")[0] == "0.5"


def test_another_example_begins_at_its_own_end(open_autograd):
    page = open_autograd("preset=square")
    page.get_by_role("button", name="To the beginning").click()
    page.wait_for_url("**step=0*")
    page.locator(".st-key-autograd-preset").get_by_role("combobox").click()
    page.get_by_role("option", name="A leaf used twice").click()
    at_step(page, 8)
    page.wait_for_url("**preset=twice*")
    assert "step" not in page.url


SIXTY = """a = w1*x + b1
b = w2*x + b2
c = w3*x + b3
h1 = tanh(a)
h2 = sigmoid(b)
h3 = relu(c)
g1 = v1*h1 + v2*h2 + v3*h3 + d1
g2 = u1*h1 + u2*h2 + u3*h3 + d2
y = p*tanh(g1) + q*softplus(g2) + r
(y - t)**2 + 0.01*(w1**2 + w2**2 + w3**2)"""


def test_sixty_nodes_can_be_read(open_autograd):
    """Text of ten pixels, no node on another, and hardly a label on another."""
    study = Study.of(preset="", text=SIXTY, values=())
    page = open_autograd(urlencode(study.to_query()))
    assert page.locator(f"{ROOT} .node").count() == 60
    boxes = {
        kind: page.locator(f"{ROOT} {selector}").evaluate_all(
            "all => all.map((one) => { const { x, y, width, height } = one.getBoundingClientRect();"
            " return [x, y, width, height]; })"
        )
        for kind, selector in (("nodes", ".node .box"), ("labels", ".label rect"), ("values", ".node .value"))
    }
    assert min(height for *_, height in boxes["values"]) >= 10

    def hidden(kind, share):
        """How many lie on one another with more than a share of their area."""
        count = 0
        for (ax, ay, aw, ah), (bx, by, bw, bh) in itertools.combinations(boxes[kind], 2):
            common = max(0, min(ax + aw, bx + bw) - max(ax, bx)) * max(0, min(ay + ah, by + bh) - max(ay, by))
            count += common > share * min(aw * ah, bw * bh)
        return count

    assert hidden("nodes", 0) == 0
    assert hidden("labels", 0.5) == 0
