"""P1 with real processes: SIGKILL, a broker behind HTTP, SQLite with fsync. The exhaustive search is in memory."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import Any

import killed_day
import pytest

from livetrader.faultsim.market import OPENS
from tests.threads import PATIENCE

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

HERE = Path(__file__).parent
FORKS = get_context("forkserver")
LISTINGS = [part for symbol in ("AAA", "BBB", "CCC") for part in ("--listing", f"{symbol}:0.05:1")]
SERVER = (sys.executable, "-m", "livetrader.brokers.loopback.server", "--profile", "kite", "--cash", "100000")

# Where the process dies: the name of a point, and which of its visits. The day has two entries, in this order.
KILLS = [
    ("after_intent", 1), ("after_sent", 2), ("in_call", 1), ("after_call", 2), ("before_ack_commit", 1),
    ("while_booking_fill", 1), ("after_booking_fill", 2), ("in_modify", 1), ("after_cancel", 1),
]  # fmt: skip
# Commits of SQLite, of the order rows of that day.
COMMITS = [("commit", nth) for nth in (6, 9, 12)]


@dataclass
class Venue:
    process: subprocess.Popen[str]
    url: str
    token: str
    folder: Path

    def live(self, point: str, nth: int) -> int | None:
        """The exit code of a trader that dies there."""
        process = FORKS.Process(target=killed_day.live, args=(self.url, self.token, self.folder, point, nth))
        process.start()
        process.join(3 * PATIENCE)
        return process.exitcode

    def orders(self) -> list[dict[str, Any]]:
        request = urllib.request.Request(f"{self.url}/control/state", headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return list(json.load(answer)["orders"])


@pytest.fixture(scope="module", autouse=True)
def _forks() -> None:
    """What traders are copies of has imported all that they need, which takes longer than their day."""
    FORKS.set_forkserver_preload([killed_day.__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[2])]))
        forkserver.ensure_running()


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    process = subprocess.Popen([*SERVER, "--start", str(OPENS), *LISTINGS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    yield Venue(process, told["url"], told["control_token"], tmp_path)
    process.kill()
    process.communicate()


def filled(folder: Path) -> Counter[str]:
    """What the ledger says that each order has filled."""
    with closing(sqlite3.connect(folder / "state.live.db")) as state:
        rows = state.execute("SELECT intent_id, filled_quantity FROM orders WHERE purpose != 'reconcile'").fetchall()
    return Counter({name: int(float(quantity)) for name, quantity in rows if float(quantity)})


@pytest.mark.slow
@pytest.mark.parametrize(("point", "nth"), [*KILLS, *COMMITS], ids=lambda one: str(one))
def test_p1_killed_for_real_nothing_is_there_twice_and_nothing_is_forgotten(venue: Venue, point: str, nth: int) -> None:
    """The next process goes on: each intent is one order, its fills are booked, and the day ends flat and agreed."""
    assert venue.live(point, nth) == -9, f"it did not pass {point} {nth}"
    assert venue.live("never", 0) == 0, "the books never agreed"
    ours = [order for order in venue.orders() if order["ticket"]["tag"]]
    assert set(Counter(order["ticket"]["tag"] for order in ours).values()) == {1}
    assert filled(venue.folder) == Counter({o["ticket"]["tag"]: int(o["filled"]) for o in ours if int(o["filled"])})


def test_undisturbed_the_day_has_two_entries_and_their_exits(venue: Venue) -> None:
    """What the kills are tried on is something."""
    assert venue.live("never", 0) == 0
    traded = Counter((o["ticket"]["action"], o["ticket"]["symbol"]) for o in venue.orders() if int(o["filled"]))
    assert traded == {(action, symbol): 1 for action in ("BUY", "SELL") for symbol in ("AAA", "BBB")}
