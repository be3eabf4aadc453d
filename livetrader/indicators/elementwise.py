"""Bar-by-bar functions of one or more values. NaN in any of them gives NaN."""

from __future__ import annotations

from livetrader.indicators.graph import Node, Operand, node, number, numeric, truth
from livetrader.indicators.operations import ABS, MAXIMUM, MINIMUM, WHERE


def where(condition: Node, a: Operand, b: Operand) -> Node:
    """`a` where the condition is true, `b` elsewhere (where a NaN made it false, too)."""
    return node(WHERE, (truth(condition), numeric(a), numeric(b)))


def maximum(a: Operand, b: Operand) -> Node:
    """The greater of the two."""
    return number(MAXIMUM, a, b)


def minimum(a: Operand, b: Operand) -> Node:
    """The lesser of the two."""
    return number(MINIMUM, a, b)


def abs(x: Operand) -> Node:
    """The absolute value."""
    return number(ABS, x)
