"""What is in an uploaded table, before anything is trained on it: delimiter, header, columns, and what to ask for.

>>> look(b"size,colour,price\\n1,red,10\\n2,blue,\\n3,red,30\\n").columns[1].kind
'words'
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from playground.catalog.files import DELIMITERS
from playground.limits import LIMITS
from playground.spec import Args, DataSpec

MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}
"""What stands where a value is missing, in small letters."""
FEW = 20
"""So many different whole numbers can be classes."""
LARGEST = 1e30
"""Numbers lie within this and its negative: the squares of larger ones, which a deviation is made of, are soon none."""
SAMPLE = 65_536
"""Characters from the beginning that delimiter and header are guessed by."""


@dataclass(frozen=True)
class Column:
    """A column of a table: 'number', 'words', or 'empty'; how many values are missing, and how many differ.

    extreme: what is written of a number that is too large to compute with, or none at all such as 'inf'; '' otherwise.
    """

    name: str
    kind: str
    missing: int
    different: int
    whole: bool
    examples: tuple[str, ...]
    extreme: str = ""

    @property
    def width(self) -> int:
        """How many numbers it becomes as an input."""
        return {"number": 1, "words": self.different, "empty": 0}[self.kind]

    @property
    def usable(self) -> str:
        """Why it cannot be an input, as a sentence; '' if it can."""
        if self.kind == "empty":
            return f"'{self.name}' has no values."
        if self.extreme:
            return f"'{self.name}' holds {self.extreme}; a number lies within -{LARGEST:g} and {LARGEST:g}."
        if self.kind == "words" and self.different > LIMITS.max_words:
            return f"'{self.name}' has {self.different:,} different words; an input can have {LIMITS.max_words}."
        return ""


@dataclass(frozen=True)
class Look:
    """What a table looks like. `rows` counts those below the header; `text` is the file in UTF-8."""

    delimiter: str
    header: bool
    rows: int
    columns: tuple[Column, ...]
    preview: tuple[tuple[str, ...], ...]
    text: str

    def facts(self) -> dict[str, Any]:
        """Everything but the text, as JSON takes it."""
        return {name: value for name, value in asdict(self).items() if name != "text"}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Look":
        """What `facts` gave."""
        columns = tuple(Column(**{**column, "examples": tuple(column["examples"])}) for column in facts["columns"])
        return cls(**{**facts, "columns": columns, "preview": tuple(map(tuple, facts["preview"])), "text": ""})


def look(data: bytes, delimiter: str = "", header: bool | None = None) -> Look:
    """Read a table; delimiter (a key of DELIMITERS) and header are guessed where they are not given.

    Raises:
        ValueError: it is no table that can be trained on; one sentence.
    """
    text = decoded(data)
    delimiter = delimiter or guess_delimiter(text)
    mark, names = DELIMITERS[delimiter], ", ".join(DELIMITERS)
    first = text.lstrip().partition("\n")[0]
    if (wide := first.count(mark) + 1) > LIMITS.max_columns and len(
        _first_row(first[:SAMPLE], mark)
    ) > LIMITS.max_columns:
        raise ValueError(f"The table has {wide:,} columns; the most is {LIMITS.max_columns}. Keep those that matter.")
    rows = list(_rows(text, mark))
    if not rows:
        raise ValueError("The file has no rows; choose one with a table in it.")
    width = len(rows[0][1])
    if width == 1:
        raise ValueError(
            f"With '{delimiter}' between the fields the table has a single column, and needs an input and a target: "
            f"choose another delimiter ({names}), or another file."
        )
    for line, row in rows:
        if len(row) != width:
            raise ValueError(
                f"Line {line:,} has {len(row):,} fields where the first row has {width}: mend the file, or choose "
                "another "
                f"delimiter ({names})."
            )
    cells = [[cell.strip() for cell in row] for _, row in rows]
    header = guess_header(cells) if header is None else header
    below = cells[header:]
    if len(below) < 4:
        count = f"{len(below)} row" + ("" if len(below) == 1 else "s")
        raise ValueError(f"The table has {count}; there is too little to train on, at least 4 are needed.")
    named = [name or f"column {k + 1}" for k, name in enumerate(cells[0])] if header else []
    titles = named or [f"column {k + 1}" for k in range(width)]
    columns = tuple(_column(name, values, mark) for name, values in zip(titles, zip(*below, strict=True), strict=True))
    return Look(delimiter, header, len(below), columns, tuple(map(tuple, below[:8])), text)


def decoded(data: bytes) -> str:
    """The text of a file.

    Raises:
        ValueError: it is empty, or no text.
    """
    if not data.strip():
        raise ValueError("The file is empty; choose one with a table in it.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", errors="replace").lstrip("\ufeff")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    if "\0" in text or len(re.findall(r"[\x01-\x08\x0e-\x1f\ufffd]", text[:SAMPLE])) > len(text[:SAMPLE]) / 100:
        raise ValueError("This is no text but some other kind of file; save the table as CSV (UTF-8) and upload that.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def guess_delimiter(text: str) -> str:
    """The delimiter by which the first lines fall into the most equal fields; 'comma' if none does."""
    lines = [line for line in text[:SAMPLE].split("\n") if line.strip()][:40]
    lines = lines[:-1] if len(lines) > 1 and len(text) > SAMPLE else lines  # the last one may be cut
    scores = {}
    for name, mark in DELIMITERS.items():
        widths = [len(row) for row in csv.reader(lines, delimiter=mark)]
        usual = max(set(widths), key=widths.count, default=1)
        scores[name] = (usual > 1, widths.count(usual) / max(len(widths), 1), usual)
    return max(scores, key=lambda name: scores[name])


def guess_header(cells: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: words over numbers, or words that never come again in their column."""
    first, below = cells[0], cells[1:200]
    if not below or any(_is_number(cell) for cell in first) or not all(first) or len(set(first)) < len(first):
        return False
    columns = list(zip(*below, strict=True))
    if any(all(_is_number(cell) for cell in column if cell.lower() not in MISSING) for column in columns):
        return True
    return all(name not in column for name, column in zip(first, columns, strict=True))


