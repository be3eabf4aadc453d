"""What a fill costs: rates by date, exact rounding, and a data file that says where each rate is from."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.costs import DATA, charge_table, charge_tables
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action
from livetrader.errors import ConfigError, DataError

NSE = ("nse_delivery", "nse_futures", "nse_intraday", "nse_options")
TODAY = date(2026, 4, 2)
PARTS = ("brokerage", "stt", "exchange", "sebi", "stamp", "gst", "depository")

# Worked by hand from the published rates. 250,000 of turnover:
# exchange 0.00297 % + 0.0001 % = 7.675 -> 7.68; SEBI 0.25; GST 18 % of (20 + 7.68 + 0.25) = 5.0274.
WORKED = {
    "intraday buy": ("nse_intraday", Action.BUY, 100, "2500", "20 0 7.68 0.25 7.50 5.03 0 40.46"),
    "intraday sell": ("nse_intraday", Action.SELL, 100, "2500", "20 62.50 7.68 0.25 0 5.03 0 95.46"),
    "brokerage below its cap": ("nse_intraday", Action.BUY, 10, "1000", "3 0 0.31 0.01 0.30 0.60 0 4.22"),
    "delivery buy": ("nse_delivery", Action.BUY, 100, "2500", "0 250 7.68 0.25 37.50 1.43 0 296.86"),
    "delivery sell": ("nse_delivery", Action.SELL, 100, "2500", "0 250 7.68 0.25 0 1.43 0 259.36"),
    "future sell": ("nse_futures", Action.SELL, 65, "25000", "20 812.50 29.74 1.63 0 9.25 0 873.12"),
    "option sell, on premium": ("nse_options", Action.SELL, 65, "120", "20 11.70 2.77 0.01 0 4.10 0 38.58"),
    "flat brokerage above the premium": ("nse_options", Action.BUY, 75, "0.05", "20 0 0 0 0 3.60 0 23.60"),
    "spot taker": ("binance_spot", Action.BUY, 1, "60000", "0 0 60 0 0 0 0 60"),
    "perpetual taker": ("binance_futures", Action.SELL, 2, "3000.10", "0 0 3.0001 0 0 0 0 3.0001"),
    "none": ("none", Action.SELL, 100, "2500", "0 0 0 0 0 0 0 0"),
}


@pytest.mark.parametrize(("name", "action", "quantity", "price", "expected"), WORKED.values(), ids=WORKED)
def test_charges_are_those_of_the_contract_note(
    name: str, action: Action, quantity: int, price: str, expected: str
) -> None:
    """`expected` is brokerage, STT, exchange, SEBI, stamp duty, GST, depository and the total."""
    charges = charge_table(name).charges(action, Decimal(quantity), Decimal(price), TODAY)
    got = [getattr(charges, part) for part in (*PARTS, "total")]
    assert got == [Decimal(text) for text in expected.split()]


@pytest.mark.parametrize("name", ["nse_intraday", "nse_options"])
def test_the_brokerage_of_an_order_is_the_same_in_parts(name: str) -> None:
    """Its cap and its flat part count once: 0.03 % of 150,000 is 45, of which 20 are due."""
    table, part = charge_table(name), Decimal(50)
    charged = [
        table.charges(Action.BUY, part, Decimal(1000), TODAY, before=part * 1000 * done).brokerage for done in range(3)
    ]
    whole = table.charges(Action.BUY, 3 * part, Decimal(1000), TODAY).brokerage
    assert sum(charged) == whole == 20
    assert charged == ([15, 5, 0] if name == "nse_intraday" else [20, 0, 0])


@pytest.mark.parametrize(
    ("name", "charge", "on", "expected"),
    [
        pytest.param("nse_futures", "stt", date(2023, 3, 31), "10.00", id="futures until March 2023"),
        pytest.param("nse_futures", "stt", date(2023, 4, 1), "12.50", id="futures, Finance Act 2023"),
        pytest.param("nse_futures", "stt", date(2024, 9, 30), "12.50", id="futures until September 2024"),
        pytest.param("nse_futures", "stt", date(2024, 10, 1), "20.00", id="futures, Finance (No. 2) Act 2024"),
        pytest.param("nse_futures", "stt", date(2026, 3, 31), "20.00", id="futures until March 2026"),
        pytest.param("nse_futures", "stt", date(2026, 4, 1), "50.00", id="futures, budget 2026"),
        pytest.param("nse_options", "stt", date(2023, 4, 1), "62.50", id="options, Finance Act 2023"),
        pytest.param("nse_options", "stt", date(2024, 10, 1), "100.00", id="options, Finance (No. 2) Act 2024"),
        pytest.param("nse_options", "stt", date(2026, 3, 31), "100.00", id="options until March 2026"),
        pytest.param("nse_options", "stt", date(2026, 4, 1), "150.00", id="options, budget 2026"),
        pytest.param("nse_intraday", "exchange", date(2024, 9, 30), "3.32", id="exchange before true to label"),
        pytest.param("nse_intraday", "exchange", date(2024, 10, 1), "3.07", id="exchange, true to label"),
        pytest.param("nse_intraday", "sebi", date(2021, 3, 31), "0.05", id="SEBI's half fee of 2020"),
        pytest.param("nse_intraday", "sebi", date(2021, 4, 1), "0.10", id="SEBI's fee"),
        pytest.param("nse_intraday", "stamp", date(2020, 6, 30), "2.00", id="the seller's stamp duty until 2020"),
        pytest.param("nse_intraday", "stamp", date(2020, 7, 1), "0.00", id="the buyer alone since July 2020"),
    ],
)
def test_a_rate_holds_from_its_day_on(name: str, charge: str, on: date, expected: str) -> None:
    charges = charge_table(name).charges(Action.SELL, Decimal(100), Decimal(1000), on)
    assert getattr(charges, charge) == Decimal(expected)


def test_a_maker_pays_the_makers_fee() -> None:
    table = charge_table("binance_futures")
    maker = table.charges(Action.BUY, Decimal(1), Decimal(50_000), TODAY, maker=True)
    taker = table.charges(Action.BUY, Decimal(1), Decimal(50_000), TODAY)
    assert (maker.total, taker.total) == (Decimal(10), Decimal(25))


def test_maker_and_taker_pay_the_same_on_nse() -> None:
    table = charge_table("nse_intraday")
    fill = (Action.BUY, Decimal(100), Decimal(500), TODAY)
    assert table.charges(*fill, maker=True) == table.charges(*fill)


def test_a_sale_out_of_the_demat_account_pays_the_depository_and_its_gst() -> None:
    table = charge_table("nse_delivery")
    fill = (Decimal(100), Decimal(2500), TODAY)
    without = table.charges(Action.SELL, *fill)
    with_fee = table.charges(Action.SELL, *fill, depository=True)
    assert with_fee.depository == 13
    assert with_fee.total - without.total == Decimal("15.34")  # 13 + 18 %
    assert table.charges(Action.BUY, *fill, depository=True) == table.charges(Action.BUY, *fill)


def test_half_a_paisa_rounds_up() -> None:
    """0.03 % of 50 is 1.5 paise and 0.003 % of 500 is 1.5 paise: half up, not half to even."""
    charges = charge_table("nse_intraday").charges(Action.BUY, Decimal(1), Decimal(500), TODAY)
    assert (charges.brokerage, charges.stamp) == (Decimal("0.15"), Decimal("0.02"))
    assert charge_table("nse_intraday").charges(Action.BUY, Decimal(1), Decimal(50), TODAY).brokerage == Decimal("0.02")


def test_crypto_keeps_eight_decimals() -> None:
    charges = charge_table("binance_spot").charges(Action.BUY, Decimal("0.00123"), Decimal("60123.45"), TODAY)
    assert charges.total == Decimal("0.07395184")


@given(
    name=st.sampled_from(NSE),
    action=st.sampled_from(Action),
    quantity=st.integers(1, 100_000),
    price=st.decimals("0.05", "90000", places=2),
    on=st.dates(date(2016, 6, 1), date(2027, 1, 1)),
)
def test_the_total_is_the_sum_of_parts_in_whole_paise(
    name: str, action: Action, quantity: int, price: Decimal, on: date
) -> None:
    charges = charge_table(name).charges(action, Decimal(quantity), price, on)
    parts = [getattr(charges, part) for part in PARTS]
    assert all(part >= 0 for part in parts)
    assert charges.total == sum(parts)
    assert charges.total == charges.total.quantize(Decimal("0.01"))


@given(quantity=st.integers(1, 5000), price=st.decimals("1", "5000", places=2), more=st.integers(1, 5000))
def test_a_larger_fill_never_costs_less(quantity: int, price: Decimal, more: int) -> None:
    table = charge_table("nse_intraday")
    small = table.charges(Action.SELL, Decimal(quantity), price, TODAY)
    large = table.charges(Action.SELL, Decimal(quantity + more), price, TODAY)
    assert large.total >= small.total


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("nse_intrady", "did you mean 'nse_intraday'?", id="a typing error"),
        pytest.param("zzz", "choose one of binance_futures, binance_spot, none, nse_", id="nothing like it"),
    ],
)
def test_an_unknown_table_names_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        charge_table(name)
    assert hint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", NSE)
def test_a_date_before_the_table_is_an_error_and_not_a_guess(name: str) -> None:
    with pytest.raises(DataError, match="begins on 2016-06-01"):
        charge_table(name).charges(Action.BUY, Decimal(1), Decimal(100), date(2016, 5, 31))


def test_every_charge_of_a_table_begins_with_it() -> None:
    """A charge that began later would be zero before, unnoticed. The investor fund's was: 1 paisa a crore."""
    for name in NSE:
        begins = min(rate.since for rate in charge_table(name).rates(date.max))
        first = {rate.charge for rate in charge_table(name).rates(date(2016, 6, 1))}
        all_ = {rate.charge for rate in charge_table(name).rates(date.max)}
        assert all_ - first == {"ipft"}
        assert begins >= date(2016, 6, 1)


