"""Share, a teacher's link, and kept runs, in a real Chromium."""

import re
import time
from urllib.parse import parse_qs, urlsplit

from playground.ui.share import qr_code

LIVE = "[data-testid='stBidiComponentIsolated'] .pg-live"
LINK = "[data-testid='stBidiComponentIsolated'] .pg-link"


def ready(page):
    """Wait until the run of the page is there."""
    page.wait_for_selector(f"{LIVE}[data-status='ready']", timeout=60_000)
    return page


def click(page, key):
    page.locator(f".st-key-{key} button:visible").first.click()


def loss(page) -> str:
    return page.locator(f"{LIVE} .pg-number-loss dd").inner_text()


def shared(page) -> str:
    """The link under 'Share', which is opened if it is not."""
    if not page.locator(f"{LINK} input").count():
        page.get_by_role("button", name="Share", exact=True).click()
    return page.locator(f"{LINK} input").input_value()


def words(link: str) -> dict[str, str]:
    return {word: texts[0] for word, texts in parse_qs(urlsplit(link).query).items()}


def test_a_shared_link_shows_the_same_elsewhere(visit):
    page = ready(visit("?data=circle&opt=SGD.0.25"))
    click(page, "add-hidden")
    page.wait_for_url(re.compile("Linear~Tanh~Linear.1"))
    ready(page)
    link = shared(page)
    assert link == page.url, "the link is the address"
    code = page.locator(f"{LINK} svg").evaluate("svg => svg.querySelector('path:last-of-type').getAttribute('d')")
    assert f'd="{code}"' in qr_code(link)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(f"{LINK} button").click()
    page.locator(f"{LINK} button", has_text="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == link

    other = ready(visit(f"?{urlsplit(copied).query}"))
    assert words(other.url) == words(link)
    assert loss(other) == loss(page)
    assert other.locator("[class*='st-key-layer-'][class*='-kind']").count() == 7


def test_a_teachers_link_shows_its_task_as_text_and_locks_what_it_says(visit):
    page = ready(visit("?opt=SGD.0.5"))
    shared(page)
    page.get_by_text("A class", exact=True).click()
    page.get_by_label("Task", exact=True).fill("Why does it <b>jump</b>?")
    page.get_by_label("Task", exact=True).press("Control+Enter")
    page.locator(".st-key-share-lock").get_by_role("button", name="Data").click()
    page.locator(".st-key-share-hide").get_by_role("button", name="Layers").click()
    end = time.monotonic() + 15
    while "hide" not in (given := words(shared(page))):
        assert time.monotonic() < end, given
        page.wait_for_timeout(50)
    assert (given["lock"], given["hide"], given["opt"]) == ("data", "layers", "SGD.0.5")

    pupil = ready(visit(f"?{urlsplit(shared(page)).query}"))
    task = pupil.locator(".st-key-task")
    assert "Why does it <b>jump</b>?" in task.inner_text()
    assert task.locator("b").count() == 0
    assert pupil.locator(".st-key-data input").first.is_disabled()
    assert pupil.locator(".st-key-layer-cards").count() == 0
    before = words(pupil.url)
    click(pupil, "step")
    pupil.wait_for_selector(f"{LIVE}[data-step='1']")
    pupil.get_by_role("link", name="Lessons").click()
    pupil.get_by_text("XOR without a hidden layer").wait_for()
    assert "jump" in pupil.locator(".st-key-task").inner_text()
    pupil.wait_for_url(lambda url: words(url).get("task") == before["task"])


def test_a_kept_run_survives_a_reload_and_opens_again_and_is_nobody_elses(visit):
    page = ready(visit("?data=circle&seed=5"))
    click(page, "epoch")
    page.wait_for_selector(f"{LIVE}[data-step='25']")
    click(page, "keep")
    page.get_by_text("Kept. The page Runs").wait_for()
    cookie = "document.cookie.includes('playground_visitor=')"
    page.wait_for_function(cookie)
    page.get_by_role("link", name="Runs", exact=True).click()
    title = page.get_by_text("circle · Linear 4, Tanh, Linear 2, Tanh, Linear 1 · Adam 0.03")
    title = title.filter(visible=True).first  # the table holds it too, in cells that nobody sees
    title.wait_for()
    page.locator(".js-plotly-plot").wait_for()
    page.goto(page.url.removesuffix("runs"))  # a new session, known by its cookie; its tab has a run
    page.wait_for_selector(f"{LIVE}[data-step='25']")
    page.get_by_role("link", name="Runs", exact=True).click()
    title.wait_for()

    stranger = visit()
    stranger.get_by_role("link", name="Runs", exact=True).click()
    stranger.get_by_text("No runs yet").wait_for()
    assert not stranger.evaluate(cookie), "no cookie before there is something to keep"

    page.locator(".st-key-run-1").get_by_role("link", name="Open").click()
    ready(page)
    assert words(page.url)["seed"] == "5"
    click(page, "epoch")
    page.wait_for_selector(f"{LIVE}[data-step='50']")


def test_pinned_curves_are_kept(visit):
    page = ready(visit("?data=xor&seed=8"))
    click(page, "epoch")
    page.wait_for_selector(f"{LIVE}[data-step='25']")
    page.locator(f"{LIVE} button", has_text="pin").click()
    page.get_by_text("Kept. The page Runs").wait_for()
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_text("XOR · Linear 4").filter(visible=True).first.wait_for()

    page.get_by_test_id("stTopNav").get_by_role("link", name="Train").click()
    page.wait_for_selector(f"{LIVE}[data-pinned='pinned']")  # the view is built anew, what was chosen in it stays
    assert page.locator(f"{LIVE} button", has_text="pin").get_attribute("aria-pressed") == "true"
