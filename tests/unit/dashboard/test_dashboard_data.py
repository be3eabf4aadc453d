"""What the dashboard shows is what the journal holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from livetrader.dashboard.data import LOSS_LATCH, SYMBOL_LATCH, Delay, Limits
from livetrader.dashboard.document import document
from livetrader.dashboard.lists import positions
from livetrader.dashboard.prices import LastPrices
from livetrader.domain.candles import CandleColumns, Interval
from livetrader.domain.exit_plan import ExitKind, ExitPlan
from livetrader.domain.order import Purpose
from livetrader.domain.signal import Side
from livetrader.engine import cycle, orders
from livetrader.store.journal import SqlJournal
from livetrader.store.lock import hold as hold_lock
from tests.unit.dashboard.conftest import FrameMaker
from tests.unit.dashboard.desk import NOON, OPENS, busy_day, fill, hold, intent, trade, work


def test_a_position_has_its_stop_and_how_far_that_is(journal: SqlJournal, frame: FrameMaker) -> None:
    """In percent of the price and in units of the risk that was taken; short positions the other way round."""
    hold(journal, "INFY", OPENS, "1500", "1498")
    hold(journal, "TCS", OPENS, "3600", "3604", Side.SHORT)
    long, short = frame().holdings
    assert (long.last, long.stop, long.risk) == (Decimal(1510), Decimal(1498), Decimal(4))
    assert (long.room, long.room_r) == (Decimal(12), Decimal(3))
    assert (short.room, short.room_r) == (Decimal(2), Decimal("0.5"))
    assert long.pnl == Decimal(100) - Decimal("1.5")
    assert short.pnl == Decimal(-20) - Decimal("1.5")


def test_a_stop_in_pieces_covers_what_the_pieces_are_for_together(journal: SqlJournal, frame: FrameMaker) -> None:
    hold(journal, "INFY", OPENS, "1500", "1498")
    second = intent("INFY", Side.LONG, Purpose.STOP, OPENS + timedelta(minutes=5), "1498", trigger="1498")
    work(journal, replace(second, quantity=Decimal(3)))
    (one,) = frame().holdings
    assert (one.stop, one.stop_quantity) == (Decimal(1498), Decimal(13))


def test_a_stop_that_came_with_protect_is_shown_though_the_entry_had_a_target_alone(
    journal: SqlJournal, frame: FrameMaker
) -> None:
    """There is no first stop that it could be measured in."""
    target = ExitPlan(ExitKind.FIXED, target_price=1600.0)
    entry = replace(intent("INFY", Side.LONG, Purpose.ENTRY, OPENS, "1500"), exit=target)
    fill(journal, work(journal, entry), "1500")
    work(journal, intent("INFY", Side.LONG, Purpose.STOP, OPENS + timedelta(minutes=5), "1498", trigger="1498"))
    seen = frame()
    (one,) = seen.holdings
    assert (one.stop, one.room, one.risk, one.room_r) == (Decimal(1498), Decimal(12), None, None)
    assert document(seen)["positions"][0]["to_stop_r"] is None
    assert positions(seen).rows


def test_the_day_is_counted_as_the_constraints_count_it(journal: SqlJournal, frame: FrameMaker) -> None:
    """An entry of unknown fate is a position and a trade; a rejected one is neither."""
    busy_day(journal)
    seen = frame()
    assert (seen.use.positions, seen.use.trades) == (3, 5)
    assert seen.use.capital_pct == Decimal(10 * (1500 + 3600 + 2900)) / 1000
    assert seen.refused == [("max_open_positions", 2)]
    assert seen.failed == [("REJECTED funds", 1)]
    assert [one.symbol for one in seen.trades] == ["SBIN", "WIPRO"]
    assert seen.figures.realised == Decimal("125") - 3 - 20 - 3
    assert seen.delay == Delay(2.0, 2.0)


def test_unknown_orders_come_first(journal: SqlJournal, frame: FrameMaker) -> None:
    busy_day(journal)
    assert [one.intent.symbol for one in frame().orders] == ["RELIANCE", "INFY"]


def test_the_loss_of_the_day_is_measured_on_the_capital(journal: SqlJournal, frame: FrameMaker) -> None:
    trade(journal, "SBIN", OPENS, "800", "700")
    assert frame().use.loss_pct == Decimal("1.003")


def test_without_prices_nothing_is_made_up(journal: SqlJournal, frame: FrameMaker) -> None:
    """The open profit, and with it the day's, are unknown; so is the distance to the stop."""
    hold(journal, "INFY", OPENS, "1500", "1498")
    seen = frame({})
    assert (seen.figures.day_pnl, seen.use.loss_pct) == (None, None)
    (one,) = seen.holdings
    assert (one.last, one.pnl, one.room, one.stop) == (None, None, None, Decimal(1498))
    assert document(seen)["day_pnl"] is None


