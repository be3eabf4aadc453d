"""Market data, the master contract and the calendar, as the gateway has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Fault
from livetrader.brokers.openalgo.loopback.contracts import Contract
from livetrader.brokers.openalgo.loopback.market import SECONDS, Candle, Market
from livetrader.brokers.openalgo.loopback.server import BROKER
from livetrader.domain.instrument import Instrument
from livetrader.market.clock import VirtualClock
from livetrader.market.nse import IST
from tests.unit.brokers.openalgo_loopback.gateway_samples import START, Bench, bars, bench

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
FRIDAY = date(2026, 11, 20)
STORED = bars(date(2026, 11, 18), FRIDAY)
EQUITY = Contract.of(Instrument("RELIANCE"))


def stored(_symbol: str, start: int, end: int) -> list[Candle]:
    return [bar for bar in STORED if start <= bar.ts < end]


@pytest.fixture
def b() -> Iterator[Bench]:
    """On a Friday at 11:03, with the candles of three days."""
    yield from bench(limits={}, bars=stored)


def history(b: Bench, interval: str, first: str = "2026-11-20", last: str = "2026-11-20") -> list[Any]:
    days = {"start_date": first, "end_date": last}
    return b.data("history", symbol="RELIANCE", exchange="NSE", interval=interval, **days)  # type: ignore[no-any-return]


def local(row: Any) -> str:
    return datetime.fromtimestamp(row["timestamp"], IST).strftime("%H:%M")


@pytest.mark.parametrize(
    ("interval", "first", "last", "length"),
    [
        ("1m", "09:15", "11:03", 109),
        ("5m", "09:15", "11:00", 22),
        ("30m", "09:15", "10:45", 4),
        ("1h", "09:15", "10:15", 2),
    ],
)
def test_bars_are_counted_from_the_open_and_the_last_one_is_still_forming(
    b: Bench, interval: str, first: str, last: str, length: int
) -> None:
    found = history(b, interval)
    assert (local(found[0]), local(found[-1]), len(found)) == (first, last, length)
    minutes = SECONDS[interval] // 60
    assert found[0]["volume"] == 100 * minutes
    assert found[-1]["volume"] < 100 * minutes or interval == "1m"
    assert found[0] == {
        "timestamp": int(datetime(2026, 11, 20, 3, 45, tzinfo=UTC).timestamp()),
        "open": 1380.0,
        "high": round(1380 + (minutes - 1) / 100 + 0.05, 2),
        "low": 1379.95,
        "close": round(1380 + minutes / 100, 2),
        "volume": 100 * minutes,
        "oi": 0,
    }


def test_a_days_bar_is_at_midnight_utc_of_its_date(b: Bench) -> None:
    found = history(b, "D", "2026-11-18", "2026-11-20")
    days = [datetime.fromtimestamp(row["timestamp"], UTC) for row in found]
    assert [day.isoformat()[:16] for day in days] == [f"2026-11-{day}T00:00" for day in (18, 19, 20)]
    assert [row["volume"] for row in found] == [37_500, 37_500, 10_900]


def test_history_may_be_empty_or_short_and_says_nothing_about_it(b: Bench) -> None:
    assert history(b, "5m", "2026-11-14", "2026-11-15") == []
    whole = history(b, "D", "2026-11-18", "2026-11-20")
    b.switch(history_lacks=2)
    assert history(b, "D", "2026-11-18", "2026-11-20") == whole[:1]
    b.switch(history_lacks=99)
    assert history(b, "D", "2026-11-18", "2026-11-20") == []
    b.switch(history_lacks=0)
    b.strike("history", Fault.HTTP_500)
    days = {"start_date": "2026-11-20", "end_date": "2026-11-20"}
    assert b.post("history", symbol="RELIANCE", exchange="NSE", interval="D", **days).status_code == 500
    assert b.line.calls["history"] == 5


prices = st.lists(st.tuples(st.integers(1, 4000), st.integers(90_000, 110_000)), min_size=1, max_size=40)


@given(prices)
def test_candles_of_quotes_hold_every_price_once_at_each_interval(steps: list[tuple[int, int]]) -> None:
    """Whatever the interval, volumes add up to the quotes, and extremes are those of the prices."""
    clock = VirtualClock(START)
    exchange = Exchange(BROKER, clock, {"RELIANCE": Instrument("RELIANCE")}, Decimal(1))
    market, given_prices = Market(exchange), []
    for seconds, paise in steps:
        clock.sleep(seconds)
        given_prices.append(paise / 100)
        exchange.quote("RELIANCE", paise / 100)
        exchange.quote("RELIANCE", float("nan"))
    last = datetime.fromtimestamp(clock.now(), IST).date()
    for interval in [*SECONDS, "D"]:
        found = market.history(EQUITY, interval, FRIDAY, last)
        assert sum(bar.volume for bar in found) == len(steps)
        assert max(bar.high for bar in found) == max(given_prices)
        assert min(bar.low for bar in found) == min(given_prices)
        assert (found[0].open, found[-1].close) == (given_prices[0], given_prices[-1])
        assert [bar.ts for bar in found] == sorted({bar.ts for bar in found})


def test_a_quote_is_of_the_day_and_has_no_time(b: Bench) -> None:
    for price in (1410, 1385, 1402):
        b.quote("RELIANCE", price)
    b.clock.sleep(86_400)
    told = b.data("quotes", symbol="RELIANCE", exchange="NSE")
    day = {"open": 1400.0, "high": 1410.0, "low": 1385.0, "prev_close": 1400.0, "volume": 4, "oi": 0}
    assert told == {**day, "ltp": 1402.0, "bid": 1401.95, "ask": 1402.05}, "a day old, and nothing says so"
    b.quote("RELIANCE", 1500)
    assert b.data("quotes", symbol="RELIANCE", exchange="NSE")["prev_close"] == 1402.0
    depth = b.data("depth", symbol="RELIANCE", exchange="NSE")
    assert [level["price"] for level in depth["bids"]] == [1499.95, 1499.9, 1499.85, 1499.8, 1499.75]
    assert depth["totalbuyqty"] == sum(level["quantity"] for level in depth["bids"])


def test_many_quotes_may_fail_in_part_and_come_in_another_order(b: Bench) -> None:
    wanted = [{"symbol": symbol, "exchange": "NSE"} for symbol in ("INFY", "NOPE", "TCS")]
    found = b.post("multiquotes", symbols=wanted).json()["results"]
    assert [row["symbol"] for row in found] == ["NOPE", "INFY", "TCS"]
    assert ["error" in row for row in found] == [True, False, False]
    b.strike("quotes", Fault.BAD_PRICE, price=-1.0)
    assert b.data("quotes", symbol="INFY", exchange="NSE")["ltp"] == -1.0
    b.strike("quotes", Fault.STALE)
    b.quote("INFY", 1600)
    assert b.data("quotes", symbol="INFY", exchange="NSE")["ltp"] == -1.0
    assert b.data("quotes", symbol="INFY", exchange="NSE")["ltp"] == 1600


@pytest.mark.parametrize(
    ("symbol", "exchange", "kind", "expiry", "strike", "name"),
    [
        ("M&M", "NSE", "EQ", "", 0.0, "M&M"),
        ("NIFTY29DEC26FUT", "NFO", "FUT", "29-DEC-26", 0.0, "NIFTY"),
        ("NIFTY29DEC2626000CE", "NFO", "CE", "29-DEC-26", 26000.0, "NIFTY"),
        ("VEDL25APR24292.5PE", "NFO", "PE", "25-APR-24", 292.5, "VEDL"),
        ("SENSEX29DEC2685000CE", "BFO", "CE", "29-DEC-26", 85000.0, "SENSEX"),
        ("NIFTY", "NSE_INDEX", "EQ", "", 0.0, "NIFTY"),
        ("SENSEX", "BSE_INDEX", "EQ", "", 0.0, "SENSEX"),
    ],
)
def test_a_symbol_says_where_it_trades_and_what_it_is(
    symbol: str, exchange: str, kind: str, expiry: str, strike: float, name: str
) -> None:
    found = Contract.of(Instrument(symbol))
    assert (found.exchange, found.kind, found.name) == (exchange, kind, name)
    assert (found.expiry, found.strike) == (expiry, strike)


def test_the_master_contract_has_the_freeze_quantity_by_symbol_only(b: Bench) -> None:
    rows = b.get("instruments", exchange="NFO").json()["data"]
    assert {row["symbol"]: row["lotsize"] for row in rows}["NIFTY29DEC26FUT"] == 75
    assert all("freeze_qty" not in row for row in rows)
    text = b.get("instruments", exchange="NFO", format="csv")
    assert text.headers["Content-Type"] == "text/csv"
    assert [line.split(",")[0] for line in text.text.splitlines()] == ["symbol", *[row["symbol"] for row in rows]]
    assert len(b.get("instruments").json()["data"]) == 7
    told = b.data("symbol", symbol="NIFTY29DEC26FUT", exchange="NFO")
    assert (told["freeze_qty"], told["tick_size"], told["token"]) == (1800, 0.05, str(told["id"]))
    assert b.data("symbol", symbol="INFY", exchange="NSE")["freeze_qty"] == 1, "OpenAlgo's way to say none"
    assert b.data("expiry", symbol="NIFTY", exchange="NFO", instrumenttype="futures") == ["29-DEC-26"]
    assert b.data("expiry", symbol="INFY", exchange="NFO", instrumenttype="futures") == []
    assert [row["symbol"] for row in b.data("search", query="reli")] == ["RELIANCE"]
    b.control("relist", symbol="INFY", tick="0.1", lot="1", freeze_quantity="500", band=None)
    assert b.data("symbol", symbol="INFY", exchange="NSE")["freeze_qty"] == 500


def test_margins_are_a_share_of_the_value(b: Bench) -> None:
    def required(**position: str) -> float:
        base = {"symbol": "RELIANCE", "exchange": "NSE", "action": "BUY", "quantity": "10", "pricetype": "MARKET"}
        told = b.data("margin", positions=[{**base, "product": "MIS", **position}])
        return float(told["total_margin_required"])

    assert (required(), required(product="CNC"), required(price="100")) == (2800.0, 14_000.0, 200.0)
    future = {"symbol": "NIFTY29DEC26FUT", "exchange": "NFO", "quantity": "75", "product": "NRML"}
    assert required(**future) == 195_750.0
    position = {"symbol": "INFY", "exchange": "NSE", "action": "BUY", "quantity": "x", "pricetype": "MARKET"}
    assert b.post("margin", positions=[{**position, "product": "MIS"}]).status_code == 400


def test_hours_are_those_of_the_host_and_holidays_those_of_the_year(b: Bench) -> None:
    def opens(day: str) -> dict[str, str]:
        told = b.data("market/timings", date=day)
        return {row["exchange"]: local({"timestamp": row["start_time"] // 1000}) for row in told}

    assert (opens("2026-11-20")["NSE"], list(opens("2026-11-21"))) == ("09:15", ["CRYPTO"])
    assert list(opens("2026-12-25")) == ["CRYPTO"], "a holiday"
    b.switch(utc_host=True)
    assert opens("2026-11-20")["NSE"] == "14:45"
    assert opens("2031-01-01")["NSE"] == "14:45", "past the calendar weekdays are taken for open"
    told = b.post("market/holidays", year=2026).json()
    kinds = {row["date"]: row["holiday_type"] for row in told["data"]}
    assert (told["year"], kinds["2026-12-25"]) == (2026, "TRADING_HOLIDAY")
    assert b.post("market/holidays").json()["data"] == told["data"]


def test_answers_to_history_are_kept_apart() -> None:
    for b in bench(limits={}, bars=stored, history_seconds=0.1):
        clock = b.server.front._pace._clock
        began = clock.monotonic()
        for _ in range(3):
            history(b, "D")
        assert clock.monotonic() - began >= 0.2
