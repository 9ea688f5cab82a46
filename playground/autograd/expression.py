"""What a user types: a few lines of arithmetic, compiled to a straight list of steps. Python never evaluates it.

A program is any number of lines `name = expression` and a last expression:

>>> program = parse("h = w * x\\nsigmoid(h) ** 2")
>>> program.names
('w', 'x')
>>> parse("x ** 2 + 2*x + 1")(x=2.0)
9.0

The same steps run on floats, NumPy arrays, `playground.scratch.Tensor` and torch tensors. The text is read by our own
tokenizer and parser, which know numbers, names, the operators and the functions below, and nothing else: there is no
way to write an attribute, a subscript or a string.
"""

from playground.autograd.operations import ELEMENTWISE, FUNCTIONS, SYMBOLS
from playground.autograd.parser import CONSTANTS, MAX_DEPTH, MAX_NAME, MAX_NODES, MAX_TOWER, Parser
from playground.autograd.program import ExpressionError, Program, Step

__all__ = [
    "CONSTANTS",
    "ELEMENTWISE",
    "FUNCTIONS",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_NAME",
    "MAX_NODES",
    "MAX_TOWER",
    "SYMBOLS",
    "ExpressionError",
    "Program",
    "Step",
    "parse",
]

MAX_LENGTH = 500
"""Characters in one program."""


def parse(text: str) -> Program:
    """Read a program.

    Raises:
        ExpressionError: one sentence that says what and where, for any text (and anything else) that is no program.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"a program is text, not a {type(text).__name__}.")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the program has {len(text):,} characters; the most is {MAX_LENGTH}.")
    return Parser(text).program()
