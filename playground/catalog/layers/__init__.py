"""Layers, named and parametrised as in `torch.nn`: one file holds one idea, this one the list of all."""

from playground.catalog.layers.base import Edit, Given, LayerEntry, Mistake, Plan, Shape
from playground.catalog.layers.blocks import BLOCKS
from playground.catalog.layers.convolution import CONVOLUTION
from playground.catalog.layers.dense import DENSE
from playground.catalog.layers.normalization import NORMALIZATION
from playground.catalog.layers.sequences import SEQUENCES

__all__ = ["LAYERS", "Edit", "Given", "LayerEntry", "Mistake", "Plan", "Shape"]

LAYERS: dict[str, LayerEntry] = {
    entry.name: entry for entry in (*DENSE, *NORMALIZATION, *BLOCKS, *CONVOLUTION, *SEQUENCES)
}
