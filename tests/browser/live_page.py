"""The live view on the Train page, as a test sees it and touches it."""

import time

VIEW = "[data-testid='stBidiComponentIsolated'] .pg-live"


def state(page) -> dict:
    """Step, picture number and status that the view shows."""
    return page.locator(VIEW).first.evaluate("view => ({...view.dataset})")


def wait_for(page, condition, seconds=60.0):
    """Wait until `condition()` holds; what it gave."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, (state(page), tip(page), page.url)
        page.wait_for_timeout(40)
    return found


def opened(visit, path="", **how):
    page = visit(path, **how)
    page.locator(f"{VIEW}[data-status='ready']").wait_for(timeout=60_000)
    page.wait_for_timeout(500)  # the scripts of a first run come to rest
    return page


def numbers(page) -> dict[str, str]:
    return page.locator(VIEW).first.evaluate(
        "view => Object.fromEntries([...view.querySelectorAll('.pg-number')].map(n => "
        "[n.className.split('pg-number-')[1], n.querySelector('dd').textContent]))"
    )


def loss(page) -> float:
    """The training loss on screen."""
    return float(numbers(page)["loss"].split(" / ")[0])


def tip(page) -> str:
    return page.locator(".pg-tip").text_content() or ""


def press(page, panel, *keys):
    """Keys into one of the canvases, each drawn before the next."""
    page.locator(f".pg-{panel}").focus()
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(50)


def click(page, key):
    page.locator(f".st-key-{key} button:visible").first.click()


def field(page) -> tuple[float, float, float]:
    """Left and top in the canvas of the output, and side, of the square that points are drawn in."""
    height = page.locator(".pg-output").bounding_box()["height"]
    return 30, 16, height - 34


def at(page, x: float, y: float, low: float = -6.0, high: float = 6.0) -> dict:
    """Where the place (x, y) stands in the canvas of the output."""
    left, top, side = field(page)
    return {"x": left + side * (x - low) / (high - low), "y": top + side * (high - y) / (high - low)}
