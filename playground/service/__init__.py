"""What the server offers besides its pages: pictures as a stream, health and metrics. Used by `asgi_app.py` alone."""

from playground.service.routes import ROUTES, lifespan

__all__ = ["ROUTES", "lifespan"]
