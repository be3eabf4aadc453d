"""The mode latch: what can send an order is made with a value that only live mode can make. Source: ORDERS.md."""

from __future__ import annotations

from dataclasses import dataclass

from livetrader.errors import ConfigError


@dataclass(frozen=True, slots=True)
class LivePermit:
    """Leave to construct a client that sends orders. ConfigError in every mode but live."""

    mode: str

    def __post_init__(self) -> None:
        if self.mode != "live":
            raise ConfigError(f"mode: {self.mode}: may not send orders; only `livetrader run --mode live` does")
