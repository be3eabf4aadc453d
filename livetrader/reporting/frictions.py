"""What the realistic fill model assumes, and what it took: slippage and market impact in money, by trade and in all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.reporting.statistics import ratio
from livetrader.reporting.values import Document, exact

if TYPE_CHECKING:
    from livetrader.domain.liquidity import Realism
    from livetrader.domain.order import OrderIntent
    from livetrader.domain.position import Trade

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Friction:
    """Money paid beyond the prices that fills met; positive is against us. It is in the fills' prices already."""

    slippage: Decimal = ZERO
    impact: Decimal = ZERO

    def __add__(self, other: Friction) -> Friction:
        return Friction(self.slippage + other.slippage, self.impact + other.impact)

    @property
    def total(self) -> Decimal:
        return self.slippage + self.impact

    def bps(self, trade: Trade) -> float | None:
        """The part of what `trade` bought and sold that it is, in basis points."""
        return ratio(self.total * 10_000, trade.quantity * (trade.entry_price + trade.exit_price))


@dataclass(frozen=True, slots=True)
class Frictions:
    """What all fills of a period paid, and those of each trade by its id; a trade's fills of other periods are not in
    it."""

    total: Friction
    by_trade: Mapping[str, Friction]


def frictions(paid: Iterable[tuple[OrderIntent, Friction]]) -> Frictions:
    """Add up what fills have paid, each with the intent of its order."""
    total, by_trade = Friction(), dict[str, Friction]()
    for intent, one in paid:
        total += one
        trade = intent.entry_id or intent.intent_id
        by_trade[trade] = by_trade.get(trade, Friction()) + one
    return Frictions(total, by_trade)


def frictions_json(found: Frictions) -> Document:
    """The key `frictions` of the documents; it is there only where the realistic model filled."""
    return {
        **_friction(found.total),
        "trades": [{"trade_id": name, **_friction(one)} for name, one in found.by_trade.items()],
    }


def _friction(one: Friction) -> dict[str, str]:
    return {"slippage": exact(one.slippage), "impact": exact(one.impact)}


def assumed(numbers: Realism) -> tuple[str, ...]:
    """What the realistic model assumes, number by number."""
    cap = f"{numbers.slippage_cap_bps:g} bps"
    return (
        f"Latency: an order is at the venue {numbers.latency_ms} ms after its decision. A market order fills at the "
        "open of the first bar that is not over by then. Protective stops and targets wait there from the fill on.",
        f"Participation: at most {numbers.max_participation_pct:f} % of a bar's volume is ours, over all orders of "
        "the symbol. The rest fills on the bars after it, at their opens; a bar without volume fills nothing. What is "
        "still to be closed at the session's end is closed by the venue at the last price.",
        f"Slippage: {numbers.slippage_floor_bps:g} bps + {numbers.volatility_weight:g} × volatility + "
        f"{numbers.participation_weight:g} bps for each percent of the bar's volume + volatility × √(part of the bar "
        f"that was over on arrival), at most {cap}. In a session's first bar, and at its end, {cap}.",
        f"Market impact, on top of slippage: {numbers.impact_coefficient:g} × volatility × √(order value / traded "
        "value). A limit order that waits pays neither, and the maker's fee where there is one.",
        "Volatility (from highs and lows: Parkinson, 1980) and traded value are those of a bar, over the last "
        f"{numbers.volatility_bars} of the session that had closed by its open, or as many as there are.",
    )
