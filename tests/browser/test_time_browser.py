"""Time on the Train page in a real Chromium: back to an epoch, on from there, one step a second, and a lesson."""

import re

import numpy as np
import pytest
from live_page import click, loss, opened, press, state, wait_for

from playground.engine.picture import picture
from playground.lessons import LESSONS
from playground.spec import Experiment
from playground.training import Run

SMALL = "?v=1&data=circle.60&net=Linear.3~Tanh~Linear.1&loss=BCEWithLogitsLoss&opt=SGD.0.1&batch=1"


def pixels(page, panel: str) -> str:
    return page.locator(f".pg-{panel}").evaluate("canvas => canvas.toDataURL()")


def epochs(page, many: int) -> list[float]:
    """So many epochs more; the losses at their ends."""
    losses = []
    for _ in range(many):
        before = int(state(page)["step"])
        click(page, "epoch")
        wait_for(page, lambda before=before: int(state(page)["step"]) > before)
        page.wait_for_timeout(150)
        losses.append(loss(page))
    return losses


def test_scrub_back_fork_with_another_setting_and_compare(visit):
    page = opened(visit, SMALL)
    per_epoch = Run(Experiment.from_query(SMALL)).steps_per_epoch
    losses = epochs(page, 5)
    present = int(state(page)["step"])
    assert present == 5 * per_epoch
    page.locator(".st-key-time summary").click()
    slider = page.locator(".st-key-time").get_by_role("slider")
    slider.wait_for()
    curves, surface = pixels(page, "curves"), pixels(page, "output")

    slider.focus()
    back = 2 * per_epoch
    page.keyboard.press("Home")  # before the first step
    wait_for(page, lambda: int(state(page)["step"]) == 0)
    page.locator(".st-key-time").get_by_text(re.compile("This is step")).wait_for()
    slider.focus()
    for step in (per_epoch, back):
        page.keyboard.press("ArrowRight")
        wait_for(page, lambda step=step: int(state(page)["step"]) == step)
    assert loss(page) == losses[1]
    assert pixels(page, "output") != surface, "the whole page is as it was"
    assert pixels(page, "curves") != curves
    assert state(page).get("pinned", "") == ""

    page.locator(".st-key-time-now button").click()
    wait_for(page, lambda: int(state(page)["step"]) == present)
    assert loss(page) == losses[-1]
    assert state(page).get("pinned", "") == "", "back in the present there is nothing to compare"

    slider = page.locator(".st-key-time").get_by_role("slider")
    slider.focus()
    for step in range(present - per_epoch, back - 1, -per_epoch):
        page.keyboard.press("ArrowLeft")
        wait_for(page, lambda step=step: int(state(page)["step"]) == step)
    optimizer = page.locator(".st-key-optimizer input")
    optimizer.click()
    optimizer.fill("Adam")
    page.keyboard.press("Enter")
    wait_for(page, lambda: "opt=Adam" in page.url or "Adam" in optimizer.input_value())
    page.wait_for_timeout(300)
    assert int(state(page)["step"]) == back
    [forked] = epochs(page, 1)
    assert state(page)["pinned"] == f"before the fork at {back}"
    assert page.get_by_role("button", name="pin", exact=True).get_attribute("aria-pressed") == "true"
    run = Run(Experiment.from_query(SMALL))
    run.advance(steps=back)
    assert run.update(Experiment.from_query(page.url.partition("?")[2])) is None
    run.advance(steps=per_epoch)
    assert forked == pytest.approx(run.evaluate()["train"]["loss"], abs=6e-5)
    assert forked != losses[back // per_epoch]

    page.locator(".st-key-time").get_by_role("slider").focus()
    page.keyboard.press("Home")
    wait_for(page, lambda: int(state(page)["step"]) == 0)
    wait_for(page, lambda: optimizer.input_value() == "SGD")
    wait_for(page, lambda: "opt=SGD" in page.url)  # the settings and the address are those of then, too
    page.locator(".st-key-time-now button").click()
    wait_for(page, lambda: optimizer.input_value() == "Adam")
    wait_for(page, lambda: "opt=Adam" in page.url)
    assert loss(page) == forked

    page.get_by_role("button", name="pin", exact=True).click()
    wait_for(page, lambda: not state(page).get("pinned"))
    page.locator(".st-key-time").get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    wait_for(page, lambda: int(state(page)["step"]) == back)
    optimizer.click()
    optimizer.fill("RMSprop")
    page.keyboard.press("Enter")
    wait_for(page, lambda: "opt=RMSprop" in page.url)
    page.wait_for_timeout(300)
    epochs(page, 1)
    assert int(state(page)["step"]) == back + per_epoch, "as far as the course was that is left"
    wait_for(page, lambda: state(page).get("pinned") == f"before the fork at {back}")


def test_at_one_step_a_second_the_phases_come_in_turn(visit):
    page = opened(visit, f"{SMALL}&speed=1-step-s")
    page.evaluate(
        """() => {
          window.pgPhases = [];
          const view = [...document.querySelectorAll("[data-testid='stBidiComponentIsolated']")]
            .map((host) => host.shadowRoot?.querySelector(".pg-live")).find(Boolean);
          new MutationObserver(() => {
            const { phase, step } = view.dataset;
            if (phase && window.pgPhases.at(-1)?.[0] !== phase) window.pgPhases.push([phase, Number(step)]);
          }).observe(view, { attributes: true, attributeFilter: ["data-phase"] });
        }"""
    )
    click(page, "play")
    wait_for(page, lambda: int(state(page)["step"]) >= 4)
    click(page, "play")
    wait_for(page, lambda: state(page)["status"] == "ready")
    assert state(page).get("phase", "") == ""
    seen = page.evaluate("window.pgPhases")
    names = [name for name, _ in seen]
    turns = [k for k in range(len(names)) if names[k : k + 4] == ["forward", "loss", "backward", "update"]]
    assert turns, names
    steps = {step for _, step in seen[turns[-1] : turns[-1] + 4]}
    assert len(steps) == 1, "until the update is shown, the page is that of the step before"


def test_who_wants_less_motion_sees_no_phases(visit):
    page = opened(visit, f"{SMALL}&speed=1-step-s")
    page.emulate_media(reduced_motion="reduce")
    click(page, "play")
    wait_for(page, lambda: int(state(page)["step"]) >= 2)
    assert state(page).get("phase", "") == ""


@pytest.mark.parametrize("width", [1280, 390])
def test_a_lesson_is_answered(visit, width):
    lesson = LESSONS["xor-line"]
    page = opened(visit, f"?{lesson.query}&lesson=xor-line", width=width)
    panel = page.locator(".st-key-lesson")
    assert lesson.question in panel.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in panel.get_by_role("button").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    panel.get_by_text("hardly at all", exact=True).click()
    panel.get_by_text("Press Play").wait_for()
    assert lesson.notice not in panel.inner_text()
    click(page, "epoch")
    panel.get_by_text("Right", exact=False).first.wait_for()
    assert lesson.notice[:40] in panel.inner_text()
    if width == 1280:
        cards = page.locator(".st-key-cards, [class*='st-key-layer']").first.bounding_box()
        assert cards["y"] < 800, "the layers' cards are still on the screen"
    press(page, "curves", "ArrowRight")


def test_points_that_are_wrong_and_those_that_are_unsure_are_counted_and_ringed(visit):
    page = opened(visit, SMALL)
    epochs(page, 2)
    before = pixels(page, "output")
    page.get_by_role("button", name="errors", exact=True).click()
    run = Run(Experiment.from_query(SMALL))
    run.advance(steps=2 * run.steps_per_epoch)
    arrays = picture(run)[1]
    rows, columns = arrays["surface"].shape
    x, y = arrays["points"][:, 0] / 255, 1 - arrays["points"][:, 1] / 255
    chance = arrays["surface"][
        (y * rows).astype(int).clip(max=rows - 1), (x * columns).astype(int).clip(max=columns - 1)
    ]
    wrong = np.unpackbits(arrays["wrong"])[: len(x)].astype(bool)
    unsure = ~wrong & (np.maximum(chance, 255 - chance) < 0.6 * 255)
    assert unsure.any(), "otherwise this shows nothing"
    wait_for(page, lambda: state(page).get("marked") == f"{wrong.sum()} wrong, {unsure.sum()} unsure")
    assert pixels(page, "output") != before


def test_zero_lines_are_offered_only_where_the_first_layer_sees_x_and_y(visit):
    for net, offered in (("Linear.3~Tanh~Linear.1", True), ("Tanh~Linear.3~Tanh~Linear.1", False)):
        page = opened(visit, f"?data=circle.60&net={net}&loss=BCEWithLogitsLoss&opt=SGD.0.1")
        assert page.get_by_role("button", name="zero lines", exact=True).is_visible() == offered
