"""A program as a value: its steps, running them, and the sentence for what cannot be computed."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from playground.autograd.operations import SYMBOLS, Ops, is_plain, operations_for


class ExpressionError(ValueError):
    """One sentence about what cannot be read or computed.

    Attributes:
        line, column: where, both counted from 1; the column within its line.
    """

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def error_at(text: str, message: str, offset: int) -> ExpressionError:
    offset = max(0, min(offset, len(text)))
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    where = f"column {column}" if "\n" not in text.strip() else f"line {line}, column {column}"
    return ExpressionError(f"{message} ({where}).", line, column)


def short(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:29]}…"


@dataclass(frozen=True)
class Step:
    """One value of a program: an input, a constant or an operation on earlier steps.

    Attributes:
        op: "input", "constant", an operation of SYMBOLS or a function of FUNCTIONS.
        args: the steps it is computed from, by their place in the program.
        span: (start, end) of its text in the program's text.
        name: of an input, or the name that the program assigns to it; "" otherwise.
        value: of a constant.
        no_grad: whether it stands inside of `no_grad(...)`.
    """

    op: str
    args: tuple[int, ...] = ()
    span: tuple[int, int] = (0, 0)
    name: str = ""
    value: float | None = None
    no_grad: bool = False

    @property
    def shown(self) -> str:
        """The operation as it is written."""
        return SYMBOLS.get(self.op, self.op)


@dataclass(frozen=True)
class Program:
    """Steps in the order of their computation; `output` is the place of the last expression's step."""

    text: str
    steps: tuple[Step, ...]
    output: int

    @property
    def names(self) -> tuple[str, ...]:
        """The free variables, in order of appearance."""
        return tuple(step.name for step in self.steps if step.op == "input")

    def source(self, step: Step) -> str:
        """The text of a step, on one line."""
        return " ".join(self.text[slice(*step.span)].split())

    def __call__(self, /, **values: Any) -> Any:
        """The value of the last expression: a float for numbers, else an array or tensor of the kind given.

        Raises:
            ExpressionError: a value is missing or is no number, shapes do not fit, or a result is not finite.
        """
        result = self.run(values)[self.output]
        return float(result) if is_plain(result) else result

    def run(self, values: Mapping[str, Any], like: Any = None) -> list[Any]:
        """The value of every step, as the kind of number that `like` is if there are no values to tell it.

        Raises:
            ExpressionError: as in a call.
        """
        ops = operations_for([*values.values(), like])
        results: list[Any] = []
        with np.errstate(all="ignore"):
            for step in self.steps:
                result = self._compute(step, ops, results, values)
                if not ops.finite(result):
                    self.not_finite(step, ops.tell(result))
                results.append(result)
        return results

    def _compute(self, step: Step, ops: Ops, results: list[Any], values: Mapping[str, Any]) -> Any:
        if step.op == "constant":
            return ops.constant(step.value)
        if step.op == "input":
            if step.name not in values:
                raise self.error(f"{step.name} has no value; give it one", step.span[0])
            try:
                return ops.value(values[step.name])
            except (ValueError, TypeError, OverflowError) as error:
                raise self.no_number(step.name, values[step.name], error) from None
        args = [results[index] for index in step.args]
        if step.op == "pow" and (exponent := self.steps[step.args[1]].value) is not None:
            args[1] = exponent  # a plain number, so that torch records the power that a reader would write
        try:
            with ops.no_grad() if step.no_grad else contextlib.nullcontext():
                return ops.table[step.op](*args)
        except (ValueError, TypeError, RuntimeError, ArithmeticError):
            shapes = " and ".join(str(tuple(np.shape(arg))) for arg in args)
            raise self.error(f"'{step.shown}' cannot take the shapes {shapes}", step.span[0]) from None

    def not_finite(self, step: Step, found: str) -> NoReturn:
        if step.op == "input":
            raise self.error(f"{step.name} is {found}; give it a finite value", step.span[0])
        cause = DOMAINS.get(step.op, "the result is too large for a float64")
        raise self.error(f"'{step.shown}' gives {found} in '{short(self.source(step))}': {cause}", step.span[0])

    def no_number(self, name: str, value: Any, cause: Exception) -> ExpressionError:
        """The sentence for a value that nothing can be computed with."""
        place = next(step.span[0] for step in self.steps if step.op == "input" and step.name == name)
        if isinstance(cause, OverflowError):
            return self.error(f"{name} is too large; a float64 ends at 1.8e308", place)
        return self.error(f"{name} is a {type(value).__name__}, which holds no real numbers", place)

    def error(self, message: str, offset: int) -> ExpressionError:
        return error_at(self.text, message, offset)


DOMAINS = {
    "div": "the divisor is 0 or the quotient too large",
    "log": "log needs a number above 0",
    "sqrt": "sqrt needs 0 or more",
    "pow": "the power is too large, or has no real value",
}
