"""What a person does inside the picture, in a real Chromium on the Train page."""

import re
from unittest.mock import patch

import numpy as np
import pytest
from live_page import VIEW, at, click, loss, numbers, opened, press, state, tip, wait_for

from playground.catalog.points import snapped, to_text
from playground.data import load
from playground.spec import Experiment
from playground.training import Run
from playground.ui.player import _obey
from playground.ui.points import draw_points

SMALL = "?v=1&data=circle.60&net=Linear.3~Tanh~Linear.1&loss=BCEWithLogitsLoss&opt=SGD.0.1"


def parameters(query: str = SMALL) -> list[np.ndarray]:
    """Initial weights and biases in float64, layer by layer."""
    return [p.detach().numpy().astype(float) for p in Run(Experiment.from_query(query)).model.parameters()]


def logits(values: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    weight_1, bias_1, weight_2, bias_2 = values
    return (np.tanh(x @ weight_1.T + bias_1) @ weight_2.T + bias_2)[:, 0]


def loss_of(values: list[np.ndarray], query: str = SMALL) -> float:
    data = load(Experiment.from_query(query).data)
    z = logits(values, data.x_train.astype(float))
    return float(np.mean(np.logaddexp(0, z) - data.y_train * z))


def type_in(page, text: str) -> None:
    before = state(page)["seq"]
    page.locator(".pg-field").fill(text)
    page.keyboard.press("Enter")
    wait_for(page, lambda: state(page)["seq"] != before)


def test_a_typed_weight_changes_output_and_loss_to_the_right_numbers_and_trains_on(visit):
    page = opened(visit, SMALL)
    values = parameters()
    assert loss(page) == pytest.approx(loss_of(values), abs=6e-5)
    press(page, "network", "ArrowDown", "ArrowRight", "ArrowDown", "Enter")  # unit 2 of the hidden layer
    page.locator(".pg-pick").select_option(label="weight y → unit 2")
    assert float(page.locator(".pg-field").input_value()) == pytest.approx(values[0][1, 1], rel=1e-5)
    type_in(page, "1.75")
    values[0][1, 1] = 1.75
    assert loss(page) == pytest.approx(loss_of(values), abs=6e-5)
    page.keyboard.press("Escape")
    assert not page.locator(".pg-editor").is_visible()
    press(page, "network", "ArrowRight", "ArrowRight", "ArrowRight", "Enter")  # the output
    assert "bias of output" in page.locator(".pg-pick").inner_text()
    type_in(page, "-0.5")
    values[3][0] = -0.5
    assert loss(page) == pytest.approx(loss_of(values), abs=6e-5)

    page.keyboard.press("Escape")
    point = load(Experiment.from_query(SMALL).data).raw_train[0]
    page.locator(".pg-output").click(position=at(page, *point))
    chance = 1 / (1 + np.exp(-logits(values, point[None])[0]))
    label = wait_for(
        page, lambda: re.search(r"p\(class 1\) = ([\d.]+)", page.locator(".pg-output").get_attribute("aria-label"))
    )
    assert float(label[1]) == pytest.approx(chance, abs=6e-4)

    run = Run(Experiment.from_query(SMALL))
    run.set_parameter(0, 1, 1, 1.75)
    run.set_parameter(2, 0, None, -0.5)
    run.advance(steps=3)
    for _ in range(3):
        step = int(state(page)["step"])
        click(page, "step")
        wait_for(page, lambda step=step: int(state(page)["step"]) == step + 1)
    assert loss(page) == pytest.approx(run.evaluate()["train"]["loss"], abs=6e-5)


def test_an_edge_is_dragged_up_and_down(visit):
    page = opened(visit, SMALL)
    network = page.locator(".pg-network")
    box = network.bounding_box()
    x = box["x"] + box["width"] * 0.3
    for y in range(60, int(box["height"]) - 30, 8):
        page.mouse.move(x, box["y"] + y)
        page.wait_for_timeout(40)
        if match := re.match(r"weight (-?[\d.]+) \((x|y) → unit (\d)\)\nno gradient yet", tip(page)):
            break
    start, input, unit = float(match[1]), "xy".index(match[2]), int(match[3]) - 1
    page.mouse.down()
    page.mouse.move(x, box["y"] + y - 10)
    page.mouse.move(x, box["y"] + y - 50)
    page.mouse.up()
    values = parameters()
    values[0][unit, input] = start + 50 * 0.02
    wait_for(page, lambda: loss(page) == pytest.approx(loss_of(values), abs=1e-4))
    assert state(page)["step"] == "0"


def test_an_edge_tells_gradient_and_update_after_a_step(visit):
    page = opened(visit, SMALL)
    click(page, "step")
    wait_for(page, lambda: state(page)["step"] == "1")
    run = Run(Experiment.from_query(SMALL))
    before = run.model[0].bias.detach().clone()
    run.advance(steps=1)
    press(page, "network", "ArrowDown", "ArrowRight")
    found = wait_for(page, lambda: re.search(r"bias (\S+)\ngradient (\S+), last update (\S+)$", tip(page)))
    assert float(found[1]) == pytest.approx(run.model[0].bias[0].item(), abs=6e-5)
    assert float(found[2]) == pytest.approx(run.model[0].bias.grad[0].item(), rel=0.01)
    assert float(found[3]) == pytest.approx((run.model[0].bias - before)[0].item(), rel=0.01)


def test_what_is_typed_into_the_editor_stays_there(visit):
    page = opened(visit, SMALL)
    click(page, "step")
    wait_for(page, lambda: state(page)["step"] == "1")
    press(page, "network", "ArrowDown", "ArrowRight", "Enter")
    page.keyboard.type("s0p")  # step, reset and play, elsewhere on this page
    page.wait_for_timeout(600)
    assert (state(page)["step"], state(page)["status"]) == ("1", "ready")
    page.locator(".pg-field").fill("1e9")
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert "from −1,000,000 to 1,000,000" in page.locator(".pg-note").text_content()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.className") == "pg-network"


def test_a_weight_is_set_while_it_plays(visit):
    page = opened(visit, SMALL)
    click(page, "play")
    wait_for(page, lambda: int(state(page)["step"]) > 100)
    press(page, "network", "ArrowDown", "ArrowRight", "ArrowRight", "Enter")
    page.locator(".pg-field").fill("40")
    page.keyboard.press("Enter")
    high = wait_for(page, lambda: loss(page) if loss(page) > 2 else None)  # half of the points are wrong by 40
    wait_for(page, lambda: loss(page) < high / 2)
    assert page.locator(VIEW).get_attribute("data-status") == "playing"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"what": "weight"},
        {"what": "weight", "column": "1", "unit": 0, "input": 0, "value": 1},
        {"what": "weight", "column": 1, "unit": 0, "input": 0, "value": "1"},
        {"what": "bias", "column": 1, "unit": 0, "value": float("nan")},
        {"what": "bias", "column": 1, "unit": 0, "value": 10**400},
        {"what": "trace", "place": [0, None]},
        {"what": "points", "points": 7},
    ],
)
def test_what_the_picture_sends_is_checked_word_by_word(message):
    with patch("playground.ui.player.handle") as run:
        with pytest.raises(ValueError, match=r"^The picture sent .*\.$"):
            _obey(message)
        assert not run.return_value.method_calls


