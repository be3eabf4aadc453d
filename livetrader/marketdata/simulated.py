"""A seeded NSE-like market, for the demo and for tests that need many candles.

One market factor with trending regimes moves every stock; each stock has its own volatility, its own noise
and, each session, a story: the opening move continues, fades, or there is none. So opening ranges break, and
breakouts hold or fail, as the built-in strategies expect. Nothing here is fitted to a real instrument.

A symbol's candles are a pure function of (seed, symbol, sessions): other symbols do not change them. Only
`dirt` looks at the list, to spread itself over it. PCG64 with plain uniform and normal draws, and prices on
the tick, keep the numbers the same on other machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt

from livetrader.domain.candles import FIELDS, CandleColumns, Floats, Interval, Ints, grid
from livetrader.domain.session import Session
from livetrader.errors import UsageError

INDEX = "NIFTY"
TICKS_PER_RUPEE = 20
MARKET_SIGMA = 0.006  # standard deviation of the market's log return over a session, before regimes
INDEX_TICKS = 20_000  # an index has no volume: vendors count its ticks instead
OVERNIGHT = 0.3  # a gap, in units of a session's sigma


@dataclass(frozen=True, slots=True)
class _Slots:
    """The calendar's slots, and what every path needs to know of them; one entry a row.

    `starts` and `ends` place the bar in its session (0 to 1); `share` is its part of the session's activity.
    """

    ts: Ints
    session: npt.NDArray[np.int32]
    starts: Floats
    ends: Floats
    share: Floats
    first: npt.NDArray[np.int64]

    @property
    def sessions(self) -> int:
        return len(self.first)


def simulate(
    symbols: Sequence[str],
    sessions: Sequence[Session],
    seed: int,
    *,
    interval: Interval = Interval.M5,
    dirt: bool = True,
    index: str = INDEX,
) -> CandleColumns:
    """Candles of `symbols` over `sessions`, sorted by (ts, position in `symbols`).

    `index`, if it is among the symbols, is the market itself and its volume a tick count. Prices are on the
    0.05 tick, volumes whole. With `dirt` the data has the faults that vendors' data has (see `_soil`).
    Raises `UsageError` for a negative seed or a repeated symbol.
    """
    if seed < 0:
        raise UsageError(f"simulated market: seed {seed} is negative; give a whole number from 0 on")
    if len(set(symbols)) != len(symbols):
        raise UsageError("simulated market: a symbol is listed twice; list each symbol once")
    slots = _slots(sessions, interval)
    market = _market(_generator(seed, "market"), slots)
    candles = np.empty((len(FIELDS), len(symbols), len(slots.ts)))
    for i, symbol in enumerate(symbols):
        rng = _generator(seed, symbol)
        candles[:, i] = _index(rng, slots, market) if symbol == index else _stock(rng, slots, market)
    ts = slots.ts
    if dirt and sessions:
        ts, candles = _soil(_generator(seed, "dirt"), symbols, sessions, index, slots, candles)
    return _columns(tuple(symbols), ts, candles)


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, crc32(name.encode())]))


def _slots(sessions: Sequence[Session], interval: Interval) -> _Slots:
    ts, _, session, _ = grid(sessions, interval)
    count = np.bincount(session, minlength=len(sessions))
    first = np.cumsum(count) - count
    position = np.arange(len(ts)) - first[session]
    starts, ends = position / count[session], (position + 1) / count[session]
    middle = (starts + ends) / 2
    # The U of a trading day: busiest at the open, quiet at noon, busy again into the close.
    activity = 0.6 + 2.4 * np.exp(-middle / 0.06) + 0.9 * np.exp((middle - 1) / 0.08)
    total = np.bincount(session, activity, len(sessions))
    return _Slots(ts, session, starts, ends, activity / total[session], first)


def _market(rng: np.random.Generator, slots: _Slots) -> Floats:
    """Log returns of the market, one a slot: a session's path plus the drift of a regime that lasts weeks."""
    n = slots.sessions
    begins = np.maximum.accumulate(np.where(rng.random(n) < 0.08, np.arange(n), 0))
    mood = rng.random(n)[begins]
    regime = np.where(mood < 0.4, 1.0, np.where(mood < 0.75, -1.0, 0.0))
    drift = 0.45 * MARKET_SIGMA * regime
    return _path(rng, slots, MARKET_SIGMA) + drift[slots.session] * (slots.ends - slots.starts)


def _path(rng: np.random.Generator, slots: _Slots, sigma: float) -> Floats:
    """Log returns of volatility `sigma` a session: overnight gaps, noise and the session's story."""
    n = slots.sessions
    size = sigma * np.exp(0.3 * rng.standard_normal(n))
    returns = 0.8 * size[slots.session] * np.sqrt(slots.share) * rng.standard_normal(len(slots.ts))
    returns += _story(rng, slots, size)
    returns[slots.first] += OVERNIGHT * sigma * rng.standard_normal(n)
    return returns


def _story(rng: np.random.Generator, slots: _Slots, size: Floats) -> Floats:
    """Moves of the session's story: a push that continues to the close, or turns at some point, or none.

    The pushed distance is piecewise linear in the session's time: it grows to the turn, then goes on at a
    third of the pace (continuation) or gives back up to one and a half times the push (fade).
    """
    n = slots.sessions
    kind, direction, turn = rng.random(n), rng.random(n), 0.1 + 0.4 * rng.random(n)
    push = np.where(direction < 0.5, -1.0, 1.0) * size * (0.4 + 0.6 * rng.random(n)) * (kind < 0.8)
    after = np.where(kind < 0.4, 0.33 * (1 - turn) / turn, -1.5 * rng.random(n))
    at, row_turn = slots.session, turn[slots.session]

    def before(t: Floats) -> Floats:
        return np.minimum(t, row_turn) / row_turn

    def beyond(t: Floats) -> Floats:
        return np.maximum(t - row_turn, 0.0) / (1 - row_turn)

    first_leg = before(slots.ends) - before(slots.starts)
    second_leg = beyond(slots.ends) - beyond(slots.starts)
    return push[at] * (first_leg + after[at] * second_leg)


