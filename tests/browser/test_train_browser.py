"""What a person does on the Train page, in a real Chromium."""

import os
import re
import signal
import subprocess
import time

import pytest

VIEW = "[data-testid='stBidiComponentIsolated'] .pg-live"
SURFACE = f"{VIEW} canvas.pg-output"


def state(page) -> dict:
    """Step, picture number and status that the live view shows."""
    return page.locator(VIEW).first.evaluate("view => ({...view.dataset})")


def wait_for(page, condition, seconds=60.0):
    """Wait until `condition(state)` holds; the state then."""
    end = time.monotonic() + seconds
    while True:
        now = state(page)
        if now.get("step") is not None and condition(now):
            return now
        assert time.monotonic() < end, now
        page.wait_for_timeout(30)


def opened(visit, path="", **how):
    page = visit(path, **how)
    wait_for(page, lambda now: now["status"] == "ready")
    at_rest(page)
    return page


def at_rest(page, seconds=0.4):
    """Wait until no script has run for a while: the page that shows a new status is drawn once more, whole."""
    since = time.monotonic()
    end = since + 60
    while time.monotonic() - since < seconds:
        assert time.monotonic() < end, "scripts run and run"
        if page.get_by_test_id("stApp").get_attribute("data-test-script-state") != "notRunning":
            since = time.monotonic()
        page.wait_for_timeout(30)


def click(page, key):
    page.locator(f".st-key-{key} button:visible").first.click()


def numbers(page) -> dict[str, str]:
    return page.locator(VIEW).first.evaluate(
        "view => Object.fromEntries([...view.querySelectorAll('.pg-number')].map(n => "
        "[n.className.split('pg-number-')[1], n.querySelector('dd').textContent]))"
    )


def choose(page, key, option):
    page.locator(f".st-key-{key} input").click()
    page.locator(f".st-key-{key} input").fill(option)
    page.keyboard.press("Enter")


def test_play_moves_the_picture_pause_stops_it_and_reset_brings_the_first_loss_back(visit):
    page = opened(visit)
    first_loss, first_picture = numbers(page)["loss"], page.locator(SURFACE).screenshot()
    click(page, "step")
    wait_for(page, lambda now: now["step"] == "1")
    click(page, "epoch")
    wait_for(page, lambda now: now["step"] == "25")
    click(page, "play")
    playing = wait_for(page, lambda now: int(now["step"]) > 400)
    assert playing["status"] == "playing"
    assert page.locator(SURFACE).screenshot() != first_picture
    click(page, "play")
    stopped = wait_for(page, lambda now: now["status"] == "ready")
    page.wait_for_timeout(400)
    assert state(page)["step"] == stopped["step"]
    assert f"step {int(stopped['step']):,}" in page.locator("body").inner_text()
    click(page, "reset")
    wait_for(page, lambda now: now["step"] == "0")
    assert numbers(page)["loss"] == first_loss


def test_playing_rebuilds_no_canvas_and_the_text_follows_at_most_once_a_second(visit):
    page = opened(visit)
    click(page, "play")
    wait_for(page, lambda now: int(now["step"]) > 50)
    rebuilt, seen, texts = page.locator(VIEW).first.evaluate(
        """async view => {
            let rebuilt = 0; const seen = new Set(), texts = new Set();
            const watch = new MutationObserver(all => all.forEach(one => rebuilt += one.addedNodes.length));
            watch.observe(view, {childList: true, subtree: true});
            const end = performance.now() + 2000;
            while (performance.now() < end) {
                seen.add(view.dataset.seq);
                texts.add([...document.querySelectorAll("[data-testid='stCaptionContainer']")].map(c => c.innerText).find(t => t.includes("training loss")));
                await new Promise(requestAnimationFrame);
            }
            watch.disconnect();
            return [rebuilt, seen.size, texts.size];
        }"""
    )
    assert rebuilt == 0
    assert seen >= 8
    assert texts <= 4


def test_the_learning_rate_and_the_optimizer_change_while_it_plays(visit):
    page = opened(visit)
    click(page, "play")
    before = wait_for(page, lambda now: int(now["step"]) > 50)
    choose(page, "lr", "0.003")
    page.wait_for_url(re.compile(r"opt=Adam\.0\.003"))
    after = wait_for(page, lambda now: int(now["step"]) > int(before["step"]) + 50)
    assert after["status"] == "playing"
    assert numbers(page)["lr"] == "0.003"
    choose(page, "optimizer", "SGD")
    page.wait_for_url(re.compile("opt=SGD"))
    assert int(state(page)["step"]) >= int(after["step"])


