"""The feed of quotes of a running session, and what it is there for: bars, exits between two bars, a look at itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from livetrader.bootstrap.candles import open_candles
from livetrader.bootstrap.desk import Desk
from livetrader.bootstrap.doctor.subject import reader
from livetrader.bootstrap.feeding import with_trend
from livetrader.bootstrap.trader import OPENALGO_KEY, warn_in_clear
from livetrader.bootstrap.workspace import DEFAULT_COLLAR_PCT, Workspace
from livetrader.constraints.rules.quotes import QuoteFreshness
from livetrader.domain.interval import Interval
from livetrader.domain.tick import Tick, TickListener, TickStream
from livetrader.engine.quoted import Quoted
from livetrader.marketdata.feed import Feed, fed
from livetrader.marketdata.quote_feed import QuoteFeed
from livetrader.marketdata.quotes import LastPrices, QuoteAges
from livetrader.marketdata.ticks import TickBars
from livetrader.ports import Clock


@contextmanager
def quoting(
    workspace: Workspace, clock: Clock, symbols: Sequence[str], feed: Feed | None
) -> Iterator[QuoteFeed | None]:
    """The quotes of `symbols` while the block lasts, beside the `feed` of their candles; None where there are none."""
    settings = workspace.settings
    if feed is None or not settings.feed.quotes:
        yield None
        return
    followed = with_trend(workspace, symbols)
    prices = LastPrices(clock, workspace.calendar.at, settings.feed.silent_seconds, _bars(workspace, followed))
    stream = _stream(workspace, clock, prices)
    stream.want(followed)
    stored, ask = partial(open_candles, workspace.configuration), _asking(workspace, clock)
    quotes = QuoteFeed(prices, stream, clock, stored, feed.arrived, ask)
    quotes.start()
    try:
        yield quotes
    finally:
        quotes.close()


def _stream(workspace: Workspace, clock: Clock, listener: TickListener) -> TickStream:
    from livetrader.brokers.openalgo.quotes import OpenAlgoQuotes, address
    from livetrader.brokers.openalgo.symbols import Symbols

    settings, key = workspace.settings, workspace.configuration.secret(OPENALGO_KEY)
    url = settings.feed.websocket_url or address(settings.broker.base_url)
    warn_in_clear(url)
    symbols = Symbols(settings.broker.exchange, frozenset(settings.market.indices))
    return OpenAlgoQuotes(url, key.reveal, clock, listener, symbols)


def _asking(workspace: Workspace, clock: Clock) -> Callable[[Sequence[str]], Iterable[Tick]]:
    """What asks OpenAlgo itself for last prices."""
    from livetrader.brokers.openalgo.reader import OpenAlgoReader

    source = reader(workspace.configuration, clock)
    assert isinstance(source, OpenAlgoReader), "the feed is OpenAlgo's"

    def ask(symbols: Sequence[str]) -> Iterable[Tick]:
        return [Tick(name, one.price, one.at, one.volume) for name, one in source.quotes(symbols).items()]

    return ask


def _bars(workspace: Workspace, symbols: Sequence[str]) -> list[TickBars]:
    """What folds ticks into the bars that the feed brings: not longer ones, of which few would ever be whole."""
    wanted, made = fed(workspace.store, symbols), []
    for interval in (Interval.M1, Interval.M5):
        own = [symbol for symbol, intervals in wanted.items() if interval in intervals]
        made.append(TickBars(interval, own, workspace.calendar.at, workspace.settings.market.indices))
    return made


def quote(desk: Desk, workspace: Workspace, quotes: QuoteFeed) -> None:
    """Have the desk's engine look at quotes: at their age before an entry; live, between two bars at what is held."""
    settings = workspace.settings
    most = settings.feed.quote_max_age_seconds
    if most is not None:
        rule = QuoteFreshness(most, QuoteAges(quotes.prices))
        desk.engine.rules = (*desk.engine.rules, rule)
        desk.manual.rules = (*desk.manual.rules, rule)
    if settings.mode == "live":
        engine = desk.engine
        collar = settings.constraints.price_collar_pct or DEFAULT_COLLAR_PCT
        engine.quoted = Quoted(engine.closing, engine.tape, quotes.prices, collar)
