"""OpenAlgo as ports.Venue. An order goes out once; what its answer proves is believed, anything else is UNKNOWN.

The server may go on with an order for two minutes after the line has gone dead, and a 500 may hide one that has
filled. Each outcome follows section 5 of the contract: OPENALGO.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import httpx
import structlog

from livetrader.brokers.calls import unanswered
from livetrader.brokers.openalgo.answers import Answer, Unreadable, identifier
from livetrader.brokers.openalgo.books import STRATEGY
from livetrader.brokers.openalgo.reader import OpenAlgoReader
from livetrader.brokers.openalgo.reads import LOG_IN, mode_of, told_seconds
from livetrader.brokers.permit import LivePermit
from livetrader.brokers.throttle import Pause, Throttle
from livetrader.constraints.verdict import Approved
from livetrader.domain.order import OrderIntent, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.errors import BrokerError
from livetrader.ports import Clock, Outcome

log = structlog.get_logger(__name__)

# The codes that, with an error body, prove that there is no order. 429 has a meaning of its own.
REFUSALS = (400, 403, 404)
RATE_LIMITED = 429


class OpenAlgoClient(OpenAlgoReader):
    """The account behind the server at `base_url`, for one process that trades it: sends are serial.

    Nobody makes one without a `permit`, and so in no mode but live. `order_seconds` is how long an answer to an order
    may take; the other arguments are OpenAlgoReader's.
    """

    def __init__(
        self,
        base_url: str,
        api_key: Callable[[], str],
        clock: Clock,
        permit: LivePermit,  # noqa: ARG002 - having one is the point
        *,
        throttle: Throttle | None = None,
        order_seconds: float = 30.0,
        **reading: Any,
    ) -> None:
        super().__init__(base_url, api_key, clock, **reading)
        self._order_seconds = order_seconds
        self._throttle = throttle or Throttle(clock)
        # The limit of the order calls is one of its own: reads that met theirs do not keep an exit waiting.
        self._order_pause = Pause(clock)
        self._one_order = threading.Lock()

    @property
    def silent(self) -> bool:
        """The server has asked for silence, of reads or of orders, and gets it."""
        return self._reads.silent or self._order_pause.left() > 0

    def place(self, order: Approved) -> Outcome:
        intent = order.intent
        return self._ask("placeorder", {**self._terms(intent), **_prices(intent)}, urgent=_urgent(intent))

    def modify(self, broker_order_id: str, intent: OrderIntent) -> Outcome:
        terms = {"price": 0, "trigger_price": 0, **_prices(intent), "disclosed_quantity": 0}  # all are required
        body = {**self._terms(intent), **terms, "orderid": broker_order_id}
        return self._ask("modifyorder", body, urgent=_urgent(intent), order_id=broker_order_id)

    def cancel(self, broker_order_id: str) -> Outcome:
        """ACKED: it was asked for; the order book says what comes of it."""
        body = {"strategy": STRATEGY.rstrip("-"), "orderid": broker_order_id}
        return self._ask("cancelorder", body, urgent=True, order_id=broker_order_id)

    def _terms(self, intent: OrderIntent) -> dict[str, Any]:
        symbol, exchange = self.symbols.wire(intent.symbol)
        return {
            "strategy": f"{STRATEGY}{intent.intent_id}",
            "symbol": symbol,
            "exchange": exchange,
            "action": intent.action.value,
            "product": intent.product.value,
            "pricetype": intent.order_type.value,
            "quantity": _number(intent.quantity),
        }

    def _ask(self, endpoint: str, body: Mapping[str, Any], *, urgent: bool, order_id: str | None = None) -> Outcome:
        """Send what trades, once, and say what its answer proves."""
        self._throttle.wait(urgent=urgent)
        with self._one_order:
            why = self._unsendable()
            if why:
                return Outcome(OrderState.INTENT, reason=f"not sent: {why}")
            self._look = None  # what was read before is not what will be
            try:
                answer = self._wire.post(endpoint, body, self._order_seconds)
            except httpx.HTTPError as error:
                return unanswered(error)
            return self._outcome(answer, order_id)

    def _unsendable(self) -> str:
        """Why nothing may go out now; empty if it may. The server's mode is known, or nothing is sent."""
        silence = self._order_pause.left()
        if silence:
            return f"OpenAlgo's rate limit was met, {silence:.1f} s are left"
        try:
            self._reads.require_mode()
        except BrokerError as error:
            return str(error)
        return ""

    def _outcome(self, answer: Answer, order_id: str | None) -> Outcome:
        if answer.status == 200 and answer.document is not None:  # a 201 is some brokers' word for "perhaps"
            return self._accepted(answer, order_id)
        if answer.status == RATE_LIMITED and answer.says_no:  # raised before the server looks at the order
            self._order_pause.hold(told_seconds(answer))
            return Outcome(OrderState.INTENT, reason=f"not sent: rate limit, {answer.said}")
        if answer.status in REFUSALS and answer.says_no:
            hint = f": {LOG_IN}" if answer.status == 403 else ""
            return Outcome(OrderState.REJECTED, self._refused_id(answer), f"{answer.said}{hint}")
        return Outcome(OrderState.UNKNOWN, reason=f"HTTP {answer.status}: {answer.said}")

    def _accepted(self, answer: Answer, order_id: str | None) -> Outcome:
        """What a 200 proves: it is an acknowledgement only with the order's id, and in the mode that we expect."""
        document = answer.document or {}
        doubt = self._doubt(document)
        if doubt:
            log.error("an order went where it should not", answer=answer.said, why=doubt)
            return Outcome(OrderState.UNKNOWN, reason=doubt)
        if document.get("status") != "success":
            return Outcome(OrderState.UNKNOWN, reason=f"no success: {answer.said}")
        try:
            answered = identifier(document.get("orderid"))
        except Unreadable:
            return Outcome(OrderState.UNKNOWN, reason=f"a success without an order id: {answer.said}")
        if order_id not in (None, answered):
            return Outcome(OrderState.UNKNOWN, reason=f"the answer is about order {answered}")
        return Outcome(OrderState.ACKED, answered)

    def _doubt(self, document: Mapping[str, Any]) -> str:
        """Why an answer that looks like a success is of another world than ours; empty if it is not."""
        if document.get("mode") == "semi_auto":
            return "queued in OpenAlgo's Action Center (semi-auto mode): it goes out if somebody approves it there"
        try:
            mode = mode_of(document)
        except Unreadable as error:
            mode, why = None, str(error)
        if mode == self._reads.expect:
            return ""
        self._reads.doubt_mode()
        return why if mode is None else f"the server took it in {mode} mode, and broker.expect is {self._reads.expect}"

    def _refused_id(self, answer: Answer) -> str | None:
        """The id of an order that is in the book as rejected."""
        document = answer.document or {}
        try:
            ours = mode_of(document) == self._reads.expect
            return identifier(document.get("orderid")) if ours else None
        except Unreadable:
            return None


def _urgent(intent: OrderIntent) -> bool:
    return intent.purpose is not Purpose.ENTRY


def _prices(intent: OrderIntent) -> dict[str, int | float]:
    prices = {"price": intent.limit_price, "trigger_price": intent.trigger_price}
    return {name: _number(price) for name, price in prices.items() if price is not None}


def _number(exact: Decimal) -> int | float:
    """A number for JSON. Quantities have to be whole ones: some brokers refuse 65.0."""
    return int(exact) if exact == exact.to_integral_value() else float(exact)
