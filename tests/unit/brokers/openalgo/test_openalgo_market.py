"""Quotes, candles and session times as the server has them, and what is done with the worst of them."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from livetrader.domain.candle import Candle
from livetrader.domain.interval import Interval
from livetrader.market.clock import VirtualClock
from tests.unit.brokers.openalgo.openalgo_samples import OK, START, Server, reader

DAY = date(2026, 11, 20)
DATA = {"ask": 1500.05, "bid": 1499.95, "high": 1510.0, "low": 1490, "ltp": 1500.0, "oi": 0, "open": 1495.0}
DATA |= {"prev_close": 1488.0, "volume": 5123456}


def answering(endpoint: str, answer: Any) -> Server:
    server = Server()
    server.answers[endpoint] = answer
    return server


def test_a_quote_says_when_it_was_read() -> None:
    server = answering("quotes", {"data": DATA, **OK})
    quote = reader(server).quote("NIFTY29DEC26FUT")
    assert (quote.price, quote.bid, quote.ask, quote.previous_close, quote.at) == (
        1500.0,
        1499.95,
        1500.05,
        1488,
        START,
    )
    assert server.last("quotes") | {"apikey": ""} == {"apikey": "", "symbol": "NIFTY29DEC26FUT", "exchange": "NFO"}


@pytest.mark.parametrize(("ltp", "price"), [("1500.05", 1500.05), (0, 0.0), (-1, -1.0), (None, math.nan)], ids=repr)
def test_b15_a_price_is_given_as_it_came(ltp: Any, price: float) -> None:
    """Whether it is a price is for those to say who know the last one."""
    found = reader(answering("quotes", {"data": {"ltp": ltp}, **OK})).quote("INFY")
    assert [found.price, found.bid] == pytest.approx([price, math.nan], nan_ok=True)


def test_many_quotes_are_few_calls_and_the_unknown_are_said_once() -> None:
    names = [f"S{i}" for i in range(150)]

    def answer(request: httpx.Request) -> httpx.Response:
        asked = [one["symbol"] for one in json.loads(request.content)["symbols"]]
        known = [{"symbol": one, "exchange": "NSE", "data": DATA} for one in asked if one != "S7"]
        unknown = [{"symbol": "S7", "exchange": "NSE", "error": "not found"}] if "S7" in asked else []
        return httpx.Response(200, json={"results": unknown + known[::-1], **OK})

    server = answering("multiquotes", answer)
    made = reader(server)
    with capture_logs() as logs:
        found = made.quotes(names)
        assert made.quotes(names) == found
    assert found.keys() == set(names) - {"S7"}
    assert server.calls("multiquotes") == 4
    assert [entry["what"] for entry in logs] == ["NSE:S7: not found"]


def test_a_quote_that_cannot_be_read_hides_no_other() -> None:
    rows = [{"symbol": "S1", "exchange": "NSE", "data": {}}, {"symbol": "S2", "exchange": "NSE", "data": DATA}]
    rows += [{"symbol": "S3", "exchange": "NSE", "data": None}]
    with capture_logs() as logs:
        found = reader(answering("multiquotes", {"results": rows, **OK})).quotes(["S1", "S2", "S3"])
    assert (list(found), [entry["what"][:6] for entry in logs]) == (["S2"], ["NSE:S1", "NSE:S3"])


def test_what_a_frame_of_numbers_lacks_comes_as_nan_and_hides_nothing() -> None:
    """NaN is no JSON, and pandas writes it. Where it stands nothing is known, and only there."""
    text = json.dumps({"data": [{**bar(int(START) - 900), "oi": math.nan, "volume": math.nan}], **OK})
    (found,) = reader(answering("history", httpx.Response(200, text=text))).history("INFY", Interval.M5, DAY, DAY)
    assert (found.close, math.isnan(found.volume)) == (101.0, True)


def test_times_of_bars_may_count_milliseconds() -> None:
    opened = int(START) - int(START) % 300 - 300
    server = answering("history", {"data": [bar(opened * 1000), bar(str(opened - 300))], **OK})
    found = reader(server).history("INFY", Interval.M5, DAY, DAY)
    assert [one.ts for one in found] == [opened - 300, opened]


def test_quotes_of_unknown_symbols_only_are_none() -> None:
    no = httpx.Response(400, json={"status": "error", "message": "Symbol 'NOPE' not found", "invalid_symbols": []})
    assert reader(answering("multiquotes", no)).quotes(["NOPE"]) == {}


def bar(ts: Any, close: Any = 101.0) -> dict[str, Any]:
    return {"timestamp": ts, "open": 100.0, "high": "102.5", "low": 99, "close": close, "oi": 0, "volume": 14671}


def test_candles_are_sorted_and_the_forming_one_is_left_out() -> None:
    """The server gives it with the others; the clock tells it apart."""
    opened = int(START) - int(START) % 300  # 11:00, at 11:03:20
    server = answering(
        "history", {"data": [bar(opened), bar(opened - 300), bar(opened - 600), bar(opened - 300, 5)], **OK}
    )
    clock = VirtualClock(START)
    made = reader(server, clock=clock)
    found = made.history("INFY", Interval.M5, DAY, date(2026, 11, 21))
    assert found == (
        Candle(opened - 600, 100.0, 102.5, 99.0, 101.0, 14671.0),
        Candle(opened - 300, 100.0, 102.5, 99.0, 5.0, 14671.0),
    )
    asked = server.last("history")
    assert [asked[k] for k in ("interval", "start_date", "end_date")] == ["5m", "2026-11-20", "2026-11-21"]
    clock.advance_to(opened + 300)
    assert len(made.history("INFY", Interval.M5, DAY, DAY)) == 3


def test_a_daily_candle_is_of_the_utc_date_of_its_time_and_todays_is_not_done() -> None:
    midnight = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
    server = answering("history", {"data": [bar(midnight), bar(midnight + 86400)], **OK})
    clock = VirtualClock(START)
    found = reader(server, clock=clock).history("INFY", Interval.D1, DAY, DAY)
    assert [one.ts for one in found] == [midnight]
    assert server.last("history")["interval"] == "D"
    clock.advance_to(datetime(2026, 11, 21, 18, 30, tzinfo=UTC).timestamp())  # midnight in India
    assert len(reader(server, clock=clock).history("INFY", Interval.D1, DAY, DAY)) == 2


def test_no_candles_are_no_error() -> None:
    assert reader(answering("history", {"data": [], **OK})).history("INFY", Interval.H1, DAY, DAY) == ()


def test_the_times_of_a_day_are_those_of_the_exchanges_that_open() -> None:
    rows = [{"exchange": "NSE", "start_time": 1795146300000, "end_time": 1795168800000}]
    server = answering("market/timings", {"data": rows, **OK})
    opens, closes = reader(server).timings(DAY)["NSE"]
    assert (opens.isoformat(), closes.isoformat()) == ("2026-11-20T03:45:00+00:00", "2026-11-20T10:00:00+00:00")
    assert server.last("market/timings")["date"] == "2026-11-20"


def test_a_ping_names_the_broker() -> None:
    assert reader(answering("ping", {"data": {"broker": "zerodha", "message": "pong"}, **OK})).ping() == "zerodha"


def test_the_mode_is_what_the_server_says_now() -> None:
    server = Server()
    made = reader(server)
    before = made.mode()
    server.analyze()
    assert (before, made.mode()) == ("live", "analyze")
