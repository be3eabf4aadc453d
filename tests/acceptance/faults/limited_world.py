"""A simulated account under every limit that a desk may set, and what must hold of an entry when it leaves.

What the rules were shown is not asked: all is reckoned anew from the journal and the market.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from itertools import takewhile
from typing import Any

from livetrader.constraints.gate import Rule
from livetrader.constraints.rules.breakers import BrokerCircuit, ConsecutiveLosses, MaxRejections, StopCooldown
from livetrader.constraints.rules.history import Correlation
from livetrader.constraints.rules.money import (
    FreeMargin,
    Leverage,
    PositionSize,
    SectorConcentration,
    StrategyAllocation,
)
from livetrader.domain.account import OPENING
from livetrader.domain.order import OrderIntent, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.position import Trade, fold
from livetrader.domain.trades import trades
from livetrader.engine.floor import PORTFOLIO_LATCH
from livetrader.faultsim.violation import Violation
from livetrader.faultsim.world import CAPITAL, World

ZERO = Decimal(0)
SECTORS = {"AAA": "one", "BBB": "one", "CCC": "other"}
PAUSE_SECONDS = 600

# AAA and BBB are one bet, CCC is another.
UP, OTHER = (0.01, -0.01) * 15, (0.01, 0.01, -0.01, -0.01) * 7 + (0.01, -0.01)
RETURNS = {"AAA": UP, "BBB": UP, "CCC": OTHER}
ANSWERED = {
    OrderState.ACKED, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.REJECTED, OrderState.RECORDED,
}  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """Limits by the names of their settings; money in percent of what the account is worth."""

    position_pct: Decimal
    leverage: Decimal
    free_pct: Decimal
    sector_pct: Decimal
    strategy_pct: Decimal
    correlation: Decimal
    cooldown_minutes: Decimal
    losses: int
    rejections: int
    failures: int
    floor: Decimal

    def rules(self) -> tuple[Rule, ...]:
        return (
            StopCooldown(self.cooldown_minutes), ConsecutiveLosses(self.losses), MaxRejections(self.rejections),
            BrokerCircuit(self.failures, PAUSE_SECONDS), PositionSize(self.position_pct),
            SectorConcentration(self.sector_pct, SECTORS), StrategyAllocation(self.strategy_pct),
            Leverage(self.leverage), FreeMargin(self.free_pct), Correlation(self.correlation),
        )  # fmt: skip


class LimitedWorld(World):
    """A World whose entries are held against `limits` at the moment at which they first leave."""

    def __init__(self, *given: Any, limits: Limits, **named: Any) -> None:
        self.limits, self.left = limits, set[str]()
        super().__init__(*given, **named)

    def _boot(self) -> None:
        super()._boot()
        self.engine.floor, self.book.returns = self.limits.floor, RETURNS

    def _sending(self, intent: OrderIntent) -> None:
        super()._sending(intent)
        # One that could not be sent goes out again as it was decided; what it takes was reserved all the while.
        if intent.purpose is Purpose.ENTRY and intent.intent_id not in self.left:
            self.left.add(intent.intent_id)
            check_money(self, intent)
            check_breakers(self, intent)
            check_together(self, intent)


def check_money(world: LimitedWorld, intent: OrderIntent) -> None:
    """No limit in money is exceeded with the entry, all that is held and all that may fill."""
    limits, journal, symbols = world.limits, world.journal, {fill.symbol for fill in world.journal.fills()}
    held = [fold(symbol, (f for f in journal.fills() if f.symbol == symbol)) for symbol in symbols]
    cash = CAPITAL + sum((fill.cash for fill in journal.fills()), ZERO)
    gone = min(sum((flow.amount for flow in journal.flows() if flow.reason != OPENING), ZERO), ZERO)
    equity, owned, invested = cash + gone, cash + gone, ZERO
    money: dict[str, Decimal] = dict.fromkeys(SECTORS, ZERO)
    for one in held:
        price = last_price(world, one.symbol, intent.as_of, one.average_price)
        money[one.symbol] += abs(one.quantity) * price
        equity += one.quantity * price
        owned += one.quantity * one.average_price
        invested += abs(one.quantity) * one.average_price
    for order in journal.orders():
        if order.intent.purpose is Purpose.ENTRY and not order.state.terminal:
            working = (order.intent.quantity - order.filled_quantity) * order.intent.price
            money[order.intent.symbol] += working
            invested += working
    sector = sum((value for symbol, value in money.items() if SECTORS[symbol] == SECTORS[intent.symbol]), ZERO)
    found = {
        "position": (money[intent.symbol], equity * limits.position_pct / 100),
        "sector": (sector, equity * limits.sector_pct / 100),
        "strategy": (sum(money.values(), ZERO), equity * limits.strategy_pct / 100),  # there is one only
        "leverage": (sum(money.values(), ZERO), equity * limits.leverage),
        "free margin": (equity * limits.free_pct / 100, owned - invested),
    }
    for name, (taken, most) in found.items():
        if taken > most:
            raise Violation("I4", f"{intent.intent_id} enters: {name} {taken:.2f} of {most:.2f}")
    if equity - gone <= limits.floor:
        raise Violation("I8", f"{intent.intent_id} enters below the floor, at {equity - gone:.2f}")


def check_together(world: LimitedWorld, intent: OrderIntent) -> None:
    """One bet is not made twice, where that is forbidden."""
    if world.limits.correlation >= 1 or intent.symbol not in ("AAA", "BBB"):
        return
    sides = {
        order.intent.symbol: order.intent.side for order in world.journal.orders()
        if order.intent.purpose is Purpose.ENTRY and not order.state.terminal
    }  # fmt: skip
    sides |= {symbol: held.position.side for symbol, held in world.book.positions.items()}
    other = "BBB" if intent.symbol == "AAA" else "AAA"
    if sides.get(other) is intent.side:
        raise Violation("I4", f"{intent.intent_id} enters {intent.symbol} beside {other}, which is the same bet")


def last_price(world: World, symbol: str, now: int, cost: Decimal) -> Decimal:
    """The last close that had arrived by `now`; what was paid where there is none."""
    bars = world.tape.bars(symbol)
    known = int(bars.closes.searchsorted(now, side="right"))
    return world.book.sizer.instrument(symbol).price(float(bars.close[known - 1])) if known else cost


def check_breakers(world: LimitedWorld, intent: OrderIntent) -> None:
    """Nothing that has gone wrong in the session forbids the entry, whatever processes it went wrong in."""
    limits, entries = world.limits, [one for one in world.journal.orders() if one.intent.purpose is Purpose.ENTRY]
    closed, _ = trades({o.intent.intent_id: o.intent for o in world.journal.orders()}, world.journal.fills(), UTC)
    stops = [t.exit_at for t in closed if t.symbol == intent.symbol and t.exit_reason in ("stop", "trailing")]
    rested = min((intent.as_of - at.timestamp() for at in stops[-1:]), default=float("inf"))
    if rested < limits.cooldown_minutes * 60:
        raise Violation("I8", f"{intent.intent_id} enters {rested:.0f} s after a stop")
    if longest_loss(closed) >= limits.losses:
        raise Violation("I8", f"{intent.intent_id} enters after {longest_loss(closed)} losses in a row")
    rejected = sum(one.state is OrderState.REJECTED for one in entries)
    if rejected >= limits.rejections:
        raise Violation("I8", f"{intent.intent_id} enters after {rejected} rejections")
    sent = [one for one in entries if one.sent_at is not None and one.intent.intent_id != intent.intent_id]
    silent = list(
        takewhile(
            lambda one: one.state not in ANSWERED and one.broker_order_id is None and not one.filled_quantity,
            reversed(sent),
        )
    )
    if len(silent) >= limits.failures and intent.as_of - silent[0].intent.as_of < PAUSE_SECONDS:
        raise Violation("I8", f"{intent.intent_id} enters while the broker does not answer")


def longest_loss(closed: list[Trade]) -> int:
    """The longest run of losing trades."""
    longest = run = 0
    for trade in closed:
        run = run + 1 if trade.net_pnl < 0 else 0
        longest = max(longest, run)
    return longest


def check_exits(world: World) -> None:
    """No exit was refused, and nothing is open below the floor that nobody closes."""
    refused = [one for one in world.journal.orders() if one.state is OrderState.REFUSED]
    if any(one.intent.purpose is not Purpose.ENTRY for one in refused):
        raise Violation("I8", "an exit was refused")
    if PORTFOLIO_LATCH in world.book.halts and world.undisturbed and world.passed:
        idle = [
            symbol for symbol, held in world.book.positions.items()
            if held.leaving is None and symbol not in world.book.questioned
        ]  # fmt: skip
        if idle and world.clock.now() < world.market.session.closes:
            raise Violation("I8", f"below the floor {', '.join(idle)} stay open")
