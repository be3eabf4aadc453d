"""What the figures say that somebody should look at: each with its numbers, and only when there are enough of them.

Nothing is said of fewer than LEAST trades, signals or defects. A mean counts only if it is LEAST_T standard errors
from zero: several rules and strategies are tested at once, and at two standard errors one in forty of them would
show by chance. What is said can be counted again from the tables of the same report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.domain.exit_plan import ExitReason
from livetrader.reporting import figures
from livetrader.reporting.comparison import StrategyLine
from livetrader.reporting.excursions import Excursion
from livetrader.reporting.issues import DataIssue
from livetrader.reporting.refused import TAKEN, RefusedOutcome, t_value
from livetrader.reporting.returns import mean

if TYPE_CHECKING:
    from livetrader.domain.position import Trade

LEAST = 20
LEAST_T = 2.5
LEAST_BACK = 0.5
"""The part of the stopped trades that must have stood at a profit again before a stop is called too tight."""
NO_CANDLES = "no candles"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`kind` is charges, refused, stop or data; `subject` the strategy, rule or symbol that it is about; `n` what it
    was counted over; `numbers` those of the text, as in the tables."""

    kind: str
    subject: str
    n: int
    text: str
    numbers: Mapping[str, str]


def recommendations(
    strategies: Sequence[StrategyLine],
    refused: Sequence[RefusedOutcome],
    stops: Mapping[str, Sequence[Excursion]],
    data: Sequence[DataIssue],
    *,
    cost_pct: float,
    sessions: int,
    currency: str,
) -> tuple[Recommendation, ...]:
    """All of them. `stops` are the stopped trades by strategy, `cost_pct` what a round trip costs in charges."""
    return (
        *lost_on_charges(strategies, currency),
        *refused_winners(refused, cost_pct),
        *tight_stops(stops),
        *bad_data(data, sessions),
    )


def lost_on_charges(strategies: Sequence[StrategyLine], currency: str) -> Iterator[Recommendation]:
    """Strategies of at least LEAST trades that won before charges and lost after them."""
    for line in strategies:
        total = line.total
        if total.trades < LEAST or not total.gross_pnl > 0 > total.net_pnl:
            continue
        gross, net, charges = (figures.money(v, currency) for v in (total.gross_pnl, total.net_pnl, total.charges))
        yield Recommendation(
            "charges",
            line.name,
            total.trades,
            f"{line.name} lost on charges: {gross} before them, {net} after {charges} of them, in {total.trades} "
            "trades. Trade it less often, with larger moves, or not at all.",
            {"gross_pnl": str(total.gross_pnl), "charges": str(total.charges), "net_pnl": str(total.net_pnl)},
        )


def refused_winners(refused: Sequence[RefusedOutcome], cost_pct: float) -> Iterator[Recommendation]:
    """Rules that refused at least LEAST signals whose mean forward return is more than a round trip costs."""
    taken = next((one for one in refused if one.rule == TAKEN), None)
    for one in refused:
        if one.rule == TAKEN or one.signals < LEAST or one.mean_pct <= cost_pct or (one.t or 0.0) < LEAST_T:
            continue
        beside = "" if taken is None else f"; those taken {figures.percent(taken.mean_pct, signed=True)}"
        yield Recommendation(
            "refused",
            one.rule,
            one.signals,
            f"{one.rule} refused winners: {one.signals} signals went on to move "
            f"{figures.percent(one.mean_pct, signed=True)} on average to the square-off, {one.hit_rate * 100:.0f} % of "
            f"them our way{beside}. A round trip costs {figures.percent(cost_pct)} in charges. Backtest with the "
            "limit raised.",
            {"mean_pct": str(one.mean_pct), "hit_rate": str(one.hit_rate), "t": str(one.t), "cost_pct": str(cost_pct)},
        )


def tight_stops(stops: Mapping[str, Sequence[Excursion]]) -> Iterator[Recommendation]:
    """Strategies whose stopped trades would have gained by holding on: on average, and most back at a profit."""
    for name, stopped in sorted(stops.items()):
        after = [one.after_pct for one in stopped if one.after_pct is not None]
        back = [one for one in stopped if one.best_after_pct is not None and one.best_after_pct > 0]
        if len(after) < LEAST or mean(after) <= 0 or len(back) < LEAST_BACK * len(after):
            continue
        t = t_value(after)
        if t is None or t < LEAST_T:
            continue
        share = len(back) / len(after)
        yield Recommendation(
            "stop",
            name,
            len(after),
            f"{name}: its stops may be too tight. After {len(after)} stops the price went back "
            f"{figures.percent(mean(after), signed=True)} on average by the square-off, and {share * 100:.0f} % of "
            "those positions would have stood at a profit again. Backtest with a wider stop.",
            {"mean_after_pct": f"{mean(after):.6f}", "back_in_profit": f"{share:.6f}", "t": str(t)},
        )


def bad_data(data: Sequence[DataIssue], sessions: int) -> Iterator[Recommendation]:
    """Symbols without candles, and those with at least LEAST defects and one a session, the worst first."""
    counts: dict[str, int] = {}
    kinds: dict[str, dict[str, int]] = {}
    missing = sorted({issue.symbol for issue in data if issue.kind == NO_CANDLES})
    for issue in data:
        if issue.kind != NO_CANDLES:
            counts[issue.symbol] = counts.get(issue.symbol, 0) + issue.count
            found = kinds.setdefault(issue.symbol, {})
            found[issue.kind] = found.get(issue.kind, 0) + issue.count
    for symbol in missing:
        yield Recommendation("data", symbol, 1, f"{symbol} has no candles: import some, or take it off the list.", {})
    for symbol, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if count < max(LEAST, sessions):
            break
        parts = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in sorted(kinds[symbol].items()))
        yield Recommendation(
            "data",
            symbol,
            count,
            f"{symbol} has bad candles: {count} defects in {sessions} session{'s' * (sessions > 1)} ({parts}). Import "
            "them again, or take it off the list.",
            {kind: str(n) for kind, n in sorted(kinds[symbol].items())},
        )


def stopped(trades: Sequence[Trade], excursions: Mapping[str, Excursion]) -> dict[str, list[Excursion]]:
    """The excursions of the trades that ended at their first stop, by strategy."""
    found: dict[str, list[Excursion]] = {}
    for trade in trades:
        if trade.exit_reason == ExitReason.STOP and trade.trade_id in excursions:
            found.setdefault(trade.strategy, []).append(excursions[trade.trade_id])
    return found


def round_trip_cost_pct(trades: Sequence[Trade]) -> float:
    """Charges in percent of what was bought or sold at entry: what a trade must move to pay for itself."""
    value = sum((trade.quantity * trade.entry_price for trade in trades), Decimal(0))
    charges = sum((trade.charges for trade in trades), Decimal(0))
    return round(float(charges * 100 / value), 6) if value > 0 else 0.0
