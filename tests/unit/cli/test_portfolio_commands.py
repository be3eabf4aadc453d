"""Commands on a configuration of several portfolios: about one that is named, about each in turn, or about all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from livetrader.cli.main import run

Shell = Callable[..., tuple[int, str, str]]
CONFIG = """\
portfolios:
  nse: {}
  crypto: {market: {calendar: 24x7}, capital: {currency: USDT}}
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (tmp_path / "config.yaml").write_text(CONFIG)

    def called(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return called


NEEDS_ONE = {
    "buy": ["buy", "TCS", "1"],
    "sell": ["sell", "TCS", "1"],
    "close": ["close", "--all"],
    "adjust": ["adjust", "TCS", "5"],
    "protect": ["protect", "TCS", "--stop", "1"],
    "cancel": ["cancel", "x"],
    "modify": ["modify", "x", "--limit", "1"],
    "resume": ["resume"],
    "reconcile": ["reconcile"],
    "adopt": ["adopt", "TCS"],
    "ignore": ["ignore", "TCS"],
    "backtest": ["backtest", "--from", "2026-02-02", "--to", "2026-02-27"],
    "replay": ["replay", "--date", "2026-02-27"],
    "signals": ["signals", "--from", "2026-02-02", "--to", "2026-02-27"],
    "scan": ["scan"],
    "dashboard": ["dashboard", "--once"],
    "a report of a document": ["report", "--format", "json"],
}


@pytest.mark.parametrize("arguments", NEEDS_ONE.values(), ids=NEEDS_ONE)
def test_what_is_about_one_has_to_name_it(shell: Shell, tmp_path: Path, arguments: list[str]) -> None:
    code, out, err = shell(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("error: --portfolio: is missing; ")
    assert err.endswith("one of nse, crypto\n")
    assert [one.name for one in tmp_path.iterdir()] == ["config.yaml"]


def test_where_there_is_one_portfolio_it_need_not_be_named(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("portfolios: {nse: {}}\n")
    assert shell("resume") == (0, "PAPER  nothing was on\n", "")
    assert (tmp_path / "data" / "state.nse.paper.db").exists()


def test_halt_and_kill_without_a_name_stop_all(shell: Shell, tmp_path: Path) -> None:
    code, out, _ = shell("halt", "news")
    assert (code, [line.split(":")[0] for line in out.splitlines()]) == (0, ["nse", "crypto"])
    assert shell("resume", "--portfolio", "crypto")[1] == "PAPER  taken off: halt\n"
    found = json.loads(shell("status", "--json")[1])
    assert {name: [one["name"] for one in row["latches"]] for name, row in found.items()} == {
        "nse": ["halt"],
        "crypto": [],
    }
    assert shell("kill", "--yes")[0] == 0
    assert sorted(one.name for one in (tmp_path / "data").glob("*.kill")) == [
        "state.crypto.paper.db.kill",
        "state.nse.paper.db.kill",
    ]


def test_a_portfolio_by_option_or_environment_is_the_only_one(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell("halt", "--portfolio", "crypto")
    alone = json.loads(shell("status", "--json", "--portfolio=crypto")[1])
    assert (alone["mode"], alone["latches"][0]["name"]) == ("paper", "halt")
    monkeypatch.setenv("LIVETRADER_PORTFOLIO", "crypto")
    assert json.loads(shell("status", "--json")[1]) == alone
    assert shell("positions")[1] == "no open positions\n"


READS = {
    "status": ["status"],
    "positions": ["positions"],
    "orders": ["orders"],
    "trades": ["trades"],
    "db": ["db", "check"],
}


@pytest.mark.parametrize("arguments", READS.values(), ids=READS)
def test_what_reads_shows_each_under_its_name(shell: Shell, arguments: list[str]) -> None:
    shell("halt")
    _, out, _ = shell(*arguments)
    assert [line for line in out.splitlines() if line in ("nse", "crypto")] == ["nse", "crypto"]
    assert list(json.loads(shell(*arguments, "--json")[1])) == ["nse", "crypto"]


def test_one_without_a_state_does_not_hide_the_other(shell: Shell) -> None:
    shell("halt", "--portfolio", "crypto")
    code, out, err = shell("positions", "--json")
    assert (code, json.loads(out)) == (74, {"nse": None, "crypto": []})
    assert err.startswith("error: nse: ")
    assert "state.nse.paper.db" in err
    code, out, _ = shell("positions")
    assert (code, out) == (74, "crypto\nno open positions\n")


def test_a_mistake_of_one_is_found_by_config_check(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"symbols: 'A,B'\n{CONFIG}  odd: {{constraints: {{max_sector_pct: 5}}}}\n")
    code, _, err = shell("config", "check")
    assert (code, len(err.splitlines())) == (78, 1)
    assert err.startswith("error: config.yaml:5: constraints.max_sector_pct: needs constraints.sectors")


def test_config_show_has_the_portfolios_values_and_where_they_come_from(shell: Shell) -> None:
    found = json.loads(shell("config", "show", "--json", "--portfolio", "crypto")[1])
    assert found["market.calendar"] == {"value": "24x7", "origin": "config.yaml:3"}
    assert found["capital.amount"] == {"value": "100000", "origin": "default"}


def test_the_doctor_examines_each(shell: Shell) -> None:
    found = json.loads(shell("doctor", "--json")[1])
    assert list(found) == ["nse", "crypto"]
    assert all({"findings", "exit_code"} == set(one) for one in found.values())


def test_a_session_is_begun_by_a_start_and_not_by_looking(shell: Shell) -> None:
    """`session start` is `run`: it needs what that needs."""
    assert shell("session", "start", "--portfolio", "nse") == shell("run", "--portfolio", "nse")
    shell("halt")
    assert shell("session", "list", "--portfolio", "nse")[1] == "no trading session yet: `livetrader run` begins one\n"
    assert json.loads(shell("session", "list", "--json")[1]) == {"nse": [], "crypto": []}
    code, _, err = shell("session", "show", "--portfolio", "nse")
    assert (code, err) == (2, "error: there is no trading session yet\n")


def test_pause_and_resume_are_the_latch(shell: Shell) -> None:
    assert shell("session", "pause", "lunch")[0] == 0
    found = json.loads(shell("status", "--json")[1])
    assert [row["latches"][0]["reason"] for row in found.values()] == ["lunch", "lunch"]
    assert shell("session", "resume", "--portfolio", "nse")[1] == "PAPER  taken off: halt\n"
    assert shell("session", "reset")[1] == "".join(
        f"{name}: PAPER  no session has ended by an error\n" for name in ("nse", "crypto")
    )
