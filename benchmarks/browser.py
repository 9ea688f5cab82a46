"""Chromium on the Train page: what a visitor does and sees, with times taken inside the page."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, WebSocket, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PROBE = (Path(__file__).parent / "probe.js").read_text("utf-8")
PATIENCE = 4.0
"""Seconds after which an input that had no effect is given up."""
TRIES = 5
VIEWPORT: Any = {"width": 1280, "height": 800}


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, headless.

    Raises:
        RuntimeError: there is none.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        raise RuntimeError(f"no Chromium was found; install one of {', '.join(names)}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True)
class Seen:
    """What the page has seen between two looks; times are ms since the first of them.

    Attributes:
        pictures: {time, seq, step, status} of every picture drawn.
        paints: times of the page's animation frames, if they were counted.
        rebuilds: elements of the live view that were put in or taken out.
        inputs: {kind, key, time} of clicks and pressed keys.
    """

    pictures: list[dict[str, Any]]
    paints: list[float]
    rebuilds: int
    inputs: list[dict[str, Any]]
    seconds: float

    @classmethod
    def of(cls, taken: dict[str, Any]) -> "Seen":
        since = taken["since"]
        pictures = [{**picture, "time": picture["time"] - since} for picture in taken["pictures"]]
        inputs = [{**given, "time": given["time"] - since} for given in taken["inputs"]]
        paints = [time - since for time in taken["paints"]]
        return cls(pictures, paints, taken["rebuilds"], inputs, (taken["now"] - since) / 1000)

    @property
    def steps_per_second(self) -> float:
        """From the first to the last picture."""
        first, last = self.pictures[0], self.pictures[-1]
        return 1000 * (last["step"] - first["step"]) / (last["time"] - first["time"])

    def standstill(self) -> float:
        """ms from the last click until the step changed for the last time."""
        clicked = max(given["time"] for given in self.inputs if given["kind"] == "click")
        changed = clicked
        for before, after in zip(self.pictures, self.pictures[1:], strict=False):
            if after["step"] != before["step"]:
                changed = max(changed, after["time"])
        return changed - clicked

    def anew(self) -> float:
        """ms from the last input until the first picture of a run that begins anew, paused at step 0."""
        given = max(given["time"] for given in self.inputs)
        return next(
            picture["time"] - given
            for picture in self.pictures
            if picture["time"] > given and picture["step"] == 0 and picture["status"] == "ready"
        )


class TrainPage:
    """One tab on the Train page; a context manager.

    Attributes:
        lost: clicks and inputs that had no effect within `PATIENCE` seconds.
        wire, packed: bytes that came by the websocket, and the sizes of the packed snapshots among them.
    """

    def __init__(self, browser: Browser, address: str, query: str):
        self.context = browser.new_context(viewport=VIEWPORT)
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.page.add_init_script(PROBE)
        self.errors: list[str] = []
        self.lost = 0
        self.wire, self.packed = 0, []  # type: int, list[int]
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("websocket", self._on_websocket)
        try:
            self.page.goto(f"{address}/?{query}")
            self.page.locator(".pg-live[data-status='ready']").wait_for(timeout=40_000)
            self.page.wait_for_timeout(300)
            self.page.evaluate("benchmark.install()")
            self.take()
        except BaseException:
            self.context.close()
            raise

    def __enter__(self) -> "TrainPage":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            with suppress(Exception):
                print(f"The page when it failed: {self.state()}", file=sys.stderr)
        self.context.close()

    def state(self) -> dict[str, Any]:
        """What explains a failure: what is on screen, and every error there."""
        shown = self.page.locator("[data-testid='stException'], [data-testid='stAlert']").all_text_contents()
        button = self.button("play").inner_text(timeout=1000).split("\n")
        return {"view": self.now(), "play button": button, "on the page": shown, "errors": self.errors}

    def _on_websocket(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._on_frame)

    def _on_frame(self, payload: str | bytes) -> None:
        """Bytes on the wire, and of the packed snapshots among them."""
        if isinstance(payload, bytes):
            self.wire += len(payload)
            if packed := ForwardMsg.FromString(payload).delta.new_element.bidi_component.bytes:
                self.packed.append(len(packed))

    # -- what a visitor sees --------------------------------------------------------------------------------------

    def take(self) -> Seen:
        """What was seen since the last time."""
        return Seen.of(self.page.evaluate("benchmark.take()"))

    def now(self) -> dict[str, str]:
        """Step, seq and status on screen."""
        return self.page.evaluate("benchmark.now()")

    def watch(self, seconds: float) -> Seen:
        """What is seen in so many seconds from now."""
        self.take()
        self.page.wait_for_timeout(1000 * seconds)
        return self.take()

    def comes(self, condition: str) -> bool:
        """Whether `condition` on (seq, step, status) comes true within `PATIENCE` seconds, and the picture to rest."""
        script = f"(() => {{ const {{ seq, step, status }} = benchmark.now(); return {condition} }})()"
        try:
            self.page.wait_for_function(script, timeout=1000 * PATIENCE)
        except PlaywrightTimeout:
            return False
        return True

    def settle(self, quiet: float = 0.4, timeout: float = 10.0) -> None:
        """Wait until no picture has come for `quiet` seconds, and nothing is loading."""
        end, seq, since = time.monotonic() + timeout, "", time.monotonic()
        while time.monotonic() < end:
            if (shown := self.now()["seq"]) != seq:
                seq, since = shown, time.monotonic()
            elif time.monotonic() - since >= quiet:
                return
            self.page.wait_for_timeout(50)
        raise TimeoutError(f"the page does not come to rest within {timeout:g} s.")

    # -- what a visitor does --------------------------------------------------------------------------------------

    def button(self, key: str):
        return self.page.locator(f".st-key-{key} button:visible").first

    def press(self, key: str, status: str) -> None:
        """Click a button until the run has this status; clicks without effect count as lost."""
        for _ in range(TRIES):
            if self.now()["status"] == status:
                return
            self.button(key).click()
            if self.comes(f"status === '{status}'"):
                return
            self.lost += 1
        raise RuntimeError(f"{TRIES} clicks on {key!r} had no effect.")

    def play(self) -> None:
        """Press Play, and wait until the run plays."""
        self.press("play", "playing")

    def pause(self) -> None:
        """Press Pause, and wait until the run stands still."""
        self.press("play", "ready")

    def choose_data(self, title: str) -> None:
        """Pick a data set as a visitor does: open the box, type, take the option."""
        self.page.locator(".st-key-data input").first.click()
        self.page.keyboard.type(title)
        self.page.get_by_role("option").first.click()

    def set_units(self, index: int, units: int) -> None:
        """Type another number of units into a layer's card."""
        box = self.page.locator(f".st-key-layer-{index}-units input")
        box.fill(str(units))
        box.press("Enter")

    # -- what the browser says ------------------------------------------------------------------------------------

    def streamed(self) -> int:
        """Bytes that came by streams so far."""
        return self.page.evaluate("benchmark.streamed")

    def heap(self) -> float:
        """Bytes of JavaScript objects that are still in use."""
        session = self.context.new_cdp_session(self.page)
        try:
            session.send("HeapProfiler.collectGarbage")
            return session.send("Runtime.getHeapUsage")["usedSize"]
        finally:
            session.detach()
