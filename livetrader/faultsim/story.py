"""One seed, told step by step: what was written down, what struck, who died, what others did, and what broke."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from livetrader.brokers.loopback.faults import Strike
from livetrader.brokers.loopback.profiles import Profile
from livetrader.faultsim.invariants import check
from livetrader.faultsim.scenario import play, short_lived
from livetrader.faultsim.violation import Violation
from livetrader.faultsim.world import MODE, World
from livetrader.ports import wall_time
from livetrader.store.location import state_path

Payload = Mapping[str, Any]


def _decided(row: Payload) -> str:
    verdict = json.loads(row["verdict"])
    said = f"refused by {verdict['rule']}: {verdict['reason']}" if verdict.get("rule") else "approved"
    return f"signal {row['side']} {row['symbol']}: {said}"


def _intended(row: Payload) -> str:
    at = "".join(f" at {row[name]}" for name in ("trigger_price", "limit_price") if row[name])
    what = f"{row['action']} {row['quantity']} {row['symbol']} {row['order_type']}{at}"
    return f"{row['purpose']} {row['intent_id']} written down: {what}"


def _advanced(row: Payload) -> str:
    order = row["order"]
    why = f" ({order['reason']})" if order["reason"] else ""
    return f"{order['intent_id']} is {order['state']}{why}"


def _amended(row: Payload) -> str:
    terms = ", ".join(f"{key} {was} → {row['new'][key]}" for key, was in row["old"].items() if was != row["new"][key])
    return f"{row['intent_id']} amended: {terms or 'nothing new'}"


def _booked(row: Payload) -> str:
    fill = row["fill"]
    what = f"{fill['action']} {fill['quantity']} {fill['symbol']} at {fill['price']}"
    return f"fill {fill['trade_id']} of {fill['intent_id']} booked: {what}; {row['order']['state']}"


def _parent(row: Payload) -> str:
    entry, algo = json.loads(row["entry"]), json.loads(row["schedule"])["algo"]
    what = f"{entry['action']} {entry['quantity']} {entry['symbol']} {entry['order_type']} as {algo}"
    return f"parent {row['intent_id']} written down: {what}"


_WORDS: Mapping[str, Callable[[Payload], str]] = {
    "decide": _decided,
    "intend": _intended,
    "advance": _advanced,
    "amend": _amended,
    "book": _booked,
    "replan": lambda row: f"the position of {row['entry_id']} has another exit: {row['levels']}",
    "parent": _parent,
    "amend_parent": lambda row: f"parent {row['intent_id']} amended: {json.loads(row['entry'])['quantity']}",
    "end_parent": lambda row: f"parent {row['intent_id']} is over: {row['reason']}",
    "latch": lambda row: f"latch {row['name']} on: {row['reason']}",
    "unlatch": lambda row: f"latch {row['name']} off",
    "alert": lambda row: f"alert: {row['text']}",
    "settle": lambda row: f"alert settled: {row['key']}",
    "flow": lambda row: f"cash flow {row['amount']}: {row['reason']}",
    "external": lambda row: f"not ours: {row['kind']} of {row['quantity']} {row['symbol']}",
    "equity": lambda row: f"the account is worth {row['value']}",
}


@dataclass(slots=True)
class Story:
    """The lines of a day, in the order of its steps, and what broke, or nothing."""

    lines: list[str] = field(default_factory=list)
    broken: str = ""
    _world: World | None = None
    _audit: int = 0
    _strikes: int = 0
    _crashes: int = 0
    _troubles: int = 0
    _orders: int = 0
    _ahead: float | None = None

    def watch(self, world: World) -> None:
        """Tell the step that was just made, then hold it against the invariants."""
        self._world = world
        self.tell()
        check(world)

    def tell(self) -> None:
        """What has happened since this was asked last."""
        if self._world is not None:
            self.lines += self._news(self._world)

    def _news(self, world: World) -> Iterator[str]:
        others = [order for order in world.exchange.orders.values() if not order.ticket.tag]
        strikes, crashes = world.line.strikes[self._strikes :], world.crashes[self._crashes :]
        ahead = round(world.clock.now() - world.clock.monotonic(), 3)
        if self._ahead not in (None, ahead):
            yield f"{_clock(world)}  the machine's clock was set"
        for order in others[self._orders :]:
            ticket = order.ticket
            yield f"{_clock(world)}  others: {ticket.action} {ticket.quantity:f} {ticket.symbol}"
        for operation, nth, strike in strikes:
            yield f"{_clock(world)}  fault: {_struck(strike)} on {operation} {nth}"
        for what in world.troubles[self._troubles :]:
            yield f"{_clock(world)}  trouble: {what}"
        for name in crashes:
            yield f"{_clock(world)}  crash: {name}"
        yield from self._written(world)
        self._strikes += len(strikes)
        self._crashes += len(crashes)
        self._troubles = len(world.troubles)
        self._orders, self._ahead = len(others), ahead

    def _written(self, world: World) -> Iterator[str]:
        path = state_path(world.url, MODE)
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            rows = opened.execute("SELECT seq, at, kind, payload FROM audit WHERE seq > ? ORDER BY seq", (self._audit,))
            for seq, at, kind, payload in rows.fetchall():
                self._audit = seq
                if kind in _WORDS:
                    yield f"{at[11:19]}  {_WORDS[kind](json.loads(payload))}"


def tell(seed: int, profile: Profile, *, http: bool = False) -> Story:
    """Play the day of `seed` and tell it, to its end or to what broke."""
    story = Story()
    with short_lived() as folder:
        try:
            play(seed, profile, folder, story.watch, http=http)
        except Violation as violation:
            story.broken = str(violation)
        except Exception as error:  # noqa: BLE001 - what nobody caught would have ended the trader
            story.broken = f"{type(error).__name__}: {error}"
        story.tell()
    return story


def _clock(world: World) -> str:
    """The time by the machine's clock, as the audit log has it."""
    return f"{wall_time(world.clock):%H:%M:%S}"


def _struck(strike: Strike) -> str:
    timed = "" if strike.seconds is None else f" for {strike.seconds:g} s"
    return f"{strike.fault.replace('_', ' ')}{timed}"
