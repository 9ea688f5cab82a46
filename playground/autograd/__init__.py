"""Safe expressions, the tape of what torch recorded, and its graph. Importing it does not import torch."""

from playground.autograd.expression import ExpressionError, Program, parse

__all__ = ["ExpressionError", "Program", "parse"]
