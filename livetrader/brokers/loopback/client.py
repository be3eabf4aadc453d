"""The loopback venue over HTTP: ports.Venue as an adapter of a real broker has to be.

An order is sent once. What the answer proves is believed, anything else is UNKNOWN; only a connection that was never
made is "not sent".
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from livetrader.brokers.calls import unanswered
from livetrader.brokers.loopback import wire
from livetrader.brokers.loopback.profiles import Profile
from livetrader.brokers.loopback.reader import REQUEST_TIMEOUT, LoopbackReader, document_of
from livetrader.brokers.loopback.rules import Ticket, refusal
from livetrader.brokers.loopback.venue import paused
from livetrader.brokers.permit import LivePermit
from livetrader.brokers.throttle import Throttle
from livetrader.constraints.verdict import Approved
from livetrader.domain.order import OrderIntent, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.ports import Clock, Outcome

DONE = {"received": OrderState.ACKED, "cancelled": OrderState.CANCELLED}


class LoopbackClient(LoopbackReader):
    """The venue at `url`. Callers that share a broker's key share one client, and so one throttle and one pause.

    Nobody makes one without a `permit`, and so in no mode but live. The other arguments are LoopbackReader's.
    """

    def __init__(
        self,
        url: str,
        profile: Profile,
        clock: Clock,
        permit: LivePermit,  # noqa: ARG002 - having one is the point
        *,
        throttle: Throttle | None = None,
        timeout_seconds: float = 5.0,
        attempts: int = 3,
        protected: bool = True,
        algo_id: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, profile, clock, timeout_seconds=timeout_seconds, attempts=attempts, transport=transport)
        self._throttle = throttle or Throttle(clock)
        self._protected, self._algo_id = protected, algo_id

    def place(self, order: Approved) -> Outcome:
        intent = order.intent
        ticket = Ticket.of(intent, tag=intent.intent_id, protected=self._protected, algo_id=self._algo_id)
        return self._ask("POST", "/orders", wire.plain(ticket), urgent=intent.purpose is not Purpose.ENTRY)

    def modify(self, broker_order_id: str, intent: OrderIntent) -> Outcome:
        terms = {
            "quantity": intent.quantity,
            "limit_price": intent.limit_price,
            "trigger_price": intent.trigger_price,
        }
        urgent = intent.purpose is not Purpose.ENTRY
        return self._ask("PUT", _path(broker_order_id), wire.plain(terms), urgent=urgent, order_id=broker_order_id)

    def cancel(self, broker_order_id: str) -> Outcome:
        return self._ask("DELETE", _path(broker_order_id), None, urgent=True, order_id=broker_order_id)

    def _ask(self, method: str, path: str, body: Any, *, urgent: bool, order_id: str | None = None) -> Outcome:
        """Send what trades, once, and say what its answer proves."""
        silence = self._pause.left()
        if silence:
            return paused(silence)
        self._throttle.wait(urgent=urgent)
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            return unanswered(error)
        self._heed(response)
        try:
            return _outcome(response, order_id)
        except wire.Unreadable as error:
            return Outcome(OrderState.UNKNOWN, reason=f"HTTP {response.status_code} cannot be read: {error}")


def _path(broker_order_id: str) -> str:
    return f"/orders/{quote(broker_order_id, safe='')}"


def _outcome(response: httpx.Response, order_id: str | None) -> Outcome:
    """What an answer to an order proves: 200 with the order's id, or a 4xx that says no. Unreadable otherwise."""
    status = response.status_code
    if 400 <= status < 500 and status != REQUEST_TIMEOUT:
        error = wire.member(document_of(response), "error")
        return refusal(wire.name(wire.member(error, "code")), wire.text(wire.member(error, "reason")))
    if status != 200:
        raise wire.Unreadable("only 200 is a yes")
    document = document_of(response)
    answered = wire.name(wire.member(document, "order_id"))
    done = wire.text(wire.member(document, "status"))
    if done not in DONE or (order_id is not None and answered != order_id):
        raise wire.Unreadable(f"{done!r} of order {answered!r} is no answer to this request")
    return Outcome(DONE[done], answered)
