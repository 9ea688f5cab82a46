"""A run that is kept: its experiment, its last scores and its curves, as one value; and what can be said of several.

Nothing here knows where runs are kept (playground/shelf.py) or how they are shown (playground/ui/runs.py).
"""

import csv
import io
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator

from playground.catalog.base import Param
from playground.parts import Frozen
from playground.spec import TRAINING, Experiment

CURVES = ("train_loss", "val_loss", "train_accuracy", "val_accuracy")
"""As they are named in a snapshot, behind `curve_`."""
TITLES = dict(
    zip(CURVES, ("training loss", "validation loss", "training accuracy", "validation accuracy"), strict=True)
)
MAX_POINTS = 120
"""Of a curve: a host thins its curves to as many."""
DIGITS = 6
NONE = "–"


class KeptRun(Frozen):
    """One run as it was at one step.

    Attributes:
        words: the experiment, as in the address bar.
        made: when it was kept, in seconds since 1970.
        how: whether the visitor has kept it, or it was kept since it had finished.
        step, epoch, message, device: where it was, what was said of it, and what it ran on.
        scores: by name in TITLES, and r2; what does not apply is not there.
        steps, curves: the curves over the steps; None where there is no finite number.
    """

    words: dict[str, str]
    made: float
    how: Literal["kept", "finished"] = "kept"
    step: int = Field(ge=0)
    epoch: float = Field(ge=0)
    message: str = Field(default="", max_length=500)
    device: str = Field(default="", max_length=60)
    scores: dict[str, float] = Field(default_factory=dict)
    steps: tuple[float, ...] = Field(default=(), max_length=MAX_POINTS)
    curves: dict[str, tuple[float | None, ...]] = Field(default_factory=dict)

    @field_validator("curves")
    @classmethod
    def _curves(cls, value: dict[str, tuple[float | None, ...]]) -> dict[str, tuple[float | None, ...]]:
        if unknown := set(value) - set(CURVES):
            raise ValueError(f"curves: there is no {min(unknown)[:20]!r}.")
        if any(len(points) > MAX_POINTS for points in value.values()):
            raise ValueError(f"curves: the most is {MAX_POINTS} points.")
        return value

    @classmethod
    def of_snapshot(
        cls,
        experiment: Experiment,
        header: Mapping[str, Any],
        arrays: Mapping[str, Any],
        made: float,
        how: Literal["kept", "finished"] = "kept",
    ) -> Self:
        """A run as its snapshot shows it.

        Raises:
            ValueError: it has made no step yet.
        """
        if not header.get("step"):
            raise ValueError("There is nothing to keep yet: press Play or Step first.")
        scores = {}
        for split in ("train", "val"):
            for name, value in (header.get(split) or {}).items():
                if value is not None:
                    scores[f"{split}_{name}"] = value
        # a run that looks back shows its whole course, of which what came later is not its own
        steps = [float(step) for step in arrays.get("curve_step", ()) if step <= header["step"]]
        curves = {name: _rounded(arrays.get(f"curve_{name}", ())[: len(steps)]) for name in CURVES}
        return cls.of(
            words=experiment.to_query(),
            made=made,
            how=how,
            step=header["step"],
            epoch=header.get("epoch") or 0.0,
            message=header.get("message") or "",
            device=header.get("device") or "",
            scores=scores,
            steps=tuple(steps),
            curves={name: points for name, points in curves.items() if any(value is not None for value in points)},
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `model_dump_json` wrote.

        Raises:
            ValueError: it was not written by it.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            raise ValueError("A kept run cannot be read: it was written by something else.") from None

    @cached_property
    def experiment(self) -> Experiment:
        """What ran.

        Raises:
            ValueError: it was made by a newer playground, or its data are gone.
        """
        return Experiment.from_query(self.words)

    @property
    def name(self) -> str:
        """Equal for the same experiment at the same step: the same run, to the last bit on the same device."""
        return sha256(repr((sorted(self.words.items()), self.step)).encode()).hexdigest()[:16]

    @cached_property
    def title(self) -> str:
        """Data, network and optimizer in one line."""
        experiment = self.experiment
        optimizer = f"{experiment.optimizer.name} {experiment.optimizer['lr']:g}"
        return f"{experiment.data.entry.title} · {layers_text(experiment)} · {optimizer}"

    @property
    def when(self) -> datetime:
        return datetime.fromtimestamp(self.made, UTC)

    def score(self, name: str) -> float | None:
        """One of its last scores."""
        return self.scores.get(name)


def _rounded(values: Iterable[float]) -> tuple[float | None, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in map(float, values))


def layers_text(experiment: Experiment) -> str:
    """The layers, those of units with their number: `Linear 8, Tanh, Linear 1`."""
    return ", ".join(
        f"{layer.name} {layer[layer.entry.params[0].name]}" if layer.entry.role == "units" else layer.name
        for layer in experiment.layers
    )


# -- what is different ----------------------------------------------------------------------------------------------


def settings(experiment: Experiment) -> dict[str, str]:
    """Every setting of an experiment, by a name for the table."""
    data, training = experiment.data, experiment.training
    found = {"data set": data.entry.title}
    found |= {f"data: {_shown(param)}": _text(data[param.name]) for param in data.entry.params}
    found |= {
        "inputs": ", ".join(data.features) or NONE,
        "training share": f"{100 * data.train_fraction:g} %",
        "points (seed)": str(data.seed),
        "own points": data.points_text() and f"{len(data.points)} drawn",
        "layers": ", ".join(layer.to_text() for layer in experiment.layers),
        "loss": experiment.loss.name,
    }
    found |= _arguments("loss", experiment.loss)
    found |= {"optimizer": experiment.optimizer.name, **_arguments("optimizer", experiment.optimizer)}
    schedule = experiment.scheduler
    found |= {"schedule": schedule.name if schedule else "constant"}
    found |= _arguments("schedule", schedule) if schedule else {}
    found |= {_shown(param): _text(getattr(training, name)) for name, param in TRAINING.items()}
    return {name: text or NONE for name, text in (found | {"weights (seed)": str(experiment.seed)}).items()}


def _arguments(place: str, part: Any) -> dict[str, str]:
    return {f"{place}: {_shown(param)}": _text(part[param.name]) for param in part.entry.params}


def _shown(param: Param) -> str:
    return param.label or param.name


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(_text, value)) if isinstance(value, tuple | list) else str(value)


