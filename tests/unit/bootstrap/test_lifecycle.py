"""Trading sessions over a simulated market: begun, continued after a kill, stopped, and what they came to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from portfolio_desk import NAMES, STOCKS, books, configured, drive, make, opening

from livetrader.bootstrap import operating, sessions
from livetrader.bootstrap.account import lock_file
from livetrader.bootstrap.lifecycle import Life
from livetrader.bootstrap.together import together
from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OPEN
from livetrader.engine.by_hand.manual import NotDone
from livetrader.errors import StoreError
from livetrader.market.clock import VirtualClock
from livetrader.ports import wall_time
from livetrader.store.lock import hold

BEGIN, CLOSED = opening(-15), opening(6 * 60 + 20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("market"))


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "desk"))


def rows(folder: Path, name: str = "bold") -> list[dict[str, object]]:
    return [dict(row) for row in sessions.rows(configured(folder, name), None)]


@contextmanager
def killed(folder: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionTrader]:
    """A process that writes nothing of its end."""
    with monkeypatch.context() as dying:
        dying.setattr(Life, "__exit__", lambda *_: None)
        with trading(configured(folder, "bold"), clock) as trader:
            yield trader


def until_held(clock: VirtualClock, trader: SessionTrader) -> None:
    """Trade until something is held, with a stop at the venue."""
    while not trader.desk.engine.book.positions:
        drive(clock, [trader], int(clock.now()) + 300)
        assert not trader.over, "the seed must trade, or this shows nothing"


def test_a_run_is_a_session_and_its_totals_are_those_of_its_trades(desk: Path) -> None:
    clock = VirtualClock(float(BEGIN))
    with trading(configured(desk, "bold"), clock) as trader:
        (row,) = rows(desk)
        assert (row["id"], row["state"], row["alive"], row["runs"]) == (1, "RUNNING", True, 1)
        while not (during := rows(desk)[0])["trades"]:
            drive(clock, [trader], int(clock.now()) + 300)
        drive(clock, [trader], CLOSED)
    (row,) = rows(desk)
    assert (row["state"], row["alive"], row["reason"], row["exit_code"]) == ("STOPPED", False, "session over", 0)
    closed = books(desk, "bold")[1]
    assert len(closed) > 1, "the seed must trade, or this shows nothing"
    assert (during["trades"], row["trades"]) == (1, len(closed))
    assert Decimal(str(row["net_pnl"])) == sum(one.net_pnl for one in closed)
    assert row["wins"] == sum(one.net_pnl > 0 for one in closed)
    worth, height, fall = Decimal(1_000_000), Decimal(1_000_000), Decimal(0)
    for one in closed:
        worth += one.net_pnl
        height = max(height, worth)
        fall = max(fall, height - worth)
    assert (Decimal(str(row["capital"])), Decimal(str(row["max_drawdown"]))) == (1_000_000, fall)


def test_what_a_kill_leaves_open_the_next_start_goes_on_with(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock(float(BEGIN))
    with killed(desk, clock, monkeypatch) as trader:
        drive(clock, [trader], opening(150))
    (row,) = rows(desk)
    assert (row["state"], row["alive"]) == ("RUNNING", False)
    with trading(configured(desk, "bold"), clock) as trader:
        drive(clock, [trader], CLOSED)
    (row,) = rows(desk)
    assert (row["id"], row["state"], row["runs"]) == (1, "STOPPED", 2)
    assert row["trades"] == len(books(desk, "bold")[1])


def test_an_error_is_kept_with_its_code_until_it_is_reset(desk: Path) -> None:
    clock, found = VirtualClock(float(opening(10))), configured(desk, "bold")
    with pytest.raises(StoreError), trading(found, clock):
        raise StoreError("state.db: the disk failed")
    (row,) = rows(desk)
    assert (row["state"], row["reason"], row["exit_code"]) == ("ERROR", "state.db: the disk failed", 74)
    assert operating.reset(found, clock)
    assert (rows(desk)[0]["state"], rows(desk)[0]["exit_code"]) == ("STOPPED", 74)
    assert not operating.reset(found, clock)


def test_a_start_resets_an_error_and_begins_anew(desk: Path) -> None:
    clock, found = VirtualClock(float(opening(10))), configured(desk, "bold")
    with pytest.raises(ValueError, match="a bug"), trading(found, clock):
        raise ValueError("a bug")
    with trading(found, clock):
        assert [(row["id"], row["state"], row["exit_code"]) for row in rows(desk)] == [
            (1, "STOPPED", 1),
            (2, "RUNNING", None),
        ]


def test_a_halt_is_the_pause(desk: Path) -> None:
    clock, found = VirtualClock(float(opening(10))), configured(desk, "bold")
    with trading(found, clock):
        for act, state in (
            (lambda: operating.halt(found, "lunch", clock), "PAUSED"),
            (lambda: operating.resume(found, None, clock), "RUNNING"),
            (lambda: operating.kill(found, "enough", clock), "PAUSED"),
        ):
            act()
            assert rows(desk)[0]["state"] == state
    assert rows(desk)[0]["state"] == "STOPPED", "a latch outlives the session, and pauses none that is over"


def test_stop_leaves_positions_with_their_stops(desk: Path) -> None:
    clock = VirtualClock(float(BEGIN))
    with trading(configured(desk, "bold"), clock) as trader:
        until_held(clock, trader)
        trader.journal.post("stop", {}, wall_time(clock))
        trader.monitor()
        (row,) = rows(desk)
        assert trader.over
        assert (row["state"], row["reason"]) == ("STOPPING", "by hand")
        book = trader.desk.engine.book
        assert book.positions
        assert not [one for one in book.orders.values() if one.purpose is Purpose.ENTRY]
        stops = [one for one in trader.journal.open_orders() if one.intent.purpose is Purpose.STOP]
        assert {one.intent.symbol for one in stops} == set(book.positions)
    (row,) = rows(desk)
    assert (row["state"], row["reason"], row["exit_code"]) == ("STOPPED", "by hand", 0)


def test_stop_ends_an_entry_that_goes_out_over_time(desk: Path) -> None:
    """Its parent is over for good: the next start sends nothing more of it."""
    clock = VirtualClock(float(opening(60)))
    with trading(configured(desk, "bold"), clock) as trader:
        drive(clock, [trader], opening(65))
        terms = {"action": "BUY", "symbol": STOCKS[0], "quantity": "60", "algo": "twap", "slices": "6", "over": "60"}
        trader.journal.post("trade", terms, wall_time(clock))
        trader.monitor()
        assert len(trader.desk.engine.parents.of(None)) == 1, "it was begun"
        trader.stop(flatten=False)
        assert not trader.desk.engine.parents.of(None)
        clock.advance_to(clock.now() + 11)
        trader.monitor()
        assert trader.over
    with trading(configured(desk, "bold"), clock) as trader:
        drive(clock, [trader], opening(80))
        assert not trader.desk.engine.parents.of(None)


def test_stop_with_flatten_ends_when_nothing_is_held_and_takes_no_entry(desk: Path) -> None:
    clock = VirtualClock(float(BEGIN))
    with trading(configured(desk, "bold"), clock) as trader:
        until_held(clock, trader)
        said = trader.stop(flatten=True)
        assert said.startswith("stopping: closing ")
        trader.monitor()
        assert not trader.over, "the venue fills on the next bar"
        sent = {one.intent.intent_id for one in trader.journal.orders()}
        while not trader.over:
            drive(clock, [trader], int(clock.now()) + 300)
            assert clock.now() < CLOSED, "it never ended"
        later = [one for one in trader.journal.orders() if one.intent.intent_id not in sent]
        entries = [one for one in later if one.intent.purpose is Purpose.ENTRY and one.state.value != "REFUSED"]
        assert not entries
        assert not trader.desk.engine.book.positions
        assert not [one for one in trader.journal.orders() if one.state in OPEN]
    assert [(row["state"], row["reason"]) for row in rows(desk)] == [("STOPPED", "by hand")]
    assert {one.exit_reason for one in books(desk, "bold")[1]} >= {"manual"}


def test_a_stop_that_a_kill_cut_short_is_finished_by_the_next_start(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = VirtualClock(float(opening(10)))
    with killed(desk, clock, monkeypatch) as trader:
        trader.stop(flatten=False)
    assert [row["state"] for row in rows(desk)] == ["STOPPING"]
    with trading(configured(desk, "bold"), clock):
        assert [(row["id"], row["state"]) for row in rows(desk)] == [(1, "STOPPED"), (2, "RUNNING")]


def test_stop_without_a_trader_ends_what_a_kill_has_left(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, found = VirtualClock(float(opening(10))), configured(desk, "bold")
    with killed(desk, clock, monkeypatch):
        pass
    assert operating.ask(found, "stop", {}, clock, 1.0).startswith("stopping: ")
    assert [(row["id"], row["state"], row["runs"]) for row in rows(desk)] == [(1, "STOPPED", 1)]
    with pytest.raises(NotDone, match="no trading session is open"):
        operating.ask(found, "stop", {}, clock, 1.0)


def test_single_scans_and_days_off_are_no_sessions(desk: Path) -> None:
    with trading(configured(desk, "bold"), VirtualClock(float(CLOSED))) as trader:
        assert trader.over
    with trading(configured(desk, "bold"), VirtualClock(float(opening(10))), once=True) as trader:
        trader.once()
    assert rows(desk) == []


def test_each_portfolio_has_sessions_of_its_own(desk: Path) -> None:
    clock = VirtualClock(float(opening(10)))
    with together([configured(desk, name) for name in NAMES], clock) as portfolios:
        bold = next(one for one in portfolios.members if one.name == "bold")
        assert bold.trader is not None
        bold.trader.stop(flatten=False)
        drive(clock, portfolios.members, opening(15))
        portfolios.reap()
        found = {name: [(row["id"], row["portfolio"], row["state"]) for row in rows(desk, name)] for name in NAMES}
    assert found == {
        "calm": [(1, "calm", "RUNNING")],
        "bold": [(1, "bold", "STOPPED")],
        "crypto": [(1, "crypto", "RUNNING")],
    }
    assert {row["currency"] for name in NAMES for row in rows(desk, name)} == {"INR", "USDT"}


def test_capital_is_what_earlier_sessions_have_left(desk: Path) -> None:
    clock = VirtualClock(float(BEGIN))
    for stop in (opening(200), CLOSED):
        with trading(configured(desk, "bold"), clock) as trader:
            drive(clock, [trader], stop)
    one, two = rows(desk)
    ends = [Decimal(str(row["capital"])) + Decimal(str(row["net_pnl"])) for row in (one, two)]
    assert Decimal(str(two["capital"])) == ends[0]
    assert ends[1] == 1_000_000 + sum(trade.net_pnl for trade in books(desk, "bold")[1])
    assert one["trades"], "the first must have traded, or this shows nothing"


def test_alive_is_whether_somebody_holds_the_lock(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock(float(opening(10)))
    with killed(desk, clock, monkeypatch):
        pass
    assert not rows(desk)[0]["alive"]
    with hold(lock_file(configured(desk, "bold").settings), wall_time(clock)):
        assert rows(desk)[0]["alive"]
