"""The section `constraints`: limits one by one, and presets of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from livetrader.config.fields import ClockTime, FilePath, Percent, Positive, Share, setting
from livetrader.config.section import Section

Preset = Literal["nse_intraday", "nifty_options", "crypto", "conservative"]

PRESETS: Mapping[str, Mapping[str, object]] = {
    "nse_intraday": {
        "max_open_positions": 5,
        "max_position_pct": 10,
        "max_leverage": 5,
        "min_free_margin_pct": 20,
        "max_strategy_pct": 30,
        "max_daily_loss_pct": 2,
        "portfolio_stop_pct": 10,
        "stop_cooldown_minutes": 15,
        "max_consecutive_losses": 4,
        "max_rejections_per_day": 5,
        "max_broker_failures": 3,
        "max_volatility_pct": 4,
        "max_correlation": 0.7,
        "max_risk_score": 0.7,
    },
    "nifty_options": {
        "max_open_positions": 3,
        "max_position_pct": 10,
        "max_leverage": 10,
        "min_free_margin_pct": 20,
        "max_daily_loss": 10_000,
        "portfolio_stop_pct": 10,
        "stop_cooldown_minutes": 60,
        "max_consecutive_losses": 3,
        "max_rejections_per_day": 5,
        "max_broker_failures": 3,
        "max_risk_score": 0.7,
    },
    "crypto": {
        "max_open_positions": 5,
        "max_position_pct": 10,
        "max_leverage": 3,
        "min_free_margin_pct": 20,
        "max_strategy_pct": 40,
        "max_daily_loss_pct": 5,
        "portfolio_stop_pct": 20,
        "stop_cooldown_minutes": 30,
        "max_consecutive_losses": 5,
        "max_rejections_per_day": 5,
        "max_broker_failures": 3,
        "max_volatility_pct": 8,
        "max_risk_score": 0.7,
    },
    "conservative": {
        "max_open_positions": 3,
        "max_position_pct": 5,
        "max_leverage": 1,
        "min_free_margin_pct": 40,
        "max_strategy_pct": 10,
        "max_daily_loss_pct": 1,
        "portfolio_stop_pct": 5,
        "stop_cooldown_minutes": 60,
        "max_consecutive_losses": 2,
        "max_rejections_per_day": 3,
        "max_broker_failures": 2,
        "max_volatility_pct": 3,
        "max_correlation": 0.5,
        "max_risk_score": 0.5,
    },
}


class Constraints(Section):
    """Pre-trade limits. null is what the preset says; without a preset, it switches a limit off."""

    preset: Preset | None = setting(None, "Limits that hold where none is set here; null: none.")
    max_open_positions: int | None = setting(3, "Positions open at once.", ge=1)
    max_trades_per_day: int | None = setting(5, "Entries in one session.", ge=1)
    max_trades_per_strategy: int | None = setting(1, "Entries of one strategy in a session.", ge=1)
    one_position_per_symbol: Literal[True] = setting(True, "A symbol has at most one open position. Always on.")
    min_price: Positive | None = setting(None, "Cheapest price that is bought or sold short.")
    max_price: Positive | None = setting(None, "Dearest price that is bought or sold short.")
    max_order_value: Positive | None = setting(None, "Largest value of one order.")
    max_order_quantity: Positive | None = setting(None, "Largest quantity of one order.")
    bar_max_age_seconds: float | None = setting(
        60,
        "An entry on a bar that closed longer ago is refused; so long an entry that cannot be sent is tried again, "
        "and a late pass still sends parts of orders that go out over time (null: no entry is too old, those two are "
        "60 s).",
        gt=0,
    )
    entries_until: ClockTime | None = setting(None, "Exchange time from which no entry is taken.")
    price_collar_pct: Positive | None = setting(
        20, "How far an entry's price may lie from the symbol's last close before it, in percent."
    )
    max_position_pct: Positive | None = setting(
        None, "Largest value of one position, in percent of what the account is worth."
    )
    max_leverage: Positive | None = setting(
        None, "Largest value of all positions and entries under way, as a multiple of what the account is worth."
    )
    min_free_margin_pct: Percent | None = setting(
        None, "What an entry must leave neither invested nor reserved, in percent of what the account is worth."
    )
    max_strategy_pct: Positive | None = setting(
        None, "Largest value of one strategy's positions, in percent of what the account is worth."
    )
    max_daily_loss_pct: Positive | None = setting(
        None, "A session that has lost so much of capital.amount, in percent, takes no more entries."
    )
    max_daily_loss: Positive | None = setting(
        None, "A session that has lost so much, in money, takes no more entries; beside a percentage the smaller holds."
    )
    portfolio_stop_pct: Percent | None = setting(
        None, "An account that has lost so much of capital.amount, in percent, closes everything and takes no entries."
    )
    stop_cooldown_minutes: Positive | None = setting(
        None, "Minutes for which a symbol takes no entry after a stop was reached in it."
    )
    max_consecutive_losses: int | None = setting(
        None, "A session takes no more entries after so many losing trades in a row.", ge=1
    )
    max_rejections_per_day: int | None = setting(
        None, "A session takes no more entries after the broker has rejected so many.", ge=1
    )
    max_broker_failures: int | None = setting(
        None, "After so many entries in a row without an answer of the broker's, entries pause for 5 minutes.", ge=1
    )
    sectors: FilePath | None = setting(None, "CSV of symbol,sector, for max_sector_pct.")
    max_sector_pct: Positive | None = setting(
        None, "Largest value of one sector's positions, in percent of what the account is worth."
    )
    max_volatility_pct: Positive | None = setting(
        None, "Largest standard deviation of a symbol's daily returns, in percent, over up to 60 sessions."
    )
    max_correlation: Share | None = setting(
        None, "Largest correlation of a symbol's daily returns with those of a position, over up to 60 sessions."
    )
    max_risk_score: Share | None = setting(None, "Largest mean share of the limits that an entry would take.")

    @model_validator(mode="before")
    @classmethod
    def _preset_fills_in(cls, value: object) -> object:
        """A limit that is not set, or null, is the preset's."""
        if not isinstance(value, dict) or not isinstance(chosen := value.get("preset"), str):
            return value
        given = {name: one for name, one in value.items() if one is not None}
        return {**value, **PRESETS.get(chosen, {}), **given}


# Limits that were there from the first: their being off is part of a configuration's identity.
_FIRST = frozenset({
    "max_open_positions", "max_trades_per_day", "max_trades_per_strategy", "one_position_per_symbol", "min_price",
    "max_price", "max_order_value", "bar_max_age_seconds", "entries_until", "price_collar_pct", "max_daily_loss_pct",
})  # fmt: skip


def deciding(dumped: Mapping[str, Any]) -> dict[str, Any]:
    """What of the section's dump decides results: the limits, however they were set. One that is off is none."""
    return {name: limit for name, limit in dumped.items() if limit is not None or name in _FIRST}
