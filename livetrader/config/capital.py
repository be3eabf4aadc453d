"""The section `capital`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from livetrader.config.fields import Number, setting
from livetrader.config.section import Section

# What a portfolio starts with where nothing is said: a million rupees would be an odd sum of dollars.
_DOLLARS = ("USD", "USDT", "USDC")
_DOLLAR_AMOUNT = 100_000


class Capital(Section):
    """The money, and how much of it one position takes."""

    amount: Number = setting(1_000_000, "Starting capital; in USD, USDT and USDC 100,000 if nothing is said.", gt=0)
    currency: str = setting("INR", "Its currency.", pattern="^[A-Z]{3,5}$")
    leverage: Number = setting(1, "Exposure allowed per unit of capital.", ge=1, le=125)
    allocation_pct: Number = setting(30, "Capital for one position, in percent.", gt=0, le=100)
    compound: bool = setting(False, "Size on the current capital (true) or the starting one.")
    lots: Literal["average", "fifo"] = setting(
        "average", "What a position cost that is closed in part: its average price, or fifo: the oldest lot goes first."
    )

    @model_validator(mode="before")
    @classmethod
    def _amount_of_the_currency(cls, value: object) -> object:
        if isinstance(value, dict) and value.get("currency") in _DOLLARS:
            return {"amount": _DOLLAR_AMOUNT, **value}
        return value


def deciding_capital(dumped: Mapping[str, Any]) -> dict[str, Any]:
    """What of the section's dump decides results: the way of counting where it is not by average price."""
    return {name: value for name, value in dumped.items() if (name, value) != ("lots", "average")}
