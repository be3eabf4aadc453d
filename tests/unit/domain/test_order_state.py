"""The one table of transitions: what an order may become, and what it may never."""

from __future__ import annotations

from itertools import product

import pytest

from livetrader.domain.order_state import TRANSITIONS, IllegalTransition, OrderState, transition

S = OrderState

# ORDERS.md, "The intent": every path that it names, and the two that it takes from its fault list.
PATHS = {
    "filled": [S.INTENT, S.SENT, S.ACKED, S.PARTIALLY_FILLED, S.PARTIALLY_FILLED, S.FILLED],
    "filled at once": [S.INTENT, S.SENT, S.FILLED],
    "cancelled after a part": [S.INTENT, S.SENT, S.ACKED, S.PARTIALLY_FILLED, S.CANCELLED],
    "a fill during the cancel": [S.INTENT, S.SENT, S.ACKED, S.CANCELLED, S.PARTIALLY_FILLED, S.FILLED],
    "rejected in the call": [S.INTENT, S.SENT, S.REJECTED],
    "rejected later": [S.INTENT, S.SENT, S.ACKED, S.REJECTED],
    "expired": [S.INTENT, S.SENT, S.ACKED, S.EXPIRED],
    "no answer, adopted": [S.INTENT, S.SENT, S.UNKNOWN, S.ACKED, S.FILLED],
    "no answer, abandoned": [S.INTENT, S.SENT, S.UNKNOWN, S.ABANDONED],
    "refused by our rules": [S.INTENT, S.REFUSED],
    "connection refused: not sent, tried again": [S.INTENT, S.SENT, S.INTENT, S.SENT, S.ACKED],
    "never sent": [S.INTENT, S.EXPIRED],
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_an_order_may_go_the_ways_that_the_contract_names(path: list[OrderState]) -> None:
    state = path[0]
    for to in path[1:]:
        state = transition(state, to)
    assert state is path[-1]


@pytest.mark.parametrize(
    ("state", "to"),
    [
        pytest.param(S.UNKNOWN, S.SENT, id="an unknown order is never sent again"),
        pytest.param(S.UNKNOWN, S.INTENT, id="nor made new"),
        pytest.param(S.INTENT, S.ACKED, id="no answer without a committed SENT"),
        pytest.param(S.INTENT, S.FILLED, id="no fill without a committed SENT"),
        pytest.param(S.INTENT, S.UNKNOWN, id="what was not sent is not unknown"),
        pytest.param(S.ACKED, S.UNKNOWN, id="what the broker acknowledged is known"),
        pytest.param(S.ACKED, S.SENT, id="nor sent again"),
        pytest.param(S.PARTIALLY_FILLED, S.REJECTED, id="what filled was not rejected"),
        pytest.param(S.CANCELLED, S.ACKED, id="a cancelled order does not come back"),
    ],
)
def test_an_order_never_goes_back(state: OrderState, to: OrderState) -> None:
    with pytest.raises(IllegalTransition, match=f"an order cannot go from {state} to {to}"):
        transition(state, to)


def test_every_pair_that_the_table_lacks_raises() -> None:
    for state, to in product(OrderState, OrderState):
        if to in TRANSITIONS[state]:
            assert transition(state, to) is to
        else:
            with pytest.raises(IllegalTransition):
                transition(state, to)


def test_from_every_state_an_end_can_be_reached() -> None:
    """Invariant I5 would be out of reach otherwise."""
    ends = {state for state in OrderState if state.terminal}
    assert ends == {S.FILLED, S.CANCELLED, S.EXPIRED, S.REJECTED, S.ABANDONED, S.REFUSED, S.RECORDED}
    reached = set(ends)
    while grown := {s for s in OrderState if TRANSITIONS[s] & reached} - reached:
        reached |= grown
    assert reached == set(OrderState)


def test_only_an_order_that_was_sent_can_fill() -> None:
    """Every state that leads to a fill is one that a SENT row came before."""
    before = {state for state in OrderState if {S.FILLED, S.PARTIALLY_FILLED} & TRANSITIONS[state]}
    reached, front = {S.SENT}, {S.SENT}
    while front := set().union(*(TRANSITIONS[s] for s in front)) - reached - {S.INTENT}:
        reached |= front
    assert before <= reached
