"""An OpenAlgo to practise with: the loopback server, and a simulated market behind it that trades while NSE is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import numpy as np

from livetrader.bootstrap.feeding import WARM_UP_SESSIONS, with_trend
from livetrader.bootstrap.trader import OPENALGO_KEY
from livetrader.bootstrap.workspace import Workspace
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.openalgo.loopback.market import Candle
from livetrader.brokers.openalgo.loopback.server import BROKER, OpenAlgoServer, broker_number
from livetrader.brokers.openalgo.loopback.switches import Mode
from livetrader.config import Configuration
from livetrader.domain.candles import FIELDS, CandleColumns, Interval
from livetrader.domain.instrument import Instrument
from livetrader.domain.session import Session
from livetrader.engine.signals import month_start
from livetrader.errors import ConfigError
from livetrader.marketdata.simulated import simulate
from livetrader.ports import Clock, wall_time

BAR = Interval.M5

# How far the market reaches ahead: a server that is started on a Friday trades on Monday, too.
DAYS_AHEAD = timedelta(days=7)

# Where in a bar its open, extremes and close are traded, in parts of it: a rising bar sees its low first.
WAYPOINTS = (0.0, 0.3, 0.6, 0.9)

# What OpenAlgo keeps between two answers to `history`.
HISTORY_SECONDS = 0.35


class Tape:
    """Candles of BAR as the trades that they are made of, one of each symbol each so many seconds."""

    def __init__(self, candles: CandleColumns, sessions: Sequence[Session]) -> None:
        self._candles = candles
        self._sessions = sessions
        names = [candles.symbols[code] for code in candles.symbol]
        self._rows = {key: row for row, key in enumerate(zip(names, candles.ts.tolist(), strict=True))}

    def trades(self, now: int, step: int) -> Iterator[tuple[str, float, int]]:
        """Symbol, price and size of what is traded `now`, as each `step` seconds; nothing where there is no bar."""
        session = next((one for one in self._sessions if one.opens <= now < one.closes), None)
        if session is None:
            return
        opens = (now - session.opens) // BAR.seconds * BAR.seconds + session.opens
        for symbol in self._candles.symbols:
            row = self._rows.get((symbol, opens))
            if row is not None:
                each, rest = divmod(int(self._candles.volume[row]), BAR.seconds // step)
                yield symbol, self._price(row, (now - opens) / BAR.seconds), each + (rest if now == opens else 0)

    def bars(self, symbol: str, start: int, end: int) -> Iterator[Candle]:
        """The candles of a symbol with start ≤ ts < end, oldest first: for the server's history."""
        candles = self._candles
        code = candles.symbols.index(symbol)
        for row in np.flatnonzero((candles.symbol == code) & (candles.ts >= start) & (candles.ts < end)).tolist():
            opened, high, low, close = (float(getattr(candles, name)[row]) for name in FIELDS[:4])
            yield Candle(int(candles.ts[row]), opened, high, low, close, int(candles.volume[row]))

    def _price(self, row: int, part: float) -> float:
        opens, high, low, close = (float(getattr(self._candles, name)[row]) for name in FIELDS[:4])
        first, second = (low, high) if close >= opens else (high, low)
        return round(20 * float(np.interp(part, WAYPOINTS, (opens, first, second, close)))) / 20


class Practice:
    """A server that runs, and the market that trades at it."""

    def __init__(self, server: OpenAlgoServer, tape: Tape, clock: Clock) -> None:
        self.server = server
        self._tape = tape
        self._clock = clock

    def trade(self) -> int:
        """Trade each symbol once, at the price of this second. Returns how many there were: none out of hours."""
        traded = 0
        with self.server.front.lock:
            for symbol, price, size in self._tape.trades(int(self._clock.now()), 1):
                self.server.gateway.control.exchange.quote(symbol, price, size=size)
                traded += 1
        return traded

    def run(self) -> None:
        """Trade each second, until somebody interrupts it."""
        while True:
            self.trade()
            self._clock.sleep(1.0 - self._clock.now() % 1.0)


@contextmanager
def practising(
    configuration: Configuration, clock: Clock, *, port: int, ws_port: int, analyze: bool, seed: int
) -> Iterator[Practice]:
    """The server while the block lasts: it lists the configured symbols, and the account has the configured capital.

    Its key is the configured one; one is made where there is none. ConfigError for a calendar that is not NSE's.
    """
    with Workspace(configuration, read_only=True) as workspace:
        settings, calendar = workspace.settings, workspace.calendar
        if calendar.name != "nse":
            where = configuration.where("market.calendar", "market")
            raise ConfigError(f"{where}: market.calendar: OpenAlgo has NSE's hours; set it to nse to practise")
        symbols = with_trend(workspace, workspace.symbols())
        today = wall_time(clock).astimezone(calendar.timezone).date()
        first, last = month_start(today), min(today + DAYS_AHEAD, calendar.valid_until)
        days = calendar.before(first, WARM_UP_SESSIONS) + calendar.sessions(first, last)
        tape = Tape(simulate(symbols, days, seed, dirt=False), days)
        listed = {symbol: Instrument(symbol, settings.venue.tick, settings.venue.lot) for symbol in symbols}
        exchange = Exchange(BROKER, clock, listed, settings.capital.amount, number=broker_number)
        key = configuration.secret(OPENALGO_KEY).reveal() if OPENALGO_KEY in configuration.variables else None
        server = OpenAlgoServer(
            exchange, key=key, mode=Mode.ANALYZE if analyze else Mode.LIVE, bars=tape.bars,
            history_seconds=HISTORY_SECONDS, port=port, ws_port=ws_port,
        )  # fmt: skip
        for symbol, price in _closes(tape, symbols, int(clock.now())):
            exchange.quote(symbol, price)
        with server.running():
            yield Practice(server, tape, clock)


def _closes(tape: Tape, symbols: Sequence[str], now: int) -> Iterator[tuple[str, float]]:
    """The last price of each symbol before the market goes on."""
    for symbol in symbols:
        before = list(tape.bars(symbol, now - 10 * 86_400, now - BAR.seconds))  # ten days bridge any holiday
        yield symbol, before[-1].close
