"""`doctor`, `login` and `calendar check`: each planted problem is found, and what mends it is named.

The broker is the loopback OpenAlgo, over real sockets.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
from calls import Told

from livetrader.bootstrap.trader import OPENALGO_KEY
from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Fault, Line
from livetrader.brokers.openalgo.loopback.server import BROKER, OpenAlgoServer, broker_number
from livetrader.brokers.openalgo.loopback.switches import Mode
from livetrader.config import load
from livetrader.domain.instrument import Instrument
from livetrader.market.clock import SystemClock
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from tests.postgres import execute

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]

Call = Callable[..., Told]
KEY = "c0ffee00" * 8
LINE = Line(SystemClock())
STATE = "sqlite:///state.db"


def now() -> datetime:
    return datetime.fromtimestamp(SystemClock().now(), UTC)


def journal() -> SqlJournal:
    return SqlJournal(open_state(STATE, "paper", "simulated"))


def findings(call: Call, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    told = call("doctor", *arguments, "--json")
    document = json.loads(told.out)
    assert document["exit_code"] == told.code
    assert all(one["remedy"] and "`" in one["remedy"] for one in document["findings"] if one["outcome"] == "fail")
    return told.code, document["findings"]


def with_setting(text: str) -> None:
    path = Path("config.yaml")
    path.write_text(path.read_text() + text + "\n")


def with_symbols(text: str) -> None:
    path = Path("config.yaml")
    path.write_text(path.read_text().replace(traded(), text))


def traded() -> str:
    """The symbols of the desk, as its configuration has them."""
    return load(None).settings.symbols


def open_env() -> None:
    Path(".env").write_text("LIVETRADER__CAPITAL__AMOUNT=5\n")
    Path(".env").chmod(0o644)


def tampered() -> None:
    journal().close()
    with sqlite3.connect("state.paper.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE audit SET kind = 'forged' WHERE seq = 1")
    database.close()


def older_schema() -> None:
    journal().close()
    with sqlite3.connect("state.paper.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("DELETE FROM schema_version WHERE version > 1")
        database.execute("INSERT OR IGNORE INTO schema_version (version, applied_at) SELECT 1, created_at FROM meta")
    database.close()


def latched() -> None:
    opened = journal()
    opened.latch("mismatch", "books differ", now())
    opened.latch("symbol:INFY", "rejected three times", now())
    opened.alert("stop:TCS", "TCS has no stop", now())
    opened.close()


def leased() -> None:
    opened = journal()
    assert opened.lease("elsewhere", 600.0, now()) is not None
    opened.close()


def without_ballast() -> None:
    journal().close()


class Planted(NamedTuple):
    """A problem: how it is made, what doctor says of it, what mends it, and the exit code."""

    name: str
    make: Callable[[], object]
    check: str
    outcome: str
    what: str
    remedy: str
    code: int


HERE = [
    Planted("unknown key", lambda: with_setting("bogus: 1"), "configuration", "fail", "bogus", "config check", 78),
    Planted("no such list", lambda: with_symbols("nothing"), "configuration", "fail", "there is no list 'nothing'", "config check", 78),
    Planted("open .env", open_env, "configuration", "fail", "others may read it; run `chmod 600", "config check", 78),
    Planted("writable config", lambda: Path("config.yaml").chmod(0o666), "configuration", "warn", "others may change it", "chmod go-w", 0),
    Planted("no candles", lambda: Path("candles.db").unlink(), "candles", "fail", "no candle store there", "data check", 74),
    Planted("no such symbols", lambda: with_symbols("NOSUCH,"), "candles", "fail", "no candles of NOSUCH", "data import", 2),
    Planted("no such symbols at OpenAlgo", lambda: (with_symbols("NOSUCH,"), with_setting("broker: {kind: openalgo}")), "candles", "fail", "bring some with `livetrader data fetch`", "data check", 2),
    Planted("old candles at OpenAlgo", lambda: with_setting("broker: {kind: openalgo}"), "candles", "warn", "the newest bar is of Fri 27 Feb 2026", "data fetch", 0),
    Planted("old candles", lambda: None, "candles", "warn", "the newest bar is of Fri 27 Feb 2026", "data import", 0),
    Planted("state is no database", lambda: Path("state.paper.db").write_text("no database, and long enough"), "state", "fail", "state.paper.db", "db check", 74),
    Planted("forged audit log", tampered, "state", "fail", "row 1 was changed", "db check", 74),
    Planted("older schema", older_schema, "state", "fail", "livetrader db migrate", "db check", 74),
    Planted("latch", latched, "standing", "warn", "latch mismatch: books differ", "livetrader resume", 0),
    Planted("symbol latch", latched, "standing", "warn", "latch symbol:INFY: rejected three times", "livetrader resume INFY", 0),
    Planted("alert", latched, "standing", "warn", "alert: TCS has no stop", "livetrader status", 0),
    Planted("another host", leased, "standing", "fail", "elsewhere trades this account", "livetrader status", 75),
    Planted("killed", lambda: Path("state.paper.db.kill").touch(), "kill file", "warn", "so no entry is taken", "livetrader resume", 0),
    Planted("no ballast", without_ballast, "disk", "warn", "ballast: is not there", "livetrader resume", 0),
    Planted("key in clear", lambda: with_setting("broker: {kind: openalgo, base_url: 'http://algo.invalid:5000'}"), "line", "warn", "goes over the network in clear to http://algo.invalid:5000", "ssh -N -L", 0),
    Planted("quotes in clear", lambda: with_setting("broker: {kind: openalgo}\nfeed: {websocket_url: 'ws://algo.invalid:8765'}"), "line", "warn", "feed.websocket_url: the API key", "https (or wss)", 0),
    Planted("observed, live", lambda: with_setting("mode: live\nmarket: {calendar: observed}"), "calendar", "fail", "cannot go live", "calendar check", 78),
]  # fmt: skip


@pytest.mark.parametrize("planted", HERE, ids=[one.name for one in HERE])
def test_a_planted_problem_is_found(desk: Path, call: Call, planted: Planted) -> None:
    planted.make()
    code, found = findings(call)
    said = [one for one in found if one["check"] == planted.check and planted.what in one["what"]]
    assert said, found
    assert said[0]["outcome"] == planted.outcome
    assert planted.remedy in said[0]["remedy"]
    assert code == planted.code, found


def test_a_table_without_the_index_and_a_server_that_is_not_there_are_found(
    desk: Path, call: Call, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("data", "export", "candles.parquet", "--interval", "5m").code == 0
    monkeypatch.setenv("LIVETRADER__CANDLES__URL", postgres)
    assert call("data", "import", "candles.parquet", "--interval", "5m").code == 0
    execute(postgres, "CREATE TABLE ohlc_5m AS SELECT ts AS time, symbol, open, high, low, close, volume"
                      " FROM livetrader.candles_5m")  # fmt: skip
    monkeypatch.setenv("LIVETRADER__CANDLES__TABLES", "{5m: {table: ohlc_5m}}")
    code, found = findings(call)
    (said,) = [one for one in found if "no index of ohlc_5m begins with time" in one["what"]]
    assert (code, said["outcome"]) == (0, "warn")
    assert said["remedy"].startswith("run `CREATE INDEX")
    monkeypatch.setenv("LIVETRADER__CANDLES__URL", "postgresql://trader:canary-password@127.0.0.1:9/market")
    code, found = findings(call)
    (said,) = [one for one in found if one["check"] == "candles"]
    assert (code, said["outcome"]) == (74, "fail")
    assert "canary" not in json.dumps(found)


def test_on_a_good_desk_nothing_fails_and_nothing_is_changed(desk: Path, call: Call) -> None:
    before = sorted((path.name, path.stat().st_mtime_ns) for path in desk.iterdir() if "candles" not in path.name)
    told = call("doctor")
    assert told.code == 0, told
    assert "fail" not in told.out
    assert {line.split()[1] for line in told.out.splitlines() if not line.startswith(" ")} >= {
        "configuration", "calendar", "clock", "lock", "state", "disk", "candles",
    }  # fmt: skip
    after = sorted((path.name, path.stat().st_mtime_ns) for path in desk.iterdir() if "candles" not in path.name)
    assert after == before
    assert told.err == ()


def test_a_trader_since_yesterday_hangs_and_one_since_today_is_the_days(desk: Path, call: Call) -> None:
    script = (
        "import sys; from datetime import datetime; from pathlib import Path; from livetrader.store.lock import hold\n"
        "with hold(Path('state.paper.db.lock'), datetime.fromisoformat(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    for since, code, words in ((now() - timedelta(days=2), 75, "has held the lock"), (now(), 0, "runs since")):
        process = subprocess.Popen(
            [sys.executable, "-c", script, since.isoformat()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        got, found = findings(call)
        process.communicate("")
        (said,) = [one for one in found if one["check"] == "lock"]
        assert (got, words in said["what"]) == (code, True), said
        assert f"process {process.pid}" in said["what"]
        assert code == 0 or f"kill {process.pid}" in said["remedy"]


def test_a_full_disk_is_found(
    small_disk: Callable[[int], Path], call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = small_disk(4096)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (folder / "config.yaml").write_text("symbols: 'TCS,'\n")
    _, found = findings(call)
    (said,) = [one for one in found if one["check"] == "disk"]
    assert (said["outcome"], said["exit_code"]) == ("fail", 74)
    assert "0.0 GB are free" in said["what"]


@pytest.fixture
def server(desk: Path) -> Iterator[OpenAlgoServer]:
    """OpenAlgo, which lists what the desk trades."""
    clock = SystemClock()
    listed = {name: Instrument(name, Decimal("0.05")) for name in traded().split(",")}
    exchange = Exchange(BROKER, clock, listed, Decimal(1_000_000), number=broker_number)
    with OpenAlgoServer(exchange, LINE, key=KEY, mode=Mode.LIVE).running() as running:
        with running.front.lock:
            for name in listed:
                exchange.quote(name, 2500.0)
        yield running


@pytest.fixture
def live(desk: Path, server: OpenAlgoServer, monkeypatch: pytest.MonkeyPatch) -> OpenAlgoServer:
    """The desk with that OpenAlgo for its broker, in the mode live."""
    connected(server.url)
    monkeypatch.setenv(OPENALGO_KEY, KEY)
    return server


def connected(url: str, more: str = "") -> None:
    path = Path("config.yaml")
    kept = "".join(f"{line}\n" for line in path.read_text().splitlines() if not line.startswith(("mode", "broker")))
    path.write_text(f"{kept}mode: live\nbroker: {{kind: openalgo, base_url: '{url}', timeout_seconds: 2{more}}}\n")


def test_with_a_good_broker_nothing_fails(live: OpenAlgoServer, call: Call) -> None:
    code, found = findings(call, "--live")
    assert code == 0, found
    said = {one["check"]: one["what"] for one in found}
    assert said["login"].startswith(f"OpenAlgo at {live.url} (loopback): the login is good; 1000000.00")
    assert said["login"].endswith("in live mode")
    assert said["instruments"] == "8 instruments, with all 8 symbols"
    assert "days are the broker's" in said["hours"]
    assert said["clock"] == f"0 s apart from {live.url}"
    assert said["margin"].startswith("an entry of ")
    assert said["margin"].endswith(" of 1000000.00")
    assert KEY not in json.dumps(found)


class Broken(NamedTuple):
    """A problem at the broker's."""

    name: str
    make: Callable[[OpenAlgoServer], object]
    check: str
    outcome: str
    what: str
    remedy: str
    code: int


