"""What refused signals would have made, by a yardstick that is the same for all: the forward return.

It is not what the strategy would have made: its stop and target are left out. From the open of the next bar (where
a market order would have filled) to the last close before the session's square-off, in the signal's direction,
before slippage and charges. The signals that were taken are measured in the same way, for comparison.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from livetrader.reporting.returns import LEAST_VARIANCE, mean, variance
from livetrader.reporting.statistics import PLACES

if TYPE_CHECKING:
    from livetrader.domain.session import Session
    from livetrader.domain.signal import Signal
    from livetrader.ports import Bars, Decision

TAKEN = "taken"
"""In place of a rule: the signals that became orders."""


@dataclass(frozen=True, slots=True)
class Forward:
    """The forward return of one signal, in percent of the price that it would have been filled at."""

    rule: str
    strategy: str
    symbol: str
    pct: float


@dataclass(frozen=True, slots=True)
class RefusedOutcome:
    """The forward returns of what one rule refused (or of what was taken).

    `signals` are those that were measured, `hit_rate` the part of them that went our way, `t` the mean over its
    standard error (None under two signals, or where they do not vary).
    """

    rule: str
    signals: int
    mean_pct: float
    hit_rate: float
    t: float | None


def first_of_each(decisions: Iterable[Decision], sessions: Sequence[Session]) -> list[tuple[str, Signal, Session]]:
    """The signals to measure, each with its rule and session.

    Of one rule, strategy, symbol and session the first counts: a signal that stands for ten bars and is refused
    ten times is one missed trade, not ten. A signal without a verdict (no price, a position already open) and one
    that closes is left out.
    """
    opens = [session.opens for session in sessions]
    found: dict[tuple[str, str, str, int], tuple[str, Signal, Session]] = {}
    for decision in decisions:
        signal, at = decision.signal, bisect_right(opens, decision.signal.as_of) - 1
        if signal.exit or decision.verdict is None or at < 0:
            continue
        rule = refused_by(decision) or TAKEN
        found.setdefault((rule, signal.strategy, signal.symbol, at), (rule, signal, sessions[at]))
    return list(found.values())


def forward(rule: str, signal: Signal, session: Session, bars: Bars) -> Forward | None:
    """The forward return of a signal; None where no bar lies between it and the square-off."""
    start = int(bars.ts.searchsorted(signal.as_of))
    end = int(bars.closes.searchsorted(session.square_off, side="right"))
    if start >= end:
        return None
    filled, last = float(bars.open[start]), float(bars.close[end - 1])
    return Forward(rule, signal.strategy, signal.symbol, signal.side.sign * (last - filled) / filled * 100)


def refused_by(decision: Decision) -> str | None:
    """The rule that refused a signal; None for one that was approved, or never came to a verdict."""
    # Not at the top: the verdicts come with numpy, and whoever has a decision has loaded them already.
    from livetrader.constraints.verdict import Refused

    return decision.verdict.rule if isinstance(decision.verdict, Refused) else None


def outcomes(found: Iterable[Forward]) -> tuple[RefusedOutcome, ...]:
    """The forward returns by rule: those taken first, then the rules by name."""
    by_rule: dict[str, list[float]] = {}
    for one in found:
        by_rule.setdefault(one.rule, []).append(one.pct)
    names = sorted(by_rule, key=lambda rule: (rule != TAKEN, rule))
    return tuple(
        RefusedOutcome(
            rule,
            len(by_rule[rule]),
            round(mean(by_rule[rule]), PLACES),
            round(sum(pct > 0 for pct in by_rule[rule]) / len(by_rule[rule]), PLACES),
            t_value(by_rule[rule]),
        )
        for rule in names
    )


def t_value(values: Sequence[float]) -> float | None:
    """mean / (sample standard deviation / √n): how many standard errors the mean is from zero (Student, 1908)."""
    if len(values) < 2 or variance(values) <= LEAST_VARIANCE:
        return None
    return round(mean(values) / math.sqrt(variance(values) / len(values)), PLACES)
