"""Strategies run over rows of candles: a window goes in, signals come out.

One scanner serves the strategies that share a series. The backtest feeds it a block in chunks of rows, live feeds it
one row at a time; the values, and so the signals, are the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from numba import njit

from livetrader.domain.candles import FIELDS, CandleWindow, Floats, Ints
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


@njit("i8(b1[:,:], b1[:], b1[:], f8[:,:], b1[:], b1[:,:])", cache=True)
def _first_true(entry: Flags, allowed: Flags, new_session: Flags, close: Floats, fired: Flags, out: Flags) -> int:
    """`out` is `entry` on traded bars of allowed rows, once a session: `fired` remembers it by symbol.

    Gives how many are true.
    """
    count = 0
    for t in range(entry.shape[0]):
        if new_session[t]:
            fired[:] = False
        for s in range(entry.shape[1]):
            out[t, s] = allowed[t] and entry[t, s] and not fired[s] and not np.isnan(close[t, s])
            if out[t, s]:
                fired[s] = True
                count += 1
    return count


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
RESERVED = (*ENTRIES, "exit", *FIELDS, "atr")


def plan(strategy: Strategy, atr_period: int = 14) -> Plan:
    """The expressions of a strategy, checked: StrategyError where it fails, or gives no way to enter."""
    candles = Candles(strategy.series)
    try:
        nodes = dict(strategy.indicators(candles))
    except Exception as error:
        raise failed(strategy, "indicators(c)", error) from error
    for name, node in nodes.items():
        if not isinstance(node, Node):
            raise StrategyError(f"strategy {strategy.name}: indicators()[{name!r}] is {node!r}, not an indicator")
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
    what = " ".join(str(error).split())  # one line, also of what pandas says in several
    return StrategyError(f"strategy {strategy.name}: {where}: {type(error).__name__}: {what}")


@dataclass(frozen=True, slots=True)
class SignalColumns:
    """Signals of one strategy in columns, one entry a signal, in order of time.

    `symbol` indexes into `symbols`; `sign` is +1 for a long, −1 for a short. The others are `Signal`'s.
    """

    symbols: tuple[str, ...]
    symbol: Ints
    sign: Ints
    as_of: Ints
    price: Floats
    atr: Floats


_NONE = (*(np.empty(0, np.int64),) * 3, *(np.empty(0),) * 2)


@dataclass(frozen=True, slots=True)
class _Fired:
    """Where a plan enters, or leaves, in one run of the evaluator; `values` are valid until the next run."""

    plan: int
    rows: CandleWindow
    values: Values
    row: Ints
    symbol: Ints
    sign: Ints
    exit: bool = False


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
        self._inputs = [[(name, p.key(name)) for name in p.inputs] for p in plans]

    @property
    def series(self) -> Series:
        return self.plans[0].strategy.series

    def skip(self, window: CandleWindow, new_session: Flags) -> None:
        """Advance over rows whose signals are not wanted."""
        for start, end in self._chunks(window):
            self.evaluator.run(window.rows(start, end), new_session[start:end], self.context)

    def scan(self, window: CandleWindow, new_session: Flags) -> list[Signal]:
        """The signals on the rows of `window`, which follow those of the last call."""
        return [signal for fired in self._fired(window, new_session) for signal in self._signals(fired)]

    def columns(self, window: CandleWindow, new_session: Flags) -> SignalColumns:
        """As `scan`, for a scanner of one plan, without an object a signal."""
        assert len(self.plans) == 1, "columns are of one strategy"
        atr = self.plans[0].key("atr")
        found = [_NONE]
        for fired in self._fired(window, new_session):
            assert not fired.exit, "columns hold entries only"
            rows, t, s = fired.rows, fired.row, fired.symbol
            values = fired.values[atr][t - rows.shape[0], s]
            found.append((s, fired.sign, rows.closes[t], rows.close[t, s], values))
        symbol, sign, as_of, price, values = map(np.concatenate, zip(*found, strict=True))
        return SignalColumns(self.symbols, symbol, sign, as_of, price, values)

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

    def _fired(self, window: CandleWindow, new_session: Flags) -> Iterator[_Fired]:
        allowed = [allowed_rows(window, p.strategy.window, self.timezone) for p in self.plans]
        for start, end in self._chunks(window):
            cut = slice(start, end)
            rows = window.rows(start, end)
            values = self.evaluator.run(rows, new_session[cut], self.context)
            for i, inside in enumerate(allowed):
                leaves = self._leaves(i, rows, values)
                if leaves is not None:
                    yield leaves
                if inside[cut].any() or new_session[cut].any():
                    enters = self._enters(i, rows, values, inside[cut], new_session[cut])
                    if enters is not None:
                        yield enters

    def _enters(self, i: int, rows: CandleWindow, values: Values, allowed: Flags, new_session: Flags) -> _Fired | None:
        """The entries of plan `i`, each symbol's first of the session."""
        long, short = self._entries(self.plans[i], rows, values)
        either = long if short is None else short if long is None else long | short
        assert either is not None, "a plan has at least one way to enter"
        out = np.empty(rows.shape, np.bool_)
        if not _first_true(either, allowed, new_session, rows.close, self.fired[i], out):
            return None
        row, symbol = np.nonzero(out)
        bought = np.zeros(len(row), np.bool_) if long is None else long[row, symbol]
        return _Fired(i, rows, values, row, symbol, np.where(bought, 1, -1))

    def _leaves(self, i: int, rows: CandleWindow, values: Values) -> _Fired | None:
        """Where plan `i` wants to leave: every such bar, because what it holds is not known here."""
        p = self.plans[i]
        if p.strategy.has_exits:
            frames, height = frames_of(p, rows, values, self.symbols)
            leave = _truth(p.strategy, "exits", _asked(p.strategy, "exits", frames), rows, len(frames.ts) - height)
        elif "exit" in p.nodes:
            leave = values[p.key("exit")][-rows.shape[0] :].astype(np.bool_, copy=False)
        else:
            return None
        row, symbol = np.nonzero(leave & ~np.isnan(rows.close))
        sign = (p.strategy.side or Side.LONG).sign
        return _Fired(i, rows, values, row, symbol, np.full(len(row), sign), exit=True) if len(row) else None

    def _entries(self, p: Plan, rows: CandleWindow, values: Values) -> tuple[Flags | None, Flags | None]:
        """Where the strategy wants to enter long and short; None for a side that it does not trade."""
        if p.strategy.uses_pandas:
            return pandas_entries(p, rows, values, self.symbols)
        found = {name: values[p.key(name)].astype(np.bool_, copy=False) for name in ENTRIES if name in p.nodes}
        if "entry" in found:
            return (found["entry"], None) if p.strategy.side is Side.LONG else (None, found["entry"])
        return found.get("entry_long"), found.get("entry_short")

    def _signals(self, fired: _Fired) -> list[Signal]:
        strategy, rows, values = self.plans[fired.plan].strategy, fired.rows, fired.values
        inputs, atr = self._inputs[fired.plan], values[self.plans[fired.plan].key("atr")]
        return [
            Signal(
                strategy=strategy.name,
                strategy_id=strategy.identity,
                symbol=self.symbols[s],
                side=Side.LONG if sign > 0 else Side.SHORT,
                interval=rows.interval,
                bar_open=int(rows.ts[t]),
                as_of=int(rows.closes[t]),
                price=float(rows.close[t, s]),
                # From the end: kept rows stand in front.
                atr=float(atr[t - rows.shape[0], s]),
                exit=fired.exit,
                tag="" if fired.exit else strategy.tag(self.symbols[s], int(rows.ts[t])),
                inputs={name: float(values[key][t - rows.shape[0], s]) for name, key in inputs},
            )
            for t, s, sign in zip(fired.row.tolist(), fired.symbol.tolist(), fired.sign.tolist(), strict=True)
        ]


