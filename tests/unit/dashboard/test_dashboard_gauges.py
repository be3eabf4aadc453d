"""The use of every limit that is set, from what the state holds."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from livetrader.config.constraints import PRESETS
from livetrader.dashboard.data import Limits
from livetrader.dashboard.document import document
from livetrader.dashboard.gauges import GAUGED, Gauge
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.store.journal import SqlJournal
from tests.unit.dashboard.conftest import FrameMaker
from tests.unit.dashboard.desk import OPENS, hold, intent, trade, work
from tests.unit.dashboard.test_dashboard_screen import View, shown

D = Decimal
SET = {name: D(10) for name in GAUGED}
LIMITS = Limits(D(100_000), D(5), 3, 5, None, others=SET, sectors={"INFY": "IT", "TCS": "IT"})


def taken(frame: FrameMaker, limits: Limits = LIMITS, **prices: str) -> dict[str, Gauge]:
    told = {symbol: D(price) for symbol, price in prices.items()}
    return {one.name: one for one in frame(told, limits=limits).gauges}


def test_an_account_that_has_done_nothing_has_taken_nothing(journal: SqlJournal, frame: FrameMaker) -> None:
    del journal
    found = taken(frame)
    assert found.keys() == SET.keys()
    assert {name for name, one in found.items() if one.taken} == {"min_free_margin_pct"}
    assert (found["min_free_margin_pct"].taken, found["min_free_margin_pct"].share) == (100, 0)


def test_money_is_counted_at_the_last_price_and_entries_under_way_with_it(
    journal: SqlJournal, frame: FrameMaker
) -> None:
    """Two shares of IT and an entry in another; the account is worth 100,000 and what it has gained."""
    hold(journal, "INFY", OPENS, "1000", "990")
    hold(journal, "TCS", OPENS, "3000", "2990")
    work(journal, intent("SBIN", Side.LONG, Purpose.ENTRY, OPENS + timedelta(minutes=5), "500"))
    found = taken(frame, INFY="1100", TCS="2900")
    charges = sum((one.charges for one in journal.fills()), D(0))
    worth = 100_000 - charges
    value = 11_000 + 29_000 + 5_000
    assert (found["max_position_pct"].taken, found["max_position_pct"].who) == (100 * 29_000 / worth, "TCS")
    assert (found["max_sector_pct"].taken, found["max_sector_pct"].who) == (100 * 40_000 / worth, "IT")
    assert (found["max_strategy_pct"].taken, found["max_strategy_pct"].who) == (100 * value / worth, "momentum_long")
    assert found["max_leverage"].taken == pytest.approx(value / worth)
    assert found["min_free_margin_pct"].taken == pytest.approx(100 - 100 * D(value) / 5 / worth)
    assert found["portfolio_stop_pct"].taken == pytest.approx(charges / 1000)
    assert found["max_trades_per_strategy"].taken == 3


def test_what_went_wrong_is_counted(journal: SqlJournal, frame: FrameMaker) -> None:
    """Three losses in a row, a gain, a loss; an entry that was rejected, then two without an answer."""
    for i, out in enumerate(("99", "98", "97", "105", "99")):
        trade(journal, f"S{i}", OPENS + timedelta(minutes=i), "100", out)
    for i, state in enumerate((OrderState.REJECTED, OrderState.UNKNOWN, OrderState.UNKNOWN)):
        one = intent(f"X{i}", Side.LONG, Purpose.ENTRY, OPENS + timedelta(minutes=10 + i), "100")
        at = OPENS + timedelta(minutes=11 + i)
        journal.intend(one, at)
        journal.advance(one.intent_id, OrderState.SENT, at)
        journal.advance(one.intent_id, state, at)
    found = taken(frame)
    counts = ("max_consecutive_losses", "max_rejections_per_day", "max_broker_failures")
    assert [found[name].taken for name in counts] == [3, 1, 2]
    lost = -sum((one.cash for one in journal.fills()), D(0))
    assert (found["max_daily_loss"].taken, lost > 0) == (lost, True)


def test_a_loss_is_not_known_without_the_price_of_what_is_held(journal: SqlJournal, frame: FrameMaker) -> None:
    hold(journal, "INFY", OPENS, "1000", "990")
    assert taken(frame)["max_daily_loss"].taken is None


def test_only_limits_that_are_set_are_shown_and_full_and_near_ones_say_so(
    journal: SqlJournal, frame: FrameMaker
) -> None:
    hold(journal, "INFY", OPENS, "1000", "990")
    others = {
        "max_position_pct": D(12),
        "max_leverage": D(5),
        "max_trades_per_strategy": D(1),
        "max_daily_loss": D(500),
    }
    limits = Limits(D(100_000), D(1), 3, 5, None, others=others)
    for width in (80, 200):
        text = "\n".join(shown(View(frame({"INFY": D(1000)}, limits=limits)), width, 40))
        for words in ("10 % of 12 % NEAR", "0.1 × of 5 ×", "1/1 full momen", "of ₹500.00"):
            assert words in text, (width, words)
        assert "no limit" not in text
        assert "free margin" not in text
    told = document(frame({"INFY": D(1000)}, limits=limits))["use"]["others"]  # type: ignore[index, call-overload]
    assert {"limit": "max_leverage", "taken": 0.1, "of": 5.0, "who": None} in told
    assert [one["of"] for one in told if one["limit"] == "max_daily_loss"] == ["500"]


def test_every_limit_of_a_preset_is_shown_or_is_about_a_single_order() -> None:
    """Those that are about one order, or a symbol, have no use that a day could show."""
    single = {"stop_cooldown_minutes", "max_volatility_pct", "max_correlation", "max_risk_score"}
    first = {"max_open_positions", "max_daily_loss_pct"}
    for preset in PRESETS.values():
        assert preset.keys() <= single | first | set(GAUGED)
