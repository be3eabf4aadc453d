"""`livetrader run` with two portfolios in one process, and `livetrader session` beside it, dead or alive.

Both trade coins around the clock, with the strategy of test_cli_run_interrupts: it buys on the first bar and holds.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Told, finish, running, until
from coin_desk import make
from lone_strategy import FILE, section

Call = Callable[..., Told]

COINS = {"one": ["BTCUSDT"], "two": ["ETHUSDT", "SOLUSDT"]}
CONFIG = f"""\
symbols: "BTCUSDT,ETHUSDT,SOLUSDT"
market: {{calendar: 24x7, trend_symbol: null}}
candles: {{url: "sqlite:///candles.db"}}
state: {{url: "sqlite:///state.db"}}
capital: {{currency: USDT}}
venue: {{charges: none, tick: 0.01, lot: 0.0001}}
constraints: {{bar_max_age_seconds: null, max_trades_per_strategy: null}}
{section("held", "{exit: {kind: none}}")}
portfolios:
  one: {{symbols: "BTCUSDT,"}}
  two: {{symbols: "ETHUSDT,SOLUSDT", capital: {{amount: 500000}}}}
"""


@pytest.fixture(scope="module")
def _market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk on a market that never closes, with today's candles."""
    folder = tmp_path_factory.mktemp("coins")
    return make(folder, CONFIG, "held", FILE.format(name="held", entries="        return f.close > 0"))


@pytest.fixture
def coins(_market: Path, empty: Path) -> Path:
    """A copy of it, which is the current folder."""
    shutil.copytree(_market, empty, dirs_exist_ok=True)
    return empty


def shown(call: Call, *arguments: str) -> dict[str, object]:
    """The JSON document by portfolio; nothing before there is a state of each."""
    told = call(*arguments, "--json")
    return json.loads(told.out) if told.code == 0 else {}


def sessions(call: Call) -> dict[str, list[tuple[object, ...]]]:
    found = shown(call, "session", "list").items()
    return {name: [(row["id"], row["state"], row["alive"], row["runs"]) for row in rows] for name, rows in found}  # type: ignore[attr-defined]


def all_held(call: Call) -> bool:
    held = shown(call, "positions")
    return {name: sorted(row["symbol"] for row in rows) for name, rows in held.items()} == COINS  # type: ignore[attr-defined]


def test_a_killed_process_leaves_its_sessions_to_the_next(coins: Path, call: Call) -> None:
    with running(coins, lambda: all_held(call)) as loop:
        assert sessions(call) == {name: [(1, "RUNNING", True, 1)] for name in COINS}
        loop.kill()
        assert finish(loop).code == -signal.SIGKILL
    assert sessions(call) == {name: [(1, "RUNNING", False, 1)] for name in COINS}
    assert "RUNNING, no process" in call("session", "list").out
    with running(coins, lambda: sessions(call).get("two") == [(1, "RUNNING", True, 2)]) as loop:
        loop.send_signal(signal.SIGTERM)
        told = finish(loop)
    assert (told.code, told.errors) == (0, ())
    assert {"one: stopped: SIGTERM", "two: stopped: SIGTERM"} <= set(told.err)
    assert sorted(line.split()[3] for line in told.err if ": stays open: " in line) == [
        coin for coins_of in COINS.values() for coin in coins_of
    ]
    assert sessions(call) == {name: [(1, "STOPPED", False, 2)] for name in COINS}
    assert all_held(call), "nothing was bought twice"
    assert (coins / "state.one.paper.db").exists()
    assert not (coins / "state.paper.db").exists()
    (file,) = (coins / "logs").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    said = [(line["portfolio"], line["mode"]) for line in lines if line["event"] == "the trading session goes on"]
    assert sorted(said) == [("one", "PAPER"), ("two", "PAPER")], "each line says whose it is"


def test_stop_ends_one_and_then_the_process(coins: Path, call: Call) -> None:
    with running(coins, lambda: all_held(call)) as loop:
        call("session", "stop").fails(2, "--portfolio: is missing; name one of one, two")
        assert call("session", "pause", "news", "--portfolio", "two").code == 0
        assert sessions(call)["two"] == [(1, "PAUSED", True, 1)]
        assert call("session", "resume", "--portfolio", "two").out == "PAPER  taken off: halt\n"
        said = call("session", "stop", "--portfolio", "one")
        assert (said.code, said.out) == (
            0,
            "PAPER  stopping: 0 entries cancelled; 1 positions stay, with their stops at the venue\n",
        )
        until(lambda: sessions(call)["one"] == [(1, "STOPPED", False, 1)], loop)
        assert sessions(call)["two"] == [(1, "RUNNING", True, 1)]
        assert call("session", "stop", "--portfolio", "two").code == 0
        told = finish(loop)
    assert (told.code, told.errors) == (0, ())
    assert {"one: stopped: by hand", "two: stopped: by hand"} <= set(told.err)
    assert shown(call, "session", "show", "1")["one"]["reason"] == "by hand"  # type: ignore[index]
    assert call("session", "show", "2").err[0].startswith("error: one: ID 2: there is no such session")


def test_one_that_cannot_begin_leaves_the_other_to_trade(coins: Path, call: Call) -> None:
    (coins / "state.one.paper.db").write_text("this is no database, " * 100)
    with running(coins, lambda: call("positions", "--portfolio", "two", "--json").out.count("symbol") == 2) as loop:
        loop.send_signal(signal.SIGTERM)
        told = finish(loop)
    assert told.code == 74
    assert told.errors[-1].startswith("error: one: ")
    assert "two: stopped: SIGTERM" in told.err
