"""Promises of the commands that the shell carries out by itself: config, calendar, data, init."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest

from livetrader.cli.main import run
from livetrader.config import load

CANDLES = """symbol,ts,open,high,low,close,volume
TCS,2026-02-02T03:45:00Z,100,101,99,100.5,10
TCS,2026-02-02T03:50:00Z,100.5,102,100,101,20
TCS,2026-02-02T03:55:00Z,101,100,102,101,20
TCS,2026-02-02T10:00:00Z,101,101,101,101,0
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = run(arguments)
    shown = capsys.readouterr()
    assert code == 0, shown.err
    return shown.out


def test_config_check_says_ok_or_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "config", "check") == "ok: built-in defaults\n"
    (tmp_path / "config.yaml").write_text("mode: x\ncapital: {amount: -1}\n")
    assert run(["config", "check"]) == 78
    assert capsys.readouterr().err.splitlines() == [
        "error: config.yaml:1: mode: must be one of paper, dry-run, live, not 'x'",
        "error: config.yaml:2: capital.amount: must be greater than 0, not -1",
    ]


def test_config_check_looks_into_the_symbol_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("symbols: nothing\n")
    assert run(["config", "check"]) == 78
    assert "there is no list 'nothing'" in capsys.readouterr().err


def test_config_show_tells_origins_and_hides_passwords(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("capital:\n  amount: 5.50\n")
    monkeypatch.setenv("LIVETRADER__STATE__URL", "postgresql://trader:canary@db/trader")
    shown = json.loads(output(capsys, "config", "show", "--json"))
    assert shown["capital.amount"] == {"value": "5.5", "origin": "config.yaml:2"}
    assert shown["capital.currency"] == {"value": "INR", "origin": "default"}
    assert shown["state.url"]["value"] == "postgresql://trader:***@db/trader"
    assert shown["state.url"]["origin"] == "environment LIVETRADER__STATE__URL"
    table = output(capsys, "config", "show")
    assert "canary" not in table
    assert any(line.split() == ["capital.compound", "false", "default"] for line in table.splitlines())


def test_config_schema_is_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(output(capsys, "config", "schema"))
    assert schema["properties"]["mode"]["enum"] == ["paper", "dry-run", "live"]
    assert schema["additionalProperties"] is False
    sections = schema["$defs"]
    leverage, lot = sections["Capital"]["properties"]["leverage"], sections["Venue"]["properties"]["lot"]
    assert (leverage["type"], leverage["minimum"], leverage["maximum"]) == ("number", 1, 125)
    assert (lot["type"], lot["exclusiveMinimum"]) == ("number", 0)
    price = sections["Constraints"]["properties"]["max_price"]
    assert price["anyOf"] == [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]


def test_calendar_show_lists_sessions_and_holidays(capsys: pytest.CaptureFixture[str]) -> None:
    days = json.loads(output(capsys, "calendar", "show", "--from", "2026-01-23", "--to", "2026-01-27", "--json"))
    assert [(day["date"], day["hours"]) for day in days] == [
        ("2026-01-23", "09:15-15:30"),
        ("2026-01-26", "closed"),
        ("2026-01-27", "09:15-15:30"),
    ]
    assert "2026-01-26 Mon  holiday" in output(capsys, "calendar", "show", "--from", "2026-01-23", "--to", "2026-01-27")


def test_calendar_check_refuses_a_day_that_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert "2026-02-27 has a regular session" in output(capsys, "calendar", "check", "--date", "2026-02-27")
    assert json.loads(output(capsys, "calendar", "check", "--date", "2026-02-28", "--json"))["session"] is False
    assert run(["calendar", "check", "--date", "2031-01-01"]) == 78
    assert "2031-01-01 is outside the nse calendar" in capsys.readouterr().err


def test_data_goes_in_is_checked_and_comes_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.csv").write_text(CANDLES)
    told = output(capsys, "data", "import", "in.csv", "--interval", "5m")
    assert "4 rows of 1 symbols" in told
    assert "3 new, 0 changed, 0 unchanged" in told
    assert "1 rows left out" in told
    (again,) = json.loads(output(capsys, "data", "import", "in.csv", "--interval", "5m", "--json"))
    assert (again["inserted"], again["unchanged"]) == (0, 3)
    report = json.loads(output(capsys, "data", "check", "--json"))
    assert (report["bars"], report["from"]) == (3, "2026-02-02")
    assert report["findings"]
    assert "3 bars of 5m, 2026-02-02 to 2026-02-02" in output(capsys, "data", "check", "--symbols", "TCS")
    assert output(capsys, "data", "export", "out.csv", "--interval", "5m") == "out.csv: 3 bars\n"
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4
    assert run(["data", "import", "in.csv", "--interval", "5m", "--strict"]) == 2


def test_an_observed_calendar_has_the_dates_that_the_import_brings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its sessions are the dates in the store: what an import brings is judged by them once it is there."""
    (tmp_path / "config.yaml").write_text("market: {calendar: observed}\n")
    (tmp_path / "in.csv").write_text(CANDLES)
    (told,) = json.loads(output(capsys, "data", "import", "in.csv", "--interval", "5m", "--json"))
    assert (told["inserted"], told["off_session"], told["misaligned"]) == (3, 1, 0)


def test_data_check_without_candles_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "check"]) != 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")


def test_strategies_are_listed_and_shown_with_origins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("strategies:\n  entries:\n    momentum_long: {enabled: false}\n")
    listed = {one["name"]: one for one in json.loads(output(capsys, "strategies", "list", "--json"))}
    assert listed["momentum_long"]["enabled"] is False
    assert listed["momentum_short"]["enabled"] is True
    shown = json.loads(output(capsys, "strategies", "show", "11", "--json"))
    assert shown["name"] == "momentum_long"
    assert all(param["origin"] == "default" for param in shown["params"].values())


def test_init_makes_a_folder_that_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = output(capsys, "init", "trader", "--no-input")
    assert told.splitlines()[-1].startswith("next: cd trader, then bring candles")
    assert "demo" not in told, "it makes a folder of its own"
    folder = tmp_path / "trader"
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert names == [
        ".env.example", "config.yaml", "livetrader.service", "livetrader.timer", "symbol_lists/crypto.csv",
        "symbol_lists/live.csv", "symbol_lists/nifty200.csv", "symbol_lists/test.csv",
    ]  # fmt: skip
    assert output(capsys, "config", "check", "--config", "trader/config.yaml").startswith("ok")
    assert f"WorkingDirectory={folder}\n" in (folder / "livetrader.service").read_text()
    assert "OnCalendar=*-*-* 09:05:00 Asia/Kolkata\n" in (folder / "livetrader.timer").read_text()


def asked(folder: Path, *answers: str) -> str:
    """`livetrader init` on a terminal, where each answer is typed when it has been asked for; what was shown."""
    ours, theirs = pty.openpty()
    call = [sys.executable, "-m", "livetrader", "init", "desk"]
    made = subprocess.Popen(
        call, cwd=folder, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = ""
    for answer in answers:
        while not shown.endswith(("]:", "later): ")):  # what is typed before that space is thrown away
            shown += os.read(ours, 4096).decode()
        os.write(ours, f"{answer}\n".encode())
        shown += "\n"
    with suppress(OSError):  # its end is an error
        while more := os.read(ours, 4096):
            shown += more.decode()
    out, _ = made.communicate(timeout=180)
    os.close(ours)
    assert made.returncode == 0, shown
    return shown + out.decode()


def test_init_on_a_terminal_asks_for_the_broker_its_address_and_key(tmp_path: Path) -> None:
    """The key goes into a file that nobody else may read, is not shown, and the settings are those that were given."""
    key = "c0ffee00" * 8
    shown = asked(tmp_path, "kite", "openalgo", "nonsense", "https://algo.example.com", "", "", key)
    assert "write it like http://127.0.0.1:5000" in shown
    assert "write none or openalgo" in shown
    assert key not in shown
    assert "next: cd desk, then `livetrader doctor --live`, `livetrader data fetch`" in shown
    env = tmp_path / "desk" / ".env"
    assert (env.read_text(), env.stat().st_mode & 0o777) == (f"LIVETRADER_OPENALGO_KEY={key}\n", 0o600)
    found = load(tmp_path / "desk" / "config.yaml", environ={})
    broker = found.settings.broker
    assert (broker.kind, broker.base_url, broker.expect) == ("openalgo", "https://algo.example.com", "analyze")
    assert (found.settings.feed.kind, found.settings.mode) == ("openalgo", "paper")
    plain = (resources.files("livetrader.cli") / "templates" / "config.yaml").read_text()
    lines = zip((tmp_path / "desk" / "config.yaml").read_text().splitlines(), plain.splitlines(), strict=True)
    assert sum(ours != theirs for ours, theirs in lines) == 4, "nothing else is another"


def test_init_on_a_terminal_may_be_answered_with_nothing(tmp_path: Path) -> None:
    assert "bring candles with `livetrader data import" in asked(tmp_path, "")
    assert not (tmp_path / "desk" / ".env").exists()
    assert load(tmp_path / "desk" / "config.yaml", environ={}).settings.broker.kind is None


def test_init_makes_a_configuration_for_a_market_that_never_closes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All settings stand in it, as in that for NSE, with those that are other."""
    output(capsys, "init", "coins", "--market", "crypto", "--no-input")
    assert output(capsys, "config", "check", "--config", "coins/config.yaml").startswith("ok")
    made = load(tmp_path / "coins" / "config.yaml", environ={}).settings
    assert (made.market.calendar, made.symbols, made.market.trend_symbol) == ("24x7", "crypto", None)
    assert (made.capital.amount, made.capital.currency, made.venue.lot) == (10_000, "USDT", Decimal("0.0001"))
    assert made.strategies.enabled == ("sma_cross", "macd_momentum", "rsi_reversion")
    assert (made.venue.charges, made.strategies.entries["sma_cross"].exit.atr_multiple) == ("binance_spot", 1.5)


def test_init_knows_its_markets(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "x", "--market", "forex", "--no-input"]) == 2
    assert "--market" in capsys.readouterr().err


def test_init_replaces_nothing_without_asking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("mode: paper\n")
    told = output(capsys, "init", "--no-input")
    assert f"kept     {tmp_path / 'config.yaml'}" in told
    assert (tmp_path / "config.yaml").read_text() == "mode: paper\n"


def test_init_where_nothing_can_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert run(["init", "file/folder", "--no-input"]) == 2
    assert "cannot be written" in capsys.readouterr().err
