"""Threads that tell: on real time, over real HTTP. Nobody waits for them longer than he said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from livetrader.config.secrets import redact
from livetrader.market.clock import SystemClock
from livetrader.notify.backlog import Backlog
from livetrader.notify.courier import Budget, Courier
from livetrader.notify.events import Severity
from livetrader.notify.heartbeat import Heartbeat
from livetrader.notify.notifications import Notifications
from livetrader.notify.sender import AppriseSender
from livetrader.store.journal import SqlJournal
from tests.contract.journal_samples import AT
from tests.threads import PATIENCE, soon
from tests.unit.notify import told
from tests.unit.notify.post_office import PostOffice

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

Office = Callable[..., PostOffice]
CLOCK = SystemClock()


def notifications(journal: SqlJournal, *urls: str, heartbeat: Heartbeat | None = None) -> Notifications:
    reader = told.reader(journal)
    couriers = [
        Courier(
            url, Severity.INFO, AppriseSender(url, "HOOK", redact), reader, Backlog("PAPER", told.IST, CLOCK),
            Budget(10, CLOCK), CLOCK,
        )
        for url in urls
    ]  # fmt: skip
    return Notifications(couriers, heartbeat, CLOCK)


def test_what_is_committed_is_told_while_it_runs_and_what_is_left_at_its_end(
    journal: SqlJournal, office: Office
) -> None:
    there = office()
    made = notifications(journal, there.url)
    made.start(announced=True)
    journal.alert("hand:a", "first", AT)
    soon(lambda: there.posts)
    journal.alert("hand:b", "second", AT)
    made.close(PATIENCE)
    assert [text.rpartition(" ")[2] for text in there.texts] == ["first", "second"]


def test_a_target_that_hangs_keeps_neither_another_target_nor_the_end_waiting(
    journal: SqlJournal, office: Office
) -> None:
    good, hanging = office(), office(hangs=True)
    made = notifications(journal, good.url, hanging.url + "?rto=60")
    made.start(announced=False)
    journal.alert("hand:a", "told", AT)
    soon(hanging.asked.is_set)
    soon(lambda: good.posts)
    begun = time.monotonic()
    with capture_logs() as logged:
        made.close(0.2)
    assert time.monotonic() - begun < PATIENCE / 3
    assert [(line["event"], line["events"]) for line in logged] == [("not told yet; the next start does", 1)]


def test_a_process_that_ends_before_it_began_says_why(journal: SqlJournal, office: Office) -> None:
    there = office()
    made = notifications(journal, there.url)
    made.failed("no instruments")
    made.close(PATIENCE)
    assert [text.rpartition(": ")[2] for text in there.texts] == ["no instruments"]


def beats(there: PostOffice, seconds: float) -> Heartbeat:
    return Heartbeat(f"http://{there.address}/ping/canary-uuid", seconds)


class Waits(threading.Event):
    """What a heart waits on. Each wait is over at once, with so many `scans` in it; after the last one it closes."""

    def __init__(self, heart: Heartbeat, *scans: int) -> None:
        super().__init__()
        self.seconds: list[float | None] = []
        self._heart, self._scans = heart, list(scans)

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        for _ in range(self._scans.pop(0)):
            self._heart.scanned()
        if not self._scans:
            self.set()
        return self.is_set()


def test_the_heart_beats_only_after_a_scan_and_only_so_often(office: Office) -> None:
    there = office()
    heart = beats(there, 60)
    waits = Waits(heart, 0, 3, 1, 0, 0)
    heart.run(waits)
    assert there.gets == ["/ping/canary-uuid"] * 2, "once for three scans, and never without one"
    assert waits.seconds == [1, 1, 60, 60, 1], "a scan is looked for each second, once the last beat is a minute old"


def test_the_heart_beats_while_it_runs(journal: SqlJournal, office: Office) -> None:
    there = office()
    made = notifications(journal, heartbeat=beats(there, 0.02))
    made.start(announced=True)
    made.scanned()
    soon(lambda: there.gets)
    made.close(1)
    for thread in threading.enumerate():
        if thread.name == "heartbeat":  # the end does not wait for it, but its service ends with this test
            thread.join(PATIENCE)
    assert there.gets == ["/ping/canary-uuid"]


@pytest.mark.parametrize("failure", ["HTTP 500", "ConnectError"])
def test_a_heart_that_nobody_hears_is_logged_once_without_its_url(office: Office, failure: str) -> None:
    there = office(status=500)
    heart = beats(there, 0.02)
    if failure == "ConnectError":
        there.close()
    assert "canary" not in repr(heart)
    with capture_logs() as logged:
        heart.run(Waits(heart, 1, 1, 1, 1))
    assert [(line["log_level"], line.get("why")) for line in logged] == [("warning", failure)]
    assert "canary" not in str(logged)


def test_a_heart_that_is_heard_again_is_logged(office: Office) -> None:
    there = office(status=500)
    heart, closing = beats(there, 0.02), threading.Event()
    thread = threading.Thread(target=heart.run, args=(closing,))
    with capture_logs() as logged:
        thread.start()
        heart.scanned()
        soon(lambda: logged)
        there.status = 200
        heart.scanned()
        soon(lambda: len(logged) == 2)
        closing.set()
        thread.join(PATIENCE)
    assert logged[1]["event"] == "the heartbeat gets through again"
