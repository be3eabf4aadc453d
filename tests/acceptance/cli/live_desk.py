"""A desk that trades live, on a market that never closes, at a loopback broker in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calls import Told, away_from_midnight, finish, start, until
from lone_strategy import IDLE, section

from livetrader.domain.candles import Interval
from livetrader.errors import StoreError
from livetrader.market.calendar import load
from livetrader.market.clock import SystemClock
from livetrader.marketdata.simulated import simulate
from livetrader.marketdata.store import open_store
from livetrader.store.location import has_state, lock_path, state_path
from livetrader.store.lock import holder
from livetrader.store.queries import open_queries

COINS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
CONFIG = """\
mode: live
symbols: "BTCUSDT,ETHUSDT"
market: {{calendar: 24x7, trend_symbol: null}}
candles: {{url: "sqlite:///candles.db"}}
state: {{url: "sqlite:///state.db"}}
venue: {{charges: none, tick: 0.01, lot: 0.0001}}
broker: {{kind: loopback, url: "{url}", profile: {profile}, patience_seconds: 2}}
schedule: {{monitor_seconds: 0.2, reconcile_seconds: 1, scan_seconds: 0.5}}
constraints: {{max_trades_per_day: null, max_open_positions: null}}
"""


@dataclass
class Broker:
    """The loopback server, and its control side."""

    process: subprocess.Popen[str]
    url: str
    token: str

    @classmethod
    def started(cls, profile: str) -> Broker:
        listings = [part for coin in COINS for part in ("--listing", f"{coin}:0.01:0.0001")]
        command = [sys.executable, "-m", "livetrader.brokers.loopback.server", "--profile", profile, *listings]
        process = subprocess.Popen([*command, "--cash", "1000000"], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        return cls(process, told["url"], told["control_token"])

    def control(self, name: str, **asked: Any) -> Any:
        """POST /control/`name`, or GET the state."""
        data = None if name == "state" else json.dumps(asked).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/control/{name}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def state(self) -> Any:
        return self.control("state")

    def open_orders(self) -> list[Any]:
        return [one for one in self.state()["orders"] if one["state"] in ("ACKED", "PARTIALLY_FILLED")]

    @property
    def order_calls(self) -> int:
        """Calls that trade, as the venue itself has counted them."""
        calls = self.state()["calls"]
        return sum(calls.get(name, 0) for name in ("place", "modify", "cancel"))

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@dataclass
class LiveDesk:
    """A folder with a configuration, and the broker that it names. `last` has the last prices."""

    folder: Path
    broker: Broker
    last: dict[str, float]

    def call(self, *arguments: str, code: int = 0, **environ: str) -> Told:
        """A call as a process of its own, which has to end with `code`."""
        told = finish(start(*arguments, cwd=self.folder, **environ))
        assert told.code == code, told
        return told

    def run(self, *arguments: str) -> subprocess.Popen[str]:
        """`livetrader run`, as soon as it has agreed with its broker on the books, and has decided today's bars."""
        process = start("run", "--yes-live", *arguments, cwd=self.folder)
        until(lambda: self.ready("live" if "--mode" not in arguments else arguments[-1]), process)
        return process

    def ready(self, mode: str) -> bool:
        url = f"sqlite:///{self.folder / 'state.db'}"
        if not has_state(state_path(url, mode)) or holder(lock_path(url, mode)) is None:
            return False
        try:
            with open_queries(url, mode) as queries:
                caught_up = (queries.status().marked or 0) > SystemClock().now() - 600
                return caught_up and "reconcile" not in queries.latches()
        except StoreError:
            return False  # it is being made

    def shown(self, command: str) -> Any:
        return json.loads(self.call(command, "--json").out)


def make(folder: Path, profile: str) -> LiveDesk:
    """The desk, with candles up to the end of today, and quotes at the last closes."""
    away_from_midnight(10)
    broker = Broker.started(profile)
    try:
        return LiveDesk(folder, broker, _prepared(folder, profile, broker))
    except BaseException:
        broker.stop()
        raise


def _prepared(folder: Path, profile: str, broker: Broker) -> dict[str, float]:
    """Files and quotes; the last prices."""
    (folder / "config.yaml").write_text(CONFIG.format(url=broker.url, profile=profile) + section("idle"))
    (folder / "idle.py").write_text(IDLE)  # whoever trades here trades by hand
    now = SystemClock().now()
    calendar = load("24x7")
    today = datetime.fromtimestamp(now, UTC).date()
    sessions = [*calendar.before(today, 2), *calendar.sessions(today, today)]
    following = calendar.after(today)
    candles = simulate(COINS, [*sessions, *([following] if following else [])], 3, dirt=False)
    with open_store(f"sqlite:///{folder / 'candles.db'}") as store:
        store.upsert(Interval.M5, candles)
        closed = store.read(Interval.M5, int(now) - 3600, int(now) - 300, COINS)
    last = {closed.symbols[s]: float(c) for s, c in zip(closed.symbol, closed.close, strict=True)}
    for coin, price in last.items():
        broker.control("quote", symbol=coin, price=f"{price:.2f}")
    return last