def suggested_target(found: Look) -> int:
    """The last column that can be asked for."""
    wanted = [k for k, column in enumerate(found.columns) if column.kind != "empty" and column.different > 1]
    return wanted[-1] if wanted else len(found.columns) - 1


def suggested_task(column: Column) -> str:
    """'classification' of words and of few whole numbers, otherwise 'regression'."""
    few = column.whole and column.different <= FEW
    return "classification" if column.kind == "words" or few else "regression"


def suggested_inputs(found: Look, target: int) -> tuple[int, ...]:
    """All other columns but those that cannot be inputs, and numbers that only count the rows."""
    return tuple(
        k
        for k, column in enumerate(found.columns)
        if k != target and not column.usable and not (column.whole and column.different == found.rows and k == 0)
    )


def table_spec(found: Look, key: str, target: int, columns: Iterable[int], task: str) -> DataSpec:
    """The data set `table` for these choices.

    Raises:
        ValueError: they do not go together; one sentence.
    """
    if not 0 <= target < len(found.columns):
        raise ValueError(f"There is no column {target}; the table has {len(found.columns)}. Choose a target.")
    asked = found.columns[target]
    rows, classes = found.rows - asked.missing, 0
    if asked.kind == "empty" or rows < 4:
        raise ValueError(f"The target '{asked.name}' has {rows} values; choose a column that has some in every row.")
    if asked.different < 2:
        raise ValueError(
            f"The target '{asked.name}' is always {asked.examples[0]}: there is one class only, and nothing to "
            "tell apart."
        )
    if asked.extreme and task == "regression":
        raise ValueError(f"{asked.usable} Choose another target, or bring it to a smaller scale.")
    if task == "classification":
        classes = asked.different
        if classes > LIMITS.max_classes:
            raise ValueError(
                f"The target '{asked.name}' has {classes:,} different values; the most is {LIMITS.max_classes} "
                "classes. "
                "Choose another column, or regression."
            )
    elif asked.kind != "number":
        raise ValueError(
            f"The target '{asked.name}' holds words; a regression asks for numbers: choose classification."
        )
    inputs = _inputs(found, target, columns)
    args: dict[str, Any] = {
        "n": min(rows, LIMITS.max_samples),
        "inputs": _width(found, inputs),
        "classes": classes,
        "target": target,
    }
    args |= {"delimiter": found.delimiter, "header": found.header}
    return DataSpec.of(name="table", args=Args(args), train_fraction=0.8, file=key, columns=inputs)


