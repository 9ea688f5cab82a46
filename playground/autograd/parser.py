"""Reading a program: our own tokenizer, and recursive descent with Python's precedence. Python never evaluates it."""

import builtins
import difflib
import keyword
import math
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from playground.autograd.operations import FUNCTIONS, NUMPY, tell
from playground.autograd.program import Program, Step, error_at, short

MAX_NODES = 300
"""Numbers, names and operations in one program, each time they are written."""
MAX_DEPTH = 40
"""Brackets, signs and powers inside one another."""
MAX_TOWER = 3
"""Numbers in a tower of powers: a**b**c is the tallest."""
MAX_NAME = 24
"""Characters in one name."""
MAX_DIGITS = 40
"""Characters in one number; a float64 holds 17 digits."""

CONSTANTS = {"pi": math.pi, "e": math.e}

LOOK_ALIKES = {
    "−": "-", "–": "-", "—": "-", "×": "*", "·": "*", "∙": "*", "•": "*", "⋅": "*", "∗": "*", "÷": "/", "⁄": "/",
    "∕": "/", "²": "**2", "³": "**3", "√": "sqrt(...)", "π": "pi", "ℯ": "e", "（": "(", "）": ")", "，": ",",
    "＝": "=", "＋": "+", "；": ";", "\u00a0": "a space", "\u2009": "a space", "“": "nothing", "”": "nothing",
    **dict(zip("аеорсухіАВЕКМНОРСТХ", "aeopcyxiABEKMHOPCTX", strict=True)),  # Cyrillic letters in Latin shapes
}  # fmt: skip
NOT_HERE = {
    "^": "a power is written **",
    "%": "there is no remainder here",
    "@": "for vectors write sum(a * b)",
    "[": "there are no subscripts and no lists; give a vector as a value",
    "]": "there are no subscripts and no lists; give a vector as a value",
    "{": "brackets are round",
    "}": "brackets are round",
    "<": "there are no comparisons; a branch is written as two programs",
    ">": "there are no comparisons; a branch is written as two programs",
    "!": "there are no comparisons and no factorials",
    "|": "the absolute value is written abs(x)",
    '"': "there is no text here, only numbers",
    "'": "there is no text here, only numbers",
    ":": "there is only 'name = expression'",
    ".": "there are no attributes and no methods",
}
OTHER_NAMES = {
    "ln": "log", "logarithm": "log", "tg": "tan", "sqr": "a power, x**2", "square": "a power, x**2",
    "pow": "a power, x**2", "maximum": "max", "minimum": "min", "average": "mean", "logistic": "sigmoid",
    "fabs": "abs", "ReLU": "relu",
}  # fmt: skip
_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign>\*\*|//|==|[-+*/()=,])|(?P<end>[;\n])|(?P<space>[ \t\r]+|#[^\n]*)",
    re.ASCII,  # otherwise \d takes the digits of every alphabet
)
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def _shown(char: str) -> str:
    """A character that can be told: as it is if it can be seen, else as its number."""
    return repr(char) if char.isprintable() else ascii(char)


def _way_out(char: str) -> str:
    """A hint for letters of other alphabets, raised and lowered digits and wide forms; '' for the rest."""
    same = unicodedata.normalize("NFKC", char)
    kind = unicodedata.decomposition(char).partition(" ")[0]
    if len(same) == 1 and same.isascii() and same.isprintable() and same != char:
        return f"; write {'**' if kind == '<super>' else ''}{same}"
    return "; names are written in plain Latin letters" if char.isalpha() else ""


