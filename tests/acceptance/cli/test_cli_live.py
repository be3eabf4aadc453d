"""Live and dry-run against a loopback broker, every process a real one: what the operator does, and what the venue saw.

What is asserted of orders is what the venue itself has counted.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import live_desk
import pytest
from calls import Told, ended, finish, start, until
from live_desk import LiveDesk

from livetrader.market.clock import SystemClock
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]

Call = Callable[..., Told]
Run = subprocess.Popen[str]


@pytest.fixture
def made(empty: Path) -> Iterator[Callable[[str], LiveDesk]]:
    """A function that makes a live desk in the current folder, at a broker of some profile."""
    desks = []

    def make(profile: str) -> LiveDesk:
        desks.append(live_desk.make(empty, profile))
        return desks[-1]

    yield make
    for desk in desks:
        desk.broker.stop()


@pytest.fixture
def desk(made: Callable[[str], LiveDesk]) -> LiveDesk:
    return made("strict")


def running(desk: LiveDesk, *arguments: str) -> AbstractContextManager[Run]:
    return ended(desk.run(*arguments))


def shown(call: Call, *arguments: str) -> Any:
    return json.loads(call(*arguments, "--json").out)


def positions(call: Call, mode: str = "live") -> dict[str, Any]:
    return {one["symbol"]: one for one in shown(call, "positions", "--mode", mode)}


def below(desk: LiveDesk, symbol: str, part: float = 0.97) -> str:
    return f"{desk.last[symbol] * part:.2f}"


def protected(desk: LiveDesk, call: Call, symbol: str) -> bool:
    """Whether the position has one stop at the venue, of its quantity, and our state shows it."""
    stops = [one for one in desk.broker.open_orders() if one["ticket"]["symbol"] == symbol]
    held = positions(call).get(symbol, {})
    return [one["ticket"]["order_type"] for one in stops] == ["SL-M"] and held.get("stop") is not None


def test_an_operator_buys_closes_halts_cancels_and_kills_through_the_running_trader(desk: LiveDesk, call: Call) -> None:
    with running(desk) as trader:
        bought = call("buy", "BTCUSDT", "0.5", "--stop", below(desk, "BTCUSDT"))
        assert bought.code == 0, bought
        assert bought.out.startswith("LIVE  BUY 0.5 BTCUSDT MARKET")
        until(lambda: protected(desk, call, "BTCUSDT"), trader)
        assert positions(call)["BTCUSDT"]["stop_quantity"] == "0.5"
        call("buy", "BTCUSDT", "0.5").fails(1, "refused: one_position_per_symbol")

        assert call("buy", "ETHUSDT", "0.1", "--limit", below(desk, "ETHUSDT", 0.9)).code == 0
        (resting,) = (one for one in shown(call, "orders") if one["order_type"] == "LIMIT")
        assert call("modify", resting["intent_id"], "--limit", below(desk, "ETHUSDT", 0.91)).code == 0
        (seen,) = (one for one in desk.broker.open_orders() if one["ticket"]["symbol"] == "ETHUSDT")
        assert float(seen["ticket"]["limit_price"]) == float(below(desk, "ETHUSDT", 0.91))
        assert call("cancel", resting["intent_id"]).code == 0
        until(lambda: len(desk.broker.open_orders()) == 1, trader)
        call("cancel", resting["intent_id"]).fails(1, "no order of ours under way")

        assert call("halt", "lunch").code == 0
        call("buy", "ETHUSDT", "0.1").fails(1, "not_halted: halt: lunch")
        assert call("resume").out == "LIVE  taken off: halt\n"
        assert shown(call, "reconcile")["agree"] is True

        assert call("kill", "--flatten", "--yes").code == 0
        until(lambda: not positions(call) and not desk.broker.open_orders(), trader)
        call("buy", "ETHUSDT", "0.1").fails(1, "kill")
        assert shown(call, "status")["killed"] is True
        call("resume").fails(2, "--yes")
        assert "kill" in call("resume", "--yes").out
        trader.terminate()
        assert finish(trader).code == 0
    filled = [one["ticket"]["symbol"] for one in desk.broker.state()["orders"] if one["state"] == "FILLED"]
    assert filled == ["BTCUSDT", "BTCUSDT"], "one order in, one out"
    (trade,) = shown(call, "trades")
    assert (trade["strategy"], trade["exit_reason"]) == ("manual", "manual")


@pytest.mark.parametrize("profile", ["kite", "openalgo"])
def test_p1_killed_with_a_position_and_restarted_nothing_is_there_twice(
    made: Callable[[str], LiveDesk], call: Call, profile: str
) -> None:
    desk = made(profile)
    with running(desk) as trader:
        assert call("buy", "BTCUSDT", "0.5", "--stop", below(desk, "BTCUSDT")).code == 0
        until(lambda: protected(desk, call, "BTCUSDT"), trader)
        trader.kill()
        finish(trader)
    before = desk.broker.state()["orders"]
    with running(desk) as trader:
        until(lambda: shown(call, "status")["unknown_orders"] == 0, trader)
        assert shown(call, "reconcile")["agree"] is True
        trader.terminate()
        told = finish(trader)
    assert told.code == 0
    assert any("stays open: BTCUSDT" in line and "stop " in line for line in told.err), told.err
    assert [one["order_id"] for one in desk.broker.state()["orders"]] == [one["order_id"] for one in before]
    assert protected(desk, call, "BTCUSDT")


def test_another_exit_and_other_terms_of_a_parent_go_through_the_trader_or_without_one_and_outlive_it(
    desk: LiveDesk, call: Call
) -> None:
    """One stop and one child at the venue all the time, and after a kill they are where they were put last."""

    def triggers() -> list[float]:
        return [float(price) for price in at_work("trigger_price")]

    def limits() -> list[float]:
        return [float(price) for price in at_work("limit_price")]

    def at_work(price: str) -> list[str]:
        return [one["ticket"][price] for one in desk.broker.open_orders() if one["ticket"][price] is not None]

    with running(desk) as trader:
        assert call("buy", "BTCUSDT", "0.5", "--stop", below(desk, "BTCUSDT", 0.9)).code == 0
        until(lambda: protected(desk, call, "BTCUSDT"), trader)
        moved, target = below(desk, "BTCUSDT", 0.95), below(desk, "BTCUSDT", 1.5)
        told = call("protect", "BTCUSDT", "--stop", moved, "--target", target)
        assert (told.code, "not stand" in told.out) == (0, False), told
        assert triggers() == [float(moved)]
        call("protect", "BTCUSDT", "--stop", target).fails(1, "is on the wrong side of the price")

        lasting = ("--limit", below(desk, "ETHUSDT", 0.9), "--product", "NRML", "--tif", "gtc")
        assert call("buy", "ETHUSDT", "0.1", *lasting).code == 0
        (parent,) = (one["intent_id"] for one in shown(call, "orders") if one["purpose"] == "parent")
        assert call("modify", parent, "--limit", below(desk, "ETHUSDT", 0.91)).code == 0
        assert limits() == [float(below(desk, "ETHUSDT", 0.91))]
        trader.kill()
        finish(trader)
    desk.call("protect", "BTCUSDT", "--target", below(desk, "BTCUSDT", 1.4))
    assert triggers() == [float(moved)], "what is not given stays, and the entry's own stop is forgotten"
    told = desk.call("modify", parent, "--limit", below(desk, "ETHUSDT", 0.92), "--quantity", "0.2")
    assert limits() == [float(below(desk, "ETHUSDT", 0.92))]
    assert told.out.endswith("as resting: 0 filled, 0.1 to go out\n"), told


def test_p4_a_host_that_has_lost_the_lease_sends_nothing_more(desk: LiveDesk, call: Call) -> None:
    with running(desk) as trader:
        at = datetime.fromtimestamp(SystemClock().now(), UTC) + timedelta(hours=1)
        journal = SqlJournal(open_state(f"sqlite:///{desk.folder / 'state.db'}", "live", "loopback"))
        assert journal.lease("another-host", 60.0, at) is not None, "it had run out by then"
        journal.close()
        call("buy", "BTCUSDT", "0.5", "--wait", "2")
        told = finish(trader)
    assert told.code == 75
    assert "another host" in told.errors[-1]
    assert desk.broker.order_calls == 0


def test_without_a_trader_a_command_takes_the_lock_and_does_it_itself(desk: LiveDesk) -> None:
    desk.call("buy", "BTCUSDT", "0.5", "--stop", below(desk, "BTCUSDT"))
    (held,) = desk.shown("positions")
    assert (held["symbol"], held["stop_quantity"]) == ("BTCUSDT", "0.5")
    desk.call("run", "--once", "--yes-live")
    desk.call("close", "--all")
    assert desk.shown("positions") == []
    assert desk.broker.open_orders() == []


def test_what_others_hold_freezes_its_symbol_until_it_is_adopted_or_ignored(desk: LiveDesk, call: Call) -> None:
    for symbol, quantity in (("BTCUSDT", "0.5"), ("ETHUSDT", "-0.1")):
        desk.broker.control("trade", symbol=symbol, quantity=quantity, product="MIS")
    with running(desk) as trader:
        until(lambda: len(shown(call, "status")["externals"]) == 2, trader)
        call("buy", "BTCUSDT", "0.1").fails(1, "symbol_free")
        assert "NOT OURS" in call("status").out
        assert call("adopt", "BTCUSDT", "--stop", below(desk, "BTCUSDT")).code == 0
        until(lambda: protected(desk, call, "BTCUSDT"), trader)
        assert call("ignore", "ETHUSDT").code == 0
        assert shown(call, "status")["alerts"] == []
        assert shown(call, "reconcile")["agree"] is True
        assert call("close", "BTCUSDT").code == 0
        until(lambda: not positions(call), trader)
        assert shown(call, "reconcile")["agree"] is True
    placed = [one["ticket"]["symbol"] for one in desk.broker.state()["orders"] if one["ticket"]["tag"]]
    assert set(placed) == {"BTCUSDT"}, "what is ignored is never touched"


def test_i9_a_dry_run_reads_the_real_books_and_calls_no_order_endpoint(desk: LiveDesk, call: Call) -> None:
    desk.broker.control("trade", symbol="ETHUSDT", quantity="0.1", product="CNC")
    with running(desk, "--mode", "dry-run") as trader:
        until(lambda: shown(call, "status", "--mode", "dry-run")["externals"], trader)
        bought = call("buy", "BTCUSDT", "0.5", "--mode", "dry-run")
        assert "RECORDED" in bought.out, bought
        call("buy", "ETHUSDT", "0.1", "--mode", "dry-run").fails(1, "symbol_free")
    assert desk.broker.order_calls == 0
    assert desk.broker.state()["calls"]["positions"] > 0


def test_i9_paper_never_speaks_to_the_broker(desk: LiveDesk, call: Call) -> None:
    before = desk.broker.state()["calls"]
    assert call("run", "--once", "--mode", "paper").code == 0
    bought = call("buy", "BTCUSDT", "0.5", "--mode", "paper")
    assert bought.code == 0, bought
    assert desk.broker.state()["calls"] == before


def test_a_broker_that_stays_away_ends_the_trader(desk: LiveDesk) -> None:
    with running(desk) as trader:
        desk.broker.stop()
        told = finish(trader)
    assert told.code == 69
    assert len(told.errors) == 1, told.errors


def test_b17_an_expired_login_halts_entries_and_ends_the_trader_with_77(desk: LiveDesk, call: Call) -> None:
    with running(desk) as trader:
        desk.broker.control("begin", fault="auth_expired")
        until(lambda: trader.poll() is not None or "auth" in str(shown(call, "status")["latches"]), trader)
        told = finish(trader)
    assert told.code == 77
    assert "livetrader login" in told.errors[-1]


@pytest.mark.parametrize("command", [("buy", "BTCUSDT", "0.5"), ("close", "--all")], ids=lambda one: one[0])
def test_a_broker_that_is_not_there_is_one_line(desk: LiveDesk, command: tuple[str, ...]) -> None:
    desk.broker.stop()
    told = finish(start(*command, cwd=desk.folder))
    assert "Traceback" not in "\n".join(told.err)
    assert told.code == (69 if command[0] == "buy" else 0), told


def test_the_kill_file_stops_entries_without_a_database(desk: LiveDesk, call: Call) -> None:
    """`touch` is all that it takes."""
    with running(desk) as trader:
        (desk.folder / "state.live.db.kill").touch()
        until(lambda: any(one["name"] == "kill" for one in shown(call, "status")["latches"]), trader)
        call("buy", "BTCUSDT", "0.5").fails(1, "kill")
    assert desk.broker.order_calls == 0


def test_a_killed_trader_leaves_no_command_that_comes_true_later(desk: LiveDesk, call: Call) -> None:
    """A command that nobody answered in its time lapses: an old wish is not carried out at the next start."""
    desk.call("run", "--once", "--yes-live")
    at = datetime.fromtimestamp(SystemClock().now(), UTC) - timedelta(minutes=5)
    journal = SqlJournal(open_state(f"sqlite:///{desk.folder / 'state.db'}", "live", "loopback"))
    journal.post("trade", {"action": "BUY", "symbol": "BTCUSDT", "quantity": "0.5"}, at)
    journal.close()
    desk.call("run", "--once", "--yes-live")
    assert desk.broker.order_calls == 0
    with sqlite3.connect(desk.folder / "state.live.db") as state:
        (outcome,) = state.execute("SELECT outcome FROM commands").fetchone()
    assert outcome.startswith("not done: nobody was there for it")


def test_b16_orders_are_on_the_grid_that_the_broker_lists_today(desk: LiveDesk, call: Call) -> None:
    """The configuration says a lot of 0.0001; the exchange has changed it over night, and lists one coin no more."""
    desk.broker.control("relist", symbol="BTCUSDT", tick="0.5", lot="1", freeze_quantity="2", band=None)
    with running(desk):
        call("buy", "BTCUSDT", "0.5").fails(1, "must be a positive multiple of the lot 1")
        assert desk.broker.order_calls == 0
        assert "as slices: 0 filled, 0 to go out" in call("buy", "BTCUSDT", "3").out
        assert [one["ticket"]["quantity"] for one in desk.broker.state()["orders"]] == ["2", "1"]


def test_an_order_carries_the_registered_id_of_the_algorithm_and_status_says_when_the_books_agreed(
    desk: LiveDesk, call: Call
) -> None:
    config = desk.folder / "config.yaml"
    config.write_text(config.read_text().replace("broker: {", "broker: {algo_id: A17, "))
    with running(desk):
        assert call("buy", "BTCUSDT", "0.5").code == 0
        assert {one["algo_id"] for one in shown(call, "orders")} == {"A17"}
        assert {one["ticket"]["algo_id"] for one in desk.broker.state()["orders"]} == {"A17"}
        agreed = datetime.fromisoformat(shown(call, "status")["reconciled_at"])
        assert timedelta(0) <= datetime.fromtimestamp(SystemClock().now(), UTC) - agreed < timedelta(minutes=1)


def test_m8_a_split_over_night_is_told_and_adopted(desk: LiveDesk, call: Call) -> None:
    """0.5 coins bought yesterday are 1 coin today: nothing of it is sold before the operator has said so."""
    with running(desk) as trader:
        assert call("buy", "BTCUSDT", "0.5", "--product", "CNC", "--stop", below(desk, "BTCUSDT")).code == 0
        until(lambda: protected(desk, call, "BTCUSDT"), trader)
    with sqlite3.connect(desk.folder / "state.live.db") as state:
        bought = datetime.fromisoformat(state.execute("SELECT filled_at FROM fills").fetchone()[0])
        state.execute("UPDATE fills SET filled_at = ?", [(bought - timedelta(days=1)).isoformat()])
    half = Decimal(below(desk, "BTCUSDT", 0.5))
    desk.broker.control("split", symbol="BTCUSDT", ratio="2")
    with running(desk) as trader:
        until(lambda: shown(call, "status")["alerts"], trader)
        (alert,) = shown(call, "status")["alerts"]
        assert "BTCUSDT: +0.5 at" in alert["text"]
        assert "a split or a bonus? `livetrader adopt BTCUSDT`" in alert["text"]
        assert "but for BTCUSDT" in call("reconcile").out
        call("buy", "BTCUSDT", "0.1").fails(1, "symbol_free")
        assert shown(call, "status")["externals"] == []

        assert call("adopt", "BTCUSDT").out.startswith("LIVE  adopted: BTCUSDT as +1.0 at")
        until(lambda: protected(desk, call, "BTCUSDT"), trader)
        (stop,) = desk.broker.open_orders()
        assert Decimal(stop["ticket"]["quantity"]) == 1
        assert abs(Decimal(stop["ticket"]["trigger_price"]) / half - Decimal("0.97")) < Decimal("0.001")
        assert shown(call, "status")["alerts"] == []
        assert shown(call, "reconcile")["agree"] is True