# -- own points ----------------------------------------------------------------------------------------------------

OWN = "?v=1&data=own&net=Linear.4~Tanh~Linear.1&loss=BCEWithLogitsLoss&opt=Adam.0.03"


def experiment_of(page) -> Experiment:
    return Experiment.from_query(page.url.partition("?")[2])


def drawn(page) -> tuple:
    return experiment_of(page).data.points


def edit_points(page):
    page.get_by_role("button", name="edit points").click()
    page.locator(".pg-tools[data-shown='true']").wait_for()


def test_points_are_drawn_moved_relabelled_and_erased_and_trained_on(visit):
    page = opened(visit, OWN)
    click(page, "step")
    wait_for(page, lambda: state(page)["step"] == "1")
    before = drawn(page)
    edit_points(page)
    output = page.locator(".pg-output")
    page.get_by_role("button", name="Class 2").click()
    output.click(position=at(page, -5, 5))
    added = wait_for(page, lambda: len(drawn(page)) == len(before) + 1 and drawn(page)[-1])
    assert added == (pytest.approx(-5, abs=0.05), pytest.approx(5, abs=0.05), 2)
    assert drawn(page)[:-1] == before
    wait_for(page, lambda: state(page)["step"] == "0")  # another number of classes: another output, and a new start
    wait_for(page, lambda: experiment_of(page).outline()[-1].out_shape == (3,))

    box = output.bounding_box()
    start, end = at(page, -5, 5), at(page, 2, 4.5)
    page.mouse.move(box["x"] + start["x"], box["y"] + start["y"])
    page.mouse.down()
    page.mouse.move(box["x"] + end["x"] - 30, box["y"] + end["y"])
    page.mouse.move(box["x"] + end["x"], box["y"] + end["y"])
    page.mouse.up()
    wait_for(page, lambda: drawn(page)[-1][:2] == (pytest.approx(2, abs=0.05), pytest.approx(4.5, abs=0.05)))

    page.get_by_role("button", name="Class 1").click()
    output.click(position=at(page, 2, 4.5))
    wait_for(page, lambda: drawn(page)[-1][2] == 1)
    assert len(drawn(page)) == len(before) + 1

    page.get_by_role("button", name="Erase points").click()
    output.click(position=at(page, 2, 4.5))
    wait_for(page, lambda: drawn(page) == before)
    page.get_by_role("button", name="Stop editing points").click()
    assert not page.locator(".pg-tools").is_visible()
    click(page, "play")
    wait_for(page, lambda: int(state(page)["step"]) > 200 and loss(page) < 0.2)


