"""A whole session in live mode at OpenAlgo, 50 shares wide: as it should be, and with all that goes wrong there."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from livetrader.bootstrap.silence import FEED
from livetrader.brokers.loopback.faults import Fault, Strike
from livetrader.brokers.openalgo.quotes import OpenAlgoQuotes
from livetrader.cli.main import run
from livetrader.constraints.verdict import Refused
from livetrader.domain.books import BrokerTrade
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.order import OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.faultsim.runs import silence
from livetrader.faultsim.way import carried
from livetrader.market.nse import IST
from livetrader.marketdata import quote_feed
from tests.acceptance.history_server import rows
from tests.acceptance.openalgo_day.day import OpenAlgoDay
from tests.acceptance.openalgo_day.market import CORRECTED, DAY, LATE, SYMBOLS, Market

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]

F = Fault


def at(clock: str) -> int:
    """That time of the day, in epoch seconds."""
    return int(datetime.combine(DAY, time.fromisoformat(clock), IST).timestamp())


# Calls are counted from the day's beginning: the nth order, the nth new stop level, the nth cancel, the nth read.
SCRIPT = (
    ("place", 1, F.LOST_ANSWER),  # and the order arrives two minutes later
    ("place", 4, Strike(F.HTTP_500, accepted=True)),  # the 500 hides a complete order
    ("place", 6, F.LOST_REQUEST),
    ("place", 9, F.PARTIAL),
    ("place", 11, Strike(F.MISSING_FIELDS, accepted=True)),  # a success without an order id
    ("place", 13, F.HTML_502),
    ("place", 16, F.RATE_LIMITED),
    ("place", 18, F.ASYNC_REJECT),
    ("modify", 3, F.LOST_ANSWER),
    ("modify", 9, Strike(F.HTTP_500, accepted=True)),
    ("modify", 12, F.RATE_LIMITED),
    ("modify", 15, F.LOST_REQUEST),
    ("cancel", 1, Strike(F.HTTP_500, accepted=True)),
    ("cancel", 3, F.CANCEL_RACE),
    ("orders", 300, F.HTML_502),
    ("orders", 500, F.MALFORMED),
    ("orders", 700, F.EMPTY_LIST),
    ("trades", 400, F.STALE),
    ("positions", 60, F.EMPTY_LIST),
    ("positions", 100, F.AUTH_EXPIRED),
)
Deeds = tuple[tuple[int, Callable[[OpenAlgoDay], object]], ...]


def heard(begins: str, ends: str) -> Deeds:
    """Quotes between these times: the day has signals at 12:15."""
    return (at(begins), lambda day: day.hear()), (at(ends), lambda day: day.start_again())


SILENT = at("12:08"), at("12:17")
DEEDS: Deeds = (
    *heard("12:06", "12:20"),
    (at("11:30"), lambda day: day.switch(revoked=True)),  # 403 to everything
    (at("11:33"), lambda day: day.switch(revoked=False)),
    (at("12:00"), lambda day: day.switch(order_ids="number", text_quantities=True)),
    (SILENT[0], lambda day: day.be_silent()),
    (at("12:11"), lambda day: day.fall_while_halted()),
    (at("12:13"), lambda day: day.trade_again()),
    (SILENT[1], lambda day: day.be_heard_again()),
    (at("13:00"), lambda day: day.trade_in_the_app(10)),
    (at("13:05"), lambda day: day.answer_for_it()),
    (at("13:30"), lambda day: day.close_in_the_app()),
    (at("13:40"), lambda day: day.switch(mode="analyze")),
    (at("13:42"), lambda day: day.switch(mode="live")),
    (at("13:50"), lambda day: day.cancel_in_the_app()),
    (at("14:00"), lambda day: day.start_again()),
)


@contextmanager
def lived(folder: Path, *given: Any) -> Iterator[OpenAlgoDay]:
    silence()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STORE_SECONDS", "ASK_SECONDS"):  # real time, of which there is little here
            patch.setattr(quote_feed, name, 0.01)
        patch.setitem(OpenAlgoQuotes.__init__.__kwdefaults__, "waits", (0.01,))
        day = OpenAlgoDay(folder, *given)
        try:
            day.run()
            yield day
        finally:
            day.close()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAlgoDay]:
    """A day on which nothing fails. Its invariants have held at every look, or it raises."""
    deeds = heard("12:09", "12:16") + tuple(
        (at(clock), lambda day: day.keep(at("12:10"))) for clock in ("12:13", "12:16")
    )
    with lived(tmp_path_factory.mktemp("good"), Market(), (), deeds) as day:
        yield day


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAlgoDay]:
    """The same day with the faults of SCRIPT and the DEEDS of people. Its invariants have held, too."""
    with lived(tmp_path_factory.mktemp("bad"), Market(), SCRIPT, DEEDS) as day:
        yield day


@pytest.fixture(params=["good", "bad"])
def day(request: pytest.FixtureRequest) -> OpenAlgoDay:
    found: OpenAlgoDay = request.getfixturevalue(request.param)
    return found


def of(day: OpenAlgoDay, purpose: Purpose) -> list[Any]:
    return [order for order in day.journal.orders() if order.intent.purpose is purpose]


def ours(day: OpenAlgoDay) -> list[BrokerTrade]:
    """The broker's trades of orders that are really ours."""
    mine = {order.order_id for order in day.exchange.orders.values() if carried(order)}
    return [trade for trade in day.exchange.trades if trade.broker_order_id in mine]


