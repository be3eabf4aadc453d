"""The realistic fill model: what a fill costs depends on its size and on the market around it. Numbers: `Realism`.

A bar fills no more than a part of its volume, and none without volume. An order reaches the venue late, and fills
on bars that are not over by then; a protective stop and a target wait there already. What takes liquidity pays
slippage and impact; a limit that rests pays neither, and one that price is beyond when it arrives pays both, up to its
limit. Volatility and traded value are those of the session's bars that had closed before the fill's bar opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from livetrader.brokers.fill_model import BPS, Deal, FillModel, SessionAt
from livetrader.domain.instrument import Product
from livetrader.domain.liquidity import Conditions, Cost, Realism, conditions, impact_bps, slippage_bps
from livetrader.domain.order import Action, OrderIntent, OrderType, Purpose
from livetrader.ports import Bars

NO_COST = Cost(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class RealisticModel(FillModel):
    """The fixed model's methods under the assumptions of `realism`; `slippage_bps` is not used."""

    realism: Realism

    def first(self, intent: OrderIntent, bars: Bars) -> int:
        row = int(bars.ts.searchsorted(intent.effective))
        if _waits_there(intent):
            return row
        return max(row, int(bars.closes.searchsorted(self._arrival(intent), side="right")))

    def stays(self, intent: OrderIntent) -> bool:
        """A target does not: it is for the bar that reached it. Its position has no stop any more, and has to go."""
        return not _is_target(intent)

    def room(self, bars: Bars, row: int) -> Decimal:
        volume = float(bars.volume[row])
        return Decimal(repr(volume)) * self.realism.max_participation_pct / 100 if volume > 0 else Decimal(0)

    def paid(self, deal: Deal, session_at: SessionAt) -> Decimal:
        sign, limit = deal.intent.action.sign, deal.intent.limit_price
        # The same digits on every machine, whatever its logarithm does in the last one.
        moved = 1 + Decimal(f"{self.cost(deal, session_at).total_bps:.4f}") / BPS
        price = deal.price * moved if sign > 0 else deal.price / moved
        bound = limit is not None and not deal.forced
        return limit if bound and limit is not None and sign * (price - limit) > 0 else price

    def makes(self, deal: Deal) -> bool:
        return self._rested(deal)

    def delivers(self, intent: OrderIntent) -> bool:
        return intent.product is Product.CNC and intent.action is Action.SELL

    def cost(self, deal: Deal, session_at: SessionAt) -> Cost:
        """What a deal is worse by than its price."""
        if self._rested(deal):
            return NO_COST
        seen, realism, bars, row = self._seen(deal, session_at), self.realism, deal.bars, deal.row
        order_value = float(deal.intent.quantity * deal.price)
        if deal.forced:  # nothing trades any more: whoever still has to, takes what he is offered
            return Cost(realism.slippage_cap_bps, impact_bps(realism, seen, order_value, 0.0))
        volume = float(bars.volume[row])
        taken = 100.0 * float(deal.quantity) / volume
        impact = impact_bps(realism, seen, order_value, volume * float(deal.price))
        return Cost(slippage_bps(realism, seen, taken, self._late(deal)), impact)

    def _rested(self, deal: Deal) -> bool:
        """Whether it was a limit that others traded with. One that price was beyond when it arrived took."""
        intent = deal.intent
        if intent.order_type is not OrderType.LIMIT or deal.forced:
            return False
        arrives = not deal.begun and not _waits_there(intent) and deal.row == self.first(intent, deal.bars)
        beyond = intent.action.sign * (float(intent.limit_price or 0) - float(deal.bars.open[deal.row])) > 0
        return not (arrives and beyond)

    def _seen(self, deal: Deal, session_at: SessionAt) -> Conditions | None:
        bars, row = deal.bars, deal.row
        session = session_at(int(bars.ts[row - 1 if deal.forced else row]))
        opens = int(bars.ts[row]) if session is None else session.opens
        before = slice(max(int(bars.ts.searchsorted(opens)), row - self.realism.volatility_bars), row)
        values = (bars.close[before] * bars.volume[before]).tolist()
        return conditions(bars.high[before].tolist(), bars.low[before].tolist(), values)

    def _late(self, deal: Deal) -> float:
        """How much of its bar was over when an order arrived, 0 to 1; a rest that fills later was there."""
        if deal.begun or _waits_there(deal.intent):
            return 0.0
        opened, closes = int(deal.bars.ts[deal.row]), int(deal.bars.closes[deal.row])
        return min(max(self._arrival(deal.intent) - opened, 0.0) / (closes - opened), 1.0)

    def _arrival(self, intent: OrderIntent) -> float:
        return intent.effective + self.realism.latency_ms / 1000


def _waits_there(intent: OrderIntent) -> bool:
    """Whether an order is taken to be at the venue from its position's first moment: its stop, and its target."""
    return intent.purpose is Purpose.STOP or _is_target(intent)


def _is_target(intent: OrderIntent) -> bool:
    return intent.purpose is Purpose.EXIT and intent.order_type is OrderType.LIMIT