def test_points_are_drawn_with_the_keyboard_alone(visit):
    page = opened(visit, OWN)
    before = drawn(page)
    switch = page.get_by_role("button", name="edit points")
    switch.focus()
    page.keyboard.press("Enter")
    page.locator(".pg-tools[data-shown='true']").wait_for()
    press(page, "output", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "0", "Space")
    added = wait_for(page, lambda: len(drawn(page)) == len(before) + 1 and drawn(page)[-1])
    assert added == (0, 1, 0)
    assert "class 0" in tip(page)
    press(page, "output", "Enter", "ArrowRight", "ArrowRight", "1", "Enter")  # picked up, moved, relabelled, put down
    wait_for(page, lambda: drawn(page)[-1] == (0.5, 1, 1))
    assert state(page)["step"] == "0"  # '0' chose a class; elsewhere it is the key of Reset
    press(page, "output", "Delete")
    wait_for(page, lambda: drawn(page) == before)
    press(page, "output", "Escape")
    assert not page.locator(".pg-tools").is_visible()


def test_points_are_drawn_by_touch_on_a_phone(visit, browser, server):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    try:
        page.goto(f"{server[0]}/{OWN}")
        page.locator(f"{VIEW}[data-status='ready']").wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        before = drawn(page)
        rows = {button.bounding_box()["y"] for button in page.locator(".pg-switch:visible").all()}
        assert len(rows) == 1, "the switches do not fit into their row"
        page.get_by_role("button", name="edit points").tap()
        page.locator(".pg-tools[data-shown='true']").wait_for()
        output = page.locator(".pg-output")
        output.scroll_into_view_if_needed()
        output.tap(position=at(page, 5, -5))
        wait_for(page, lambda: len(drawn(page)) == len(before) + 1)
        assert drawn(page)[-1][:2] == (pytest.approx(5, abs=0.06), pytest.approx(-5, abs=0.06))
    finally:
        context.close()


def test_edit_points_begins_with_the_points_there_are(visit):
    page = opened(visit, "?v=1&data=blobs.90..0.1..4&net=Linear.6~ReLU~Linear.4&loss=CrossEntropyLoss&opt=Adam.0.01")
    edit_points(page)
    wait_for(page, lambda: "data=own" in page.url)
    assert len(drawn(page)) == 90
    assert experiment_of(page).data.classes == 4
    assert page.locator(".pg-count").text_content() == "90 points"
    page.get_by_role("button", name="Remove all points").click()
    assert page.locator(".pg-count").text_content() == "0, too few"
    page.locator(".pg-output").click(position=at(page, 1, 1))
    page.locator(".pg-output").click(position=at(page, -1, 1))
    wait_for(page, lambda: len(drawn(page)) == 2)
    choose = page.locator(".st-key-data input")
    choose.click()
    choose.fill("iris")
    page.keyboard.press("Enter")
    wait_for(page, lambda: "data=iris" in page.url)
    wait_for(page, lambda: not page.locator(".pg-tools").is_visible())
    assert not page.get_by_role("button", name="edit points").is_visible()


def test_a_link_brings_drawn_points_to_another_visitor(visit):
    page = opened(visit, OWN)
    edit_points(page)
    page.locator(".pg-output").click(position=at(page, -5, 5))
    wait_for(page, lambda: "own=" in page.url)
    twin = opened(visit, page.url.split("/", 3)[3])
    assert numbers(twin)["loss"] == numbers(page)["loss"]
    edit_points(twin)
    twin.locator(".pg-output").click(position=at(twin, 5, 5))
    wait_for(twin, lambda: len(drawn(twin)) == len(drawn(page)) + 1)
    assert drawn(twin)[:-1] == drawn(page)  # nothing is lost to the coarser numbers of the picture


