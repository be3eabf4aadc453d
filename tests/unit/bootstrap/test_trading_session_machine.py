"""Starts, kills, stops, errors, pauses, flows and trades in any order, in two portfolios of two currencies.

Only legal steps are ever written down, what a session came to is a fold over its fills, and cash is conserved.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from livetrader.bootstrap.lifecycle import Life
from livetrader.bootstrap.sessions import paused, totals, worth
from livetrader.bootstrap.state import exchange_zone
from livetrader.bootstrap.trader import account_of
from livetrader.config import Configuration, load
from livetrader.domain.account import HALT
from livetrader.domain.instrument import Product
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose
from livetrader.domain.order_state import OrderState
from livetrader.domain.position import Trade
from livetrader.domain.signal import Side
from livetrader.domain.trades import trades
from livetrader.domain.trading_session import TRANSITIONS, TradingState
from livetrader.errors import StoreError
from livetrader.market.clock import VirtualClock
from livetrader.ports import wall_time
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal

CONFIG = """\
portfolios:
  nse: {}
  crypto: {market: {calendar: 24x7}, capital: {currency: USDT}}
"""
CAPITAL = {"nse": Decimal(1_000_000), "crypto": Decimal(100_000)}
money = st.decimals("0.01", "500", places=2)
whose = st.sampled_from(sorted(CAPITAL))


@dataclass
class Desk:
    """A portfolio's journal, the process that trades it (if one does), and what we expect of it."""

    configuration: Configuration
    journal: SqlJournal
    clock: VirtualClock
    life: Life | None = None
    cash: Decimal = Decimal(0)
    flowed: Decimal = Decimal(0)
    held: Fill | None = None
    results: list[Decimal] = field(default_factory=list)
    of_session: dict[int, list[Decimal]] = field(default_factory=dict)

    @property
    def sessions(self) -> list[Any]:
        return list(self.journal.trading_sessions())

    def fill(self, action: Action, price: Decimal, charges: Decimal) -> Fill:
        """An order of ten that fills whole."""
        name = f"{self.configuration.settings.portfolio}{len(self.journal.orders())}"
        purpose, at = Purpose.ENTRY if action is Action.BUY else Purpose.EXIT, wall_time(self.clock)
        intent = OrderIntent(
            name, account_of(self.configuration.settings), "s", "X", Side.LONG, action, purpose, Product.MIS,
            OrderType.MARKET, Decimal(10), price, int(self.clock.now()), reason="",
        )  # fmt: skip
        fill = Fill("sim", f"t{name}", name, "X", action, Decimal(10), price, charges, at)
        self.journal.intend(intent, at)
        self.journal.advance(name, OrderState.SENT, at)
        self.journal.book(fill, at)
        self.cash -= action.sign * 10 * price + charges
        return fill

    def closed(self) -> list[Trade]:
        intents = {one.intent.intent_id: one.intent for one in self.journal.orders()}
        return trades(intents, self.journal.fills(), exchange_zone(self.configuration))[0]


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        folder = Path(self.open.enter_context(TemporaryDirectory()))
        (folder / "config.yaml").write_text(CONFIG)
        self.clock = VirtualClock(1_772_000_000.0)
        self.desks = {}
        for name in CAPITAL:
            found = load(portfolio=name, environ={}, directory=folder)
            made = found.settings
            state = open_state(made.state.url, made.state_name(), account_of(made), synchronous="OFF")
            journal = SqlJournal(state)
            self.open.callback(journal.close)
            self.desks[name] = Desk(found, journal, self.clock)

    def teardown(self) -> None:
        self.open.close()

    @rule(name=whose)
    def start(self, name: str) -> None:
        desk = self.desks[name]
        if desk.life is not None:
            return  # the lock keeps a second process out
        before = desk.sessions
        desk.life = Life(desk.configuration, desk.journal, self.clock)
        desk.life.begin()
        desk.life.ready()
        goes_on = bool(before) and before[-1].state in (TradingState.STARTING, TradingState.RUNNING)
        assert len(desk.sessions) == len(before) + (not goes_on)
        assert desk.sessions[-1].runs == (before[-1].runs + 1 if goes_on else 1)

    @rule(name=whose, stopping=st.booleans())
    def kill(self, name: str, stopping: bool) -> None:
        """Also one that was asked to stop, and had not come to its end."""
        self.start(name)
        if stopping:
            self.ask_to_stop(name)
        self.desks[name].life = None

    @rule(name=whose)
    def ask_to_stop(self, name: str) -> None:
        if (life := self.desks[name].life) is not None:
            life.stopping("by hand")

    @rule(name=whose, error=st.sampled_from([None, StoreError("x"), ValueError("y")]))
    def end(self, name: str, error: Exception | None) -> None:
        self.start(name)
        desk = self.desks[name]
        assert desk.life is not None, "it was started"
        desk.life.__exit__(type(error) if error else None, error, None)
        desk.life = None
        last = desk.sessions[-1]
        assert last.state is (TradingState.STOPPED if error is None else TradingState.ERROR)
        assert last.exit_code == {type(None): 0, StoreError: 74, ValueError: 1}[type(error)]

    @rule(name=whose)
    def pause_or_resume(self, name: str) -> None:
        journal, at = self.desks[name].journal, wall_time(self.clock)
        if not journal.unlatch(HALT, at):
            journal.latch(HALT, "by hand", at)

    @rule(name=whose, amount=st.decimals("-900", "900", places=2))
    def money_comes_or_goes(self, name: str, amount: Decimal) -> None:
        desk = self.desks[name]
        desk.journal.flow(amount, "deposit", wall_time(self.clock))
        desk.flowed += amount

    @rule(name=whose, price=money, charges=st.decimals("0", "5", places=2))
    def trade(self, name: str, price: Decimal, charges: Decimal) -> None:
        """Buy, or sell what was bought; now and then it is sold in another session than it was bought in."""
        self.start(name)
        desk = self.desks[name]
        bought = desk.held
        if bought is None:
            desk.held = desk.fill(Action.BUY, price, charges)
            return
        sold = desk.fill(Action.SELL, price, charges)
        desk.held = None
        result = 10 * (sold.price - bought.price) - bought.charges - sold.charges
        desk.results.append(result)
        desk.of_session.setdefault(desk.sessions[-1].id, []).append(result)

    @rule(name=whose, prices=st.tuples(money, money))
    def round_trip(self, name: str, prices: tuple[Decimal, Decimal]) -> None:
        for price in prices:
            self.trade(name, price, Decimal(1))

    @invariant()
    def time_passes(self) -> None:
        self.clock.advance_to(self.clock.now() + timedelta(minutes=1).total_seconds())

    @invariant()
    def one_is_open_at_most_and_it_is_the_last(self) -> None:
        for desk in self.desks.values():
            assert not any(one.state.open for one in desk.sessions[:-1])
            assert all(one.state is TradingState.STOPPED for one in desk.sessions[:-1])

    @invariant()
    def only_legal_steps_are_in_the_log(self) -> None:
        for desk in self.desks.values():
            states: dict[int, TradingState] = {}
            for entry in desk.journal.entries(["trading_session"], 0, desk.journal.head(), 10_000):
                if "state" in entry.said:
                    to = TradingState(entry.said["state"])
                    assert to in TRANSITIONS[states.get(entry.said["id"], TradingState.STOPPED)]
                    states[entry.said["id"]] = to
            assert states == {one.id: one.state for one in desk.sessions}

    @invariant()
    def totals_are_a_fold_over_the_fills(self) -> None:
        for desk in self.desks.values():
            zone = exchange_zone(desk.configuration)
            for one in desk.sessions:
                expected, found = desk.of_session.get(one.id, []), totals(one, desk.journal, zone)
                assert one.totals in (None, found), "what is kept is what it is made of"
                assert (found.trades, found.net_pnl) == (len(expected), sum(expected))
                assert (found.wins, found.gross_pnl) == (sum(r > 0 for r in expected), found.net_pnl + found.charges)
                curve = [one.capital + sum(expected[:n]) for n in range(len(expected) + 1)]
                assert found.max_drawdown == max(max(curve[: n + 1]) - at for n, at in enumerate(curve))

    @invariant()
    def cash_is_conserved_in_each_currency(self) -> None:
        """Capital, flows and fills, of its own portfolio and no other, are all that its worth is made of."""
        for name, desk in self.desks.items():
            held = Decimal(0) if desk.held is None else 10 * desk.held.price + desk.held.charges
            assert worth(desk.journal, CAPITAL[name], exchange_zone(desk.configuration)) == (
                CAPITAL[name] + desk.flowed + desk.cash + held
            )
            assert sum(one.net_pnl for one in desk.closed()) == sum(desk.results)

    @invariant()
    def a_latch_is_the_pause(self) -> None:
        for desk in self.desks.values():
            on_hold = paused(desk.journal.latches())
            for one in desk.sessions:
                running = one.state is TradingState.RUNNING
                assert (one.seen(paused=on_hold) is TradingState.PAUSED) == (running and on_hold)


Sessions.TestCase.settings = settings(max_examples=25, stateful_step_count=25)
test_whatever_happens_sessions_and_cash_are_in_order = Sessions.TestCase
