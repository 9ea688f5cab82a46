"""Build: stack layers, and see at once what each does to the shape, what it costs, and what the code is."""

from playground.limits import LIMITS
from playground.ui import address, session
from playground.ui.build import SELECTED, build_page, first_card
from playground.ui.build_views import FORMS, GRAPHS, KINDS, VIEWS
from playground.ui.frame import style

SHOWN = (
    address.whole("card", SELECTED, first_card, 0, LIMITS.max_layers - 1),
    address.choice("tab", "build-tab", next(iter(VIEWS)), VIEWS),
    address.choice("window", "build-kind", "conv", KINDS),
    address.choice("form", "build-form", FORMS[0], FORMS),
    address.choice("graph", "build-graph", "modules", GRAPHS),
    address.whole("sample", "build-sample", 0, 0, LIMITS.max_samples - 1),
)

style()
address.take(SHOWN)
build_page()
session.write_address()
address.give(SHOWN)
