"""Points that a visitor draws: places on a grid over the plane, classes, and their text for the address bar.

>>> points = snapped([(0.0, 1.5, 0), (-6, 6, 5)])
>>> from_text(to_text(points)) == points
True
"""

from collections.abc import Iterable, Sequence
from typing import Any

Point = tuple[float, float, int]
"""x, y and class."""

LOW, HIGH = -6.0, 6.0
CELLS = 1_200  # steps of the grid from LOW to HIGH
FEWEST, MOST = 2, 500  # points
CLASSES = 100
TEN = 10  # classes that the characters of one point can tell apart; a mark says which ten comes
DIGITS = 4  # characters of one point
MOST_CHARACTERS = 2 * MOST * DIGITS
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def snapped(points: Iterable[Sequence[Any]]) -> tuple[Point, ...]:
    """The points on the grid, checked.

    Raises:
        ValueError: there are too few or too many, or one is outside of the plane or has no such class.
    """
    points = tuple(points)
    _check_count(len(points))
    return tuple(_snapped(number, *point) for number, point in enumerate(points, 1))


def _snapped(number: int, x: float, y: float, label: int) -> Point:
    if not (LOW <= x <= HIGH and LOW <= y <= HIGH):
        raise ValueError(f"own point {number} is at ({x:g}, {y:g}); x and y lie within {LOW:g} and {HIGH:g}.")
    if label not in range(CLASSES):
        raise ValueError(f"own point {number} has class {label}; the classes are 0 to {CLASSES - 1}.")
    return (_place(_cell(x)), _place(_cell(y)), int(label))


def _check_count(count: int) -> None:
    if count > MOST:
        raise ValueError(f"{count:,} own points; the most is {MOST}. Remove some.")
    if count < FEWEST:
        raise ValueError(f"{count} own point{'' if count == 1 else 's'}; the least is {FEWEST}. Draw some more.")


def _cell(value: float) -> int:
    return round((value - LOW) * CELLS / (HIGH - LOW))


def _place(cell: int) -> float:
    return round(LOW + cell * (HIGH - LOW) / CELLS, 2) + 0.0  # no negative zero


def to_text(points: Iterable[Point]) -> str:
    """Four characters for each point, in characters that need no escaping: (class, x, y) as one number in base 64.

    Before the first point of other ten classes than those before it stands a mark: that number with class 10, and
    which ten instead of a place.
    """
    side, ten, text = CELLS + 1, 0, list[str]()
    for x, y, label in points:
        if label // TEN != ten:
            ten = label // TEN
            text.append(_digits(TEN * side * side + ten))
        text.append(_digits((label % TEN * side + _cell(x)) * side + _cell(y)))
    return "".join(text)


def _digits(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 63] for shift in range(6 * (DIGITS - 1), -1, -6))


def from_text(text: str) -> tuple[Point, ...]:
    """What `to_text` wrote.

    Raises:
        ValueError: it is no such text; one sentence.
    """
    if len(text) % DIGITS or not set(text) <= set(_VALUES):
        raise ValueError(f"own points are written with {DIGITS} letters, digits, - or _ each; this text is not.")
    if len(text) > MOST_CHARACTERS:
        _check_count(len(text) // DIGITS)
    side, ten, points = CELLS + 1, 0, []
    for start in range(0, len(text), DIGITS):
        number = 0
        for character in text[start : start + DIGITS]:
            number = number * 64 + _VALUES[character]
        label, cells = divmod(number, side * side)
        if label == TEN:
            ten = cells
        else:
            label = ten * TEN + label if label < TEN else CLASSES  # there is no such class
            points.append((_place(cells // side), _place(cells % side), label))
    return snapped(points)