class Parser:
    """Recursive descent, with Python's precedence: + -, then * /, then signs, then ** (to the right)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.at = 0
        self.steps: list[Step] = []
        self.inputs: dict[str, int] = {}
        self.assigned: dict[str, int] = {}
        self.count = 0
        self.depth = 0
        self.shielded = 0
        self.line_start = 0

    def fail(self, message: str, offset: int) -> NoReturn:
        raise error_at(self.text, message, offset) from None

    # tokens

    def _tokens(self) -> list[_Token]:
        tokens: list[_Token] = []
        brackets: list[int] = []
        at = 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                self._strange(at)
            kind, word = match.lastgroup or "", match.group()
            if kind == "space" and word[0] == "#" and not (word.isascii() and word.isprintable()):
                self.fail("a comment is plain ASCII text", at)
            if word == "//":
                self.fail("there is no whole division; write /", at)
            if word == "==":
                self.fail("'==' compares; one '=' assigns", at)
            if word == "(":
                brackets.append(at)
            elif word == ")":
                if not brackets:
                    self.fail("this bracket closes nothing", at)
                brackets.pop()
            if len(brackets) > MAX_DEPTH:
                self.fail(f"more than {MAX_DEPTH} brackets inside one another", at)
            if kind != "space" and not (word == "\n" and brackets):
                tokens.append(_Token(kind, word, at))
            at = match.end()
        if brackets:
            self.fail("this bracket is never closed", brackets[-1])
        return [*tokens, _Token("end", "", len(self.text))]

    def _strange(self, at: int) -> NoReturn:
        char = self.text[at]
        if char in LOOK_ALIKES:
            self.fail(f"{char!r} is not plain ASCII; write {LOOK_ALIKES[char]}", at)
        if char in NOT_HERE:
            self.fail(f"'{char}' means nothing here: {NOT_HERE[char]}", at)
        self.fail(f"the character {_shown(char)} has no place in a program{_way_out(char)}", at)

    @property
    def token(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.token
        self.at += 1
        return token

    def taken(self, *signs: str) -> _Token | None:
        return self.take() if self.token.kind == "sign" and self.token.text in signs else None

    # lines

    def program(self) -> Program:
        output = None
        while self.at < len(self.tokens) - 1:
            if self.token.kind == "end":
                if self.token.text == ";" and (self.at == 0 or self.tokens[self.at - 1].kind == "end"):
                    self.fail("nothing stands before this ';'", self.token.start)
                self.take()
                continue
            if output is not None:
                self.fail("only the last line may stand without a name; write 'name = ...' before it", self.line_start)
            self.line_start = self.token.start
            output = self._line()
        if output is None:
            last = next((name for name in reversed(self.assigned)), None)
            way = f"end with what is to be computed, such as {last}" if last else "write an expression, such as x**2"
            self.fail("the program has no last expression; " + way, len(self.text.rstrip()))
        self._check_constants()
        return Program(self.text, tuple(self.steps), output)

    def _line(self) -> int | None:
        """One line; the place of its step if it is an expression, None if it is an assignment."""
        following = self.tokens[self.at + 1]
        target = None
        if self.token.kind == "name" and following.kind == "sign" and following.text == "=":
            target = self._target(self.take())
            self.take()
        step = self._sum()
        if self.token.kind != "end":
            self._surprise(self.token)
        if target is None:
            return step
        if target in self.inputs:
            self.fail(f"'{target}' is computed from itself; give the result another name", self.line_start)
        if self.steps[step].op != "input" and not self.steps[step].name:
            self.steps[step] = replace(self.steps[step], name=target)
        self.assigned[target] = step
        return None

    def _target(self, token: _Token) -> str:
        name = token.text
        self._check_name(token)
        if name in CONSTANTS or name in FUNCTIONS:
            self.fail(f"'{name}' has a meaning already; take another name", token.start)
        if name in self.assigned:
            self.fail(f"'{name}' is assigned twice; take another name", token.start)
        if name in self.inputs:
            self.fail(f"'{name}' is an input already, used above; take another name", token.start)
        return name

    def _surprise(self, token: _Token) -> NoReturn:
        before = self.tokens[self.at - 1]
        if token.text == "=":
            self.fail("'=' stands after one name at the beginning of a line", token.start)
        if before.kind == "number" and token.kind == "name" and token.start == before.end:
            self._check_tail(before, token)
            self.fail(f"write {before.text}*{short(token.text)}, with the sign of the product", token.start)
        if token.kind in ("name", "number") or token.text == "(":
            if keyword.iskeyword(token.text) or keyword.iskeyword(before.text):
                word = token.text if keyword.iskeyword(token.text) else before.text
                self.fail(f"'{word}' is Python, which is not run here; write arithmetic", token.start)
            self.fail(f"there is no operation before '{short(token.text)}'; write * for a product", token.start)
        self.fail(f"'{token.text or 'the end'}' is not expected here", token.start)

    def _check_tail(self, number: _Token, tail: _Token) -> None:
        """Python's other ways to write a number, of which there is one here."""
        if tail.text[0] == "_" or (
            number.text == "0" and re.fullmatch("[xX][0-9a-fA-F]+|[bB][01]+|[oO][0-7]+", tail.text)
        ):
            self.fail("a number is written with plain decimal digits, such as 1000 or 1e3", number.start)
        if tail.text in ("j", "J"):
            self.fail("there are no complex numbers here", number.start)

    # expressions

    def _add(self, step: Step) -> int:
        self.steps.append(replace(step, no_grad=self.shielded > 0))
        return len(self.steps) - 1

    def _counted(self, offset: int) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            self.fail(f"more than {MAX_NODES} numbers, names and operations", offset)

    def _deeper(self, offset: int) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"more than {MAX_DEPTH} operations inside one another", offset)

    def _binary(self, op: str, left: int, right: int, start: int) -> int:
        self._counted(start)
        return self._add(Step(op, (left, right), (start, self.tokens[self.at - 1].end)))

    def _sum(self) -> int:
        start = self.token.start
        left = self._product()
        while sign := self.taken("+", "-"):
            left = self._binary("add" if sign.text == "+" else "sub", left, self._product(), start)
        return left

    def _product(self) -> int:
        start = self.token.start
        left = self._signed()
        while sign := self.taken("*", "/"):
            left = self._binary("mul" if sign.text == "*" else "div", left, self._signed(), start)
        return left

    def _signed(self, tower: int = 1) -> int:
        sign = self.taken("+", "-")
        if sign is None:
            return self._power(tower)
        self._deeper(sign.start)
        operand = self._signed(tower)
        self.depth -= 1
        span = (sign.start, self.tokens[self.at - 1].end)
        step = self.steps[operand]
        if sign.text == "+":
            return operand
        if step.op == "constant" and step.value is not None and not step.name and operand == len(self.steps) - 1:
            self.steps[operand] = replace(step, value=-step.value, span=span)
            return operand
        self._counted(sign.start)
        return self._add(Step("neg", (operand,), span))

    def _power(self, tower: int) -> int:
        start = self.token.start
        base = self._atom()
        sign = self.taken("**")
        if sign is None:
            return base
        if tower >= MAX_TOWER:
            self.fail(f"a tower of more than {MAX_TOWER} powers", sign.start)
        self._deeper(sign.start)
        exponent = self._signed(tower + 1)
        self.depth -= 1
        return self._binary("pow", base, exponent, start)

    def _atom(self) -> int:
        token = self.take()
        if token.kind == "number":
            return self._number(token)
        if token.kind == "name":
            return self._call(token) if self.token.text == "(" else self._name(token)
        if token.text != "(":
            if token.kind == "end":
                self.fail("something is missing at the end of this line", token.start)
            self.fail(f"a number or a name is missing before '{token.text}'", token.start)
        self._deeper(token.start)
        inner = self._sum()
        self.depth -= 1
        if not self.taken(")"):
            self._surprise(self.token)
        return inner

    def _number(self, token: _Token) -> int:
        self._counted(token.start)
        if len(token.text) > MAX_DIGITS:
            self.fail(f"a number of {len(token.text)} characters; the most is {MAX_DIGITS}", token.start)
        if re.match("0+[1-9]", token.text):
            self.fail("a number does not begin with 0", token.start)
        value = float(token.text)
        if value == 0 and re.search("[1-9]", re.split("[eE]", token.text)[0]):
            self.fail(f"the number {short(token.text)} is too small; a float64 begins at 5e-324", token.start)
        if math.isinf(value):
            self.fail(f"the number {short(token.text)} is too large; a float64 ends at 1.8e308", token.start)
        return self._add(Step("constant", (), (token.start, token.end), value=value))

    def _check_name(self, token: _Token) -> None:
        name = token.text
        if len(name) > MAX_NAME:
            self.fail(f"the name '{short(name)}' has {len(name)} letters; the most is {MAX_NAME}", token.start)
        if keyword.iskeyword(name) or (keyword.issoftkeyword(name) and name != "_"):
            self.fail(f"'{name}' is Python, which is not run here; write arithmetic", token.start)
        if name.startswith("_") or (name in _BUILTINS and name not in FUNCTIONS):
            self.fail(f"'{name}' is no name for a number; take a plain one, such as x", token.start)
        if name.lower() in ("inf", "infinity", "nan"):
            self.fail(f"'{name}' is no finite number, and no name for one; take another name", token.start)

    def _name(self, token: _Token) -> int:
        self._counted(token.start)
        name = token.text
        if name in self.assigned:
            return self.assigned[name]
        if name in CONSTANTS:
            return self._add(Step("constant", (), (token.start, token.end), name, CONSTANTS[name]))
        if name in FUNCTIONS:
            self.fail(f"'{name}' is a function; write {name}(...)", token.start)
        self._check_name(token)
        if name not in self.inputs:
            self.inputs[name] = len(self.steps)
            self.steps.append(Step("input", (), (token.start, token.end), name))
        return self.inputs[name]

    def _call(self, token: _Token) -> int:
        self._counted(token.start)
        name = token.text
        if name not in FUNCTIONS:
            self._no_function(token)
        self.take()
        self._deeper(token.start)
        self.shielded += name == "no_grad"
        args: list[int] = []
        while not self.taken(")"):
            if args and not self.taken(","):
                self._surprise(self.token)
            args.append(self._sum())
        self.shielded -= name == "no_grad"
        self.depth -= 1
        arity = FUNCTIONS[name]
        if len(args) != arity:
            want = "one argument" if arity == 1 else "two arguments"
            more = "; for the largest of many, nest them" if name in ("max", "min") else ""
            self.fail(f"{name} takes {want}, not {len(args)}{more}", token.start)
        span = (token.start, self.tokens[self.at - 1].end)
        return self._add(Step(name, tuple(args), span))

    def _no_function(self, token: _Token) -> NoReturn:
        name = token.text
        if name in self.assigned or name in self.inputs or name in CONSTANTS:
            self.fail(f"'{name}' is no function; write {name}*(...) for a product", token.start)
        self._check_name(token)
        if name in OTHER_NAMES:
            self.fail(f"there is no function '{name}'; write {OTHER_NAMES[name]}", token.start)
        close = difflib.get_close_matches(name, FUNCTIONS, 1)
        choice = f"do you mean {close[0]}" if close else f"there are {', '.join(FUNCTIONS)}"
        self.fail(f"there is no function '{short(name)}'; {choice}", token.start)

    def _check_constants(self) -> None:
        """What consists of numbers alone is computed once, so that 9**9**9 and 1/0 are refused here."""
        known: dict[int, Any] = {}
        for place, step in enumerate(self.steps):
            if step.op == "input" or not all(arg in known for arg in step.args):
                continue
            with np.errstate(all="ignore"):
                args = [known[arg] for arg in step.args]
                known[place] = np.float64(step.value) if step.op == "constant" else NUMPY[step.op](*args)
            if not np.isfinite(known[place]):
                Program(self.text, tuple(self.steps), place).not_finite(step, tell(known[place]))
