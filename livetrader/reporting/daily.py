"""The end-of-day report, as data: what the renderers (terminal, HTML, JSON, CSV) write down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.domain.order_state import OrderState
from livetrader.reporting.frictions import Frictions, assumed
from livetrader.reporting.issues import DataIssue
from livetrader.reporting.statistics import EquityPoint, Statistics

if TYPE_CHECKING:  # these come with numpy, which the report does not need
    from livetrader.domain.account import Alert
    from livetrader.domain.liquidity import Realism
    from livetrader.domain.position import Trade
    from livetrader.domain.trades import ClosedLot, OpenPosition
    from livetrader.ports import Decision, OrderRecord
    from livetrader.reporting.analytics import Analytics


@dataclass(frozen=True, slots=True)
class TradeChart:
    """The candles around one trade, oldest first, and the path of its stop.

    `ts` are bar opens in epoch seconds; the five arrays have one entry a bar, NaN where the symbol did not
    trade. `stop` holds (epoch seconds, level) at each change: a level holds until the next one, the last one
    until the trade's exit.
    """

    ts: Sequence[int]
    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]
    stop: Sequence[tuple[int, float]] = ()


@dataclass(frozen=True, slots=True)
class Holding:
    """A position held at the report's end, with its last price and its stop where they are known."""

    position: OpenPosition
    last_price: Decimal | None = None
    stop: Decimal | None = None

    @property
    def unrealised(self) -> Decimal | None:
        """Profit at the last price, before charges."""
        if self.last_price is None:
            return None
        held = self.position
        return held.side.sign * held.quantity * (self.last_price - held.average_price)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One signal that did not become an order. `at` is the decision's time, in epoch seconds."""

    at: int
    strategy: str
    symbol: str
    side: str
    reason: str
    numbers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RefusedRule:
    """The signals that one rule refused: how many, and the first few."""

    rule: str
    count: int
    examples: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One day or period in one mode (`PAPER`, `REPLAY`, `BACKTEST`, `DRY-RUN` or `LIVE`).

    Money is in `currency` (INR or USDT). `charts` are by trade id; a trade may be without one. `unknown` are
    orders whose outcome is not known, `alerts` what is open besides: the first things that an operator must see.
    `analytics` are left out where nobody asked for them: a day in the terminal; `frictions` where the fill model is the
    fixed one, `lots` where positions are counted by average price.
    """

    mode: str
    title: str
    sessions: Sequence[date]
    currency: str
    starting_capital: Decimal
    trades: Sequence[Trade]
    equity: Sequence[EquityPoint]
    statistics: Statistics
    holdings: Sequence[Holding] = ()
    unknown: Sequence[OrderRecord] = ()
    alerts: Sequence[Alert] = ()
    refused: Sequence[RefusedRule] = ()
    data: Sequence[DataIssue] = ()
    assumptions: Sequence[str] = ()
    charts: Mapping[str, TradeChart] = field(default_factory=dict)
    analytics: Analytics | None = None
    frictions: Frictions | None = None
    lots: Sequence[ClosedLot] | None = None

    @property
    def period(self) -> str:
        """The sessions covered, as one phrase."""
        if not self.sessions:
            return "no sessions"
        first, last = self.sessions[0], self.sessions[-1]
        if first == last:
            return f"{first:%a} {first.day} {first:%b %Y}"
        return f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}, {len(self.sessions)} sessions"


def refusals(decisions: Iterable[Decision], examples: int = 3) -> tuple[RefusedRule, ...]:
    """The refused signals by rule, the most frequent first.

    A signal that never came to a verdict (no price to size it with, a position already open) counts under
    `not_taken`, with the engine's note as its reason.
    """
    found: dict[str, list[Refusal]] = {}
    for decision in decisions:
        refused = _refusal(decision)
        if refused is not None:
            found.setdefault(refused[0], []).append(refused[1])
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(RefusedRule(rule, len(all_), tuple(all_[:examples])) for rule, all_ in ordered)


def _refusal(decision: Decision) -> tuple[str, Refusal] | None:
    # Not at the top: the verdicts come with numpy, and whoever has a decision has loaded them already.
    from livetrader.constraints.verdict import Refused

    signal, verdict = decision.signal, decision.verdict
    if isinstance(verdict, Refused):
        rule, reason, numbers = verdict.rule, verdict.reason, verdict.numbers
    elif verdict is None and decision.note:
        rule, reason, numbers = "not_taken", decision.note, {}
    else:
        return None
    return rule, Refusal(signal.as_of, signal.strategy, signal.symbol, signal.side.value, reason, dict(numbers))


def unknown_orders(orders: Iterable[OrderRecord]) -> tuple[OrderRecord, ...]:
    """The orders whose outcome is not known."""
    return tuple(order for order in orders if order.state is OrderState.UNKNOWN)


def assumptions(slippage_bps: float, charge_table: str, realism: Realism | None = None) -> tuple[str, ...]:
    """The fill model of the simulated venue, in the words of CLI.md, with what was configured; `realism` is the
    realistic model's."""
    if realism is not None:
        return (*assumed(realism), *_of_both(charge_table))
    return (
        "A market order decided at a bar's close fills at the next available price (in replay the next bar's "
        f"open, in paper the first quote after it), plus {slippage_bps:g} bps slippage against us.",
        *_of_both(charge_table),
    )


def _of_both(charge_table: str) -> tuple[str, ...]:
    return (
        "A limit order fills when price trades through it; touching is not enough.",
        "Inside a bar, price moves open → adverse extreme → favourable extreme → close for the open "
        "position: stops are tested with the level known at the bar's open and trail only afterwards. Stop "
        "and target in one bar: the stop wins. A bar that opens beyond the stop fills at its open.",
        "Exits are evaluated on the finest stored interval, entries on the strategy's interval. A signal "
        "without a next price in its session is not traded; a position open at the end of data closes at the "
        "last close.",
        "A symbol has at most one open position; one closed on a bar is not re-entered on that bar.",
        f"Charges: dated table {charge_table} (brokerage, taxes and exchange fees on the day of the fill).",
    )
