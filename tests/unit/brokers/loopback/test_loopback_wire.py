"""The loopback API's JSON is read as agreed on, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from livetrader.brokers.loopback import wire
from tests.unit.brokers.loopback.loopback_samples import START, exchange, ticket


def book(name: str) -> dict[str, Any]:
    """A sound answer with one line, as JSON has it."""
    made = exchange()
    made.quote("INFY", Decimal(1000), START)
    made.submit(ticket())
    books = {"orders": made.order_book, "trades": made.trade_book, "positions": made.position_book}
    truth = (books | {"instruments": made.master})[name]()
    document: dict[str, Any] = {name: wire.plain(truth)}
    assert wire.lines(name, document) == truth
    return document


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, (_, readers) in wire.LINES.items() for field in readers]
)
@pytest.mark.parametrize("value", [17, True, [], {}, "NaN", "Infinity", "maybe"], ids=repr)
def test_a_line_with_a_field_of_another_kind_is_no_line(name: str, field: str, value: Any) -> None:
    """A text may say anything; numbers, times and states may not."""
    document = book(name)
    document[name][0][field] = value
    if isinstance(value, str) and wire.LINES[name][1][field] in (wire.text, wire.name):
        assert getattr(wire.lines(name, document)[0], field) == value
        return
    with pytest.raises(wire.Unreadable):
        wire.lines(name, document)


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, (_, readers) in wire.LINES.items() for field in readers]
)
def test_a_line_without_one_of_its_fields_is_no_line(name: str, field: str) -> None:
    document = book(name)
    del document[name][0][field]
    with pytest.raises(wire.Unreadable, match=f"'{field}' is missing"):
        wire.lines(name, document)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("orders", "broker_order_id", ""),
        ("orders", "placed_at", "2026-09-21T14:13:20"),
        ("orders", "quantity", None),
        ("orders", "state", "filled"),
        ("trades", "price", None),
        ("positions", "symbol", ""),
    ],
)
def test_what_has_to_be_there_is_there(name: str, field: str, value: Any) -> None:
    """Ids and symbols are not empty, times have their zone, quantities and prices are numbers."""
    document = book(name)
    document[name][0][field] = value
    with pytest.raises(wire.Unreadable):
        wire.lines(name, document)


@pytest.mark.parametrize("document", [None, [], {}, {"orders": None}, {"orders": {}}, {"orders": [[]]}, "orders"])
def test_what_is_no_book_is_not_an_empty_book(document: Any) -> None:
    with pytest.raises(wire.Unreadable):
        wire.lines("orders", document)


@pytest.mark.parametrize("quote", [None, {}, {"price": "1", "at": 0}, {"price": True, "at": 0}, {"price": 1}], ids=repr)
def test_a_quote_has_a_price_and_a_time(quote: Any) -> None:
    with pytest.raises(wire.Unreadable):
        wire.quotes({"quotes": {"INFY": quote}})
