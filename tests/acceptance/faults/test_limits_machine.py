"""No sequence of signals, fills, faults, unknown orders and restarts exceeds a limit, and exits always pass.

A long search: `LIVETRADER_EXAMPLES=5000 pytest tests/acceptance/faults/test_limits_machine.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crash_scenarios import Steady
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from limited_world import LimitedWorld, Limits, check_exits
from test_order_machine import BARS, OrderMachine, symbols

from livetrader.brokers.loopback.faults import Fault, Strike
from livetrader.brokers.loopback.profiles import FINGERPRINT, OPEN_ONLY, STRICT, TAG_SCAN, Profile
from livetrader.constraints.verdict import Refused
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.signal import Side
from livetrader.faultsim import world as simulated
from livetrader.faultsim.invariants import check, check_books
from livetrader.faultsim.market import SYMBOLS, Row, market, priced
from livetrader.faultsim.scenario import short_lived
from livetrader.faultsim.world import World

# One entry takes 30 % of the capital, and there is room for two.
LOOSE = Limits(
    position_pct=Decimal(35), leverage=Decimal(1), free_pct=Decimal(20), sector_pct=Decimal(100),
    strategy_pct=Decimal(100), correlation=Decimal(1), cooldown_minutes=Decimal(0), losses=9, rejections=9, failures=9,
    floor=Decimal(90_000),
)  # fmt: skip
TIGHT: Mapping[str, Sequence[object]] = {
    "position_pct": [Decimal("30.05")],
    "leverage": [Decimal("0.5"), Decimal("0.6")],
    "free_pct": [Decimal("39.9"), Decimal(60)],
    "sector_pct": [Decimal(40)],
    "strategy_pct": [Decimal(45)],
    "correlation": [Decimal("0.7")],
    "cooldown_minutes": [Decimal(5), Decimal(15)],
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


class LimitsMachine(OrderMachine):
    """An OrderMachine whose account is under limits, each exactly where entries meet it."""

    @initialize(
        limits=few_tight(),
        profile=st.sampled_from([STRICT, OPEN_ONLY, TAG_SCAN, FINGERPRINT]),
        exit=st.sampled_from([ExitKind.TRAILING_ATR, ExitKind.PERCENT, ExitKind.STEP_TRAIL]),
        partial_fills=st.booleans(),
        chance=st.randoms(use_true_random=True),
    )
    def begin(  # type: ignore[override] # it draws limits, too
        self, limits: Limits, profile: Profile, exit: ExitKind, partial_fills: bool, chance: Any
    ) -> None:
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
            exit=exit,
            partial_fills=partial_fills,
            deaths=self.deaths,
        )
        self.open.callback(self.world.close)
        self.sound = True

    @rule(symbol=symbols, side=st.sampled_from(Side))
    def lose_an_entry(self, symbol: str, side: Side) -> None:
        """The next order never reaches the broker, and nobody says so."""
        lose_the_next_order(self.world)
        self.world.signal(symbol, side)

    @invariant()
    def exits_pass(self) -> None:
        if self.sound:
            check_exits(self.world)


TestLimitsMachine = LimitsMachine.TestCase
TestLimitsMachine.settings = settings(
    max_examples=int(os.environ.get("LIVETRADER_EXAMPLES", "300")),
    stateful_step_count=40,
    derandomize=False,
    print_blob=True,
    suppress_health_check=list(HealthCheck),  # a day takes its time, and draws a lot
)


@pytest.mark.parametrize("restarted", [False, True], ids=["one process", "restarted"])
def test_the_circuit_opens_lets_one_try_and_closes_whatever_processes_there_are(
    tmp_path: Path, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first entry gets no answer: none for two bars, then one, which is answered, and the next one, too."""
    limits, usual = replace(LOOSE, failures=1), simulated.RULES
    monkeypatch.setattr(simulated, "RULES", (*usual[:-1], *limits.rules(), usual[-1]))
    flat: list[Row] = [(100.0, 100.0, 100.0, 100.0)] * BARS
    quiet = priced(dict.fromkeys(SYMBOLS, flat), 3)
    world = LimitedWorld(tmp_path, STRICT, quiet, Steady(), limits=limits, watch=check, compare=check_books)
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


def lose_the_next_order(world: World) -> None:
    world.line.add([("place", world.line.calls["place"] + 1, Strike(Fault.LOST_REQUEST))])
