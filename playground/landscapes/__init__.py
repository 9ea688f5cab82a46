"""Landscapes and races on them: real torch.optim steps over functions of two numbers. The first race imports torch."""

from playground.landscapes.expression import from_expression
from playground.landscapes.functions import LANDSCAPES
from playground.landscapes.landscape import Landscape
from playground.landscapes.racing import CANNOT_RACE, Racer, State, Trail, race
from playground.landscapes.sweeping import Sweep, sweep

__all__ = [
    "CANNOT_RACE",
    "LANDSCAPES",
    "Landscape",
    "Racer",
    "State",
    "Sweep",
    "Trail",
    "from_expression",
    "race",
    "sweep",
]
