"""What may be read of OpenAlgo, and nothing that trades."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import structlog

from livetrader.brokers.openalgo import market, master
from livetrader.brokers.openalgo.answers import Unreadable, amount, member, text
from livetrader.brokers.openalgo.books import STRATEGY, OrderLine, Parser, filled, held, settled
from livetrader.brokers.openalgo.market import INTERVALS, Quote
from livetrader.brokers.openalgo.master import MasterFile
from livetrader.brokers.openalgo.reads import Mode, Reads
from livetrader.brokers.openalgo.symbols import Symbols
from livetrader.brokers.openalgo.wire import Wire
from livetrader.brokers.throttle import Throttle
from livetrader.domain.books import BrokerOrder, BrokerPosition, BrokerTrade, Identity
from livetrader.domain.candle import Candle
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.interval import Interval
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.errors import BrokerProtocol, BrokerUnavailable, DataError, LiveTraderError
from livetrader.ports import Clock, wall_time

log = structlog.get_logger(__name__)
T = TypeVar("T")

# The server goes on with an order for up to 120 s after we have hung up, and the path looks for twice this time.
VISIBILITY_SECONDS = 65.0

# An end that may be another order's is believed when it is still there after this time.
SURE_SECONDS = 1.0

# A trade book that was read with the order book answers for itself within this time.
SAME_LOOK_SECONDS = 1.0

QUOTES_AT_ONCE = 100

# The server sleeps for so long between two histories, whoever asks; brokers behind it take three a second. A slow one
# keeps no other waiting, but a server that hangs is not asked ever more.
HISTORY_SECONDS = 0.35
HISTORIES_AT_ONCE = 3
LONGEST_HISTORY_SECONDS = 60.0

# A whole exchange's instruments are megabytes, and may have hundreds of rows that nobody trades, without a tick.
MASTER_SECONDS = 60.0
FEW = 5


class OpenAlgoReader:
    """The account and the market behind the OpenAlgo server at `base_url`.

    `api_key` gives its key. `expect` is the mode that the server has to be in. `symbols` names what is traded, and
    `segments` are exchanges beside the home one whose instruments are listed, which `master_file` keeps for the day.
    `timeout_seconds` is how long an answer to a read may take.
    """

    name = "openalgo"
    identity = Identity.LOOSE_FINGERPRINT
    visibility_seconds = VISIBILITY_SECONDS
    history_seconds = HISTORY_SECONDS

    def __init__(
        self,
        base_url: str,
        api_key: Callable[[], str],
        clock: Clock,
        *,
        expect: Mode = "live",
        symbols: Symbols | None = None,
        segments: Sequence[str] = (),
        master_file: MasterFile | None = None,
        timeout_seconds: float = 10.0,
        reads_per_second: float = 5.0,
        attempts: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.symbols = symbols or Symbols()
        self._clock = clock
        self._wire = Wire(base_url, api_key, transport=transport)
        self._reads = Reads(
            self._wire, clock, expect, per_second=reads_per_second, seconds=timeout_seconds, attempts=attempts
        )
        self._histories = Throttle(clock, 1 / HISTORY_SECONDS, 1.0, 0.0)
        self._few_histories = threading.BoundedSemaphore(HISTORIES_AT_ONCE)
        self._exchanges = (self.symbols.home, *segments)
        self._file = master_file
        self._look: tuple[float, tuple[BrokerTrade, ...]] | None = None
        self._doubts: dict[str, tuple[OrderState, float]] = {}
        self._said: set[str] = set()

    def close(self) -> None:
        self._wire.close()

    def orders(self) -> Sequence[BrokerOrder]:
        """The order book of the day; live, with the trade book, which alone says what has filled."""
        return self._settled(self._account("orderbook", lambda document, parser: parser.orders(document)))

    def order(self, broker_order_id: str) -> BrokerOrder:
        """One order by its id; DataError where the server does not know it."""
        body = {"strategy": STRATEGY.rstrip("-"), "orderid": broker_order_id}
        line = self._account(
            "orderstatus", lambda document, parser: parser.order(document, broker_order_id), body, DataError
        )
        return self._settled((line,))[0]

    def _settled(self, lines: Sequence[OrderLine]) -> list[BrokerOrder]:
        """Orders in the state that their trades prove; live, those of the trade book."""
        if self._reads.expect == "live":
            trades = self._read_trades() if lines else ()
            try:
                lines = filled(lines, trades)
            except Unreadable as error:
                raise BrokerProtocol(f"{self.name}: tradebook: {error}: reading it again") from error
            self._look = self._clock.monotonic(), trades
        return [settled(line.order, sure=self._sure(line)) for line in lines]

    def trades(self) -> Sequence[BrokerTrade]:
        """The trade book of the day. One that was read a moment ago, with the order book, is not read again."""
        look, self._look = self._look, None
        if look is not None and self._clock.monotonic() - look[0] < SAME_LOOK_SECONDS:
            return look[1]
        return self._read_trades()

    def positions(self) -> Sequence[BrokerPosition]:
        """What is held of each symbol and product, delivered shares included; nothing that is closed."""
        day = self._account("positionbook", lambda document, parser: parser.positions(document))
        return held(day, self.holdings(), analyze=self._reads.expect == "analyze")

    def holdings(self) -> Sequence[BrokerPosition]:
        """The shares in the demat account, as product CNC."""
        return self._account("holdings", lambda document, parser: parser.holdings(document))

    def funds(self) -> Decimal:
        """The cash that can be traded with. The broker takes margins off it, so it is no sum over fills."""

        def cash(document: dict[str, Any], _parser: Parser) -> Decimal:
            data = member(document, "data")
            if data == {}:  # what the server makes of a broker that did not answer
                raise BrokerUnavailable("openalgo: funds: the broker gave none: try again later")
            return amount(member(data, "availablecash"))

        return self._account("funds", cash)

    def margin(self, name: str, action: Action, quantity: Decimal, product: Product) -> Decimal:
        """What the broker itself would block for an order at market. DataError where its plugin does not say."""
        symbol, exchange = self.symbols.wire(name)
        line = {
            "symbol": symbol, "exchange": exchange, "action": action.value, "quantity": str(quantity),
            "product": product.value, "pricetype": OrderType.MARKET.value, "price": "0", "trigger_price": "0",
        }  # fmt: skip
        return self._market(
            "margin",
            {"positions": [line]},
            lambda document: amount(member(member(document, "data"), "total_margin_required")),
        )

    def mode(self) -> Mode:
        """The mode that the server is in: live, or analyze (its own sandbox)."""
        return self._reads.mode()

    def ping(self) -> str:
        """The broker's name. It says nothing about the broker's session: `funds` does."""
        return self._reads.ask("ping", {}, lambda document: text(member(member(document, "data"), "broker")))

    def quotes(self, names: Sequence[str]) -> dict[str, Quote]:
        """The last word on each of `names`. A symbol that the server has none of is left out, and said once."""
        found: dict[str, Quote] = {}
        for start in range(0, len(names), QUOTES_AT_ONCE):
            found |= self._some_quotes(names[start : start + QUOTES_AT_ONCE])
        return found

    def _some_quotes(self, names: Sequence[str]) -> dict[str, Quote]:
        asked = {self.symbols.wire(name): name for name in names}
        body = {"symbols": [{"symbol": symbol, "exchange": exchange} for symbol, exchange in asked]}
        at = self._clock.now()
        try:
            found, wrong = self._market("multiquotes", body, lambda document: market.quotes(document, asked, at))
        except DataError as error:  # none of them is known
            found, wrong = {}, [str(error)]
        self._alarm("multiquotes", wrong)
        return found

    def quote(self, name: str) -> Quote:
        """The last word on one symbol; DataError for one that the server does not know."""
        at = self._clock.now()
        return self._market("quotes", self._body(name), lambda document: market.quote(member(document, "data"), at))

    def history(self, name: str, interval: Interval, first: date, last: date) -> Sequence[Candle]:
        """The closed bars of some days, both included, oldest first; none is no error."""
        days = {"start_date": first.isoformat(), "end_date": last.isoformat()}
        body = {**self._body(name), "interval": INTERVALS[interval], **days}
        with self._few_histories:
            self._histories.wait(urgent=False)
            now = wall_time(self._clock)
            return self._market(
                "history", body, lambda document: market.candles(document, interval, now), LONGEST_HISTORY_SECONDS
            )

    def timings(self, day: date) -> dict[str, tuple[datetime, datetime]]:
        """Open and close (UTC) of each exchange that is open on a day, as far as the server's host knows the zone."""
        return self._reads.ask("market/timings", {"date": day.isoformat()}, market.timings)

    def instruments(self) -> Sequence[Instrument]:
        """What can be traded today, from the day's file where there is one."""
        cached = None if self._file is None else self._file.load(wall_time(self._clock))
        if cached is not None:
            return cached
        found: list[Instrument] = []
        for exchange in self._exchanges:
            found += self._listed(exchange)
        if self._file is not None:
            self._file.save(found, wall_time(self._clock))
        return found

    def instrument(self, name: str) -> Instrument:
        """One instrument, with its freeze quantity; DataError where the server does not know it."""
        return self._market(
            "symbol", self._body(name), lambda document: master.instrument(member(document, "data"), self.symbols)
        )

    def _listed(self, exchange: str) -> Sequence[Instrument]:
        """The instruments of an exchange. Freeze quantities are not in the list: those of the indices are looked up."""
        found, wrong = self._reads.download(
            {"exchange": exchange}, lambda document: master.listed(document, self.symbols), seconds=MASTER_SECONDS
        )
        self._alarm("instruments", wrong if len(wrong) <= FEW else [f"{len(wrong)} rows, the first: {wrong[0]}"])
        freezes = {base: self._freeze_quantity(name) for base, name in master.samples(found).items()}
        return [master.frozen(one, freezes) for one in found]

    def _freeze_quantity(self, name: str) -> Decimal | None:
        try:
            return self.instrument(name).freeze_quantity
        except DataError as error:  # listed, and not known: the exchange will have to say no itself
            self._alarm("symbol", [str(error)])
            return None

    def _read_trades(self) -> tuple[BrokerTrade, ...]:
        return self._account("tradebook", lambda document, parser: parser.trades(document))

    def _sure(self, line: OrderLine) -> bool:
        """Whether an order has its end from itself: one that may have another's has to have it for a while."""
        order, now = line.order, self._clock.monotonic()
        if not line.inherited or order.state in OPEN:
            self._doubts.pop(order.broker_order_id, None)
            return True
        state, since = self._doubts.get(order.broker_order_id, (None, now))
        since = since if state is order.state else now
        self._doubts[order.broker_order_id] = order.state, since
        return now - since >= SURE_SECONDS

    def _account(
        self,
        endpoint: str,
        parse: Callable[[dict[str, Any], Parser], T],
        body: Mapping[str, Any] | None = None,
        refused: type[LiveTraderError] = BrokerProtocol,
    ) -> T:
        parser = Parser(self.symbols, wall_time(self._clock), self._reads.expect == "analyze")

        def parsed(document: dict[str, Any]) -> T:
            parser.skipped.clear()
            parser.doubted.clear()
            return parse(document, parser)

        answer = self._reads.account(endpoint, parsed, body, refused)
        self._alarm(endpoint, parser.skipped)
        if parser.doubted and endpoint not in self._said:  # once for the whole book: each of its rows has that form
            self._said.add(endpoint)
            log.warning("not understood in the broker's answer", endpoint=endpoint, what=parser.doubted[0])
        return answer

    def _market(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        parse: Callable[[dict[str, Any]], T],
        seconds: float | None = None,
    ) -> T:
        """A read about symbols; DataError where the server does not know them."""
        return self._reads.ask(endpoint, body, parse, seconds=seconds, refused=DataError)

    def _alarm(self, endpoint: str, wrong: Sequence[str]) -> None:
        """What was left out is said, once: somebody should look at it at the broker."""
        for what in wrong:
            if what not in self._said:
                self._said.add(what)
                log.error("left out of the broker's answer", endpoint=endpoint, what=what)

    def _body(self, name: str) -> dict[str, str]:
        symbol, exchange = self.symbols.wire(name)
        return {"symbol": symbol, "exchange": exchange}
