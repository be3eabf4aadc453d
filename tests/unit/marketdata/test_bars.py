"""Bars as a database gives them become the columns that a store promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.candles import FIELDS, Floats
from livetrader.marketdata.bars import joined, naming, ordered
from livetrader.marketdata.postgres.arrays import floats, seconds, texts

NAN = float("nan")


def fields(*volumes: float, close: tuple[float, ...] = ()) -> list[Floats]:
    """Five fields; the price of each bar is its place."""
    price = np.arange(len(volumes), dtype=float)
    return [price, price, price, np.array(close) if close else price, np.array(volumes, float)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), unique=True), st.data())
def test_whatever_the_order_of_bars_is_they_come_by_time_and_symbol(
    bars: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Symbols are asked for in one order and sorted in another; the fields move with their bar."""
    asked = data.draw(st.permutations(["A", "B", "C", "D"]))
    names = naming(asked, [f"NSE:{name}" for name in asked])
    stored = [f"NSE:{asked[symbol]}" for symbol, _ in bars]
    values = np.array([100 * ts + ord(asked[symbol]) for symbol, ts in bars], float)
    part = ordered(names, names.rank(stored), np.array([ts for _, ts in bars], np.int64), [values] * len(FIELDS))
    columns = joined([part], asked)
    found = [(ts, columns.symbols[code]) for ts, code in zip(columns.ts.tolist(), columns.symbol.tolist(), strict=True)]
    assert found == sorted((ts, asked[symbol]) for symbol, ts in bars)
    assert columns.volume.tolist() == [100 * ts + ord(name) for ts, name in found]


@pytest.mark.parametrize(
    ("volumes", "close", "kept"),
    [
        ((5, 9, 7), (1, 2, 3), 2),
        ((9, 5, 7), (1, 2, 3), 1),
        ((NAN, 5, NAN), (1, 2, 3), 2),
        ((5, 5, 5), (1, 3, 2), 3),
        ((NAN, NAN, NAN), (NAN, NAN, 4), 4),
    ],
    ids=["the largest in the middle", "the largest first", "some have none", "all alike: by price", "nothing known"],
)
def test_of_bars_of_the_same_symbol_and_time_the_one_with_the_most_volume_counts(
    volumes: tuple[float, ...], close: tuple[float, ...], kept: float
) -> None:
    """Whatever the order is in which they come: a table without a key has none."""
    names = naming(["A"], ["A"])
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        columns = [field[order] for field in fields(*volumes, close=close)]
        part = ordered(names, names.rank(["A"] * 3), np.zeros(3, np.int64), columns)
        assert part.fields[3].tolist() == [kept]


def test_names_that_nobody_asked_for_and_infinite_numbers_are_left_out() -> None:
    names = naming(["B"], ["B"])
    volumes = fields(1.0, float("inf"), 3.0)
    part = ordered(names, names.rank(["A", "B", "B"]), np.array([0, 0, 1]), volumes)
    assert part.ts.tolist() == [0, 1]
    np.testing.assert_array_equal(part.fields[4], [NAN, 3.0])


def test_parts_without_named_symbols_have_those_that_were_found() -> None:
    parts = [
        ordered(naming(found, found), np.array([0, 1], np.int32), np.array([at, at]), fields(1, 2))
        for at, found in ((0, ["B", "C"]), (1, ["A", "C"]))
    ]
    columns = joined(parts, None)
    assert columns.symbols == ("A", "B", "C")
    assert [columns.symbols[code] for code in columns.symbol] == ["B", "C", "A", "C"]


def test_arrays_are_read_past_their_headers() -> None:
    """As the server writes them: dimensions, no NULL, type, count, first index; then each element after its length."""
    one, two = (bytes(20) + b"\0\0\0\x08" + np.array(value, ">f8").tobytes() for value in (1.5, NAN))
    np.testing.assert_array_equal(floats([one, two]), [1.5, NAN])
    assert seconds([bytes(20) + b"\0\0\0\x08" + np.array(-1, ">i8").tobytes()]).tolist() == [946_684_799]
    names = bytes(20) + b"\0\0\0\x03TCS" + b"\xff\xff\xff\xff" + b"\0\0\0\0" + b"\0\0\0\x03\xe2\x82\xac"
    assert texts(names) == ("TCS", None, "", "€")
