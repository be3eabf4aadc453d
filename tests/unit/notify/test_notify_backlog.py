"""Bursts become one message whose counts add up; what is critical goes first and in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from livetrader.market.clock import VirtualClock
from livetrader.notify.backlog import LINES, Backlog, Message
from livetrader.notify.events import Day, Event, Severity
from tests.unit.notify.told import IST

NOW = datetime(2026, 2, 2, 4, 0, tzinfo=UTC)


def backlog() -> Backlog:
    return Backlog("PAPER", IST, VirtualClock(NOW.timestamp()))


def event(text: str, severity: Severity = Severity.INFO, noun: str = "fill", seq: int = 1, at: datetime = NOW) -> Event:
    return Event(seq, at, severity, noun, lambda: text)


def messages(made: Backlog) -> Iterator[Message]:
    while (message := made.next()) is not None:
        yield message
        made.sent()


def test_one_event_is_one_line_with_the_time_at_the_exchange_under_the_mode() -> None:
    made = backlog()
    made.add(event("INFY: bought 10"))
    assert list(messages(made)) == [Message(Severity.INFO, "PAPER: fill", ("09:30:00 INFY: bought 10",))]
    assert (made.next(), made.oldest, made.size) == (None, None, 0)


def test_an_event_of_another_day_says_so() -> None:
    made = backlog()
    made.add(event("late", at=NOW - timedelta(days=3)))
    assert [message.lines for message in messages(made)] == [("30 Jan 09:30:00 late",)]


def test_a_burst_is_ten_lines_and_counts() -> None:
    made = backlog()
    for i in range(40):
        made.add(event(f"fill {i}", seq=i + 1))
    for i in range(7):
        made.add(event(f"rejection {i}", Severity.WARNING, "rejection", seq=41 + i))
    (message,) = messages(made)
    assert message.title == "PAPER: 47 events"
    assert len(message.lines) == LINES + 1
    assert message.lines[-1] == "37 more: 30 fills, 7 rejections"


def test_what_is_critical_goes_first_and_is_never_folded() -> None:
    made = backlog()
    for i in range(15):
        made.add(event(f"fill {i}"))
    for i in range(25):
        made.add(event(f"bare {i}", Severity.CRITICAL, "alert"))
    first, second, third, others = messages(made)
    said = [line for message in (first, second, third) for line in message.lines]
    assert said == [f"09:30:00 bare {i}" for i in range(25)]
    assert first.title == "PAPER CRITICAL: 10 events"
    assert others.lines[-1] == "5 more: 5 fills"


def test_the_same_words_are_counted_in_one_message_and_not_said_again_for_a_minute() -> None:
    made = backlog()
    for _ in range(3):
        made.add(event("no funds"))
    assert [message.lines for message in messages(made)] == [("09:30:00 no funds (3 times)",)]
    made.clock.sleep(59)
    made.add(event("no funds"))
    assert list(messages(made)) == []
    made.clock.sleep(1)
    made.add(event("no funds"))
    assert len(list(messages(made))) == 1


def test_a_days_end_comes_by_itself_and_after_the_rest() -> None:
    made = backlog()
    ended = Event(5, NOW, Severity.INFO, "day's end", lambda: "Monday is over", lambda: Day(("2 trades",), None))
    made.add(ended)
    made.add(event("fill", seq=6))
    assert [message.title for message in messages(made)] == ["PAPER: fill", "PAPER: Monday is over"]


def test_a_message_stays_the_next_one_until_it_was_sent() -> None:
    made = backlog()
    made.add(event("a"))
    assert made.next() == made.next()


@given(st.lists(st.sampled_from(list(Severity)), max_size=120))
def test_nothing_is_lost_whatever_comes(severities: list[Severity]) -> None:
    """Lines and counts add up to what went in, and the oldest row that waits is known until it is out."""
    made = backlog()
    for i, severity in enumerate(severities, 1):
        made.add(event(f"number {i}", severity, severity.name, seq=i))
    assert made.size == len(severities)
    told = 0
    while (message := made.next()) is not None:
        assert made.oldest is not None
        folded = [int(line.split()[0]) for line in message.lines if " more: " in line]
        told += len(message.lines) - len(folded) + sum(folded)
        made.sent()
        assert made.size == len(severities) - told
    assert (told, made.oldest) == (len(severities), None)
