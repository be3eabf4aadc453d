"""The bugs of ORDERS.md, and more, planted one at a time: the fault simulation must catch each, or it is decoration.

A bug is one function in the place of the right one. `TAG_SCAN` is the profile whose broker takes any order twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from livetrader.brokers.loopback.profiles import TAG_SCAN
from livetrader.brokers.polled import PolledBroker
from livetrader.constraints.gate import approve_exit
from livetrader.constraints.rules.latches import SymbolFree
from livetrader.constraints.verdict import Approved
from livetrader.domain.books import Books, BrokerOrder, BrokerTrade
from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.session import Session
from livetrader.engine import cycle, sizing
from livetrader.engine.book import HeldPosition
from livetrader.engine.closing import Closing
from livetrader.engine.cycle import Engine
from livetrader.engine.exits import Walked
from livetrader.engine.orders import OrderPath
from livetrader.engine.parents.sending import Parents
from livetrader.engine.parents.under_way import UnderWay
from livetrader.engine.protection import Protection
from livetrader.engine.reconcile import Doubt, Reconciler
from livetrader.faultsim import world
from livetrader.faultsim.runs import trial
from livetrader.ports import Outcome
from livetrader.store.journal import SqlJournal

pytestmark = pytest.mark.slow

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
    right = world.recover

    def recover(engine: Engine, session: Session | None) -> None:
        right(engine, session)
        engine.book.day_value = engine.value(int(engine.clock.now()))

    plant.setattr(world, "recover", recover)


def partial_fill_ignored(plant: pytest.MonkeyPatch) -> None:
    right = OrderPath._book

    def book(self: OrderPath, fill: Fill, broker_order_id: str | None) -> bool:
        whole = fill.quantity == self._recorded(fill.intent_id).intent.quantity
        return whole and right(self, fill, broker_order_id)

    plant.setattr(OrderPath, "_book", book)


def intent_sent_again(plant: pytest.MonkeyPatch) -> None:
    """After a crash, what was written ahead and has no answer goes out once more."""
    right = world.recover

    def recover(engine: Engine, session: Session | None) -> None:
        right(engine, session)
        for intent_id in sorted(engine.book.unknown):
            engine.path.broker.place(approve_exit(engine.book.orders[intent_id]))

    plant.setattr(world, "recover", recover)


def stop_off_its_level(plant: pytest.MonkeyPatch) -> None:
    right = Protection._trigger

    def trigger(self: Protection, held: HeldPosition, level: float) -> Decimal:
        return (right(self, held, level) * (1 - held.position.side.sign * Decimal("0.1"))).quantize(Decimal("0.1"))

    plant.setattr(Protection, "_trigger", trigger)


def never_trails(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Protection, "_move", lambda *_: None)


def target_never_taken(plant: pytest.MonkeyPatch) -> None:
    def walk(*walked: Any) -> Walked:
        found = right(*walked)
        return replace(found, bar=None, reason=None) if found.reason is ExitReason.TARGET else found

    right = cycle.walk
    plant.setattr(cycle, "walk", walk)


def no_square_off(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Engine, "_squares_off", lambda *_: False)


def limit_never_pressed(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Closing, "press", lambda *_: None)


def price_off(plant: pytest.MonkeyPatch) -> None:
    right = PolledBroker._fill

    def fill(self: PolledBroker, intent_id: str, trade: BrokerTrade) -> Fill:
        return right(self, intent_id, replace(trade, price=trade.price * Decimal("1.01")))

    plant.setattr(PolledBroker, "_fill", fill)


def fills_lost(plant: pytest.MonkeyPatch) -> None:
    """What the market exits did is never heard of: it looks as if somebody had closed them by hand."""
    right = PolledBroker._news

    def news(self: PolledBroker, intent_id: str, order: BrokerOrder, fills: tuple[Fill, ...], known: Decimal) -> Any:
        if fills and order.order_type is OrderType.MARKET and self.orders[intent_id].purpose is Purpose.EXIT:
            self.booked.update(fill.trade_id for fill in fills)
            fills = ()
        return right(self, intent_id, order, fills, known)

    plant.setattr(PolledBroker, "_news", news)


def one_read_believed(plant: pytest.MonkeyPatch) -> None:
    def believed(self: Reconciler, key: tuple[str, Product], difference: Decimal, _books: Books) -> bool:
        self.differing[key] = Doubt(difference, 0.0)
        return True

    plant.setattr(Reconciler, "_believed", believed)


def exit_without_a_read(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Closing, "_held_at_venue", lambda _, held: abs(held.position.quantity))


def symbol_not_frozen(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(world, "RULES", tuple(rule for rule in world.RULES if not isinstance(rule, SymbolFree)))


def identity_salted(plant: pytest.MonkeyPatch) -> None:
    right, salt = sizing.intent_id, itertools.count()

    def name(account: str, strategy: str, symbol: str, as_of: int, action: Action, leg: str) -> str:
        return right(account, strategy, symbol, as_of, action, f"{leg}{next(salt)}")

    plant.setattr(sizing, "intent_id", name)


def child_sent_again_after_a_crash(plant: pytest.MonkeyPatch) -> None:
    """A new process takes what has not filled for never sent."""
    right = world.recover

    def recover(engine: Engine, session: Session | None) -> None:
        right(engine, session)
        for child in (child for under in engine.book.parents.values() for child in under.children.values()):
            child.works, child.state = False, S.EXPIRED

    plant.setattr(world, "recover", recover)


def rest_of_a_parent_forgotten(plant: pytest.MonkeyPatch) -> None:
    """What has not gone out yet is no exposure."""
    plant.setattr(UnderWay, "rest", property(lambda _: Decimal(0)))


def child_after_a_halt(plant: pytest.MonkeyPatch) -> None:
    right = Parents._send

    def send(self: Parents, under: UnderWay, now: int) -> None:
        objection, self.path.objection = self.path.objection, lambda _: ""
        right(self, under, now)
        self.path.objection = objection

    plant.setattr(Parents, "_send", send)


def child_after_its_position(plant: pytest.MonkeyPatch) -> None:
    """A parent goes on when its position is being closed, and its time is over."""
    plant.setattr(Parents, "_why_over", lambda *_, **__: "")
    plant.setattr("livetrader.engine.parents.sending.over", lambda *_, **__: "")


def parent_not_written_down(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(SqlJournal, "begin_parent", lambda *_: True)


def never_stale(plant: pytest.MonkeyPatch) -> None:
    """What is immediate or cancelled rests for the day."""
    plant.setattr(Engine, "_drop_stale", lambda *_: None)


def child_outlives_its_parent(plant: pytest.MonkeyPatch) -> None:
    """A parent is over, and what works of it goes on."""

    def end(self: Parents, under: UnderWay, why: str) -> None:
        if not under.ended:
            self.path.journal.end_parent(under.parent.name, why, self._at())
            under.ended = True
        self.book.leave(under, why)

    plant.setattr(Parents, "end", end)


def replan_not_written_down(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(SqlJournal, "replan", lambda *_: True)


def replan_not_followed(plant: pytest.MonkeyPatch) -> None:
    """What the operator says of an exit is written down, and the old one goes on."""
    plant.setattr(HeldPosition, "follow", lambda *_: None)


def new_terms_not_written_down(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(SqlJournal, "amend_parent", lambda *_: None)


def new_terms_not_followed(plant: pytest.MonkeyPatch) -> None:
    """What works of a parent keeps the price that it went out at."""
    plant.setattr(Parents, "_align", lambda *_: None)


BUGS: Sequence[tuple[Bug, set[str]]] = (
    (retry_on_timeout, {"I1", "I6"}),
    (ack_before_commit, {"I6"}),
    (float_quantity, {"I2", "I3", "I5"}),
    (naive_now, {"ValueError"}),  # the journal takes no time without a zone
    (daily_loss_reset_at_restart, {"I8"}),
    (partial_fill_ignored, {"I2", "I3", "I5", "I7"}),
    (intent_sent_again, {"I1", "I6"}),
    (stop_off_its_level, {"I7"}),
    (never_trails, {"I7"}),
    (target_never_taken, {"I7"}),
    (no_square_off, {"I7"}),
    (limit_never_pressed, {"I7"}),
    (price_off, {"I3"}),
    (fills_lost, {"I2", "I3", "I5", "I7"}),
    (one_read_believed, {"I2"}),
    (exit_without_a_read, {"I4"}),
    (symbol_not_frozen, {"I1", "I8"}),
    (identity_salted, {"I1"}),
    (child_sent_again_after_a_crash, {"I1"}),
    (rest_of_a_parent_forgotten, {"I4"}),
    (child_after_a_halt, {"I8"}),
    (child_after_its_position, {"I4", "I5", "I7", "I8"}),
    (parent_not_written_down, {"I6"}),
    (never_stale, {"I5"}),
    (child_outlives_its_parent, {"I5", "I8"}),
    (replan_not_written_down, {"I7"}),
    (replan_not_followed, {"I7"}),
    (new_terms_not_written_down, {"I1", "I6"}),
    (new_terms_not_followed, {"I5"}),
)

# Few days have what these break: they are looked for from shortly before the first that has.
RARE = {never_stale: 470, child_outlives_its_parent: 365, new_terms_not_followed: 295}


@pytest.mark.parametrize(("bug", "caught"), [pytest.param(*one, id=one[0].__name__) for one in BUGS])
def test_a_planted_bug_is_caught(bug: Bug, caught: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Within SEEDS seeds, by the invariants that such a bug must break."""
    bug(monkeypatch)
    first = RARE.get(bug, 0)
    broken = next((one for seed in range(first, first + SEEDS) for one in trial(TAG_SCAN.name, seed, 1).broken), None)
    assert broken is not None, f"{bug.__name__} went unseen for {SEEDS} seeds of {TAG_SCAN.name}"
    assert broken.invariant in caught, broken
