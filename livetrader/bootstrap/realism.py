"""The realistic fill model as it is configured."""

from __future__ import annotations

from livetrader.config import Settings
from livetrader.domain.liquidity import Realism


def realism(settings: Settings) -> Realism | None:
    """The assumptions of the realistic model; None where it is not chosen."""
    chosen = settings.venue.realistic
    if settings.venue.model == "fixed":
        return None
    return Realism(
        slippage_floor_bps=float(chosen.slippage_floor_bps),
        slippage_cap_bps=float(chosen.slippage_cap_bps),
        volatility_weight=float(chosen.volatility_weight),
        volatility_bars=chosen.volatility_bars,
        participation_weight=float(chosen.participation_weight),
        impact_coefficient=float(chosen.impact_coefficient),
        max_participation_pct=chosen.max_participation_pct,
        latency_ms=chosen.latency_ms,
    )
