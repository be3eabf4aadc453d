"""The seven bugs of ORDERS.md, planted one at a time: the fault simulation must catch each, or it is decoration.

A bug is one function in the place of the right one. `TAG_SCAN` is the profile whose broker takes any order twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from livetrader.brokers.loopback.profiles import TAG_SCAN
from livetrader.brokers.polled import PolledBroker
from livetrader.constraints.gate import approve_exit
from livetrader.constraints.verdict import Approved
from livetrader.domain.books import BrokerTrade
from livetrader.domain.order import Fill
from livetrader.domain.order_state import OrderState
from livetrader.domain.session import Session
from livetrader.engine.cycle import Engine
from livetrader.engine.orders import OrderPath
from livetrader.faultsim.runs import trial
from livetrader.ports import Outcome
from livetrader.store.journal import SqlJournal

SEEDS = 300
S = OrderState

Bug = Callable[[pytest.MonkeyPatch], None]


def retry_on_timeout(plant: pytest.MonkeyPatch) -> None:
    right = PolledBroker.place

    def place(self: PolledBroker, order: Approved) -> Outcome:
        outcome = right(self, order)
        return right(self, order) if outcome.state is S.UNKNOWN else outcome

    plant.setattr(PolledBroker, "place", place)


def ack_before_commit(plant: pytest.MonkeyPatch) -> None:
    """SENT is written down with the answer, and not before the call."""
    right, unwritten = SqlJournal.advance, {}

    def advance(self: SqlJournal, intent_id: str, state: OrderState, at: datetime, **said: Any) -> None:
        if state is S.SENT:
            unwritten[intent_id] = at
            return
        if intent_id in unwritten:
            right(self, intent_id, S.SENT, unwritten.pop(intent_id))
        right(self, intent_id, state, at, **said)

    plant.setattr(SqlJournal, "advance", advance)


def float_quantity(plant: pytest.MonkeyPatch) -> None:
    right = PolledBroker._fill

    def fill(self: PolledBroker, intent_id: str, trade: BrokerTrade) -> Fill:
        found = right(self, intent_id, trade)
        object.__setattr__(found, "quantity", Decimal(float(found.quantity)))
        return found

    plant.setattr(PolledBroker, "_fill", fill)


def naive_now(plant: pytest.MonkeyPatch) -> None:
    def at(self: OrderPath) -> datetime:
        return datetime.fromtimestamp(self.clock.now())  # noqa: DTZ006 - the bug

    plant.setattr(OrderPath, "_at", at)


def daily_loss_reset_at_restart(plant: pytest.MonkeyPatch) -> None:
    """The day begins anew with what is left."""
    right = Engine.recover

    def recover(self: Engine, session: Session) -> None:
        right(self, session)
        self.book.day_value = self.value(int(self.clock.now()))

    plant.setattr(Engine, "recover", recover)


def partial_fill_ignored(plant: pytest.MonkeyPatch) -> None:
    right = OrderPath._book

    def book(self: OrderPath, fill: Fill, broker_order_id: str | None) -> bool:
        whole = fill.quantity == self._recorded(fill.intent_id).intent.quantity
        return whole and right(self, fill, broker_order_id)

    plant.setattr(OrderPath, "_book", book)


def intent_sent_again(plant: pytest.MonkeyPatch) -> None:
    """After a crash, what was written ahead and has no answer goes out once more."""
    right = Engine.recover

    def recover(self: Engine, session: Session) -> None:
        right(self, session)
        for intent_id in sorted(self.book.unknown):
            self.path.broker.place(approve_exit(self.book.orders[intent_id]))

    plant.setattr(Engine, "recover", recover)


BUGS: Sequence[tuple[Bug, set[str]]] = (
    (retry_on_timeout, {"I1", "I6"}),
    (ack_before_commit, {"I6"}),
    (float_quantity, {"I2", "I3"}),
    (naive_now, {"ValueError"}),  # the journal takes no time without a zone
    (daily_loss_reset_at_restart, {"I8"}),
    (partial_fill_ignored, {"I2", "I3", "I5", "I7"}),
    (intent_sent_again, {"I1", "I6"}),
)


@pytest.mark.parametrize(("bug", "caught"), [pytest.param(*one, id=one[0].__name__) for one in BUGS])
def test_a_planted_bug_is_caught(bug: Bug, caught: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Within SEEDS seeds, by the invariants that such a bug must break."""
    bug(monkeypatch)
    broken = next((one for seed in range(SEEDS) for one in trial(TAG_SCAN.name, seed, 1).broken), None)
    assert broken is not None, f"{bug.__name__} went unseen for {SEEDS} seeds of {TAG_SCAN.name}"
    assert broken.invariant in caught, broken
