"""`data fetch` at a loopback OpenAlgo, over real sockets: what it brings, what stops it, and that it goes on from there."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from calls import Told, ended, finish, start, until

from livetrader.brokers.openalgo.loopback.accounts import Refusal
from livetrader.domain.candles import CandleColumns, Interval
from livetrader.market.calendar import Calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import INDEX
from livetrader.marketdata.store import open_store
from tests.acceptance.history_server import KEY, STOCKS, HistoryServer, configure, days, rows, serving
from tests.threads import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]

Call = Callable[..., Told]
FIRST, LAST = date(2024, 2, 26), date(2024, 2, 28)
THREE = days("2024-02-26", "2024-02-28")
LONG = days("2023-10-03", "2024-02-28")  # three pieces of each symbol
FIVE = (INDEX, *STOCKS)


@pytest.fixture
def server(nse: Calendar, empty: Path) -> Iterator[HistoryServer]:
    """The day after; the current folder is a desk that is configured for the server, with an empty store."""
    sessions = nse.sessions(date(2023, 10, 3), LAST)
    with serving(sessions, VirtualClock(float(sessions[-1].closes + 86_400))) as made:
        configure(empty, made.server.url)
        yield made


def stored(interval: Interval = Interval.M5) -> CandleColumns:
    with open_store("sqlite:///candles.db", read_only=True) as store:
        return store.read(interval, 0, 2**40, FIVE)


def held(server: HistoryServer, first: int) -> CandleColumns:
    """What the server has from an instant on."""
    bars = server.vault.bars
    return bars.rows(np.flatnonzero(bars.ts >= first))


def fetched(call: Call, *arguments: str, code: int = 0) -> dict[str, Any]:
    told = call("data", "fetch", *arguments, "--json")
    assert told.code == code, told
    document: dict[str, Any] = json.loads(told.out)
    return document


def test_the_store_has_the_candles_of_the_server_and_a_second_fetch_asks_nothing(
    server: HistoryServer, call: Call, nse: Calendar
) -> None:
    (first, *_) = nse.sessions(FIRST, LAST)
    made = fetched(call, *THREE)
    assert (made["symbols"], made["intervals"]) == ([*FIVE], ["5m"]), "what the strategies need, the index included"
    assert (made["inserted"], made["calls"]) == (5 * 3 * 75, 5)
    assert (made["left_out"], made["short"], made["failed"]) == ([], [], [])
    assert rows(stored()) == rows(held(server, first.opens))
    again = fetched(call, *THREE)
    assert (again["calls"], again["inserted"]) == (0, 0)
    assert server.asked == 5


def test_what_was_corrected_comes_with_again(server: HistoryServer, call: Call) -> None:
    fetched(call, *THREE)
    server.vault.bars.close[-1] += 1.0
    made = fetched(call, *THREE, "--again")
    assert (made["calls"], made["inserted"], made["changed"], made["unchanged"]) == (5, 0, 1, 5 * 3 * 75 - 1)


def test_days_are_stamped_by_the_open_of_their_session(server: HistoryServer, call: Call, nse: Calendar) -> None:
    """OpenAlgo has them at 00:00 UTC. Each says what the day's own bars say."""
    fetched(call, "--interval", "5m,1d", "--symbols", "TCS", *THREE)
    found, fine = stored(Interval.D1), stored()
    assert found.ts.tolist() == [session.opens for session in nse.sessions(FIRST, LAST)]
    assert found.high.tolist() == fine.high.reshape(3, 75).max(axis=1).tolist()
    assert found.volume.tolist() == fine.volume.reshape(3, 75).sum(axis=1).tolist()
    assert server.asked == 2


def test_ctrl_c_loses_what_is_in_flight_and_the_next_call_goes_on(
    server: HistoryServer, empty: Path, call: Call, nse: Calendar
) -> None:
    (first, *_) = nse.sessions(date(2023, 10, 3), LAST)
    let = Event()
    server.vault.on_read = lambda _symbol: len(server.vault.reads) >= 5 and let.wait(PATIENCE)
    with ended(start("data", "fetch", *LONG, cwd=empty)) as fetch:
        until(lambda: len(server.vault.reads) >= 5, fetch)
        fetch.send_signal(signal.SIGINT)
        told = finish(fetch)
    let.set()
    assert (told.code, told.err) == (130, ("error: interrupted; what was committed stays, the rest was not done",))
    before, asked = len(stored()), server.asked
    assert 0 < before < len(held(server, first.opens))
    made = fetched(call, *LONG)
    assert made["inserted"] == len(held(server, first.opens)) - before
    assert rows(stored()) == rows(held(server, first.opens))
    assert asked + made["calls"] == server.asked < 2 * 15, "what was stored was not asked for again"


