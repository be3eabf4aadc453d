"""Every limit that a desk may set, and what must hold of an entry when it is taken on.

What the rules were shown is not asked: all is reckoned anew from the journal and the market.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from itertools import takewhile

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
from livetrader.constraints.rules.portfolio import MaxTradesPerDay
from livetrader.domain.account import OPENING
from livetrader.domain.lots import LotMethod
from livetrader.domain.order import OrderIntent, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.position import Position, Trade, apply
from livetrader.domain.trades import trades
from livetrader.engine.by_hand.manual import STRATEGY
from livetrader.engine.floor import PORTFOLIO_LATCH
from livetrader.faultsim.desk import MAX_POSITIONS
from livetrader.faultsim.parents import known_time, rest_of
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

Exposed = tuple[OrderIntent, Decimal]
"""What may still open or enlarge a position: an entry, and how much of it."""


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
    trades: int
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
            MaxTradesPerDay(self.trades),
        )  # fmt: skip


def under_way(world: World, but: str = "", now: int = 0) -> list[Exposed]:
    """Entries that work or may, orders of unknown fate included, and what parents may still send; all but one.

    What parents may send is that of after `now` (epoch seconds); without, of this moment.
    """
    orders = (one for one in world.journal.orders() if one.intent.purpose is Purpose.ENTRY and not one.state.terminal)
    found = {one.intent.intent_id: (one.intent, one.intent.quantity - one.filled_quantity) for one in orders}
    found |= rest_of(world, now)
    return [exposed for name, exposed in found.items() if name != but and exposed[1]]


def held(world: World) -> list[tuple[Position, str]]:
    """What is held, and the strategy that opened it: a fold over the fills."""
    strategies = {one.intent.intent_id: one.intent.strategy for one in world.journal.orders()}
    found: dict[str, tuple[Position, str]] = {}
    for fill in world.journal.fills():
        before, opener = found.get(fill.symbol, (Position(fill.symbol), ""))
        after = apply(before, fill, LotMethod.AVERAGE)
        begins = not before.quantity or before.quantity * after.quantity < 0
        found[fill.symbol] = after, strategies[fill.intent_id] if begins else opener
    return [(position, opener) for position, opener in found.values() if position.quantity]


def left(world: World) -> set[str]:
    """The parents whose position was closed, though a child that was late may have opened another one since."""
    parents = {one.intent.intent_id: one.intent.parent_id for one in world.journal.orders()}
    entered, found = {symbol: set[str]() for symbol in SECTORS}, set[str]()
    positions = {symbol: Position(symbol) for symbol in SECTORS}
    for fill in world.journal.fills():
        positions[fill.symbol] = apply(positions[fill.symbol], fill, LotMethod.AVERAGE)
        entered[fill.symbol].add(parents[fill.intent_id])
        if not positions[fill.symbol].quantity:
            found |= entered[fill.symbol]
    return found - {""}


def check_limits(world: World, limits: Limits, entry: OrderIntent) -> None:
    """No limit is exceeded with `entry`, the whole of a parent, all that is held and all that may fill."""
    exposed = [*under_way(world, entry.intent_id), (entry, entry.quantity)]
    check_money(world, limits, entry, exposed)
    check_counts(world, limits, entry, exposed)
    check_breakers(world, limits, entry)
    check_together(world, limits, entry, exposed)


def check_money(world: World, limits: Limits, entry: OrderIntent, exposed: Iterable[Exposed]) -> None:
    """No limit in money is exceeded."""
    journal = world.journal
    cash = CAPITAL + sum((fill.cash for fill in journal.fills()), ZERO)
    gone = min(sum((flow.amount for flow in journal.flows() if flow.reason != OPENING), ZERO), ZERO)
    equity, owned, invested = cash + gone, cash + gone, ZERO
    money: dict[str, Decimal] = dict.fromkeys(SECTORS, ZERO)
    strategies: dict[str, Decimal] = dict.fromkeys(("s", "manual"), ZERO)
    # What is ordered by hand is held against what is known when it is carried out.
    known = known_time(world) if entry.strategy == STRATEGY else entry.as_of
    for one, strategy in held(world):
        price = last_price(world, one.symbol, known, one.average_price)
        money[one.symbol] += abs(one.quantity) * price
        strategies[strategy] += abs(one.quantity) * price
        equity += one.quantity * price
        owned += one.quantity * one.average_price
        invested += abs(one.quantity) * one.average_price
    for one, quantity in exposed:
        money[one.symbol] += quantity * one.price
        strategies[one.strategy] += quantity * one.price
        invested += quantity * one.price
    sector = sum((value for symbol, value in money.items() if SECTORS[symbol] == SECTORS[entry.symbol]), ZERO)
    found = {
        "position": (money[entry.symbol], equity * limits.position_pct / 100),
        "sector": (sector, equity * limits.sector_pct / 100),
        "strategy": (strategies[entry.strategy], equity * limits.strategy_pct / 100),
        "leverage": (sum(money.values(), ZERO), equity * limits.leverage),
        "free margin": (equity * limits.free_pct / 100, owned - invested),
    }
    for name, (taken, most) in found.items():
        if taken > most:
            raise Violation("I4", f"{entry.intent_id} enters: {name} {taken:.2f} of {most:.2f}")
    if equity - gone <= limits.floor:
        raise Violation("I8", f"{entry.intent_id} enters below the floor, at {equity - gone:.2f}")


def check_counts(world: World, limits: Limits, entry: OrderIntent, exposed: Iterable[Exposed]) -> None:
    """There are no more positions and no more trades than allowed; a parent is one, however many its children are.

    Nothing is taken on once the session is being squared off.
    """
    if world.clock.now() >= world.market.session.square_off:
        raise Violation("I4", f"{entry.intent_id} enters after the square-off")
    symbols = {one.symbol for one, _ in exposed} | {position.symbol for position, _ in held(world)}
    if len(symbols) > MAX_POSITIONS:
        raise Violation("I4", f"{entry.intent_id} enters: {len(symbols)} positions of {MAX_POSITIONS}")
    begun = {one.trade for one, _ in exposed}
    begun |= {
        one.intent.trade for one in world.journal.orders()
        if one.intent.purpose is Purpose.ENTRY and one.filled_quantity
    }  # fmt: skip
    if len(begun) > limits.trades:
        raise Violation("I4", f"{entry.intent_id} enters: trade {len(begun)} of {limits.trades}")


def check_together(world: World, limits: Limits, entry: OrderIntent, exposed: Iterable[Exposed]) -> None:
    """One bet is not made twice, where that is forbidden."""
    if limits.correlation >= 1 or entry.symbol not in ("AAA", "BBB"):
        return
    sides = {one.symbol: one.side for one, _ in exposed if one.symbol != entry.symbol}
    sides |= {position.symbol: position.side for position, _ in held(world)}
    other = "BBB" if entry.symbol == "AAA" else "AAA"
    if sides.get(other) is entry.side:
        raise Violation("I4", f"{entry.intent_id} enters {entry.symbol} beside {other}, which is the same bet")


def last_price(world: World, symbol: str, now: int, cost: Decimal) -> Decimal:
    """The last close that had arrived by `now`; what was paid where there is none."""
    bars = world.tape.bars(symbol)
    known = int(bars.closes.searchsorted(now, side="right"))
    return world.book.sizer.instrument(symbol).price(float(bars.close[known - 1])) if known else cost


def check_breakers(world: World, limits: Limits, intent: OrderIntent) -> None:
    """Nothing that has gone wrong in the session forbids the entry, whatever processes it went wrong in."""
    entries = [one for one in world.journal.orders() if one.intent.purpose is Purpose.ENTRY]
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


def check_counted(world: World) -> None:
    """What the book takes for exposure is what may still fill, each part of it once, and what is held.

    Of an entry that is written down and was not sent only the process knows whether it goes out yet. A parent's time
    passes with the passes: it may not be over for the last of them. That its position was closed is written down in the
    next look.
    """
    orders = world.journal.orders()
    ours = {position.symbol: position.quantity for position, _ in held(world)}
    at_most, by_now = under_way(world, now=world.decided - 1), under_way(world)
    unsent = {one.intent.intent_id for one in orders if one.state is OrderState.INTENT and not one.intent.parent_id}
    perhaps = unsent | left(world)
    sure = [exposed for exposed in by_now if exposed[0].intent_id not in perhaps]
    for symbol in SECTORS:
        most = sum((quantity for one, quantity in at_most if one.symbol == symbol), ZERO)
        least = sum((quantity for one, quantity in sure if one.symbol == symbol), ZERO)
        counted = sum((quantity for one, quantity in world.book.entries() if one.symbol == symbol), ZERO)
        if not least <= counted <= most:
            raise Violation("I4", f"{symbol}: {counted} count as under way, {least} to {most} are")
    counted_held = {symbol: one.position.quantity for symbol, one in world.book.positions.items()}
    if ours != counted_held:
        raise Violation("I4", f"{counted_held} count as held, the fills make {ours}")


def check_exits(world: World) -> None:
    """No exit was refused, and nothing is open below the floor that nobody closes."""
    refused = [one for one in world.journal.orders() if one.state is OrderState.REFUSED]
    if any(one.intent.purpose is not Purpose.ENTRY for one in refused):
        raise Violation("I8", "an exit was refused")
    floored = world.journal.latches().get(PORTFOLIO_LATCH)
    if floored and floored.since.timestamp() < int(world.clock.now()) and world.undisturbed and world.passed:
        idle = [
            symbol for symbol, held in world.book.positions.items()
            if held.leaving is None and symbol not in world.book.questioned
        ]  # fmt: skip
        if idle and world.clock.now() < world.market.session.closes:
            raise Violation("I8", f"below the floor {', '.join(idle)} stay open")
