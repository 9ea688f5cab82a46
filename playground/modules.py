"""Small torch classes for what torch has no one-call module for; every script that needs one carries its source.

Each works on a batch (N, ...) and gives one tensor, so that it stands in an `nn.Sequential`. torch and `nn` are all
that any of them knows.
"""

import torch
from torch import Tensor, nn

__all__ = ["GRU", "LSTM", "RNN", "Custom", "PositionalEncoding", "Residual", "SelfAttention"]


class RNN(nn.RNN):
    """`nn.RNN` on (N, steps, features): the state at every step, or where every direction ended."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        output: str = "last",
        nonlinearity: str = "tanh",
    ):
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            nonlinearity=nonlinearity,
            batch_first=True,
            bidirectional=bidirectional,
        )
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        sequence, last = super().forward(x)  # (N, steps, directions * hidden), (layers * directions, N, hidden)
        if self.output == "sequence":
            return sequence
        return torch.cat([last[-2], last[-1]], dim=1) if self.bidirectional else last[-1]


class LSTM(nn.LSTM):
    """`nn.LSTM` on (N, steps, features): the state at every step, or where every direction ended."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        output: str = "last",
    ):
        super().__init__(input_size, hidden_size, num_layers, batch_first=True, bidirectional=bidirectional)
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        sequence, (last, _) = super().forward(x)  # (N, steps, directions * hidden), (layers * directions, N, hidden)
        if self.output == "sequence":
            return sequence
        return torch.cat([last[-2], last[-1]], dim=1) if self.bidirectional else last[-1]


class GRU(nn.GRU):
    """`nn.GRU` on (N, steps, features): the state at every step, or where every direction ended."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        output: str = "last",
    ):
        super().__init__(input_size, hidden_size, num_layers, batch_first=True, bidirectional=bidirectional)
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        sequence, last = super().forward(x)  # (N, steps, directions * hidden), (layers * directions, N, hidden)
        if self.output == "sequence":
            return sequence
        return torch.cat([last[-2], last[-1]], dim=1) if self.bidirectional else last[-1]


class SelfAttention(nn.MultiheadAttention):
    """`nn.MultiheadAttention` whose queries, keys and values are all the same sequence (N, steps, features)."""

    def __init__(self, embed_dim: int, num_heads: int, bias: bool = True):
        super().__init__(embed_dim, num_heads, bias=bias, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x, need_weights=False)[0]


class PositionalEncoding(nn.Module):
    """Adds a row of numbers to every step of (N, steps, features): sines and cosines, or learned ones.

    sin(t / 10000^(2i/E)) in the even features, cos in the odd ones (Vaswani et al., 2017). Learned ones begin as
    N(0, 0.02^2).
    """

    table: Tensor

    def __init__(self, steps: int, features: int, learned: bool = False):
        super().__init__()
        if learned:
            self.table = nn.Parameter(torch.empty(steps, features))
            nn.init.normal_(self.table, std=0.02)
            return
        even = torch.arange(0, features, 2, dtype=torch.float64)
        angle = torch.arange(steps).unsqueeze(1) / 10_000 ** (even / features)  # (steps, features / 2)
        table = torch.zeros(steps, features)
        table[:, 0::2] = torch.sin(angle)
        table[:, 1::2] = torch.cos(angle[:, : features // 2])
        self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


class Residual(nn.Module):
    """What its layers make of x, plus x itself (He et al., 2016).

    shortcut: where the layers change the shape, the arguments of what brings x into the new one, without bias: a
    Linear, or a convolution of single pixels.
    """

    def __init__(self, *layers: nn.Module, shortcut: dict[str, int] | None = None):
        super().__init__()
        self.body = nn.Sequential(*layers)
        self.shortcut: nn.Module = nn.Identity()
        if shortcut is not None:
            kind = nn.Conv2d if "in_channels" in shortcut else nn.Linear
            more = {"kernel_size": 1} if kind is nn.Conv2d else {}
            self.shortcut = kind(**shortcut, **more, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)


class Custom(nn.Module):
    """A formula in x, applied to each number.

    f: the formula as it was typed. steps: the same as a list, first to last: ("input",), ("constant", number), or the
    name of an operation and the places of the steps that it takes.
    """

    def __init__(self, f: str, steps: tuple[tuple, ...]):
        super().__init__()
        self.f, self.steps = f, steps

    def forward(self, x: Tensor) -> Tensor:
        operations = {
            "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow, "neg": torch.neg,
            "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "tanh": torch.tanh, "exp": torch.exp,
            "log": torch.log, "sqrt": torch.sqrt, "abs": torch.abs, "relu": torch.relu, "sigmoid": torch.sigmoid,
            "softplus": nn.functional.softplus, "max": torch.maximum, "min": torch.minimum,
        }  # fmt: skip
        values: list[Tensor] = []
        for name, *given in self.steps:
            if name == "input":
                values.append(x)
            elif name == "constant":
                values.append(x.new_tensor(given[0]))
            else:
                values.append(operations[name](*(values[place] for place in given)))
        return values[-1]

    def extra_repr(self) -> str:
        return self.f
