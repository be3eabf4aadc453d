"""What is wrong with the data that decisions were made on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataIssue:
    """Something wrong with the candles of a symbol, `count` times."""

    symbol: str
    kind: str
    count: int
    text: str = ""
