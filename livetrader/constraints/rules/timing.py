"""When an entry may go out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent
from livetrader.domain.session import Session


@dataclass(frozen=True, slots=True)
class TradingWindow:
    """Entries go out while the session trades, before its square-off, and before `entries_until` if set.

    `entries_until` is a time of day at the exchange, exclusive. What waited until the square-off is too late.
    """

    timezone: ZoneInfo
    entries_until: time | None = None

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        if not _inside(exposure.session, intent.as_of) or exposure.now >= exposure.session.square_off:
            return False
        return self.entries_until is None or self._clock(intent.as_of) < self.entries_until

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        session, passed = exposure.session, self.passes(intent, exposure)
        instants = {"at": intent.as_of, "from": session.opens, "until": session.square_off}
        numbers = {name: self._clock(instant).isoformat() for name, instant in instants.items()}
        reason = f"{numbers['at']} is inside the trading window"
        if not _inside(session, intent.as_of):
            reason = f"{numbers['at']} is outside {numbers['from']}–{numbers['until']}"
        elif exposure.now >= session.square_off:
            reason = f"{numbers['at']} was decided in time, and it is {self._clock(exposure.now).isoformat()} by now"
        elif not passed:
            reason = f"{numbers['at']} is past entries_until {self.entries_until}"
        return Check("trading_window", passed, reason, numbers)

    def _clock(self, instant: int) -> time:
        return datetime.fromtimestamp(instant, self.timezone).time()


@dataclass(frozen=True, slots=True)
class OnlyWhileClosed:
    """Entries go out only while another exchange, `market`, has no session: `session_at` gives the one of an instant.

    So a portfolio of crypto takes over when NSE has closed, and leaves the field when it opens.
    """

    market: str
    session_at: Callable[[float], Session | None]

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:  # noqa: ARG002 - a rule takes both
        return self.session_at(intent.as_of) is None

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:  # noqa: ARG002 - a rule takes both
        session = self.session_at(intent.as_of)
        if session is None:
            return Check("only_while_closed", True, f"{self.market} is closed", {"market": self.market})
        numbers = {"market": self.market, "closes_at": session.close_at.isoformat()}
        return Check("only_while_closed", False, f"{self.market} is open", numbers)


@dataclass(frozen=True, slots=True)
class BarFreshness:
    """A late scan does not trade an old plan: the decided bar closed at most `max_age_seconds` ago."""

    max_age_seconds: int

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return exposure.now - intent.as_of <= self.max_age_seconds

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        age, fresh = exposure.now - intent.as_of, self.passes(intent, exposure)
        numbers = {"age_seconds": str(age), "limit_seconds": str(self.max_age_seconds)}
        reason = f"the bar closed {age} s ago" + ("" if fresh else f", more than {self.max_age_seconds} s")
        return Check("bar_freshness", fresh, reason, numbers)


def _inside(session: Session, instant: int) -> bool:
    return session.opens <= instant < session.square_off