def test_the_rates_in_force_are_one_a_charge() -> None:
    rates = charge_table("nse_options").rates(date(2026, 3, 31))
    assert len({rate.charge for rate in rates}) == len(rates)
    (stt,) = (rate for rate in rates if rate.charge == "stt")
    assert (stt.since, stt.sell, stt.buy) == (date(2024, 10, 1), Decimal("0.001"), 0)
    assert "Finance (No. 2) Act 2024" in stt.source


def test_the_data_file_names_a_source_for_every_rate() -> None:
    with DATA.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert all(None not in line and None not in line.values() for line in lines), "a comma outside quotes"
    assert all(len(line["source"]) > 10 and line["checked"] in ("yes", "no") for line in lines)
    keys = [(name, line["charge"], line["since"]) for line in lines for name in line["tables"].split()]
    assert len(set(keys)) == len(keys), "the same charge twice on one day"
    known = {"brokerage", "stt", "exchange", "ipft", "sebi", "stamp", "gst", "depository", "maker", "taker"}
    assert {line["charge"] for line in lines} == known


def test_the_tables_that_the_configuration_may_name() -> None:
    assert charge_tables() == ("binance_futures", "binance_spot", "none", *NSE)


@pytest.mark.parametrize("name", charge_tables())
def test_equal_fills_cost_the_same_on_neighbouring_days_without_a_change(name: str) -> None:
    fill = (Action.SELL, Decimal(10), Decimal("1234.55"))
    table = charge_table(name)
    assert table.charges(*fill, TODAY) == table.charges(*fill, TODAY + timedelta(days=1))


@pytest.mark.parametrize(
    ("named", "product", "found"),
    [
        ("nse_intraday", Product.MIS, "nse_intraday"),
        ("nse_intraday", Product.CNC, "nse_delivery"),
        ("nse_delivery", Product.MIS, "nse_intraday"),
        ("nse_delivery", Product.CNC, "nse_delivery"),
        ("nse_futures", Product.NRML, "nse_futures"),
        ("nse_intraday", Product.NRML, "nse_intraday"),
        ("binance_spot", Product.CNC, "binance_spot"),
        ("none", Product.CNC, "none"),
    ],
)
def test_shares_are_charged_by_their_product(named: str, product: Product, found: str) -> None:
    assert charge_table(named).of(product).name == found
