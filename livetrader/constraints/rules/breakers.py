"""What has gone wrong lately: a stop in the symbol, losses in a row, a broker that rejects or does not answer."""

# ruff: noqa: ARG002 - every rule sees both the intent and the exposure

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from livetrader.constraints.gate import Exposure
from livetrader.constraints.verdict import Check
from livetrader.domain.order import OrderIntent


@dataclass(frozen=True, slots=True)
class StopCooldown:
    """A symbol takes no entry for `minutes` after a stop was reached in it, counted from the stop's fill."""

    minutes: Decimal

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        stopped = exposure.stopped.get(intent.symbol)
        return stopped is None or intent.as_of - stopped >= self.minutes * 60

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        stopped, passed = exposure.stopped.get(intent.symbol), self.passes(intent, exposure)
        if stopped is None:
            return Check("stop_cooldown", passed, f"no stop was reached in {intent.symbol}", {})
        ago = intent.as_of - stopped
        numbers = {"seconds_ago": str(ago), "minutes": str(self.minutes)}
        reason = f"a stop was reached in {intent.symbol} {ago} s ago, the cooldown is {self.minutes * 60:f} s"
        return Check("stop_cooldown", passed, reason, numbers)


@dataclass(frozen=True, slots=True)
class ConsecutiveLosses:
    """The session has not lost `limit` trades in a row; a gain after that does not open it again."""

    limit: int

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return exposure.losses < self.limit

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        reason = f"{exposure.losses} losses in a row this session, limit {self.limit}"
        numbers = {"count": str(exposure.losses), "limit": str(self.limit)}
        return Check("consecutive_losses", self.passes(intent, exposure), reason, numbers)


@dataclass(frozen=True, slots=True)
class MaxRejections:
    """The broker has rejected fewer than `limit` entries of the session, in whatever symbols and for what reasons."""

    limit: int

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return exposure.rejections < self.limit

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        reason = f"{exposure.rejections} entries rejected this session, limit {self.limit}"
        numbers = {"count": str(exposure.rejections), "limit": str(self.limit)}
        return Check("max_rejections", self.passes(intent, exposure), reason, numbers)


@dataclass(frozen=True, slots=True)
class BrokerCircuit:
    """After `limit` entries in a row to which the broker gave no answer, none goes out for `pause_seconds`.

    Then one may try: if it is answered, entries go out again; if not, the pause begins anew. What the broker answers
    does not matter, and an answer that is found later counts.
    """

    limit: int
    pause_seconds: int = 300

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool:
        return exposure.unanswered < self.limit or self._rested(intent, exposure) >= self.pause_seconds

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check:
        passed, closed = self.passes(intent, exposure), exposure.unanswered < self.limit
        state = "closed" if closed else "half-open" if passed else "open"
        numbers = {"state": state, "unanswered": str(exposure.unanswered), "limit": str(self.limit)}
        reason = f"the circuit is {state}: {exposure.unanswered} entries in a row have no answer, limit {self.limit}"
        if not closed:
            reason += f"; the last is {self._rested(intent, exposure)} s ago, the pause is {self.pause_seconds} s"
        return Check("broker_circuit", passed, reason, numbers)

    def _rested(self, intent: OrderIntent, exposure: Exposure) -> int:
        return intent.as_of - exposure.unanswered_at
