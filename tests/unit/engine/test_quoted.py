"""Exits on quotes, at a loopback venue: what is reached is left, and a feed that tells nonsense sells nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.brokers.polled import PolledBroker
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.domain.tick import LastPrice
from livetrader.engine.quoted import FRESH_SECONDS, STOP_SECONDS, Quoted
from livetrader.errors import BrokerUnavailable
from tests.acceptance.faults.live_account import DAYS, LiveAccount
from tests.unit.engine.faulty import faulty, made, monitor, working
from tests.unit.engine.trading_samples import Price, at, flat, plain, signal, tape

LEVEL: list[Price | None] = [flat(100)] * 36
Make = Callable[..., "Desk"]


@dataclass
class Told:
    """Implements ports.Quotes: the last two prices that the test has told."""

    prices: list[float] = field(default_factory=lambda: [math.nan, 100.0])
    age_seconds: float = 0.5

    def tell(self, *prices: float) -> None:
        self.prices += prices

    def last(self, symbol: str) -> LastPrice | None:
        return LastPrice(self.prices[-1], self.prices[-2], self.age_seconds) if symbol == "A" else None

    def silence(self) -> str:
        return ""


class Desk(LiveAccount):
    """20 A are held, of an entry at 100: the stop is at 98 (short: 102), the target at 103 (short: 97)."""

    def __init__(self, folder: Path, side: Side = Side.LONG) -> None:
        self.told = Told()
        super().__init__(folder, prices={"A": LEVEL}, signals=[signal(bar=2, side=side)])
        self.bar(3)
        self.look(2)
        assert abs(self.held()) == 20

    def _begin(self, session: object) -> None:
        super()._begin(session)  # type: ignore[arg-type]  # as the parent has it
        self.quote_from(self.told)

    def quote_from(self, told: Told) -> None:
        self.engine.quoted = Quoted(self.engine.closing, self.tape, told, Decimal(20))

    def exits(self) -> list[str]:
        """The exits that were made: state, type, level and reason."""
        found = []
        for one in self.journal.orders():
            intent = one.intent
            if intent.purpose is Purpose.EXIT:
                level = "" if intent.limit_price is None else f" {plain(intent.limit_price)}"
                found.append(f"{one.state.value} {intent.order_type.value}{level} {intent.reason}")
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as opened:
        yield lambda *given: opened.enter_context(closing(Desk(tmp_path, *given)))


def test_a_target_that_quotes_reach_is_taken_between_two_bars(desk: Make) -> None:
    """As a limit at the target, for all that is held; its stop goes first, and the bar has nothing left to do."""
    account = desk()
    account.exchange.quote("A", 103.2)
    account.told.tell(103.0, 103.2)
    account.look(3)
    assert account.exits() == ["FILLED LIMIT 103 target"]
    assert (account.held(), account.working(), account.alerts()) == (0, [], set())
    account.bar(4)
    assert len(account.exits()) == 1


def test_a_short_position_is_left_below(desk: Make) -> None:
    account = desk(Side.SHORT)
    account.exchange.quote("A", 96.8)
    account.told.tell(97.0, 96.8)
    account.look(3)
    assert (account.exits(), account.held()) == (["FILLED LIMIT 97 target"], 0)


GARBAGE = (0.0, 97.0, 98.0, 103.0, 110.0, math.inf, math.nan)
NONSENSE: dict[str, tuple[list[float], float]] = {
    "once": ([100.0, 103.5], 0.5),
    "once, and gone": ([103.5, 100.0], 0.5),
    "not the last": ([103.5, 102.9], 0.5),
    "the first word of all": ([math.nan, 103.5], 0.5),
    "ten times the price": ([1000.0, 1001.0], 0.5),
    "outside of the collar": ([120.5, 120.5], 0.5),
    "zero": ([0.0, 0.0], 0.5),
    "NaN": ([math.nan, math.nan], 0.5),
    "infinite": ([math.inf, math.inf], 0.5),
    "old": ([103.5, 103.6], FRESH_SECONDS + 0.1),
    "below the stop, and old": ([97.0, 97.0], FRESH_SECONDS + 0.1),
    "below the stop, once": ([100.0, 97.0], 0.5),
    "far below the stop": ([50.0, 50.0], 0.5),
}


@pytest.mark.parametrize(("prices", "age"), NONSENSE.values(), ids=NONSENSE)
def test_b15_a_garbage_quote_does_not_sell(desk: Make, prices: list[float], age: float) -> None:
    account = desk()
    account.told.tell(*prices)
    account.told.age_seconds = age
    account.look(2 * STOP_SECONDS)
    assert account.exits() == []
    assert (account.held(), account.working()) == (20, ["SELL 20 SL-M 98"])


@given(st.lists(st.tuples(st.sampled_from(GARBAGE), st.floats(98.1, 102.9))))
def test_no_nonsense_that_the_next_quote_contradicts_ever_sells(told: list[tuple[float, float]]) -> None:
    rig, _ = faulty(LEVEL[:24])
    rig.play(at(3))
    quotes = Told()
    rig.engine.quoted = Quoted(rig.engine.closing, rig.tape, quotes, Decimal(20))
    for garbage, sane in told:
        for price in (garbage, sane):
            quotes.tell(price)
            monitor(rig, 2.0)
    assert (rig.book.positions["A"].leaving, made(rig, Purpose.EXIT), working(rig)) == (None, [], 1)


def test_a_stop_that_the_venue_does_not_fill_becomes_an_exit_at_market(desk: Make) -> None:
    """The venue has its time first; then its stop is cancelled, and the position sold."""
    account = desk()
    account.told.tell(97.9, 97.8)
    account.look(STOP_SECONDS - 2)
    assert (account.exits(), account.working()) == ([], ["SELL 20 SL-M 98"])
    account.look(4)
    assert account.exits() == ["FILLED MARKET stop"]
    assert (account.held(), account.working()) == (0, [])


def test_quotes_that_come_back_above_the_stop_begin_its_time_anew(desk: Make) -> None:
    account = desk()
    for _ in range(5):
        account.told.tell(97.9, 97.8)
        account.look(STOP_SECONDS - 3)
        account.told.tell(98.5)
        account.look(1)
    assert (account.exits(), account.held()) == ([], 20)


def test_the_time_beyond_one_positions_stop_is_not_the_next_ones(desk: Make) -> None:
    """The venue's stop fills while it is counted; what is bought after it is another position."""
    account = desk()
    account.told.tell(97.9, 97.8)
    account.look(STOP_SECONDS - 3)
    account.exchange.quote("A", 97.8)
    account.look(2)
    assert (account.held(), account.exits()) == (0, [])
    account.exchange.quote("A", 100.0)
    account.buy("10", "98")
    account.look(STOP_SECONDS - 3)
    assert (account.held(), account.exits()) == (10, [])


