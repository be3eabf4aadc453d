"""Orders that the simulated venue fills in parts, as the engine sees them: stops, exits and the end of the session.

Volumes are 100 a bar, of which a tenth is ours, unless a bar says otherwise. An entry is for 20.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.trades import trades
from tests.unit.engine.trading_samples import (
    EXITS,
    INDIA,
    Price,
    Rig,
    at,
    flat,
    realism,
    sessions,
    signal,
    sizer,
    tape,
)

S = OrderState
DAYS = sessions(1, bars=12, square_off=10 * 300)
PLENTY = 1000.0


def rig(bars: list[Price], kind: str = "trailing_atr", **more: Any) -> Rig:
    """One signal at the close of bar 0; the stop is 3 below the first fill."""
    filled = [*bars, *[flat(bars[-1][3], PLENTY)] * (12 - len(bars))]
    return Rig(DAYS, tape(DAYS, {"A": filled}), sizer(EXITS[kind]), [signal()], realism=realism(**more))


def states(made: Rig, purpose: Purpose) -> list[tuple[OrderState, Decimal, Decimal]]:
    """State, quantity and what has filled of the orders of one purpose."""
    return [
        (r.state, r.intent.quantity, r.filled_quantity) for r in made.journal.orders() if r.intent.purpose is purpose
    ]


def closed(made: Rig) -> list[tuple[str, Decimal]]:
    """Reason and quantity of each trade."""
    intents = {r.intent.intent_id: r.intent for r in made.journal.orders()}
    return [(one.exit_reason, one.quantity) for one in trades(intents, made.journal.fills(), INDIA)[0]]


def test_the_stop_is_of_the_size_of_what_has_filled() -> None:
    made = rig([flat(100)] * 5).play(at(2))
    assert states(made, Purpose.ENTRY) == [(S.PARTIALLY_FILLED, 20, 10)]
    assert states(made, Purpose.STOP) == [(S.ACKED, 10, 0)]
    made.step(at(3))
    assert states(made, Purpose.ENTRY) == [(S.FILLED, 20, 20)]
    assert states(made, Purpose.STOP) == [(S.ACKED, 20, 0)]


def test_the_rest_of_an_entry_stays_at_the_venue_between_passes() -> None:
    """It is no stale plan: what a bar has no room for is for the next."""
    made = rig([flat(100)] * 5).play(at(2))
    made.clock.sleep(200)
    made.engine.monitor()
    assert states(made, Purpose.ENTRY) == [(S.PARTIALLY_FILLED, 20, 10)]


@pytest.mark.parametrize("driver", ["play", "backtest"])
@pytest.mark.parametrize(
    ("bars", "fills"),
    [
        pytest.param(
            [flat(100), flat(100), (100, 100, 95, 96), flat(95, PLENTY)],
            [("BUY", "10", "100", 1), ("BUY", "10", "100", 2), ("SELL", "20", "95", 3)],
            id="a stop that is reached while the entry takes the whole bar leaves on the next",
        ),
        pytest.param(
            [flat(100), (100, 100, 96, 96), flat(95, PLENTY)],
            [("BUY", "10", "100", 1), ("SELL", "10", "95", 2)],
            id="on the bar of the first part, too, and the rest of the entry is cancelled",
        ),
        pytest.param(
            [flat(100), flat(100, PLENTY), (99, 99, 96, 96), (95, 95, 94, 94), flat(94, PLENTY)],
            [("BUY", "20", "100", 1), ("SELL", "10", "97", 2), ("SELL", "10", "95", 3)],
            id="a stop that fills in part: the rest at the next open",
        ),
        pytest.param(
            [flat(100), flat(100, PLENTY), (90, 91, 89, 90), flat(88, PLENTY)],
            [("BUY", "20", "100", 1), ("SELL", "10", "90", 2), ("SELL", "10", "88", 3)],
            id="a stop that gaps: its part at the open",
        ),
        pytest.param(
            [flat(100), flat(100, PLENTY), (99, 99, 96, 96, 0), flat(98, 0), flat(93, PLENTY)],
            [("BUY", "20", "100", 1), ("SELL", "20", "93", 4)],
            id="a stop that is reached on a bar without volume waits for one that has some",
        ),
    ],
)
def test_a_stop_and_the_room_there_is(bars: list[Price], fills: list[tuple[Any, ...]], driver: str) -> None:
    made = rig(bars)
    getattr(made, driver)()
    assert [one[1:] for one in made.fills()] == fills
    assert closed(made) == [(ExitReason.STOP, sum(int(one[1]) for one in fills if one[0] == "BUY"))]
    assert made.book.positions == {}
    assert made.book.orders == {}


@pytest.mark.parametrize("driver", ["play", "backtest"])
@pytest.mark.parametrize(
    ("bars", "sold"),
    [
        pytest.param(
            [(100, 104, 100, 104, 120), flat(101)],
            [("12", "100.7", 2), ("8", "101", 3)],
            id="in part: the rest at market",
        ),
        pytest.param([(100, 104, 100, 104, 0), flat(101, PLENTY)], [("20", "101", 3)], id="none of it"),
        pytest.param([(105, 106, 105, 105, 120), flat(99)], [("12", "105", 2), ("8", "99", 3)], id="a gap beyond it"),
    ],
)
def test_what_a_targets_bar_has_no_room_for_leaves_at_market(
    bars: list[Price], sold: list[tuple[str, str, int]], driver: str
) -> None:
    made = rig([flat(100), flat(100, PLENTY), *bars], "percent")
    getattr(made, driver)()
    assert [one[2:] for one in made.fills() if one[1] == "SELL"] == sold
    assert closed(made) == [(ExitReason.TARGET, 20)]


@pytest.mark.parametrize("driver", ["play", "backtest"])
def test_a_square_off_without_volume_is_closed_by_the_venue_at_the_last_price(driver: str) -> None:
    bars = [flat(100), flat(100, PLENTY), *[flat(100)] * 8, flat(99, 50), (98, 98, 97, 97.5, 0)]
    made = rig(bars, slippage_cap_bps=100.0)
    getattr(made, driver)()
    assert [one[1:] for one in made.fills()] == [
        ("BUY", "20", "100", 1),
        ("SELL", "5", "99", 10),
        ("SELL", "15", "96.5347", 12),  # 97.5 less 1 %
    ]
    assert closed(made) == [(ExitReason.SQUARE_OFF, 20)]


def test_a_symbol_whose_bars_have_no_volume_is_not_traded() -> None:
    made = rig([flat(100, 0)] * 12).play()
    assert states(made, Purpose.ENTRY) == [(S.EXPIRED, 20, 0)]
    assert (made.journal.fills(), made.book.cash) == ([], 10_000)
