"""The world outside the account, over HTTP, as `brokers.loopback.control` has it, and what is OpenAlgo's own.

Prices, halts, splits, listings and the end of the day are for the accounts of both modes; trades, cancels and
withdrawals for that of the mode at the moment. Besides:

    switch      any of `switches.Switches` by name
    approve     pending_order_id: a human lets an order go that was queued in semi-auto mode
    drop        every WebSocket loses its connection

GET /control/state has, besides, {mode, requests: {endpoint: n}, subscribers: n}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from livetrader.brokers.loopback import control as loopback
from livetrader.brokers.loopback import wire
from livetrader.brokers.loopback.faults import Line
from livetrader.brokers.loopback.rules import Rejected
from livetrader.brokers.openalgo.loopback.accounts import Refusal
from livetrader.brokers.openalgo.loopback.live import LiveAccount
from livetrader.brokers.openalgo.loopback.sandbox import SandboxAccount
from livetrader.brokers.openalgo.loopback.stream import Stream
from livetrader.brokers.openalgo.loopback.switches import Mode, Switches

EVERYWHERE = ("end_of_day", "relist", "halt", "split")  # quotes reach the sandbox by themselves
IN_THE_ACCOUNT = ("trade", "cancel", "withdraw")


class Control(loopback.Control):
    """`requests` counts what came to each endpoint, refused or not."""

    def __init__(
        self, live: LiveAccount, sandbox: SandboxAccount, switches: Switches, stream: Stream, line: Line
    ) -> None:
        super().__init__(live.exchange, line)
        self.requests: Counter[str] = Counter()
        self._live = live
        self._switches = switches
        self._stream = stream
        self._worlds: Mapping[Mode, loopback.Control] = {
            account.mode: loopback.Control(account.exchange, line) for account in (live, sandbox)
        }
        self._orders = {
            **self._orders,
            **{name: self._everywhere(name) for name in EVERYWHERE},
            **{name: self._in_the_account(name) for name in IN_THE_ACCOUNT},
            "switch": switches.set,
            "approve": self._approve,
            "drop": lambda _asked: stream.drop(),
        }

    def state(self) -> dict[str, Any]:
        """What is really there in the account of the mode at the moment."""
        mode = self._switches.mode
        own = {"mode": mode.value, "requests": dict(self.requests), "subscribers": self._stream.subscribers}
        return {**self._worlds[mode].state(), **own}

    def _everywhere(self, name: str) -> Callable[[Any], object]:
        def act(asked: Any) -> None:
            for world in self._worlds.values():
                world.act(name, asked)

        return act

    def _in_the_account(self, name: str) -> Callable[[Any], object]:
        return lambda asked: self._worlds[self._switches.mode].act(name, asked)

    def _approve(self, asked: Any) -> None:
        try:
            self._live.approve(int(wire.real(wire.member(asked, "pending_order_id"))))
        except Refusal as no:
            raise Rejected("refused", str(no)) from no