def test_a_layer_is_edited_and_training_starts_anew(visit):
    page = opened(visit)
    click(page, "epoch")
    wait_for(page, lambda now: now["step"] == "25")
    units = page.locator(".st-key-layer-0-units input")
    units.fill("3")
    units.press("Enter")
    wait_for(page, lambda now: now["step"] == "0")
    page.wait_for_url(re.compile("net=Linear\\.3~Tanh"))
    page.wait_for_function(
        "label => document.querySelector(\"[data-testid='stBidiComponentIsolated']\").shadowRoot"
        ".querySelector('canvas.pg-network').getAttribute('aria-label').includes(label)",
        arg="Linear 3",
    )
    click(page, "add-hidden")
    page.wait_for_url(re.compile("net=Linear\\.3~Tanh~Linear~Tanh~Linear~Tanh~Linear\\.1"))


def test_fast_clicks_change_the_stack_and_no_layer_that_moved(visit):
    """The second click carries what the cards showed before the first one."""
    page = opened(visit, "?data=circle&net=Linear.5~Tanh~Linear.2~ReLU~Linear.7~Sigmoid~Linear.1")
    link = page.url
    for milliseconds in (0, 60, 120):
        page.goto(link)
        wait_for(page, lambda now: now["status"] == "ready")
        at_rest(page)
        for _ in range(2):
            page.locator(".st-key-add-hidden button:visible").first.click()
            page.wait_for_timeout(milliseconds)
        at_rest(page, 1.5)
        shown = page.url.split("net=")[1].split("&")[0]
        start = "Linear.5~Tanh~Linear.2~ReLU~Linear.7~Sigmoid~"
        one_or_two = [f"{start}{added}Linear.1" for added in ("Linear~Tanh~", "Linear~Tanh~Linear~Tanh~")]
        assert shown in one_or_two, milliseconds
        cards = page.locator("[class*='st-key-layer-'][class*='-units'] input:visible")
        widths = [cards.nth(k).input_value() for k in range(cards.count())]
        assert widths == ["5", "2", "7", *["8"] * (shown.count("Linear~")), "1"], milliseconds


def test_what_comes_above_leaves_what_is_below_as_it_is(visit):
    """A warning, a sentence, a lesson that is closed: nothing below is made anew, or its reader would lose place and
    what was typed; Streamlit's browser side knows elements by their order."""
    page = opened(visit, "?lesson=xor-hidden")
    below = [VIEW, ".st-key-layer-0 input", ".st-key-code"]
    for part in below:
        page.locator(part).first.evaluate("part => { part.same = true }")
    click(page, "lesson-close")
    page.locator(".st-key-lesson").wait_for(state="detached")
    choose(page, "loss", "CrossEntropyLoss")
    page.locator(".st-key-finding-0").wait_for()
    page.locator(".st-key-fix-0 button:visible").first.click()
    page.locator(".st-key-finding-0").wait_for(state="detached")
    at_rest(page)
    same = [page.locator(part).first.evaluate("part => part.same === true") for part in below]
    assert same == [True] * len(below)


def test_a_shared_link_opens_what_was_shared(visit):
    page = opened(
        visit, "?data=blobs.300..0.1..4&net=Linear.6~ReLU~Linear.4&loss=CrossEntropyLoss&opt=SGD.0.1..0.9&seed=7"
    )
    click(page, "epoch")
    wait_for(page, lambda now: int(now["step"]) > 0)
    text = page.locator("body").inner_text()
    assert "blobs" in page.locator(".st-key-data-panel input").first.input_value()
    assert "learning rate 0.1" in text
    twin = opened(visit, page.url.split("/", 3)[3])
    click(twin, "epoch")
    wait_for(twin, lambda now: int(now["step"]) > 0)
    assert numbers(twin)["loss"] == numbers(page)["loss"]


@pytest.mark.parametrize("link", ["?net=%3Cscript%3Ealert(1)%3C/script%3E", "?data=circle.99999999999", "?v=12345"])
def test_a_hostile_link_is_answered_with_a_sentence_and_the_default(visit, link):
    page = opened(visit, link)
    assert "This link cannot be opened as it is" in page.get_by_test_id("stAlert").inner_text()
    click(page, "step")
    wait_for(page, lambda now: now["step"] == "1")


def test_a_run_that_diverges_says_why(visit):
    page = opened(visit)
    choose(page, "lr", "1e6")
    page.wait_for_url(re.compile("opt=Adam"))
    click(page, "play")
    wait_for(page, lambda now: now["status"] == "diverged")
    banner = page.locator(f"{VIEW} .pg-banner")
    assert "Diverged at step" in banner.inner_text()
    assert "smaller learning rate" in banner.inner_text()
    page.get_by_role("button", name=re.compile("^Play")).wait_for()


