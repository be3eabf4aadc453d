"""The limits on entries: the settings made into rules."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import NoReturn, TypeVar
from zoneinfo import ZoneInfo

from livetrader.bootstrap.styles import product
from livetrader.config import Capital, Configuration, Constraints
from livetrader.constraints.gate import Rule
from livetrader.constraints.rules.breakers import BrokerCircuit, ConsecutiveLosses, MaxRejections, StopCooldown
from livetrader.constraints.rules.history import Correlation, Volatility
from livetrader.constraints.rules.latches import NotHalted, SymbolFree
from livetrader.constraints.rules.money import (
    FreeMargin,
    Leverage,
    MoneyRule,
    PositionSize,
    SectorConcentration,
    StrategyAllocation,
)
from livetrader.constraints.rules.portfolio import (
    CapitalAllocation,
    MaxOpenPositions,
    MaxTradesPerDay,
    MaxTradesPerStrategy,
    OnePositionPerSymbol,
)
from livetrader.constraints.rules.sanity import (
    ExchangeLimits,
    ExitDefined,
    LastClose,
    LotSanity,
    NoShortDelivery,
    PriceCollar,
    PriceSanity,
)
from livetrader.constraints.rules.score import DailyLoss, Graded, RiskScore
from livetrader.constraints.rules.timing import BarFreshness, OnlyWhileClosed, TradingWindow
from livetrader.domain.instrument import Instrument, Product
from livetrader.errors import ConfigError
from livetrader.market.calendar import load

Limit = TypeVar("Limit", int, Decimal, str)
Limited = TypeVar("Limited", bound=Rule)


@dataclass(frozen=True)
class Limits:
    """What the section `constraints` allows."""

    configuration: Configuration

    @property
    def _limits(self) -> Constraints:
        return self.configuration.settings.constraints

    @property
    def _capital(self) -> Capital:
        return self.configuration.settings.capital

    def rules(
        self, timezone: ZoneInfo, last_close: LastClose, instruments: Mapping[str, Instrument]
    ) -> tuple[Rule, ...]:
        """The constraints, in the order in which they give their reason; the exchange's where its master is given.

        ConfigError for limits that no entry could pass.
        """
        limits = self._limits
        self.require_sound()
        positions, graded = _limited(MaxOpenPositions, limits.max_open_positions), self._graded()
        found: tuple[Rule | None, ...] = (
            NotHalted(),
            SymbolFree(),
            TradingWindow(timezone, limits.entries_until),
            _limited(_while_closed, self.configuration.settings.market.only_while_closed),
            BarFreshness(int(age)) if (age := limits.bar_max_age_seconds) is not None else None,
            PriceSanity(limits.min_price, limits.max_price),
            ExitDefined(),
            NoShortDelivery() if self._delivers else None,
            OnePositionPerSymbol(),
            positions,
            _limited(MaxTradesPerDay, limits.max_trades_per_day),
            _limited(MaxTradesPerStrategy, limits.max_trades_per_strategy),
            _limited(StopCooldown, limits.stop_cooldown_minutes),
            _limited(ConsecutiveLosses, limits.max_consecutive_losses),
            _limited(MaxRejections, limits.max_rejections_per_day),
            _limited(BrokerCircuit, limits.max_broker_failures),
            PriceCollar(pct, last_close) if (pct := limits.price_collar_pct) is not None else None,
            ExchangeLimits(instruments) if instruments else None,
            LotSanity(limits.max_order_value, limits.max_order_quantity),
            *graded,
            None if limits.max_risk_score is None else self._score(limits.max_risk_score, positions, graded),
            CapitalAllocation(),
        )
        return tuple(rule for rule in found if rule is not None)

    @property
    def _delivers(self) -> bool:
        """Whether a strategy holds what it buys as delivery."""
        settings = self.configuration.settings
        section = settings.strategies
        styles = {one.style for one in section.entries.values()}
        if section.signals_file is not None:
            styles.add(section.signals_file.style)
        return any(product(style, settings.venue.charges) is Product.CNC for style in styles)

    def _graded(self) -> list[MoneyRule | Volatility | Correlation]:
        """Those that say how near their limit is, in the order in which they give their reason."""
        limits, sector = self._limits, self._limits.max_sector_pct
        found = (
            _limited(PositionSize, limits.max_position_pct),
            _limited(StrategyAllocation, limits.max_strategy_pct),
            None if sector is None else SectorConcentration(sector, self.sectors),
            _limited(Leverage, limits.max_leverage),
            _limited(FreeMargin, limits.min_free_margin_pct),
            _limited(Volatility, limits.max_volatility_pct),
            _limited(Correlation, limits.max_correlation),
        )
        return [rule for rule in found if rule is not None]

    def _score(self, limit: Decimal, positions: MaxOpenPositions | None, graded: Sequence[Graded]) -> RiskScore:
        lost = self.daily_loss
        found = (positions, *graded, None if lost is None else DailyLoss(lost))
        return RiskScore(limit, tuple(one for one in found if one is not None))

    @property
    def daily_loss(self) -> Decimal | None:
        """What a session may lose in money: the smaller of its two limits, None where neither is set."""
        limits, capital = self._limits, self._capital.amount
        share = None if limits.max_daily_loss_pct is None else capital * limits.max_daily_loss_pct / 100
        return min((limit for limit in (share, limits.max_daily_loss) if limit is not None), default=None)

    @property
    def floor(self) -> Decimal | None:
        """What the account is worth when the portfolio stop closes everything; None where there is no such stop."""
        limits, capital = self._limits, self._capital.amount
        return None if (pct := limits.portfolio_stop_pct) is None else capital * (100 - pct) / 100

    @cached_property
    def sectors(self) -> dict[str, str]:
        """The sector of each symbol in the configured file."""
        path = self._limits.sectors
        return {} if path is None else _sectors(path)

    def require_sound(self) -> None:
        """ConfigError for limits that mean nothing, or that no entry could pass."""
        limits = self._limits
        if limits.max_sector_pct is not None and limits.sectors is None:
            self._refuse("needs constraints.sectors, a CSV of symbol,sector", "max_sector_pct")
        positions = _limited(MaxOpenPositions, limits.max_open_positions)
        if limits.max_risk_score is not None and not self._score(Decimal(1), positions, self._graded()).graded:
            self._refuse("needs limits that it is reckoned from", "max_risk_score")
        capital, most = self._capital, limits.max_position_pct
        if most is not None and capital.allocation_pct * capital.leverage > most:
            takes = f"capital.allocation_pct {capital.allocation_pct} × leverage {capital.leverage}"
            self._refuse(f"{most} is less than one entry takes ({takes}): allocate less", "max_position_pct")

    def _refuse(self, problem: str, name: str) -> NoReturn:
        where = self.configuration.where(f"constraints.{name}", "constraints.preset")
        raise ConfigError(f"{where}: constraints.{name}: {problem}")


def _limited(rule: Callable[[Limit], Limited], limit: Limit | None) -> Limited | None:
    """The rule of a limit that is set."""
    return None if limit is None else rule(limit)


def _while_closed(market: str) -> OnlyWhileClosed:
    return OnlyWhileClosed(market, load(market).at)


def csv_rows(setting: str, path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with a header; ConfigError where it cannot be read."""
    try:
        return list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    except OSError as error:
        raise ConfigError(f"{setting}: {path}: {error.strerror}") from error


def _sectors(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, row in enumerate(csv_rows("constraints.sectors", path), 2):
        symbol, sector = ((row.get(name) or "").strip() for name in ("symbol", "sector"))
        if not symbol or not sector:
            raise ConfigError(f"{path}:{number}: expected columns symbol,sector")
        found[symbol] = sector
    return found