def switch(**switches: Any) -> Callable[[OpenAlgoServer], object]:
    return lambda server: server.switches.set(switches)


ONLINE = [
    Broken("no server", lambda _: connected("http://127.0.0.1:9"), "login", "fail", "is OpenAlgo running at", "start the broker's server", 69),
    Broken("key or session", switch(revoked=True), "login", "fail", "the API key is wrong, or the broker's session is over", "livetrader login openalgo", 77),
    Broken("analyze mode", switch(mode="analyze"), "login", "fail", "in analyze mode, and broker.expect is live", "Analyzer", 69),
    Broken("no key", lambda _: os.environ.pop(OPENALGO_KEY), "secrets", "fail", f"{OPENALGO_KEY}: is not set", "config check", 78),
    Broken("unlisted symbol", lambda _: os.environ.__setitem__("LIVETRADER__SYMBOLS", "TCS,BOGUS"), "instruments", "fail", "1 of 2 symbols are not listed, and take no entries: BOGUS", "config check", 78),
    Broken("no master contract", lambda _: LINE.add([("instruments", LINE.calls["instruments"] + 1, Fault.EMPTY_LIST)]), "instruments", "fail", "the instrument master is empty", "download the master contract", 69),
    Broken("server on UTC", switch(utc_host=True), "hours", "warn", "in another time zone", "TZ=Asia/Kolkata", 0),
    Broken("poor account", lambda _: os.environ.__setitem__("LIVETRADER__CAPITAL__AMOUNT", "900000000"), "margin", "fail", "the broker refuses it", "lower capital.amount", 78),
    Broken("poor capital", lambda _: os.environ.__setitem__("LIVETRADER__CAPITAL__AMOUNT", "100"), "margin", "warn", "of the capital buys no", "capital.allocation_pct", 0),
    Broken("nobody is told", lambda _: None, "notifications", "warn", "nobody is told", "notify test", 0),
    Broken("algo_id", lambda server: connected(server.url, ", algo_id: A1"), "protection", "warn", "has no field for it", "config show", 0),
]  # fmt: skip


