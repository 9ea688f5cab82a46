"""Trainings worth comparing, as data: pages list them before torch is imported."""

from dataclasses import dataclass

from playground.spec import Experiment


@dataclass(frozen=True)
class Preset:
    """One training.

    Attributes:
        title: what a visitor reads.
        query: data, loss, optimizer and batches, and the layers where `network` is empty.
        epochs: how long the comparison is by default.
        network: name of a network in `playground.parity.networks` that takes the place of the layers.
        summary: the network in one line.
    """

    title: str
    query: str
    epochs: int
    summary: str
    network: str = ""

    @property
    def experiment(self) -> Experiment:
        return Experiment.from_query(self.query)


PRESETS: dict[str, Preset] = {
    "xor": Preset(
        "XOR, 2-4-1",
        "data=xor4&split=1.0&net=Linear.4~ReLU~Linear.1~Sigmoid&loss=BCELoss&opt=SGD.0.5&batch=4&epochs=2000",
        2000,
        "Linear 4, ReLU, Linear 1, Sigmoid; BCE; SGD with lr 0.5; all four points in every batch.",
    ),
    "digits": Preset(
        "Digits, 64-128-10",
        "data=digits&net=Linear.128~ReLU~Linear.10&loss=CrossEntropyLoss&opt=Adam.0.001&batch=64&epochs=20",
        20,
        "Linear 128, ReLU, Linear 10; cross-entropy; Adam with lr 0.001; batches of 64.",
    ),
    "cnn": Preset(
        "Digits, small CNN",
        "data=digits&net=Linear.10&loss=CrossEntropyLoss&opt=Adam.0.001&batch=64&epochs=2",
        2,
        "Conv 32 (3x3), pool, Conv 64 (3x3), pool, Linear 128, Linear 10 with ReLUs on 8x8 pictures.",
        network="cnn",
    ),
    "lstm": Preset(
        "Digits row by row, LSTM",
        "data=digits&net=Linear.10&loss=CrossEntropyLoss&opt=Adam.0.005&clip=1.0&batch=64&epochs=5",
        5,
        "A picture as a sequence of 8 rows; LSTM 32, then Linear 10 on its last state.",
        network="lstm",
    ),
}
