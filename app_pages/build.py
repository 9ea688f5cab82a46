"""Build: stack layers, and see at once what each does to the shape, what it costs, and what the code is."""

from playground.ui import session
from playground.ui.build import build_page
from playground.ui.frame import style

style()
build_page()
session.write_address()
