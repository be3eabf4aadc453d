"""The account's lease (fault P4): one holder at a time, and whoever lost it knows before its next send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.errors import AlreadyRunning
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.queries import LeaseHolder, open_queries
from tests.databases import on_each_database

OrderMaker = Callable[..., OrderIntent]
TTL = 30.0

pytestmark = on_each_database


@pytest.fixture
def rival(url: str, journal: SqlJournal) -> Iterator[SqlJournal]:
    """The same state, opened by another host."""
    assert journal.verify_audit() == 1
    opened = SqlJournal(open_state(url, "paper", "main"))
    yield opened
    opened.close()


def test_a_lease_is_taken_by_one(journal: SqlJournal, rival: SqlJournal, at: datetime) -> None:
    assert journal.lease("mumbai", TTL, at) == 1
    assert rival.lease("pune", TTL, at + timedelta(seconds=29.9)) is None
    assert journal.renew(1, at + timedelta(seconds=29.9))


def test_an_expired_lease_is_free_and_its_holder_has_lost_it(
    journal: SqlJournal, rival: SqlJournal, at: datetime
) -> None:
    journal.lease("mumbai", TTL, at)
    expired = at + timedelta(seconds=TTL)
    assert rival.lease("pune", TTL, expired) == 2
    assert not journal.renew(1, expired)
    assert rival.renew(2, expired)
    assert journal.lease("mumbai", TTL, expired) is None


def test_a_renewal_extends_by_the_whole_time(journal: SqlJournal, rival: SqlJournal, at: datetime) -> None:
    journal.lease("mumbai", TTL, at)
    assert journal.renew(1, at + timedelta(seconds=20))
    assert rival.lease("pune", TTL, at + timedelta(seconds=49)) is None
    assert rival.lease("pune", TTL, at + timedelta(seconds=50)) == 2


def test_a_late_renewal_is_good_while_nobody_else_came(journal: SqlJournal, at: datetime) -> None:
    journal.lease("mumbai", TTL, at)
    assert journal.renew(1, at + timedelta(hours=1))


def test_a_restarted_holder_takes_its_own_lease_with_a_new_number(
    journal: SqlJournal, rival: SqlJournal, at: datetime
) -> None:
    """What it left behind, should it still live, is fenced off."""
    journal.lease("mumbai", TTL, at)
    assert rival.lease("mumbai", TTL, at) == 2
    assert not journal.renew(1, at)


def test_a_released_lease_is_free_at_once_and_its_number_is_not_given_again(
    journal: SqlJournal, rival: SqlJournal, at: datetime
) -> None:
    journal.lease("mumbai", TTL, at)
    journal.release(1, at)
    assert not journal.renew(1, at)
    behind = at - timedelta(seconds=5)
    assert rival.lease("pune", TTL, behind) == 2, "whatever the other host's clock says"
    journal.release(1, at)
    assert rival.renew(2, at), "the loser cannot give away what it has lost"


def test_a_lease_that_was_lost_takes_the_sent_row_with_it(
    journal: SqlJournal, rival: SqlJournal, at: datetime, order: OrderMaker
) -> None:
    """In one unit: no instant lies between the look at the lease and the commit of SENT."""
    journal.lease("mumbai", TTL, at)
    journal.intend(order("a"), at)
    later = at + timedelta(minutes=1)
    rival.lease("pune", TTL, later)

    def send() -> None:
        with journal.unit():
            journal.advance("a", OrderState.SENT, later)
            if not journal.renew(1, later):
                raise AlreadyRunning("pune has the account's lease")

    with pytest.raises(AlreadyRunning):
        send()
    assert journal.orders()[0].state is OrderState.INTENT


def test_takings_and_releases_are_logged_and_renewals_are_not(
    url: str, journal: SqlJournal, tmp_path: Path, at: datetime
) -> None:
    journal.lease("mumbai", TTL, at)
    journal.renew(1, at)
    assert journal.verify_audit() == 2
    with open_queries(url, "paper", tmp_path) as queries:
        assert queries.status().lease == LeaseHolder("mumbai", 1, at + timedelta(seconds=TTL))
    journal.release(1, at)
    journal.release(1, at)
    assert journal.verify_audit() == 3
    with open_queries(url, "paper", tmp_path) as queries:
        assert queries.status().lease is None
