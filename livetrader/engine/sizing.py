"""From a signal to an order: how much, and with which exit. Here floats become Decimal, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from livetrader.domain.exit_plan import ExitKind, ExitPlan
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import OrderIntent, OrderType, Purpose, intent_id, opening
from livetrader.domain.signal import Signal
from livetrader.engine.parents.execution import AT_MARKET, Execution, limit_at


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """The exit of a strategy as configured; `STRATEGIES.md` "Exits" names the numbers."""

    kind: ExitKind = ExitKind.TRAILING_ATR
    atr_multiple: float = 1.5
    stop_loss_pct: float = 1.5
    take_profit_pct: float = 1.5
    activation_pct: float = 0.9
    increment_pct: float = 0.2
    gap_pct: float = 0.2
    hold_minutes: float | None = None

    def plan(self, atr: float, *, square_off: bool, overnight: bool = False) -> ExitPlan:
        """The exit plan of a position whose signal bar had `atr`."""
        plan = ExitPlan(
            self.kind,
            distance=self.atr_multiple * atr,
            stop_loss_pct=self.stop_loss_pct,
            take_profit_pct=self.take_profit_pct,
            activation_pct=self.activation_pct,
            increment_pct=self.increment_pct,
            gap_pct=self.gap_pct,
            square_off=square_off,
            overnight=overnight,
        )
        return plan if self.hold_minutes is None else replace(plan, hold_minutes=self.hold_minutes)


@dataclass(frozen=True, slots=True)
class Holding:
    """How a strategy holds: its product at the broker, its exit, whether the session's end closes it, or with
    `overnight` that of the next session, and how its entries go out."""

    exit: ExitSettings
    product: Product = Product.MIS
    square_off: bool = True
    overnight: bool = False
    execution: Execution = AT_MARKET


@dataclass(frozen=True, slots=True)
class Sizer:
    """Allocates a share of the capital to each entry: `allocation_pct` % × `leverage`, in whole lots."""

    account: str
    allocation_pct: Decimal
    leverage: Decimal
    instruments: Mapping[str, Instrument]
    default: Instrument
    holdings: Mapping[str, Holding]

    def instrument(self, symbol: str) -> Instrument:
        return self.instruments.get(symbol, self.default)

    def entry(self, signal: Signal, capital: Decimal) -> OrderIntent:
        """The entry that `signal` asks for. The quantity is zero where the allocation buys no lot."""
        instrument = self.instrument(signal.symbol)
        holding = self.holdings[signal.strategy]
        price = instrument.price(signal.price)
        limit = limit_at(price, signal.side, instrument) if holding.execution.at_limit else None
        budget = capital * self.allocation_pct / 100 * self.leverage
        action = opening(signal.side)
        return OrderIntent(
            intent_id=intent_id(self.account, signal.strategy, signal.symbol, signal.as_of, action, Purpose.ENTRY),
            account=self.account,
            strategy=signal.strategy,
            symbol=signal.symbol,
            side=signal.side,
            action=action,
            purpose=Purpose.ENTRY,
            product=holding.product,
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            quantity=instrument.round_down(budget / price) if price > 0 else Decimal(0),
            price=price,
            as_of=signal.as_of,
            limit_price=limit,
            reason=signal.tag,
            exit=holding.exit.plan(signal.atr, square_off=holding.square_off, overnight=holding.overnight),
        )
