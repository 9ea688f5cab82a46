"""Losses, named and parametrised as in `torch.nn`, and which targets each one takes."""

from dataclasses import dataclass

from playground.catalog.base import Entry, Param

DOC = "https://docs.pytorch.org/docs/stable/generated/"


@dataclass(frozen=True)
class LossEntry(Entry):
    """A loss and the targets that it takes.

    Attributes:
        targets: 'values': numbers of the output's own shape (classes as ±1 for one output, as one-hot rows for
            several); 'zero_one': the same with 0 and 1; 'indices': class numbers, shape (N,).
        prediction: how outputs become a prediction: 'value' as they are (two classes: the sign), 'probability'
            (above 0.5), 'logit' (above 0), 'logits' (the largest).
    """

    targets: str = "values"
    prediction: str = "value"


LOSSES: dict[str, LossEntry] = {
    entry.name: entry
    for entry in (
        LossEntry(
            "BCEWithLogitsLoss",
            "torch.nn.BCEWithLogitsLoss",
            (),
            r"-\frac{1}{N} \sum_n y_n \log \sigma(x_n) + (1 - y_n) \log (1 - \sigma(x_n))",
            "For two classes and one output. Applies the sigmoid itself, safely for large values.",
            DOC + "torch.nn.BCEWithLogitsLoss.html",
            targets="zero_one",
            prediction="logit",
        ),
        LossEntry(
            "BCELoss",
            "torch.nn.BCELoss",
            (),
            r"-\frac{1}{N} \sum_n y_n \log p_n + (1 - y_n) \log (1 - p_n)",
            "For two classes and one probability: the last layer is a Sigmoid.",
            DOC + "torch.nn.BCELoss.html",
            targets="zero_one",
            prediction="probability",
        ),
        LossEntry(
            "CrossEntropyLoss",
            "torch.nn.CrossEntropyLoss",
            (
                Param(
                    "label_smoothing",
                    "float",
                    0.0,
                    0.0,
                    0.99,
                    "Share of the target that is spread over all classes.",
                ),
            ),
            r"-\frac{1}{N} \sum_n \log \frac{e^{x_{n, y_n}}}{\sum_c e^{x_{n, c}}}",
            "For any number of classes, one output each. Applies the softmax itself.",
            DOC + "torch.nn.CrossEntropyLoss.html",
            targets="indices",
            prediction="logits",
        ),
        LossEntry(
            "MSELoss",
            "torch.nn.MSELoss",
            (),
            r"\frac{1}{N} \sum_n (x_n - y_n)^2",
            "The mean squared difference: large errors count most.",
            DOC + "torch.nn.MSELoss.html",
        ),
        LossEntry(
            "L1Loss",
            "torch.nn.L1Loss",
            (),
            r"\frac{1}{N} \sum_n |x_n - y_n|",
            "The mean absolute difference: outliers count no more than their distance.",
            DOC + "torch.nn.L1Loss.html",
        ),
        LossEntry(
            "HuberLoss",
            "torch.nn.HuberLoss",
            (Param("delta", "float", 1.0, 0.001, 100.0, "Where the square turns into a line.", scale="log"),),
            r"\frac{1}{N} \sum_n \begin{cases} \frac{1}{2} d_n^2 & |d_n| < \delta \\"
            r" \delta (|d_n| - \frac{1}{2} \delta) & \text{else} \end{cases}, \; d_n = x_n - y_n",
            "Squared for small differences, straight for large ones.",
            DOC + "torch.nn.HuberLoss.html",
        ),
    )
}
