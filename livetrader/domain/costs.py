"""What a fill costs: brokerage, taxes and fees, by dated tables in `data/charges.csv`.

Every rate stands there with the day from which it holds and its source; `checked` is "no" where no public
source confirmed the rate or its date. A new rate is a new line, never a changed one: old sessions keep their
old charges.
"""

from __future__ import annotations

import csv
import difflib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

from livetrader.domain.instrument import Product
from livetrader.domain.order import Action
from livetrader.errors import ConfigError, DataError

ZERO = Decimal(0)
HUNDRED = Decimal(100)
QUANTA = {"INR": Decimal("0.01"), "USDT": Decimal("0.00000001")}
DATA = Path(__file__).parent / "data" / "charges.csv"


@dataclass(frozen=True, slots=True)
class Charges:
    """What one fill costs, in the table's currency. A crypto venue's maker or taker fee is `exchange`."""

    brokerage: Decimal
    stt: Decimal
    exchange: Decimal
    sebi: Decimal
    stamp: Decimal
    gst: Decimal
    depository: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """One line of the data file: a charge, from the day on which it holds.

    `buy` and `sell` are fractions of the fill's value (of the sum of the charges `on`, for GST); `cap` bounds
    the amount; `flat` is an amount in itself.
    """

    charge: str
    since: date
    buy: Decimal
    sell: Decimal
    cap: Decimal | None
    flat: Decimal
    on: tuple[str, ...]
    checked: bool
    source: str


@dataclass(frozen=True, slots=True)
class _Leg:
    """The rates of one action at one time, added up so that a call is a handful of products."""

    brokerage: Decimal
    cap: Decimal | None
    flat: Decimal
    stt: Decimal
    maker: Decimal
    taker: Decimal
    sebi: Decimal
    stamp: Decimal
    gst: Decimal
    gst_on_sebi: bool
    depository: Decimal


OF_SHARES = {Product.MIS: "nse_intraday", Product.CNC: "nse_delivery"}


class ChargeTable:
    """The charges of one kind of trading, by date."""

    def __init__(self, name: str, currency: str, rates: Iterable[Rate]) -> None:
        self.name = name
        self.currency = currency
        self._rates = tuple(sorted(rates, key=lambda rate: rate.since))
        self._quantum = QUANTA[currency]
        self._since = sorted({rate.since for rate in self._rates})
        self._legs = [{action: _leg(self.rates(since), action) for action in Action} for since in self._since]

    def rates(self, on: date) -> tuple[Rate, ...]:
        """The rates in force on `on`, for the report's assumptions."""
        return tuple({rate.charge: rate for rate in self._rates if rate.since <= on}.values())

    def of(self, product: Product) -> ChargeTable:
        """The table of what is held as `product`: shares are charged by the session or as delivery, whichever of the
        two tables was named."""
        name = OF_SHARES.get(product)
        return self if name is None or self.name not in OF_SHARES.values() else charge_table(name)

    @property
    def readings(self) -> tuple[ChargeTable, ...]:
        """The tables that a fill under this one may be charged by, itself first."""
        return tuple(dict.fromkeys((self, *(self.of(product) for product in Product))))

    def charges(
        self,
        action: Action,
        quantity: Decimal,
        price: Decimal,
        on: date,
        *,
        maker: bool = False,
        depository: bool = False,
        before: Decimal = ZERO,
    ) -> Charges:
        """What a fill of `quantity` at `price` costs on the exchange date `on`.

        Each charge is rounded half up to the paisa (1e-8 for crypto) and the total is their sum. Brokerage is
        per order: `before` is the value that earlier fills of the order had, and its flat part and its cap count
        once. `depository` adds the fee for a sale out of the demat account, which is due once a day and symbol: the
        caller knows when. DataError before the first rate.
        """
        leg = self._leg(action, on)
        value = quantity * price
        brokerage = self._brokerage(leg, before + value)
        if before:
            brokerage -= self._brokerage(leg, before)
        exchange = self._round(value * (leg.maker if maker else leg.taker))
        sebi = self._round(value * leg.sebi)
        fee = leg.depository if depository else ZERO
        taxed = brokerage + exchange + fee + (sebi if leg.gst_on_sebi else ZERO)
        gst = self._round(taxed * leg.gst)
        stt = self._round(value * leg.stt)
        stamp = self._round(value * leg.stamp)
        total = brokerage + stt + exchange + sebi + stamp + gst + fee
        return Charges(brokerage, stt, exchange, sebi, stamp, gst, fee, total)

    def _brokerage(self, leg: _Leg, value: Decimal) -> Decimal:
        """The brokerage of one order of `value`."""
        brokerage = value * leg.brokerage + leg.flat
        return self._round(brokerage if leg.cap is None else min(brokerage, leg.cap))

    def _leg(self, action: Action, on: date) -> _Leg:
        row = bisect_right(self._since, on) - 1
        if row < 0:
            raise DataError(
                f"charge table {self.name!r} begins on {self._since[0]}, not by {on}: choose later sessions, "
                "or `charges: none`"
            )
        return self._legs[row][action]

    def _round(self, amount: Decimal) -> Decimal:
        return amount.quantize(self._quantum, ROUND_HALF_UP)


def _leg(rates: Sequence[Rate], action: Action) -> _Leg:
    """The rates of `action`, out of those in force on one day."""
    by_charge = {rate.charge: rate for rate in rates}

    def fraction(*charges: str) -> Decimal:
        found = [by_charge[charge] for charge in charges if charge in by_charge]
        return sum((rate.buy if action is Action.BUY else rate.sell for rate in found), ZERO)

    brokerage, depository, gst = (by_charge.get(charge) for charge in ("brokerage", "depository", "gst"))
    return _Leg(
        brokerage=fraction("brokerage"),
        cap=brokerage.cap if brokerage else None,
        flat=brokerage.flat if brokerage else ZERO,
        stt=fraction("stt"),
        maker=fraction("exchange", "ipft", "maker"),
        taker=fraction("exchange", "ipft", "taker"),
        sebi=fraction("sebi"),
        stamp=fraction("stamp"),
        gst=fraction("gst"),
        gst_on_sebi=gst is not None and "sebi" in gst.on,
        depository=depository.flat if depository and action is Action.SELL else ZERO,
    )


def charge_table(name: str) -> ChargeTable:
    """The table `name`; ConfigError, with the nearest name, where there is none."""
    tables = _tables()
    if name in tables:
        return tables[name]
    near = difflib.get_close_matches(name, tables, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(tables)}"
    raise ConfigError(f"charges: unknown charge table {name!r}; {hint}")


def charge_tables() -> tuple[str, ...]:
    """The names of all tables."""
    return tuple(_tables())


@cache
def _tables() -> Mapping[str, ChargeTable]:
    rates: dict[str, list[Rate]] = {}
    currency: dict[str, str] = {}
    with DATA.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            for name in line["tables"].split():
                rates.setdefault(name, []).append(_rate(line))
                currency[name] = line["currency"]
    return {name: ChargeTable(name, currency[name], rates[name]) for name in sorted(rates)}


def _rate(line: Mapping[str, str]) -> Rate:
    return Rate(
        charge=line["charge"],
        since=date.fromisoformat(line["since"]),
        buy=Decimal(line["buy_pct"] or 0) / HUNDRED,
        sell=Decimal(line["sell_pct"] or 0) / HUNDRED,
        cap=Decimal(line["cap"]) if line["cap"] else None,
        flat=Decimal(line["flat"] or 0),
        on=tuple(line["on"].split()),
        checked=line["checked"] == "yes",
        source=line["source"],
    )
