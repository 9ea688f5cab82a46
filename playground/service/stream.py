"""A run's pictures as one long HTTP answer, for the live view to draw without a rerun of the page.

The body is a sequence of frames: a little-endian uint32 length, and a packed snapshot without the arrays that have not
changed (`Shrinking`). It ends when the run stands still; a page that goes on watching asks again.
"""

import asyncio
import struct
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from playground.engine import Handle, the_engine
from playground.engine.snapshot import Shrinking

KIND = "application/x-playground-pictures"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Encoding": "identity",  # or Streamlit would gather the pictures to compress them
    "X-Accel-Buffering": "no",
}
PULSE = 1.0
"""Seconds between two looks at a run that has no news: each renews the lease."""
MOVING = ("playing", "starting", "reviving", "waiting")


async def stream(request: Request) -> Response:
    """The pictures of the run whose token is in the path."""
    handle = the_engine().find(request.path_params["token"])
    if handle is None:
        return PlainTextResponse("There is no such run.", 404)
    return StreamingResponse(pictures(handle), media_type=KIND, headers=HEADERS)


async def pictures(handle: Handle) -> AsyncIterator[bytes]:
    """Frames, the newest picture first, until the run stands still or the page has gone.

    A reader who is slow misses pictures; none is kept for later.
    """
    news, loop = asyncio.Event(), asyncio.get_running_loop()

    def ring() -> None:
        try:
            loop.call_soon_threadsafe(news.set)
        except RuntimeError:  # the server has just stopped
            handle.unlisten(ring)

    seen, shrink = -1, Shrinking()
    handle.listen(ring)
    try:
        while handle.watch():
            news.clear()
            snapshot = handle.snapshot
            if snapshot.seq > seen:
                seen = snapshot.seq
                data = shrink(snapshot)
                yield struct.pack("<I", len(data)) + data
            if snapshot.header["status"] not in MOVING and not handle.playing:
                return
            try:
                await asyncio.wait_for(news.wait(), PULSE)
            except TimeoutError:
                continue
    finally:
        handle.unlisten(ring)
        handle.let_go()
