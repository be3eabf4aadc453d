"""The settings of the simulated venue."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from livetrader.config.fields import Number, setting
from livetrader.config.section import Section


class Realistic(Section):
    """What `model: realistic` assumes. Volatility and traded value are those of closed bars of the session."""

    slippage_floor_bps: Number = setting(2, "Least slippage, in basis points; crypto: 5.", ge=0, le=1000)
    slippage_cap_bps: Number = setting(
        10, "Most slippage, in basis points, and that of a session's first bar; crypto: 20.", ge=0, le=1000
    )
    volatility_weight: Number = setting(
        0.1, "Slippage for each basis point of a bar's volatility, in basis points.", ge=0, le=10
    )
    volatility_bars: int = setting(20, "Closed bars that volatility and traded value are taken from.", ge=1, le=500)
    participation_weight: Number = setting(
        0.2, "Slippage for each percent of the bar's volume that the order takes, in basis points.", ge=0, le=100
    )
    impact_coefficient: Number = setting(
        1, "Market impact: this × volatility × the root of order value / a bar's traded value.", ge=0, le=10
    )
    max_participation_pct: Number = setting(
        10, "Most of a bar's volume that is ours, in percent. The rest fills on the bars after it.", gt=0, le=100
    )
    latency_ms: int = setting(
        250, "Milliseconds until an order is at the venue: bars that have closed by then do not fill it.", ge=0,
        le=600_000,
    )  # fmt: skip

    @field_validator("slippage_cap_bps")
    @classmethod
    def _cap_is_above_the_floor(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        if value < info.data.get("slippage_floor_bps", value):
            raise PydanticCustomError("slippage", "must be at least slippage_floor_bps")
        return value


class Venue(Section):
    """The simulated venue: paper, replay and backtest fill here."""

    model: Literal["fixed", "realistic"] = setting(
        "fixed", "fixed (slippage_bps, whatever the size), or realistic: the assumptions below."
    )
    slippage_bps: Number = setting(2, "fixed: slippage against you, in basis points.", ge=0, le=1000)
    realistic: Realistic = setting({}, Realistic.__doc__)
    charges: Literal[
        "nse_intraday",
        "nse_delivery",
        "nse_futures",
        "nse_options",
        "binance_spot",
        "binance_futures",
        "none",
    ] = setting("nse_intraday", "Table of charges. Of shares the product chooses: MIS nse_intraday, CNC nse_delivery.")
    tick: Number = setting(0.05, "Smallest price step.", gt=0)
    lot: Number = setting(1, "Quantities are multiples of it.", gt=0)


def deciding_venue(dumped: Mapping[str, Any]) -> dict[str, Any]:
    """What of the section's dump decides results: under the fixed model none of what the realistic one assumes."""
    fixed = dumped["model"] == "fixed"
    return {name: value for name, value in dumped.items() if not fixed or name not in ("model", "realistic")}
