"""What the realistic fill model took from a period, read off the candles.

A fill is recorded with its price alone. The price that it met, and how the rest of it divides, follow from the bars
that it was filled on and the model, as they did at the venue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.domain.costs import QUANTA
from livetrader.domain.instrument import Product
from livetrader.domain.order import Fill, OrderIntent, Purpose
from livetrader.reporting.frictions import Friction, Frictions, frictions

if TYPE_CHECKING:  # a report under the fixed model does without the candles
    from livetrader.bootstrap.results import Books
    from livetrader.bootstrap.workspace import Workspace
    from livetrader.brokers.fill_model import Deal
    from livetrader.brokers.realistic import RealisticModel
    from livetrader.ports import Bars

ZERO = Decimal(0)
SIMULATED = "simulated"


def frictions_of(books: Books, workspace: Workspace) -> Frictions | None:
    """What the fills of a period paid in slippage and impact; None under the fixed model."""
    from livetrader.bootstrap.tapes import tape_of
    from livetrader.brokers.realistic import RealisticModel

    model = workspace.fill_model()
    if not isinstance(model, RealisticModel):
        return None
    fills = [one for one in books.fills if one.broker == SIMULATED]
    sessions = workspace.calendar.sessions(books.sessions[0].date, books.sessions[-1].date)
    tape = tape_of(workspace, {one.symbol for one in fills}, sessions)
    intents = {one.intent.intent_id: one.intent for one in books.orders}
    paid = []
    for fill, begun in _in_order(fills):
        intent = intents.get(fill.intent_id)
        deal = None if intent is None else _deal(fill, intent, tape.bars(fill.symbol), workspace, begun=begun)
        if intent is not None and deal is not None:
            paid.append((intent, _friction(fill, deal, model, workspace)))
    return frictions(paid)


def _in_order(fills: Sequence[Fill]) -> Iterator[tuple[Fill, bool]]:
    """Each fill, and whether an earlier one of its order is before it."""
    begun: set[str] = set()
    for fill in fills:
        yield fill, fill.intent_id in begun
        begun.add(fill.intent_id)


def _deal(fill: Fill, intent: OrderIntent, bars: Bars, workspace: Workspace, *, begun: bool) -> Deal | None:
    """The deal that was recorded as `fill`; None where the candles do not show it any more."""
    from livetrader.brokers.fill_model import Deal
    from livetrader.brokers.simulated import execution, session_of

    at = int(fill.filled_at.timestamp())
    row, session = int(bars.ts.searchsorted(at)), session_of(intent, workspace.calendar.at)
    day_order = intent.purpose is Purpose.EXIT and intent.product is Product.MIS
    left_over = day_order and session is not None and at == session.closes
    forced = left_over or row == len(bars.ts) or int(bars.ts[row]) != at
    if forced:
        row = int(bars.closes.searchsorted(at, side="right"))
        met = float(bars.close[row - 1]) if row else None
    else:
        met = execution(intent, bars, row, reached=begun)
    if met is None:
        return None
    price = workspace.sizer("", ()).instrument(fill.symbol).price(met)
    return Deal(intent, fill.quantity, price, bars, row, begun=begun, forced=forced)


def _friction(fill: Fill, deal: Deal, model: RealisticModel, workspace: Workspace) -> Friction:
    cost = model.cost(deal, workspace.calendar.at)
    if not cost.total_bps:
        return Friction()
    quantum = QUANTA.get(workspace.settings.capital.currency, Decimal("0.01"))
    paid = (fill.action.sign * (fill.price - deal.price) * fill.quantity).quantize(quantum)
    slippage = (paid * Decimal(repr(cost.slippage_bps / cost.total_bps))).quantize(quantum)
    return Friction(slippage, paid - slippage)
