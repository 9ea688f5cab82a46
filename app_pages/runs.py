"""Runs: what was trained before, one over the other."""

from playground.ui import address
from playground.ui.frame import style
from playground.ui.runs import SHOWN, runs_page

style()
address.take(SHOWN)
runs_page()
address.give(SHOWN)
