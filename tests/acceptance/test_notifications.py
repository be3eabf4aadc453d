"""A day is traded, and the operator hears of it: a real journal, real threads, real Apprise, real HTTP."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event

import pytest

from livetrader.bootstrap import notifying
from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.config import Configuration, load
from livetrader.config.secrets import Secret
from livetrader.domain.candles import Interval
from livetrader.domain.order import Fill
from livetrader.errors import BrokerUnavailable
from livetrader.market.calendar import Calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import open_store
from livetrader.ports import wall_time
from tests.threads import PATIENCE
from tests.unit.notify.post_office import PostOffice, load_plug_ins

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

DAY = date(2026, 2, 27)
SYMBOLS = tuple(f"STOCK{i}" for i in range(60))

Desk = Callable[..., Configuration]


@pytest.fixture(scope="module", autouse=True)
def _apprise() -> None:
    load_plug_ins()


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory, nse: Calendar) -> Path:
    path = tmp_path_factory.mktemp("candles") / "candles.db"
    with open_store(f"sqlite:///{path}") as store:
        sessions = (*nse.before(DAY, 62), *nse.sessions(DAY, DAY))
        store.upsert(Interval.M5, simulate((*SYMBOLS, "NIFTY"), sessions, 5, dirt=False))
    return path


@pytest.fixture
def office() -> Iterator[PostOffice]:
    opened = PostOffice()
    yield opened
    opened.close()


@pytest.fixture
def desk(candles: Path, tmp_path: Path) -> Desk:
    """A function that makes a desk in a folder of its own, with targets at these addresses."""

    def make(*urls: str, folder: str = "desk") -> Configuration:
        place = tmp_path / folder
        place.mkdir()
        targets = "".join(f"    - {{url: env:TARGET_{i}}}\n" for i in range(len(urls)))
        (place / "config.yaml").write_text(
            f"symbols: {','.join(SYMBOLS)}\ncandles: {{url: 'sqlite:///{candles}'}}\n"
            "constraints: {max_trades_per_day: null, max_trades_per_strategy: null, max_open_positions: null}\n"
            "capital: {allocation_pct: 5}\n" + (f"notify:\n  per_minute: 600\n  targets:\n{targets}" if urls else "")
        )
        return load(directory=place, environ={f"TARGET_{i}": url for i, url in enumerate(urls)})

    return make


def closes(trader: SessionTrader) -> list[int]:
    (session,) = trader.workspace.calendar.sessions(DAY, DAY)
    return list(range(session.opens + 300, session.closes + 1, 300))


def trade(
    configuration: Configuration, *, parts: int = 1, after: Event | None = None
) -> tuple[list[Fill], list[float]]:
    """The day, in so many processes one after the other: its fills, and how long each pass took, in seconds.

    The first pass waits for `after`.
    """
    clock, took = VirtualClock(nine()), []
    for part in range(parts):
        with trading(configuration, clock) as trader:
            assert after is None or after.wait(PATIENCE), "it never came so far"
            every = closes(trader)
            for close in every[part * len(every) // parts : (part + 1) * len(every) // parts]:
                clock.advance_to(close)
                begun = time.monotonic()
                trader.scan()
                took.append(time.monotonic() - begun)
            fills = list(trader.journal.fills())
    assert len(fills) > 4, "the seed must give trades, or this shows nothing"
    return fills, took


def nine() -> float:
    """09:00 in India."""
    return 1_772_163_000.0


def lines(office: PostOffice) -> list[str]:
    """Of all messages, without their times."""
    return [line.partition(" ")[2] for post in office.posts for line in post["message"].split("\n")]


def of_fills(office: PostOffice) -> list[str]:
    return [line for line in lines(office) if ": bought " in line or ": sold " in line]


def counted(office: PostOffice, noun: str) -> int:
    """How many of these were told as a number in a message of many."""
    said = [line for post in office.posts for line in post["message"].split("\n")]
    parts = [part.split() for line in said if " more: " in line for part in line.split(" more: ")[1].split(", ")]
    return sum(int(count) for count, kind in parts if kind.startswith(noun))


def test_a_day_is_told_from_its_start_to_its_report(desk: Desk, office: PostOffice) -> None:
    configuration = desk(office.url)
    fills, _ = trade(configuration)
    assert len(of_fills(office)) + counted(office, "fill") == len(fills)
    said = lines(office)
    assert said.count("session Fri 27 Feb 2026 has begun") == 1
    assert any(line.startswith("started, livetrader ") for line in said)
    assert said.count("stopped") + counted(office, "stop") == 1
    (ended,) = [post for post in office.posts if post["title"] == "PAPER: Fri 27 Feb 2026 is over"]
    assert " net, charges " in ended["message"]
    (attached,) = ended["attachments"]
    report = configuration.settings.reports.directory / "paper_20260227.html"
    assert attached["filename"] == report.name
    assert report.read_bytes() in office.wire
    assert all(post["title"].startswith("PAPER") for post in office.posts)


@pytest.mark.parametrize("parts", [2, 5])
def test_restarts_neither_repeat_nor_lose_a_message(desk: Desk, office: PostOffice, parts: int) -> None:
    fills, _ = trade(desk(office.url), parts=parts)
    assert len(of_fills(office)) + counted(office, "fill") == len(fills)
    assert len(of_fills(office)) == len(set(of_fills(office)))
    assert lines(office).count("session Fri 27 Feb 2026 has begun") == 1
    assert lines(office).count("stopped") + counted(office, "stop") == parts


def test_what_a_dead_service_did_not_hear_today_it_hears_at_the_next_start(desk: Desk, office: PostOffice) -> None:
    configuration = desk(office.url)
    office.status = 503
    fills, _ = trade(configuration)
    assert office.posts == []
    office.status = 200
    with trading(configuration, VirtualClock(nine() + 86_400)):
        pass
    assert len(of_fills(office)) + counted(office, "fill") == len(fills)
    assert any(post["attachments"] for post in office.posts), "the report comes late, and it comes"


def test_x3_a_target_that_hangs_delays_no_pass_and_changes_no_trade(
    desk: Desk, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "CLOSING_SECONDS", 0.2)
    office.hangs = True
    quiet, _ = trade(desk(folder="quiet"))
    hanging, took = trade(desk(office.url + "?rto=60", folder="hanging"), after=office.asked)
    assert office.bodies == [], "it hangs to the end"
    assert max(took) < PATIENCE / 3, "no pass waited for the service"
    assert [replace(one, trade_id="") for one in hanging] == [replace(one, trade_id="") for one in quiet]


def test_i11_no_secret_is_told_by_an_alert_an_error_or_a_report(desk: Desk, office: PostOffice) -> None:
    alert, error = Secret("canary-<in>-an-alert"), Secret("canary in\nan error")
    clock = VirtualClock(nine())

    def fail() -> None:
        with trading(desk(office.url), clock) as trader:
            trader.journal.alert("hand:x", f"the token {alert.reveal()} is dead", wall_time(clock))
            for close in closes(trader):
                clock.advance_to(close)
                trader.scan()
            raise BrokerUnavailable(f"no answer to {error.reveal()}")

    with pytest.raises(BrokerUnavailable):
        fail()
    assert any("stopped by an error: no answer to ***" in text for text in office.texts)
    assert any("the token *** is dead" in text for text in office.texts)
    (report,) = [base64.b64decode(one["base64"]) for post in office.posts for one in post["attachments"]]
    assert b"the token *** is dead" in report
    assert b"canary" not in office.wire
