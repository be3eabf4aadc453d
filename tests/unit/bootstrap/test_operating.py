"""What an operator does at the state of a trader that does not run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from livetrader.bootstrap.operating import resume
from livetrader.config import load
from livetrader.market.clock import VirtualClock
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

START = 1_790_000_000.0


def test_resuming_a_symbol_settles_its_alert_and_not_that_of_a_longer_name(tmp_path: Path) -> None:
    flags = {"mode": ("--mode", "live"), "broker.kind": ("test", "loopback")}
    found = load(None, flags=flags, environ={"XDG_CONFIG_HOME": str(tmp_path)}, directory=tmp_path)
    journal = SqlJournal(open_state(found.settings.state.url, "live", "loopback"))
    for key in ("stop:BAJAJ", "stop:BAJAJ-AUTO", "external:position:BAJAJ:MIS:"):
        journal.alert(key, "", datetime.fromtimestamp(START, UTC))
    resume(found, "BAJAJ", VirtualClock(START))
    assert {alert.key for alert in journal.alerts()} == {"stop:BAJAJ-AUTO", "external:position:BAJAJ:MIS:"}
    journal.close()
