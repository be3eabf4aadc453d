"""Trades of one strategy when nothing limits it: every symbol by itself, in one compiled pass.

It applies where the account cannot refuse an entry for what it did elsewhere: one strategy, without exits of its own,
no limits on positions, trades, prices, times of entry or of holding, and capital that never binds and does not
compound; all bars of one interval, all symbols on one tick and lot. Then each symbol's trades follow from its own
signals and bars, and they are those of `Backtest`, fill for fill, without an object for each order. Charges are not
reckoned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numba import njit

from livetrader.domain.candles import CandleWindow, Floats, Ints
from livetrader.domain.exit_plan import ExitKind, ExitReason
from livetrader.domain.instrument import Instrument
from livetrader.engine.exits import _HIT_TARGET, _KINDS, _STOPPED, _away, _walk
from livetrader.engine.sizing import Holding, Sizer
from livetrader.strategies.scanner import SignalColumns

REASONS = (
    ExitReason.STOP,
    ExitReason.TRAILING,
    ExitReason.TARGET,
    ExitReason.SQUARE_OFF,
    ExitReason.END_OF_DATA,
)
_STOP, _TRAILING, _TARGET, _SQUARE_OFF, _END = range(5)
_NO_STOP, _PERCENT, _TRAILING_ATR = (_KINDS[kind] for kind in (ExitKind.NONE, ExitKind.PERCENT, ExitKind.TRAILING_ATR))


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Round trips in columns, by symbol and then in order of time.

    `symbol` indexes into `symbols`, `sign` is +1 for a long, −1 for a short, `reason` indexes into REASONS. Times are
    epoch seconds (those of `Fill.filled_at`), prices whole numbers of `quantum`, quantities whole lots.
    """

    symbols: tuple[str, ...]
    quantum: Decimal
    symbol: Ints
    sign: Ints
    lots: Ints
    entry_at: Ints
    entry_price: Ints
    exit_at: Ints
    exit_price: Ints
    reason: Ints

    def __len__(self) -> int:
        return len(self.symbol)


class _Entries(NamedTuple):
    """Entries that nothing but an open position would refuse. `row` is the bar that fills it (−1: none)."""

    symbol: Ints
    sign: Ints
    as_of: Ints
    distance: Floats
    lots: Ints
    row: Ints


class _Bars(NamedTuple):
    """The window's rows. For each session: the first row that is not known at its square-off, the first that opens at
    or after it, the row after its last, and its close."""

    ts: Ints
    closes: Ints
    session: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    unknown_row: Ints
    square_row: Ints
    end_row: Ints
    session_closes: Ints


class _Exit(NamedTuple):
    """`ExitSettings` as numbers; `per_unit` ticks and `scale` quanta are in one unit of price."""

    kind: int
    stop_loss: float
    take_profit: float
    activation: float
    increment: float
    gap: float
    square_off: bool
    per_unit: float
    scale: float


def trade(
    signals: Sequence[SignalColumns],
    window: CandleWindow,
    holding: Holding,
    sizer: Sizer,
    capital: Decimal,
    slippage_bps: Decimal,
) -> TradeColumns:
    """The trades that `signals` make on the bars of `window`, which has their symbols in their order.

    What is open at the window's end closes at the last price.
    """
    instrument, bars = sizer.default, _bars(window)
    settings, quantum = holding.exit, sizer.default.quantum
    entries = _entries(signals, window, bars, holding, sizer, capital)
    paid = _slipped(_quanta(bars.open[entries.row, entries.symbol], instrument), entries.sign, slippage_bps)
    exit_ = _Exit(
        _KINDS[settings.kind], settings.stop_loss_pct, settings.take_profit_pct, settings.activation_pct,
        settings.increment_pct, settings.gap_pct, holding.square_off, 1.0 / float(instrument.tick), float(1 / quantum),
    )  # fmt: skip
    taken, price, at, reason = _trade(entries, paid / exit_.scale, bars, exit_)
    sign = entries.sign[taken]
    exact = _quanta(price, instrument)
    # A target is a resting limit order: it does not slip.
    received = np.where(reason == _TARGET, exact, _slipped(exact, -sign, slippage_bps))
    entry_at = window.ts[entries.row[taken]]
    return TradeColumns(
        window.symbols, quantum, entries.symbol[taken], sign, entries.lots[taken], entry_at, paid[taken], at,
        received, reason,
    )  # fmt: skip


def _bars(window: CandleWindow) -> _Bars:
    sessions = window.sessions
    square_off = [s.square_off for s in sessions]
    return _Bars(
        window.ts, window.closes, window.session.astype(np.int64), window.open, window.high, window.low, window.close,
        np.searchsorted(window.closes, square_off, side="right"), np.searchsorted(window.ts, square_off),
        np.searchsorted(window.session, np.arange(len(sessions)), side="right"),
        np.array([s.closes for s in sessions], np.int64),
    )  # fmt: skip


