"""The candle store that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from livetrader.bootstrap.state import exchange_zone
from livetrader.config import Configuration, Settings
from livetrader.domain.interval import Interval
from livetrader.marketdata.mapping import TableMapping
from livetrader.marketdata.store import CandleStore, Layout, open_store
from livetrader.servers import on_server


def open_candles(configuration: Configuration, *, read_only: bool = False) -> CandleStore:
    """The store; ConfigError or StoreError where it cannot be used."""
    return open_store(configuration.settings.candles.url, read_only=read_only, layout=layout(configuration))


def remedy(settings: Settings) -> str:
    """The command that brings candles."""
    fetched = settings.broker.kind == "openalgo"
    return "`livetrader data fetch`" if fetched else "`livetrader data import FILE --interval 5m`"


def layout(configuration: Configuration) -> Layout:
    """How candles lie in a PostgreSQL database; times without a zone are the exchange's unless the settings differ."""
    candles, zone = configuration.settings.candles, exchange_zone(configuration).key
    tables = {
        Interval(name): TableMapping(**{**table.model_dump(), "timezone": table.timezone or zone})
        for name, table in candles.tables.items()
    }
    return Layout(candles.db_schema, candles.timescale, tables, candles.notify)


def listening(configuration: Configuration, wake: Callable[[], None]) -> AbstractContextManager[None]:
    """Calls `wake` whenever new candles are announced, where the settings name a channel for it."""
    candles = configuration.settings.candles
    if candles.notify is None or not on_server(candles.url):
        return nullcontext()
    from livetrader.marketdata.postgres.notify import listening as hearing

    return hearing(candles.url, candles.notify, wake)
