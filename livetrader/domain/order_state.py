"""The states of an order and the one table of transitions between them. Source: ORDERS.md, "The intent"."""

from __future__ import annotations

from enum import StrEnum


class OrderState(StrEnum):
    INTENT = "INTENT"
    SENT = "SENT"
    ACKED = "ACKED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"
    ABANDONED = "ABANDONED"
    REFUSED = "REFUSED"

    @property
    def terminal(self) -> bool:
        return not TRANSITIONS[self]


_S = OrderState
_AT_THE_BROKER = frozenset({_S.ACKED, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.REJECTED, _S.EXPIRED})

TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    # Before the call: our rules, or a connection that was never made (not sent, retried while fresh).
    _S.INTENT: frozenset({_S.SENT, _S.REFUSED, _S.CANCELLED, _S.EXPIRED}),
    # The call: its answer, or no answer.
    _S.SENT: _AT_THE_BROKER | {_S.UNKNOWN, _S.INTENT},
    # Never back to SENT: an unknown order is looked up, adopted or abandoned, and not sent again.
    _S.UNKNOWN: _AT_THE_BROKER | {_S.ABANDONED},
    _S.ACKED: _AT_THE_BROKER - {_S.ACKED},
    _S.PARTIALLY_FILLED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED}),
    _S.FILLED: frozenset(),
    # A fill may overtake the cancel that we have already booked (fault B10).
    _S.CANCELLED: frozenset({_S.PARTIALLY_FILLED, _S.FILLED}),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.ABANDONED: frozenset(),
    _S.REFUSED: frozenset(),
}


class IllegalTransition(Exception):
    """A transition that the table does not have: a bug, or a broker that contradicts itself."""


def transition(state: OrderState, to: OrderState) -> OrderState:
    """`to`, if an order in `state` may go there; IllegalTransition otherwise."""
    if to not in TRANSITIONS[state]:
        raise IllegalTransition(f"an order cannot go from {state} to {to}")
    return to
