"""The experiment: one frozen value from which widgets, model, run, script and address bar are all drawn.

>>> Experiment().data.name
'spiral'
>>> Experiment.from_query(Experiment.starter("iris").to_query()) == Experiment.starter("iris")
True
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlencode

from pydantic import ValidationError, field_validator, model_validator

from playground.catalog import DATASETS, FEATURES, FILE_SETS, INITS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULERS, lookup
from playground.catalog import points as own_points
from playground.catalog.base import Param
from playground.catalog.inits import DEFAULT as DEFAULT_INIT
from playground.catalog.layers.base import product
from playground.catalog.points import Point
from playground.limits import LIMITS
from playground.parts import Args, Frozen, Part, sentence
from playground.shapes import LayerReport, ShapeError, outline


class LayerSpec(Part):
    """One layer of the network; sizes that follow from the layer before are inferred.

    Attributes:
        init: how its weights begin, one of `catalog.INITS`.
        layers: those that a block such as Residual holds; its entry says which where none are given.
    """

    registry = LAYERS
    place = "layers"

    init: str = DEFAULT_INIT
    layers: tuple["LayerSpec", ...] = ()

    @model_validator(mode="after")
    def _init_has_weights(self) -> Self:
        lookup(INITS, self.init, f"layers ({self.name}): init")
        if self.init != DEFAULT_INIT and not self.entry.has_weights:
            raise ValueError(f"layers ({self.name}): init is {self.init!r}, but it has no weights; leave it out.")
        return self

    @model_validator(mode="after")
    def _holds(self) -> Self:
        if self.entry.holds and not self.layers:
            object.__setattr__(self, "layers", tuple(type(self).from_text(text) for text in self.entry.contents))
        if self.layers and not self.entry.holds:
            raise ValueError(f"layers: {self.name} holds no layers of its own; only a block such as Residual does.")
        if (depth := self.depth) > LIMITS.max_nesting:
            raise ValueError(f"layers: {depth} blocks inside one another; the most is {LIMITS.max_nesting}.")
        return self

    @property
    def depth(self) -> int:
        """Blocks inside one another, from this one on; 0 for a layer that holds none."""
        return 1 + max((layer.depth for layer in self.layers), default=0) if self.entry.holds else 0

    def become(self, name: str, args: Mapping[str, Any]) -> Self:
        """Another layer in the place of this one, with the defaults where `args` says nothing."""
        return self.of(name=name, args=Args(args))

    def to_text(self) -> str:
        """`Linear.8`, or `Linear-he.8` where the weights do not begin as torch has it.

        A block's layers follow it, and a `-` closes it: `Residual~Conv2d.8~ReLU~-`.
        """
        text = super().to_text()
        if self.init != DEFAULT_INIT:
            text = f"{self.name}-{self.init}{text.removeprefix(self.name)}"
        if self.entry.holds:
            text = "~".join([text, *(layer.to_text() for layer in self.layers), CLOSE])
        return text

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What `to_text` wrote; the layers of a block come by `layers_from_text`.

        Raises:
            ValueError: there is no such layer, an argument is out of range, or the layer has no such beginning.
        """
        head, dot, rest = text.partition(".")
        name, dash, init = head.partition("-")
        layer = super().from_text(f"{name}{dot}{rest}")
        return layer.but(init=init) if dash else layer


def every_layer(layers: Iterable[LayerSpec]) -> Iterator[LayerSpec]:
    """All layers, each block before what it holds."""
    for layer in layers:
        yield layer
        yield from every_layer(layer.layers)


CLOSE = "-"
"""The word that ends a block in the address bar."""


class LossSpec(Part):
    registry = LOSSES
    place = "loss"


