"""The section `strategies.entries.NAME.execution`: how a strategy's entries go out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from livetrader.config.fields import Number, setting
from livetrader.config.section import Section


class Execution(Section):
    """How the entries of a strategy go out: at once, at a limit, or over time in child orders."""

    kind: Literal["market", "limit", "twap", "vwap", "iceberg"] = setting(
        "market", "market, limit (at the signal's price), twap, vwap or iceberg (at the signal's price, too)."
    )
    slices: int = setting(6, "twap, vwap: the number of child orders.", ge=1, le=500)
    over_minutes: int = setting(30, "twap, vwap: the time that they are spread over.", ge=1, le=1440)
    visible_pct: Number = setting(20, "iceberg: how much of it is seen at a time.", gt=0, le=100)


def deciding_execution(dumped: Mapping[str, Any]) -> dict[str, Any]:
    """What of the section's dump decides results: at market, nothing."""
    return {} if dumped["kind"] == "market" else dict(dumped)
