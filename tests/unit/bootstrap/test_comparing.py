"""When the books are compared, and what stands still while they cannot be, or differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from livetrader.bootstrap.comparing import SETTLING_SECONDS, Comparing
from livetrader.domain.instrument import Product
from livetrader.engine.reconcile import Doubt, Reconciler
from livetrader.errors import AuthExpired, BrokerError, BrokerUnavailable, ReconcileMismatch
from livetrader.market.clock import VirtualClock
from livetrader.store.memory import MemoryJournal

START = 1_790_000_000.0
AWAY = BrokerUnavailable("no answer")
EXPIRED = AuthExpired("expired: run `livetrader login x`")


@dataclass
class Books:
    """Stands in for a Reconciler: agrees, differs or raises, as it is told."""

    says: bool | BrokerError = True
    looked: int = 0
    differing: dict[Any, Doubt] = field(default_factory=dict)
    unexplained: Doubt | None = None
    book: Any = field(default_factory=lambda: SimpleNamespace(unknown=set()))
    path: Any = field(default_factory=lambda: SimpleNamespace(silent_since=None, horizon=0.0))

    def reconcile(self) -> bool:
        self.looked += 1
        if isinstance(self.says, BrokerError):
            self.path.silent_since = self.path.silent_since or START
            raise self.says
        self.path.silent_since = None
        return self.says


class Bench:
    """A comparison every 60 s that bears with a broker for 300 s."""

    def __init__(self) -> None:
        self.journal, self.clock, self.books = MemoryJournal(), VirtualClock(START), Books()
        self.comparing = Comparing(self.journal, self.clock, 60.0, 300.0)
        self.comparing.begin()

    @property
    def reconciler(self) -> Reconciler:
        return cast(Reconciler, self.books)

    def watch(self, seconds: float = 0.0) -> None:
        """Monitor every two seconds, for so long."""
        until = self.clock.now() + seconds
        self.comparing.watch(self.reconciler)
        while self.clock.now() < until:
            self.clock.advance_to(self.clock.now() + 2.0)
            self.comparing.watch(self.reconciler)

    @property
    def latches(self) -> set[str]:
        return set(self.journal.latches())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_no_entry_before_the_first_agreement(bench: Bench) -> None:
    assert bench.latches == {"reconcile"}
    bench.watch()
    assert bench.latches == set()


def test_books_are_compared_at_the_start_and_every_so_often(bench: Bench) -> None:
    bench.watch(180)
    assert bench.books.looked == 4


def test_m8_books_are_compared_at_once_when_a_new_session_has_an_engine_of_its_own(bench: Bench) -> None:
    """What it has held over night waits for that."""
    bench.watch()
    bench.books = Books()
    bench.watch()
    assert bench.books.looked == 1


def test_books_that_cannot_be_read_halt_entries_until_they_can(bench: Bench) -> None:
    bench.watch()
    bench.books.says = AWAY
    bench.watch(120)
    assert bench.latches == {"reconcile"}
    assert [alert.key for alert in bench.journal.alerts()] == ["reconcile"]
    bench.books.says = True
    bench.books.path.silent_since = None
    bench.watch()
    assert bench.latches == set()
    assert not bench.journal.alerts()


@pytest.mark.parametrize("error", [AWAY, EXPIRED], ids=["away", "login lost"])
def test_patience_has_an_end_and_the_error_is_the_brokers(bench: Bench, error: BrokerError) -> None:
    bench.watch()
    bench.books.says = error
    bench.watch(290)
    with pytest.raises(type(error)):
        bench.watch(120)


def test_b17_a_lost_login_halts_entries_and_the_alert_names_the_command(bench: Bench) -> None:
    bench.books.says = EXPIRED
    bench.watch()
    assert "auth" in bench.latches
    assert "livetrader login" in bench.journal.alerts()[0].text
    bench.books.says = True
    bench.books.path.silent_since = None
    bench.watch()
    assert bench.latches == set()


def test_a_difference_halts_entries_when_it_lasts_and_is_read_again_at_once(bench: Bench) -> None:
    bench.watch()
    bench.books.says = False
    bench.books.differing["A", Product.MIS] = Doubt(Decimal(5), START)
    bench.watch(60 + 2 * SETTLING_SECONDS)
    assert bench.latches == {"reconcile"}
    assert "A MIS by +5" in bench.journal.latches()["reconcile"].reason
    assert bench.books.looked > 2 + SETTLING_SECONDS / 2


def test_an_order_of_unknown_fate_is_its_symbols_matter_alone(bench: Bench) -> None:
    bench.watch()
    bench.books.says = False
    bench.books.book.unknown.add("i1")
    bench.watch(120)
    assert bench.latches == set()


def test_a_single_scan_does_not_begin_while_the_books_differ(bench: Bench) -> None:
    bench.books.says = False
    bench.books.differing["A", Product.MIS] = Doubt(Decimal(5), START)
    with pytest.raises(ReconcileMismatch, match=r"A MIS by \+5"):
        bench.comparing.agree(bench.reconciler)
    assert bench.clock.now() - START >= SETTLING_SECONDS
    assert bench.latches == {"reconcile"}
