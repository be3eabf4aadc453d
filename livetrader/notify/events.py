"""Rows of the audit log as events: how bad, what kind, and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from enum import IntEnum
from pathlib import Path

from livetrader.domain.account import OPENING
from livetrader.domain.log_entry import LogEntry
from livetrader.domain.order import Action, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.trades import trades
from livetrader.ports import AuditTail

# What is critical needs somebody now: money without a stop, a trader that does not enter or does not run.
_CRITICAL_ALERTS = (
    "stop:", "exit:", "corporate_action:", "mismatch", "twice:", "reconcile", "auth", "store", "disk", "feed",
    "portfolio_stop",
)  # fmt: skip

# Each of these comes with an alert of its own, which says more.
_LATCHES_WITH_ALERTS = ("mismatch", "reconcile", "auth", "disk", "feed", "daily_loss", "portfolio_stop", "carried:")

# From these an order may turn up again.
_LOST = (OrderState.UNKNOWN, OrderState.ABANDONED)

_RUN = ("start", "stop")


class Severity(IntEnum):
    """How much it matters; a target hears what is at least as bad as its own."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Day:
    """A day's end in a few lines, and its report (None: it could not be made)."""

    lines: tuple[str, ...]
    report: Path | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was committed as row `seq`. `noun` is what it counts as, `text` puts it into words when asked.

    A day's end has a `day` as well; it is never folded into others.
    """

    seq: int
    at: datetime
    severity: Severity
    noun: str
    text: Callable[[], str]
    day: Callable[[], Day] | None = None


@dataclass
class Reader:
    """Makes events of rows; most rows are none.

    `since` is the last row before this process: later starts and stops are its own, and told if `announced`. `day`
    gives the summary of the session that closes at an instant (epoch seconds), `money` puts an amount into words,
    `error` is what ended the process.
    """

    tail: AuditTail
    timezone: tzinfo
    money: Callable[[Decimal], str]
    since: int
    day: Callable[[int], Day]
    announced: bool = False
    error: str = ""
    _kinds: Mapping[str, Callable[[LogEntry], Event | None]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._kinds = {
            "book": self._fill,
            "advance": self._order,
            "alert": self._alert,
            "settle": self._settled,
            "latch": self._latch,
            "unlatch": self._latch,
            "flow": self._flow,
            "mark": self._session,
            "equity": self._day_end,
            "start": self._start,
            "stop": self._stop,
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of rows that may be events."""
        return tuple(self._kinds)

    def event(self, entry: LogEntry) -> Event | None:
        """What there is to tell of a row. StoreError where what it is about cannot be read."""
        return self._kinds[entry.kind](entry)

    def ending(self, seq: int, at: datetime) -> Event:
        """The end of this process by its `error`, also where no row could be written of it."""
        return Event(seq, at, Severity.CRITICAL, "stop", lambda: f"stopped by an error: {self.error}")

    def _fill(self, entry: LogEntry) -> Event:
        return _event(entry, Severity.INFO, "fill", lambda: self._fill_text(entry))

    def _fill_text(self, entry: LogEntry) -> str:
        fill, order = entry.said["fill"], self.tail.order(entry.said["fill"]["intent_id"])
        assert order is not None, "a fill is of an order"
        intent, quantity = order.intent, Decimal(fill["quantity"])
        done = "bought" if fill["action"] == Action.BUY else "sold"
        text = f"{intent.symbol}: {done} {quantity:f} at {fill['price']}"
        if quantity != intent.quantity:
            text += f", {entry.said['order']['filled_quantity']} of {intent.quantity:f} filled"
        if intent.purpose is Purpose.RECONCILE:
            text += " by others at the broker"
        reason = "" if intent.purpose is Purpose.ENTRY else f" {intent.reason}"
        return f"{text} ({intent.strategy}{reason}){self._profit(intent.symbol, entry.seq)}"

    def _profit(self, symbol: str, seq: int) -> str:
        """What the trade made that this fill has closed; nothing if it closed none."""
        orders, fills = self.tail.fills_of(symbol, seq)
        closed, _ = trades(orders, fills, self.timezone)
        before, _ = trades(orders, fills[:-1], self.timezone)
        return f": {self.money(closed[-1].net_pnl)} net" if len(closed) > len(before) else ""

    def _order(self, entry: LogEntry) -> Event | None:
        order = entry.said["order"]
        name, state, reason = order["intent_id"], OrderState(order["state"]), order["reason"]
        if state is OrderState.UNKNOWN:
            return self._lost(entry, name, "nobody knows what became of it; it is looked up, and its symbol waits")
        if state is OrderState.REJECTED:
            return _event(entry, Severity.WARNING, "rejection", lambda: f"{self._named(name)} rejected: {reason}")
        if state is OrderState.SENT or order["sent_at"] is None:
            return None
        last = self.tail.before(entry.seq, ("advance",), ("intent_id", name))
        if last is None or last.said["order"]["state"] not in _LOST:
            return None
        given_up = state is OrderState.ABANDONED
        return self._lost(
            entry, name, "given up: the broker never showed it" if given_up else f"found, {state.lower()}"
        )

    def _lost(self, entry: LogEntry, name: str, said: str) -> Event:
        return _event(entry, Severity.WARNING, "unknown order", lambda: f"{self._named(name)}: {said}")

    def _named(self, intent_id: str) -> str:
        order = self.tail.order(intent_id)
        assert order is not None, "an order moves after it was intended"
        intent = order.intent
        return f"{intent.symbol}: {intent.action} {intent.quantity:f} ({intent.strategy} {intent.purpose})"

    def _alert(self, entry: LogEntry) -> Event:
        return _event(entry, _gravity(entry.said["key"]), "alert", lambda: str(entry.said["text"]))

    def _settled(self, entry: LogEntry) -> Event:
        key = entry.said["key"]
        return _event(entry, _gravity(key), "settled alert", lambda: f"settled: {self._alert_text(entry.seq, key)}")

    def _alert_text(self, seq: int, key: str) -> str:
        opened = self.tail.before(seq, ("alert",), ("key", key))
        return key if opened is None else str(opened.said["text"])

    def _latch(self, entry: LogEntry) -> Event | None:
        name, on = entry.said["name"], entry.kind == "latch"
        if name.startswith(_LATCHES_WITH_ALERTS):
            return None
        severity = Severity.CRITICAL if name == "kill" else Severity.WARNING
        text = f"entries halted ({name}): {entry.said['reason']}" if on else f"halt taken off ({name})"
        return _event(entry, severity, "halt", lambda: text)

    def _flow(self, entry: LogEntry) -> Event | None:
        amount, reason = Decimal(entry.said["amount"]), entry.said["reason"]
        if reason == OPENING:
            return None
        return _event(entry, Severity.INFO, "cash flow", lambda: f"cash {self.money(amount)}: {reason}")

    def _session(self, entry: LogEntry) -> Event | None:
        """The first close that is decided in a session is its beginning."""
        last = self.tail.before(entry.seq, ("mark",))
        today = self._date(entry.said["as_of"])
        if last is not None and self._date(last.said["as_of"]) == today:
            return None
        return _event(entry, Severity.INFO, "session", lambda: f"session {today} has begun")

    def _date(self, as_of: int) -> str:
        # A close belongs to what it closes, also where that is the next day's midnight.
        return f"{datetime.fromtimestamp(as_of - 1, UTC).astimezone(self.timezone):%a %d %b %Y}"

    def _day_end(self, entry: LogEntry) -> Event:
        as_of = entry.said["as_of"]
        return _event(
            entry, Severity.INFO, "day's end", lambda: f"{self._date(as_of)} is over", lambda: self.day(as_of)
        )

    def _start(self, entry: LogEntry) -> Event | None:
        last = self.tail.before(entry.seq, _RUN)
        if last is not None and last.kind == "start":
            return _event(entry, Severity.WARNING, "start", lambda: "started; the run before it was killed")
        if not (self.announced and entry.seq > self.since):
            return None
        return _event(entry, Severity.INFO, "start", lambda: f"started, livetrader {entry.said['version']}")

    def _stop(self, entry: LogEntry) -> Event | None:
        own, reason = entry.seq > self.since, str(entry.said["exit_reason"])
        if reason == "error" and not own:  # a run that could not tell it itself, or a command, whose user knows
            text = "an earlier process ended by an error: see the log"
            return _event(entry, Severity.WARNING, "stop", lambda: text)
        if reason == "error" or not (self.announced and own):
            return None  # of its own error there is more to say than the row has: `ending`
        return _event(entry, Severity.INFO, "stop", lambda: reason)


def _event(
    entry: LogEntry, severity: Severity, noun: str, text: Callable[[], str], day: Callable[[], Day] | None = None
) -> Event:
    return Event(entry.seq, entry.at, severity, noun, text, day)


def _gravity(key: str) -> Severity:
    """How bad it is that an alert is open, and so how much it matters that it is settled."""
    return Severity.CRITICAL if key.startswith(_CRITICAL_ALERTS) else Severity.WARNING
