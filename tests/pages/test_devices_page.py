"""The page 'Devices' under AppTest: it measures, says what is here, and can be stopped."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_helpers import settle
from streamlit.testing.v1 import AppTest

from playground.ui.devices import SLOT, client, rate
from playground.ui.session import HANDLE, engine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def _one_worker():
    yield
    client().close()


def opened(page: str = "app_pages/devices.py") -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=90)
    app.switch_page(page)
    app.run()
    settle(app)
    app.run()
    assert not app.exception
    return app


def until(app: AppTest, condition: Callable[[], Any]) -> None:
    """Look again and again, as a tab does; a measurement that ended because nobody looked begins anew."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, app.session_state[SLOT].report
        if app.session_state[SLOT].stopped:
            app.button(key="timing-once-more").click().run()
        time.sleep(0.3)
        app.run()
        assert not app.exception


def test_it_measures_what_is_here_and_stops():
    app = opened()
    assert any(text.value.startswith("**cpu**") for text in app.markdown)
    until(app, lambda: (app.session_state[SLOT].report or {}).get("rows"))
    if app.session_state[SLOT].running:
        app.session_state[SLOT].stop()
        app.run()
    said = "\n".join(text.value for text in app.markdown)
    assert "FLOP/s" in said
    assert "Matrix product" in said
    assert len(app.get("plotly_chart")) >= 1
    if len(engine().devices) == 1:
        assert "an assumption and no measurement" in said
    app.session_state["timing-table"] = True
    app.run()
    assert len(app.dataframe[0].value) == len(app.session_state[SLOT].report["rows"])


def test_stop_ends_it_and_it_begins_anew_when_asked():
    app = opened()
    slot = app.session_state[SLOT]
    if slot.running:  # it may have ended meanwhile: nobody looked for ten seconds
        app.button(key="timing-stop").click().run()
    assert not app.exception
    assert not slot.running
    asked = []
    slot.want = lambda **fields: asked.append(fields)  # what the worker is asked, without its work
    app.button(key="timing-once-more").click().run()
    assert asked == [{"again": True}]
    assert slot.asked is None


def test_rates_are_read_easily():
    assert [rate(value) for value in (12.34e12, 5e9, 7.25e6, 12)] == [
        "12.3 TFLOP/s", "5 GFLOP/s", "7.25 MFLOP/s", "12 FLOP/s",
    ]  # fmt: skip


def test_the_run_is_where_the_choice_says_or_stays_with_a_sentence(monkeypatch):
    app = opened("app_pages/train.py")
    assert not [box for box in app.selectbox if box.label == "Device"], "nothing to choose from, nothing to see"
    app.button(key="epoch").click().run()
    step = app.session_state[HANDLE].snapshot.header["step"]
    assert step > 0
    monkeypatch.setattr(engine(), "devices", ["cpu", "cuda"])
    app.run()
    assert app.selectbox(key="device-2").value == "cuda", "the default is the accelerator"
    app.selectbox(key="device-2").set_value("cpu").run()
    assert app.session_state[HANDLE].device == "cpu"
    assert app.session_state[HANDLE].snapshot.header["step"] == step, "it goes on from where it was"
    app.selectbox(key="device-2").set_value("cuda").run()
    assert "there is no device 'cuda' here" in app.error[0].value
    assert app.session_state[HANDLE].device == "cpu"
    assert app.session_state[HANDLE].snapshot.header["device"] == "cpu"
    assert app.session_state[HANDLE].snapshot.header["step"] == step
