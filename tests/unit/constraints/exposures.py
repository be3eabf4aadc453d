"""An account as the rules see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from livetrader.constraints.gate import Exposure, Portfolio
from tests.unit.engine.trading_samples import at, sessions


def exposure(
    *,
    now: int | None = None,
    held: Collection[str] = (),
    pending: Collection[str] = (),
    closed: Collection[str] = (),
    trades: int = 0,
    by_strategy: Mapping[str, int] | None = None,
    available: str = "10000",
    leverage: str = "1",
    halts: Mapping[str, str] | None = None,
    frozen: Mapping[str, str] | None = None,
    **more: Any,
) -> Exposure:
    """A flat account in a session of twelve 5m bars with its square-off at the close of the tenth."""
    return Exposure(
        now=at(1) if now is None else now,
        session=sessions()[0],
        held=held,
        pending=pending,
        closed=closed,
        trades=trades,
        trades_by_strategy=by_strategy or {},
        available=Decimal(available),
        leverage=Decimal(leverage),
        halts=halts or {},
        frozen=frozen or {},
        **more,
    )


def worth(equity: str, by_strategy: Mapping[str, str] | None = None, lost: str = "0", **values: str) -> Portfolio:
    """An account that is worth `equity`, with positions of these values by symbol."""
    held = {symbol: Decimal(value) for symbol, value in values.items()}
    strategies = {name: Decimal(value) for name, value in (by_strategy or {}).items()}
    return Portfolio(Decimal(equity), held, strategies, Decimal(lost))
