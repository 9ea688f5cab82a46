"""How the weights of a layer begin: the functions of `torch.nn.init`, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from playground.catalog.base import Entry

DOC = "https://docs.pytorch.org/docs/stable/nn.init.html"
DEFAULT = "default"


@dataclass(frozen=True)
class InitEntry(Entry):
    """A rule for weights; biases begin at 0 under every rule but torch's own.

    Attributes:
        keywords: what the function is called with besides the weights.
        draws: whether it takes random numbers.
    """

    keywords: Mapping[str, Any] = field(default_factory=dict)
    draws: bool = True


INITS: dict[str, InitEntry] = {
    entry.name: entry
    for entry in (
        InitEntry(
            DEFAULT,
            "",
            (),
            r"w \sim U\left(\pm 1/\sqrt{n_\text{in}}\right)",
            "What the layer does by itself; for Linear and convolutions a third of Xavier's variance.",
            DOC,
            "torch's default",
        ),
        InitEntry(
            "xavier",
            "torch.nn.init.xavier_uniform_",
            (),
            r"w \sim U\left(\pm\sqrt{6 / (n_\text{in} + n_\text{out})}\right)",
            "Keeps the spread of values through layers with tanh or sigmoid (Glorot and Bengio, 2010).",
            DOC + "#torch.nn.init.xavier_uniform_",
            "Xavier",
        ),
        InitEntry(
            "he",
            "torch.nn.init.kaiming_uniform_",
            (),
            r"w \sim U\left(\pm\sqrt{6 / n_\text{in}}\right)",
            "Twice the variance, because a ReLU throws half of it away (He et al., 2015).",
            DOC + "#torch.nn.init.kaiming_uniform_",
            "He",
            keywords={"nonlinearity": "relu"},
        ),
        InitEntry(
            "zeros",
            "torch.nn.init.zeros_",
            (),
            r"w = 0",
            "Every unit computes the same and gets the same gradient: they never become different.",
            DOC + "#torch.nn.init.zeros_",
            "zeros",
            draws=False,
        ),
        InitEntry(
            "normal",
            "torch.nn.init.normal_",
            (),
            r"w \sim \mathcal{N}(0, 0.01^2)",
            "Small normal numbers, whatever the width: through many layers the values fade.",
            DOC + "#torch.nn.init.normal_",
            "normal",
            keywords={"std": 0.01},
        ),
    )
}
