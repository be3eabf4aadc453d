"""The loopback venue in process: ports.Venue without a wire, for seeds by the thousand.

A fault becomes the outcome or the error that `client.LoopbackClient` makes of the same fault on the wire; the
contract suite holds the two against each other. Reads are not retried and messages not throttled here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from livetrader.brokers.loopback.answers import Answers
from livetrader.brokers.loopback.exchange import Exchange, Quote
from livetrader.brokers.loopback.faults import GARBLED, TURNED_AWAY, Fault, Line, Strike
from livetrader.brokers.loopback.rules import Rejected, Ticket, refusal
from livetrader.brokers.throttle import BAN_SECONDS, UNTOLD_SECONDS, Pause
from livetrader.constraints.verdict import Approved
from livetrader.domain.books import BrokerOrder, BrokerPosition, BrokerTrade
from livetrader.domain.instrument import Instrument
from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.errors import AuthExpired, BrokerError, BrokerProtocol, BrokerUnavailable, DataError
from livetrader.ports import Outcome

T = TypeVar("T")

UNREADABLE = GARBLED - {Fault.HTTP_500, Fault.HTML_502}


class LoopbackVenue:
    """`exchange` through `line`. `protected`: the adapter sends market protection, as it must."""

    def __init__(self, exchange: Exchange, line: Line | None = None, *, protected: bool = True) -> None:
        profile = exchange.profile
        self.name = f"loopback-{profile.name}"
        self.identity = profile.identity
        self.visibility_seconds = profile.visibility_seconds
        self.exchange = exchange
        self.line = line or Line(exchange.clock)
        self._protected = protected
        self._pause = Pause(exchange.clock)
        self._answers = Answers()

    @property
    def silent(self) -> bool:
        """The broker has asked for silence, and gets it."""
        return self._pause.left() > 0

    def place(self, order: Approved) -> Outcome:
        intent = order.intent
        ticket = Ticket.of(intent, tag=intent.intent_id, protected=self._protected)

        def act(strike: Strike | None) -> Outcome:
            return Outcome(OrderState.ACKED, self.exchange.submit(ticket, strike).order_id)

        return self._ask("place", act)

    def modify(self, broker_order_id: str, intent: OrderIntent) -> Outcome:
        def act(_strike: Strike | None) -> Outcome:
            self.exchange.amend(broker_order_id, intent.quantity, intent.limit_price, intent.trigger_price)
            return Outcome(OrderState.ACKED, broker_order_id)

        return self._ask("modify", act)

    def cancel(self, broker_order_id: str) -> Outcome:
        done = OrderState.ACKED if self.exchange.profile.received_only else OrderState.CANCELLED

        def act(strike: Strike | None) -> Outcome:
            self.exchange.revoke(broker_order_id, strike)
            return Outcome(done, broker_order_id)

        return self._ask("cancel", act)

    def orders(self) -> Sequence[BrokerOrder]:
        return self._read("orders", self.exchange.order_book)

    def order(self, broker_order_id: str) -> BrokerOrder:
        raise DataError(f"{self.name}: order {broker_order_id}: there is no way to ask for it but its book")

    def trades(self) -> Sequence[BrokerTrade]:
        return self._read("trades", self.exchange.trade_book)

    def positions(self) -> Sequence[BrokerPosition]:
        return self._read("positions", self.exchange.position_book)

    def funds(self) -> Decimal:
        return self._read("funds", self.exchange.funds)

    def instruments(self) -> Sequence[Instrument]:
        return self._read("instruments", self.exchange.master)

    def quotes(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The feed's last word on each of `symbols`, as it came: it may be stale, and no price at all."""
        return self._read("quotes", lambda: self.exchange.quotes(symbols))

    def _ask(self, operation: str, act: Callable[[Strike | None], Outcome]) -> Outcome:
        silence = self._pause.left()
        if silence:
            return paused(silence)
        strike = self.line.strike(operation)
        answer = Outcome(OrderState.UNKNOWN)
        if strike is None or strike.reaches:
            try:
                answer = act(strike)
            except Rejected as no:
                answer = refusal(no.code, no.reason)
        if strike is None:
            return answer
        self._suffer(strike)
        return _outcome(strike) if strike.spoils else answer

    def _read(self, operation: str, read: Callable[[], T]) -> T:
        silence = self._pause.left()
        if silence:
            raise BrokerUnavailable(f"{self.name}: {paused(silence).reason}")
        strike = self.line.strike(operation)
        if strike is None:
            return self._answers.give(operation, None, read())
        self._suffer(strike)
        if strike.spoils:
            raise self._error(operation, strike)
        return self._answers.give(operation, strike, read())

    def _suffer(self, strike: Strike) -> None:
        """What a fault costs the caller in time."""
        if strike.fault is Fault.SLOW:
            self.exchange.clock.sleep(strike.seconds or 0.0)
        elif strike.fault in (Fault.RATE_LIMITED, Fault.BANNED):
            untold = UNTOLD_SECONDS if strike.fault is Fault.RATE_LIMITED else BAN_SECONDS
            self._pause.hold(untold if strike.seconds is None else strike.seconds)

    def _error(self, operation: str, strike: Strike) -> BrokerError:
        if strike.fault is Fault.AUTH_EXPIRED:
            return expired(self.name)
        if strike.fault in UNREADABLE:
            return BrokerProtocol(f"{self.name}: the answer to {operation!r} cannot be read ({strike.fault})")
        return BrokerUnavailable(f"{self.name}: no answer to {operation!r} ({strike.fault})")


def paused(seconds: float) -> Outcome:
    """Nothing was sent, because the broker asked for silence."""
    return Outcome(OrderState.INTENT, reason=f"paused: the broker asked for silence, {seconds:.1f} s are left")


def expired(name: str) -> AuthExpired:
    return AuthExpired(f"{name}: the session has expired: run `livetrader login {name}`")


def _outcome(strike: Strike) -> Outcome:
    """What is known of an order when its answer cannot be believed."""
    if strike.fault is Fault.REFUSED:
        return Outcome(OrderState.INTENT, reason=f"not sent ({strike.fault})")
    if strike.fault in TURNED_AWAY:
        return refusal(strike.fault, "turned away at the door")
    return Outcome(OrderState.UNKNOWN, reason=f"no answer ({strike.fault})")