class OptimizerSpec(Part):
    registry = OPTIMIZERS
    place = "optimizer"

    @model_validator(mode="after")
    def _arguments_go_together(self) -> Self:
        args = self.args
        if args.get("nesterov") and (args["momentum"] == 0 or args["dampening"] != 0):
            raise ValueError("optimizer (SGD): nesterov needs a momentum above 0 and a dampening of 0.")
        if "etas" in args and not args["etas"][0] < 1 < args["etas"][1]:
            shrink, grow = args["etas"]
            raise ValueError(f"optimizer (Rprop): etas are {shrink:g} and {grow:g}; they lie below and above 1.")
        return self

    @property
    def passes(self) -> int:
        """Forward passes of one step, at most: torch lets LBFGS have a quarter more of them than iterations."""
        return self.args["max_iter"] * 5 // 4 if self.entry.closure else 1


class SchedulerSpec(Part):
    registry = SCHEDULERS
    place = "scheduler"


class DataSpec(Part):
    """A data set, how much of it, which inputs, and how it is split.

    Attributes:
        features: inputs computed from x and y, for the two-dimensional sets.
        train_fraction: share of the points to train on; the rest validates.
        seed: of the points and of the split.
        points: x, y and class of the points of a set that is drawn by hand; no other set has any.
        file: key of the uploaded file that the set is made from.
        columns: which columns of an uploaded table are inputs, counted from 0.
        target: 'labels': the class or the value that belongs to a sample; 'inputs': the sample itself, which an
            autoencoder makes again.
    """

    registry: ClassVar = {**DATASETS, **FILE_SETS}
    place = "data"

    features: tuple[str, ...] = ()
    train_fraction: float = 0.5
    seed: int = 0
    points: tuple[Point, ...] = ()
    file: str = ""
    columns: tuple[int, ...] = ()
    target: str = "labels"

    @field_validator("train_fraction")
    @classmethod
    def _fraction(cls, value: float) -> float:
        return _check(FRACTION, value, "data")

    @field_validator("seed")
    @classmethod
    def _seed(cls, value: int) -> int:
        return _check(SEED, value, "data")

    @model_validator(mode="after")
    def _target(self) -> Self:
        TARGET.check(self.target, "data")
        if self.target == "inputs" and (self.entry.view != "table" or self.tokens):
            raise ValueError(
                f"data: {self.entry.title} is looked at in another way; the inputs are the target for tables, pictures "
                "and sequences of numbers."
            )
        return self

    @model_validator(mode="after")
    def _inputs(self) -> Self:
        if self.entry.view != "plane":
            if self.features:
                raise ValueError(f"data: features are for the two-dimensional sets; {self.name} has its own inputs.")
            return self
        if unknown := [name for name in self.features if name not in FEATURES]:
            raise ValueError(f"data: there is no input feature {unknown[0]!r}; choose among {', '.join(FEATURES)}.")
        if not self.features:
            object.__setattr__(self, "features", ("x", "y"))
        ordered = tuple(name for name in FEATURES if name in self.features)
        object.__setattr__(self, "features", ordered)
        return self

    @model_validator(mode="after")
    def _own_points(self) -> Self:
        if not self.entry.drawn:
            if self.points:
                raise ValueError(f"data: {self.name} makes its own points; only the set 'own' takes drawn ones.")
            return self
        try:
            points = own_points.snapped(self.points or own_points.from_text(self.entry.drawn))
        except ValueError as error:
            raise ValueError(f"data: {error}") from None
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "args", Args(n=len(points)))
        return self

    @model_validator(mode="after")
    def _uploaded(self) -> Self:
        uploaded = self.entry.file in ("csv", "npz")
        if self.file and not uploaded:
            raise ValueError(f"data: {self.name} is made from no uploaded file.")
        if self.file and (len(self.file) > 64 or not self.file.isalnum()):
            raise ValueError(f"data: {self.file[:40]!r} is no name of an uploaded file.")
        if self.columns and self.entry.file != "csv":
            raise ValueError(f"data: {self.name} has no columns to choose from.")
        if not all(0 <= column < LIMITS.max_columns for column in self.columns):
            raise ValueError(f"data: columns are counted from 0 to {LIMITS.max_columns - 1}.")
        if self.name == "table" and self.args["classes"] == 1:
            raise ValueError("data (table): the target has one class only; a network needs at least two to tell apart.")
        object.__setattr__(self, "columns", tuple(sorted(set(self.columns))))
        return self

    @property
    def classes(self) -> int:
        """Number of classes; 0 where values are asked for. Drawn points have at least two."""
        if self.target == "inputs":
            return 0
        if self.points:
            return max(2, 1 + max(label for _, _, label in self.points))
        return int(self.args.get("classes", self.entry.classes))

    @property
    def outputs(self) -> int:
        """How many numbers a network should answer with: one, one per class where there are several, or the sample."""
        if self.target == "inputs":
            return product(self.input_shape)
        return self.classes if self.classes > 2 else 1

    def points_text(self) -> str:
        """Drawn points for the address bar; nothing where they are those to begin with, or the set has none."""
        text = own_points.to_text(self.points)
        return "" if text == self.entry.drawn else text

    @property
    def tokens(self) -> int:
        """How many different tokens there are; 0 where samples are no sequences of whole numbers."""
        return self.entry.tokens if self.args.get("encoding") == "tokens" else 0

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample: (features,), (channels, height, width), (steps, features) or, for tokens, (steps,)."""
        return (len(self.features),) if self.features else self.entry.input_shape(self.args)

    @property
    def train_count(self) -> int:
        """Samples to train on: at least one."""
        return max(1, int(self.args["n"] * self.train_fraction))


class TrainingSpec(Frozen):
    """How the loop runs.

    Attributes:
        batch_size: samples per step.
        drop_last: whether the last, shorter batch of an epoch is left out.
        epochs: after which the run ends.
        shuffle: whether every epoch has its own order.
        clip_norm: largest norm of all gradients together; 0 leaves them alone.
        l1, l2: rates of the penalties l1 * sum |w| and l2 / 2 * sum w^2 on the weights (not the biases).
        patience: epochs without a lower validation loss before the run stops and takes back its best weights; 0
            never stops early.
        precision: 'float32', or 'mixed': matrix products in the device's short float type.
        engine: 'torch', or 'numpy': the layers and optimizers of `playground.scratch`, from the same weights.
    """

    batch_size: int = 10
    epochs: int = 10_000
    shuffle: bool = True
    drop_last: bool = False
    clip_norm: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    patience: int = 0
    precision: str = "float32"
    engine: str = "torch"

    @model_validator(mode="before")
    @classmethod
    def _in_range(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        checked = {name: _check(TRAINING[name], value, "training") for name, value in given.items() if name in TRAINING}
        return {**given, **checked}


TRAINING: dict[str, Param] = {
    param.name: param
    for param in (
        Param(
            "batch_size", "int", 10, 1, LIMITS.max_batch, "How many samples one step averages over.", label="batch size"
        ),
        Param("epochs", "int", 10_000, 1, LIMITS.max_epochs, "The run ends after so many passes over the data."),
        Param("shuffle", "bool", True, help="Whether every epoch visits the samples in a new order."),
        Param(
            "drop_last",
            "bool",
            False,
            help="Whether the last, shorter batch of an epoch is left out; the next epoch deals anew.",
        ),
        Param(
            "clip_norm",
            "float",
            0.0,
            0.0,
            1e6,
            "Scales the gradients down to this norm; 0 leaves them alone.",
            label="clip gradients to norm",
        ),
        Param(
            "l1",
            "float",
            0.0,
            0.0,
            10.0,
            "Penalty on the absolute size of the weights: makes some of them 0.",
            label="L1 penalty",
        ),
        Param(
            "l2",
            "float",
            0.0,
            0.0,
            10.0,
            "Penalty on the squared size of the weights: keeps them small.",
            label="L2 penalty",
        ),
        Param(
            "patience",
            "int",
            0,
            0,
            10_000,
            "Stop after so many epochs without a lower validation loss, and take back the best weights; 0 never stops.",
            label="early stopping after",
        ),
        Param(
            "precision",
            "choice",
            "float32",
            choices=("float32", "mixed"),
            help="'mixed' computes matrix products in the device's short float type.",
        ),
        Param(
            "engine",
            "choice",
            "torch",
            choices=("torch", "numpy"),
            help="What computes the steps: PyTorch, or the NumPy library written from scratch, from the same weights.",
        ),
    )
}

TARGET = Param("target", "choice", "labels", choices=("labels", "inputs"), help="What the network should answer.")
FRACTION = Param("train_fraction", "float", 0.5, 0.1, 1.0, "Share of the points to train on; the rest validates.")
SEED = Param("seed", "int", 0, 0, 2**31 - 1, "Where the random numbers start: same seed, same run.")


class Experiment(Frozen):
    """Everything that decides a training run. Same experiment, same numbers."""

    data: DataSpec
    layers: tuple[LayerSpec, ...]
    loss: LossSpec
    optimizer: OptimizerSpec
    scheduler: SchedulerSpec | None = None
    training: TrainingSpec = TrainingSpec()
    seed: int = 0

    def __init__(self, **fields: Any) -> None:
        """Fields that are not given are those of the starter of the data set (default: the spiral)."""
        if not {"data", "layers", "loss", "optimizer"} <= set(fields):
            data = fields.get("data")
            name = data.get("name") if isinstance(data, Mapping) else getattr(data, "name", None)
            fields = {**_starter_fields(name or DEFAULT_DATASET), **fields}
        super().__init__(**fields)

    @field_validator("seed")
    @classmethod
    def _seed(cls, value: int) -> int:
        return _check(SEED, value, "seed")

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        if not self.layers:
            raise ValueError("layers: the network is empty; add at least one layer.")
        if (count := len(list(every_layer(self.layers)))) > LIMITS.max_layers:
            raise ValueError(f"layers: {count} layers; the most is {LIMITS.max_layers}.")
        for layer in every_layer(self.layers):
            if layer.entry.size and (width := layer[layer.entry.size]) > LIMITS.max_units:
                raise ValueError(
                    f"layers ({layer.name}): {layer.entry.size} is {width:,}; the most is {LIMITS.max_units:,}."
                )
        try:
            reports = self.outline()
        except ShapeError as error:
            reports = error.reports
        if (total := sum(report.parameters for report in reports)) > LIMITS.max_parameters:
            raise ValueError(
                f"layers: the network has {total:,} parameters; the most is {LIMITS.max_parameters:,}. "
                "Use fewer units or fewer layers."
            )
        batch = min(self.training.batch_size, self.data.train_count)
        memory = sum(report.memory for report in reports) * batch
        if memory > LIMITS.max_activation_mb * 2**20:
            raise ValueError(
                f"layers: training keeps {memory / 2**20:,.0f} MB of activations for a batch of {batch:,}; the most is "
                f"{LIMITS.max_activation_mb:,} MB. Use smaller batches, fewer channels, or pool earlier."
            )
        work = sum(report.macs for report in reports) * batch * self.optimizer.passes
        if work > LIMITS.max_step_work:
            less = "Use smaller batches, fewer units, or pool earlier"
            raise ValueError(
                f"layers: one step takes {work:,} multiply-adds; the most is {LIMITS.max_step_work:,}. "
                + (f"{less}, or a smaller max_iter." if self.optimizer.passes > 1 else f"{less}.")
            )
        return self

    @classmethod
    def starter(cls, dataset: str) -> Self:
        """A sensible experiment for the data set.

        Raises:
            ValueError: there is no such data set.
        """
        return cls(**_starter_fields(dataset))

    def outline(self) -> list[LayerReport]:
        """Shape, parameters and arguments of every layer.

        Raises:
            ShapeError: at the first layer that cannot take its input.
        """
        return outline(self.layers, self.data.input_shape, self.data.tokens)

    def _words(self) -> dict[str, str]:
        words = {
            "data": self.data.to_text(),
            "features": "_".join(self.data.features),
            "split": repr(self.data.train_fraction),
            "points": str(self.data.seed),
            "own": self.data.points_text(),
            "file": self.data.file,
            "columns": "_".join(map(str, self.data.columns)),
            "net": "~".join(layer.to_text() for layer in self.layers),
            "loss": self.loss.to_text(),
            "opt": self.optimizer.to_text(),
            "sched": self.scheduler.to_text() if self.scheduler else "",
            "seed": str(self.seed),
            "target": self.data.target,
        }
        for word, name in TRAINING_WORDS.items():
            words[word] = TRAINING[name].to_text(getattr(self.training, name))
        return words

    def to_query(self) -> dict[str, str]:
        """The address bar of this experiment, in words that need no escaping; what has its plain value is left out."""
        plain = {"v": QUERY_VERSION}
        return plain | {word: text for word, text in self._words().items() if text and text != PLAIN_WORDS.get(word)}

    @classmethod
    def from_query(cls, query: str | Mapping[str, str]) -> Self:
        """The experiment that `to_query` described. Unknown words are ignored.

        Without a network (`?data=iris`) whatever is missing is the data set's starter; with one it has its plain
        value, so that a link means the same when a starter is tuned.

        Raises:
            ValueError: one sentence that says which word is wrong.
        """
        if isinstance(query, str):
            query = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
        if not isinstance(query, Mapping):
            raise ValueError(f"A link is text, or words with texts, and not {type(query).__name__}.")
        given = {word: str(text) for word, text in query.items() if word in KNOWN_WORDS}
        if given.get("v", QUERY_VERSION) not in READABLE_VERSIONS:
            raise ValueError(f"v: this playground reads links of version {QUERY_VERSION}, not {given['v'][:12]!r}.")
        for word, text in given.items():
            if len(text) > (most := own_points.MOST_CHARACTERS if word == "own" else MAX_WORD):
                raise ValueError(f"{word}: the text has {len(text):,} characters; the most is {most:,}.")
        starter = _read("data", given.get("data", DEFAULT_DATASET).partition(".")[0], cls.starter)
        words = starter._words() | (PLAIN_WORDS if "net" in given else {}) | given
        data = _read("data", words["data"], DataSpec.from_text)
        if data.entry.drawn and words["own"]:
            data = _read("own", words["own"], lambda text: data.but(points=own_points.from_text(text)))
        if data.entry.file:
            data = _read("file", words["file"], lambda key: data.but(file=key))
            data = _read("columns", words["columns"], lambda text: data.but(columns=_numbers(text)))
        features = tuple(words["features"].split("_")) if data.entry.view == "plane" else ()
        split = _read("split", words["split"], partial(FRACTION.from_text, where="split"))
        points = _read("points", words["points"], partial(SEED.from_text, where="points"))
        data = _read("target", words["target"], lambda text: data.but(target=text))
        training = {
            name: _read(word, words[word], partial(TRAINING[name].from_text, where=word))
            for word, name in TRAINING_WORDS.items()
        }
        return cls.of(
            data=_read("features", features, lambda names: data.but(features=names, train_fraction=split, seed=points)),
            layers=_read("net", words["net"], layers_from_text),
            loss=_read("loss", words["loss"], LossSpec.from_text),
            optimizer=_read("opt", words["opt"], OptimizerSpec.from_text),
            scheduler=_read("sched", words["sched"], SchedulerSpec.from_text) if words["sched"] else None,
            training=TrainingSpec(**training),
            seed=_read("seed", words["seed"], partial(SEED.from_text, where="seed")),
        )

    def query_string(self) -> str:
        """`to_query` as it stands behind the question mark."""
        return urlencode(self.to_query())


QUERY_VERSION = "1"
READABLE_VERSIONS = {"1"}
MAX_WORD = 2_000
DEFAULT_DATASET = "spiral"
TRAINING_WORDS = {
    "batch": "batch_size",
    "epochs": "epochs",
    "shuffle": "shuffle",
    "drop": "drop_last",
    "clip": "clip_norm",
    "l1": "l1",
    "l2": "l2",
    "patience": "patience",
    "precision": "precision",
    "engine": "engine",
}
PLAIN_WORDS = {
    "target": "labels",
    "features": "x_y",
    "split": "0.5",
    "points": "0",
    "own": "",
    "file": "",
    "columns": "",
    "sched": "",
    "seed": "0",
} | {word: TRAINING[name].to_text(TRAINING[name].default) for word, name in TRAINING_WORDS.items()}
"""What a missing word means. A link lives for ever, so these never change within a version."""
KNOWN_WORDS = {"v", "data", "net", "loss", "opt", *PLAIN_WORDS}


def _read(word: str, given: Any, reader: Callable[[Any], Any]) -> Any:
    """`reader(given)`; its ValueError as one sentence that begins with the word."""
    try:
        return reader(given)
    except ValueError as error:
        text = sentence(error) if isinstance(error, ValidationError) else str(error)
        raise ValueError(text if text.startswith(word) else f"{word}: {text}") from None


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.split("_") if text else []
    if not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise ValueError(f"{text[:40]!r} is no list of column numbers such as 0_1_4.")
    return tuple(map(int, parts))


def layers_from_text(text: str) -> tuple[LayerSpec, ...]:
    """Layers as the address bar has them: `Linear.8~Tanh~Linear.1`.

    Raises:
        ValueError: there is no such layer, an argument is out of range, or a block is not closed properly.
    """
    words = text.split("~")
    if (count := sum(word != CLOSE for word in words)) > LIMITS.max_layers:
        raise ValueError(f"{count} layers; the most is {LIMITS.max_layers}.")
    open_blocks: list[tuple[LayerSpec | None, list[LayerSpec]]] = [(None, [])]
    for word in words:
        if word == CLOSE:
            if len(open_blocks) == 1:
                raise ValueError(f"a {CLOSE!r} closes a block, but none is open here.")
            block, inside = open_blocks.pop()
            assert block is not None, "only the outermost list has no block"
            open_blocks[-1][1].append(block.but(layers=tuple(inside)))
            continue
        layer = LayerSpec.from_text(word)
        if layer.entry.holds:
            open_blocks.append((layer, []))
        else:
            open_blocks[-1][1].append(layer)
    if len(open_blocks) > 1:
        raise ValueError(f"{open_blocks[-1][0].name} is not closed: put a {CLOSE!r} behind its layers.")  # type: ignore[union-attr]
    return tuple(open_blocks[0][1])


def output_for(data: DataSpec) -> tuple[LayerSpec, LossSpec]:
    """The last layer and the loss that fit the task of a data set."""
    loss = "MSELoss" if not data.classes else "CrossEntropyLoss" if data.outputs > 1 else "BCEWithLogitsLoss"
    return LayerSpec(name="Linear", args=Args(out_features=data.outputs)), LossSpec(name=loss)


def _starter_fields(dataset: str) -> dict[str, Any]:
    starter = lookup(DataSpec.registry, dataset, "data").starter
    data = DataSpec(name=dataset, features=starter.features, train_fraction=starter.train_fraction)
    output, loss = output_for(data)
    layers = [*layers_from_text(starter.net), output]
    if starter.loss:
        *after, named = starter.loss.split("~")
        layers, loss = [*layers, *(LayerSpec.from_text(text) for text in after)], LossSpec.from_text(named)
    return {
        "data": data,
        "layers": tuple(layers),
        "loss": loss,
        "optimizer": OptimizerSpec.from_text(starter.optimizer),
        "training": TrainingSpec(batch_size=starter.batch_size),
    }


def _check(param: Param, value: Any, place: str) -> Any:
    return param.check(value, place)


RESET_FIELDS = {
    "data": "the data",
    "layers": "the layers",
    "loss": "the loss",
    "seed": "the seed",
}


def needs_reset(old: Experiment, new: Experiment) -> str | None:
    """Why the change from `old` to `new` starts training anew, as a sentence; None if the weights can be kept."""
    changed = [what for field, what in RESET_FIELDS.items() if getattr(old, field) != getattr(new, field)]
    if old.training.precision != new.training.precision:
        changed.append("the precision")
    if old.training.engine != new.training.engine:
        changed.append("the engine")
    return f"Changing {' and '.join(changed)} starts training anew." if changed else None
