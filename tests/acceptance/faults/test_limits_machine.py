"""No sequence of signals, fills, faults, unknown orders and restarts exceeds a limit, and exits always pass.

A long search: `LIVETRADER_EXAMPLES=5000 pytest tests/acceptance/faults/test_limits_machine.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crash_scenarios import Steady
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from limited_world import LimitedWorld
from reckoned_limits import Limits, check_counted, check_exits
from test_order_machine import BARS, OrderMachine, symbols

from livetrader.brokers.loopback.faults import Fault, Strike
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, STRICT, TAG_SCAN, Profile
from livetrader.constraints.verdict import Refused
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.order import Action
from livetrader.domain.signal import Side
from livetrader.engine.parents.execution import Execution
from livetrader.faultsim import world as simulated
from livetrader.faultsim.invariants import check, check_books
from livetrader.faultsim.market import BAR, MOMENTS, OPENS, SYMBOLS, Row, market, priced
from livetrader.faultsim.operator import EXECUTIONS, FREEZES
from livetrader.faultsim.protected import check_protected
from livetrader.faultsim.scenario import short_lived
from livetrader.faultsim.wire import check_sending
from livetrader.faultsim.world import World

# One entry takes 30 % of the capital, and there is room for two, and for something by hand.
LOOSE = Limits(
    position_pct=Decimal(45), leverage=Decimal(1), free_pct=Decimal(10), sector_pct=Decimal(100),
    strategy_pct=Decimal(100), correlation=Decimal(1), cooldown_minutes=Decimal(0), trades=99, losses=9, rejections=9,
    failures=9, floor=Decimal(90_000),
)  # fmt: skip
TIGHT: Mapping[str, Sequence[object]] = {
    "position_pct": [Decimal("30.05")],
    "leverage": [Decimal("0.5"), Decimal("0.6")],
    "free_pct": [Decimal("39.9"), Decimal(60)],
    "sector_pct": [Decimal(40)],
    "strategy_pct": [Decimal(45)],
    "correlation": [Decimal("0.7")],
    "cooldown_minutes": [Decimal(5), Decimal(15)],
    "trades": [1, 2, 3],
    "losses": [1, 2],
    "rejections": [1, 2],
    "failures": [1, 2],
    "floor": [Decimal(99_700), Decimal(99_900), Decimal(99_990)],
}


@st.composite
def few_tight(draw: st.DrawFn) -> Limits:
    """One or two limits that bind: under all of them at once next to nothing happens."""
    names = draw(st.lists(st.sampled_from(sorted(TIGHT)), min_size=1, max_size=2, unique=True))
    return replace(LOOSE, **{name: draw(st.sampled_from(TIGHT[name])) for name in names})  # type: ignore[arg-type]


quantities, executions = st.sampled_from([60, 100, 250]), st.sampled_from(EXECUTIONS)


class LimitsMachine(OrderMachine):
    """An OrderMachine whose account is under limits, each exactly where entries meet it."""

    @initialize(
        limits=few_tight(),
        profile=st.sampled_from([STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT]),
        exit=st.sampled_from([ExitKind.TRAILING_ATR, ExitKind.PERCENT, ExitKind.STEP_TRAIL]),
        partial_fills=st.booleans(),
        execution=st.sampled_from(EXECUTIONS),
        freeze=st.sampled_from(FREEZES),
        chance=st.randoms(use_true_random=True),
    )
    def begin(  # type: ignore[override] # it draws limits, and how entries go out, too
        self, limits: Limits, profile: Profile, exit: ExitKind, partial_fills: bool, execution: Execution,
        freeze: Decimal | None, chance: Any,
    ) -> None:  # fmt: skip
        usual = simulated.RULES
        self.open.callback(setattr, simulated, "RULES", usual)
        simulated.RULES = (*usual[:-1], *limits.rules(), usual[-1])
        self.world = LimitedWorld(
            self.open.enter_context(short_lived()),
            profile,
            market(chance, BARS),
            chance,
            limits=limits,
            watch=check,
            compare=check_books,
            vet=check_sending,
            exit=exit,
            partial_fills=partial_fills,
            execution=execution,
            freeze=freeze,
            deaths=self.deaths,
        )
        self.open.callback(self.world.close)
        self.sound = True

    @rule(symbol=symbols, side=st.sampled_from(Side))
    def lose_an_entry(self, symbol: str, side: Side) -> None:
        """The next order never reaches the broker, and nobody says so."""
        lose_the_next_order(self.world)
        self.world.signal(symbol, side)

    @precondition(lambda self: not self.world.over)
    @rule(symbol=symbols, side=st.sampled_from(Side))
    def enter(self, symbol: str, side: Side) -> None:
        """A signal, and the close that brings it."""
        self.world.signal(symbol, side)
        self.tick(len(MOMENTS))

    @rule(action=st.sampled_from(Action), symbol=symbols, quantity=quantities, execution=executions)
    def order_by_hand(self, action: Action, symbol: str, quantity: int, execution: Execution) -> None:
        self.world.trade(action, symbol, quantity, execution)

    @rule(action=st.sampled_from(Action), symbol=symbols, quantity=quantities)
    def rest(self, action: Action, symbol: str, quantity: int) -> None:
        self.world.rest(action, symbol, quantity)

    @precondition(lambda self: self.world.book.positions)
    @rule(nth=st.integers(0, 1), quantity=quantities, execution=executions)
    def add(self, nth: int, quantity: int, execution: Execution) -> None:
        self.world.add(self.world.held(nth), quantity, execution)

    @precondition(lambda self: self.world.book.positions)
    @rule(nth=st.integers(0, 1), quantity=quantities, adjusts=st.booleans())
    def scale(self, nth: int, quantity: int, adjusts: bool) -> None:
        (self.world.adjust if adjusts else self.world.reduce)(self.world.held(nth), quantity)

    @precondition(lambda self: self.world.book.parents or self.world.book.orders)
    @rule(nth=st.integers(0, 4))
    def call_off(self, nth: int) -> None:
        self.world.call_off(nth)

    @precondition(lambda self: self.world.book.positions)
    @rule(nth=st.integers(0, 1))
    def leave(self, nth: int) -> None:
        self.world.leave(self.world.held(nth))

    @invariant()
    def exits_pass(self) -> None:
        if self.sound:
            check_exits(self.world)

    @invariant()
    def counted_once(self) -> None:
        if self.sound:
            check_counted(self.world)


SETTINGS = settings(
    max_examples=int(os.environ.get("LIVETRADER_EXAMPLES", "250")),
    stateful_step_count=40,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=list(HealthCheck),  # a day takes its time, and draws a lot
)
TestLimitsMachine = LimitsMachine.TestCase
TestLimitsMachine.settings = SETTINGS


@pytest.mark.parametrize("restarted", [False, True], ids=["one process", "restarted"])
def test_the_circuit_opens_lets_one_try_and_closes_whatever_processes_there_are(
    tmp_path: Path, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first entry gets no answer: none for two bars, then one, which is answered, and the next one, too."""
    limits, usual = replace(LOOSE, failures=1), simulated.RULES
    monkeypatch.setattr(simulated, "RULES", (*usual[:-1], *limits.rules(), usual[-1]))
    flat: list[Row] = [(100.0, 100.0, 100.0, 100.0)] * BARS
    quiet = priced(dict.fromkeys(SYMBOLS, flat), 3)
    world = LimitedWorld(
        tmp_path, STRICT, quiet, Steady(), limits=limits, watch=check, compare=check_books, vet=check_sending
    )
    lose_the_next_order(world)
    for bar, symbol in enumerate(["AAA", "BBB", "BBB", "CCC"]):
        world.signal(symbol, Side.LONG)
        for _ in range(4):
            world.tick()
        if restarted and bar < 3:
            world.kill()
    verdicts = [one.verdict for one in world.journal.decisions(since=0, until=1 << 40)]
    assert [one.rule if isinstance(one, Refused) else "" for one in verdicts] == ["", "broker_circuit", "", ""]
    world.close()


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[LimitedWorld]:
    """A world that holds 300 of AAA since the first close; the bar after it rises by two."""
    rows: list[Row] = [(100.0, 100.0, 100.0, 100.0), (100.0, 102.0, 100.0, 102.0)]
    rising = priced(dict.fromkeys(SYMBOLS, rows + [(102.0, 102.0, 102.0, 102.0)] * (BARS - 2)), 3)
    world = LimitedWorld(
        tmp_path, STRICT, rising, Steady(), limits=LOOSE, watch=check, compare=check_books, vet=check_sending
    )
    world.signal("AAA", Side.LONG)
    for _ in MOMENTS[1:]:
        world.tick()
    yield world
    world.close()


