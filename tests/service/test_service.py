"""The routes beside the pages: a run's pictures as a stream, health, metrics, logs."""

import asyncio
import json
import logging
import socket
import struct
import sys
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.web.server.starlette.starlette_server import _bind_socket

from playground.engine import Engine, Handle, client
from playground.engine.snapshot import Shrinking, unpack
from playground.service import answer_at_once, logs, routes, stream
from playground.service.metrics import exposition
from playground.spec import Experiment
from playground.ui import home


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(hosts=1)
    assert engine.ready(60), "no host became ready"
    yield engine
    engine.shutdown()


@pytest.fixture
def handle(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handle]:
    monkeypatch.setattr(stream, "the_engine", lambda: engine)
    monkeypatch.setattr(routes, "the_engine", lambda: engine)
    handle = engine.open(Experiment())
    yield handle
    handle.close()


def frames(chunks: list[bytes]) -> list[bytes]:
    body, found = b"".join(chunks), []
    while body:
        (length,) = struct.unpack_from("<I", body)
        found.append(body[4 : 4 + length])
        body = body[4 + length :]
    return found


def run(main: Coroutine[None, None, Any]) -> Any:
    """In a thread of its own: the browser tests leave their event loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, main).result()


def ask(token: str) -> object:
    return run(stream.stream(SimpleNamespace(path_params={"token": token})))


def test_a_stream_gives_every_new_picture_and_ends_when_the_run_stands_still(handle: Handle) -> None:
    async def follow() -> list[bytes]:
        chunks = []
        async for chunk in stream.pictures(handle):
            chunks.append(chunk)
            handle.poll()
            if len(chunks) == 5:
                await asyncio.to_thread(handle.pause)
        return chunks

    handle.play()
    headers = [unpack(frame)[0] for frame in frames(run(follow()))]
    steps = [header["step"] for header in headers]
    assert steps == sorted(set(steps[:-1])) + steps[-1:]
    assert headers[-1]["status"] == "ready"
    assert not handle._listeners


def test_a_stream_renews_the_lease_and_its_end_lets_the_run_stand_still(engine: Engine, handle: Handle) -> None:
    async def follow(seconds: float) -> None:
        end = time.monotonic() + seconds
        pictures = stream.pictures(handle)
        async for _ in pictures:
            if time.monotonic() > end:
                break
        await pictures.aclose()

    handle.play()
    run(follow(4.0))  # longer than the lease of a page that has asked once
    assert handle.snapshot.header["status"] == "playing"
    time.sleep(5.0)
    before = handle.snapshot.header["step"]
    time.sleep(0.5)
    assert handle.snapshot.header["step"] == before
    assert engine.health()["playing"] == 0


def test_a_stream_whose_page_asks_no_more_ends(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    async def follow() -> int:
        return len([chunk async for chunk in stream.pictures(handle)])

    monkeypatch.setattr("playground.engine.handle.PAGE_GONE", 1.0)
    handle.play()
    handle.poll()
    assert run(asyncio.wait_for(follow(), 60)) >= 1


def test_tokens_are_long_different_and_end_with_their_run(engine: Engine, handle: Handle) -> None:
    other = engine.open(Experiment())
    assert other.token != handle.token
    assert len(other.token) >= 32
    assert ask(other.token).status_code == 200
    other.close()
    assert ask(other.token).status_code == 404
    assert ask("").status_code == 404
    assert ask(handle.id).status_code == 404


def test_shrunk_pictures_put_together_are_the_whole_ones(handle: Handle) -> None:
    shrink, before = Shrinking(), {}
    for _ in range(3):
        handle.step()
        whole, small = handle.snapshot.data, shrink(handle.snapshot)
        header, arrays = unpack(small)
        before = {**{name: before[name] for name in header["kept"]}, **arrays}
        expected = unpack(whole)[1]
        assert before.keys() == expected.keys()
        assert all(np.array_equal(before[name], expected[name], equal_nan=True) for name in expected)
    assert "points" in header["kept"]
    assert len(small) < 0.85 * len(whole)
    handle.open(Experiment.starter("xor4"))
    assert set(unpack(shrink(handle.snapshot))[1]) >= {"points"}


def test_health_says_whether_training_can_be_carried(engine: Engine, handle: Handle, monkeypatch) -> None:
    answer = routes.healthz(None)
    assert (answer.status_code, json.loads(answer.body)["ready"]) == (200, 1)
    monkeypatch.setattr(engine, "_closing", True)
    assert routes.healthz(None).status_code == 503


def test_metrics_count_what_runs(engine: Engine, handle: Handle) -> None:
    handle.play()
    end = time.monotonic() + 5
    while not handle.poll(timeout=0.1).header["steps_per_second"] and time.monotonic() < end:
        pass
    lines = dict(line.rsplit(" ", 1) for line in routes.metrics(None).body.decode().splitlines() if line[0] != "#")
    assert float(lines["playground_playing_runs"]) == 1
    assert float(lines["playground_steps_per_second"]) > 10
    assert float(lines['playground_memory_bytes{process="host-0"}']) > 50e6
    assert float(lines["playground_sessions"]) >= 1
    assert handle.id not in str(lines)


def test_every_metric_has_a_type_and_a_help() -> None:
    health = {"hosts": [], "handles": 0, "watched": 0, "playing": 0, "in_line": 0, "steps_per_second": 0.0}
    lines = exposition(health, 5).splitlines()
    names = {line.split()[0].partition("{")[0] for line in lines if line[0] != "#"}
    for word in ("HELP", "TYPE"):
        assert {line.split()[2] for line in lines if line.startswith(f"# {word}")} == names


def test_a_log_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.log("started", pid=7)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["pid"]) == ("started", 7)


@pytest.mark.parametrize("headless", [True, False])
def test_at_home_the_browser_is_opened_and_no_host_is_started(headless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(home.webbrowser, "open", asked.append)
    monkeypatch.setattr(home.st, "get_option", {"server.headless": headless, "server.port": 8765}.__getitem__)
    monkeypatch.setattr(Engine, "streaming", False)
    monkeypatch.setattr("playground.engine.client._engine", None)

    async def come_and_go() -> None:
        async with home.at_home(SimpleNamespace()):
            assert Engine.streaming

    with _bind_socket("127.0.0.1", 0, 5) as listening:
        run(come_and_go())
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert asked == ([] if headless else ["http://localhost:8765"])
    assert client._engine is None


def test_small_answers_do_not_wait_for_what_went_before_them() -> None:
    """Nor would they if Streamlit's socket named TCP: once `before` fails, `answer_at_once` can go."""

    async def without_delay(listening: socket.socket) -> bool:
        seen = asyncio.get_running_loop().create_future()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            seen.set_result(bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
            writer.close()

        async with await asyncio.start_server(accept, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.close()
            return await seen

    before = run(without_delay(_bind_socket("127.0.0.1", 0, 5)))
    listening = _bind_socket("127.0.0.1", 0, 5)
    answer_at_once()
    assert (before, run(without_delay(listening))) == (False, True)


def test_requests_are_not_logged(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    access = logging.getLogger("uvicorn.access")
    monkeypatch.setattr(access, "disabled", False)
    monkeypatch.setattr(access, "handlers", [logging.StreamHandler(sys.stdout)])
    monkeypatch.setattr(access, "level", logging.INFO)
    access.info("127.0.0.1 GET /?task=secret")
    assert "secret" in capsys.readouterr().out, "what it would do"
    logs.no_requests()
    access.info("127.0.0.1 GET /?task=secret")
    assert capsys.readouterr() == ("", "")
