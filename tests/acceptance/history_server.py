"""A loopback OpenAlgo with candles of its own, for those who fetch them, and a desk that is configured for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livetrader.bootstrap.trader import OPENALGO_KEY
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.openalgo.loopback.market import Candle
from livetrader.brokers.openalgo.loopback.server import BROKER, OpenAlgoServer, broker_number
from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.domain.instrument import Instrument
from livetrader.domain.session import Session
from livetrader.marketdata.feed import Feed
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.ports import Clock

KEY = "c0ffee00" * 8
STOCKS = ("RELIANCE", "TCS", "INFY", "SBIN")


@dataclass
class Vault:
    """The candles behind the server. `on_read` is called for each history that it gives, before it does."""

    bars: CandleColumns
    on_read: Callable[[str], None] = lambda _symbol: None
    reads: list[str] = field(default_factory=list)

    def __call__(self, symbol: str, start: int, end: int) -> Iterator[Candle]:
        self.reads.append(symbol)
        self.on_read(symbol)
        code = self.bars.symbols.index(symbol)
        for row in np.flatnonzero((self.bars.symbol == code) & (self.bars.ts >= start) & (self.bars.ts < end)):
            prices = (float(getattr(self.bars, name)[row]) for name in FIELDS[:4])
            yield Candle(int(self.bars.ts[row]), *prices, int(self.bars.volume[row]))


@dataclass
class HistoryServer:
    server: OpenAlgoServer
    vault: Vault

    @property
    def asked(self) -> int:
        """Calls of history, refused ones included."""
        return self.server.gateway.control.requests["history"]


@contextmanager
def serving(
    sessions: Sequence[Session], clock: Clock, symbols: Sequence[str] = (*STOCKS, INDEX), **options: float
) -> Iterator[HistoryServer]:
    """A server with 5m candles of `symbols` over `sessions`, at the time of `clock`."""
    vault = Vault(simulate(symbols, sessions, seed=3, dirt=False))
    listed = {symbol: Instrument(symbol) for symbol in symbols}
    exchange = Exchange(BROKER, clock, listed, Decimal(1_000_000), number=broker_number)
    with OpenAlgoServer(exchange, key=KEY, bars=vault, limits={}, **options).running() as server:  # type: ignore[arg-type]
        yield HistoryServer(server, vault)


@contextmanager
def overhearing() -> Iterator[set[tuple[str, int]]]:
    """The bars, by symbol and open, of which feeds have been told in the block that they need not ask for them."""
    told: set[tuple[str, int]] = set()
    arrived = Feed.arrived

    def hear(feed: Feed, symbol: str, interval: Interval, ts: int) -> None:
        arrived(feed, symbol, interval, ts)
        told.add((symbol, ts))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Feed, "arrived", hear)
        yield told


def configure(folder: Path, url: str, more: str = "", symbols: Sequence[str] = STOCKS) -> None:
    """A desk in `folder` that trades on paper, with its candles from the server at `url`."""
    (folder / "config.yaml").write_text(
        f'symbols: "{",".join(symbols)}"\n'
        'candles: {url: "sqlite:///candles.db"}\n'
        'state: {url: "sqlite:///state.db"}\n'
        f'broker: {{kind: openalgo, base_url: "{url}"}}\n{more}'
    )
    (folder / ".env").write_text(f"{OPENALGO_KEY}={KEY}\n")
    (folder / ".env").chmod(0o600)


def days(first: str, last: str) -> tuple[str, ...]:
    return ("--from", first, "--to", last)


def rows(bars: CandleColumns) -> set[tuple[Any, ...]]:
    """The bars, whatever their order."""
    fields = (getattr(bars, name).tolist() for name in FIELDS)
    return set(zip(bars.ts.tolist(), (bars.symbols[code] for code in bars.symbol), *fields, strict=True))
