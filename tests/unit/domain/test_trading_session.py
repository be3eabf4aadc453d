"""The one table of a trading session's states."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from livetrader.domain.order_state import IllegalTransition
from livetrader.domain.trading_session import TradingSession, TradingState, proceed

S = TradingState
LEGAL = [
    (S.STOPPED, S.STARTING),
    (S.STARTING, S.RUNNING),
    (S.STARTING, S.STOPPING),
    (S.STARTING, S.ERROR),
    (S.RUNNING, S.PAUSED),
    (S.RUNNING, S.STOPPING),
    (S.RUNNING, S.ERROR),
    (S.PAUSED, S.RUNNING),
    (S.PAUSED, S.STOPPING),
    (S.PAUSED, S.ERROR),
    (S.STOPPING, S.STOPPED),
    (S.STOPPING, S.ERROR),
    (S.ERROR, S.STOPPED),
]


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("to", list(S))
def test_only_the_steps_of_the_table_are_taken(state: TradingState, to: TradingState) -> None:
    if (state, to) in LEGAL:
        assert proceed(state, to) is to
    else:
        with pytest.raises(IllegalTransition, match=f"cannot go from {state} to {to}"):
            proceed(state, to)


@pytest.mark.parametrize("state", list(S))
def test_a_latch_pauses_what_runs_and_nothing_else(state: TradingState) -> None:
    one = TradingSession(1, "", "paper", state, datetime(2026, 2, 27, tzinfo=UTC), Decimal(1), first=2)
    assert one.seen(paused=False) is state
    assert one.seen(paused=True) is (S.PAUSED if state is S.RUNNING else state)
