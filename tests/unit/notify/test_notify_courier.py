"""A target is told all that is committed, once, at a bounded rate, whatever its service does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from livetrader.config.secrets import redact
from livetrader.domain.log_entry import LogEntry
from livetrader.errors import StoreError
from livetrader.market.clock import VirtualClock
from livetrader.notify.backlog import Backlog, Message
from livetrader.notify.courier import Budget, Courier
from livetrader.notify.events import Reader, Severity
from livetrader.notify.sender import AppriseSender
from livetrader.store.journal import SqlJournal
from tests.contract.journal_samples import AT, LATER, fill, intent, sent
from tests.unit.notify import told
from tests.unit.notify.post_office import PostOffice

NOW = LATER.timestamp()


@dataclass
class Service:
    """Takes messages, or says why not."""

    why: str = ""
    taken: list[Message] = field(default_factory=list)
    tries: int = 0

    def __call__(self, message: Message) -> str:
        self.tries += 1
        if not self.why:
            self.taken.append(message)
        return self.why

    @property
    def lines(self) -> list[str]:
        """Without their times."""
        return [line.partition(" ")[2] for message in self.taken for line in message.lines]


def courier(
    made: Reader, send: Callable[[Message], str], clock: VirtualClock, *, name: str = "HOOK",
    at_least: Severity = Severity.INFO, per_minute: int = 10,
) -> Courier:  # fmt: skip
    backlog, budget = Backlog("PAPER", told.IST, clock), Budget(per_minute, clock)
    return Courier(name, at_least, send, made, backlog, budget, clock)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture
def service() -> Service:
    return Service()


def fills(journal: SqlJournal, count: int, first: int = 0) -> None:
    """Orders that are filled, each in a symbol of its own."""
    with journal.unit():
        for i in range(first, first + count):
            symbol = f"S{i}"
            sent(journal, intent(f"o{i}", symbol=symbol))
            journal.book(fill(f"t{i}", f"o{i}", symbol=symbol), LATER)


def alerts(journal: SqlJournal, *texts: str, key: str = "hand") -> None:
    for text in texts:
        journal.alert(f"{key}:{text}", text, AT)


def test_the_first_time_it_is_told_from_now_on(journal: SqlJournal, service: Service, clock: VirtualClock) -> None:
    alerts(journal, "old")
    made = courier(told.reader(journal), service, clock)
    alerts(journal, "new")
    assert made.step()
    assert service.lines == ["new"]


@pytest.mark.parametrize("severity", list(Severity), ids=lambda one: one.name)
def test_it_is_told_what_is_at_least_as_bad_as_it_asked_for(
    journal: SqlJournal, service: Service, clock: VirtualClock, severity: Severity
) -> None:
    made = courier(told.reader(journal), service, clock, at_least=severity)
    fills(journal, 1)
    alerts(journal, "warning")
    alerts(journal, "critical", key="stop")
    made.step()
    expected = ["S0: bought 10 at 1500.10 (momentum_long)", "warning", "critical"][severity - 1 :]
    assert sorted(service.lines) == sorted(expected)


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_x3_a_flood_is_a_bounded_number_of_posts_and_every_event_is_counted(
    journal: SqlJournal, clock: VirtualClock, office: Callable[..., PostOffice]
) -> None:
    """A thousand fills, over real HTTP: at most so many posts in any minute, and lines and counts make a thousand."""
    there = office()
    made = courier(told.reader(journal), AppriseSender(there.url, "HOOK", redact), clock, per_minute=4)
    posted_at = []
    for second in range(100):
        fills(journal, 10, first=10 * second)
        before = len(there.posts)
        made.step()
        posted_at += [clock.monotonic()] * (len(there.posts) - before)
        clock.sleep(1)
    clock.sleep(60)
    assert made.step()
    assert all(sum(at <= one < at + 60 for one in posted_at) <= 4 for at in posted_at)
    assert 3 < len(there.posts) < 10
    lines = [line for post in there.posts for line in post["message"].split("\n")]
    folded = [int(line.split()[0]) for line in lines if " more: " in line]
    assert len(lines) - len(folded) + sum(folded) == 1000


def test_the_last_message_of_a_minute_is_kept_for_what_is_critical(
    journal: SqlJournal, service: Service, clock: VirtualClock
) -> None:
    made = courier(told.reader(journal), service, clock, per_minute=2)
    for i in range(5):
        alerts(journal, f"warning {i}")
        made.step()
    assert service.lines == ["warning 0"]
    alerts(journal, "bare", key="stop")
    assert not made.step()
    assert service.lines == ["warning 0", "bare"]
    clock.sleep(60)
    assert made.step()
    assert service.lines[2:] == ["warning 1", "warning 2", "warning 3", "warning 4"]


def test_a_dead_service_is_tried_at_growing_intervals_and_told_all_when_it_is_back(
    journal: SqlJournal, service: Service, clock: VirtualClock
) -> None:
    service.why = "no route"
    made = courier(told.reader(journal), service, clock)
    with capture_logs() as logged:
        for i in range(3600):
            if i % 600 == 0:
                alerts(journal, f"alert {i}")
            made.step()
            clock.sleep(1)
    assert 60 <= service.tries <= 70
    assert [line["event"] for line in logged] == ["notifications do not get through; they are tried again"]
    assert (logged[0]["why"], made.backlog.size) == ("no route", 6)
    for _ in range(1500):  # a day and a night
        made.step()
        clock.sleep(60)
    service.why = ""
    with capture_logs() as logged:
        assert made.step()
    assert [line["event"] for line in logged] == ["notifications get through again"]
    assert [line.rpartition(" ")[2] for line in service.lines] == [str(600 * i) for i in range(6)]


@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
def test_a_restart_neither_repeats_nor_loses(
    journal: SqlJournal, service: Service, clock: VirtualClock, killed: bool
) -> None:
    """Told; then untold because the service is dead, or nobody ran; then told by the next process."""
    first = courier(told.reader(journal), service, clock)
    alerts(journal, "told")
    first.step()
    service.why = "no route"
    alerts(journal, "untold")
    first.step(closing=not killed)
    alerts(journal, "while nobody ran")
    service.why = ""
    second = courier(told.reader(journal), service, clock)
    alerts(journal, "new")
    second.step(closing=True)
    third = courier(told.reader(journal), service, clock)
    third.step(closing=True)
    assert service.lines == ["told", "untold", "while nobody ran", "new"]


def test_a_critical_message_that_went_ahead_does_not_take_the_rest_along(
    journal: SqlJournal, service: Service, clock: VirtualClock
) -> None:
    made = courier(told.reader(journal), service, clock, per_minute=2)
    alerts(journal, "first")
    made.step()
    alerts(journal, "second")
    alerts(journal, "bare", key="stop")
    assert not made.step(), "the budget is spent"
    later = courier(told.reader(journal), service, clock)
    assert later.step()
    assert service.lines[:2] == ["first", "bare"]
    assert "second" in service.lines[2:]


def test_targets_have_cursors_of_their_own(journal: SqlJournal, clock: VirtualClock) -> None:
    good, dead = Service(), Service("no route")
    made = told.reader(journal)
    for one, name in ((good, "GOOD"), (dead, "DEAD")):
        courier(made, one, clock, name=name)
    alerts(journal, "a")
    for one, name in ((good, "GOOD"), (dead, "DEAD")):
        courier(made, one, clock, name=name).step(closing=True)
    dead.why = ""
    for one, name in ((good, "GOOD"), (dead, "DEAD")):
        courier(made, one, clock, name=name).step(closing=True)
    assert (good.lines, dead.lines) == (["a"], ["a"])


class Broken:
    """A log whose database cannot be read for a while, or that has a row of another version."""

    def __init__(self, journal: SqlJournal) -> None:
        self._journal = journal
        self.broken = False
        self.strange = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def entries(self, kinds: Sequence[str], after: int, until: int, limit: int) -> Sequence[LogEntry]:
        if self.broken:
            raise StoreError("state.db: locked by another process for too long")
        found = list(self._journal.entries(kinds, after, until, limit))
        return [LogEntry(found[0].seq, AT, "latch", {}), *found[1:]] if self.strange and found else found


def test_a_log_that_cannot_be_read_is_read_later_and_said_once(
    journal: SqlJournal, service: Service, clock: VirtualClock
) -> None:
    made = told.reader(journal)
    made.tail = tail = Broken(journal)  # type: ignore[assignment]  # it has the methods of the journal
    one = courier(made, service, clock)
    alerts(journal, "a")
    tail.broken = True
    with capture_logs() as logged:
        for _ in range(5):
            one.step()
    assert [line["log_level"] for line in logged] == ["warning"]
    tail.broken = False
    one.step()
    assert service.lines == ["a"]


def test_a_row_that_cannot_be_put_into_words_hides_none_after_it(
    journal: SqlJournal, service: Service, clock: VirtualClock
) -> None:
    made = told.reader(journal)
    made.tail = tail = Broken(journal)  # type: ignore[assignment]  # it has the methods of the journal
    one = courier(made, service, clock)
    alerts(journal, "a", "b")
    tail.strange = True
    with capture_logs() as logged:
        assert one.step()
    assert [line["event"] for line in logged] == ["a row of the audit log could not be told"]
    assert service.lines == ["b"]


@pytest.mark.parametrize("written", [True, False], ids=["with its row", "the row could not be written"])
def test_the_error_that_ends_the_process_is_told_once(
    journal: SqlJournal, service: Service, clock: VirtualClock, written: bool
) -> None:
    made = told.reader(journal)
    one = courier(made, service, clock)
    run = journal.start_run(AT, mode="paper", version="1", config_hash="x")
    one.step()
    if written:
        journal.stop_run(run, LATER, exit_reason="error")
    made.error = "state.db: the disk is full"
    assert one.step(closing=True)
    assert one.step(closing=True)
    assert service.lines == ["stopped by an error: state.db: the disk is full"]
