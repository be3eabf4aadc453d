"""`livetrader practice`: an OpenAlgo with a market, on which a day can be traded live without a broker."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.bootstrap.practice import BAR, Practice, Tape, practising
from livetrader.brokers.openalgo.reader import OpenAlgoReader
from livetrader.brokers.openalgo.symbols import Symbols
from livetrader.cli.main import run
from livetrader.config import load
from livetrader.domain.interval import Interval
from livetrader.market.calendar import Calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import simulate
from tests.threads import PATIENCE

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SYMBOLS = ("RELIANCE", "TCS")
OPENS = datetime(2026, 2, 27, 3, 45, tzinfo=UTC).timestamp()  # 09:15 of a Friday
CONFIG = f"symbols: '{','.join(SYMBOLS)}'\ncapital: {{amount: 500000}}\n"


@pytest.fixture(autouse=True)
def _desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (tmp_path / "config.yaml").write_text(CONFIG)


@contextmanager
def begun(clock: VirtualClock) -> Iterator[tuple[Practice, OpenAlgoReader]]:
    found = load(Path("config.yaml"), environ={})
    with practising(found, clock, port=0, ws_port=0, analyze=False, seed=1) as made:
        reader = OpenAlgoReader(
            made.server.url, lambda: made.server.key, clock, symbols=Symbols("NSE", frozenset({"NIFTY"}))
        )
        try:
            yield made, reader
        finally:
            reader.close()


def test_the_trades_of_a_bar_make_that_bar(nse: Calendar) -> None:
    """Open, extremes, close and volume, whatever the seconds between two trades."""
    sessions = nse.sessions(datetime(2026, 2, 27, tzinfo=UTC).date(), datetime(2026, 2, 27, tzinfo=UTC).date())
    candles = simulate(SYMBOLS, sessions, seed=3, dirt=False)
    tape = Tape(candles, sessions)
    for step in (1, 5, 10):
        for bar in list(tape.bars("TCS", int(OPENS), int(OPENS) + 3600)):
            told = [one for at in range(bar.ts, bar.ts + BAR.seconds, step) for one in tape.trades(at, step)]
            prices = [price for symbol, price, _ in told if symbol == "TCS"]
            assert (prices[0], max(prices), min(prices), prices[-1]) == (bar.open, bar.high, bar.low, bar.close)
            assert sum(size for symbol, _, size in told if symbol == "TCS") == bar.volume
    assert list(tape.trades(int(OPENS) - 1, 1)) == []


def test_it_has_history_an_account_and_quotes_that_move_while_nse_is_open() -> None:
    clock = VirtualClock(OPENS - 60)
    with begun(clock) as (made, reader):
        assert made.trade() == 0, "the market is closed"
        before = reader.quote("TCS").price
        assert before > 0
        assert reader.funds() == Decimal(500_000)
        day = datetime(2026, 2, 26, tzinfo=UTC).date()
        assert len(reader.history("NIFTY", Interval.M5, day, day)) == 75
        clock.advance_to(OPENS + 100)
        assert made.trade() == 3, "the shares, and the index of the trend filter"
        moved = reader.quote("TCS")
        clock.advance_to(OPENS + 300)
        made.trade()
        (bar,) = reader.history("TCS", Interval.M5, day.replace(day=27), day.replace(day=27))
        assert bar.low <= moved.price <= bar.high


def test_the_command_says_where_it_is_and_a_stranger_s_doctor_finds_nothing_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process of its own, ended by Ctrl+C."""
    call = [sys.executable, "-m", "livetrader", "practice", "--port", "0", "--ws-port", "0"]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environ) as served:
        try:
            assert served.stdout is not None
            said, key = served.stdout.readline(), served.stdout.readline()
            url, quotes = re.findall(r"(?:http|ws)://[0-9.:]+", said)
            monkeypatch.setenv("LIVETRADER_OPENALGO_KEY", key.rpartition("=")[2].strip())
            (tmp_path / "config.yaml").write_text(
                f"{CONFIG}broker: {{kind: openalgo, base_url: '{url}'}}\n"
                f"feed: {{kind: openalgo, websocket_url: '{quotes}'}}\n"
            )
            assert run(["data", "fetch", "--quiet"]) == 0
            capsys.readouterr()
            assert run(["doctor", "--live", "--json"]) == 0, capsys.readouterr().out
            found = {one["check"]: one["what"] for one in json.loads(capsys.readouterr().out)["findings"]}
            assert found["login"].startswith(f"OpenAlgo at {url} (loopback): the login is good; 500000.00")
            assert found["instruments"] == "2 instruments, with all 2 symbols"
        finally:
            served.send_signal(signal.SIGINT)
            try:
                assert served.wait(PATIENCE) == 0
            finally:
                served.kill()  # or the block waits for ever