def test_there_can_be_many_classes(visit):
    points = [(-5.0, -5.0, 0), (-4.0, 3.0, 9), (1.0, 2.0, 10), (3.0, -2.0, 37), (4.0, 4.0, 5)]
    experiment = draw_points(Experiment(), to_text(snapped(points)))
    page = opened(visit, f"?{experiment.query_string()}")
    assert drawn(page) == tuple(points)
    edit_points(page)
    page.get_by_role("button", name="Class 38").click()
    page.locator(".pg-output").click(position=at(page, -5, 5))
    wait_for(page, lambda: len(drawn(page)) == 6)
    assert drawn(page)[:-1] == tuple(points)
    assert drawn(page)[-1] == (pytest.approx(-5, abs=0.05), pytest.approx(5, abs=0.05), 38)
    wait_for(page, lambda: experiment_of(page).outline()[-1].out_shape == (39,))


# -- the surface ---------------------------------------------------------------------------------------------------


def pixels(page, panel: str) -> str:
    return page.locator(f".pg-{panel}").evaluate("canvas => canvas.toDataURL()")


def test_switches_change_the_surface_and_back(visit):
    page = opened(visit, SMALL)
    page.mouse.move(5, 5)
    before = pixels(page, "output")
    for name in ("discrete", "errors", "zero lines", "hidden space"):
        switch = page.get_by_role("button", name=name)
        assert switch.get_attribute("aria-pressed") == "false"
        switch.focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(150)
        assert switch.get_attribute("aria-pressed") == "true"
        assert pixels(page, "output") != before
        page.keyboard.press("Enter")
        page.wait_for_timeout(150)
        assert pixels(page, "output") == before


def test_zero_lines_need_x_and_y_and_errors_need_classes(visit):
    page = opened(visit, "?data=multigauss&features=x_y_xy")
    assert page.get_by_role("button", name="discrete").is_visible()
    assert not page.get_by_role("button", name="errors").is_visible()
    assert not page.get_by_role("button", name="zero lines").is_visible()


def test_a_click_traces_a_point_and_a_second_one_ends_it(visit):
    page = opened(visit, SMALL)
    data = load(Experiment.from_query(SMALL).data)
    where = at(page, *data.raw_train[0])
    output = page.locator(".pg-output")
    output.click(position=where)
    z = logits(parameters(), data.x_train[:1].astype(float))[0]
    expected = np.logaddexp(0, z) - data.y_train[0] * z
    found = wait_for(page, lambda: re.search(r"is class (\d) · loss ([\d.]+)", output.get_attribute("aria-label")))
    assert int(found[1]) == data.y_train[0]
    assert float(found[2]) == pytest.approx(expected, abs=1e-4)
    press(page, "network", "ArrowDown", "ArrowRight")
    hidden = np.tanh(data.x_train[0].astype(float) @ parameters()[0].T + parameters()[1])
    assert float(re.search(r"value (\S+)", tip(page))[1]) == pytest.approx(hidden[0], rel=0.01)
    total = float(re.search(r"inputs \+ bias = (\S+)", tip(page))[1])
    assert np.tanh(total) == pytest.approx(hidden[0], abs=0.005)
    output.click(position=where)
    wait_for(page, lambda: output.get_attribute("aria-label").startswith("Probability of class 1"))
    press(page, "output", "ArrowUp", "Enter")
    wait_for(page, lambda: "p(class 1) =" in output.get_attribute("aria-label"))
    press(page, "output", "Escape")
    wait_for(page, lambda: output.get_attribute("aria-label").startswith("Probability of class 1"))


def test_the_hidden_space_is_that_of_the_units_chosen(visit):
    page = opened(visit, SMALL)
    assert not page.get_by_label("Unit up").is_visible()
    page.get_by_role("button", name="hidden space").click()
    press(page, "output", "ArrowUp")
    assert [line.rpartition(" ")[0] for line in tip(page).splitlines()] == ["unit 1", "unit 2"]
    before = pixels(page, "output")
    page.get_by_label("Unit up").select_option(label="↑ unit 3")
    press(page, "output", "ArrowUp")
    assert tip(page).splitlines()[1].startswith("unit 3")
    assert pixels(page, "output") != before
