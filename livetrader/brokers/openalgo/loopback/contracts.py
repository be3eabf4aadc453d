"""The master contract: each listing of the exchange under the names that OpenAlgo has for it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from livetrader.domain.instrument import Instrument

_SEGMENTS = ("NSE", "NFO", "CDS", "BSE", "BFO", "BCD", "MCX", "NCDEX", "NCO")
EXCHANGES = (*_SEGMENTS, "NSE_INDEX", "BSE_INDEX", "MCX_INDEX", "GLOBAL_INDEX", "CRYPTO")  # as its errors list them
BSE_BASES = ("SENSEX", "BANKEX", "SENSEX50")
INDICES: Mapping[str, str] = {
    **dict.fromkeys(("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "INDIAVIX"), "NSE_INDEX"),
    **dict.fromkeys(BSE_BASES, "BSE_INDEX"),
}
NO_FREEZE = 1  # what OpenAlgo says of a symbol without a freeze quantity
_DERIVATIVE = re.compile(r"([A-Z0-9&-]+?)(\d\d[A-Z]{3}\d\d)(?:(FUT)|(\d+(?:\.\d+)?)(CE|PE))")


@dataclass(frozen=True, slots=True)
class Contract:
    """A listing. `expiry` is 29-DEC-26, empty where there is none; `kind` is EQ, FUT, CE or PE."""

    instrument: Instrument
    exchange: str
    name: str
    kind: str = "EQ"
    expiry: str = ""
    strike: float = 0.0

    @classmethod
    def of(cls, instrument: Instrument) -> Contract:
        symbol = instrument.symbol
        if instrument.lot % 1:  # a fraction is allowed nowhere else
            return cls(instrument, "CRYPTO", symbol)
        parts = _DERIVATIVE.fullmatch(symbol)
        if parts is None:
            return cls(instrument, INDICES.get(symbol, "NSE"), symbol)
        base, day, future, strike, option = parts.groups()
        exchange = "BFO" if base in BSE_BASES else "NFO"
        return cls(
            instrument, exchange, base, future or option, f"{day[:2]}-{day[2:5]}-{day[5:]}", float(strike or 0.0)
        )

    @property
    def tick(self) -> float:
        return float(self.instrument.tick)

    @property
    def freeze(self) -> int | float:
        return number(self.instrument.freeze_quantity or Decimal(NO_FREEZE))

    def row(self) -> dict[str, Any]:
        """The line of `instruments`, which has no freeze quantity."""
        symbol = self.instrument.symbol
        return {
            "brexchange": self.exchange,
            "brsymbol": symbol,
            "exchange": self.exchange,
            "expiry": self.expiry,
            "instrumenttype": self.kind,
            "lotsize": number(self.instrument.lot),
            "name": self.name,
            "strike": self.strike,
            "symbol": symbol,
            "tick_size": self.tick,
            "token": str(self.token),
        }

    @property
    def token(self) -> int:
        return zlib.crc32(self.instrument.symbol.encode())


class Contracts:
    """All of them, of instruments that may be relisted."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments

    def find(self, symbol: str, exchange: str) -> Contract | None:
        """The contract of that name on that exchange."""
        instrument = self._instruments.get(symbol)
        found = None if instrument is None else Contract.of(instrument)
        return found if found is not None and found.exchange == exchange else None

    def exchange(self, symbol: str) -> str:
        return Contract.of(self._instruments[symbol]).exchange

    def __iter__(self) -> Iterator[Contract]:
        return map(Contract.of, self._instruments.values())


def number(value: Decimal) -> int | float:
    """A figure as JSON has it: whole ones without a fraction."""
    return int(value) if value == value.to_integral_value() else float(value)
