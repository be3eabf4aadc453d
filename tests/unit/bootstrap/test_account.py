"""The mode latch, the account's lease and the kill file: what stands between an order and the broker."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from livetrader.bootstrap.account import LEASE_SECONDS, Account, taken
from livetrader.bootstrap.trader import connect
from livetrader.brokers.dry_run import DryRunBroker, ReadingDryRun
from livetrader.brokers.permit import LivePermit
from livetrader.brokers.polled import PolledBroker
from livetrader.config import Settings, load
from livetrader.domain.order import Purpose
from livetrader.errors import AlreadyRunning, ConfigError
from livetrader.market.clock import VirtualClock
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from tests.unit.engine.trading_samples import intent

START = 1_790_000_000.0


def settings(folder: Path, mode: str, *, broker: bool = True) -> Settings:
    flags = {"mode": ("--mode", mode), "broker.kind": ("test", "loopback" if broker else None)}
    return load(None, flags=flags, environ={"XDG_CONFIG_HOME": str(folder)}, directory=folder).settings


@pytest.mark.parametrize("mode", ["paper", "dry-run", "replay", "backtest", "LIVE", ""])
def test_only_live_gets_leave_to_send(mode: str) -> None:
    with pytest.raises(ConfigError, match="may not send orders"):
        LivePermit(mode)
    assert LivePermit("live").mode == "live"


@pytest.mark.parametrize(
    ("mode", "broker", "kind"),
    [
        ("live", True, PolledBroker),
        ("dry-run", True, ReadingDryRun),
        ("dry-run", False, DryRunBroker),
        ("paper", True, type(None)),
    ],
)
def test_i9_the_mode_decides_what_can_be_sent_with(tmp_path: Path, mode: str, broker: bool, kind: type) -> None:
    made = connect(settings(tmp_path, mode, broker=broker), VirtualClock(START))
    assert type(made) is kind
    if isinstance(made, ReadingDryRun):
        assert not any(hasattr(made.reader, name) for name in ("place", "modify", "cancel"))


@pytest.fixture
def account(tmp_path: Path) -> Account:
    with taken(settings(tmp_path, "live"), VirtualClock(START)) as made:
        yield made


def test_entries_stop_at_a_latch_that_was_put_on_just_now_and_exits_do_not(account: Account) -> None:
    assert account.permit.refuses(intent()) == ""
    account.journal.latch("halt", "lunch", datetime.fromtimestamp(START, UTC))
    assert account.permit.refuses(intent()) == "halt: lunch"
    assert account.permit.refuses(intent(purpose=Purpose.EXIT)) == ""
    assert account.permit.refuses(intent(purpose=Purpose.STOP)) == ""


def test_a_latch_of_one_symbol_or_session_is_no_business_of_the_permit(account: Account) -> None:
    account.journal.latch("symbol:B", "rejected", datetime.fromtimestamp(START, UTC))
    assert account.permit.refuses(intent()) == ""


def test_the_kill_file_alone_stops_entries_and_is_taken_into_the_database(account: Account) -> None:
    account.permit.kill.touch()
    assert account.permit.refuses(intent()).startswith("kill: the file")
    assert account.permit.refuses(intent(purpose=Purpose.EXIT)) == ""
    account.permit.keep()
    account.permit.kill.unlink()
    assert account.permit.refuses(intent()).startswith("kill:"), "it is `resume` that takes it off"


def test_p4_whoever_has_lost_the_lease_stops_before_the_next_send_exits_included(
    account: Account, tmp_path: Path
) -> None:
    later = datetime.fromtimestamp(START + LEASE_SECONDS + 1, UTC)
    other = SqlJournal(open_state(settings(tmp_path, "live").state.url, "live", "loopback"))
    assert other.lease("another-host", LEASE_SECONDS, later) is not None
    other.close()
    for purpose in Purpose:
        with pytest.raises(AlreadyRunning, match="another host"):
            account.permit.refuses(intent(purpose=purpose))


def test_p4_a_lease_that_another_host_holds_is_not_taken(tmp_path: Path) -> None:
    found = settings(tmp_path, "live")
    other = SqlJournal(open_state(found.state.url, "live", "loopback"))
    other.lease("another-host", LEASE_SECONDS, datetime.fromtimestamp(START, UTC))
    other.close()
    with pytest.raises(AlreadyRunning), taken(found, VirtualClock(START + LEASE_SECONDS - 1)):
        pass
    with taken(found, VirtualClock(START + LEASE_SECONDS + 1)) as account:
        assert account.permit.refuses(intent()) == ""


def test_a_killed_process_does_not_keep_the_next_one_of_its_host_waiting(tmp_path: Path) -> None:
    import os

    found = settings(tmp_path, "live")
    dead = SqlJournal(open_state(found.state.url, "live", "loopback"))
    dead.lease(os.uname().nodename, LEASE_SECONDS, datetime.fromtimestamp(START, UTC))
    dead.close()
    with taken(found, VirtualClock(START + 1)) as account:
        assert account.permit.refuses(intent()) == ""


def test_the_lease_is_kept_in_good_time(account: Account) -> None:
    clock = account.clock
    assert isinstance(clock, VirtualClock)
    for _ in range(20):
        clock.advance_to(clock.now() + LEASE_SECONDS / 4)
        account.permit.keep()
    at = datetime.fromtimestamp(clock.now(), UTC)
    assert account.journal.lease("another-host", LEASE_SECONDS, at) is None
