"""Several portfolios in one process: each does what it does alone, and what ends one does not end the others."""

from __future__ import annotations

import shutil
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from portfolio_desk import COINS, CONFIG, NAMES, STOCKS, alone, books, configured, drive, make, opening

from livetrader.bootstrap.together import Member, Together, together
from livetrader.bootstrap.trading import SessionTrader, trading
from livetrader.config import load
from livetrader.errors import AlreadyRunning, ConfigError, StoreError
from livetrader.market.clock import VirtualClock
from livetrader.notify.heartbeat import Heartbeat
from livetrader.store.queries import open_queries

BEGIN, UNTIL = opening(-15), opening(6 * 60 + 20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("market"))


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "desk"))


@pytest.fixture(scope="module")
def lone(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What each portfolio comes to in a process of its own."""
    apart = Path(shutil.copytree(made, tmp_path_factory.mktemp("apart") / "desk"))
    for name in NAMES:
        alone(apart, name, BEGIN, UNTIL)
    return {name: books(apart, name) for name in NAMES}


def ran(folder: Path, *stops: int) -> dict[str, object]:
    """What they come to side by side, in a process until each of `stops`."""
    clock = VirtualClock(float(BEGIN))
    for stop in stops:
        with together([configured(folder, name) for name in NAMES], clock) as portfolios:
            drive(clock, portfolios.members, stop)
            check_cash(folder, portfolios)
        assert portfolios.exit_code == 0
    return {name: books(folder, name) for name in NAMES}


def check_cash(folder: Path, portfolios: Together) -> None:
    """Cash is conserved in each portfolio, in its own currency: what it began with, and what its own fills brought."""
    found = {}
    for member in portfolios.members:
        assert member.trader is not None
        book, capital = member.trader.desk.engine.book, member.configuration.settings.capital
        assert book.cash == capital.amount + sum(fill.cash for fill in books(folder, member.name)[0]), member.name
        found[member.name] = capital.currency
    assert found == {"calm": "INR", "bold": "INR", "crypto": "USDT"}


def test_each_portfolio_trades_as_it_does_alone(desk: Path, lone: dict[str, object]) -> None:
    """Fills, trades and account values agree, value for value; and capital, symbols and limits are each one's own."""
    assert ran(desk, UNTIL) == lone
    found = {name: books(desk, name) for name in NAMES}
    traded = {name: {one.symbol for one in fills} for name, (fills, _, _) in found.items()}
    assert all(traded.values()), "the seeds must trade in each, or this shows nothing"
    assert traded["calm"] <= set(STOCKS[:7])
    assert traded["crypto"] <= set(COINS)
    assert len(found["bold"][1]) > len(found["calm"][1])
    calm, bold, _ = ({one.intent_id for one in fills} for fills, _, _ in found.values())
    assert not calm & bold, "the same signal in two portfolios is two intents"


def test_restarts_in_the_middle_change_nothing(desk: Path, lone: dict[str, object]) -> None:
    assert ran(desk, opening(95), opening(250), UNTIL) == lone


def test_one_that_fails_ends_alone(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record says so, its account is free again at once, the others trade on, and the exit code is its own."""
    clock = VirtualClock(float(BEGIN))
    monitor = SessionTrader.monitor

    def failing(trader: SessionTrader) -> None:
        if trader.workspace.settings.portfolio == "bold" and trader.clock.now() >= opening(60):
            raise StoreError("state.db: the disk failed")
        monitor(trader)

    monkeypatch.setattr(SessionTrader, "monitor", failing)
    with together([configured(desk, name) for name in NAMES], clock) as portfolios:
        drive(clock, portfolios.members, opening(70))
        portfolios.reap()
        with trading(configured(desk, "bold"), clock):
            pass  # whoever has mended it starts it in a process of its own
        drive(clock, portfolios.members, UNTIL)
        assert [one.name for one in portfolios.members if one.failure] == ["bold"]
    assert (portfolios.exit_code, str(portfolios.failures["bold"])) == (74, "state.db: the disk failed")
    ends = {name: run_ends(desk, name) for name in NAMES}
    assert ends == {"calm": ["stopped"], "bold": ["error", "stopped"], "crypto": ["stopped"]}
    assert books(desk, "calm")[1]


def run_ends(folder: Path, name: str) -> list[str | None]:
    settings = configured(folder, name).settings
    with open_queries(settings.state.url, settings.state_name()) as queries:
        return [one.exit_reason for one in reversed(queries.runs())]


def test_one_that_runs_elsewhere_keeps_nobody_from_beginning(desk: Path) -> None:
    clock = VirtualClock(float(opening(10)))
    with (
        trading(configured(desk, "calm"), clock),
        together([configured(desk, name) for name in NAMES], clock) as portfolios,
    ):
        assert [one.over for one in portfolios.members] == [True, False, False]
        assert isinstance(portfolios.failures["calm"], AlreadyRunning)
        assert portfolios.exit_code == 75


def test_a_wrong_configuration_of_one_keeps_all_from_trading(desk: Path) -> None:
    wrong = CONFIG.replace("sma_cross: {}", "sma_cross: {params: {fastest: 3}}")
    assert wrong != CONFIG
    (desk / "config.yaml").write_text(wrong)
    with (
        pytest.raises(ConfigError, match="fastest"),
        together([configured(desk, name) for name in NAMES], VirtualClock(float(opening(10)))),
    ):
        pytest.fail("it began")


def test_beside_crypto_nse_waits_for_its_next_session(desk: Path) -> None:
    """One process for both: when NSE closes it is not over, as it would be alone."""
    clock = VirtualClock(float(opening(6 * 60)))
    with together([configured(desk, name) for name in NAMES], clock) as portfolios:
        drive(clock, portfolios.members, UNTIL)
        calm, _, crypto = (one.trader for one in portfolios.members)
        assert calm is not None
        assert crypto is not None
        assert calm.session == calm.next_session()
        assert (calm.over, crypto.over) == (False, False)
    clock = VirtualClock(float(opening(6 * 60)))
    with together([configured(desk, name) for name in NAMES[:2]], clock) as portfolios:
        drive(clock, portfolios.members, UNTIL)
        assert [one.over for one in portfolios.members] == [True, True]


def test_systemd_hears_of_one_process(desk: Path) -> None:
    """It is ready once, and stops once; a portfolio that ends alone is not the service's end."""
    address = desk / "notify"
    clock = VirtualClock(float(opening(10)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(address))
        heard.settimeout(0.0)
        environ = {"NOTIFY_SOCKET": str(address)}
        configurations = [load(portfolio=name, environ=environ, directory=desk) for name in NAMES]

        def said() -> list[str]:
            found = []
            with suppress(BlockingIOError):
                while True:
                    found.append(heard.recv(1000).decode().partition("=")[0])
            return found

        with together(configurations, clock) as portfolios:
            assert said() == ["READY"]
            drive(clock, portfolios.members, opening(15))
            assert set(said()) == {"WATCHDOG"}
            portfolios.members[0].failure = StoreError("x")
            portfolios.reap()
            assert said() == []
        assert said() == ["STOPPING"]


def test_the_heartbeat_beats_when_every_portfolio_has_scanned(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is over is not waited for; one that has failed is, or nobody outside would ever hear of it."""
    beats: list[str] = []
    monkeypatch.setattr(Heartbeat, "scanned", lambda self: beats.append(self.url))
    with (desk / "config.yaml").open("a") as config:
        config.write("notify: {heartbeat_url: env:HEART}\n")
    clock = VirtualClock(float(opening(-15)))
    environ = {"HEART": "https://example.com/beat"}
    configurations = [load(portfolio=name, environ=environ, directory=desk) for name in NAMES]
    with together(configurations, clock) as portfolios:
        calm, bold, crypto = portfolios.members
        counts = []
        for scans in ([calm, calm, bold], [crypto], [calm, crypto], [bold]):
            for member in scans:
                member.scan()
            counts.append(len(beats))
        assert calm.trader is not None
        calm.trader.session = None
        crypto.scan()
        bold.scan()
        counts.append(len(beats))
        bold.failure = StoreError("x")
        crypto.scan()
        counts.append(len(beats))
    assert counts == [0, 1, 1, 2, 3, 3]
    assert set(beats) == {"https://example.com/beat"}


def test_a_portfolio_with_an_address_of_its_own_beats_there(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[str] = []
    monkeypatch.setattr(Heartbeat, "scanned", lambda self: beats.append(self.url))
    with (desk / "config.yaml").open("a") as config:
        config.write("notify: {heartbeat_url: env:HEART}\n")
    environ = {"HEART": "https://example.com/beat", "HEART_CRYPTO": "https://example.com/coins"}
    configurations = [load(portfolio=name, environ=environ, directory=desk) for name in NAMES]
    with together(configurations, VirtualClock(float(opening(-15)))) as portfolios:
        for member in reversed(portfolios.members):
            member.scan()
    assert beats == ["https://example.com/coins", "https://example.com/beat"]


CODES: dict[str, tuple[list[type[Exception]], int]] = {
    "none": ([], 0),
    "one": ([StoreError], 74),
    "what needs a human first": ([StoreError, AlreadyRunning], 75),
    "unexpected": ([ValueError, StoreError], 1),
}


@pytest.mark.parametrize(("kinds", "code"), CODES.values(), ids=CODES)
def test_the_exit_code_is_that_of_the_worst(desk: Path, kinds: list[type[Exception]], code: int) -> None:
    members = [Member(configured(desk, name)) for name in NAMES]
    for member, kind in zip(members, kinds, strict=False):
        member.failure = kind("x")
    assert Together(members).exit_code == code
