"""Notifications of processes: `livetrader notify test`, and what a real run tells as it starts, stops and is killed."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from calls import Told, finish, running, start
from coin_desk import make
from lone_strategy import IDLE, section

from livetrader.market.clock import SystemClock
from tests.unit.notify.post_office import PostOffice

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

Call = Callable[..., Told]

COINS = f"""\
symbols: "BTCUSDT,ETHUSDT"
market: {{calendar: 24x7, trend_symbol: null}}
candles: {{url: "sqlite:///candles.db"}}
state: {{url: "sqlite:///state.db"}}
venue: {{charges: none, tick: 0.01, lot: 0.0001}}
notify: {{targets: [{{url: env:HOOK}}]}}
{section("idle")}"""


@pytest.fixture
def office() -> Iterator[PostOffice]:
    opened = PostOffice()
    yield opened
    opened.close()


def configure(folder: Path, *targets: str) -> None:
    listed = "".join(f"    - {{url: '{target}'}}\n" for target in targets)
    (folder / "config.yaml").write_text(f"notify:\n  targets:\n{listed}")


def test_each_target_gets_one_message_and_is_named_by_its_variable(empty: Path, office: PostOffice) -> None:
    configure(empty, "env:MY_HOOK")
    (empty / ".env").write_text(f"MY_HOOK={office.url}/canary-token\n")
    (empty / ".env").chmod(0o600)
    told = finish(start("notify", "test", cwd=empty))
    assert (told.code, told.err) == (0, ())
    assert told.out.split() == ["target", "outcome", "MY_HOOK", "sent"]
    assert office.texts == ["PAPER: test\nlivetrader can reach you here"]


def test_a_target_that_does_not_take_it_is_69_and_the_others_have_it(empty: Path, office: PostOffice) -> None:
    dead = PostOffice(status=403)
    configure(empty, "env:DEAD", office.url)
    environ = {"DEAD": f"{dead.url}/canary-token"}
    told = finish(start("notify", "test", "--json", cwd=empty, **environ))
    dead.close()
    assert told.code == 69
    first, second = json.loads(told.out)
    assert (first["target"], first["sent"], second["sent"], len(office.posts)) == ("DEAD", False, True, 1)
    assert "403" in first["reason"]
    assert "canary" not in told.out + "\n".join(told.err)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("mode: paper\n", ("notify.targets", "there is none"), id="no target"),
        pytest.param("notify: {targets: [{url: env:UNSET}]}\n", ("config.yaml:1", "UNSET: is not set"), id="unset"),
        pytest.param("notify: {targets: [{url: 'tgram://canary'}]}\n", ("must be env:NAME",), id="a token in the file"),
    ],
)
def test_what_cannot_be_told_is_one_line(empty: Path, call: Call, text: str, words: tuple[str, ...]) -> None:
    (empty / "config.yaml").write_text(text)
    told = call("notify", "test")
    told.fails(78, *words)
    assert "canary" not in told.err[0]


def test_a_run_is_refused_before_anything_is_opened_if_a_target_cannot_be(desk: Path, call: Call) -> None:
    with (desk / "config.yaml").open("a") as file:
        file.write("notify: {targets: [{url: env:UNSET}]}\n")
    call("run", "--once").fails(78, "UNSET: is not set")
    assert not (desk / "state.paper.db").exists()


@pytest.fixture(scope="module")
def _market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk on which nothing is traded."""
    return make(tmp_path_factory.mktemp("coins"), COINS, "idle", IDLE)


@pytest.fixture
def coins(_market: Path, empty: Path) -> Path:
    shutil.copytree(_market, empty, dirs_exist_ok=True)
    return empty


def told_of(office: PostOffice, words: str) -> int:
    return sum(text.count(words) for text in office.texts)


def test_a_run_tells_that_it_starts_stops_and_was_killed(coins: Path, office: PostOffice) -> None:
    with running(coins, lambda: told_of(office, "has begun"), HOOK=office.url) as loop:
        loop.send_signal(signal.SIGTERM)
        assert finish(loop).code == 0
    assert [told_of(office, words) for words in ("started, livetrader", "has begun", "stopped")] == [1, 1, 1]
    with running(coins, lambda: told_of(office, "started, livetrader") == 2, HOOK=office.url) as loop:
        loop.kill()
        finish(loop)
    with running(coins, lambda: told_of(office, "the run before it was killed"), HOOK=office.url) as loop:
        loop.send_signal(signal.SIGTERM)
        finish(loop)
    assert [told_of(office, words) for words in ("has begun", "stopped")] == [1, 2]


def test_a_run_ends_in_time_whatever_its_target_does(coins: Path, office: PostOffice) -> None:
    office.hangs = True
    with running(coins, office.asked.is_set, HOOK=f"{office.url}?rto=60") as loop:
        begun = SystemClock().monotonic()
        loop.send_signal(signal.SIGTERM)
        told = finish(loop)
    assert (told.code, told.errors) == (0, ())
    assert SystemClock().monotonic() - begun < 30, "ten seconds for what is still to be told, and a slow machine"
    assert any("not told yet; the next start does" in line for line in told.err)


def test_a_single_scan_says_nothing_of_itself_and_its_session_once(coins: Path, office: PostOffice) -> None:
    for _ in range(2):
        told = finish(start("run", "--once", cwd=coins, HOOK=office.url))
        assert told.code == 0, told
    assert len(office.texts) == told_of(office, "has begun") == 1
