"""What requests may hold, and the words in which OpenAlgo refuses the others.

Unknown fields and null are refused; numbers may come as numeric strings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from livetrader.brokers.openalgo.loopback.contracts import EXCHANGES

Read = Callable[[Any], Any]
_SHORT = ("1s", "5s", "10s", "15s", "30s", "45s", "1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m")
INTERVALS = (*_SHORT, "1h", "2h", "3h", "4h", "D", "W", "M", "Q", "Y")


class Invalid(Exception):
    """What is wrong with a value: a list of sentences, or an object of them by field."""

    def __init__(self, wrong: Any) -> None:
        super().__init__(str(wrong))
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class Field:
    """How a field is read; `default` stands for an optional one that is absent."""

    read: Read
    required: bool = True
    default: Any = None


Schema = Mapping[str, Field]


def load(schema: Schema, document: Any) -> dict[str, Any]:
    """The values of a request. Raises Invalid, with everything that is wrong."""
    if not isinstance(document, dict):
        raise Invalid({"_schema": ["Invalid input type."]})
    values, wrong = {}, {}
    for name, field in schema.items():
        try:
            values[name] = _value(field, document, name)
        except Invalid as error:
            wrong[name] = error.wrong
    wrong |= {name: ["Unknown field."] for name in document if name not in schema}
    if wrong:
        raise Invalid(wrong)
    return values


def _value(field: Field, document: Mapping[str, Any], name: str) -> Any:
    if name not in document:
        if field.required:
            raise Invalid(["Missing data for required field."])
        return field.default
    if document[name] is None:
        raise Invalid(["Field may not be null."])
    return field.read(document[name])


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid(["Not a valid string."])
    return value


def key(value: Any) -> str:
    if not 1 <= len(text(value)) <= 256:
        raise Invalid(["Length must be between 1 and 256."])
    return str(value)


def one_of(choices: Sequence[str]) -> Read:
    def read(value: Any) -> str:
        if text(value) not in choices:
            raise Invalid([f"Must be one of: {', '.join(choices)}."])
        return str(value)

    return read


def figure(says: str, *, positive: bool = False) -> Read:
    """A number that is not negative, or is `positive`; `says` what it must be."""

    def read(value: Any) -> Decimal:
        try:
            real = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            real = math.nan
        if not math.isfinite(real):
            raise Invalid(["Not a valid number."])
        if real < 0 or (positive and real == 0):
            raise Invalid([f"{says} must be a {'positive' if positive else 'non-negative'} number."])
        return Decimal(str(value))

    return read


def whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Invalid(["Not a valid integer."]) from None


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid(["Not a valid boolean."])
    return value


def day(value: Any) -> date:
    try:
        return date.fromisoformat(text(value))
    except ValueError:
        raise Invalid(["Not a valid date."]) from None


def each(schema: Schema, most: int = 1000) -> Read:
    """A list of 1 to `most` objects."""

    def read(value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            raise Invalid(["Not a valid list."])
        if not value:
            raise Invalid(["Shorter than minimum length 1."])
        if len(value) > most:
            raise Invalid([f"Longer than maximum length {most}."])
        found, wrong = [], {}
        for index, item in enumerate(value):
            try:
                found.append(load(schema, item))
            except Invalid as error:
                wrong[index] = error.wrong
        if wrong:
            raise Invalid(wrong)
        return found

    return read


def check_fraction(order: Mapping[str, Any]) -> None:
    """A fraction of a share is an error outside CRYPTO. Raises Invalid."""
    quantity = order["quantity"]
    if quantity % 1 and order["exchange"] != "CRYPTO":
        told = f"Fractional quantity ({quantity}) is not allowed for non-crypto exchanges."
        raise Invalid({"quantity": [told]})


_ACTION, _PRICETYPE = one_of(["BUY", "SELL", "buy", "sell"]), one_of(["MARKET", "LIMIT", "SL", "SL-M"])
_PRODUCT, _EXCHANGE = one_of(["MIS", "NRML", "CNC"]), one_of(EXCHANGES)
_PRICE, _TRIGGER, _ZERO = figure("Price"), figure("Trigger price"), Decimal(0)
_QUANTITY, _TEXT = figure("Quantity", positive=True), Field(text)

KEY: Schema = {"apikey": Field(key)}
STRATEGY: Schema = {**KEY, "strategy": _TEXT}
ORDER_ID: Schema = {**STRATEGY, "orderid": _TEXT}
SYMBOL: Schema = {**KEY, "symbol": _TEXT, "exchange": Field(_EXCHANGE)}
PLACE: Schema = {
    **STRATEGY,
    "exchange": Field(_EXCHANGE),
    "symbol": _TEXT,
    "action": Field(_ACTION),
    "quantity": Field(_QUANTITY),
    "pricetype": Field(_PRICETYPE, required=False, default="MARKET"),
    "product": Field(_PRODUCT, required=False, default="MIS"),
    "price": Field(_PRICE, required=False, default=_ZERO),
    "trigger_price": Field(_TRIGGER, required=False, default=_ZERO),
    "disclosed_quantity": Field(whole, required=False, default=0),
    "underlying_ltp": Field(figure("Underlying LTP"), required=False),
}
MODIFY: Schema = {
    **STRATEGY,
    "symbol": _TEXT,
    "exchange": Field(_EXCHANGE),
    "orderid": _TEXT,
    "action": Field(_ACTION),
    "product": Field(_PRODUCT),
    "pricetype": Field(_PRICETYPE),
    "price": Field(_PRICE),
    "quantity": Field(_QUANTITY),
    "disclosed_quantity": Field(whole),
    "trigger_price": Field(_TRIGGER),
}
OPEN_POSITION: Schema = {**STRATEGY, "symbol": _TEXT, "exchange": _TEXT, "product": Field(_PRODUCT)}
MARGIN: Schema = {
    **KEY,
    "positions": Field(
        each(
            {
                "symbol": _TEXT,
                "exchange": Field(_EXCHANGE),
                "action": Field(_ACTION),
                "quantity": _TEXT,
                "product": Field(_PRODUCT),
                "pricetype": Field(_PRICETYPE),
                "price": Field(text, required=False, default="0"),
                "trigger_price": Field(text, required=False, default="0"),
            },
            most=50,
        )
    ),
}
MULTIQUOTES: Schema = {**KEY, "symbols": Field(each({"symbol": _TEXT, "exchange": Field(_EXCHANGE)}))}
HISTORY: Schema = {
    **SYMBOL,
    "interval": Field(one_of(INTERVALS)),
    "start_date": Field(day),
    "end_date": Field(day),
    "source": Field(one_of(["api", "db"]), required=False, default="api"),
}
SEARCH: Schema = {**KEY, "query": _TEXT, "exchange": Field(_EXCHANGE, required=False)}
EXPIRY: Schema = {
    **KEY,
    "symbol": _TEXT,
    "exchange": Field(one_of(["NFO", "BFO", "MCX", "CDS"])),
    "instrumenttype": Field(one_of(["futures", "options"])),
}
INSTRUMENTS: Schema = {
    **KEY,
    "exchange": Field(_EXCHANGE, required=False),
    "format": Field(one_of(["json", "csv"]), required=False, default="json"),
}
TOGGLE: Schema = {**KEY, "mode": Field(boolean)}
HOLIDAYS: Schema = {**KEY, "year": Field(whole, required=False)}
TIMINGS: Schema = {**KEY, "date": Field(day)}
