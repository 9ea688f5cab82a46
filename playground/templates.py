"""Networks to begin with, as data: the hidden layers as in the address bar, and what kind of sample they are made for.

>>> from playground.spec import DataSpec
>>> [layer.name for layer in TEMPLATES["linear"].layers_for(DataSpec(name="diabetes"))]
['Linear']
"""

from dataclasses import dataclass

from playground.shapes import ShapeError, outline
from playground.spec import (
    Args,
    DataSpec,
    Experiment,
    LayerSpec,
    OptimizerSpec,
    TrainingSpec,
    layers_from_text,
    output_for,
)

ROWS, PICTURES, SEQUENCES = "rows", "pictures", "sequences"


@dataclass(frozen=True)
class Template:
    """A network for any data of its kind.

    Attributes:
        name: key in TEMPLATES.
        title: what a visitor reads.
        text: one sentence: what it is, and who made it.
        layers: the layers before the output, as in the address bar; empty for none.
        takes: 'rows' of numbers (anything can be made one), 'pictures', or 'sequences' (the rows of a picture too).
        optimizer, batch_size: what it trains well with.
        target: what it answers with: 'labels', or the 'inputs' themselves.
    """

    name: str
    title: str
    text: str
    layers: str = ""
    takes: str = ROWS
    optimizer: str = "Adam.0.001"
    batch_size: int = 32
    target: str = "labels"

    def suits(self, data: DataSpec) -> bool:
        """Whether samples of `data` are, or can be seen as, what the network is for."""
        if self.takes == PICTURES:
            return _picture(data) is not None
        if self.takes == SEQUENCES:
            return _picture(data) is not None or bool(data.tokens) or len(data.input_shape) == 2
        return self.target == "labels" or (data.entry.view == "table" and not data.tokens)

    def layers_for(self, data: DataSpec) -> tuple[LayerSpec, ...]:
        """The whole network for `data`: its samples brought into shape, the layers, and an output for its task.

        Where a small picture leaves no room for a kernel, the kernel is as large as the room.

        Raises:
            ValueError: the network is not for such data.
        """
        if not self.suits(data):
            raise ValueError(f"{self.title} is for {self.takes}, but a sample of {data.entry.title} is none.")
        output, _ = output_for(data.but(target=self.target))
        layers = (*self._shaped(data), *(layers_from_text(self.layers) if self.layers else ()), output)
        while True:
            try:
                outline(layers, data.input_shape, data.tokens)
            except ShapeError as error:
                if error.fix is None:
                    raise
                layers = error.fix
            else:
                return layers

    def experiment(self, data: DataSpec) -> Experiment:
        """`data` learned by this network, with a loss, an optimizer and a batch size that suit it.

        Raises:
            ValueError: the network is not for such data, or too large for this place.
        """
        layers, data = self.layers_for(data), data.but(target=self.target)
        return Experiment.of(
            data=data,
            layers=layers,
            loss=output_for(data)[1],
            optimizer=OptimizerSpec.from_text(self.optimizer),
            training=TrainingSpec(batch_size=self.batch_size),
        )

    def _shaped(self, data: DataSpec) -> tuple[LayerSpec, ...]:
        """Layers that make of a sample what the network takes."""
        shape, picture = data.input_shape, _picture(data)
        if data.tokens:
            embedding = _layer("Embedding", embedding_dim=16)
            return (embedding, _layer("Flatten")) if self.takes == ROWS else (embedding,)
        if self.takes == ROWS:
            return (_layer("Flatten"),) if len(shape) > 1 else ()
        if self.takes == PICTURES:
            return () if len(shape) == 3 else (_layer("Unflatten", unflattened_size=picture),)
        if len(shape) == 2:
            return ()
        assert picture is not None, "what is no sequence is a picture, whose rows are the steps"
        channels, height, width = picture
        flat = (_layer("Flatten"),) if len(shape) == 3 else ()
        return (*flat, _layer("Unflatten", unflattened_size=(channels * height, width)))


