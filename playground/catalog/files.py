"""Data sets that are made from a file: uploaded tables and pictures, and pictures that are downloaded once."""

from playground.catalog.base import Param
from playground.catalog.datasets import DatasetEntry, Starter, picture_layout
from playground.limits import LIMITS


def _n(help: str, default: int = 1000) -> Param:
    return Param("n", "int", min(default, LIMITS.max_samples), 4, LIMITS.max_samples, help, label="samples")


_INPUTS = Param("inputs", "int", 1, 1, LIMITS.max_units, "How many numbers the chosen columns become.")
_TARGET = Param("target", "int", 0, 0, LIMITS.max_columns - 1, "Which column is asked for, counted from 0.")
_CLASSES = Param("classes", "int", 0, 0, LIMITS.max_classes, "How many classes; 0 where a number is asked for.")
_DELIMITER = Param(
    "delimiter", "choice", "comma", choices=("comma", "semicolon", "tab", "bar"), help="What stands between two fields."
)
_HEADER = Param("header", "bool", True, help="Whether the first row holds the names of the columns.")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_CONVOLUTIONS = Starter("Flatten~Linear.64~ReLU", "Adam.0.001", batch_size=32, train_fraction=0.8)


def _downloaded(name: str, label: str, openml: str, names: tuple[str, ...], summary: str) -> DatasetEntry:
    return DatasetEntry(
        name,
        "playground.data.files.pictures",
        (_n("How many pictures, of 70,000.", 2000), picture_layout("image")),
        label=label,
        inputs=784,
        classes=10,
        names=names,
        view="table",
        image=(28, 28),
        standardize=True,
        together=True,
        group="Downloaded",
        summary=summary,
        doc=f"https://www.openml.org/search?type=data&id={'554' if name == 'mnist' else '40996'}",
        file="openml",
        openml=openml,
        script="playground.data.files.openml",
        starter=_CONVOLUTIONS,
    )


FILE_SETS: dict[str, DatasetEntry] = {
    entry.name: entry
    for entry in (
        DatasetEntry(
            "table",
            "playground.data.files.table",
            (_n("How many rows."), _INPUTS, _CLASSES, _TARGET, _DELIMITER, _HEADER),
            label="your table",
            inputs=1,
            classes=0,
            shape=("inputs",),
            view="table",
            standardize=True,
            group="Uploaded",
            summary="A CSV file: words become columns of 0 and 1, and a missing number the training part's mean.",
            file="csv",
            fixed=("inputs", "classes", "target", "delimiter", "header"),
            starter=Starter("Linear.16~ReLU", "Adam.0.003", batch_size=32, train_fraction=0.8),
        ),
        DatasetEntry(
            "series",
            "playground.data.files.series",
            (
                _n("How many windows, the last ones of the file."),
                Param(
                    "steps",
                    "int",
                    12,
                    2,
                    200,
                    "How many rows the network sees before the one asked for.",
                    label="window",
                ),
                _INPUTS,
                _TARGET,
                _DELIMITER,
                _HEADER,
            ),
            task="regression",
            label="your time series",
            inputs=1,
            classes=0,
            shape=("steps", "inputs"),
            ordered=True,
            view="table",
            standardize=True,
            group="Uploaded",
            summary="Rows of a CSV file in their order: the next value by a window of rows. The first windows train.",
            file="csv",
            fixed=("inputs", "target", "delimiter", "header"),
            starter=Starter("Flatten~Linear.32~Tanh", "Adam.0.003", batch_size=32, train_fraction=0.8),
        ),
        DatasetEntry(
            "pictures",
            "playground.data.files.pictures",
            (
                _n("How many pictures."),
                Param("classes", "int", 2, 2, LIMITS.max_classes, "How many folders, one for each class."),
                Param("side", "int", 28, 8, 64, "Rows and columns that every picture was brought to."),
                Param(
                    "colour", "choice", "grey", choices=("grey", "colour"), help="One channel, or red, green and blue."
                ),
                picture_layout("image"),
            ),
            label="your pictures",
            inputs=784,
            classes=0,
            view="table",
            standardize=True,
            together=True,
            group="Uploaded",
            summary="Pictures out of a zip archive with one folder per class, all brought to one size.",
            file="npz",
            fixed=("classes", "side", "colour"),
            starter=_CONVOLUTIONS,
        ),
        _downloaded(
            "mnist",
            "MNIST",
            "mnist_784",
            tuple("0123456789"),
            "Handwritten digits of 28x28 pixels (LeCun, Cortes and Burges, 1998).",
        ),
        _downloaded(
            "fashion",
            "Fashion-MNIST",
            "Fashion-MNIST",
            ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"),
            "Clothes of 28x28 pixels in ten kinds (Xiao, Rasul and Vollgraf, 2017).",
        ),
    )
}
"""Name -> entry. Apart from DATASETS, because none of them is there before a file is."""