def series_spec(found: Look, key: str, target: int, columns: Iterable[int], steps: int) -> DataSpec:
    """The data set `series`: windows of `steps` rows.

    Raises:
        ValueError: they do not go together; one sentence.
    """
    inputs = tuple(sorted({*columns, target}))
    for k in inputs:
        if found.columns[k].kind != "number":
            raise ValueError(
                f"'{found.columns[k].name}' holds no numbers; a time series is made of columns of numbers."
            )
        if found.columns[k].extreme:
            raise ValueError(f"{found.columns[k].usable} Leave it out, or bring it to a smaller scale.")
    leading = found.rows - steps - max(found.columns[k].missing for k in inputs)
    if leading < 10:
        raise ValueError(f"The table has {found.rows} rows; windows of {steps} need at least {steps + 10}.")
    args: dict[str, Any] = {
        "n": min(leading, LIMITS.max_samples),
        "steps": steps,
        "inputs": len(inputs),
        "target": target,
    }
    args |= {"delimiter": found.delimiter, "header": found.header}
    return DataSpec.of(name="series", args=Args(args), train_fraction=0.8, file=key, columns=inputs)


def _inputs(found: Look, target: int, columns: Iterable[int]) -> tuple[int, ...]:
    inputs = tuple(sorted({k for k in columns if 0 <= k < len(found.columns) and k != target}))
    if not inputs:
        raise ValueError("No input is chosen; choose at least one column besides the target.")
    if unusable := next((found.columns[k].usable for k in inputs if found.columns[k].usable), ""):
        raise ValueError(f"{unusable} Leave it out.")
    return inputs


def _width(found: Look, inputs: Iterable[int]) -> int:
    width = sum(found.columns[k].width for k in inputs)
    if width > LIMITS.max_units:
        raise ValueError(
            f"The columns become {width:,} inputs; the most is {LIMITS.max_units:,}. Choose fewer of them."
        )
    return width


def _rows(text: str, mark: str) -> Iterable[tuple[int, list[str]]]:
    """(line, fields) of every row that is not blank."""
    reader, cells = csv.reader(text.split("\n"), delimiter=mark), 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                cells += len(row)
                if cells > LIMITS.max_cells:
                    raise ValueError(f"The table has more than {LIMITS.max_cells:,} fields; upload a part of it.")
                yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(
            f"Line {reader.line_num:,} cannot be read ({error}): mend the file and upload it again."
        ) from None


def _first_row(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []


def _column(name: str, cells: Sequence[str], mark: str) -> Column:
    known = [cell for cell in cells if cell.lower() not in MISSING]
    words = list(dict.fromkeys(known))
    numbers = all(_is_number(cell, mark) for cell in words)
    values = [float(_plain(cell, mark)) for cell in words] if numbers else []
    whole = numbers and all(value.is_integer() for value in values)
    extreme = next((cell for cell, value in zip(words, values, strict=False) if not abs(value) < LARGEST), "")
    kind = "empty" if not known else "number" if numbers else "words"
    examples = tuple(word[:40] for word in words[:5])
    return Column(name[:80], kind, len(cells) - len(known), len(words), whole, examples, extreme[:40])


def _plain(cell: str, mark: str) -> str:
    return cell if mark == "," else cell.replace(",", ".")


def _is_number(cell: str, mark: str = ";") -> bool:
    try:
        float(_plain(cell, mark))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=8)
def inputs_of(path: Path, columns: tuple[int, ...], delimiter: str, header: bool) -> tuple[str, ...]:
    """The names of the inputs that `files.table` makes of these columns; none where the file names no columns.

    A column of words, which becomes an input for each of them, names them 'column: word'.
    """
    if not header:
        return ()
    with open(path, encoding="utf-8", newline="") as file:
        titles, *rows = (row for row in csv.reader(file, delimiter=delimiter) if any(cell.strip() for cell in row))

    def named(k: int) -> list[str]:
        title = titles[k].strip() or f"column {k + 1}"
        known = {cell for row in rows if (cell := row[k].strip()).lower() not in MISSING}
        numbers = all(_is_number(cell, delimiter) for cell in known)
        return [title] if numbers else [f"{title}: {word}" for word in sorted(known)]

    return tuple(name for k in columns for name in named(k))


@lru_cache(maxsize=8)
def words_of(path: Path, target: int, delimiter: str, header: bool) -> tuple[str, ...]:
    """The different words of a column, as the classes are numbered."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=delimiter) if any(cell.strip() for cell in row)][header:]
    return tuple(sorted({cell for row in rows if (cell := row[target].strip()).lower() not in MISSING}))
