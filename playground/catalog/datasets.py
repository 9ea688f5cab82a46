"""The data sets: what each one is, what it takes, and a sensible experiment to start from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from playground.catalog.base import Entry, Param, Value
from playground.catalog.points import FEWEST, HIGH, LOW, MOST
from playground.limits import LIMITS

FEATURES: dict[str, str] = {
    "x": "x",
    "y": "y",
    "x2": "x²",
    "y2": "y²",
    "xy": "x·y",
    "sinx": "sin x",
    "siny": "sin y",
}
"""Input features of the two-dimensional sets: key in the address bar -> what a visitor reads."""


@dataclass(frozen=True)
class Starter:
    """What trains well: hidden layers and optimizer as in the address bar, batch size and epochs."""

    net: str
    optimizer: str = "Adam.0.01"
    batch_size: int = 10
    features: tuple[str, ...] = ()
    train_fraction: float = 0.5
    loss: str = ""


@dataclass(frozen=True)
class DatasetEntry(Entry):
    """A data set.

    Attributes:
        task: 'classification' or 'regression'.
        inputs: how many numbers a raw sample has.
        classes: number of classes; 0 where a parameter `classes` says it, or for regression.
        names: class names, where they have some.
        columns: names of the inputs of a table, where they have some.
        view: 'plane' (two inputs), 'line' (one input) or 'table'.
        domain: least and largest coordinate of the picture, for 'plane' and 'line'.
        image: rows and columns of a sample that is a picture of one channel; parameter `layout` says how it is given.
        shape: of one sample that is neither a row nor a picture; a name stands for the value of that parameter.
        tokens: how many different whole numbers there are, where samples can be sequences of such.
        ordered: whether the first samples train and the last ones validate, because neighbours overlap.
        standardize: whether inputs (and targets of a regression) are standardised on the training part.
        together: whether they are by one mean and deviation for all inputs, and not by one for each.
        group: where the set stands in the list.
        drawn: the points to begin with, as text, of a set whose points belong to the experiment itself.
        file: what it is made from: 'csv', 'npz' (an upload's key is part of the experiment), 'openml', or nothing.
        openml: its name there.
        fixed: the parameters that follow from the file, and are chosen with it.
        script: dotted path of the function that exported scripts carry, where it is not `target`.
    """

    task: str = "classification"
    inputs: int = 2
    classes: int = 2
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    view: str = "plane"
    domain: tuple[float, float] = (-6.0, 6.0)
    image: tuple[int, int] | None = None
    shape: tuple[int | str, ...] = ()
    tokens: int = 0
    ordered: bool = False
    standardize: bool = False
    together: bool = False
    group: str = "Two classes"
    drawn: str = ""
    file: str = ""
    openml: str = ""
    fixed: tuple[str, ...] = ()
    script: str = ""
    starter: Starter = Starter("Linear.8~Tanh~Linear.8~Tanh")

    def input_shape(self, args: Mapping[str, Value]) -> tuple[int, ...]:
        """Shape of one input sample.

        (features,); (channels, height, width) of a picture laid out as an image; (steps, features) of a sequence of
        numbers; (steps,) of a sequence of tokens.
        """
        if picture := self.picture(args):
            return picture if args["layout"] == "image" else (math.prod(picture),)
        if self.tokens:
            return (_whole(args["steps"]), *((self.tokens,) if args["encoding"] == "one_hot" else ()))
        return tuple(_whole(args[size]) if isinstance(size, str) else size for size in self.shape) or (self.inputs,)

    def picture(self, args: Mapping[str, Value]) -> tuple[int, int, int] | None:
        """Channels, rows and columns of a sample that is a picture."""
        if "side" in args:
            side = _whole(args["side"])
            return (3 if args["colour"] == "colour" else 1, side, side)
        return (1, *self.image) if self.image else None


_OF_A_NUCLEUS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)


def _whole(value: Value) -> int:
    assert isinstance(value, int), f"{value!r} is no size"
    return value


def _n(default: int, low: int = 10, high: int = LIMITS.max_samples, help: str = "How many points.") -> Param:
    return Param("n", "int", default, low, high, help, label="points")


def _noise(default: float = 0.0, help: str = "") -> Param:
    help = help or "How far points stray, or labels near the edge flip."
    return Param("noise", "float", default, 0.0, 0.5, help, label="noise")


def _steps(default: int, low: int, high: int, help: str, label: str = "length") -> Param:
    return Param("steps", "int", default, low, high, help, label=label)


def picture_layout(default: str) -> Param:
    return Param(
        "layout",
        "choice",
        default,
        choices=("flat", "image"),
        help="'flat' gives the pixels as one row of numbers, 'image' as channels, height and width, for convolutions.",
    )


_OWN = (
    "1Dng11nK16V00mp-0vdd18I-1Sr61hED1rWJ2CNu2bIy2yBT3Kp13e9F3w0i49YJ4W_c4Wzh4lKJ4l0U"
    "4WwA4R1i7sK98eAZ7jYR7_8n8E678sHL89Qi8QRe85LR82Q48lHH7knR8a9d7yHj7tc37jLy8kSf8Y8z"
)
"""An arch around a bar. A link that says no more than `data=own` means these points for ever."""

_CLASSES = Param("classes", "int", 3, 3, 6, "How many classes.", label="classes")
_MULTI = Starter("Linear.16~ReLU~Linear.16~ReLU", batch_size=32)

DATASETS: dict[str, DatasetEntry] = {
    entry.name: entry
    for entry in (
        DatasetEntry(
            "circle",
            "playground.data.toys.circle",
            (_n(500), _noise()),
            summary="A disc inside a ring. Noise flips labels near the edge.",
            starter=Starter("Linear.4~Tanh~Linear.2~Tanh", "Adam.0.03"),
        ),
        DatasetEntry(
            "xor",
            "playground.data.toys.xor",
            (_n(500), _noise()),
            label="XOR",
            summary="Opposite quarters share a class: no straight line parts them.",
            starter=Starter("Linear.4~Tanh~Linear.2~Tanh", "Adam.0.03"),
        ),
        DatasetEntry(
            "gauss",
            "playground.data.toys.gauss",
            (_n(500), _noise()),
            label="two clouds",
            summary="Two Gaussian clouds: one straight line is enough.",
            starter=Starter("Linear.4~Tanh", "Adam.0.03"),
        ),
        DatasetEntry(
            "spiral",
            "playground.data.toys.spiral",
            (_n(500), _noise()),
            summary="Two arms wound around each other: the hard one.",
            starter=Starter("Linear.8~Tanh~Linear.8~Tanh"),
        ),
        DatasetEntry(
            "moons",
            "playground.data.toys.moons",
            (_n(500), _noise(0.1)),
            summary="Two half circles that reach into each other.",
            starter=Starter("Linear.8~ReLU~Linear.8~ReLU"),
        ),
        DatasetEntry(
            "arms",
            "playground.data.toys.arms",
            (_n(400, help="How many points, half of them on each arm."),),
            label="spiral, as in the lesson",
            summary="Two arms of radius 0 to 1 and two full turns, without noise.",
            domain=(-1.2, 1.2),
            starter=Starter("Linear.64~ReLU~Linear.32~ReLU", batch_size=32, train_fraction=0.8),
        ),
        DatasetEntry(
            "xor4",
            "playground.data.toys.xor4",
            (_n(4, 4, 4),),
            label="XOR, four points",
            summary="The truth table itself: 4 points, all of them for training.",
            domain=(-0.5, 1.5),
            starter=Starter("Linear.4~ReLU", "SGD.0.5", batch_size=4, train_fraction=1.0, loss="Sigmoid~BCELoss"),
        ),
        DatasetEntry(
            "spirals",
            "playground.data.toys.spirals",
            (_n(600), _noise(0.05), _CLASSES),
            label="several spirals",
            classes=0,
            group="More classes",
            summary="One arm for each class.",
            starter=_MULTI,
        ),
        DatasetEntry(
            "blobs",
            "playground.data.toys.blobs",
            (_n(600), _noise(0.1), _CLASSES),
            classes=0,
            group="More classes",
            summary="One Gaussian cloud for each class, on a ring.",
            starter=_MULTI,
        ),
        DatasetEntry(
            "own",
            "playground.data.own.own",
            (Param("n", "int", len(_OWN) // 4, FEWEST, MOST, "How many points are drawn.", label="points"),),
            label="your own points",
            classes=0,
            group="Drawn",
            summary="Draw points into the picture, of up to a hundred classes. They are part of the link.",
            domain=(LOW, HIGH),
            starter=Starter("Linear.8~Tanh~Linear.8~Tanh", train_fraction=0.8),
            drawn=_OWN,
        ),
        DatasetEntry(
            "plane",
            "playground.data.toys.plane",
            (_n(1200), _noise()),
            task="regression",
            classes=0,
            group="Regression",
            label="tilted plane",
            summary="The value is the tilt of a plane: (x + y) / 10.",
            starter=Starter("Linear.4~Tanh"),
        ),
        DatasetEntry(
            "multigauss",
            "playground.data.toys.multigauss",
            (_n(1200), _noise()),
            task="regression",
            classes=0,
            group="Regression",
            label="six bumps",
            summary="Six bumps, three up and three down.",
            starter=Starter("Linear.16~Tanh~Linear.8~Tanh"),
        ),
        DatasetEntry(
            "sine",
            "playground.data.toys.sine",
            (_n(200), _noise(0.1)),
            task="regression",
            classes=0,
            inputs=1,
            view="line",
            group="Regression",
            label="noisy sine",
            summary="One input, one output: watch the curve bend.",
            starter=Starter("Linear.16~Tanh~Linear.16~Tanh", train_fraction=0.7),
        ),
        DatasetEntry(
            "iris",
            "playground.data.tables.iris",
            (_n(150, high=150, help="How many flowers, of 150."),),
            inputs=4,
            classes=3,
            names=("setosa", "versicolor", "virginica"),
            columns=("sepal length", "sepal width", "petal length", "petal width"),
            view="table",
            standardize=True,
            group="Real tables",
            summary="Three kinds of iris by four lengths (Fisher, 1936).",
            starter=Starter("Linear.16~ReLU", batch_size=16, train_fraction=0.7),
        ),
        DatasetEntry(
            "breast_cancer",
            "playground.data.tables.breast_cancer",
            (_n(569, high=569, help="How many samples, of 569."),),
            inputs=30,
            classes=2,
            names=("malignant", "benign"),
            columns=(
                *(f"mean {measured}" for measured in _OF_A_NUCLEUS),
                *(f"{measured} error" for measured in _OF_A_NUCLEUS),
                *(f"worst {measured}" for measured in _OF_A_NUCLEUS),
            ),
            view="table",
            standardize=True,
            group="Real tables",
            label="breast cancer",
            summary="Benign or malignant by 30 measurements of cell nuclei (Wisconsin, 1995).",
            starter=Starter("Linear.16~ReLU", "Adam.0.003", batch_size=32, train_fraction=0.8),
        ),
        DatasetEntry(
            "diabetes",
            "playground.data.tables.diabetes",
            (_n(442, high=442, help="How many patients, of 442."),),
            task="regression",
            inputs=10,
            classes=0,
            columns=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
            view="table",
            standardize=True,
            group="Real tables",
            summary="Progression of diabetes after a year by ten measurements (Efron et al., 2004).",
            starter=Starter("Linear.16~ReLU", "Adam.0.003", batch_size=32, train_fraction=0.8),
        ),
        DatasetEntry(
            "digits",
            "playground.data.tables.digits",
            (_n(1797, high=1797, help="How many pictures, of 1,797."), picture_layout("flat")),
            inputs=64,
            classes=10,
            names=tuple("0123456789"),
            view="table",
            image=(8, 8),
            standardize=True,
            group="Real tables",
            summary="Handwritten digits of 8x8 pixels (UCI, 1998).",
            starter=Starter("Linear.128~ReLU", "Adam.0.001", batch_size=32, train_fraction=0.8),
        ),
        DatasetEntry(
            "ten_features",
            "playground.data.tables.ten_features",
            (_n(1000),),
            inputs=10,
            classes=2,
            names=("negative", "positive"),
            view="table",
            group="Made tables",
            label="ten features",
            summary="Ten normal numbers; the class is the sign of their sum.",
            starter=Starter(
                "Linear.64~ReLU~Dropout.0.2~Linear.32~ReLU~Dropout.0.2",
                "Adam",
                batch_size=32,
                train_fraction=0.8,
            ),
        ),
        DatasetEntry(
            "wave",
            "playground.data.sequences.wave",
            (_n(600, help="How many windows."), _steps(20, 2, 60, "How many values the network sees."), _noise()),
            task="regression",
            inputs=20,
            shape=("steps", 1),
            classes=0,
            view="table",
            group="Sequences",
            label="sine continuation",
            summary="The value that follows a piece of a sine, each with a frequency and a phase of its own.",
            formula=r"x_t = \sin(\varphi + \omega t), \quad y = x_T",
            starter=Starter("Flatten~Linear.32~Tanh", "Adam.0.003", batch_size=32, train_fraction=0.8),
        ),
        DatasetEntry(
            "parity",
            "playground.data.sequences.parity",
            (_n(200, help="How many strings."), _steps(8, 2, 16, "How many bits a string has.", "bits")),
            inputs=8,
            names=("even", "odd"),
            shape=("steps", 1),
            view="table",
            group="Sequences",
            label="parity of bits",
            summary="Is the number of ones odd? One flipped bit flips the answer, so a list helps nobody.",
            formula=r"y = b_1 \oplus b_2 \oplus \dots \oplus b_T",
            starter=Starter("Flatten~Linear.32~Tanh", "Adam.0.01", batch_size=16, train_fraction=0.8),
        ),
        DatasetEntry(
            "adding",
            "playground.data.sequences.adding",
            (_n(1000, help="How many sequences."), _steps(10, 4, 100, "How many numbers a sequence has.")),
            task="regression",
            inputs=20,
            shape=("steps", 2),
            classes=0,
            view="table",
            group="Sequences",
            label="adding problem",
            summary="The sum of two marked numbers among many (Hochreiter and Schmidhuber, 1997).",
            formula=r"y = \sum_t x_t m_t, \quad m_t \in \{0, 1\}, \quad \sum_t m_t = 2",
            starter=Starter("Flatten~Linear.64~ReLU", "Adam.0.003", batch_size=32, train_fraction=0.8),
        ),
        DatasetEntry(
            "characters",
            "playground.data.sequences.characters",
            (
                _n(2000, high=min(2000, LIMITS.max_samples), help="How many windows, of the text's 2,000."),
                _steps(8, 2, 40, "How many characters the network sees."),
                Param(
                    "encoding",
                    "choice",
                    "one_hot",
                    choices=("tokens", "one_hot"),
                    help="'tokens' are whole numbers, for an Embedding; 'one_hot' are rows with a single 1.",
                ),
            ),
            inputs=8,
            classes=30,
            names=("↵", "␣", ",", ".", *"abcdefghijklmnopqrstuvwxyz"),
            tokens=30,
            ordered=True,
            view="table",
            group="Sequences",
            label="next character",
            summary="The character that follows a piece of a short text on training networks.",
            formula=r"p(c_{T+1} \mid c_1, \dots, c_T)",
            starter=Starter("Flatten~Linear.32~ReLU~Dropout.0.3", "Adam.0.001", batch_size=32, train_fraction=0.9),
        ),
    )
}