def _entries(
    signals: Sequence[SignalColumns],
    window: CandleWindow,
    bars: _Bars,
    holding: Holding,
    sizer: Sizer,
    capital: Decimal,
) -> _Entries:
    """What passes the rules that are always on, by symbol and time, with the bar that fills it."""
    names = ("symbol", "sign", "as_of", "price", "atr")
    symbol, sign, as_of, price, atr = (np.concatenate([getattr(one, name) for one in signals]) for name in names)
    budget = capital * sizer.allocation_pct / 100 * sizer.leverage
    affordable = int(budget / (sizer.default.quantum * sizer.default.lot))
    quanta = _quanta(price, sizer.default)
    lots = np.where(quanta > 0, affordable // np.maximum(quanta, 1), 0)
    distance = holding.exit.atr_multiple * atr
    # On a bar's close at a session's very end the session before is meant, also where the next one opens then.
    session = np.searchsorted([s.opens for s in window.sessions], as_of, side="left") - 1
    square_off = np.array([s.square_off for s in window.sessions])[np.maximum(session, 0)]
    sound = (session >= 0) & (as_of < square_off) & (lots > 0)
    if holding.exit.kind is ExitKind.TRAILING_ATR:
        sound &= distance > 0
    row = _next_traded(np.searchsorted(window.ts, as_of), bars.end_row[session], symbol, window.close)
    kept = np.flatnonzero(sound & (row >= 0))
    kept = kept[np.lexsort((as_of[kept], symbol[kept]))]
    return _Entries(symbol[kept], sign[kept], as_of[kept], distance[kept], lots[kept], row[kept])


@njit(cache=True)
def _next_traded(start: Ints, end: Ints, symbol: Ints, close: Floats) -> Ints:
    """The first row in start..end that each symbol traded, −1 if there is none."""
    rows = np.full(len(start), -1, np.int64)
    for k in range(len(start)):
        for row in range(start[k], end[k]):
            if not np.isnan(close[row, symbol[k]]):
                rows[k] = row
                break
    return rows


@njit(cache=True)
def _trade(entries: _Entries, fills: Floats, bars: _Bars, plan: _Exit) -> tuple[Ints, Floats, Ints, Ints]:
    """The entries that are taken, and of each the raw price of its exit, when, and why."""
    count, height = len(fills), len(bars.ts)
    taken, at, why = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    price, levels = np.empty(count), np.empty(height)
    n, last, free = 0, -1, 0
    for k in range(count):
        s, sign, row, fill = entries.symbol[k], entries.sign[k], entries.row[k], fills[k]
        # `free` is the close of the bar that closed the symbol's last position: it is not re-entered on it.
        if s == last and entries.as_of[k] <= free:
            continue
        session = bars.session[row]
        first_stop, target = _levels(plan, sign, fill, entries.distance[k])
        end = max(bars.unknown_row[session], row + 1) if plan.square_off else height
        bar, outcome, _, stop = _walk(
            plan.kind, sign, plan.per_unit, fill, entries.distance[k], plan.activation, plan.increment, plan.gap,
            target, fill, first_stop, bars.open[:, s], bars.high[:, s], bars.low[:, s], row, end, levels,
        )  # fmt: skip
        if outcome in (_STOPPED, _HIT_TARGET):
            # The order's level is the money amount; a bar that opens beyond it fills at its open.
            level = np.rint((stop if outcome == _STOPPED else target) * plan.scale) / plan.scale
            beyond = sign * (bars.open[bar, s] - level) * (1 if outcome == _HIT_TARGET else -1) > 0.0
            price[n] = bars.open[bar, s] if beyond else level
            at[n], free = bars.ts[bar], bars.closes[bar]
            why[n] = _TARGET if outcome == _HIT_TARGET else _STOP if stop == first_stop else _TRAILING
        else:
            price[n], at[n], free = _closed(bars, plan.square_off, session, s)
            why[n] = _SQUARE_OFF if plan.square_off else _END
        taken[n], last = k, s
        n += 1
    return taken[:n], price[:n], at[:n], why[:n]


@njit(cache=True)
def _levels(plan: _Exit, sign: int, fill: float, distance: float) -> tuple[float, float]:
    """The first stop and the target, as `exits.begin` has them."""
    stop = target = np.nan
    if plan.kind == _TRAILING_ATR:
        stop = _away(fill - sign * distance, sign, plan.per_unit)
    elif plan.kind != _NO_STOP:
        stop = _away(fill * (1.0 - sign * plan.stop_loss / 100.0), sign, plan.per_unit)
    if plan.kind == _PERCENT:
        target = _away(fill * (1.0 + sign * plan.take_profit / 100.0), sign, plan.per_unit)
    return stop, target


@njit(cache=True)
def _closed(bars: _Bars, square_off: bool, session: int, s: int) -> tuple[float, int, int]:
    """The square-off's price, time and when it is known; without a bar, or at the data's end, the last price."""
    end = len(bars.ts)
    if square_off:
        end = bars.end_row[session]
        for row in range(bars.square_row[session], end):
            if not np.isnan(bars.close[row, s]):
                return bars.open[row, s], bars.ts[row], bars.closes[row]
    last = end - 1
    while np.isnan(bars.close[last, s]):
        last -= 1
    at = bars.session_closes[session] if square_off else bars.session_closes[-1]
    return bars.close[last, s], at, at


def _quanta(prices: Floats, instrument: Instrument) -> Ints:
    """`Instrument.price` in whole quanta. Decimal decides what float arithmetic cannot: near-ties."""
    scaled = prices * float(1 / instrument.quantum)
    whole = np.rint(scaled).astype(np.int64)
    for i in np.flatnonzero(np.abs(scaled % 1.0 - 0.5) < 1e-3):
        whole[i] = int(instrument.price(float(prices[i])) / instrument.quantum)
    return whole


def _slipped(quanta: Ints, action: Ints, slippage_bps: Decimal) -> Ints:
    """`FillModel.slipped` in whole quanta, rounded half to even: exact in integers. `action` is ±1."""
    part = Fraction(slippage_bps) / 10_000
    price, rest = np.divmod(quanta * (part.denominator + action * part.numerator), part.denominator)
    up = (2 * rest > part.denominator) | ((2 * rest == part.denominator) & (price % 2 == 1))
    return np.asarray(price + up, np.int64)
