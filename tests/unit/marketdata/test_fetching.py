"""A fetch: what is stored, what is asked again, what ends it; and questions in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest

from livetrader.domain.candle import Candle
from livetrader.domain.candles import Interval, columns_of
from livetrader.errors import AuthExpired, BrokerProtocol, BrokerUnavailable, DataError, StoreError
from livetrader.market.calendar import Calendar
from livetrader.market.clock import VirtualClock
from livetrader.marketdata.asking import Asking
from livetrader.marketdata.fetching import Fetch, FetchReport
from livetrader.marketdata.history import FORMING, Piece, whole
from livetrader.marketdata.store import CandleStore
from tests.threads import PATIENCE
from tests.unit.marketdata.history_samples import History, candle

Store = Callable[..., CandleStore]
DAYS = date(2024, 2, 26), date(2024, 2, 28)
AWAY = BrokerUnavailable("openalgo: history: HTTP 500: Too many requests: try again later")


@pytest.fixture
def clock(nse: Calendar) -> VirtualClock:
    """The day after."""
    return VirtualClock(nse.sessions(*DAYS)[-1].closes + 86_400)


@pytest.fixture
def history(nse: Calendar, clock: VirtualClock) -> History:
    return History(nse, clock)


def run(
    history: History, store: CandleStore, *symbols: str, shown: list[tuple[str, float]] | None = None
) -> FetchReport:
    pieces = [piece for symbol in symbols for piece in whole(symbol, Interval.M5, history.calendar.sessions(*DAYS))]
    fetch = Fetch(history, store, history.calendar.timezone, history.clock, at_once=1)
    return fetch.run(pieces, lambda stage, done: (shown if shown is not None else []).append((stage, done)))


def counts(store: CandleStore) -> dict[str, int]:
    return {symbol: one.count for symbol, one in store.coverage(Interval.M5).items()}


def test_bars_are_stored_and_counted(history: History, candle_store: Store) -> None:
    bars = [candle(ts, 5.0) for ts in history.calendar.sessions(*DAYS)[0].slots(300)]
    store, shown = candle_store({Interval.M5: columns_of("TCS", bars)}), []
    report = run(history, store, "INFY", "TCS", shown=shown)
    assert (report.inserted, report.changed, report.unchanged, report.calls) == (375, 75, 0, 2)
    assert counts(store) == {"INFY": 225, "TCS": 225}
    assert shown == [("INFY 5m", 0.5), ("TCS 5m", 1.0)]
    again = run(history, store, "INFY", "TCS")
    assert (again.inserted, again.changed, again.unchanged) == (0, 0, 450)


def test_what_is_not_answered_is_asked_again_after_the_others(history: History, candle_store: Store) -> None:
    answers = iter([AWAY, AWAY])

    def answer(bars: list[Candle]) -> list[Candle]:
        for error in answers:
            raise error
        return bars

    history.answers["INFY"] = answer
    store, began = candle_store({}), history.clock.monotonic()
    report = run(history, store, "INFY", "TCS", "SBIN")
    assert [symbol for symbol, *_ in history.asked] == ["INFY", "TCS", "SBIN", "INFY", "INFY"]
    assert (report.failed, report.calls) == ({}, 5)
    assert counts(store) == {"INFY": 225, "SBIN": 225, "TCS": 225}
    assert history.clock.monotonic() - began >= 2.0, "it waits before it asks on"


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        pytest.param(AWAY, 3, id="never answered"),
        pytest.param(DataError("no such symbol"), 1, id="unknown"),
        pytest.param(BrokerProtocol("not understood"), 1, id="not understood"),
    ],
)
def test_a_symbol_that_fails_stops_no_other(
    history: History, candle_store: Store, error: Exception, calls: int
) -> None:
    history.answers["TCS"] = error
    report = run(history, store := candle_store({}), "INFY", "TCS", "SBIN", "ITC")
    assert report.failed == {("TCS", Interval.M5): error}
    assert sum(symbol == "TCS" for symbol, *_ in history.asked) == calls
    assert counts(store).keys() == {"INFY", "SBIN", "ITC"}


@pytest.mark.parametrize(
    ("error", "asked", "match"),
    [
        pytest.param(AuthExpired("log in"), 2, "log in", id="a login that ended: at once"),
        pytest.param(AWAY, 6, "5 times in a row; what has come is stored", id="a server that went away"),
    ],
)
def test_what_nobody_answers_ends_it_and_what_came_is_stored(
    history: History, candle_store: Store, error: Exception, asked: int, match: str
) -> None:
    history.answers |= dict.fromkeys("BCDEFGH", error)
    store = candle_store({})
    with pytest.raises(type(error), match=match):
        run(history, store, *"ABCDEFGH")
    assert (len(history.asked), counts(store)) == (asked, {"A": 225})


def test_a_server_that_never_answers_is_given_up_sooner(history: History, candle_store: Store) -> None:
    history.answers |= dict.fromkeys("ABCDEFGH", AWAY)
    with pytest.raises(BrokerUnavailable, match="3 times in a row"):
        run(history, candle_store({}), *"ABCDEFGH")


def test_dirt_and_short_sessions_are_in_the_report(history: History, candle_store: Store) -> None:
    """The clock of the history is ahead of ours, and its last bars are not there yet."""
    session = history.calendar.sessions(*DAYS)[-1]
    history.answers["TCS"] = lambda bars: [*bars[:-10], candle(session.closes)]
    report = run(history, candle_store({}), "TCS")
    document: Any = report.as_dict()
    assert document["short"] == [{"symbol": "TCS", "interval": "5m", "session": "2024-02-28", "bars": 65, "slots": 75}]
    assert document["left_out"] == [{"symbol": "TCS", "interval": "5m", "reason": "outside the session", "count": 1}]
    assert FORMING not in report.left_out


def test_a_store_that_cannot_write_ends_it(history: History, candle_store: Store) -> None:
    store = candle_store({})
    store.close()
    with pytest.raises(StoreError):
        run(history, store, "TCS")


class Slow:
    """A history that answers when it is let."""

    name, history_seconds = "slow", 0.0

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gates = {symbol: threading.Event() for symbol in "ABCD"}

    def history(self, symbol: str, _interval: Interval, _first: date, _last: date, /) -> Sequence[Candle]:
        self.asked.append(symbol)
        assert self.gates[symbol].wait(PATIENCE)
        if symbol == "D":
            raise ZeroDivisionError
        return ()


def test_a_slow_answer_keeps_no_other_waiting(nse: Calendar) -> None:
    slow, sessions = Slow(), nse.sessions(*DAYS)
    asking = Asking(slow, 2)
    pieces = {symbol: Piece(symbol, Interval.M5, sessions) for symbol in "ABC"}
    for symbol in "AB":
        asking.ask(pieces[symbol])
    assert asking.free == 0
    with pytest.raises(ValueError, match="2 questions"):
        asking.ask(pieces["C"])
    assert asking.answer(0.01) is None
    slow.gates["B"].set()
    assert asking.answer(PATIENCE) == (pieces["B"], ())
    asking.ask(pieces["C"])
    slow.gates["C"].set()
    assert asking.answer(PATIENCE) == (pieces["C"], ())
    slow.gates["A"].set()
    assert asking.answer(PATIENCE) == (pieces["A"], ())
    assert (asking.free, sorted(slow.asked)) == (2, ["A", "B", "C"])
    asking.close()


def test_a_mistake_in_an_adapter_is_raised_where_it_is_asked(nse: Calendar) -> None:
    slow = Slow()
    slow.gates["D"].set()
    asking = Asking(slow)
    asking.ask(Piece("D", Interval.M5, nse.sessions(*DAYS)))
    with pytest.raises(ZeroDivisionError):
        asking.answer(PATIENCE)
    asking.close()


def test_threads_end_with_it_but_for_one_that_waits(nse: Calendar) -> None:
    slow, before = Slow(), set(threading.enumerate())
    asking = Asking(slow, 2)
    slow.gates["A"].set()
    for symbol in "AB":
        asking.ask(Piece(symbol, Interval.M5, nse.sessions(*DAYS)))
    assert asking.answer(PATIENCE) is not None
    threads = set(threading.enumerate()) - before
    assert len(threads) == 2
    asking.close()
    slow.gates["B"].set()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert all(thread.daemon for thread in threads), "or one that hangs would keep the process"
