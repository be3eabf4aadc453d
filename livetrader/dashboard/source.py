"""Where frames come from: the state database and the candle store that the configuration names, read-only.

Not through a Workspace: strategies and numba, which come with it, are not needed to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.bootstrap.state import open_books
from livetrader.config import Configuration, resolve_symbols
from livetrader.dashboard.data import Feed, Frame, Limits, read
from livetrader.dashboard.gauges import GAUGED
from livetrader.dashboard.prices import LastPrices
from livetrader.domain.lots import LotMethod
from livetrader.errors import LiveTraderError
from livetrader.market.calendar import Calendar, load
from livetrader.ports import Clock

if TYPE_CHECKING:
    from livetrader.marketdata.store import CandleStore

# How many symbols of the list, and the index, stand for the feed beside those that are held.
SAMPLE = 10


class Source:
    """Frames of the state of one mode. What it opens belongs to the thread that asks for the first one."""

    def __init__(self, configuration: Configuration, mode: str, clock: Clock) -> None:
        self._configuration = configuration
        self._mode = mode
        self._clock = clock
        self._opened = ExitStack()
        self._store: CandleStore | None = None
        self._calendar: Calendar | None = None
        self._prices: LastPrices | None = None
        self._sample: Sequence[str] = ()

    def frame(self) -> Frame:
        """The account now. Raises StoreError, in one line, where there is no state or it cannot be read."""
        with open_books(self._configuration, self._mode) as queries:
            return read(queries, self._sessions(), self._limits(), self._feed, self._clock.now())

    def close(self) -> None:
        """Let go of the candle store."""
        self._opened.close()

    def _candles(self) -> CandleStore:
        if self._store is None:
            # Not at the top: numpy comes with it, and the screen is there before.
            from livetrader.bootstrap.candles import open_candles

            self._store = self._opened.enter_context(open_candles(self._configuration, read_only=True))
        return self._store

    def _sessions(self) -> Calendar:
        if self._calendar is None:
            market = self._configuration.settings.market
            self._calendar = load(
                market.calendar, square_off=market.square_off, dates=lambda zone: self._candles().dates(zone)
            )
        return self._calendar

    def _feed(self, held: Sequence[str], now: float) -> Feed:
        """The last prices. Without candles the account is shown all the same."""
        try:
            if self._prices is None:
                self._sample = self._watched()
                self._prices = LastPrices(self._candles())
            return self._prices.look([*held, *self._sample], now)
        except LiveTraderError as error:
            return Feed(problem=str(error))

    def _watched(self) -> Sequence[str]:
        settings = self._configuration.settings
        listed = resolve_symbols(settings.symbols, self._configuration.directory)
        trend = settings.market.trend_symbol
        return (*([trend] if trend else []), *listed[:SAMPLE])

    def _limits(self) -> Limits:
        settings = self._configuration.settings
        rules = settings.constraints
        return Limits(
            capital=settings.capital.amount,
            leverage=settings.capital.leverage,
            positions=rules.max_open_positions,
            trades=rules.max_trades_per_day,
            loss_pct=rules.max_daily_loss_pct,
            currency=settings.capital.currency,
            lots=LotMethod(settings.capital.lots),
            others={name: Decimal(limit) for name in GAUGED if (limit := getattr(rules, name)) is not None},
            sectors=self._sectors(),
        )

    def _sectors(self) -> Mapping[str, str]:
        """The sector of each symbol, where a limit is about sectors."""
        if self._configuration.settings.constraints.max_sector_pct is None:
            return {}
        from livetrader.bootstrap.limits import Limits as Rules

        return Rules(self._configuration).sectors