def _picture(data: DataSpec) -> tuple[int, int, int] | None:
    """Channels, height and width where a sample is a picture, laid out as it may be."""
    return data.entry.picture(data.args)


def _layer(name: str, **args: object) -> LayerSpec:
    return LayerSpec(name=name, args=Args(args))


TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        Template(
            "linear",
            "Linear model",
            "One layer, no activation: straight lines and planes, and the measure of everything else.",
            optimizer="Adam.0.01",
        ),
        Template(
            "xor",
            "XOR net",
            "Two hidden units, the fewest that can tell XOR apart (Rumelhart, Hinton and Williams, 1986).",
            "Linear.2~Tanh",
            optimizer="Adam.0.03",
            batch_size=4,
        ),
        Template(
            "mlp",
            "One hidden layer, 784-128-10",
            "The first network for handwritten digits: every pixel to 128 units, and these to ten classes.",
            "Linear.128~ReLU",
        ),
        Template(
            "dropout",
            "784-256-128-10 with dropout",
            "Two hidden layers that forget a fifth of their units at every step (Srivastava et al., 2014).",
            "Linear.256~ReLU~Dropout.0.2~Linear.128~ReLU~Dropout.0.2",
        ),
        Template(
            "ann",
            "ANN 128-64",
            "Two hidden layers that narrow down: a good first try for tables.",
            "Linear.128~ReLU~Linear.64~ReLU",
        ),
        Template(
            "cnn",
            "CNN with 32 and 64 filters",
            "Two convolutions, each followed by pooling: small patterns first, then patterns of these.",
            "Conv2d.32..3..1..1~ReLU~MaxPool2d~Conv2d.64..3..1..1~ReLU~MaxPool2d~Flatten~Linear.128~ReLU",
            PICTURES,
        ),
        Template(
            "lenet",
            "LeNet-5",
            "The network that read cheques: two convolutions with averages, three layers (LeCun et al., 1998).",
            "Conv2d.6..5..1..2~Tanh~AvgPool2d~Conv2d.16..5~Tanh~AvgPool2d~Flatten~Linear.120~Tanh~Linear.84~Tanh",
            PICTURES,
        ),
        Template(
            "resnet",
            "Small ResNet",
            "Two blocks with a shortcut around them, the second half as large (He et al., 2016).",
            "Conv2d.16..3..1..1~BatchNorm2d~ReLU"
            "~Residual~Conv2d.16..3..1..1~BatchNorm2d~ReLU~Conv2d.16..3..1..1~BatchNorm2d~-~ReLU"
            "~Residual.1~Conv2d.32..3..2..1~BatchNorm2d~ReLU~Conv2d.32..3..1..1~BatchNorm2d~-~ReLU"
            "~AdaptiveAvgPool2d~Flatten",
            PICTURES,
        ),
        Template(
            "lstm",
            "LSTM classifier",
            "Reads a sequence step by step, a picture row by row, and answers at its end.",
            "LSTM.64",
            SEQUENCES,
            "Adam.0.003",
        ),
        Template(
            "gru",
            "GRU classifier",
            "The same with gated recurrent units, which have a quarter fewer numbers.",
            "GRU.64",
            SEQUENCES,
            "Adam.0.003",
        ),
        Template(
            "transformer",
            "Small transformer encoder",
            "Every step looks at all others, twice; where it stands is added to it first (Vaswani et al., 2017).",
            "Linear.32~PositionalEncoding~TransformerEncoderLayer.4..64~TransformerEncoderLayer.4..64~Flatten",
            SEQUENCES,
        ),
        Template(
            "autoencoder",
            "Autoencoder",
            "Squeezes a sample through eight numbers and makes it again (Hinton and Salakhutdinov, 2006).",
            "Linear.64~ReLU~Linear.8~ReLU~Linear.64~ReLU",
            target="inputs",
        ),
    )
}
