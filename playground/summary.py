"""The table of a network as torchinfo prints it, from the outline alone: nothing is built for it.

>>> from playground.spec import Experiment
>>> "Total params: " in summary(Experiment().outline(), (2,))
True
"""

from collections.abc import Sequence

from playground.catalog import LAYERS
from playground.shapes import LayerReport

BYTES = 4
"""Of one number, float32."""
NAME, SHAPE, NUMBER = 41, 26, 23
"""Widths of the columns."""
RECURRENT = ("RNN", "LSTM", "GRU")


def summary(reports: Sequence[LayerReport], input_shape: Sequence[int], batch: int = 1) -> str:
    """Layer, output shape and parameters of every layer, then the totals, for a batch of so many samples.

    Mult-adds are counted as torchinfo counts them, by parameter: every weight and bias once per sample, in a
    convolution once per place of the output, and in a recurrent layer once per step. The forward/backward pass size is
    that of the outputs of layers with parameters, twice, for their gradients.
    """
    out = reports[-1].out_shape if reports else tuple(input_shape)
    rows = [("Sequential", _shape(batch, out), "--"), *_rows(reports, batch, 1)]
    leaves = list(_leaves(reports))
    width = max(NAME, *(len(name) + 2 for name, _, _ in rows)) + SHAPE + NUMBER
    line = "=" * width
    name = width - SHAPE - NUMBER
    total = sum(report.parameters for report in reports)
    work = sum(_mult_adds(report, batch) for report in leaves)
    outputs = sum(2 * BYTES * batch * _size(report.out_shape) for report in leaves if report.parameters)
    inputs = BYTES * batch * _size(input_shape)
    return "\n".join(
        [
            line,
            f"{'Layer (type:depth-idx)':<{name}}{'Output Shape':<{SHAPE}}Param #",
            line,
            *(f"{title:<{name}}{shape:<{SHAPE}}{number}" for title, shape, number in rows),
            line,
            f"Total params: {total:,}",
            f"Trainable params: {total:,}",
            "Non-trainable params: 0",
            _scaled_work(work),
            line,
            f"Input size (MB): {inputs / 1e6:.2f}",
            f"Forward/backward pass size (MB): {outputs / 1e6:.2f}",
            f"Params size (MB): {BYTES * total / 1e6:.2f}",
            f"Estimated Total Size (MB): {(inputs + outputs + BYTES * total) / 1e6:.2f}",
            line,
        ]
    )


def _rows(reports: Sequence[LayerReport], batch: int, depth: int) -> list[tuple[str, str, str]]:
    rows = []
    for number, report in enumerate(reports, 1):
        shape = _shape(batch, report.out_shape)
        title = f"{'│    ' * (depth - 1)}├─{LAYERS[report.name].target.rpartition('.')[2]}: {depth}-{number}"
        own = "--" if report.layers or not report.parameters else f"{report.parameters:,}"
        rows += [(title, shape, own), *_rows(report.layers, batch, depth + 1)]
    return rows


def _leaves(reports: Sequence[LayerReport]) -> list[LayerReport]:
    return [leaf for report in reports for leaf in (_leaves(report.layers) if report.layers else [report])]


def _mult_adds(report: LayerReport, batch: int) -> int:
    shape = report.out_shape
    places = _size(shape[1:]) if "Conv" in report.name else report.in_shape[0] if report.name in RECURRENT else 1
    return report.parameters * batch * places


def _shape(batch: int, shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, (batch, *shape)))}]"


def _size(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _scaled_work(work: int) -> str:
    """In millions, which torchinfo calls megabytes, or more."""
    name, unit = next(((n, u) for n, u in (("TERA", 1e12), ("GIGA", 1e9)) if work >= u), ("MEGA", 1e6))
    return f"Total mult-adds (Units.{name}BYTES): {f'{work / unit:.2f}' if work else 0}"
