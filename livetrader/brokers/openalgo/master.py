"""OpenAlgo's instrument master: ticks and lots of a whole exchange, and the file that keeps them for a day."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog

from livetrader import files
from livetrader.brokers.openalgo.answers import Unreadable, amount, identifier, member, optional, rows
from livetrader.brokers.openalgo.symbols import Symbols, underlying
from livetrader.domain.instrument import Instrument, is_symbol
from livetrader.errors import LiveTraderError
from livetrader.market.nse import IST

log = structlog.get_logger(__name__)

# Brokers have published the contracts of the day by then; what was read before may be of the day before.
MORNING = time(8, 30)

# The bases whose options have a freeze quantity that is small enough to be met.
FROZEN_BASES = frozenset({"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX", "SENSEX50"})


def instrument(row: Any, symbols: Symbols) -> Instrument:
    """A row of the master. A freeze quantity that is no more than a lot (shares have 1) means that none is known."""
    symbol, exchange = identifier(member(row, "symbol")), identifier(member(row, "exchange"))
    if not (is_symbol(symbol) and is_symbol(exchange)):
        raise Unreadable(f"{symbol!r} on {exchange!r} is no symbol")
    tick, lot = amount(member(row, "tick_size")), amount(member(row, "lotsize"))
    if tick <= 0 or lot <= 0:
        raise Unreadable(f"{exchange}:{symbol} has a tick of {tick} and a lot of {lot}")
    freeze = optional(amount, row, "freeze_qty") or lot
    return Instrument(symbols.name(symbol, exchange), tick, lot, freeze if freeze > lot else None)


def listed(document: Any, symbols: Symbols) -> tuple[list[Instrument], list[str]]:
    """All instruments of an answer, and what is wrong with the rows that are none."""
    found, wrong = [], []
    for row in rows(document, "data"):
        try:
            found.append(instrument(row, symbols))
        except Unreadable as error:
            wrong.append(str(error))
    return found, wrong


def samples(found: Iterable[Instrument]) -> dict[str, str]:
    """One option or future for each base that has a freeze quantity and does not say it."""
    bases = ((underlying(one.symbol), one) for one in found)
    return {base: one.symbol for base, one in bases if base in FROZEN_BASES and one.freeze_quantity is None}


def frozen(one: Instrument, freezes: Mapping[str, Decimal | None]) -> Instrument:
    """The instrument with the freeze quantity of its base."""
    freeze = freezes.get(underlying(one.symbol) or "")
    return one if freeze is None or one.freeze_quantity is not None else replace(one, freeze_quantity=freeze)


@dataclass(frozen=True, slots=True)
class MasterFile:
    """Keeps the master at `path` for the rest of the day. `source` says whose it is: another's is not taken."""

    path: Path
    source: str

    def load(self, now: datetime) -> tuple[Instrument, ...] | None:
        """The master of the day that `now` is in; None where the file has none, or an older one."""
        try:
            document = json.loads(self.path.read_text("utf-8"))
            if member(document, "source") != self.source or not self._of_today(document, now):
                return None
            return tuple(_instrument(*line) for line in rows(document, "instruments"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, ArithmeticError, Unreadable) as error:
            log.warning("the kept instrument master is of no use", file=str(self.path), error=str(error))
            return None

    def save(self, found: Sequence[Instrument], now: datetime) -> None:
        """Keep a master that was read `now`. Where that fails, the next process reads it from the broker."""
        lines = [
            [one.symbol, str(one.tick), str(one.lot), None if one.freeze_quantity is None else str(one.freeze_quantity)]
            for one in found
        ]
        document = {"source": self.source, "read_at": now.isoformat(), "instruments": lines}
        try:
            files.write(self.path, json.dumps(document, separators=(",", ":")))
        except LiveTraderError as error:
            log.warning("the instrument master cannot be kept", error=str(error))

    def _of_today(self, document: Any, now: datetime) -> bool:
        read_at = datetime.fromisoformat(member(document, "read_at")).astimezone(IST)
        here = now.astimezone(IST)
        fresh = read_at.time() >= MORNING or here.time() < MORNING
        return read_at.date() == here.date() and read_at <= here and fresh


def _instrument(symbol: str, tick: str, lot: str, freeze: str | None) -> Instrument:
    return Instrument(symbol, Decimal(tick), Decimal(lot), None if freeze is None else Decimal(freeze))
