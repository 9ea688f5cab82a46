"""Registries as data: everything a visitor can choose, with ranges, help, formula and source."""

from playground.catalog.base import Entry, Param, lookup
from playground.catalog.datasets import DATASETS, FEATURES, DatasetEntry, Starter
from playground.catalog.files import FILE_SETS
from playground.catalog.inits import INITS, InitEntry
from playground.catalog.layers import LAYERS, LayerEntry
from playground.catalog.losses import LOSSES, LossEntry
from playground.catalog.optimizers import OPTIMIZERS, OptimizerEntry
from playground.catalog.schedulers import SCHEDULERS, SchedulerEntry

__all__ = [
    "DATASETS",
    "FEATURES",
    "FILE_SETS",
    "INITS",
    "LAYERS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULERS",
    "DatasetEntry",
    "Entry",
    "InitEntry",
    "LayerEntry",
    "LossEntry",
    "OptimizerEntry",
    "Param",
    "SchedulerEntry",
    "Starter",
    "lookup",
]
