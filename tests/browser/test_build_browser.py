"""What a person does on the page 'Build', in a real Chromium: build, break, fix, train; and what can be touched there."""

import re

import pytest
from live_page import VIEW, state, wait_for

PICTURES = "?data=digits...image&net=Conv2d~ReLU~MaxPool2d~Flatten~Linear.10&loss=CrossEntropyLoss"


@pytest.fixture
def opened(visit):
    def open_page(query: str = PICTURES, **how):
        page = visit(f"build{query}", **how)
        page.locator(".pg-flow svg").wait_for(timeout=60_000)
        return page

    return open_page


def choose(page, key, option):
    page.locator(f".st-key-{key} input").click()
    page.locator(f".st-key-{key} input").fill(option)
    page.get_by_role("option").first.click()


def net(page, pattern: str) -> None:
    page.wait_for_url(re.compile(f"net={pattern}(&|$)"))


def shapes(page) -> list[str]:
    return page.locator(".pg-flow .cell text:nth-of-type(2)").all_text_contents()


def test_build_break_fix_train(opened):
    page = opened()
    assert shapes(page) == ["(N, 1, 8, 8)", "(N, 8, 6, 6)", "(N, 8, 6, 6)", "(N, 8, 3, 3)", "(N, 72)", "(N, 10)"]
    choose(page, "build-add", "BatchNorm2d")
    net(page, r"Conv2d~BatchNorm2d~ReLU~MaxPool2d~Flatten~Linear\.10")
    page.locator(".pg-flow .cell", has_text="Flatten").click()
    page.locator(".st-key-layer-4-remove button:visible").first.click()
    net(page, r"Conv2d~BatchNorm2d~ReLU~MaxPool2d~Linear\.10")
    page.get_by_text("add Flatten before the last layer").wait_for()
    assert page.locator(".st-key-build-train button:visible").first.is_disabled()
    page.locator(".st-key-fix-0 button:visible").first.click()
    net(page, r"Conv2d~BatchNorm2d~ReLU~MaxPool2d~Flatten~Linear\.10")
    page.locator(".st-key-build-train button:enabled:visible").first.click()
    page.locator(f"{VIEW}[data-status='ready']").wait_for(timeout=60_000)
    assert "BatchNorm2d" in page.url
    page.locator(".st-key-play button:visible").first.click()
    wait_for(page, lambda: state(page)["status"] == "playing" and int(state(page)["step"]) > 20)


def test_a_wrong_layer_is_red_in_the_picture_and_undo_takes_it_back(opened):
    page = opened("?net=Linear.4~Tanh~Linear.1")
    choose(page, "build-add", "Conv2d")
    page.locator(".pg-flow .wrong").wait_for()
    assert page.locator(".pg-flow .wrong .title").text_content() == "Conv2d"
    assert page.locator(".pg-flow .after").count() == 2
    page.locator(".st-key-build-undo button:visible").first.click()
    net(page, r"Linear\.4~Tanh~Linear\.1")
    page.locator(".pg-flow .wrong").wait_for(state="detached")
    page.locator(".st-key-build-redo button:visible").first.click()
    page.locator(".pg-flow .wrong").wait_for()


def test_the_picture_is_walked_by_keyboard(opened):
    page = opened()
    cell = page.locator(".pg-flow .cell", has_text="MaxPool2d")
    cell.focus()
    page.keyboard.press("Enter")
    page.locator(".st-key-build-open").get_by_text("3 · MaxPool2d").wait_for()
    assert page.locator(".pg-flow .selected .title").text_content() == "MaxPool2d"


def test_a_window_is_moved_by_hand_and_an_impossible_stride_is_red(opened):
    page = opened()
    view = page.locator(".pg-window")
    view.wait_for()
    assert view.locator(".formula").text_content() == "⌊(8 + 2·0 − 3)/1⌋ + 1 = 6"

    def turn(name: str, value: int) -> None:
        view.locator(f"input[data-name={name}]").evaluate(
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')) }", value
        )

    turn("stride", 2)
    assert "= 3" in view.locator(".formula").text_content()
    assert "Stride 2 does not come out" in view.locator(".said.wrong").text_content()
    turn("stride", 5)
    assert view.locator(".said.wrong").count() == 0
    turn("size", 2)
    assert "does not fit" in view.locator(".said.wrong").text_content()
    assert "no output" in view.locator(".formula").text_content()
    turn("padding", 2)
    assert view.locator(".said.wrong").count() == 1
    turn("padding", 3)
    assert "= 2" in view.locator(".formula").text_content()


def test_values_of_one_sample_are_read_by_pointing(opened):
    page = opened()
    page.get_by_role("tab", name="One sample").click()
    maps = page.locator(".pg-maps canvas")
    maps.nth(3).wait_for(timeout=60_000)
    assert page.locator(".pg-maps .row").count() == 6
    maps.nth(3).hover()
    page.locator(".pg-maps .said", has_text=re.compile(r"1 Conv2d \[2, \d, \d\] = -?\d")).wait_for()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(opened, width):
    page = opened(width=width, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_navigation_fits_and_leads_here_with_the_network(visit):
    page = visit(PICTURES)
    page.locator(f"{VIEW}[data-status='ready']").wait_for(timeout=60_000)
    page.get_by_role("link", name="Build", exact=True).first.click()
    page.locator(".pg-flow svg").wait_for(timeout=60_000)
    for name in ("Train", "Build", "Lessons", "Autograd", "Optimizers", "NumPy vs PyTorch", "Runs", "Devices"):
        box = page.get_by_role("link", name=name, exact=True).first.bounding_box()
        assert box["x"] + box["width"] <= 1280, name
    assert shapes(page)[0] == "(N, 1, 8, 8)"