def test_a_killed_host_is_told_of_and_the_run_goes_on_from_its_last_state(visit, server):
    page = opened(visit)
    click(page, "play")
    wait_for(page, lambda now: int(now["step"]) > 4000, 30)
    hosts = subprocess.run(["pgrep", "-P", str(server[1]), "-f", "playground.engine"], capture_output=True, text=True)
    before = {int(pid): cpu_seconds(int(pid)) for pid in hosts.stdout.split()}
    page.wait_for_timeout(500)
    busy = max(before, key=lambda pid: cpu_seconds(pid) - before[pid])
    os.kill(busy, signal.SIGKILL)
    page.locator(f"{VIEW} .pg-banner").get_by_text("lost").wait_for()
    told = int(state(page)["step"])
    wait_for(page, lambda now: now["status"] == "playing" and int(now["step"]) > told)
    assert told > 100, "it began anew instead of going on"


def cpu_seconds(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_digits_train_to_over_95_percent_from_the_page(visit):
    page = opened(visit)
    choose(page, "data", "digits")
    page.wait_for_url(re.compile("data=digits"))
    wait_for(page, lambda now: now["status"] == "ready" and now["step"] == "0")
    click(page, "play")
    end = time.monotonic() + 40
    while float(numbers(page)["score"].split("/")[1].strip(" %") or 0) <= 95:
        assert time.monotonic() < end, numbers(page)
        page.wait_for_timeout(200)
    click(page, "play")
    wait_for(page, lambda now: now["status"] == "ready")


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(visit, width):
    page = opened(visit, width=width, height=844)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(SURFACE).bounding_box()["width"] > 150


def test_the_main_parts_stand_on_one_screen(visit):
    page = opened(visit, width=1280, height=800)
    assert page.evaluate("document.scrollingElement.scrollTop") == 0
    for part in (".pg-network", ".pg-output", ".pg-curves", ".st-key-data-panel", ".st-key-player", ".st-key-learning"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= 800, part
    cards = page.locator(".st-key-layer-cards").first.bounding_box()
    assert cards["y"] + 90 <= 800, "the layers' kinds and sizes are to be seen as well"


def test_keys_play_step_and_reset(visit):
    page = opened(visit)
    page.keyboard.press("s")
    wait_for(page, lambda now: now["step"] == "1")
    page.keyboard.press("p")
    wait_for(page, lambda now: int(now["step"]) > 50)
    page.keyboard.press("p")
    wait_for(page, lambda now: now["status"] == "ready")
    page.keyboard.press("0")
    wait_for(page, lambda now: now["step"] == "0")


def test_widgets_whose_scripts_come_late_show_what_is_set(browser, server):
    """The next run of the page comes first, in which nothing is assigned to them any more."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()

    def late(route):
        time.sleep(1.0)
        route.continue_()

    for widget in ("NumberInput", "Slider", "ButtonGroup"):
        page.route(f"**/static/js/{widget}.*.js", late)
    page.goto(f"{server[0]}/?data=circle.90&split=0.7&features=x_y_xy&net=Linear.5~Tanh~Linear.1&batch=7&opt=SGD.0.03")
    click(page, "add-hidden")
    page.wait_for_url("**Linear.5~*~Linear.1**")
    fields = {"data-n": "90", "batch_size": "7", "layer-0-units": "5"}
    for key, value in fields.items():
        field = page.locator(f".st-key-{key} input").first
        field.wait_for()
        assert field.input_value() == value, key
    share = page.locator(".st-key-data-split [data-testid=stSliderThumbValue]")
    share.wait_for()
    assert share.inner_text() == "70 %"
    chosen = page.locator(".st-key-data-features [aria-checked=true], .st-key-data-features [aria-pressed=true]")
    assert chosen.all_inner_texts() == ["x", "y", "x·y"]
    page.wait_for_timeout(1500)
    assert "batch=7" in page.url
    context.close()


def test_the_links_of_the_head_end_before_save_and_share(visit):
    page = opened(visit)
    for width in (800, 1024, 1180):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(300)  # the head finds its links' places anew
        ends = page.get_by_test_id("stTopNav").bounding_box()
        for key in ("share", "save")[: 2 if width >= 1100 else 1]:
            assert ends["x"] + ends["width"] <= page.locator(f".st-key-{key}").bounding_box()["x"], (width, key)