@pytest.mark.parametrize(
    ("at", "is_open", "until"),
    [
        pytest.param("2026-02-27T03:00", False, "2026-02-27T03:45", id="before the open"),
        pytest.param("2026-02-27T03:45", True, "2026-02-27T10:00", id="at the open"),
        pytest.param("2026-02-27T10:00", False, "2026-03-02T03:45", id="Friday's close: opens on Monday"),
        pytest.param("2026-02-28T06:00", False, "2026-03-02T03:45", id="Saturday"),
    ],
)
def test_the_exchange_is_open_or_opens_again(
    journal: SqlJournal, frame: FrameMaker, at: str, is_open: bool, until: str
) -> None:
    del journal  # it has made the state
    instants = [int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) for text in (at, until)]
    phase = frame(now=instants[0]).phase
    assert (phase.open, phase.until) == (is_open, instants[1])


def test_in_the_evening_the_day_is_still_there_and_on_the_next_morning_gone(
    journal: SqlJournal, frame: FrameMaker
) -> None:
    trade(journal, "SBIN", OPENS, "800", "812.5")
    assert len(frame(now=(NOON + timedelta(hours=9)).timestamp()).trades) == 1
    assert len(frame(now=(NOON + timedelta(days=2)).timestamp()).trades) == 1, "Sunday shows Friday"
    assert frame(now=(NOON + timedelta(days=3)).timestamp()).trades == []


def test_the_lock_tells_whether_a_trader_lives(journal: SqlJournal, frame: FrameMaker, url: str) -> None:
    del journal
    assert frame().status.holder is None
    from livetrader.store.location import lock_path

    with hold_lock(lock_path(url, "paper", None), NOON):
        assert frame().status.holder is not None


def test_latches_halt_all_or_one_symbol_or_nothing(journal: SqlJournal, frame: FrameMaker) -> None:
    """Yesterday's loss halts nobody today, and a latch that only remembers an answer is not shown."""
    for name in ("halt", "symbol:INFY", "daily_loss:2026-02-27", "daily_loss:2026-02-26", "carried:TCS"):
        journal.latch(name, f"why {name}", NOON)
    seen = frame()
    assert [name for name, _ in seen.halts] == ["daily_loss:2026-02-27", "halt"]
    assert seen.locks == [("INFY", "why symbol:INFY")]


def test_latches_have_the_names_that_the_engine_gives_them() -> None:
    assert (LOSS_LATCH, SYMBOL_LATCH) == (cycle.LOSS_LATCH, orders.SYMBOL_LATCH)


def test_a_feed_is_late_when_it_owes_bars_while_the_exchange_is_open(journal: SqlJournal, frame: FrameMaker) -> None:
    del journal
    assert not frame().late
    assert frame({}).late, "nothing came since the open"
    assert not frame({}, now=(OPENS + timedelta(minutes=5)).timestamp()).late, "the first bars are still to come"
    assert not frame({}, now=(NOON + timedelta(hours=9)).timestamp()).late, "the exchange is closed"


def test_limits_that_are_off_are_not_invented(journal: SqlJournal, frame: FrameMaker) -> None:
    del journal
    told = document(frame(limits=Limits(Decimal(100), Decimal(1), None, None, None)))["use"]
    assert isinstance(told, dict)
    assert (told["max_open_positions"], told["max_trades_per_day"], told["max_daily_loss_pct"]) == (None, None, None)


def _bars(symbol: str, closes: dict[int, float]) -> CandleColumns:
    ts, price = np.array(list(closes), np.int64), np.array(list(closes.values()))
    return CandleColumns((symbol,), ts, np.zeros(len(ts), np.int32), price, price, price, price, price)


def test_the_last_price_is_that_of_the_last_bar_that_has_closed(candle_store) -> None:  # type: ignore[no-untyped-def]
    """At the symbol's finest interval; a bar in the making, and one without a price, do not count."""
    start = int(OPENS.timestamp())
    store = candle_store({Interval.M5: _bars("INFY", {start: 100.0, start + 300: 101.0, start + 600: 102.0})})
    store.upsert(Interval.M1, _bars("TCS", {start: 50.0, start + 60: float("nan")}))
    prices = LastPrices(store)
    seen = prices.look(["INFY", "TCS", "NONE"], start + 700)
    assert seen.prices == {"INFY": Decimal("101.0"), "TCS": Decimal("50.0")}
    assert (seen.newest, seen.seconds) == (start + 600, 300)
    assert prices.look(["INFY"], start + 900).prices == {"INFY": Decimal("102.0")}, "it closed without a write"
    store.upsert(Interval.M5, _bars("INFY", {start + 600: 99.0}))
    assert prices.look(["INFY"], start + 901).prices == {"INFY": Decimal("99.0")}, "it was corrected"
