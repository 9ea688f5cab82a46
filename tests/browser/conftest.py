"""One real Chromium and one real server for all browser tests."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from browser_server import ROOT, serving

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: the browser tests must run in CI")
    pytest.skip(f"{what}: no browser tests here")


@pytest.fixture(scope="session")
def browser():
    """A Chromium of the system."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("Playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        _missing("no Chromium was found")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(browser, tmp_path_factory) -> Iterator[tuple[str, int]]:
    """The app: its address and its process id. After one visit to its first page it knows the others by their router."""
    database = f"sqlite:///{tmp_path_factory.mktemp('runs')}/runs.db"
    with serving(ROOT / "streamlit_app.py", PLAYGROUND_RUNS_URL=database) as served:
        page = browser.new_page()
        page.goto(served[0])
        page.get_by_role("link", name="Autograd").wait_for()
        page.close()
        yield served


def _is_error(message) -> bool:
    """Streamlit asks for its own routes below the address of a page first, where there are none."""
    return message.type == "error" and "/_stcore/" not in message.location["url"]


@pytest.fixture
def visit(browser, server) -> Iterator[Callable]:
    """Open a page of the app in a tab of its own; in the end there was no error in any of them."""
    contexts, errors = [], []

    def opened(path: str = "", width: int = 1280, height: int = 800, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if _is_error(message) else None)
        page.goto(f"{server[0]}/{path}")
        return page

    yield opened
    exceptions = [page.get_by_test_id("stException").count() for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert not sum(exceptions), "an exception was shown"
    assert not errors
