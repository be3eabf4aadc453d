"""Names of instruments both ways, and the times of every broker's own form."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.openalgo.answers import Unreadable
from livetrader.brokers.openalgo.symbols import Symbols, future, option, underlying
from livetrader.brokers.openalgo.times import moment

AT_NSE = Symbols("NSE", frozenset({"NIFTY", "SENSEX"}))

NAMES = [
    ("RELIANCE", "RELIANCE", "NSE"),
    ("M&M", "M&M", "NSE"),
    ("BAJAJ-AUTO", "BAJAJ-AUTO", "NSE"),
    ("BSE:RELIANCE", "RELIANCE", "BSE"),
    ("NIFTY", "NIFTY", "NSE_INDEX"),
    ("SENSEX", "SENSEX", "BSE_INDEX"),
    ("NIFTY29DEC26FUT", "NIFTY29DEC26FUT", "NFO"),
    ("NIFTY29DEC2626000CE", "NIFTY29DEC2626000CE", "NFO"),
    ("VEDL25APR24292.5CE", "VEDL25APR24292.5CE", "NFO"),
    ("SENSEX25DEC2685000PE", "SENSEX25DEC2685000PE", "BFO"),
    ("MCX:GOLD", "GOLD", "MCX"),
]


@pytest.mark.parametrize(("name", "symbol", "exchange"), NAMES, ids=[name for name, *_ in NAMES])
def test_a_name_goes_over_the_wire_and_comes_back(name: str, symbol: str, exchange: str) -> None:
    assert AT_NSE.wire(name) == (symbol, exchange)
    assert AT_NSE.name(symbol, exchange) == name


def test_the_same_share_on_another_exchange_is_another_instrument() -> None:
    assert (AT_NSE.name("INFY", "BSE"), Symbols("BSE").name("INFY", "BSE")) == ("BSE:INFY", "INFY")
    assert Symbols("BSE").wire("INFY") == ("INFY", "BSE")


def test_a_delivered_share_is_the_same_wherever_it_was_bought() -> None:
    assert (AT_NSE.held("INFY", "BSE"), AT_NSE.held("INFY", "NSE")) == ("INFY", "INFY")
    assert AT_NSE.held("SGB", "MCX") == "MCX:SGB"


EXPIRY = date(2026, 12, 29)


@pytest.mark.parametrize(
    ("strike", "written"),
    [("26000", "26000"), ("26000.00", "26000"), ("292.50", "292.5"), ("2.6E4", "26000")],
    ids=str,
)
def test_a_strike_has_no_zeros_behind_its_point(strike: str, written: str) -> None:
    assert option("NIFTY", EXPIRY, Decimal(strike), "PE") == f"NIFTY29DEC26{written}PE"


def test_a_day_of_one_digit_has_two() -> None:
    assert future("BANKNIFTY", date(2026, 1, 5)) == "BANKNIFTY05JAN26FUT"


@given(
    st.sampled_from(["NIFTY", "M&M", "NIFTYNXT50", "360ONE"]), st.dates(date(2020, 1, 1), date(2060, 1, 1)),
    st.decimals(1, 100_000, places=1), st.sampled_from(["CE", "PE"]),
)  # fmt: skip
def test_what_an_option_is_on_is_read_back(base: str, expiry: date, strike: Decimal, right: str) -> None:
    assert underlying(option(base, expiry, strike, right)) == base  # type: ignore[arg-type]  # one of the two
    assert underlying(future(base, expiry)) == base


@pytest.mark.parametrize("share", ["RELIANCE", "NIFTY", "M&M", "3MINDIA", "FUT", "ALPHACE"])
def test_a_share_is_no_derivative(share: str) -> None:
    assert underlying(share) is None


NOW = datetime(2026, 11, 21, 5, 33, 20, tzinfo=UTC)  # 11:03:20 in India
TIMES = [
    ("2026-11-21 10:46:18", (2026, 11, 21, 5, 16, 18)),
    ("28-Aug-2025 09:59:10", (2025, 8, 28, 4, 29, 10)),
    ("29-12-2025 11:10:38", (2025, 12, 29, 5, 40, 38)),
    ("10:46:18", (2026, 11, 21, 5, 16, 18)),
    ("11:03:25", (2026, 11, 21, 5, 33, 25)),
    ("23:50:00", (2026, 11, 20, 18, 20, 0)),
    ("2026-11-21T10:46:18+05:30", (2026, 11, 21, 5, 16, 18)),
    ("2026-11-21T05:16:18Z", (2026, 11, 21, 5, 16, 18)),
    ("01-JAN-2026 00:00:00", (2025, 12, 31, 18, 30, 0)),
    ("10:46:18 21-11-2026", (2026, 11, 21, 5, 16, 18)),
    ("21/11/2026 10:46:18", (2026, 11, 21, 5, 16, 18)),
    ("21-Nov-2026, 10:46:18 PM", (2026, 11, 21, 17, 16, 18)),
    ("21 Nov 2026 12:00:00 am", (2026, 11, 20, 18, 30, 0)),
    (1795238178, (2026, 11, 21, 5, 16, 18)),
    ("1795238178000", (2026, 11, 21, 5, 16, 18)),
    (Decimal("1795238178.0"), (2026, 11, 21, 5, 16, 18)),
]


@pytest.mark.parametrize(("text", "utc"), TIMES, ids=[str(text) for text, _ in TIMES])
def test_every_form_of_time_is_indian_time(text: object, utc: tuple[int, ...]) -> None:
    """A time of day alone is today's, and one that is still to come was yesterday's."""
    assert moment(text, NOW) == datetime(*utc, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year to second


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "31-02-2026 10:00:00",
        "01-Foo-2026 10:00:00",
        "25:00:00",
        "13:00:00 PM",
        "0:10 AM",
        "٣",
        None,
        5,
        True,
        [],
    ],
)
def test_what_is_no_time_is_unreadable(text: object) -> None:
    with pytest.raises(Unreadable):
        moment(text, NOW)


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_times(text: str) -> None:
    with contextlib.suppress(Unreadable):
        assert moment(text, NOW).tzinfo is UTC
