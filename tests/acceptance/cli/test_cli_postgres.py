"""The commands on candles in PostgreSQL, reached by TIMESCALE_DB_* and a password that nobody ever sees."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import LAST, STOCKS, Call

from tests.postgres import as_user, execute, new_role

SECRET = "hunter2/@secret"
PERIOD = ("--from", str(LAST), "--to", str(LAST))


@pytest.fixture
def server(desk: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A desk whose candles are in PostgreSQL: its URL is bare, and everything else is in the environment."""
    new_role(postgres, "guarded_trader", SECRET)
    name = urlsplit(postgres).path.strip("/")
    execute(postgres, f"GRANT CREATE ON DATABASE {name} TO guarded_trader")
    config = desk / "config.yaml"
    config.rename(desk / "sqlite.yaml")
    config.write_text((desk / "sqlite.yaml").read_text().replace("sqlite:///candles.db", "postgresql://"))
    given = {"USER": "guarded_trader", "PASSWORD": SECRET, "HOST": postgres.partition("?host=")[2], "NAME": name}
    for part, value in given.items():
        monkeypatch.setenv(f"TIMESCALE_DB_{part}", value)
    return postgres


@pytest.fixture
def exported(desk: Path, call: Call) -> Path:
    """The desk's candles as a file, from SQLite."""
    assert call("data", "export", "candles.parquet", "--interval", "5m").code == 0
    return desk / "candles.parquet"


def test_candles_are_imported_checked_traded_and_exported(desk: Path, exported: Path, call: Call, server: str) -> None:
    """With what SQLite gave: the report of the import, the findings, the trades, the file."""
    sqlite = ("--config", "sqlite.yaml", "--json")
    checked, traded = call("data", "check", *PERIOD, *sqlite).out, call("backtest", *PERIOD, *sqlite).out
    assert json.loads(traded)["trades"]
    done = call("data", "import", str(exported), "--interval", "5m")
    assert (done.code, "0 changed, 0 unchanged" in done.out) == (0, True)
    assert "0 new, 0 changed" in call("data", "import", str(exported), "--interval", "5m").out
    assert call("data", "check", *PERIOD, "--json").out == checked
    assert call("backtest", *PERIOD, "--json").out == traded
    assert call("data", "export", "again.parquet", "--interval", "5m").code == 0
    assert (desk / "again.parquet").read_bytes() == exported.read_bytes()
    assert execute(server, "SELECT count(DISTINCT symbol) FROM livetrader.candles_5m") == [(len(STOCKS) + 1,)]


def test_tables_of_others_are_traded_and_a_missing_index_is_warned_of(
    exported: Path, call: Call, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("data", "import", str(exported), "--interval", "5m").code == 0
    own = call("backtest", *PERIOD, "--json")
    execute(server, "CREATE TABLE ohlc_5m AS SELECT ts AS time, symbol, open, high, low, close, volume"
                    " FROM livetrader.candles_5m; GRANT SELECT ON ohlc_5m TO guarded_trader")  # fmt: skip
    monkeypatch.setenv("LIVETRADER__CANDLES__TABLES", "{5m: {table: ohlc_5m}}")
    mapped = call("backtest", *PERIOD, "--json")
    assert mapped.out == own.out
    (warning,) = set(mapped.err) - set(own.err)
    assert warning.startswith("warning: candles.tables.5m: no index of ohlc_5m begins with time")
    execute(server, warning.partition("; run ")[2])
    assert call("backtest", *PERIOD, "--json").err == own.err


def test_the_password_is_shown_nowhere(call: Call, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = call("config", "show")
    assert "postgresql://guarded_trader:***@" in shown.out
    wrong = "another1secret"
    monkeypatch.setenv("TIMESCALE_DB_PASSWORD", wrong)
    refused = call("data", "check")
    refused.fails(74, "the password is wrong; correct TIMESCALE_DB_PASSWORD")
    for text in (shown.out, *shown.err, *refused.err):
        assert SECRET not in text
        assert "hunter2%2F%40secret" not in text
        assert wrong not in text


def test_a_store_that_is_not_there_yet_says_what_fills_it(call: Call, server: str) -> None:
    call("data", "check").fails(74, "no candle store there; fill one with `livetrader data import`")


def test_simulated_candles_do_not_go_into_a_server(call: Call, server: str) -> None:
    call("data", "simulate").fails(2, "simulated candles go into an SQLite file of their own; set candles.url")


def test_a_mapping_that_does_not_fit_names_the_setting(
    call: Call, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVETRADER__CANDLES__TABLES", "{5m: {table: ohlc_5m}}")
    call("data", "check").fails(78, "candles.tables.5m.table: there is no table or view ohlc_5m that this user may see")


def test_candles_that_others_fill_are_not_imported_into(
    exported: Path, call: Call, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(
        as_user(server, "postgres"),
        "CREATE TABLE ohlc_5m (time timestamptz, symbol text, open float8, high float8, low float8, close float8,"
        " volume float8); GRANT SELECT ON ohlc_5m TO guarded_trader",
    )
    monkeypatch.setenv("LIVETRADER__CANDLES__TABLES", "{5m: {table: ohlc_5m}}")
    call("data", "import", str(exported), "--interval", "5m").fails(74, "candles.tables are filled by others")
