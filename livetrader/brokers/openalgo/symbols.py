"""Names of instruments, ours and OpenAlgo's.

    RELIANCE, M&M                      shares, on the home exchange
    NIFTY, BANKNIFTY, SENSEX           indices, on NSE_INDEX or BSE_INDEX
    NIFTY29DEC26FUT                    a future, on NFO or BFO: base, DDMMMYY, FUT
    NIFTY29DEC2626000CE                an option: base, DDMMMYY, strike without trailing zeros, CE or PE

What trades elsewhere has the exchange before it: BSE:RELIANCE.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

# The indices of the Bombay exchange; their derivatives trade there, too.
BSE_BASES = frozenset({"SENSEX", "BANKEX", "SENSEX50"})

# Delivered shares are the same shares wherever they were bought.
SHARES = frozenset({"NSE", "BSE"})

_DERIVATIVE = re.compile(rf"(.+?)\d{{2}}(?:{'|'.join(MONTHS)})\d{{2}}(?:FUT|\d+(?:\.\d+)?(?:CE|PE))")


@dataclass(frozen=True, slots=True)
class Symbols:
    """The two ways between names for a trader whose shares are on `home`. `indices` are read, never traded."""

    home: str = "NSE"
    indices: frozenset[str] = frozenset()

    def wire(self, name: str) -> tuple[str, str]:
        """OpenAlgo's (symbol, exchange) of a name of ours."""
        exchange, said, symbol = name.partition(":")
        return (symbol, exchange) if said else (name, self._exchange(name))

    def name(self, symbol: str, exchange: str) -> str:
        """Our name of OpenAlgo's symbol on an exchange."""
        return symbol if exchange == self._exchange(symbol) else f"{exchange}:{symbol}"

    def held(self, symbol: str, exchange: str) -> str:
        """Our name of what lies in the demat account, where an exchange is only a label."""
        return self.name(symbol, self.home if exchange in SHARES and self.home in SHARES else exchange)

    def _exchange(self, symbol: str) -> str:
        if symbol in self.indices:
            return "BSE_INDEX" if symbol in BSE_BASES else "NSE_INDEX"
        base = underlying(symbol)
        if base is None:
            return self.home
        return "BFO" if base in BSE_BASES or self.home == "BSE" else "NFO"


def underlying(symbol: str) -> str | None:
    """What a future or an option is on; None for anything else."""
    match = _DERIVATIVE.fullmatch(symbol)
    return None if match is None else match[1]


def future(base: str, expiry: date) -> str:
    return f"{base}{_day(expiry)}FUT"


def option(base: str, expiry: date, strike: Decimal, right: Literal["CE", "PE"]) -> str:
    """The symbol of an option; 24292.50 is written 24292.5, and 26000.00 is 26000."""
    plain = f"{strike:f}"
    return f"{base}{_day(expiry)}{plain.rstrip('0').rstrip('.') if '.' in plain else plain}{right}"


def _day(expiry: date) -> str:
    return f"{expiry.day:02d}{MONTHS[expiry.month - 1]}{expiry.year % 100:02d}"
