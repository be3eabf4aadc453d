"""What stands still while the feed of quotes is silent, and when it is free again."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from livetrader.bootstrap.silence import FEED, SETTLING_SECONDS, STARTING_SECONDS, Silence
from livetrader.domain.tick import LastPrice
from livetrader.market.clock import VirtualClock
from livetrader.ports import wall_time
from livetrader.store.memory import MemoryJournal

START = 1_790_000_000.0


@dataclass
class Says:
    """Implements ports.Quotes: silent for the reason that the test gives."""

    why: str = ""

    def last(self, symbol: str) -> LastPrice | None:  # noqa: ARG002 - nobody asks
        return None

    def silence(self) -> str:
        return self.why


class Bench:
    def __init__(self, journal: MemoryJournal | None = None, *, fed: bool = True) -> None:
        self.journal, self.clock, self.quotes = journal or MemoryJournal(), VirtualClock(START), Says()
        self.silence = Silence(self.journal, self.clock, self.quotes if fed else None)
        self.silence.begin()

    def watch(self, seconds: float, why: str = "") -> None:
        """Look every second, for so long."""
        self.quotes.why = why
        for _ in range(int(seconds)):
            self.clock.sleep(1)
            self.silence.watch()

    @property
    def on(self) -> tuple[set[str], list[str]]:
        return set(self.journal.latches()), [alert.key for alert in self.journal.alerts()]


ON, OFF = ({FEED}, [FEED]), (set(), [])


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_b14_silence_stops_entries_and_says_why_once(bench: Bench) -> None:
    bench.watch(STARTING_SECONDS)
    bench.watch(1, "no quote of 2 symbols for 31 s")
    assert bench.on == ON
    bench.watch(60, "no quote of 2 symbols for 91 s")
    (alert,) = bench.journal.alerts()
    assert alert.text.startswith("no quote of 2 symbols for 31 s; entries are halted, exits go on")


def test_quotes_have_to_stay_before_entries_are_free(bench: Bench) -> None:
    bench.watch(STARTING_SECONDS + 1, "silent")
    for _ in range(5):
        bench.watch(SETTLING_SECONDS - 1)
        bench.watch(1, "silent")
    assert bench.on == ON
    bench.watch(SETTLING_SECONDS + 1)
    assert bench.on == OFF


def test_a_feed_that_has_just_been_begun_has_its_time(bench: Bench) -> None:
    bench.watch(STARTING_SECONDS - 1, "the connection has not been made yet")
    assert bench.on == OFF
    bench.watch(1, "the connection has not been made yet")
    assert bench.on == ON


def test_a_latch_of_an_earlier_process_stays_until_there_are_quotes() -> None:
    before = Bench()
    before.watch(STARTING_SECONDS + 1, "silent")
    bench = Bench(before.journal)
    bench.watch(STARTING_SECONDS - 5, "the connection has not been made yet")
    assert bench.on == ON
    bench.watch(SETTLING_SECONDS + 1)
    assert bench.on == OFF


def test_without_a_feed_there_is_nothing_to_be_silent() -> None:
    before = Bench()
    before.watch(STARTING_SECONDS + 1, "silent")
    bench = Bench(before.journal, fed=False)
    assert bench.on == OFF
    bench.watch(100)
    assert bench.on == OFF


def test_other_latches_are_none_of_its_business(bench: Bench) -> None:
    bench.journal.latch("halt", "by hand", wall_time(bench.clock))
    bench.watch(STARTING_SECONDS + 1, "silent")
    bench.watch(SETTLING_SECONDS + 1)
    assert bench.on == ({"halt"}, [])
