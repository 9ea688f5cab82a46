"""The Optimizers page in a real browser: choose a start, play, see the trails grow."""

import re
import time
from pathlib import Path

import pytest

from playground.landscapes import LANDSCAPES, race
from playground.landscapes.spec import RaceSpec

ROOT = ".pg-race"


@pytest.fixture
def race_page(visit):
    def opened(**shape):
        page = visit("optimizers", **shape)
        wait_for(page, "element => Number(element.dataset.racers) === 4")
        return page

    return opened


def wait_for(page, condition, seconds=60):
    """Until the view's root meets a condition."""
    page.wait_for_function(
        f"() => {{ const element = {VIEW}; return Boolean(element) && ({condition})(element); }}",
        timeout=1000 * seconds,
    )


HOSTS = "[...document.querySelectorAll(\"[data-testid='stBidiComponentIsolated']\")]"
VIEW = f"({HOSTS}.map((host) => host.shadowRoot?.querySelector('{ROOT}')).find(Boolean))"


def at_rest(page):
    """Past the first play, which begins by itself."""
    page.get_by_role("button", name="To the end").click()
    wait_for(page, "element => element.dataset.playing === 'false' && element.dataset.t === '100.00'")


def told(page):
    """What the view says of itself."""
    return page.evaluate(f"() => ({{...{VIEW}.dataset}})")


def pixels(page, name):
    """How many different pixels a canvas shows that are not of the surface: a measure of what is drawn on it."""
    return page.evaluate(
        f"""() => {{
          const canvas = {VIEW}.querySelector(".{name} canvas");
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          let sum = 0;
          for (let k = 0; k < data.length; k += 4) {{
            const [r, g, b] = data.slice(k, k + 3);
            if (Math.max(r, g, b) - Math.min(r, g, b) > 90) sum += 1;
          }}
          return sum;
        }}"""
    )


def test_a_start_is_clicked_and_the_trails_grow_while_it_plays(race_page):
    page = race_page()
    at_rest(page)
    before = told(page)
    page.locator(".rc-map canvas").click(position={"x": 300, "y": 60})
    wait_for(page, f"element => Number(element.dataset.race) > {before['race']}")
    after = told(page)
    assert after["start"] != before["start"]
    assert float(after["t"]) == 100  # the answer is complete at once
    page.wait_for_url(re.compile(r"start=0\.\d+_1\.\d+"))
    x = page.locator(".st-key-start-x input").input_value()
    assert float(x) == pytest.approx(float(after["start"].split()[0]), abs=1e-3)
    whole = pixels(page, "rc-map")
    page.locator(".pg-race").get_by_role("button", name="To the start").click()
    wait_for(page, "element => element.dataset.t === '0.00'")
    nothing = pixels(page, "rc-map")
    assert nothing < whole / 2
    page.get_by_role("button", name="Play", exact=True).click()
    wait_for(page, "element => Number(element.dataset.t) > 10")
    assert pixels(page, "rc-map") > nothing
    page.get_by_role("button", name="Pause", exact=True).click()
    stood = told(page)["t"]
    time.sleep(0.3)
    assert told(page)["t"] == stood


def test_the_start_is_dragged_and_the_race_begins_there(race_page):
    """Pointer down on the start's mark, moved and released: map, numbers, address and paths follow."""
    page = race_page()
    at_rest(page)
    before = told(page)
    canvas = page.locator(".rc-map canvas").bounding_box()
    left, top = canvas["x"] + 30, canvas["y"] + 4  # the plane begins here
    width, height = canvas["width"] - 36, canvas["height"] - 24
    (x0, x1), (y0, y1) = LANDSCAPES["rosenbrock"].domain

    def pixel(x, y):
        return left + (x - x0) / (x1 - x0) * width, top + (y1 - y) / (y1 - y0) * height

    assert before["start"] == "-1.0000 1.0000"
    page.mouse.move(*pixel(-1, 1))
    page.mouse.down()
    page.mouse.move(*pixel(-0.2, 0.8), steps=5)
    assert told(page)["race"] == before["race"], "nothing is sent while it is held"
    page.mouse.move(*pixel(0.5, 0.2), steps=5)
    page.mouse.up()
    wait_for(page, f"element => Number(element.dataset.race) > {before['race']}")
    x, y = map(float, told(page)["start"].split())
    assert (x, y) == pytest.approx((0.5, 0.2), abs=0.01)
    for axis, value in (("x", x), ("y", y)):
        shown = page.locator(f".st-key-start-{axis} input")
        page.wait_for_function(
            "([field, value]) => Math.abs(Number(field.value) - value) < 1e-3", arg=[shown.element_handle(), value]
        )
    page.wait_for_url(re.compile(r"start=0\.(49|5)\d*_0\.(19|2)"))
    trail = race(LANDSCAPES["rosenbrock"], [RaceSpec().racers[0].racer()], (x, y), 100)[0]
    final = page.locator(".rc-board tbody tr").first.locator("td").nth(1).inner_text()
    assert float(final) == pytest.approx(trail.loss[-1], rel=0.01)