def test_a_stop_that_the_venue_fills_is_the_only_exit(desk: Make) -> None:
    account = desk()
    account.told.tell(97.9, 97.8)
    account.exchange.quote("A", 97.8)
    account.look(3 * STOP_SECONDS)
    assert (account.exits(), account.held()) == ([], 0)


def test_nothing_is_begun_while_the_broker_cannot_be_heard(desk: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stop may have filled: the exit goes out when the books can be read again."""

    def silent(_broker: PolledBroker, _now: int) -> NoReturn:
        raise BrokerUnavailable("no answer")

    account = desk()
    account.told.tell(103.2, 103.3)
    account.exchange.quote("A", 103.3)
    with monkeypatch.context() as patched:
        patched.setattr(PolledBroker, "updates", silent)
        account.look(20)
        assert account.exits() == []
    account.look(5)
    assert account.exits() == ["FILLED LIMIT 103 target"]


@pytest.mark.parametrize("instant", [at(12), DAYS[1].opens - 600], ids=["after the close", "before the open"])
def test_quotes_outside_of_a_session_are_no_market(desk: Make, instant: int) -> None:
    """The auction before the open tells prices at which nobody can trade."""
    account = desk()
    account.to(instant)
    account.told.tell(103.2, 103.3)
    account.look(20)
    assert account.exits() == []


def test_without_a_close_to_hold_it_against_no_quote_is_believed(desk: Make) -> None:
    account = desk()
    assert account.engine.quoted is not None
    account.engine.quoted.tape = tape(DAYS, {"A": []})
    account.told.tell(103.2, 103.3)
    account.look(20)
    assert account.exits() == []


def test_a_target_that_is_not_met_leaves_at_market_at_the_next_bar_as_on_bars(desk: Make) -> None:
    account = desk()
    account.told.tell(103.0, 103.0)
    account.look(60)
    assert account.working() == ["SELL 20 LIMIT 103"]
    account.bar(4)
    account.look(10)
    assert account.exits() == ["CANCELLED LIMIT 103 target", "FILLED MARKET target"]


def test_killed_after_it_began_to_leave_the_next_process_goes_on(desk: Make) -> None:
    """The exit was written down, and is not made anew on the quotes that the next process hears."""
    account = desk()
    account.told.tell(103.0, 103.0)
    account.look(1)
    account.start(DAYS[0])
    account.look(2)
    assert [OrderState.ACKED.value in one for one in account.exits()] == [True]
    account.exchange.quote("A", 103.1)
    account.look(5)
    assert (account.exits(), account.held()) == (["FILLED LIMIT 103 target"], 0)
