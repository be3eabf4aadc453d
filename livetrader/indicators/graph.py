"""Expressions over candle series: what a strategy writes, before anything is calculated.

A `Node` names one calculation on one series. Equal expressions are one object, so a graph built by several
strategies shares whatever they have in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, TypeAlias
from weakref import WeakValueDictionary

import numpy as np

from livetrader.domain.candles import FIELDS, Interval
from livetrader.errors import StrategyError
from livetrader.indicators.operations import (
    ABS,
    ADD,
    AND,
    DIFFERENT,
    DIVIDE,
    EQUAL,
    GREATER,
    GREATER_EQUAL,
    LESS,
    LESS_EQUAL,
    MULTIPLY,
    NEGATE,
    NOT,
    NUMBER,
    OR,
    SUBTRACT,
    Call,
    Constant,
    Elementwise,
    Field,
    Kernel,
    LastSession,
    Operation,
    Output,
    PerSymbol,
)

Operand: TypeAlias = "Node | float"


@dataclass(frozen=True, slots=True)
class Series:
    """Which candles: those of `symbol` (None: each symbol's own), from a block that begins
    `warmup_sessions` sessions before the calendar month."""

    symbol: str | None
    interval: Interval
    warmup_sessions: int


class Node:
    """One calculation: an operation on inputs. Immutable; made by `node` and by operators only.

    `series` is the series that it runs along (None: any, as for a constant), `boolean` tells truth values
    from numbers. Nodes of two series do not mix: `ta.last_session` carries a value from one to another.
    """

    __slots__ = ("__weakref__", "boolean", "inputs", "op", "series")

    op: Operation
    inputs: tuple[Operand, ...]
    series: Series | None
    boolean: bool

    # Equal expressions are one object (`node`), so the hash of identity is a structural hash, and a lookup
    # never gets as far as `==`, which builds a comparison.
    __hash__ = object.__hash__

    def __reduce__(self) -> NoReturn:
        # A copy would be a second object for an equal expression.
        raise TypeError("an indicator is neither copied nor pickled: build it anew where it is needed")

    def __repr__(self) -> str:
        match self.op:
            case Field(name):
                return name
            case Constant(value):
                return f"{value:g}"
            case LastSession():
                name = "last_session"
            case Call(kernel, params):
                return f"{kernel.name}({', '.join(map(_text, (*self.inputs, *params)))})"
            case Output(index):
                call = _text(self.inputs[0])
                return f"{call}[{index}]" if index else call
            case PerSymbol(function):
                name = getattr(function, "__name__", "per_symbol")
            case Elementwise(name):
                pass
        return f"{name}({', '.join(map(_text, self.inputs))})"

    def __bool__(self) -> bool:
        raise StrategyError("an indicator has no single truth value: write & | ~ for and, or, not")

    def __add__(self, other: Operand) -> Node:
        return number(ADD, self, other)

    def __radd__(self, other: Operand) -> Node:
        return number(ADD, other, self)

    def __sub__(self, other: Operand) -> Node:
        return number(SUBTRACT, self, other)

    def __rsub__(self, other: Operand) -> Node:
        return number(SUBTRACT, other, self)

    def __mul__(self, other: Operand) -> Node:
        return number(MULTIPLY, self, other)

    def __rmul__(self, other: Operand) -> Node:
        return number(MULTIPLY, other, self)

    def __truediv__(self, other: Operand) -> Node:
        return number(DIVIDE, self, other)

    def __rtruediv__(self, other: Operand) -> Node:
        return number(DIVIDE, other, self)

    def __neg__(self) -> Node:
        return number(NEGATE, self)

    def __abs__(self) -> Node:
        return number(ABS, self)

    def __lt__(self, other: Operand) -> Node:
        return number(LESS, self, other)

    def __le__(self, other: Operand) -> Node:
        return number(LESS_EQUAL, self, other)

    def __gt__(self, other: Operand) -> Node:
        return number(GREATER, self, other)

    def __ge__(self, other: Operand) -> Node:
        return number(GREATER_EQUAL, self, other)

    def __eq__(self, other: Operand) -> Node:  # type: ignore[override]  # a comparison is an expression here
        return number(EQUAL, self, other)

    def __ne__(self, other: Operand) -> Node:  # type: ignore[override]  # a comparison is an expression here
        return number(DIFFERENT, self, other)

    def __and__(self, other: Node) -> Node:
        return node(AND, (truth(self), truth(other)))

    def __or__(self, other: Node) -> Node:
        return node(OR, (truth(self), truth(other)))

    def __invert__(self) -> Node:
        return node(NOT, (truth(self),))


_known: WeakValueDictionary[tuple[object, ...], Node] = WeakValueDictionary()


def node(op: Operation, inputs: tuple[Operand, ...] = (), series: Series | None = None, boolean: bool = False) -> Node:
    """The node of this operation on these inputs, made at the first call.

    `series` and `boolean` matter where the operation and the inputs do not settle them (fields, outputs).
    Raises StrategyError where the inputs run along different series.
    """
    if not isinstance(op, LastSession):
        for one in inputs:
            series = _same(series, one.series if isinstance(one, Node) else None, op)
    if isinstance(op, Elementwise):
        boolean = op.boolean
    # Ids name the inputs because the node keeps them alive; repr tells 0.0 from -0.0.
    names = tuple(id(one) if isinstance(one, Node) else repr(float(one)) for one in inputs)
    key = (op, names, series, boolean)
    found = _known.get(key)
    if found is None:
        found = Node()
        found.op, found.inputs, found.series, found.boolean = op, inputs, series, boolean
        _known[key] = found
    return found


def _same(a: Series | None, b: Series | None, op: Operation) -> Series | None:
    if a is not None and b is not None and a != b:
        raise StrategyError(
            f"{getattr(op, 'name', type(op).__name__)} mixes the series {a} and {b}: "
            "bring one to the other with ta.last_session"
        )
    return a if a is not None else b


def constant(value: float) -> Node:
    """A node that is `value` on every bar of any series."""
    return node(Constant(float(value)))


def field(series: Series, name: str) -> Node:
    """A candle field of the series, or its `minute`."""
    return node(Field(name), series=series)


def numeric(value: Operand) -> Node:
    """A node of numbers: a truth value as 1.0 or 0.0, a plain number as a constant."""
    if not isinstance(value, Node):
        return constant(_plain(value))
    return node(NUMBER, (value,)) if value.boolean else value


def truth(value: Operand) -> Node:
    """The node, if it holds truth values; StrategyError if not."""
    if isinstance(value, Node) and value.boolean:
        return value
    raise StrategyError(f"{value!r} is a number where a condition is needed: compare it with something")


def number(op: Elementwise, *operands: Operand) -> Node:
    """`op` on numbers; plain numbers stay what they are."""
    return node(op, tuple(numeric(one) if isinstance(one, Node) else _plain(one) for one in operands))


def call(kernel: Kernel, inputs: tuple[Node, ...], params: tuple[float, ...] = (), memory: int = 1) -> Node:
    """The first output of a kernel; `outputs` gives all."""
    return outputs(kernel, inputs, params, memory)[0]


def outputs(
    kernel: Kernel, inputs: tuple[Node, ...], params: tuple[float, ...] = (), memory: int = 1
) -> tuple[Node, ...]:
    """The outputs of a kernel run on `inputs`."""
    made = node(Call(kernel, tuple(float(one) for one in params), memory), inputs)
    return tuple(node(Output(i), (made,), boolean=flag) for i, flag in enumerate(kernel.outputs))


def _plain(value: object) -> float:
    if isinstance(value, int | float | np.integer | np.floating):
        return float(value)
    raise StrategyError(f"{value!r} is neither an indicator nor a number")


def _text(one: Operand) -> str:
    return repr(one) if isinstance(one, Node) else f"{one:g}"


class Candles:
    """A series as a strategy sees it: `c.open`, `c.high`, `c.low`, `c.close`, `c.volume` and `c.minute`."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self.open, self.high, self.low, self.close, self.volume, self.minute = (
            field(series, name) for name in (*FIELDS, "minute")
        )

    def daily(self, warmup: int = 60) -> Candles:
        """The daily bars of the same symbols, in their own block; read them through `ta.last_session`."""
        return Candles(Series(self.series.symbol, Interval.D1, warmup))

    def other(self, symbol: str, interval: Interval | str, warmup: int = 60) -> Candles:
        """The bars of another symbol, an index for one; read them through `ta.last_session`."""
        return Candles(Series(symbol, Interval(interval), warmup))
