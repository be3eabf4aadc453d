"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import IST, at

from livetrader.reporting import figures


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("1000000", "INR", "₹10,00,000.00"),
        ("999", "INR", "₹999.00"),
        ("1000", "INR", "₹1,000.00"),
        ("123456789.125", "INR", "₹12,34,56,789.13"),
        ("-45678.9", "INR", "−₹45,678.90"),
        ("-0.004", "INR", "₹0.00"),
        ("1000000", "USDT", "$1,000,000.00"),
        ("0", "USDT", "$0.00"),
    ],
)
def test_money_has_the_currencys_groups(value: str, currency: str, text: str) -> None:
    assert figures.money(Decimal(value), currency) == text


@pytest.mark.parametrize(("value", "text"), [("5", "+₹5.00"), ("-5", "−₹5.00"), ("0", "₹0.00")])
def test_signed_money_shows_gains(value: str, text: str) -> None:
    assert figures.money(Decimal(value), "INR", signed=True) == text


@given(st.decimals("-1e12", "1e12", places=2), st.sampled_from(["INR", "USDT"]))
def test_money_reads_back(value: Decimal, currency: str) -> None:
    text = figures.money(value, currency).replace("−", "-").replace(",", "").replace("₹", "").replace("$", "")
    assert Decimal(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("2500"), "2500.00"),
        (Decimal("2500.5"), "2500.50"),
        (Decimal("2500.12345"), "2500.1235"),
        (Decimal("2500.333333333333333333333333"), "2500.3333"),
        (Decimal("0.00001234"), "0.00001234"),
        (101.5, "101.50"),
        (None, "–"),
    ],
)
def test_prices_keep_what_matters(value: Decimal | float | None, text: str) -> None:
    assert figures.price(value) == text


@pytest.mark.parametrize(("value", "text"), [("75", "75"), ("0.50", "0.5"), ("-40", "−40"), ("100", "100")])
def test_quantities_have_no_padding(value: str, text: str) -> None:
    assert figures.quantity(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.234, "+1.23 %"), (-1.235, "−1.24 %"), (0.001, "0.00 %"), (-0.001, "0.00 %"), (None, "–")],
)
def test_percentages_have_two_decimals_and_no_negative_zero(value: float | None, text: str) -> None:
    assert figures.percent(value, signed=True) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 min"), (3540, "59 min"), (7500, "2 h 05 min"), (2 * 86400 + 7200, "2 d 2 h"), (21 * 86400, "21 d")],
)
def test_durations(seconds: int, text: str) -> None:
    assert figures.duration(seconds) == text


def test_a_close_at_midnight_is_of_the_day_before() -> None:
    midnight = int(datetime(2026, 2, 3, tzinfo=UTC).timestamp())
    assert figures.day_ended(midnight, UTC).day == 2
    assert figures.day_ended(midnight + 36_000, UTC).day == 3


def test_times_are_the_exchanges_whatever_they_came_in() -> None:
    moment = at("10:35")
    texts = {figures.stamp(moment, IST), figures.stamp(int(moment.timestamp()), IST)}
    assert texts == {"02 Feb 10:35"}
    assert figures.clock(moment, UTC) == "05:05"
