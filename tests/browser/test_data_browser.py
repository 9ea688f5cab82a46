"""What a person does on the page 'Data', in a real Chromium: a table of one's own, from the file to a run that learns it."""

import re

from live_page import VIEW, state, wait_for

ROWS = 40_000


def table() -> bytes:
    """More than a megabyte: what Streamlit takes by itself is no limit here."""
    lines = (f"{k % 97},{(k * 7) % 13}.25,{'late' if k % 97 > 48 else 'early'}" for k in range(ROWS))
    return "\n".join(["minute,wind,bus", *lines, ""]).encode() + b"\n" * 2**20


def test_a_table_is_uploaded_used_and_trained_on(visit):
    page = visit()
    page.get_by_role("link", name="Data", exact=True).first.click()
    page.get_by_text("Your own data, MNIST and Fashion-MNIST").click()
    page.locator("input[type=file]").wait_for(state="attached")
    page.get_by_text("Fashion-MNIST", exact=True).first.wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    page.set_viewport_size({"width": 1280, "height": 800})
    bad = {"name": "half.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n1,2,3\n"}
    page.get_by_test_id("stFileUploader").evaluate("uploader => { uploader.same = true }")
    page.locator("input[type=file]").set_input_files(bad)
    page.get_by_text("Line 3 has 3 fields where the first row has 2").wait_for()
    assert "file=" not in page.url
    good = {"name": "buses.csv", "mimeType": "text/csv", "buffer": table()}
    page.locator("input[type=file]").set_input_files(good)
    page.get_by_text(f"{ROWS:,} rows, 3 columns; nothing is missing.").wait_for()
    same = page.get_by_test_id("stFileUploader").evaluate("uploader => uploader.same")
    assert same, "it is still the one that the file was given to: another would have lost the upload"
    page.locator(".st-key-own-use button:visible").first.click()
    page.wait_for_url(re.compile("data=table.*file="))
    page.get_by_text("Class balance").wait_for()
    page.locator(".st-key-data-train button:enabled:visible").first.click()
    page.locator(f"{VIEW}[data-status='ready']").wait_for()
    page.locator(".st-key-play button:visible").first.click()
    wait_for(page, lambda: state(page)["status"] == "playing" and int(state(page)["step"]) > 20)
    said = page.locator(".pg-output").get_attribute("aria-label")
    assert said.startswith("Confusion matrix")