def frames_of(p: Plan, rows: CandleWindow, values: Values, symbols: Sequence[str]) -> tuple[Frames, int]:
    """A strategy's values as frames, the kept row included where there is one; and how many rows are new."""
    own = {name: values[p.key(name)] for name in p.nodes}
    kept = len(next(iter(own.values()))) - rows.shape[0]
    ts = np.concatenate([np.full(kept, rows.ts[0] - rows.interval.seconds), rows.ts])
    return Frames(own, ts, symbols), rows.shape[0]


def pandas_entries(
    p: Plan, rows: CandleWindow, values: Values, symbols: Sequence[str]
) -> tuple[Flags | None, Flags | None]:
    """A user's `entries(f)` on the new rows: long and short, None for a side that it does not give."""
    frames, height = frames_of(p, rows, values, symbols)
    answer = _asked(p.strategy, "entries", frames)
    sides: Mapping[Any, object] = answer if isinstance(answer, Mapping) else {p.strategy.side: answer}
    if not sides or not set(sides) <= set(Side):
        raise StrategyError(
            f"strategy {p.strategy.name}: entries(f) is for {list(sides)}: "
            "set `side`, or return a frame for Side.LONG, Side.SHORT or both"
        )
    kept = len(frames.ts) - height
    masks = {Side(side): _truth(p.strategy, "entries", frame, rows, kept) for side, frame in sides.items()}
    return masks.get(Side.LONG), masks.get(Side.SHORT)


def _asked(strategy: Strategy, method: str, frames: Frames) -> object:
    """A user's answer; whatever goes wrong in it is a StrategyError that names the strategy."""
    try:
        return getattr(strategy, method)(frames)
    except Exception as error:
        raise failed(strategy, f"{method}(f)", error) from error


def _truth(strategy: Strategy, method: str, frame: object, rows: CandleWindow, kept: int) -> Flags:
    """A user's frame as truth values of the new rows; StrategyError where its shape is wrong."""
    flags = np.asarray(frame)
    expected = (rows.shape[0] + kept, rows.shape[1])
    if flags.shape != expected:
        raise StrategyError(
            f"strategy {strategy.name}: {method}(f) has shape {flags.shape}, expected {expected} (time × symbol)"
        )
    # NaN is not an entry, though NumPy takes it for true.
    truth = flags if flags.dtype == np.bool_ else (flags == 1)
    # A copy: what pandas hands out is read-only.
    return np.array(truth[kept:], np.bool_, order="C")


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