def test_playing_asks_the_server_for_nothing_and_steps_by_button_and_scrubber(race_page):
    page = race_page()
    at_rest(page)
    frames = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    for kind in ("Network.webSocketFrameSent", "Network.webSocketFrameReceived"):
        session.on(kind, lambda event: frames.append(event))
    page.get_by_role("button", name="Play", exact=True).click()
    first = told(page)
    wait_for(page, f"element => Number(element.dataset.frames) > {first['frames']} + 15")
    assert len(frames) <= 1  # at most a ping
    page.get_by_role("button", name="To the start").click()
    page.get_by_role("button", name="One step forward").click()
    wait_for(page, "element => element.dataset.t === '1.00'")
    assert "step 1" in page.locator(".rc-clock").inner_text()
    page.locator(".rc-scrub").focus()
    page.keyboard.press("End")
    wait_for(page, "element => element.dataset.t === '100.00'")


def test_the_keyboard_moves_the_start_and_plays(race_page):
    page = race_page()
    at_rest(page)
    page.locator(".rc-map canvas").focus()
    before = told(page)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    wait_for(page, f"element => Number(element.dataset.race) > {before['race']}")
    x, y = map(float, told(page)["start"].split())
    assert (x, y) == pytest.approx((-0.7, 1.02), abs=1e-3)
    page.locator(".rc-map canvas").focus()
    page.keyboard.press("Space")
    wait_for(page, "element => element.dataset.playing === 'true'")


def test_a_racer_is_inspected_and_divergence_is_shown(race_page):
    page = race_page()
    at_rest(page)
    page.locator(".rc-board button", has_text="Adam").click()
    page.wait_for_function(f"() => {VIEW}?.querySelector('.rc-inspect').innerText.includes('m̂ / (√(v̂) + ε)')")
    assert re.search(r"x: .* = −0\.3354", page.locator(".rc-inspect").inner_text())
    before = told(page)
    page.get_by_text("Same learning rate").first.click()
    wait_for(page, f"element => Number(element.dataset.race) > {before['race']}")
    slider = page.get_by_role("slider", name="One rate for all").first
    slider.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => {VIEW}?.querySelector('.rc-board').innerText.includes('diverged')")
    page.get_by_test_id("stCaptionContainer").filter(has_text="diverged at step").first.wait_for()


def test_the_trails_can_be_taken_along(race_page):
    page = race_page()
    page.get_by_role("tab", name="Code and data").click()
    with page.expect_download() as told:
        page.get_by_role("button", name="All trails as CSV").click()
    rows = Path(told.value.path()).read_text("utf-8").splitlines()
    assert rows[0].startswith("racer,step,")
    assert len(rows) == 1 + 4 * 101


@pytest.mark.parametrize(("width", "height", "scheme"), [(1280, 800, "dark"), (390, 844, "light")])
def test_it_fits(race_page, width, height, scheme):
    page = race_page(width=width, height=height, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".rc-map canvas").bounding_box()
    assert box["width"] > 300 if width > 600 else box["width"] > 250
    if width > 600:  # cause and effect in one screen
        for part in (".rc-curves canvas", ".rc-inspect", ".st-key-racers"):
            box = page.locator(part).first.bounding_box()
            assert box["y"] + box["height"] <= height
