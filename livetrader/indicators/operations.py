"""The operations that a graph is made of. None of them knows what a node is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np


@dataclass(frozen=True, slots=True)
class Field:
    """A candle field, or `minute` (whole minutes from the session's open)."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """The same number on every bar."""

    value: float


@dataclass(frozen=True, slots=True)
class LastSession:
    """The input's value as of the last completed session: one number a symbol and session."""


@dataclass(frozen=True, slots=True, eq=False)
class Elementwise:
    """`function(*inputs, out)` on arrays and numbers, bar by bar and without memory."""

    name: str
    function: Callable[..., object]
    boolean: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A compiled recursion (see kernel.py): what it is called with, and what its memory holds at first."""

    name: str
    function: Callable[..., None]
    outputs: tuple[bool, ...]
    by_session: bool
    fill: float


@dataclass(frozen=True, slots=True)
class Call:
    """A kernel with its parameters and `memory`, the numbers that it remembers for each symbol."""

    kernel: Kernel
    params: tuple[float, ...]
    memory: int


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a `Call`."""

    index: int


@dataclass(frozen=True, slots=True)
class PerSymbol:
    """`function(*series)` on each symbol's traded bars since the start of the block."""

    function: Callable[..., Any]


Operation: TypeAlias = Field | Constant | LastSession | Elementwise | Call | Output | PerSymbol


def _divide(a: Any, b: Any, out: Any) -> None:
    np.divide(a, b, out)
    np.copyto(out, np.nan, where=np.equal(b, 0.0))


def _different(a: Any, b: Any, out: Any) -> None:
    # Not `not_equal`, which holds for NaN.
    np.less(a, b, out)
    np.logical_or(out, np.greater(a, b), out)


def _maximum(a: Any, b: Any, out: Any) -> None:
    np.maximum(a, b, out=out)


def _minimum(a: Any, b: Any, out: Any) -> None:
    np.minimum(a, b, out=out)


def _where(condition: Any, a: Any, b: Any, out: Any) -> None:
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


def _number(a: Any, out: Any) -> None:
    np.copyto(out, a)


ADD = Elementwise("add", np.add)
SUBTRACT = Elementwise("subtract", np.subtract)
MULTIPLY = Elementwise("multiply", np.multiply)
DIVIDE = Elementwise("divide", _divide)
NEGATE = Elementwise("negate", np.negative)
ABS = Elementwise("abs", np.absolute)
MAXIMUM = Elementwise("maximum", _maximum)
MINIMUM = Elementwise("minimum", _minimum)
WHERE = Elementwise("where", _where)
NUMBER = Elementwise("number", _number)
LESS = Elementwise("less", np.less, boolean=True)
LESS_EQUAL = Elementwise("less_equal", np.less_equal, boolean=True)
GREATER = Elementwise("greater", np.greater, boolean=True)
GREATER_EQUAL = Elementwise("greater_equal", np.greater_equal, boolean=True)
EQUAL = Elementwise("equal", np.equal, boolean=True)
DIFFERENT = Elementwise("different", _different, boolean=True)
AND = Elementwise("and", np.logical_and, boolean=True)
OR = Elementwise("or", np.logical_or, boolean=True)
NOT = Elementwise("not", np.logical_not, boolean=True)
