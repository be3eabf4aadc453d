"""Whatever happens to an account, in whatever order: Hypothesis chooses, and shrinks what broke.

A failure prints a `@reproduce_failure` line that plays it again. A long search:
`LIVETRADER_EXAMPLES=5000 pytest tests/acceptance/faults/test_order_machine.py`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from livetrader.brokers.loopback.faults import BAD_PRICES, OPERATIONS, STRIKES, Fault, Strike
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, STRICT, TAG_SCAN, Profile
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.signal import Side
from livetrader.faultsim.invariants import check, check_books, check_end
from livetrader.faultsim.market import SYMBOLS, market
from livetrader.faultsim.scenario import short_lived
from livetrader.faultsim.wire import check_sending
from livetrader.faultsim.world import World

BARS = 10
FAULTS = [(operation, fault) for operation in OPERATIONS for fault in Fault if operation in STRIKES[fault]]
SECONDS = (None, 1.0, 30.0, 300.0)

symbols = st.sampled_from(SYMBOLS)


class OrderMachine(RuleBasedStateMachine):
    """A World, to which Hypothesis does what it likes. The world itself checks every step that the engine makes."""

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.deaths: set[int] = set()
        self.sound = False

    @initialize(
        profile=st.sampled_from([STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT]),
        exit=st.sampled_from([ExitKind.TRAILING_ATR, ExitKind.PERCENT, ExitKind.STEP_TRAIL]),
        partial_fills=st.booleans(),
        chance=st.randoms(use_true_random=True),
    )
    def begin(self, profile: Profile, exit: ExitKind, partial_fills: bool, chance: Any) -> None:
        folder = self.open.enter_context(short_lived())
        self.world = World(
            folder,
            profile,
            market(chance, BARS),
            chance,
            watch=check,
            compare=check_books,
            vet=check_sending,
            exit=exit,
            partial_fills=partial_fills,
            deaths=self.deaths,
        )
        self.open.callback(self.world.close)
        self.sound = True

    @precondition(lambda self: not self.world.over)
    @rule(count=st.integers(1, 6))
    def tick(self, count: int) -> None:
        self.sound = False
        for _ in range(count):
            if not self.world.over:
                self.world.tick()
        self.sound = True

    @rule(symbol=symbols, side=st.sampled_from(Side))
    def signal(self, symbol: str, side: Side) -> None:
        self.world.signal(symbol, side)

    @rule(
        where=st.sampled_from(FAULTS),
        ahead=st.integers(1, 4),
        accepted=st.booleans(),
        seconds=st.sampled_from(SECONDS),
        price=st.sampled_from(BAD_PRICES),
    )
    def fault(
        self, where: tuple[str, Fault], ahead: int, accepted: bool, seconds: float | None, price: float
    ) -> None:  # fmt: skip
        """A fault strikes one of the next calls of an operation."""
        operation, fault = where
        line = self.world.line
        line.add([(operation, line.calls[operation] + ahead, Strike(fault, accepted, seconds, price))])

    @rule(ahead=st.integers(1, 30))
    def crash(self, ahead: int) -> None:
        """The process dies at one of the next points."""
        self.deaths.add(len(self.world.points.names) + ahead)

    @rule()
    def kill(self) -> None:
        self.sound = False
        self.world.kill()
        self.sound = True

    @rule(symbol=symbols, quantity=st.sampled_from([-7, 5, 20]))
    def trade_by_hand(self, symbol: str, quantity: int) -> None:
        self.world.trade_by_hand(symbol, quantity)
        self.world.informed = False

    @rule(symbol=symbols)
    def close_by_hand(self, symbol: str) -> None:
        self.world.close_by_hand(symbol)
        self.world.informed = False

    @rule(nth=st.integers(0, 4))
    def cancel_by_hand(self, nth: int) -> None:
        self.world.cancel_by_hand(nth)
        self.world.informed = False

    @rule(amount=st.sampled_from([1_000, 20_000, -5_000]))
    def withdraw(self, amount: int) -> None:
        self.world.withdraw(amount)

    @rule(seconds=st.sampled_from([-3600, -5, 7, 3600]))
    def step_clock(self, seconds: int) -> None:
        self.world.step_clock(seconds)

    @rule()
    def halt(self) -> None:
        self.world.halt()

    @rule()
    def resume(self) -> None:
        self.world.resume()

    @invariant()
    def holds(self) -> None:
        """I1 to I8. What people have just done, the engine cannot have seen."""
        if self.sound:
            check(self.world)

    def teardown(self) -> None:
        """The day goes on to its end, and everything comes to rest."""
        with self.open:
            if self.sound:
                while not self.world.over:
                    self.world.tick()
                self.world.settle()
                check_end(self.world)


TestOrderMachine = OrderMachine.TestCase
TestOrderMachine.settings = settings(
    max_examples=int(os.environ.get("LIVETRADER_EXAMPLES", "300")),
    stateful_step_count=40,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=list(HealthCheck),  # a day takes its time, and draws a lot
)
