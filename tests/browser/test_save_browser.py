"""Save, reload and resume, in a real Chromium."""

import json
import re
from urllib.parse import urlsplit

from safetensors.torch import load
from test_train_browser import click, numbers, opened, state, wait_for

from playground.checkpoints import opened as opened_file
from playground.spec import Experiment
from playground.training import restored


def train_for(page, epochs: int) -> dict:
    for _ in range(epochs):
        before = int(state(page)["step"])
        click(page, "epoch")
        wait_for(page, lambda now, before=before: int(now["step"]) >= before + 1 and now["status"] == "ready")
    return state(page)


def downloaded(page, label: str) -> bytes:
    page.mouse.move(0, 0)  # away from the button before, whose help covers this one
    with page.expect_download() as download:
        page.get_by_role("button", name=label, exact=True).click()
    return download.value.path().read_bytes()


def open_menu(page) -> None:
    page.locator(".st-key-save button").first.click()
    page.get_by_text("Go on with a file").wait_for()


def upload(page, name: str, data: bytes) -> None:
    page.locator("input[type=file]").first.set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": data}]
    )


def test_a_run_is_saved_and_goes_on_from_its_file_with_the_same_bits(visit):
    page = opened(visit)
    train_for(page, 2)
    open_menu(page)
    file = downloaded(page, "The whole run")
    weights = downloaded(page, "Weights as safetensors")
    pt = downloaded(page, "Weights for PyTorch")
    assert pt.startswith(b"PK")
    run = restored(opened_file(file, Experiment())[1])
    assert run.step == 50
    assert set(load(weights)) == set(run.model.state_dict())
    page.keyboard.press("Escape")
    saved_at = numbers(page)["loss"]
    train_for(page, 1)
    later = numbers(page)["loss"]
    click(page, "reset")
    wait_for(page, lambda now: now["step"] == "0")
    open_menu(page)
    upload(page, "spiral.run.safetensors", file)
    wait_for(page, lambda now: now["step"] == "50")
    assert numbers(page)["loss"] == saved_at
    page.keyboard.press("Escape")
    train_for(page, 1)
    assert numbers(page)["loss"] == later

    open_menu(page)
    upload(page, "spiral.pt", pt)
    page.get_by_text("it was not opened").wait_for()
    assert state(page)["step"] == "75"
    assert numbers(page)["loss"] == later


def test_a_run_survives_a_reload_and_a_change_of_page(visit):
    page = opened(visit)
    train_for(page, 3)
    loss = numbers(page)["loss"]
    address = page.url
    page.reload()
    wait_for(page, lambda now: now["step"] == "75")
    assert numbers(page)["loss"] == loss
    assert page.url == address
    assert page.locator(".st-key-lr input").input_value() == "0.01"
    train_for(page, 1)
    page.get_by_role("link", name="Lessons").first.click()
    page.wait_for_url(re.compile("lessons"))
    page.get_by_role("link", name="Train").first.click()
    wait_for(page, lambda now: now["step"] == "100")
    page.reload()  # a second time, with the word of the second session
    wait_for(page, lambda now: now["step"] == "100")


def test_a_run_survives_a_reload_of_another_page(visit):
    page = opened(visit, "?data=circle&seed=5")
    train_for(page, 2)
    address = page.url
    page.get_by_role("link", name="Lessons").first.click()
    page.wait_for_url(re.compile("lessons"))
    page.get_by_text("Nothing is trained before").or_(page.get_by_role("heading")).first.wait_for()
    page.reload()
    page.get_by_role("link", name="Train").first.click()
    wait_for(page, lambda now: now["step"] == "50")
    page.wait_for_url(address)
    assert "circle" in page.locator(".st-key-data input").first.input_value()
    page.goto(f"{page.url.partition('?')[0]}?lock=data")  # a task begins with its own experiment
    wait_for(page, lambda now: now["status"] == "ready" and now["step"] == "0")
    page.wait_for_timeout(1_500)
    assert state(page)["step"] == "0"


def test_a_playing_run_goes_on_after_a_reload(visit):
    page = opened(visit)
    click(page, "play")
    before = wait_for(page, lambda now: int(now["step"]) > 200)
    page.reload()
    after = wait_for(page, lambda now: int(now["step"]) > int(before["step"]))
    assert after["status"] == "playing"


def test_a_link_carries_nobodys_run(visit):
    """Another tab with the same address begins at step 0, also where its storage was copied from a living tab."""
    page = opened(visit)
    train_for(page, 1)
    address, word = page.url, page.evaluate("sessionStorage.getItem('playground-run')")
    assert word
    assert word not in address
    other = page.context.new_page()
    other.goto(address)
    wait_for(other, lambda now: now["status"] == "ready", 40)
    assert state(other)["step"] == "0"
    assert other.evaluate("sessionStorage.getItem('playground-run')") not in (None, word)
    twin = page.context.new_page()
    twin.add_init_script(f"sessionStorage.setItem('playground-run', {json.dumps(word)})")
    twin.goto(address)
    wait_for(twin, lambda now: now["status"] == "ready", 40)
    twin.wait_for_timeout(2_500)
    assert state(twin)["step"] == "0"
    assert state(page)["step"] == "25"
    assert urlsplit(address).query.count("run") == 0


def test_a_word_that_means_nothing_is_forgotten(visit):
    page = opened(visit)
    for word in ("", "<script>", "A" * 32, "x" * 5_000):
        page.evaluate("word => sessionStorage.setItem('playground-run', word)", word)
        page.reload()
        wait_for(page, lambda now: now["status"] == "ready")
        page.wait_for_function("word => sessionStorage.getItem('playground-run') !== word", arg=word)
        assert state(page)["step"] == "0"
