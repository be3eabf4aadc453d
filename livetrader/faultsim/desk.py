"""What the account of the simulation trades by: its rules, its sizes and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from livetrader.brokers.loopback.account import flat
from livetrader.constraints.gate import Rule
from livetrader.constraints.rules.latches import NotHalted, SymbolFree
from livetrader.constraints.rules.portfolio import (
    CapitalAllocation,
    MaxOpenPositions,
    MaxTradesPerDay,
    OnePositionPerSymbol,
)
from livetrader.constraints.rules.sanity import ExitDefined, LotSanity, NoShortDelivery, PriceSanity
from livetrader.constraints.rules.timing import BarFreshness, TradingWindow
from livetrader.domain.books import BrokerTrade
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Instrument, Product
from livetrader.engine.parents.execution import AT_MARKET, Execution
from livetrader.engine.sizing import ExitSettings, Holding, Sizer
from livetrader.faultsim.market import INSTRUMENT

ACCOUNT = "faultsim"
CHARGES = flat(Decimal(3))
MAX_POSITIONS = 2

RULES: tuple[Rule, ...] = (
    NotHalted(), SymbolFree(), TradingWindow(ZoneInfo("UTC")), BarFreshness(60), PriceSanity(), ExitDefined(),
    OnePositionPerSymbol(), MaxOpenPositions(MAX_POSITIONS), MaxTradesPerDay(6), LotSanity(), CapitalAllocation(),
)  # fmt: skip


def by_hand(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Those of an order by hand: it is as old as its command, and no bar has brought it about."""
    dropped = (BarFreshness, ExitDefined)
    return (BarFreshness(300), NoShortDelivery(), *(rule for rule in rules if not isinstance(rule, dropped)))


def sizer(
    exit: ExitKind,
    instruments: Mapping[str, Instrument],
    execution: Execution = AT_MARKET,
    product: Product = Product.MIS,
    *,
    overnight: bool = False,
) -> Sizer:
    """A third of the capital for each entry, but for what it costs. What is not MIS is squared off where `overnight`
    says so, in the next session, or never."""
    settings = ExitSettings(exit, stop_loss_pct=0.6, take_profit_pct=0.5, activation_pct=0.3)
    holding = Holding(settings, product, product is Product.MIS or overnight, overnight, execution)
    return Sizer(ACCOUNT, Decimal(30), Decimal(1), instruments, INSTRUMENT, {"s": holding})


def charges(trade: BrokerTrade) -> Decimal:
    """What a trade costs."""
    return CHARGES(trade.action, trade.quantity, trade.price)
