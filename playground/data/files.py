"""Data out of files: tables, time series and pictures.

Every function stands alone: exported scripts carry its source.
"""

import numpy as np


def table(
    path: str,
    n: int,
    columns: tuple[int, ...],
    target: int,
    classes: int,
    delimiter: str,
    header: bool,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """n rows of a CSV file at random: the chosen columns as numbers, and the target column.

    A column of numbers stays one, NaN where a value is missing; a column of words becomes one column of 0 and 1 for
    each word, all 0 where it is missing. Then rows without a target are left out. Classes are numbered in sorted order;
    with `classes` 0 the target is a number.
    """
    import csv

    missing = {"", "na", "n/a", "nan", "null", "none", "?", "-"}
    with open(path, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=delimiter) if any(cell.strip() for cell in row)][header:]

    def number(text: str) -> float:
        return float(text.replace(",", ".") if delimiter != "," else text)

    def encoded(cells: list[str]) -> list[list[float]]:
        known = [cell for cell in cells if cell.lower() not in missing]
        try:
            return [[number(cell) if cell.lower() not in missing else np.nan for cell in cells]]
        except ValueError:
            return [[float(cell == word) for cell in cells] for word in sorted(set(known))]

    x = np.array([one for k in columns for one in encoded([row[k].strip() for row in rows])], dtype=np.float64).T
    cells = [row[target].strip() for row in rows]
    asked = [row for row, cell in enumerate(cells) if cell.lower() not in missing]
    x, cells = x[asked], [cells[row] for row in asked]
    places = {word: place for place, word in enumerate(sorted(set(cells)))}
    y = np.array([places[cell] if classes else number(cell) for cell in cells])
    kept = np.sort(rng.choice(len(y), min(n, len(y)), replace=False))
    return x[kept], y[kept]


def series(
    path: str,
    n: int,
    steps: int,
    columns: tuple[int, ...],
    target: int,
    delimiter: str,
    header: bool,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The last n windows of a CSV file's rows: (n, steps, columns), and the target in the row after each.

    A missing number is the last one known before it, so that nothing is known too early; rows before the first
    complete one are left out. `rng` is not needed.
    """
    import csv

    missing = {"", "na", "n/a", "nan", "null", "none", "?", "-"}
    with open(path, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=delimiter) if any(cell.strip() for cell in row)][header:]
    last, values = [np.nan] * (len(columns) + 1), []
    for row in rows:
        for place, k in enumerate([*columns, target]):
            if row[k].strip().lower() not in missing:
                last[place] = float(row[k].replace(",", ".") if delimiter != "," else row[k])
        if not any(np.isnan(last)):
            values.append(list(last))
    known = np.array(values, dtype=np.float64).reshape(-1, len(columns) + 1)
    starts = range(max(0, len(known) - steps - n), len(known) - steps)
    x = np.array([known[start : start + steps, :-1] for start in starts])
    return x, known[starts.start + steps :, -1]


def pictures(path: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n pictures at random of an archive of arrays: (n, channels, rows, columns) of 0 to 255, and their classes."""
    with np.load(path, allow_pickle=False) as archive:
        images, labels = archive["images"], archive["labels"]
    kept = np.sort(rng.choice(len(labels), min(n, len(labels)), replace=False))
    return images[kept], labels[kept].astype(np.int64)


def openml(name: str, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n of the 70,000 pictures that openml.org keeps under this name; scikit-learn keeps the download."""
    from sklearn.datasets import fetch_openml

    images, labels = fetch_openml(name, version=1, return_X_y=True, as_frame=False, parser="liac-arff")
    kept = np.sort(rng.choice(len(labels), min(n, len(labels)), replace=False))
    return images[kept].astype(np.uint8), labels[kept].astype(np.int64)