def differences(runs: Sequence[KeptRun]) -> dict[str, list[str]]:
    """The settings in which some of the runs differ, each with its text for every run; NONE where it has none."""
    tables = [settings(run.experiment) for run in runs]
    names = list(dict.fromkeys(name for table in tables for name in table))
    rows = {name: [table.get(name, NONE) for table in tables] for name in names}
    return {name: texts for name, texts in rows.items() if len(set(texts)) > 1}


# -- out of the browser ---------------------------------------------------------------------------------------------


def runs_csv(runs: Sequence[KeptRun]) -> str:
    """One line per run: where it was, its last scores and every setting."""
    tables = [settings(run.experiment) for run in runs]
    names = list(dict.fromkeys(name for table in tables for name in table))
    scores = list(dict.fromkeys(name for run in runs for name in run.scores))
    rows: list[list[Any]] = [["run", "kept at (UTC)", "step", "epoch", "device", *scores, *names, "link"]]
    for run, table in zip(runs, tables, strict=True):
        rows.append(
            [
                run.name,
                f"{run.when:%Y-%m-%d %H:%M:%S}",
                run.step,
                run.epoch,
                run.device,
                *(run.scores.get(name, "") for name in scores),
                *(table.get(name, "") for name in names),
                run.experiment.query_string(),
            ]
        )
    return _csv(rows)


def curves_csv(runs: Sequence[KeptRun]) -> str:
    """One line per run and step of its curves."""
    rows: list[list[Any]] = [["run", "step", *CURVES]]
    for run in runs:
        for place, step in enumerate(run.steps):
            values = (run.curves[name][place] if name in run.curves else None for name in CURVES)
            rows.append([run.name, int(step), *("" if value is None else value for value in values)])
    return _csv(rows)


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    """A spreadsheet would compute a text that begins like a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t") else cell


def has_tensorboard() -> bool:
    """Whether TensorBoard's file format can be written here."""
    return find_spec("tensorboard") is not None


def to_tensorboard(runs: Sequence[KeptRun]) -> bytes:
    """The curves as event files, one folder per run, in a zip: `tensorboard --logdir FOLDER`.

    Needs the package tensorboard.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, run in enumerate(runs, 1):
            file = io.BytesIO()
            writer = RecordWriter(file)
            writer.write(Event(wall_time=run.made, file_version="brain.Event:2").SerializeToString())
            for place, step in enumerate(run.steps):
                values = [
                    Summary.Value(tag=f"{name.partition('_')[2]}/{name.partition('_')[0]}", simple_value=value)
                    for name, points in run.curves.items()
                    if (value := points[place]) is not None
                ]
                event = Event(wall_time=run.made, step=int(step), summary=Summary(value=values))
                writer.write(event.SerializeToString())
            writer.flush()
            folder = f"{number:02d}-{run.experiment.data.name}-{run.experiment.optimizer.name}-{run.name[:6]}"
            archive.writestr(f"{folder}/events.out.tfevents.{int(run.made)}.playground", file.getvalue())
    return packed.getvalue()
