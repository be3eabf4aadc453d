"""`livetrader run` hit by SIGTERM, Ctrl+C once and twice, and kill: what it says, and that the next call finds everything.

The strategy buys every coin on the first bar of the UTC day and holds it. Where it finds a file `wait` it waits, with
coins in hand and in the middle of a pass, until that is gone: no test depends on how fast the machine is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Told, finish, running, until
from coin_desk import make
from lone_strategy import FILE, section

from livetrader import INTERRUPTED

Call = Callable[..., Told]

COINS = ("BTCUSDT", "ETHUSDT")
CONFIG = f"""\
symbols: "{",".join(COINS)}"
market: {{calendar: 24x7, trend_symbol: null}}
candles: {{url: "sqlite:///candles.db"}}
state: {{url: "sqlite:///state.db"}}
venue: {{charges: none, tick: 0.01, lot: 0.0001}}
constraints: {{bar_max_age_seconds: null, max_trades_per_strategy: null}}
{section("held", "{exit: {kind: none}}")}"""
WAITING = """\
        while f.ts[-1] % 86400 >= 600 and (HERE / "wait").exists():
            (HERE / "in_flight").touch()
            time.sleep(0.01)
        return f.close > 0"""


@pytest.fixture(scope="module")
def _market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk on a market that never closes, with today's candles."""
    return make(tmp_path_factory.mktemp("coins"), CONFIG, "held", FILE.format(name="held", entries=WAITING))


@pytest.fixture
def coins(_market: Path, empty: Path) -> Path:
    """A copy of it, which is the current folder."""
    shutil.copytree(_market, empty, dirs_exist_ok=True)
    return empty


def logged(folder: Path, event: str) -> bool:
    return any(event in file.read_text() for file in (folder / "logs").glob("*.jsonl"))


def status(call: Call) -> dict[str, object]:
    """What `livetrader status` finds; nothing before there is a state."""
    found: dict[str, object] = json.loads(call("status", "--json").out or "{}")
    return found


def found_whole(call: Call, reason: str | None) -> None:
    """The run of before is over, `reason` says why; one more scan changes nothing, and no order is there twice."""
    before = status(call)
    assert (before["running"], before["exit_reason"], before["unknown_orders"]) == (False, reason, 0)
    assert call("run", "--once").code == 0
    after = status(call)
    orders = json.loads(call("orders", "--json").out)
    assert sorted(one["symbol"] for one in orders) == list(COINS)
    assert {one["state"] for one in orders} == {"FILLED"}
    assert after["open_positions"] == len(COINS)


def test_p2_sigterm_ends_an_idle_loop_which_says_what_stays_open_and_keeps_others_out(coins: Path, call: Call) -> None:
    with running(coins, lambda: status(call).get("open_positions") == len(COINS)) as loop:
        assert status(call)["running"] is True
        call("run", "--once").fails(75, f"process {loop.pid} has held the lock")
        loop.send_signal(signal.SIGTERM)
        told = finish(loop)
    assert (told.code, told.errors) == (0, ())
    assert next(line for line in told.err if line.startswith(("stopped", "stays"))) == "stopped: SIGTERM"
    assert [line.split()[2:4] for line in told.err if line.startswith("stays open: ")] == [[c, "long"] for c in COINS]
    found_whole(call, "stopped")


def test_p2_o3_the_first_interrupt_lets_the_pass_in_flight_end(coins: Path, call: Call) -> None:
    (coins / "wait").touch()
    with running(coins, (coins / "in_flight").exists) as loop:
        os.killpg(loop.pid, signal.SIGINT)
        until(lambda: logged(coins, "stopping after the pass in flight"), loop)
        (coins / "wait").unlink()
        told = finish(loop)
    assert (told.code, told.errors) == (0, ())
    assert "stopped: SIGINT" in told.err
    assert status(call)["open_positions"] == len(COINS), "the pass was brought to its end"
    found_whole(call, "stopped")


def test_p2_o3_the_second_interrupt_ends_it_at_once(coins: Path, call: Call) -> None:
    (coins / "wait").touch()
    with running(coins, (coins / "in_flight").exists) as loop:
        os.killpg(loop.pid, signal.SIGINT)
        until(lambda: logged(coins, "stopping after the pass in flight"), loop)
        os.killpg(loop.pid, signal.SIGINT)
        told = finish(loop)
    assert (told.code, told.errors) == (130, (INTERRUPTED,))
    assert (coins / "wait").exists(), "it did not wait for the pass"
    (coins / "wait").unlink()
    found_whole(call, None)


def test_a_loop_that_is_killed_in_a_pass_is_taken_up_by_the_next(coins: Path, call: Call) -> None:
    (coins / "wait").touch()
    with running(coins, (coins / "in_flight").exists) as loop:
        held = status(call)["open_positions"]
        loop.kill()
        assert finish(loop).code == -signal.SIGKILL
    (coins / "wait").unlink()
    assert held == len(COINS)
    assert "was killed" in call("status").out
    found_whole(call, None)
