"""The threads of the quotes: bars reach the store, prices are asked for in silence, and nothing of it ends a trader."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
from structlog.testing import capture_logs

from livetrader.domain.candles import CandleColumns, Interval
from livetrader.domain.tick import Tick
from livetrader.errors import BrokerUnavailable, StoreError
from livetrader.market.clock import VirtualClock
from livetrader.marketdata import quote_feed
from livetrader.marketdata.quote_feed import QuoteFeed
from livetrader.marketdata.quotes import LastPrices
from livetrader.marketdata.sqlite import SqliteCandleStore
from livetrader.marketdata.store import open_store
from livetrader.marketdata.ticks import TickBars
from tests.threads import PATIENCE, soon
from tests.unit.engine.trading_samples import BAR, OPENS, calendar, sessions

AT = calendar(sessions(1, bars=24)).at


@dataclass
class Stream:
    """Implements ports.TickStream: what it tells is the test's to tell; `fails` ends its thread."""

    fails: bool = False
    wanted: list[str] = field(default_factory=list)
    refused: Mapping[str, str] = field(default_factory=dict)

    def want(self, names: Iterable[str]) -> None:
        self.wanted += names

    def run(self, stop: Event) -> None:
        if self.fails:
            raise ZeroDivisionError
        stop.wait()


class Bench:
    """Two minutes before the open. `answers` are what `ask` gives, one after the other: ticks, errors or a wait."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.stream = VirtualClock(OPENS - 120), Stream()
        self.prices = LastPrices(self.clock, AT, 30.0, [TickBars(Interval.M5, ("A", "B"), AT)])
        self.url = f"sqlite:///{folder / 'candles.db'}"
        self.open: Callable[[], SqliteCandleStore] = lambda: open_store(self.url)  # type: ignore[assignment,return-value]
        self.told: list[tuple[str, Interval, int]] = []
        self.asked: list[tuple[str, ...]] = []
        self.answer: Callable[[], list[Tick]] = list

    def ask(self, symbols: Sequence[str]) -> list[Tick]:
        self.asked.append(tuple(symbols))
        return self.answer()

    @contextmanager
    def running(self) -> Iterator[QuoteFeed]:
        feed = QuoteFeed(self.prices, self.stream, self.clock, self.open, lambda *one: self.told.append(one), self.ask)
        feed.start()
        try:
            yield feed
        finally:
            feed.close()

    def trade(self, number: int) -> None:
        """A and B trade once in a bar, which closes."""
        for symbol in ("A", "B"):
            self.clock.advance_to(max(OPENS + BAR * number + 60, self.clock.now()))
            self.prices.tick(Tick(symbol, 100.0 + number, self.clock.now(), 1.0 + number))
        self.clock.advance_to(OPENS + BAR * (number + 1) + 3)

    def stored(self) -> CandleColumns:
        with open_store(self.url) as store:
            return store.read(Interval.M5, OPENS, OPENS + 24 * BAR)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(quote_feed, "STORE_SECONDS", 0.01)
    monkeypatch.setattr(quote_feed, "ASK_SECONDS", 0.01)
    made = Bench(tmp_path)
    made.prices.subscribed(["A", "B"])
    return made


def test_bars_are_stored_as_they_close_and_told_but_for_those_of_each_half_hour(bench: Bench) -> None:
    """What is not told, the history is asked for: it corrects what the feed did not show."""
    with bench.running():
        for number in range(4):
            bench.trade(number)
            soon(lambda number=number: len(bench.stored()) == 2 * (number + 1))
        soon(lambda: len(bench.told) == 6)
    assert bench.stored().close.tolist() == [100.0, 100.0, 101.0, 101.0, 102.0, 102.0, 103.0, 103.0]
    # The session opens at 03:45 UTC: its third bar closes at 04:00.
    assert [(symbol, (ts - OPENS) // BAR) for symbol, _, ts in bench.told] == [
        ("A", 0), ("B", 0), ("A", 1), ("B", 1), ("A", 3), ("B", 3),
    ]  # fmt: skip


def test_bars_that_the_store_does_not_take_are_left_to_the_history(bench: Bench) -> None:
    class Full(SqliteCandleStore):
        fails = 1

        def upsert(self, *given: object, **more: object) -> object:  # type: ignore[override]
            if Full.fails:
                Full.fails -= 1
                raise StoreError("the disk is full")
            return super().upsert(*given, **more)  # type: ignore[arg-type]

    file = Path(bench.url.removeprefix("sqlite:///"))
    bench.open = lambda: Full(str(file), read_only=False)
    with capture_logs() as logged, bench.running():
        bench.trade(0)
        soon(lambda: logged)
        bench.trade(1)
        soon(lambda: len(bench.told) == 2)
    assert [(one["log_level"], one["error"]) for one in logged] == [("warning", "the disk is full")]
    assert {ts for _, _, ts in bench.told} == {OPENS + BAR}
    assert len(bench.stored()) == 2


def test_what_is_held_is_asked_for_in_silence_only(bench: Bench) -> None:
    with bench.running() as feed:
        feed.hold(["B"])
        assert bench.stream.wanted == ["B"]
        time.sleep(0.1)  # noqa: TID251 - for a thread that should do nothing
        assert bench.asked == [], "before the open nothing is silent"
        bench.answer = lambda: [Tick("B", 55.0, bench.clock.now(), 9.0)]
        bench.clock.advance_to(OPENS + 31)
        soon(lambda: bench.prices.last("B"))
        feed.hold([])
        count = len(bench.asked)
        time.sleep(0.1)  # noqa: TID251 - as above
        assert len(bench.asked) <= count + 1, "it may have been about to ask"
    assert set(bench.asked) == {("B",)}


def test_an_error_of_asking_is_told_once_until_there_is_an_answer(bench: Bench) -> None:
    answers: list[str] = []

    def answer() -> list[Tick]:
        answers.append("")
        if len(answers) == 4:
            return []
        raise BrokerUnavailable("no answer")

    bench.answer = answer
    with capture_logs() as logged, bench.running() as feed:
        feed.hold(["A"])
        bench.clock.advance_to(OPENS + 31)
        soon(lambda: len(answers) >= 7)
    assert [one["error"] for one in logged] == ["no answer", "no answer"]


def test_a_thread_that_ends_by_an_error_is_logged_and_ends_nothing_else(bench: Bench) -> None:
    bench.stream.fails = True
    with capture_logs() as logged, bench.running():
        bench.trade(0)
        soon(lambda: len(bench.stored()) == 2)
    assert [(one["log_level"], one["thread"]) for one in logged] == [("error", "quotes")]


def test_it_ends_within_a_moment_though_an_answer_is_still_to_come(bench: Bench) -> None:
    hangs = Event()
    with ExitStack() as stack:
        stack.callback(hangs.set)
        bench.answer = lambda: list(range(0 * hangs.wait(PATIENCE)))
        feed = stack.enter_context(bench.running())
        feed.hold(["A"])
        bench.clock.advance_to(OPENS + 31)
        soon(lambda: bench.asked)
        began = time.monotonic()
        feed.close()
        assert time.monotonic() - began < PATIENCE / 3


def test_the_line_of_status_says_how_many_and_what_is_wrong(bench: Bench) -> None:
    with bench.running() as feed:
        assert feed.text == "2 symbols"
        bench.stream.refused = {"C": "unknown"}
        bench.clock.advance_to(OPENS + 31)
        assert feed.text == "2 symbols, 1 refused: no quote of 2 symbols for 31 s, though the connection is up"
