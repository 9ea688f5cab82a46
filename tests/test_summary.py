"""The summary table: torchinfo's own text, from the outline alone."""

import pytest

from playground.shapes import outline
from playground.spec import Experiment, layers_from_text
from playground.summary import summary

CNN = "Conv2d.32..3..1..1~ReLU~MaxPool2d~Conv2d.64~Flatten~Linear.10"
LINE = "=" * 90
GOLDEN = {
    (CNN, (1, 8, 8), 1): f"""\
{LINE}
Layer (type:depth-idx)                   Output Shape              Param #
{LINE}
Sequential                               [1, 10]                   --
├─Conv2d: 1-1                            [1, 32, 8, 8]             320
├─ReLU: 1-2                              [1, 32, 8, 8]             --
├─MaxPool2d: 1-3                         [1, 32, 4, 4]             --
├─Conv2d: 1-4                            [1, 64, 2, 2]             18,496
├─Flatten: 1-5                           [1, 256]                  --
├─Linear: 1-6                            [1, 10]                   2,570
{LINE}
Total params: 21,386
Trainable params: 21,386
Non-trainable params: 0
Total mult-adds (Units.MEGABYTES): 0.10
{LINE}
Input size (MB): 0.00
Forward/backward pass size (MB): 0.02
Params size (MB): 0.09
Estimated Total Size (MB): 0.10
{LINE}""",
    ("Linear.8~Tanh~Linear.1", (2,), 7): f"""\
{LINE}
Layer (type:depth-idx)                   Output Shape              Param #
{LINE}
Sequential                               [7, 1]                    --
├─Linear: 1-1                            [7, 8]                    24
├─Tanh: 1-2                              [7, 8]                    --
├─Linear: 1-3                            [7, 1]                    9
{LINE}
Total params: 33
Trainable params: 33
Non-trainable params: 0
Total mult-adds (Units.MEGABYTES): 0.00
{LINE}
Input size (MB): 0.00
Forward/backward pass size (MB): 0.00
Params size (MB): 0.00
Estimated Total Size (MB): 0.00
{LINE}""",
    ("Residual.1~Linear.5~Residual~Tanh~-~-~Linear.2", (4,), 3): f"""\
{LINE}
Layer (type:depth-idx)                   Output Shape              Param #
{LINE}
Sequential                               [3, 2]                    --
├─Residual: 1-1                          [3, 5]                    --
│    └─Sequential: 2-1                   [3, 5]                    --
│    │    └─Linear: 3-1                  [3, 5]                    25
│    │    └─Residual: 3-2                [3, 5]                    --
│    └─Linear: 2-2                       [3, 5]                    20
├─Linear: 1-2                            [3, 2]                    12
{LINE}
Total params: 57
Trainable params: 57
Non-trainable params: 0
Total mult-adds (Units.MEGABYTES): 0.00
{LINE}
Input size (MB): 0.00
Forward/backward pass size (MB): 0.00
Params size (MB): 0.00
Estimated Total Size (MB): 0.00
{LINE}""",
    ("TransformerEncoderLayer~MultiheadAttention~LSTM.8", (3, 4), 2): f"""\
{LINE}
Layer (type:depth-idx)                   Output Shape              Param #
{LINE}
Sequential                               [2, 8]                    --
├─TransformerEncoderLayer: 1-1           [2, 3, 4]                 --
│    └─MultiheadAttention: 2-1           [2, 3, 4]                 80
│    └─Dropout: 2-2                      [2, 3, 4]                 --
│    └─LayerNorm: 2-3                    [2, 3, 4]                 8
│    └─Linear: 2-4                       [2, 3, 64]                320
│    └─Dropout: 2-5                      [2, 3, 64]                --
│    └─Linear: 2-6                       [2, 3, 4]                 260
│    └─Dropout: 2-7                      [2, 3, 4]                 --
│    └─LayerNorm: 2-8                    [2, 3, 4]                 8
├─SelfAttention: 1-2                     [2, 3, 4]                 80
├─LSTM: 1-3                              [2, 8]                    448
{LINE}
Total params: 1,204
Trainable params: 1,204
Non-trainable params: 0
Total mult-adds (Units.MEGABYTES): 0.01
{LINE}
Input size (MB): 0.00
Forward/backward pass size (MB): 0.00
Params size (MB): 0.00
Estimated Total Size (MB): 0.01
{LINE}""",
}
"""Network, shape of a sample and batch -> what torchinfo 1.8.0 prints for it."""


def reports(net: str, shape: tuple[int, ...]):
    return outline(layers_from_text(net), shape)


@pytest.mark.parametrize(("net", "shape", "batch"), GOLDEN)
def test_it_is_torchinfos_text(net, shape, batch):
    assert summary(reports(net, shape), shape, batch) == GOLDEN[net, shape, batch]


def test_work_is_counted_as_torchinfo_counts_it():
    steps, last = reports("LSTM.8......sequence", (3, 2)), reports("LSTM.8", (3, 2))
    assert steps[0].out_shape == (3, 8)
    assert "Total mult-adds (Units.MEGABYTES): 0.01\n" in summary(steps, (3, 2), 7)  # 384 * 7 * 3 rows of the output
    assert "Total mult-adds (Units.MEGABYTES): 0.02\n" in summary(last, (3, 2), 7)  # 384 * 7 * 8, which are no rows
    assert "Total mult-adds (Units.MEGABYTES): 0\n" in summary(reports("ReLU", (3,)), (3,))
    assert "Total mult-adds (Units.GIGABYTES): 1.07" in summary(reports("Linear.32768", (32768,)), (32768,))


def test_a_network_that_stops_half_way_has_a_table_as_far_as_it_goes():
    experiment = Experiment()
    whole = experiment.outline()
    assert "Total params: 24\n" in summary(whole[:2], (2,))
    assert f"Total params: {sum(report.parameters for report in whole):,}" in summary(whole, (2,), 10)
    assert "[3, 2]" in summary([], (2,), 3)


def test_long_names_do_not_break_the_columns():
    text = summary(reports("TransformerEncoderLayer", (4, 8)), (4, 8))
    lines = text.splitlines()
    column = lines[1].index("Output Shape")
    assert all(line[column] == "[" for line in lines[3:5])
