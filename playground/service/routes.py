"""The routes, and what happens when the server starts and stops."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from playground.engine import Engine, the_engine
from playground.engine.memory import memory
from playground.service.logs import log, no_requests
from playground.service.metrics import exposition
from playground.service.prompt import answer_at_once
from playground.service.stream import stream


def healthz(request: Request) -> Response:
    """200 while training can be carried, also while the first host is still starting; 503 otherwise."""
    health = the_engine().health()
    ready = sum(host["ready"] for host in health["hosts"])
    words = "ok" if health["well"] else "no training process can be started"
    return JSONResponse(
        {"status": words, "hosts": len(health["hosts"]), "ready": ready}, 200 if health["well"] else 503
    )


def metrics(request: Request) -> Response:
    """Counts for Prometheus; nothing in them is about one visitor."""
    text = exposition(the_engine().health(), memory())
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


ROUTES = [
    Route("/healthz", healthz),
    Route("/metrics", metrics),
    Route("/playground/stream/{token}", stream),
]


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Hosts are there before the first visitor; they end with the server."""
    no_requests()
    answer_at_once()
    Engine.streaming = True
    engine = the_engine()
    log("started", pid=os.getpid())
    try:
        yield
    finally:
        log("stopping", **{name: engine.health()[name] for name in ("handles", "playing")})
        engine.shutdown()
