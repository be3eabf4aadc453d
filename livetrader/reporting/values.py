"""How values are written in the JSON documents: equal ones as equal text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

from livetrader.reporting.statistics import Summary

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Document: TypeAlias = "Mapping[str, Json]"


def exact(value: Decimal) -> str:
    """A Decimal as text: the same text for equal values, whatever their exponents."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def utc(at: datetime | int) -> str:
    """An instant (aware, or epoch seconds) in ISO 8601, UTC, with `Z`."""
    when = datetime.fromtimestamp(at, UTC) if isinstance(at, int) else at.astimezone(UTC)
    return when.replace(tzinfo=None).isoformat() + "Z"


def summary_json(summary: Summary) -> dict[str, Json]:
    """Trades added up, by the names of the fields."""
    return {field.name: plain(getattr(summary, field.name)) for field in fields(summary)}


def plain(value: Decimal | float | int | None) -> Json:
    """Any number."""
    return exact(value) if isinstance(value, Decimal) else number(value)


def number(value: float | None) -> Json:
    """A number that is not exact; null where it is none."""
    return None if value is None or not math.isfinite(value) else value
