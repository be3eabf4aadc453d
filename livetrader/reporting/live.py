"""The account at this moment, in a handful of figures: for `status` and for whoever shows it while it trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from livetrader.reporting.concentration import Level, concentration, level
from livetrader.reporting.statistics import ratio

if TYPE_CHECKING:
    from livetrader.domain.order import Fill
    from livetrader.domain.position import Trade
    from livetrader.domain.trades import OpenPosition

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Money is in the account's currency.

    `open_pnl` is before exit charges, None while a held symbol has no price; `day_pnl` is `realised` (net, of the
    trades that closed today) and the open profit together, None where that is. `day_drawdown` is how far the day
    stands below its best, closed trades one by one and now: at least what it was. `exposure` is gross, at the last
    price, or at the entry's where there is none. `trades` closed today, `winners` of them after charges.
    """

    open_pnl: Decimal | None
    realised: Decimal
    day_pnl: Decimal | None
    day_drawdown: Decimal
    exposure: Decimal
    hhi: float | None
    concentration: Level | None
    trades: int
    winners: int

    @property
    def win_rate(self) -> float | None:
        """Winners / trades that closed today; None without one."""
        return ratio(Decimal(self.winners), Decimal(self.trades))


def worth_of(recorded: tuple[int, Decimal, Decimal] | None, fills: Sequence[Fill]) -> Decimal | None:
    """What all positions are worth by the last record of the account (as_of, value, cash), if nothing has filled
    since."""
    if recorded is None or any(fill.filled_at.timestamp() > recorded[0] for fill in fills[-1:]):
        return None
    return recorded[1] - recorded[2]


def live_figures(
    positions: Sequence[OpenPosition],
    closed_today: Sequence[Trade],
    prices: Mapping[str, Decimal],
    worth: Decimal | None = None,
) -> LiveFigures:
    """The figures of what is held and of the trades that closed today (in the order of their exits).

    `prices` are the last ones known, by symbol; `worth` is what all positions together are worth (short ones
    negative), where that is known without them. The charges of open positions so far count as their loss, what parts of
    them have brought as their profit. A position that was opened on an earlier day counts with all that it made since.
    """
    if all(one.symbol in prices for one in positions):
        worth = sum((one.side.sign * one.quantity * prices[one.symbol] for one in positions), ZERO)
    paid = sum(
        (one.side.sign * one.quantity * one.average_price + one.charges - one.realised for one in positions), ZERO
    )
    open_pnl = None if worth is None else worth - paid
    values = {one.symbol: one.quantity * prices.get(one.symbol, one.average_price) for one in positions}
    spread = concentration(values)
    running, peak = ZERO, ZERO
    for trade in closed_today:
        running += trade.net_pnl
        peak = max(peak, running)
    now = running + (open_pnl or ZERO)
    return LiveFigures(
        open_pnl=open_pnl,
        realised=running,
        day_pnl=None if open_pnl is None else now,
        day_drawdown=max(peak, now) - now,
        exposure=sum(values.values(), ZERO),
        hhi=None if spread is None else spread.hhi,
        concentration=None if spread is None else level(spread.hhi),
        trades=len(closed_today),
        winners=sum(trade.net_pnl > 0 for trade in closed_today),
    )
