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
    RECORDED = "RECORDED"

    @property
    def terminal(self) -> bool:
        """Nothing more is expected. Late news of the broker's is still taken (fault B10, a late book)."""
        return self not in OPEN and self is not OrderState.INTENT


_S = OrderState

# An order in one of these may still fill, or may have filled without our knowing. INTENT is not one of them: no
# committed SENT, no call.
OPEN = frozenset({_S.SENT, _S.ACKED, _S.PARTIALLY_FILLED, _S.UNKNOWN})

_FILLING = frozenset({_S.PARTIALLY_FILLED, _S.FILLED})
_AT_THE_BROKER = _FILLING | {_S.ACKED, _S.CANCELLED, _S.REJECTED, _S.EXPIRED}

TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    # Before the call: our rules, or a connection that was never made (not sent, retried while fresh).
    _S.INTENT: frozenset({_S.SENT, _S.REFUSED, _S.CANCELLED, _S.EXPIRED}),
    # The call: its answer, or no answer. RECORDED is a dry run's.
    _S.SENT: _AT_THE_BROKER | {_S.UNKNOWN, _S.INTENT, _S.RECORDED},
    # Never back to SENT: an unknown order is looked up, adopted or abandoned, and not sent again.
    _S.UNKNOWN: _AT_THE_BROKER | {_S.ABANDONED, _S.RECORDED},
    # Abandoned too: a broker may clear its book before it has told how an order ended.
    _S.ACKED: (_AT_THE_BROKER - {_S.ACKED}) | {_S.ABANDONED},
    _S.PARTIALLY_FILLED: _FILLING | {_S.CANCELLED, _S.EXPIRED, _S.ABANDONED},
    _S.FILLED: frozenset(),
    # A fill may overtake the end that we have already booked (fault B10).
    _S.CANCELLED: _FILLING,
    _S.EXPIRED: _FILLING,
    # The book showed it later than it had ever been expected to: the order is real, whatever we had concluded.
    _S.ABANDONED: _AT_THE_BROKER,
    _S.REJECTED: frozenset(),
    _S.REFUSED: frozenset(),
    _S.RECORDED: frozenset(),
}


class IllegalTransition(Exception):
    """A transition that the table does not have: a bug, or a broker that contradicts itself."""


def transition(state: OrderState, to: OrderState) -> OrderState:
    """`to`, if an order in `state` may go there; IllegalTransition otherwise."""
    if to not in TRANSITIONS[state]:
        raise IllegalTransition(f"an order cannot go from {state} to {to}")
    return to
