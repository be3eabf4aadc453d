"""The truth behind the loopback venue: orders, trades, positions and cash of one account, in memory.

Time is the caller's clock, prices are what `quote` says. A market order trades at the last price and waits for a first
one; all others by `matching.execution`. Cash is exact: −signed quantity × price − charges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from livetrader.brokers.loopback.account import BPS, Account, Charge, flat
from livetrader.brokers.loopback.faults import Chance, Fault, Strike
from livetrader.brokers.loopback.matching import PROTECTED, Order, execution
from livetrader.brokers.loopback.profiles import Dedupe, Profile
from livetrader.brokers.loopback.rules import ZERO, Rejected, Ticket, check_form, check_risk
from livetrader.domain.books import BrokerOrder, BrokerPosition, BrokerTrade
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OrderState
from livetrader.ports import Clock, wall_time

HALF = Decimal("0.5")
CHUNKS = (Decimal("0.25"), HALF, Decimal("0.75"), Decimal(1))
UNPRICED = frozenset(PROTECTED)
PROTECTION = Decimal("0.02")  # how far from the market a protected order may trade: it is never reached here


@dataclass(frozen=True, slots=True)
class Quote:
    """A price as the feed gave it, which may be no price at all (0, NaN), and when, in epoch seconds.

    `size` is how many shares were traded at it.
    """

    price: float
    at: float
    size: int = 1


def plain_number(_placed_at: datetime, count: int) -> str:
    """The id of the exchange's order number `count`, from 1."""
    return f"L{count:06d}"