def test_a_bar_that_comes_after_its_pass_moves_the_stop_in_the_next(holding: LimitedWorld) -> None:
    """The books take five minutes to read: the pass of the second close is made before its bar is there."""
    slow = Strike(Fault.SLOW, seconds=300.0)
    holding.line.add([("positions", holding.line.calls["positions"] + 1, slow)])
    while holding.decided < OPENS + 2 * BAR:
        holding.tick()
    assert (holding.tape.arrived, holding.book.positions["AAA"].walked) == (1, OPENS + BAR)
    while holding.decided < OPENS + 3 * BAR:
        holding.tick()
        check_protected(holding)
    assert holding.book.positions["AAA"].exit.stop > 100


def test_what_is_being_taken_out_has_no_stop_beside_it(holding: LimitedWorld) -> None:
    """Though nobody knows what became of the exit: when it is given up, the stop is for all of it again."""
    holding.tick()
    holding.reduce("AAA", 60)
    lose_the_next_order(holding)
    holding.tick()
    held = holding.book.positions["AAA"]
    resting = [holding.book.unfilled[held.stop or ""]]
    while holding.book.unknown:
        holding.tick()
    resting.append(holding.book.unfilled[held.stop or ""])
    assert resting == [240, 300]


def lose_the_next_order(world: World) -> None:
    world.line.add([("place", world.line.calls["place"] + 1, Strike(Fault.LOST_REQUEST))])
