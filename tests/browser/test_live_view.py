"""The live view in a real Streamlit page and a real Chromium, fed with made-up snapshots."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from browser_server import serving
from live_snapshots import KINDS, snapshot

HERE = Path(__file__).parent
HOST = "[data-testid='stBidiComponentIsolated']"
ROOT = f"document.querySelector(\"{HOST}\").shadowRoot.querySelector('.pg-live')"


@pytest.fixture(scope="module")
def address():
    with serving(HERE / "live_app.py") as (address, _):
        yield address


@pytest.fixture
def open_page(browser, address):
    """Opens the page of one kind of snapshot; at the end no error may have been reported."""
    contexts, errors = [], []

    def open_(query: str, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}/?{query}")
        page.locator(".pg-live[data-step]").wait_for()
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []


def _unpack(data: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    arrays = {}
    for name, entry in header["arrays"].items():
        kind = np.uint8 if entry["dtype"] == "u1" else np.dtype("<f4")
        count = int(np.prod(entry["shape"]))
        flat = np.frombuffer(data, kind, count, 4 + length + entry["offset"])
        arrays[name] = flat.reshape(entry["shape"])
    return header, arrays


def _text(page, selector: str) -> str:
    return page.locator(selector).text_content()


def test_each_picture_is_drawn(open_page, address):
    page = open_page(f"kind={KINDS[0]}&seq=50")
    for kind in KINDS:
        page.goto(f"{address}/?kind={kind}&seq=50")
        header, _ = _unpack(snapshot(kind, 50))
        root = page.locator(".pg-live[data-step]")
        assert root.get_attribute("data-step") == str(header["step"]), kind
        assert root.get_attribute("data-seq") == "50", kind
        assert root.get_attribute("data-status") == header["status"], kind
        for name in ("network", "output", "curves"):
            painted = page.locator(f".pg-{name}").evaluate(
                "c => new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)"
                ".filter((pixel) => pixel).length"
            )
            assert painted > 1000, (kind, name)
        assert _text(page, ".pg-number-step dd") == f"{header['step']:,}", kind


def test_before_a_run_is_built_there_is_a_frame_and_a_word(open_page):
    page = open_page("kind=blank")
    assert page.locator(".pg-banner").text_content().startswith("The run is being built.")
    assert _text(page, ".pg-number-lr dd") == "–"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_height_is_reserved_and_the_width_is_kept(open_page, width):
    page = open_page("kind=classes", viewport={"width": width, "height": 800}, color_scheme="dark")
    height, reserved, inner, outer = page.evaluate(
        f"(() => {{ const r = {ROOT}; return [r.getBoundingClientRect().height,"
        " parseFloat(getComputedStyle(r).minHeight), r.scrollWidth, r.clientWidth] })()"
    )
    assert height == pytest.approx(reserved, abs=1)
    assert inner <= outer
    assert not page.locator(".st-key-playground-live-code").is_visible()


def test_playing_redraws_in_place(open_page):
    page = open_page("kind=binary&playing=1")
    page.wait_for_timeout(500)
    inserted, steps = page.evaluate(
        f"""async () => {{
          const root = {ROOT};
          const steps = new Set();
          let inserted = 0;
          const count = (records) => records.forEach((record) => (inserted += record.addedNodes.length));
          new MutationObserver(count).observe(root.getRootNode(), {{ childList: true, subtree: true }});
          for (const end = performance.now() + 2000; performance.now() < end; ) {{
            steps.add(root.dataset.step);
            await new Promise(requestAnimationFrame);
          }}
          return [inserted, steps.size];
        }}"""
    )
    assert inserted == 0
    assert steps >= 8


def test_an_edge_tells_its_weight(open_page):
    page = open_page("kind=binary&seq=50")
    _, arrays = _unpack(snapshot("binary", 50))
    network = page.locator(".pg-network")
    box = network.bounding_box()
    told = {}
    for y in range(60, int(box["height"]) - 20, 12):
        network.hover(position={"x": box["width"] * 0.24, "y": y})
        page.wait_for_timeout(40)
        match = re.fullmatch(
            r"weight (-?\d+\.\d{4}) \((x|y) → unit (\d)\)\npause to see its gradient", _text(page, ".pg-tip")
        )
        if match:
            told[match[2], int(match[3])] = float(match[1])
    assert len(told) >= 6
    for (source, unit), weight in told.items():
        assert weight == pytest.approx(arrays["weight_1"][unit - 1, "xy".index(source)], abs=0.000051)


def test_arrows_move_among_the_units(open_page):
    page = open_page("kind=binary&seq=50")
    _, arrays = _unpack(snapshot("binary", 50))
    page.locator(".pg-network").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    page.wait_for_timeout(100)
    assert (
        _text(page, ".pg-tip") == f"unit 2 · Linear 8 · Tanh\nbias {arrays['bias_1'][1]:.4f}\npause to see its gradient"
    )
    assert _text(page, ".pg-said") == _text(page, ".pg-tip")
    page.keyboard.press("Escape")
    page.wait_for_timeout(100)
    assert not page.locator(".pg-tip").is_visible()


def test_the_surface_tells_the_probability(open_page):
    page = open_page("kind=binary&seq=50")
    header, arrays = _unpack(snapshot("binary", 50))
    page.locator(".pg-output").focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(100)
    assert _text(page, ".pg-tip").splitlines()[:2] == [
        "x 0.00, y 0.00",
        f"p({header['classes'][1]}) = {arrays['surface'][25, 25] / 255:.2f}",
    ]


def test_the_log_switch_is_a_button(open_page):
    page = open_page("kind=binary&seq=50")
    switch = page.get_by_role("button", name="log")
    before = page.locator(".pg-curves").evaluate("c => c.toDataURL()")
    switch.click()
    page.wait_for_timeout(100)
    assert switch.get_attribute("aria-pressed") == "true"
    assert page.locator(".pg-curves").evaluate("c => c.toDataURL()") != before


def _curves(page) -> str:
    page.wait_for_timeout(100)
    return page.locator(".pg-curves").evaluate("c => c.toDataURL()")


@pytest.mark.parametrize("name", ["smooth", "pin"])
def test_curves_are_smoothed_and_pinned(open_page, name):
    page = open_page("kind=binary&seq=50")
    switch = page.get_by_role("button", name=name, exact=True)
    before = _curves(page)
    switch.click()
    assert switch.get_attribute("aria-pressed") == "true"
    assert _curves(page) != before
    switch.click()
    assert switch.get_attribute("aria-pressed") == "false"
    assert _curves(page) == before


def test_a_part_of_the_curves_is_seen_close_up_until_a_double_click(open_page):
    page = open_page("kind=binary&seq=50")
    before = _curves(page)
    box = page.locator(".pg-curves").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 60)
    page.mouse.move(box["x"] + 110, box["y"] + 60)
    page.mouse.up()
    page.mouse.move(5, 5)
    close = _curves(page)
    assert close != before
    page.mouse.dblclick(box["x"] + 60, box["y"] + 60)
    page.mouse.move(5, 5)
    assert _curves(page) == before
    page.locator(".pg-curves").focus()
    for key in ("ArrowLeft", "+"):
        page.keyboard.press(key)
    assert _curves(page) != before
    page.keyboard.press("Escape")
    page.locator(".pg-curves").evaluate("c => c.blur()")
    assert _curves(page) == before


def test_a_zoom_survives_new_data(open_page):
    page = open_page("kind=binary&playing=1")
    box = page.locator(".pg-curves").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 110, box["y"] + 60)
    page.mouse.up()
    page.locator(".pg-curves").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(700)
    step = int(re.match(r"step ([\d,]+)", _text(page, ".pg-tip"))[1].replace(",", ""))
    assert step < int(page.locator(".pg-live").get_attribute("data-step")) - 200


def test_columns_that_have_no_room_are_told_of_and_a_press_leads_there(open_page):
    page = open_page("kind=deep&seq=50")
    more = page.locator(".pg-more")
    assert re.fullmatch(r"\d+ more columns? →", more.text_content())
    before = int(more.text_content().split()[0])
    more.click()
    for _ in range(5):
        page.wait_for_timeout(800)  # until the scrolling stands still
        if more.is_visible():
            more.click()
    assert not more.is_visible()
    assert page.locator(".pg-panel-network").evaluate("panel => panel.scrollLeft") > 50
    assert before >= 1
    page.goto(page.url.replace("kind=deep", "kind=binary"))
    page.locator(".pg-live[data-step]").wait_for()
    assert not page.locator(".pg-more").is_visible()


def test_a_diverged_run_says_so_until_dismissed(open_page):
    page = open_page("kind=diverged&seq=50")
    banner = page.locator(".pg-banner")
    assert "learning rate of 0.03" in banner.text_content()
    assert _text(page, ".pg-number-loss dd") == "– / –"
    page.get_by_role("button", name="Dismiss").click()
    assert not banner.is_visible()


def test_reduced_motion_draws_once_a_second(open_page):
    page = open_page("kind=binary&playing=1", reduced_motion="reduce")
    drawn = page.evaluate(
        f"""async () => {{
          let drawn = 0;
          new MutationObserver(() => (drawn += 1)).observe({ROOT}, {{ attributeFilter: ["data-step"] }});
          await new Promise((done) => setTimeout(done, 2500));
          return drawn;
        }}"""
    )
    assert 1 <= drawn <= 3


def test_the_first_picture_of_a_play_names_the_stream_also_where_its_phases_are_shown_first(open_page):
    """On a busy machine the first step is made before the page is drawn: no other picture would ever name it."""
    page = open_page("kind=binary&slow=1")
    asked: list[str] = []

    def refuse(route):
        asked.append(route.request.url)
        route.fulfill(status=200, content_type="application/x-playground-pictures", body=b"")

    page.route("**/playground/stream/*", refuse)
    page.get_by_role("button", name="Step").click()
    page.locator(".pg-live[data-phase='forward']").wait_for()
    page.locator(".pg-live[data-step='1']").wait_for()
    page.wait_for_timeout(100)
    assert len(asked) == 1
    assert asked[0].endswith("/playground/stream/made-up")
