"""The account at this moment."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import at, trade

from livetrader.domain.signal import Side
from livetrader.domain.trades import OpenPosition
from livetrader.reporting.concentration import Level
from livetrader.reporting.live import live_figures


def held(symbol: str, side: Side = Side.LONG, quantity: int = 10, price: int = 100) -> OpenPosition:
    return OpenPosition(symbol, side, Decimal(quantity), Decimal(price), "s", symbol, at("10:00"), Decimal(5))


def test_the_day_is_what_was_realised_and_what_is_open() -> None:
    prices = {"A": Decimal(110), "B": Decimal(90)}
    found = live_figures([held("A"), held("B", Side.SHORT)], [trade("200"), trade("-50")], prices)
    assert (found.open_pnl, found.realised, found.day_pnl) == (190, 150, 340)
    assert (found.exposure, found.hhi) == (2000, pytest.approx(0.505))
    assert found.concentration is Level.HIGH
    assert found.day_drawdown == 0


def test_the_days_drawdown_is_from_its_best_to_now() -> None:
    found = live_figures([held("A")], [trade("200"), trade("-50")], {"A": Decimal(80)})
    assert found.day_pnl == 150 - 205
    assert found.day_drawdown == 200 + 55


def test_a_position_without_a_price_leaves_the_open_profit_unknown() -> None:
    found = live_figures([held("A"), held("B")], [trade("-70")], {"A": Decimal(120)})
    assert (found.open_pnl, found.day_pnl, found.realised) == (None, None, -70)
    assert found.day_drawdown == 70
    assert found.exposure == 10 * 120 + 10 * 100


def test_what_a_position_that_was_sold_in_part_has_brought_is_open_profit() -> None:
    found = live_figures([replace(held("A"), realised=Decimal(40))], [], {"A": Decimal(101)})
    assert (found.open_pnl, found.day_pnl) == (10 - 5 + 40, 45)


def test_the_worth_of_all_stands_in_for_prices() -> None:
    with_prices = live_figures([held("A"), held("B", Side.SHORT)], [], {"A": Decimal(110), "B": Decimal(90)})
    found = live_figures([held("A"), held("B", Side.SHORT)], [], {}, worth=Decimal(1100 - 900))
    assert found.open_pnl == with_prices.open_pnl


def test_flat_is_a_day_of_closed_trades() -> None:
    found = live_figures([], [trade("10")], {})
    assert (found.open_pnl, found.day_pnl, found.exposure) == (0, 10, 0)
    assert (found.hhi, found.concentration) == (None, None)
    assert (found.trades, found.winners, found.win_rate) == (1, 1, 1.0)


def test_the_win_rate_is_of_the_trades_that_closed_today() -> None:
    found = live_figures([held("A")], [trade("10"), trade("-5"), trade("0")], {})
    assert (found.trades, found.winners, found.win_rate) == (3, 1, pytest.approx(1 / 3, abs=1e-6))
    assert live_figures([], [], {}).win_rate is None


@given(st.lists(st.integers(-100, 100), max_size=20))
def test_the_drawdown_is_never_less_than_what_the_day_has_lost(nets: list[int]) -> None:
    found = live_figures([], [trade(str(net)) for net in nets], {})
    assert found.day_drawdown >= max(Decimal(0), -found.realised)