def test_a_login_that_ends_midway_ends_it_with_the_command(server: HistoryServer, call: Call) -> None:
    def revoke(_symbol: str) -> None:
        server.server.switches.revoked = len(server.vault.reads) >= 2

    server.vault.on_read = revoke
    told = call("data", "fetch", *THREE)
    told.fails(77, "log in to the broker in OpenAlgo's page", "`livetrader doctor`")
    assert KEY not in "".join(told.err)
    assert 2 * 225 <= len(stored()) <= 4 * 225, "what came before stays"
    server.server.switches.revoked, server.vault.on_read = False, lambda _symbol: None
    fetched(call, *THREE)
    assert len(stored()) == 5 * 225


def test_a_throttled_broker_is_asked_again_later(server: HistoryServer, call: Call) -> None:
    """OpenAlgo tells it as a 500. The reader's own three tries are not enough here."""

    def throttled(_symbol: str) -> None:
        if 2 <= len(server.vault.reads) <= 6:
            raise Refusal(500, "Too many requests")

    server.vault.on_read = throttled
    made = fetched(call, *THREE)
    assert (made["inserted"], made["failed"]) == (5 * 225, [])
    assert server.asked == 10


def test_one_symbol_that_fails_is_a_line_and_the_others_are_fetched(server: HistoryServer, call: Call) -> None:
    def refuse(symbol: str) -> None:
        if symbol == "TCS":
            raise Refusal(500, "Token mismatch")

    server.vault.on_read = refuse
    told = call("data", "fetch", *THREE, "--symbols", "NOPE,TCS,INFY,SBIN")
    assert told.code == 69
    assert sorted(line.split(":")[1] for line in told.err) == [" NOPE 5m", " TCS 5m"]
    assert "Symbol 'NOPE' not found" in "".join(told.err)
    assert "Token mismatch" in "".join(told.err)
    assert told.out.startswith("4 symbols, 5m, 2024-02-26 to 2024-02-28: 450 bars new, 0 changed, 0 unchanged;")
    told = call("data", "fetch", *THREE, "--symbols", "NOPE,INFY")
    assert told.code == 2, "nothing is gained by waiting"


def test_a_short_history_is_told_and_asked_for_again(server: HistoryServer, call: Call) -> None:
    server.server.switches.history_lacks = 80
    told = call("data", "fetch", *THREE, "--symbols", "TCS")
    assert (told.code, told.err) == (0, ())
    assert told.out.splitlines()[1] == "  TCS 5m: 2 sessions short, the last one 2024-02-28: 0 of 75 bars"
    server.server.switches.history_lacks = 0
    made = fetched(call, *THREE, "--symbols", "TCS")
    assert (made["inserted"], made["short"]) == (80, [])
    assert made["unchanged"] == 70, "the session that was whole was not asked for again"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        pytest.param("broker: {kind: null}", "there is no broker; set it to openalgo", id="no broker"),
        pytest.param("broker: {kind: loopback}", "loopback has no history of candles", id="loopback"),
        pytest.param('candles: {url: "sqlite:///made.db"}', "holds simulated candles", id="simulated candles"),
        pytest.param("market: {calendar: observed}", "knows the stored dates only", id="an observed calendar"),
    ],
)
def test_what_cannot_be_fetched_is_said_before_anything_is_asked(
    server: HistoryServer, empty: Path, call: Call, setting: str, words: str
) -> None:
    (empty / "made.db.simulated").write_text("unfinished")
    name = setting.partition(":")[0]
    kept = [line for line in (empty / "config.yaml").read_text().splitlines() if not line.startswith(name)]
    (empty / "config.yaml").write_text("\n".join((*kept, setting, "")))
    call("data", "fetch").fails(78, "config.yaml:", words)
    assert server.asked == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("--from", "2099-01-01"), "is in the future", id="the future"),
        pytest.param(("--from", "2024-02-24", "--to", "2024-02-25"), "no session", id="a weekend"),
        pytest.param(("--interval", "7m"), "must be one of", id="no interval"),
        pytest.param(("--from", "2024-02-28", "--to", "2024-02-26"), "swap them", id="the wrong way round"),
    ],
)
def test_a_wrong_call_is_a_line(server: HistoryServer, call: Call, arguments: tuple[str, ...], words: str) -> None:
    call("data", "fetch", *arguments).fails(2, words)
    assert server.asked == 0


@pytest.mark.usefixtures("server")
def test_a_server_that_is_away_is_given_up_soon(empty: Path, call: Call) -> None:
    configure(empty, "http://127.0.0.1:9")
    call("data", "fetch", *THREE).fails(69, "is OpenAlgo running at http://127.0.0.1:9?", "run it again")


@pytest.mark.usefixtures("server")
def test_without_its_key_nothing_is_asked(empty: Path, call: Call) -> None:
    (empty / ".env").unlink()
    call("data", "fetch", *THREE).fails(78, "LIVETRADER_OPENALGO_KEY")