class Exchange:
    """A broker with one account.

    `instruments` is what can be traded, by symbol. `charges` says what a trade costs. `slippage_bps` moves market
    prices against us. `leverage` × equity bounds the value of all positions and opening orders. With `partial_fills`
    an order takes a part of what remains at each price. `chance` draws lags and parts; without it the lag is the
    profile's longest ordinary one, and a part is half. `number` makes an order's id.

    Whoever wants to be told at once appends to `on_quote` and `on_order` (new, amended or moved on).
    """

    def __init__(
        self,
        profile: Profile,
        clock: Clock,
        instruments: Mapping[str, Instrument],
        cash: Decimal,
        *,
        charges: Charge | None = None,
        slippage_bps: Decimal = ZERO,
        leverage: Decimal = Decimal(5),
        partial_fills: bool = False,
        chance: Chance | None = None,
        number: Callable[[datetime, int], str] = plain_number,
    ) -> None:
        self.profile = profile
        self.clock = clock
        self.account = Account(cash, charges or flat(ZERO), leverage)
        self.orders: dict[str, Order] = {}
        self.trades: list[BrokerTrade] = []
        self.feed: dict[str, Quote] = {}
        self.partial_fills = partial_fills
        self.closed = False
        self.instruments = dict(instruments)
        self.halted: set[str] = set()
        self.on_quote: list[Callable[[str, Quote], None]] = []
        self.on_order: list[Callable[[Order], None]] = []
        self._number = number
        self._slippage = slippage_bps / BPS
        self._chance = chance
        self._first: dict[str, Order] = {}
        self._live: dict[str, Order] = {}
        self._hidden: list[Order] = []
        self._last: dict[str, Decimal] = {}

    # What we ask of it.

    def submit(self, ticket: Ticket, strike: Strike | None = None) -> Order:
        """Take an order. Raises Rejected; a profile that merely receives takes it and rejects it in its book."""
        earlier = self._earlier(ticket.tag)
        if earlier is not None:
            return earlier
        if self.closed:
            raise Rejected("closed", "the market is closed")
        instrument = check_form(ticket, self.instruments.get(ticket.symbol), self.profile)
        fault = None if strike is None else strike.fault
        order = self._order(ticket, self._lag(strike))
        try:
            if fault is Fault.ASYNC_REJECT:
                raise Rejected("risk", "rejected by the exchange after it was taken")
            order.reserved = self._margin(ticket, instrument)
        except Rejected as no:
            if not self.profile.received_only and fault is not Fault.ASYNC_REJECT:
                raise
            order.move(OrderState.REJECTED, str(no))
        order.chunked, order.limit = fault is Fault.PARTIAL, self._protected(ticket)
        self._take(order)
        return order

    def turn_down(self, ticket: Ticket, no: Rejected) -> Order:
        """Note an order that is refused: in the book as rejected, and nowhere else."""
        order = self._order(ticket, 0.0)
        order.move(OrderState.REJECTED, str(no))
        self._take(order)
        return order

    def amend(
        self,
        order_id: str,
        quantity: Decimal,
        limit_price: Decimal | None,
        trigger_price: Decimal | None,
    ) -> Order:
        """Give a working order new terms. Raises Rejected, and leaves the old terms."""
        order = self._working(order_id)
        ticket = replace(order.ticket, quantity=quantity, limit_price=limit_price, trigger_price=trigger_price)
        instrument = check_form(ticket, self.instruments[ticket.symbol], self.profile)
        if quantity < order.filled:
            raise Rejected("filled", f"{order.filled} have been filled, more than {quantity}")
        order.reserved = self._margin(ticket, instrument, order)
        order.amend(ticket, self._protected(ticket))
        if not order.remaining:
            self._settle(order, OrderState.FILLED)
        else:
            self._tell(order)
            self._arrive(order)
        return order

    def revoke(self, order_id: str, strike: Strike | None = None) -> Order:
        """Cancel a working order. Raises Rejected when there is nothing to cancel, a fill that came first included."""
        order = self._working(order_id)
        if strike is not None and strike.fault in (Fault.CANCEL_RACE, Fault.PARTIAL):
            self._race(order, whole=strike.fault is Fault.CANCEL_RACE)
        if not order.state.terminal:
            self._settle(order, OrderState.CANCELLED)
        elif not self.profile.received_only:
            self._working(order_id)
        return order

    # What its books show.

    def order_book(self) -> tuple[BrokerOrder, ...]:
        """All orders that are visible, in the order in which they were placed."""
        tagged = not self.profile.identity.by_fingerprint
        hidden = self._unseen()
        shown = (order for order in self.orders.values() if order.order_id not in hidden)
        return tuple(order.line(self.instruments[order.ticket.symbol], tagged=tagged) for order in shown)

    def trade_book(self) -> tuple[BrokerTrade, ...]:
        """All trades of visible orders, in the order in which they happened."""
        hidden = self._unseen()
        if not hidden:
            return tuple(self.trades)
        return tuple(trade for trade in self.trades if trade.broker_order_id not in hidden)

    def position_book(self) -> tuple[BrokerPosition, ...]:
        """What is held by the visible trades; flat positions are not listed."""
        quantities = {key: holding.quantity for key, holding in self.account.held.items()}
        for order in self._unseen().values():
            if order.traded:
                quantities[order.ticket.symbol, order.ticket.product] -= order.traded
        return tuple(
            BrokerPosition(*key, quantity, self.account.held[key].average_price)
            for key, quantity in quantities.items()
            if quantity
        )

    def funds(self) -> Decimal:
        """The cash by the visible trades."""
        return self.account.cash - sum((order.spent for order in self._unseen().values()), ZERO)

    def master(self) -> tuple[Instrument, ...]:
        """What can be traded today, as it can be."""
        return tuple(self.instruments.values())

    def quotes(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The feed's last word on each symbol that it has one for."""
        return {symbol: self.feed[symbol] for symbol in symbols if symbol in self.feed}

    # The truth, for those who check.

    def carrying(self, tag: str) -> list[Order]:
        """The orders that really carry this identity, shown by the profile or not (I1: at most one)."""
        return [order for order in self.orders.values() if order.ticket.tag == tag]

    # The world: prices, days, people.

    def quote(self, symbol: str, price: Decimal | float, at: float | None = None, size: int = 1) -> None:
        """The market trades `size` shares at `price`, at epoch seconds `at` (None: now). No price trades nothing."""
        at = self.clock.now() if at is None else at
        self.feed[symbol] = Quote(float(price), at, size)
        for told in self.on_quote:
            told(symbol, self.feed[symbol])
        if not math.isfinite(price) or price <= 0:
            return
        self.closed = False
        last = self._last[symbol] = self.instruments[symbol].price(price)
        for order in [order for order in self._live.values() if order.ticket.symbol == symbol]:
            self._match(order, last, at, arriving=False)

    def relist(self, instrument: Instrument) -> None:
        """A symbol is listed, or its tick, lot, freeze quantity or band changes, as it does at a day's start."""
        self.instruments[instrument.symbol] = instrument

    def halt(self, symbol: str, *, on: bool) -> None:
        """Trading in a symbol stops, or goes on: its orders rest meanwhile."""
        (self.halted.add if on else self.halted.discard)(symbol)

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Over night each share becomes `ratio` shares, at a price as many times lower (a split, or a bonus)."""
        for (held, _), holding in self.account.held.items():
            if held == symbol:
                holding.quantity, holding.average_price = holding.quantity * ratio, holding.average_price / ratio
        if symbol in self._last:
            self._last[symbol] = self.instruments[symbol].price(self._last[symbol] / ratio)

    def end_of_day(self, *, square_off: bool = False) -> None:
        """Day orders expire, and none is taken until the next price.

        With `square_off` the broker closes MIS positions at their last price.
        """
        self.closed = True
        for order in list(self._live.values()):
            self._settle(order, OrderState.EXPIRED, "the day is over")
        for (symbol, product), holding in list(self.account.held.items()):
            if square_off and product is Product.MIS and holding.quantity:
                price = self._last.get(symbol, holding.average_price)
                self.manual_trade(symbol, -holding.quantity, product, price)

    def manual_trade(
        self,
        symbol: str,
        quantity: Decimal,
        product: Product = Product.MIS,
        price: Decimal | None = None,
    ) -> Order:
        """Somebody else trades the signed `quantity` on the account at `price` (None: the last), seen at once.

        Raises Rejected when nothing has traded yet.
        """
        price = self._last.get(symbol) if price is None else price
        if price is None:
            raise Rejected("price", f"{symbol} has not traded yet")
        action = Action.BUY if quantity > 0 else Action.SELL
        ticket = Ticket("", symbol, action, product, OrderType.MARKET, abs(quantity))
        order = self._order(ticket, 0.0)
        self.orders[order.order_id] = self._live[order.order_id] = order
        self._fill(order, order.remaining, price, self.clock.now())
        return order

    def manual_cancel(self, order_id: str) -> Order:
        """Somebody else cancels an order. Raises Rejected when it is not working."""
        order = self._working(order_id)
        self._settle(order, OrderState.CANCELLED, "cancelled by the account's owner")
        return order

    def withdraw(self, amount: Decimal) -> None:
        """Money leaves the account; a negative `amount` comes in."""
        self.account.cash -= amount

    # How it works inside.

    def _order(self, ticket: Ticket, lag: float) -> Order:
        placed_at = wall_time(self.clock)
        return Order(self._number(placed_at, len(self.orders) + 1), ticket, placed_at, self.clock.monotonic() + lag)

    def _tell(self, order: Order) -> None:
        for told in self.on_order:
            told(order)

    def _protected(self, ticket: Ticket) -> Decimal | None:
        """The limit of an order that the broker gives market protection; None for any other."""
        price = ticket.trigger_price or self._last.get(ticket.symbol)
        if not self.profile.protects or ticket.order_type not in UNPRICED or price is None:
            return None
        return self.instruments[ticket.symbol].price(price * (1 + ticket.action.sign * PROTECTION))

    def _lag(self, strike: Strike | None) -> float:
        longest = self.profile.lag_seconds
        if strike is not None and strike.fault is Fault.LOST_ANSWER:
            longest = max(longest, self.profile.straggling_seconds)
        if strike is not None and strike.fault is Fault.LATE_BOOK:
            return self.profile.visibility_seconds if strike.seconds is None else strike.seconds
        return longest * (self._chance.random() if self._chance else 1.0)

    def _unseen(self) -> dict[str, Order]:
        if self._hidden:
            now = self.clock.monotonic()
            self._hidden = [order for order in self._hidden if order.visible_at > now]
        return {order.order_id: order for order in self._hidden}

    def _earlier(self, tag: str) -> Order | None:
        """The order that a second one with this tag is taken for. Rejected where the broker refuses the second."""
        if not tag or self.profile.dedupe is Dedupe.NEVER:
            return None
        if self.profile.dedupe is Dedupe.FOR_EVER:
            return self._first.get(tag)
        if any(order.ticket.tag == tag for order in self._live.values()):
            raise Rejected("duplicate", f"an order with the client id {tag} is open")
        return None

    def _margin(self, ticket: Ticket, instrument: Instrument, amended: Order | None = None) -> Decimal:
        """What the order would add to the account's exposure, in currency. Raises Rejected where risk says no."""
        last = self._last.get(ticket.symbol)
        check_risk(ticket, instrument, None if amended is not None and amended.triggered else last)
        quantity = ticket.quantity if amended is None else ticket.quantity - amended.filled
        price = ticket.limit_price or last or ticket.trigger_price or ZERO
        added = self.account.growth(ticket, quantity) * price
        if added:
            reserved = (order.reserved for order in self._live.values() if order is not amended)
            self.account.check_funds(added, sum(reserved, ZERO), self._last)
        return added

    def _take(self, order: Order) -> None:
        self.orders[order.order_id] = order
        self._first.setdefault(order.ticket.tag, order)
        if order.visible_at > self.clock.monotonic():
            self._hidden.append(order)
        self._tell(order)
        if order.state is OrderState.ACKED:
            self._live[order.order_id] = order
            self._arrive(order)

    def _arrive(self, order: Order) -> None:
        last = self._last.get(order.ticket.symbol)
        if last is not None:
            self._match(order, last, self.clock.now(), arriving=True)

    def _working(self, order_id: str) -> Order:
        if order_id not in self._live:
            known = self.orders.get(order_id)
            raise Rejected("not_open", f"order {order_id} is {known.state if known else 'not known'}")
        return self._live[order_id]

    def _settle(self, order: Order, state: OrderState, reason: str = "") -> None:
        order.move(state, reason)
        del self._live[order.order_id]
        self._tell(order)

    def _match(self, order: Order, last: Decimal, at: float, *, arriving: bool) -> None:
        price = None if order.ticket.symbol in self.halted else execution(order, last, arriving=arriving)
        if price is None:
            return
        if order.ticket.order_type in UNPRICED and self._slippage:
            instrument = self.instruments[order.ticket.symbol]
            price = instrument.price(price * (1 + order.ticket.action.sign * self._slippage))
        self._fill(order, self._part(order), price, at)

    def _part(self, order: Order) -> Decimal:
        if not (order.chunked or self.partial_fills):
            return order.remaining
        instrument = self.instruments[order.ticket.symbol]
        share = self._chance.choice(CHUNKS) if self._chance else HALF
        return max(min(instrument.lot, order.remaining), instrument.round_down(order.remaining * share))

    def _race(self, order: Order, *, whole: bool) -> None:
        """The fill that comes while a cancel is on its way."""
        price = order.ticket.limit_price or order.ticket.trigger_price or self._last.get(order.ticket.symbol)
        if price is not None:
            order.chunked = not whole
            self._fill(order, order.remaining if whole else self._part(order), price, self.clock.now())

    def _fill(self, order: Order, quantity: Decimal, price: Decimal, at: float) -> None:
        ticket = order.ticket
        charges, spent = self.account.trade(ticket, quantity, price)
        self.trades.append(
            BrokerTrade(
                trade_id=f"T{len(self.trades) + 1:06d}",
                broker_order_id=order.order_id,
                symbol=ticket.symbol,
                action=ticket.action,
                product=ticket.product,
                quantity=quantity,
                price=price,
                charges=charges if self.profile.tells_charges else None,
                traded_at=datetime.fromtimestamp(at, UTC),
            )
        )
        order.fill(quantity, price, spent)
        if not order.remaining:
            del self._live[order.order_id]
        self._tell(order)
