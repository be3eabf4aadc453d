"""Strategies run over rows of candles: a window goes in, signals come out.

One scanner serves the strategies that share a series. The backtest feeds it a block in chunks of rows, live feeds it
one row at a time; the values, and so the signals, are the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from numba import njit

from livetrader.domain.candles import FIELDS, CandleWindow, Floats
from livetrader.domain.signal import Side, Signal
from livetrader.errors import StrategyError
from livetrader.indicators import ta
from livetrader.indicators.evaluate import Context, Evaluator, session_starts
from livetrader.indicators.frames import Frames
from livetrader.indicators.graph import Candles, Node, Series
from livetrader.strategies.base import Strategy

Flags = npt.NDArray[np.bool_]
Values = Mapping[str, npt.NDArray[np.float64]]

# The rows before the current one that users' `entries` sees live.
KEPT_ROWS = 1


@njit("void(b1[:,:], b1[:], b1[:], f8[:,:], b1[:], b1[:,:])", cache=True)
def _first_true(
    entry: Flags, allowed: Flags, new_session: Flags, close: Floats, fired: Flags, out: Flags
) -> None:
    """`out` is `entry` on traded bars of allowed rows, once a session: `fired` remembers it by symbol."""
    for t in range(entry.shape[0]):
        if new_session[t]:
            fired[:] = False
        for s in range(entry.shape[1]):
            out[t, s] = allowed[t] and entry[t, s] and not fired[s] and not np.isnan(close[t, s])
            if out[t, s]:
                fired[s] = True


@dataclass(frozen=True, slots=True)
class Plan:
    """A strategy, the period of the ATR that its exit needs, and its expressions under their own names."""

    strategy: Strategy
    nodes: Mapping[str, Node]

    def key(self, name: str) -> str:
        return f"{self.strategy.name}.{name}"

    @property
    def named(self) -> dict[str, Node]:
        return {self.key(name): node for name, node in self.nodes.items()}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that `scan` and `why` show."""
        return tuple(n for n in self.nodes if n not in RESERVED)


ENTRIES = ("entry", "entry_long", "entry_short")
RESERVED = (*ENTRIES, *FIELDS, "atr")


def plan(strategy: Strategy, atr_period: int = 14) -> Plan:
    """The expressions of a strategy, checked: StrategyError where it fails, or gives no way to enter."""
    candles = Candles(strategy.series)
    try:
        nodes = dict(strategy.indicators(candles))
    except Exception as error:
        raise failed(strategy, "indicators(c)", error) from error
    for name, node in nodes.items():
        if not isinstance(node, Node):
            raise StrategyError(
                f"strategy {strategy.name}: indicators()[{name!r}] is {node!r}, not an indicator"
            )
    if strategy.uses_pandas:
        nodes |= {name: getattr(candles, name) for name in FIELDS if name not in nodes}
    elif not any(name in nodes for name in ENTRIES):
        raise StrategyError(f"strategy {strategy.name}: neither entries(f) nor an indicator named `entry`")
    elif "entry" in nodes and strategy.side is None:
        raise StrategyError(
            f"strategy {strategy.name}: `entry` of a strategy without a side: set `side`, "
            "or name the indicators `entry_long` and `entry_short`"
        )
    nodes["atr"] = ta.atr(candles, atr_period)
    return Plan(strategy, nodes)


def failed(strategy: Strategy, where: str, error: Exception) -> StrategyError:
    """What a strategy's own code raised, in one line that names the strategy."""
    return StrategyError(f"strategy {strategy.name}: {where}: {type(error).__name__}: {error}")


