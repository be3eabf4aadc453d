"""Latches and orders by hand from the shell, where no trader runs: what is refused before anything is opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livetrader.cli.decisions import _today, status_lines
from livetrader.cli.main import run
from livetrader.market.nse import IST

Shell = Callable[..., tuple[int, str, str]]
SINCE = "2026-02-27T05:00:00Z"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))

    def called(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return called


WRONG = {
    "no symbol": (["close"], "SYMBOL: name one, or say --all"),
    "both": (["close", "TCS", "--all"], "SYMBOL: name one, or say --all"),
    "no number": (["buy", "TCS", "ten"], "QTY ten: must be a positive number"),
    "zero": (["buy", "TCS", "0"], "QTY 0: must be a positive number"),
    "infinite": (["sell", "TCS", "1", "--limit", "inf"], "--limit inf: must be a positive number"),
    "no such symbol": (["buy", "T C S", "1"], "is no symbol"),
    "two stops": (["buy", "TCS", "1", "--stop", "1", "--trail", "1"], "cannot stand beside"),
    "an algo and a trigger": (["buy", "TCS", "1", "--algo", "twap", "--stop-trigger", "1"], "cannot stand beside"),
    "an iceberg at no price": (["buy", "TCS", "1", "--algo", "iceberg"], "--limit: is missing"),
    "a date without gtd": (["buy", "TCS", "1", "--until", "2027-01-01"], "--until: goes with --tif gtd"),
    "gtd without a date": (["buy", "TCS", "1", "--tif", "gtd"], "--until: goes with --tif gtd"),
    "a strange algo": (["buy", "TCS", "1", "--algo", "pov"], "--algo"),
    "product": (["buy", "TCS", "1", "--product", "BO"], "--product BO: must be one of MIS, CNC, NRML"),
    "nothing to protect": (["protect", "TCS"], "give at least one of them"),
    "two stops of a position": (["protect", "TCS", "--stop", "1", "--trail", "1"], "cannot stand beside"),
    "nothing to modify": (["modify", "x"], "give at least one of them"),
    "a replay is not traded": (["halt", "--mode", "replay"], "--mode replay: must be one of paper, dry-run, live"),
    "kill unconfirmed": (["kill"], "--yes: is missing"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_call_is_one_line_and_touches_nothing(
    shell: Shell, tmp_path: Path, arguments: list[str], words: str
) -> None:
    code, out, err = shell(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert words in err
    assert not list(tmp_path.iterdir())


def test_latches_work_before_anything_ever_ran_and_stay(shell: Shell, tmp_path: Path) -> None:
    assert shell("halt", "holiday") == (0, "PAPER  halted: no entries until `livetrader resume`\n", "")
    assert shell("halt", "again")[1] == "PAPER  halted already: the first reason stands\n"
    code, out, _ = shell("kill", "--yes")
    assert (code, out.startswith("PAPER  killed")) == (0, True)
    assert (tmp_path / "data" / "state.paper.db.kill").exists()
    found = json.loads(shell("status", "--json")[1])
    assert found["killed"] is True
    assert [(one["name"], one["reason"]) for one in found["latches"]] == [("halt", "holiday"), ("kill", "by hand")]
    assert shell("resume")[0] == 2
    assert shell("resume", "--yes")[1] == "PAPER  taken off: halt, kill\n"
    assert not (tmp_path / "data" / "state.paper.db.kill").exists()
    assert shell("resume")[1] == "PAPER  nothing was on\n"


def test_a_kill_works_on_a_database_that_does_not(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "state.paper.db").write_text("this is no database, " * 100)
    code, out, _ = shell("kill", "--yes")
    assert code == 0
    assert "by the file" in out
    assert (tmp_path / "data" / "state.paper.db.kill").exists()


def test_the_modes_latches_are_apart(shell: Shell) -> None:
    shell("halt", "--mode", "dry-run")
    assert shell("resume")[1] == "PAPER  nothing was on\n"
    assert shell("resume", "--mode", "dry-run")[1] == "DRY-RUN  taken off: halt\n"


def test_live_commands_need_a_broker(shell: Shell) -> None:
    code, _, err = shell("reconcile", "--mode", "live")
    assert code == 78
    assert "broker.kind" in err


def test_migrate_without_a_state_says_so(shell: Shell) -> None:
    code, _, err = shell("db", "migrate")
    assert code == 74
    assert "there is no state yet" in err


def test_migrate_leaves_todays_schema_alone(shell: Shell) -> None:
    shell("halt")
    code, out, _ = shell("db", "migrate")
    assert (code, out.endswith("state.paper.db: is of today's schema\n")) == (0, True)


def test_status_names_in_capitals_what_somebody_has_to_look_at() -> None:
    order = {"action": "BUY", "quantity": "5", "symbol": "TCS", "created_at": SINCE, "intent_id": "k3v"}
    external = {"kind": "position", "quantity": "7", "symbol": "INFY", "product": "CNC", "broker_order_id": None}
    row: dict[str, Any] = {
        "mode": "live", "running": False, "pid": None, "started_at": None, "stopped_at": None, "exit_reason": None,
        "decided_until": None, "open_positions": 0, "orders": {}, "unknown_orders": 1, "unknown": [order],
        "reconciled_at": None,
        "killed": True, "latches": [{"name": "halt", "reason": "lunch", "since": SINCE}],
        "alerts": [{"key": "a", "text": "no stop could be placed", "since": SINCE}],
        "externals": [{**external, "status": "frozen"}, {**external, "status": "ignored"}],
        "value": None, "value_at": None, "state": "state.live.db", "live": {"day": None},
    }  # fmt: skip
    lines = list(status_lines(row, IST))
    loud = [(name, text) for name, text in lines if name.isupper()]
    assert [name for name, _ in loud] == ["UNKNOWN ORDER", "LATCH", "LATCH", "ALERT", "NOT OURS"]
    for (_, text), word in zip(loud, ("k3v", "kill file", "lunch", "no stop", "INFY"), strict=True):
        assert word in text
    assert ("not ours", "position 7 INFY CNC: ignored") in lines


def test_status_tells_the_day_in_words() -> None:
    """What it made, how many trades won, and what is at stake; – for what is not known without prices."""
    live = {
        "day": "2026-02-27", "realised": "1234.5", "open_pnl": None, "day_pnl": None, "day_drawdown": "200",
        "exposure": "300000", "exposure_pct": 30.0, "concentration": "HIGH", "trades": 5, "win_rate": 0.6,
        "currency": "INR",
    }  # fmt: skip
    assert list(_today(live)) == [
        ("day", "2026-02-27  –  (+₹1,234.50 realised, – open, ₹200.00 below its best)"),
        ("trades", "5, 60.00 % won"),
        ("exposure", "₹3,00,000.00  30.00 % of the capital, concentration HIGH"),
    ]
    assert len(list(_today({**live, "trades": 0, "win_rate": None, "concentration": None}))) == 1
