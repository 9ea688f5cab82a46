"""What the server offers besides its pages: pictures as a stream, health and metrics.

`streamlit_app.py` has the routes, `asgi_app.py` the lifespan too.
"""

from playground.service.prompt import answer_at_once
from playground.service.routes import ROUTES, lifespan

__all__ = ["ROUTES", "answer_at_once", "lifespan"]