def test_it_enters_trails_its_stops_at_the_broker_and_squares_off(day: OpenAlgoDay) -> None:
    filled = [order for order in of(day, Purpose.ENTRY) if order.filled_quantity]
    assert len(filled) >= 10
    moved = [order for order in of(day, Purpose.STOP) if order.intent.reason == ExitReason.TRAILING]
    assert len(moved) >= 5, "stops were moved in our favour"
    assert day.line.calls["modify"] >= 20
    assert day.server.front.control.requests["modifyorder"] == day.line.calls["modify"], "each over HTTP"
    reasons = {order.intent.reason for order in of(day, Purpose.EXIT) if order.filled_quantity}
    assert ExitReason.SQUARE_OFF in reasons


def test_books_are_equal_at_the_end_and_nothing_is_left(day: OpenAlgoDay) -> None:
    """I2, I3, I5, beside the checks of each look: flat but for what somebody else bought, nothing works any more."""
    held = {symbol: one.quantity for (symbol, _), one in day.exchange.account.held.items() if one.quantity}
    theirs = {} if not day.told else {day.told[0]: Decimal(10)}
    assert held == theirs
    assert {one.symbol: one.quantity for one in day.book.foreigners} == theirs
    assert [order for order in day.exchange.orders.values() if not order.state.terminal] == []
    assert day.agreements > 200, "the books were compared every minute"


