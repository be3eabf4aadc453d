"""The loopback API's JSON: written by the server, read by the client without believing a word of it.

Numbers that matter (quantities, prices, money) travel as strings, times as ISO 8601. A quote's price is a JSON number,
for feeds are like that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from livetrader.brokers.loopback.exchange import Quote
from livetrader.brokers.loopback.rules import Ticket
from livetrader.domain.books import BrokerOrder, BrokerPosition, BrokerTrade
from livetrader.domain.instrument import Instrument, Product
from livetrader.domain.order import Action, OrderType
from livetrader.domain.order_state import OrderState

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Reader = Callable[[Any], Any]


class Unreadable(Exception):
    """What came is not what was agreed on."""


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"{value!r} is no text")
    return value


def name(value: Any) -> str:
    """A text that names something."""
    if not text(value):
        raise Unreadable("a name is empty")
    return str(value)


def decimal(value: Any) -> Decimal:
    try:
        number = Decimal(text(value))
    except InvalidOperation as error:
        raise Unreadable(f"{value!r} is no number") from error
    if not number.is_finite():
        raise Unreadable(f"{value!r} is no amount")
    return number


def real(value: Any) -> float:
    """A float as a feed gives it, NaN and infinity included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"{value!r} is no number")
    return float(value)


def band(value: Any) -> tuple[Decimal, Decimal]:
    """The lowest and the highest price."""
    if not isinstance(value, list) or len(value) != 2:
        raise Unreadable(f"{value!r} is no band")
    return decimal(value[0]), decimal(value[1])


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unreadable(f"{value!r} is neither true nor false")
    return value


def moment(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(text(value))
    except ValueError as error:
        raise Unreadable(f"{value!r} is no time") from error
    if at.tzinfo is None:
        raise Unreadable(f"{value!r} has no time zone")
    return at


def one_of(kind: type[E]) -> Callable[[Any], E]:
    def read(value: Any) -> E:
        try:
            return kind(text(value))
        except ValueError as error:
            raise Unreadable(f"{value!r} is no {kind.__name__}") from error

    return read


def optional(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else read(value)


TICKET: Mapping[str, Reader] = {
    "tag": text,
    "symbol": name,
    "action": one_of(Action),
    "product": one_of(Product),
    "order_type": one_of(OrderType),
    "quantity": decimal,
    "limit_price": optional(decimal),
    "trigger_price": optional(decimal),
    "protected": boolean,
    "algo_id": text,
}
ORDER: Mapping[str, Reader] = {
    "broker_order_id": name,
    **{field: read for field, read in TICKET.items() if field not in ("protected", "algo_id")},
    "filled_quantity": decimal,
    "average_price": decimal,
    "state": one_of(OrderState),
    "placed_at": moment,
    "reason": text,
}
TRADE: Mapping[str, Reader] = {
    "trade_id": name,
    "broker_order_id": name,
    "symbol": name,
    "action": one_of(Action),
    "product": one_of(Product),
    "quantity": decimal,
    "price": decimal,
    "charges": optional(decimal),
    "traded_at": moment,
}
POSITION: Mapping[str, Reader] = {
    "symbol": name,
    "product": one_of(Product),
    "quantity": decimal,
    "average_price": decimal,
}
INSTRUMENT: Mapping[str, Reader] = {
    "symbol": name,
    "tick": decimal,
    "lot": decimal,
    "freeze_quantity": optional(decimal),
    "band": optional(band),
}
QUOTE: Mapping[str, Reader] = {"price": real, "at": real}
LINES: Mapping[str, tuple[type, Mapping[str, Reader]]] = {
    "orders": (BrokerOrder, ORDER),
    "trades": (BrokerTrade, TRADE),
    "positions": (BrokerPosition, POSITION),
    "instruments": (Instrument, INSTRUMENT),
}


def member(document: Any, key: str) -> Any:
    """`document[key]`; Unreadable if it is no object, or lacks it."""
    if not isinstance(document, dict) or key not in document:
        raise Unreadable(f"{key!r} is missing")
    return document[key]


def record(kind: Callable[..., T], readers: Mapping[str, Reader], document: Any) -> T:
    """A `kind` of the fields in `readers`, all of which must be there; others are ignored."""
    return kind(**{field: read(member(document, field)) for field, read in readers.items()})


def ticket(document: Any) -> Ticket:
    return record(Ticket, TICKET, document)


def lines(book: str, document: Any) -> tuple[Any, ...]:
    """The lines of a book in an answer: BrokerOrders, BrokerTrades, BrokerPositions or Instruments."""
    found = member(document, book)
    if not isinstance(found, list):
        raise Unreadable(f"{book!r} is no list")
    kind, readers = LINES[book]
    return tuple(record(kind, readers, line) for line in found)


def quotes(document: Any) -> dict[str, Quote]:
    found = member(document, "quotes")
    if not isinstance(found, dict):
        raise Unreadable("'quotes' is no object")
    return {name(symbol): record(Quote, QUOTE, quote) for symbol, quote in found.items()}


def plain(value: Any) -> Any:
    """A domain value as JSON has it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value
