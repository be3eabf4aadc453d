"""What the account of the simulation trades by: its rules, its sizes and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
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
from livetrader.constraints.rules.sanity import ExitDefined, LotSanity, PriceSanity
from livetrader.constraints.rules.timing import BarFreshness, TradingWindow
from livetrader.domain.books import BrokerTrade
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.instrument import Instrument
from livetrader.engine.execution import AT_MARKET, Execution
from livetrader.engine.sizing import ExitSettings, Holding, Sizer
from livetrader.faultsim.market import INSTRUMENT

ACCOUNT = "faultsim"
CHARGES = flat(Decimal(3))
MAX_POSITIONS = 2

RULES: tuple[Rule, ...] = (
    NotHalted(), SymbolFree(), TradingWindow(ZoneInfo("UTC")), BarFreshness(60), PriceSanity(), ExitDefined(),
    OnePositionPerSymbol(), MaxOpenPositions(MAX_POSITIONS), MaxTradesPerDay(6), LotSanity(), CapitalAllocation(),
)  # fmt: skip


def sizer(exit: ExitKind, instruments: Mapping[str, Instrument], execution: Execution = AT_MARKET) -> Sizer:
    """A third of the capital for each entry, but for what it costs."""
    settings = ExitSettings(exit, stop_loss_pct=0.6, take_profit_pct=0.5, activation_pct=0.3)
    return Sizer(
        ACCOUNT, Decimal(30), Decimal(1), instruments, INSTRUMENT, {"s": Holding(settings, execution=execution)}
    )


def charges(trade: BrokerTrade) -> Decimal:
    """What a trade costs."""
    return CHARGES(trade.action, trade.quantity, trade.price)
