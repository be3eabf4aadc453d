"""When an entry may go out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent


@dataclass(frozen=True, slots=True)
class TradingWindow:
    """Entries go out while the session trades, before its square-off, and before `entries_until` if set.

    `entries_until` is a time of day at the exchange, exclusive.
    """

    timezone: ZoneInfo
    entries_until: time | None = None

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        session = exposure.session
        at = self._clock(intent.as_of)
        end = session.square_off
        numbers = {"at": at, "from": self._clock(session.opens), "until": self._clock(end)}
        inside = session.opens <= intent.as_of < end
        reason = f"{at} is inside the trading window"
        if not inside:
            reason = f"{at} is outside {numbers['from']}–{numbers['until']}"
        elif self.entries_until is not None and at >= self.entries_until.isoformat():
            inside, reason = False, f"{at} is past entries_until {self.entries_until.isoformat()}"
        return Check("trading_window", inside, reason, numbers)

    def _clock(self, instant: int) -> str:
        return datetime.fromtimestamp(instant, UTC).astimezone(self.timezone).time().isoformat()


@dataclass(frozen=True, slots=True)
class BarFreshness:
    """A late scan does not trade an old plan: the decided bar closed at most `max_age_seconds` ago."""

    max_age_seconds: int

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        age = exposure.now - intent.as_of
        numbers = {"age_seconds": str(age), "limit_seconds": str(self.max_age_seconds)}
        fresh = age <= self.max_age_seconds
        reason = f"the bar closed {age} s ago" + ("" if fresh else f", more than {self.max_age_seconds} s")
        return Check("bar_freshness", fresh, reason, numbers)