def _stock(rng: np.random.Generator, slots: _Slots, market: Floats) -> Floats:
    """Fields × rows of one stock, whose average daily range is 1.2 to 5 % of its price."""
    sigma = 0.012 * (0.05 / 0.012) ** rng.random() / 1.9  # a session's range is near 1.9 sigma, gaps included
    price = 80 * 50 ** rng.random()
    turnover = 2e8 * 30 ** rng.random()
    beta = min(0.5 + 0.8 * rng.random(), 0.7 * sigma / MARKET_SIGMA)
    own = np.sqrt(sigma**2 - (beta * MARKET_SIGMA) ** 2)
    returns = beta * market + _path(rng, slots, float(own))
    return np.vstack([_prices(rng, slots, returns, price, sigma), _volume(rng, slots, turnover / price)])


def _index(rng: np.random.Generator, slots: _Slots, market: Floats) -> Floats:
    prices = _prices(rng, slots, market, 24_000.0, MARKET_SIGMA)
    count = np.rint(INDEX_TICKS / 75 * (0.9 + 0.2 * rng.random(len(slots.ts))))
    return np.vstack([prices, count])


def _prices(rng: np.random.Generator, slots: _Slots, returns: Floats, price: float, sigma: float) -> Floats:
    """Open, high, low and close on the tick, from the log return of each bar and a first price."""
    spread = sigma * np.sqrt(slots.share)
    close = np.log(price) + np.cumsum(returns)
    opening = close - returns + 0.1 * spread * rng.standard_normal(len(close))
    # A session opens on its gap, which is part of its first bar's return: half of that return lies before it.
    opening[slots.first] += 0.5 * returns[slots.first]
    wicks = 0.5 * spread * np.abs(rng.standard_normal((2, len(close))))
    high, low = np.maximum(opening, close) + wicks[0], np.minimum(opening, close) - wicks[1]
    on_tick = np.rint(np.exp(np.vstack([opening, high, low, close])) * TICKS_PER_RUPEE)
    return np.asarray(np.maximum(on_tick, 1.0) / TICKS_PER_RUPEE, np.float64)


def _volume(rng: np.random.Generator, slots: _Slots, daily: float) -> Floats:
    """Shares a bar. Busy and dull sessions differ several times over, so that `effort` spans 0.05 to 2."""
    session = np.exp(0.55 * rng.standard_normal(slots.sessions))
    bar = np.exp(0.45 * rng.standard_normal(len(slots.ts)))
    return np.maximum(np.rint(daily * session[slots.session] * slots.share * bar), 1.0)


def _soil(
    rng: np.random.Generator,
    symbols: Sequence[str],
    sessions: Sequence[Session],
    index: str,
    slots: _Slots,
    candles: Floats,
) -> tuple[Ints, Floats]:
    """The candles with the faults of vendors' data, NaN where a bar is missing, and their `ts`.

    Each fault hits one stock, drawn from the list: a listing in mid-history, a session of one bar, a spike, a
    missing bar, two weeks of zero-volume opens, and a flat ghost bar at the last session's close. The index
    has a hole in mid-session, never in a session's last slot. The last session, which the demo replays, has
    only faults that its reader can follow: the missing bar, a zero-volume open, the ghost.
    """
    n = len(sessions)
    bounds = np.append(slots.first, len(slots.ts))
    ghost = np.full((len(FIELDS), len(symbols), 1), np.nan)
    stocks = np.array([i for i, symbol in enumerate(symbols) if symbol != index], np.int64)
    if len(stocks):
        late, stub, spike, hole, quiet, ghostly = np.resize(rng.permutation(stocks), 6)
        candles[:, late, : bounds[n // 2]] = np.nan
        candles[:, stub, bounds[n // 3] + 1 : bounds[n // 3 + 1]] = np.nan
        spiked = candles[1:4:2, spike, _middle(bounds, 2 * n // 3)]  # the high and the close
        spiked[:] = np.rint(1.25 * spiked * TICKS_PER_RUPEE) / TICKS_PER_RUPEE
        candles[:, hole, _middle(bounds, n - 1)] = np.nan
        candles[4, quiet, slots.first[-10:]] *= 0.0  # a product, so that a missing bar stays missing
        ghost[:4, ghostly, 0] = candles[3, ghostly, -1]
        ghost[4, ghostly, 0] = 0.0
    if index in symbols:
        middle = _middle(bounds, n // 2)
        candles[:, list(symbols).index(index), middle : min(middle + 6, bounds[n // 2 + 1] - 1)] = np.nan
    return np.append(slots.ts, sessions[-1].closes), np.concatenate([candles, ghost], axis=2)


def _middle(bounds: Ints, session: int) -> int:
    """The row in the middle of a session, whose rows are `bounds[session] .. bounds[session + 1]`."""
    return int(bounds[session] + bounds[session + 1]) // 2


def _columns(symbols: tuple[str, ...], ts: Ints, candles: Floats) -> CandleColumns:
    """Long form: the fields × symbols × rows, without the cells that are NaN, in order of time."""
    traded = ~np.isnan(candles[3].T)
    row, symbol = np.nonzero(traded)
    fields = [field.T[traded] for field in candles]
    return CandleColumns(symbols, ts[row], symbol.astype(np.int32), *fields)
