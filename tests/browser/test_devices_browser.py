"""The page 'Devices' in a real Chromium: it says what is here, measures by itself, and stops when it is told to."""

import re


def test_it_says_what_is_here_measures_and_stops(visit):
    page = visit()
    page.get_by_role("link", name="Devices", exact=True).first.click()
    page.locator(".st-key-devices-here").get_by_text("cpu", exact=True).wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    page.get_by_text(re.compile("up to .*FLOP/s in float32")).first.wait_for()
    if (stop := page.locator(".st-key-timing-stop button:visible")).count():
        stop.first.click()
    page.locator(".st-key-timing-once-more button:visible").wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
