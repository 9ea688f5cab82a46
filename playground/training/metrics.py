"""From outputs to predictions, and how good they are."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from playground.catalog import LossEntry


def targets_for(loss: LossEntry, y: Tensor, classes: int, outputs: int) -> Tensor:
    """`y` as the loss takes it.

    y: (N,) float32 values of a regression, or (N,) int64 class numbers. Class numbers stay as they are for
    'indices'; otherwise two classes with one output become -1 and 1 ('values') or 0 and 1 ('zero_one') of shape
    (N, 1), and several outputs one-hot rows (N, outputs). Values of a regression become (N, 1), rows of them stay.
    """
    if not classes:
        return y.unsqueeze(1) if y.dim() == 1 else y
    if loss.targets == "indices":
        return y
    if outputs > 1:
        return F.one_hot(y, outputs).float()
    zero_one = y.unsqueeze(1).float()
    return zero_one if loss.targets == "zero_one" else 2 * zero_one - 1


def probabilities(loss: LossEntry, output: Tensor) -> Tensor:
    """(N, classes): what the outputs say of each class, from 0 to 1.

    One output speaks for two classes. Outputs trained on values (±1 or one-hot) have no probabilities of their own:
    they are read as (1 + output) / 2 and clamped, or clamped.
    """
    output = output.reshape(len(output), -1).float()
    if loss.prediction == "logits":
        return output.softmax(1)
    if loss.prediction == "logit":
        output = output.sigmoid()
    elif loss.prediction == "value":
        output = ((1 + output) / 2 if output.shape[1] == 1 else output).clamp(0, 1)
    return torch.cat([1 - output, output], 1) if output.shape[1] == 1 else output


def predicted_classes(loss: LossEntry, output: Any) -> Any:
    """(N,) int64: the class that each output stands for; a tie goes to the first. Of a tensor or of an array."""
    output = output.reshape(len(output), -1)
    if output.shape[1] > 1:
        return output.argmax(1)
    threshold = 0.5 if loss.prediction == "probability" else 0.0
    return 1 * (output[:, 0] > threshold)


def accuracy(loss: LossEntry, output: Any, y: Any) -> float:
    """Fraction of the samples whose class is right, in float32. y: (N,) int64; both tensors, or both arrays."""
    hits = predicted_classes(loss, output) == y
    fraction = hits.float().mean() if isinstance(hits, Tensor) else hits.mean(dtype=np.float32)
    return fraction.item()


def r2(output: Tensor, y: Tensor) -> float | None:
    """1 - residual / total sum of squares; None where the targets do not vary."""
    y = y.reshape(len(y), -1)
    residual = (y - output.reshape(len(y), -1)[:, : y.shape[1]]).square().sum().item()
    total = (y - y.mean(0)).square().sum().item()
    return 1 - residual / total if total else None


def confusion(loss: LossEntry, output: Tensor, y: Tensor, classes: int) -> Tensor:
    """(classes, classes) int64 counts: rows are the true class, columns the predicted one."""
    predicted = predicted_classes(loss, output).clamp(max=classes - 1)
    return torch.bincount(y * classes + predicted, minlength=classes**2).reshape(classes, classes)