def test_the_report_of_the_day_is_the_broker_s_trades(day: OpenAlgoDay, capsys: pytest.CaptureFixture[str]) -> None:
    """`livetrader report`, as it is read after the close."""
    call = ["--config", str(day.file), "report", "--mode", "live", "--date", DAY.isoformat()]
    assert run([*call, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    earned = sum((Decimal(trade["net_pnl"]) for trade in report["trades"]), Decimal(0))
    assert earned == day.book.cash - day.capital
    told = sum(2 * Decimal(trade["quantity"]) for trade in report["trades"])
    by_hand = sum(order.filled_quantity for order in of(day, Purpose.RECONCILE))
    assert told == sum(trade.quantity for trade in ours(day)) + by_hand
    assert run(call) == 0
    assert f"{earned:,.2f}" in capsys.readouterr().out


def test_each_fault_has_struck_and_each_order_has_the_fate_that_it_really_had(bad: OpenAlgoDay) -> None:
    """Sent once, whatever came back: adopted under the broker's own id where it arrived, abandoned where it did not."""
    assert {(operation, nth) for operation, nth, _ in bad.line.strikes} == {(one[0], one[1]) for one in SCRIPT}
    there = {carried(order): order.order_id for order in bad.exchange.orders.values()}
    fates = {}
    for _, nth, fault in (one for one in SCRIPT if one[0] == "place"):
        record = bad.journal.order(bad.sent[nth])
        assert record is not None
        assert record.broker_order_id == there.get(record.intent.intent_id)
        fates[getattr(fault, "fault", fault)] = record.state, record.broker_order_id is not None
    assert {fault: fates[fault] for fault in (F.LOST_REQUEST, F.HTML_502, F.ASYNC_REJECT)} == {
        F.LOST_REQUEST: (OrderState.ABANDONED, False),
        F.HTML_502: (OrderState.ABANDONED, False),
        F.ASYNC_REJECT: (OrderState.REJECTED, True),
    }
    assert all(fates[fault][1] for fault in (F.LOST_ANSWER, F.HTTP_500, F.MISSING_FIELDS, F.PARTIAL)), fates


def entered(day: OpenAlgoDay, begins: int, ends: int) -> list[str]:
    """The symbols of the entries that the broker got between these times."""
    purposes = {one.intent.intent_id: one.intent.purpose for one in day.journal.orders()}
    return [
        one.ticket.symbol for one in day.exchange.orders.values()
        if carried(one) and purposes[carried(one)] is Purpose.ENTRY and begins < one.placed_at.timestamp() < ends
    ]  # fmt: skip


def test_bars_made_of_quotes_are_decided_and_need_no_history(good: OpenAlgoDay) -> None:
    """50 shares, a trade of each each second: the bar of 12:10 is what the exchange says of it, and was entered on."""
    day = good.market.day
    truth = {one for one in rows(day.rows(day.ts == at("12:10"))) if one[1] in SYMBOLS}
    assert (good.kept[at("12:10")], len(truth) > 45) == (truth, True)
    assert good.histories[0] == good.histories[1]
    assert len(entered(good, at("12:15"), at("12:16"))) == 2
    assert good.latched == []


def test_b14_a_silent_feed_stops_entries_says_so_and_is_forgiven_when_it_is_back(bad: OpenAlgoDay) -> None:
    """The history brings the same bars meanwhile: it is the latch that refuses what the good day enters."""
    ons = [now for now, latches in bad.latched if FEED in latches]
    offs = [now for now, latches in bad.latched if now > ons[0] and FEED not in latches]
    assert SILENT[0] + 30 < ons[0] <= SILENT[0] + 60
    assert SILENT[1] + 5 < offs[0] <= SILENT[1] + 120
    assert "entries are halted, exits go on" in bad.alerts[FEED]
    refused = [
        one.verdict for one in bad.journal.decisions(since=at("12:15"), until=at("12:16"))
        if isinstance(one.verdict, Refused)
    ]  # fmt: skip
    assert [(one.rule, one.reason.partition(":")[0]) for one in refused] == [("not_halted", FEED)] * 2
    assert entered(bad, ons[0], offs[0]) == []


def test_b14_exits_go_on_at_prices_that_are_asked_for(bad: OpenAlgoDay) -> None:
    """The exchange does not trigger the stop of a halted share: while the feed is silent we left it at market."""
    (symbol,) = bad.fell
    left = [
        one for one in of(bad, Purpose.EXIT)
        if one.intent.symbol == symbol and at("12:11") < one.created_at.timestamp() < at("12:13")
    ]  # fmt: skip
    assert [(one.intent.order_type, one.state) for one in left] == [(OrderType.MARKET, OrderState.FILLED)]
    assert bad.line.calls["quotes"]


def test_b17_nothing_enters_while_the_login_is_lost(bad: OpenAlgoDay, good: OpenAlgoDay) -> None:
    """The same minutes of the good day have entries."""
    minutes = at("11:30"), at("11:33")
    assert (entered(bad, *minutes), len(entered(good, *minutes))) == ([], 2)
    assert any("auth" in latches for now, latches in bad.latched if minutes[0] < now < minutes[1])


def test_what_people_did_is_booked_and_a_process_that_begins_anew_goes_on(bad: OpenAlgoDay) -> None:
    """O1, O2, P3: a position closed in the app, a stop cancelled there, somebody's own trade, a restart at 14:00."""
    bought, closed, bare = bad.told
    assert [one.symbol for one in bad.book.foreigners] == [bought]
    (hand,) = of(bad, Purpose.RECONCILE)
    assert (hand.intent.symbol, hand.state) == (closed, OrderState.FILLED)
    states = {one.state for one in of(bad, Purpose.STOP) if one.intent.symbol == bare}
    assert OrderState.CANCELLED in states
    assert bad.processes == 4


def signals(day: OpenAlgoDay, out: Path) -> set[tuple[str, ...]]:
    """What the stored candles of the day say, bar for bar."""
    span = ["--from", DAY.isoformat(), "--to", DAY.isoformat(), "--out", str(out)]
    assert run(["--config", str(day.file), "signals", *span]) == 0
    with out.open() as lines:
        return {(one["strategy_id"], one["symbol"], one["bar_open_utc"]) for one in csv.DictReader(lines)}


def test_what_was_decided_live_is_what_the_stored_day_says(good: OpenAlgoDay, tmp_path: Path) -> None:
    """Not a signal more or less, though bars came bar by bar; but for those that came late."""
    expected = {one for one in signals(good, tmp_path / "signals.csv") if one[1] not in LATE | CORRECTED}
    signals_of = (one.signal for one in good.journal.decisions(since=0, until=1 << 60))
    decided = {
        (one.strategy_id, one.symbol, f"{datetime.fromtimestamp(one.bar_open, UTC):%Y-%m-%dT%H:%M:%SZ}")
        for one in signals_of
        if one.symbol not in LATE | CORRECTED
    }
    assert decided == expected
    assert len(decided) > 20
