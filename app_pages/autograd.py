"""Autograd: a program on the left, its graph with every value and gradient on the right, walked step by step."""

from playground.ui import autograd
from playground.ui.frame import style

style()
shown = autograd.study()
autograd.views(shown)
autograd.show(shown)
autograd.write_address()