class Scanner:
    """The strategies of one series over rows of candles of some symbols."""

    def __init__(
        self, plans: Sequence[Plan], symbols: Sequence[str], rows: int, timezone: ZoneInfo, context: Context
    ) -> None:
        self.plans, self.symbols, self.rows = tuple(plans), tuple(symbols), rows
        self.timezone, self.context = timezone, context
        named = {key: node for p in plans for key, node in p.named.items()}
        keep = KEPT_ROWS if any(p.strategy.uses_pandas for p in plans) else 0
        self.evaluator = Evaluator(named, len(self.symbols), rows, keep)
        self.fired = [np.zeros(len(self.symbols), np.bool_) for _ in plans]

    @property
    def series(self) -> Series:
        return self.plans[0].strategy.series

    def skip(self, window: CandleWindow, new_session: Flags) -> None:
        """Advance over rows whose signals are not wanted."""
        for start, end in self._chunks(window):
            self.evaluator.run(window.rows(start, end), new_session[start:end], self.context)

    def scan(self, window: CandleWindow, new_session: Flags) -> list[Signal]:
        """The signals on the rows of `window`, which follow those of the last call."""
        found: list[Signal] = []
        for start, end in self._chunks(window):
            rows = window.rows(start, end)
            values = self.evaluator.run(rows, new_session[start:end], self.context)
            for p, fired in zip(self.plans, self.fired, strict=True):
                found += self._signals(p, fired, rows, new_session[start:end], values)
        return found

    @classmethod
    def join(cls, tiles: Sequence[Scanner], context: Context, rows: int = 1) -> Scanner:
        """One scanner over all symbols that goes on where those of adjoining tiles stopped."""
        first = tiles[0]
        symbols = [symbol for tile in tiles for symbol in tile.symbols]
        whole = cls(first.plans, symbols, rows, first.timezone, context)
        whole.evaluator = Evaluator.join([tile.evaluator for tile in tiles], rows)
        whole.fired = [np.concatenate(parts) for parts in zip(*(tile.fired for tile in tiles), strict=True)]
        return whole

    def _chunks(self, window: CandleWindow) -> list[tuple[int, int]]:
        height = window.shape[0]
        return [(start, min(start + self.rows, height)) for start in range(0, height, self.rows)]

    def _signals(
        self, p: Plan, fired: Flags, rows: CandleWindow, new_session: Flags, values: Values
    ) -> list[Signal]:
        allowed = allowed_rows(rows, p.strategy.window, self.timezone)
        if not allowed.any() and not new_session.any():
            return []
        long, short = self._entries(p, rows, values)
        out = np.empty(rows.shape, np.bool_)
        either = (
            long | short if long is not None and short is not None else (long if short is None else short)
        )
        assert either is not None, "a plan has at least one way to enter"
        _first_true(either, allowed, new_session, rows.close, fired, out)
        if not out.any():
            return []
        return [
            self._signal(p, Side.LONG if long is not None and long[t, s] else Side.SHORT, rows, values, t, s)
            for t, s in zip(*np.nonzero(out), strict=True)
        ]

    def _entries(self, p: Plan, rows: CandleWindow, values: Values) -> tuple[Flags | None, Flags | None]:
        """Where the strategy wants to enter long and short; None for a side that it does not trade."""
        if p.strategy.uses_pandas:
            return pandas_entries(p, rows, values, self.symbols)
        found = {
            name: values[p.key(name)].astype(np.bool_, copy=False) for name in ENTRIES if name in p.nodes
        }
        if "entry" in found:
            return (found["entry"], None) if p.strategy.side is Side.LONG else (None, found["entry"])
        return found.get("entry_long"), found.get("entry_short")

    def _signal(self, p: Plan, side: Side, rows: CandleWindow, values: Values, t: int, s: int) -> Signal:
        row = t - rows.shape[0]  # from the end: kept rows stand in front
        return Signal(
            strategy=p.strategy.name,
            strategy_id=p.strategy.identity,
            symbol=self.symbols[s],
            side=side,
            interval=rows.interval,
            bar_open=int(rows.ts[t]),
            as_of=int(rows.closes[t]),
            price=float(rows.close[t, s]),
            atr=float(values[p.key("atr")][row, s]),
            inputs={name: float(values[p.key(name)][row, s]) for name in p.inputs},
        )


def pandas_entries(
    p: Plan, rows: CandleWindow, values: Values, symbols: Sequence[str]
) -> tuple[Flags | None, Flags | None]:
    """A user's `entries(f)` on the rows of one evaluation, the kept row included where there is one."""
    height = rows.shape[0]
    own = {name: values[p.key(name)] for name in p.nodes}
    kept = len(next(iter(own.values()))) - height
    ts = np.concatenate([np.full(kept, rows.ts[0] - rows.interval.seconds), rows.ts])
    try:
        answer = p.strategy.entries(Frames(own, ts, symbols))
    except Exception as error:
        raise failed(p.strategy, "entries(f)", error) from error
    sides = answer if isinstance(answer, Mapping) else {p.strategy.side: answer}
    masks: dict[Side, Flags] = {}
    for side, frame in sides.items():
        if side not in tuple(Side):
            raise StrategyError(
                f"strategy {p.strategy.name}: entries(f) is for side {side!r}: "
                "set `side`, or return a frame for each of Side.LONG and Side.SHORT"
            )
        flags = np.asarray(frame)
        if flags.shape != (height + kept, len(symbols)):
            raise StrategyError(
                f"strategy {p.strategy.name}: entries(f) has shape {flags.shape}, "
                f"expected {(height + kept, len(symbols))} (time × symbol)"
            )
        # NaN is not an entry, though NumPy takes it for true.
        truth = flags if flags.dtype == np.bool_ else (flags == 1)
        masks[Side(side)] = np.ascontiguousarray(truth[kept:], np.bool_)
    return masks.get(Side.LONG), masks.get(Side.SHORT)


def allowed_rows(rows: CandleWindow, window: tuple[time, time] | None, timezone: ZoneInfo) -> Flags:
    """The rows whose bar opens inside the window, in exchange time, end exclusive."""
    if window is None:
        return np.ones(len(rows.ts), np.bool_)
    offsets = np.array(
        [int(s.open_at.astimezone(timezone).utcoffset().total_seconds()) for s in rows.sessions]  # type: ignore[union-attr]
    )
    seconds = (rows.ts + offsets[rows.session]) % 86400
    start, end = (t.hour * 3600 + t.minute * 60 + t.second for t in window)
    inside: Flags = (seconds >= start) & (seconds < end)
    return inside


__all__ = ["Plan", "Scanner", "allowed_rows", "pandas_entries", "plan", "session_starts"]
