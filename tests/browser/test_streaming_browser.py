"""The Train page under asgi_app.py, whose pictures come by a stream, in a real Chromium."""

import json
import time
import urllib.request

import pytest
from browser_server import ROOT, serving
from test_train_browser import at_rest, click, state, wait_for


@pytest.fixture(scope="module")
def streaming(tmp_path_factory):
    database = f"sqlite:///{tmp_path_factory.mktemp('runs')}/runs.db"
    with serving(ROOT / "asgi_app.py", PLAYGROUND_RUNS_URL=database) as (address, _):
        yield address


def playing_runs(address: str) -> float:
    text = urllib.request.urlopen(f"{address}/metrics", timeout=5).read().decode()
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith("playground_playing_runs ")))


def opened(browser, address, refuse_streams=False):
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    asked: list[str] = []
    page.on("request", lambda request: "/playground/stream/" in request.url and asked.append(request.url))
    if refuse_streams:
        page.route("**/playground/stream/*", lambda route: route.fulfill(status=404, body="no"))
    page.goto(address)
    wait_for(page, lambda now: now["status"] == "ready")
    return page, asked


def test_pictures_come_by_a_stream_and_a_closed_tab_stops_costing(browser, streaming):
    page, asked = opened(browser, streaming)
    click(page, "play")
    wait_for(page, lambda now: int(now["step"]) > 50)
    before, start = int(state(page)["seq"]), time.monotonic()
    page.wait_for_timeout(2000)
    assert (int(state(page)["seq"]) - before) / (time.monotonic() - start) > 2  # reruns alone would give one a second
    assert len(asked) == 1
    assert page.locator("body").get_by_text("steps/s").count() >= 1
    click(page, "play")
    stopped = wait_for(page, lambda now: now["status"] == "ready")
    page.wait_for_timeout(400)
    assert state(page)["step"] == stopped["step"]
    click(page, "play")
    wait_for(page, lambda now: int(now["step"]) > int(stopped["step"]) + 20)
    assert playing_runs(streaming) == 1
    page.context.close()
    time.sleep(5)
    assert playing_runs(streaming) == 0


def test_a_run_that_ends_by_itself_is_shown_at_once(browser, streaming):
    page, _ = opened(browser, f"{streaming}/?epochs=30")
    click(page, "play")
    wait_for(page, lambda now: now["status"] == "finished")
    page.locator(".st-key-play button", has_text="Play").first.wait_for()
    page.context.close()


def test_where_streams_do_not_come_through_the_page_sends_its_pictures_itself(browser, streaming):
    page, asked = opened(browser, streaming, refuse_streams=True)
    click(page, "play")
    wait_for(page, lambda now: len(asked) >= 2)
    before = wait_for(page, lambda now: int(now["step"]) > 50)
    page.wait_for_timeout(1500)
    tried = len(asked)
    now = wait_for(page, lambda now: int(now["seq"]) > int(before["seq"]) + 8)
    assert now["status"] == "playing"
    assert len(asked) == tried <= 3
    page.context.close()


def test_a_stream_that_breaks_is_opened_anew(browser, streaming):
    page, asked = opened(browser, streaming)
    page.route(
        "**/playground/stream/*", lambda route: route.fulfill(status=502) if len(asked) == 1 else route.continue_()
    )
    click(page, "play")
    wait_for(page, lambda now: len(asked) == 2 and int(now["step"]) > 50)
    before, start = int(state(page)["seq"]), time.monotonic()
    page.wait_for_timeout(2000)
    assert (int(state(page)["seq"]) - before) / (time.monotonic() - start) > 2
    assert len(asked) == 2
    page.context.close()


def test_a_run_that_is_played_before_there_is_a_host_moves_as_soon_as_there_is_one(browser, tmp_path):
    with serving(ROOT / "streamlit_app.py", PLAYGROUND_RUNS_URL=f"sqlite:///{tmp_path}/runs.db") as (address, _):
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.goto(address)
        page.locator(".st-key-play button:visible").first.click()
        wait_for(page, lambda now: int(now["step"]) > 20)
        before, start = int(state(page)["seq"]), time.monotonic()
        page.wait_for_timeout(2000)
        assert (int(state(page)["seq"]) - before) / (time.monotonic() - start) > 2
        page.context.close()


def test_a_click_of_the_player_draws_its_part_of_the_page_alone(browser, streaming):
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    frames: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(len(data))))
    page.goto(streaming)
    wait_for(page, lambda now: now["status"] == "ready")
    at_rest(page)

    def sent_for(key: str, step: str) -> int:
        before = len(frames)
        click(page, key)
        wait_for(page, lambda now: now["step"] == step)
        at_rest(page)
        return len(frames) - before

    part, whole = sent_for("step", "1"), sent_for("new-weights", "0")
    assert 0 < part < whole / 3
    page.context.close()


def test_the_routes_answer_beside_the_pages(streaming):
    with urllib.request.urlopen(f"{streaming}/healthz", timeout=5) as answer:
        assert json.loads(answer.read())["status"] == "ok"
    with urllib.request.urlopen(f"{streaming}/_stcore/health", timeout=5) as answer:
        assert answer.status == 200
