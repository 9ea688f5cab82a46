"""What a person does on the page 'NumPy vs PyTorch', in a real Chromium."""

import pytest
from live_page import click, loss, state, wait_for
from live_page import opened as live


@pytest.fixture
def opened(visit):
    def open_page(**how):
        page = visit("numpy_vs_pytorch", **how)
        page.locator(".parity table").first.wait_for(timeout=60_000)
        return page

    return open_page


def choose(page, key, option):
    page.locator(f".st-key-{key} input").click()
    page.locator(f".st-key-{key} input").fill(option)
    page.keyboard.press("Enter")


def test_a_layer_is_compared_as_numbers_and_fits_the_screen(opened):
    page = opened()
    assert page.get_by_text("largest relative difference").is_visible()
    grids = page.locator(".parity table")
    assert grids.count() == 13
    assert all(box["x"] + box["width"] <= 1280 for box in (grids.nth(i).bounding_box() for i in range(13)))
    assert grids.last.bounding_box()["y"] < 640
    assert page.locator(".parity .same").count() == 4
    assert page.locator(".parity-code .forward").count() > 3
    assert page.locator(".js-plotly-plot").count() == 1


def test_another_layer_and_float32_change_the_numbers_and_the_address(opened):
    page = opened()
    choose(page, "parity-part", "Softmax")
    page.get_by_text("dL/dx · NumPy").wait_for()
    page.wait_for_url("**part=Softmax**")
    assert page.locator(".parity table").count() == 7
    page.get_by_role("radio", name="float32").click()
    page.wait_for_url("**dtype=float32**")
    page.get_by_text("tolerance 1e-04").wait_for()


def test_a_whole_training_runs_to_its_end_and_shows_both_sides(opened):
    page = opened()
    page.get_by_role("radio", name="Whole training").click()
    page.get_by_text("step 2,000 of 2,000").wait_for(timeout=60_000)
    page.get_by_text("Predictions on the training data").wait_for()
    page.locator(".js-plotly-plot").nth(3).wait_for()
    assert page.get_by_text("tolerance 1e-09").first.is_visible()
    assert page.locator(".st-key-parity-again").is_visible()


def test_on_a_phone_nothing_sticks_out(opened):
    page = opened(width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".parity").first.bounding_box()["y"] < 500


def test_one_step_of_another_optimizer_with_the_numbers_filled_in(opened):
    page = opened()
    page.get_by_role("radio", name="One optimizer step").click()
    choose(page, "parity-rule", "RMSprop")
    page.wait_for_url("**rule=RMSprop**")
    page.get_by_text("largest relative difference").wait_for()
    step = page.locator(".st-key-parity-step input")
    step.fill("7")
    step.press("Enter")
    page.wait_for_url("**step=7**")
    page.get_by_text("largest relative difference").wait_for()
    assert page.locator(".parity .same").count() >= 2
    assert page.locator(".katex").count() >= 1


def test_speed_is_measured_can_be_stopped_and_begun_again(opened):
    page = opened()
    page.get_by_role("radio", name="Speed").click()
    page.locator(".st-key-parity-stop button").click(timeout=60_000)
    page.get_by_text("Stopped.").first.wait_for()
    page.locator(".st-key-parity-again button").click()
    page.locator(".st-key-parity-stop button").wait_for()
    page.get_by_text("2-w-w-1 with width 8").wait_for(timeout=60_000)
    page.locator(".st-key-parity-stop button").click()
    page.get_by_text("Stopped.").first.wait_for()
    page.get_by_text("SGD", exact=False).first.wait_for()


def test_the_train_page_plays_the_same_on_numpy(visit):
    page = live(visit, "?data=circle.60&net=Linear.3~Tanh~Linear.1&opt=SGD.0.1&seed=3")

    def three_steps() -> float:
        for step in ("1", "2", "3"):
            click(page, "step")
            wait_for(page, lambda step=step: state(page)["step"] == step)
        return loss(page)

    theirs = three_steps()
    page.locator(".st-key-more button").first.click()
    choose(page, "engine", "NumPy")
    page.wait_for_url("**engine=numpy**")
    wait_for(page, lambda: state(page)["step"] == "0" and state(page)["status"] == "ready")
    page.keyboard.press("Escape")
    assert three_steps() == theirs
