"""A seeded market of nasty but realistic 5m candles, on which each equity strategy fires many times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from livetrader.domain.session import Session
from livetrader.market.calendar import Calendar
from tests.oracle.bars import M5, NAN, Bar

Floats = npt.NDArray[np.float64]

SUBSTEPS = 4
# Prices and daily volatilities (fractions) that the stocks take in turn; at 35 a tick is 0.14 %: many ties.
PRICES = (35.0, 210.0, 1450.0, 88.0, 640.0, 2900.0, 330.0)
VOLATILITIES = (0.016, 0.045, 0.020, 0.060, 0.024, 0.034, 0.018, 0.052, 0.014)


def tick(price: float) -> float:
    """The price on the tick of 0.05, never below one tick."""
    return max(round(round(price * 20) / 20, 2), 0.05)


def noise(rng: np.random.Generator, n: int, volatility: float) -> Floats:
    """Log returns of the sub-steps of n bars of a random-walk day."""
    returns: Floats = rng.normal(0, volatility / math.sqrt(75 * SUBSTEPS), n * SUBSTEPS)
    return returns


def day_returns(rng: np.random.Generator, n: int, volatility: float) -> Floats:
    """One day's log returns: a walk, a trend, or a break-out that fades or goes on."""
    kind = rng.choice(["walk", "trend", "fade", "run"], p=[0.25, 0.15, 0.33, 0.27])
    side = float(rng.choice([-1.0, 1.0]))
    if kind == "walk" or n < 24:
        return noise(rng, n, volatility)
    if kind == "trend":
        return noise(rng, n, volatility * 0.7) + side * volatility * rng.uniform(0.5, 1.5) / (n * SUBSTEPS)

    returns = noise(rng, n, volatility * 0.4)
    # a jump in the second 15m bar is mostly the day's first break-out, hence the one that sets the zone
    start = int(rng.integers(3, 5) if rng.random() < 0.6 else rng.integers(5, n // 3)) * SUBSTEPS
    length = int(rng.integers(1, 3)) * SUBSTEPS
    jump = side * (volatility * 0.3 + rng.uniform(0.002, 0.014))
    returns[start : start + length] += jump / length
    after = returns[start + length :]
    after += jump * rng.uniform(0.5, 1.5) * (-1 if kind == "fade" else 1) / len(after)
    return returns


def day_volumes(rng: np.random.Generator, n: int, typical: float) -> Floats:
    """Volumes of one day's bars: high at both ends, the whole day scaled by an eighth to four."""
    shape = 1 + 1.5 * np.abs(np.linspace(-1, 1, n)) ** 3
    level = typical / 75 * math.exp(rng.uniform(math.log(0.12), math.log(4)))
    volumes = np.round(level * shape * rng.lognormal(0, 0.5, n))
    volumes[rng.random(n) < 0.02] = 0
    if rng.random() < 0.2:
        volumes[0] = 0
    return volumes


def day_bars(rng: np.random.Generator, session: Session, price: float, returns: Floats, volumes: Floats) -> list[Bar]:
    """The session's bars, starting from `price`."""
    path = price * np.exp(np.cumsum(returns)).reshape(-1, SUBSTEPS)
    bars, last = [], tick(price)
    for ts, steps, volume in zip(session.slots(M5), path, volumes, strict=True):
        opened = last if rng.random() < 0.7 else tick(float(steps[0]))
        prices = [opened, *(tick(float(step)) for step in steps)]
        last = prices[-1]
        bars.append(Bar(ts, opened, max(prices), min(prices), last, float(volume)))
    return bars


def walk(rng: np.random.Generator, sessions: Sequence[Session], price: float, volatility: float) -> list[list[Bar]]:
    """A stock's clean bars, session by session."""
    days, typical, start = [], rng.uniform(2e5, 5e6), price
    for session in sessions:
        n = len(session.slots(M5))
        # the pull back to the starting price keeps ticks meaningful over years
        gap = rng.normal(0.1 * math.log(start / price), volatility * 0.3)
        returns = day_returns(rng, n, volatility)
        if rng.random() < 0.03:
            returns[: 3 * SUBSTEPS] = 0
        volumes = day_volumes(rng, n, typical)
        days.append(day_bars(rng, session, price * math.exp(gap), returns, volumes))
        price = days[-1][-1].close
    return days


def index_walk(rng: np.random.Generator, sessions: Sequence[Session], price: float) -> list[list[Bar]]:
    """The index's clean bars: spells of 5 to 25 sessions that rise, fall, or go nowhere."""
    days: list[list[Bar]] = []
    drift, left = 0.0, 0
    for session in sessions:
        if left == 0:
            drift, left = float(rng.choice([-0.012, -0.006, 0.0, 0.006, 0.012])), int(rng.integers(5, 25))
            drift += 0.002 * math.log(24000 / price)
        left -= 1
        n = len(session.slots(M5))
        returns = noise(rng, n, 0.007) + drift / (n * SUBSTEPS)
        days.append(day_bars(rng, session, price, returns, np.full(n, 1000.0)))
        price = days[-1][-1].close
    return days


def with_gaps(rng: np.random.Generator, bars: list[Bar]) -> list[Bar]:
    """The day without some of its bars: none, a few, the first, a stretch, all but one, or all."""
    bars = [bar for bar in bars if rng.random() > 0.008]
    chance = rng.random()
    if chance < 0.02 or not bars:
        return []
    if chance < 0.03:
        return [bars[int(rng.integers(len(bars)))]]
    if chance < 0.07:
        return bars[int(rng.integers(1, 4)) :]
    if chance < 0.11:
        start = int(rng.integers(len(bars)))
        return bars[:start] + bars[start + int(rng.integers(2, 20)) :]
    return bars


def damaged(rng: np.random.Generator, bar: Bar) -> Bar:
    """The bar made unusable in one of the ways that vendors have."""
    ways = [
        bar._replace(close=NAN),
        bar._replace(open=NAN, high=NAN, low=NAN, close=NAN),
        bar._replace(high=bar.low - 0.05, low=bar.high + 0.05),
        bar._replace(open=0.0, low=0.0),
        bar._replace(open=0.0, high=0.0, low=0.0, close=0.0),
        bar._replace(low=-bar.low),
    ]
    return ways[int(rng.integers(len(ways)))]


def strays(rng: np.random.Generator, session: Session, bars: Sequence[Bar]) -> list[Bar]:
    """Bars that no rule may see: ghosts before and after the session, and misaligned ones inside it."""
    price = bars[-1].close
    wild = Bar(0, price, tick(price * 1.3), tick(price * 0.7), tick(price * 1.2), 1e8)
    extra = []
    if rng.random() < 0.1:
        extra.append(Bar(session.closes, price, price, price, price, 0.0))
    if rng.random() < 0.05:
        extra.append(wild._replace(ts=session.opens - 2 * M5))
    if rng.random() < 0.05:
        extra.append(wild._replace(ts=bars[0].ts + int(rng.choice([60, 137, 299]))))
    return extra


def mock_session(bars: Sequence[Bar]) -> list[Bar]:
    """Friday's bars again on a Saturday that is no session: an exchange's mock trading."""
    return [bar._replace(ts=bar.ts + 86400) for bar in bars]


def dirty(
    rng: np.random.Generator, sessions: Sequence[Session], days: Sequence[list[Bar]], *, is_index: bool
) -> list[Bar]:
    """All bars of a symbol as they come from a vendor, in no order."""
    dates = {session.date for session in sessions}
    out: list[Bar] = []
    for session, clean in zip(sessions, days, strict=True):
        bars = with_gaps(rng, clean) if not is_index or rng.random() < 0.1 else list(clean)
        if is_index and rng.random() < 0.06:
            # sometimes all of the last 15m slot, sometimes only a part, which leaves the slot in being
            bars = bars[: -int(rng.integers(1, 5))]
        if bars:
            out += strays(rng, session, bars)
        is_eve = session.date.weekday() == 4 and session.date + timedelta(1) not in dates
        if is_eve and rng.random() < 0.1:
            out += mock_session(bars)
        out += [damaged(rng, bar) if rng.random() < 0.003 else bar for bar in bars]
    return [out[i] for i in rng.permutation(len(out))]


def generate(
    calendar: Calendar, first: date, last: date, *, stocks: int = 12, seed: int = 1, index: str = "NIFTY"
) -> dict[str, list[Bar]]:
    """5m candles of the index and of STOCK00, STOCK01, … over the sessions `first..last`.

    Each symbol depends only on its place and the seed. Every fifth stock is listed in mid-period.
    """
    sessions = calendar.sessions(first, last)
    rng = np.random.default_rng([seed, 0])
    candles = {index: dirty(rng, sessions, index_walk(rng, sessions, 24000.0), is_index=True)}
    for i in range(stocks):
        rng = np.random.default_rng([seed, 1 + i])
        since = len(sessions) * int(rng.integers(30, 80)) // 100 if i % 5 == 4 else 0
        price = PRICES[i % len(PRICES)] * rng.uniform(0.8, 1.2)
        days = walk(rng, sessions[since:], price, VOLATILITIES[i % len(VOLATILITIES)])
        candles[f"STOCK{i:02d}"] = dirty(rng, sessions[since:], days, is_index=False)
    return candles


def frame(candles: Mapping[str, Sequence[Bar]]) -> pd.DataFrame:
    """The candles in long form: symbol, ts (aware UTC), open, high, low, close, volume."""
    rows = [(symbol, *bar) for symbol, bars in candles.items() for bar in bars]
    table = pd.DataFrame(rows, columns=["symbol", "ts", "open", "high", "low", "close", "volume"])
    return table.assign(ts=pd.to_datetime(table["ts"], unit="s", utc=True))


def write(candles: Mapping[str, Sequence[Bar]], path: Path) -> Path:
    """Write the candles as Parquet or CSV, by the suffix of `path`."""
    if path.suffix == ".parquet":
        frame(candles).to_parquet(path, index=False)
    else:
        frame(candles).assign(ts=lambda t: t["ts"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(path, index=False)
    return path