@pytest.mark.parametrize("broken", ONLINE, ids=[one.name for one in ONLINE])
def test_a_problem_at_the_broker_is_found(
    live: OpenAlgoServer, call: Call, broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVETRADER__SYMBOLS", traded())
    monkeypatch.setenv("LIVETRADER__CAPITAL__AMOUNT", "100000")
    broken.make(live)
    code, found = findings(call, "--live")
    said = [one for one in found if one["check"] == broken.check and broken.what in one["what"]]
    assert said, found
    assert said[0]["outcome"] == broken.outcome
    assert broken.remedy in said[0]["remedy"]
    assert code == broken.code, found


def test_what_only_a_broker_can_tell_is_not_asked_of_a_dead_one(live: OpenAlgoServer, call: Call) -> None:
    connected("http://127.0.0.1:9")
    _, found = findings(call, "--live")
    assert [one["what"] for one in found if one["check"] == "broker"] == [
        "not looked at: instruments, hours, quotes, margin"
    ]
    assert not {"instruments", "hours"} & {one["check"] for one in found}
    assert {"candles", "disk", "address"} <= {one["check"] for one in found}, "the others are looked at"


@contextmanager
def answering(text: str) -> Iterator[str]:
    """A server that answers every GET with `text`; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/"
        finally:
            http.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "what"),
    [
        ("203.0.113.7\n", "ok", 0, "203.0.113.7, as registered"),
        ("198.51.100.4", "fail", 77, "orders leave from 198.51.100.4, and 203.0.113.7 is registered"),
        ("<html>", "warn", 0, "does not answer with an address"),
    ],
    ids=["registered", "another", "no address"],
)
def test_the_address_is_held_against_the_registered_one(
    live: OpenAlgoServer, call: Call, answer: str, outcome: str, code: int, what: str
) -> None:
    with answering(answer) as url:
        connected(live.url, f", registered_ip: 203.0.113.7, ip_check_url: '{url}'")
        got, found = findings(call, "--live")
    (said,) = [one for one in found if one["check"] == "address"]
    assert (said["outcome"], got) == (outcome, code)
    assert what in said["what"]


def test_the_address_is_asked_of_nobody_by_default(live: OpenAlgoServer, call: Call) -> None:
    _, found = findings(call, "--live")
    (said,) = [one for one in found if one["check"] == "address"]
    assert said["what"].startswith("not looked at")


def test_login_says_when_funds_can_be_read(live: OpenAlgoServer, call: Call) -> None:
    told = call("login", "openalgo")
    assert (told.code, told.out) == (0, "openalgo: logged in; 1000000.00 INR may be traded with\n")


def test_login_waits_for_somebody_to_log_in(live: OpenAlgoServer, call: Call) -> None:
    live.switches.set({"revoked": True})

    def log_in() -> None:
        SystemClock().sleep(1.0)
        live.switches.set({"revoked": False})

    person = Thread(target=log_in)
    person.start()
    told = call("login", "openalgo", "--wait", "30")
    person.join()
    assert told.code == 0, told
    assert told.err == (f"log in to the broker at {live.url}",)


def test_login_that_does_not_come_ends_with_77(live: OpenAlgoServer, call: Call) -> None:
    live.switches.set({"revoked": True})
    told = call("login", "openalgo", "--wait", "0")
    told.fails(77, "the broker's session is over")


def test_login_to_a_broker_that_is_not_configured_is_a_wrong_call(desk: Path, call: Call) -> None:
    call("login", "openalgo").fails(2, "broker.kind is null")


def test_a_loopback_needs_no_login(desk: Path, call: Call) -> None:
    with_setting("broker: {kind: loopback}")
    assert call("login", "loopback").out == "loopback: there is nothing to log in to\n"


def test_the_calendar_is_compared_with_the_brokers(live: OpenAlgoServer, call: Call) -> None:
    told = call("calendar", "check", "--date", "2026-11-09", "--days", "7")
    assert told.code == 0, told
    assert told.out.splitlines()[-1] == "the broker has the same 7 days"


def test_hours_of_a_server_on_utc_are_not_believed(live: OpenAlgoServer, call: Call) -> None:
    live.switches.set({"utc_host": True})
    told = call("calendar", "check", "--date", "2026-11-09", "--days", "7", "--json")
    assert told.code == 0
    assert json.loads(told.out)["broker"] == {"days": 7, "hours_trusted": False, "differences": []}


def test_a_day_on_which_the_calendars_differ_is_named(
    live: OpenAlgoServer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's Diwali is an ordinary day for it: our calendar has another one."""
    from livetrader.brokers.openalgo.loopback import data

    class Elsewhere:
        def session_on(self, day: date) -> object:
            return None if day == date(2026, 11, 12) or day.weekday() > 4 else day

    class Other:
        @staticmethod
        def load(_name: str) -> Elsewhere:
            return Elsewhere()

    monkeypatch.setattr(data, "calendar", Other)
    told = call("calendar", "check", "--date", "2026-11-11", "--days", "3")
    assert told.code == 78
    assert "2026-11-12 Thu  09:15-15:30  closed" in told.out
