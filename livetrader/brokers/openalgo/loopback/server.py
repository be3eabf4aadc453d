"""The loopback OpenAlgo as one thing: its REST API, its WebSocket proxy, and the exchanges behind them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from threading import Thread

from livetrader.brokers.loopback.exchange import Exchange
from livetrader.brokers.loopback.faults import Line
from livetrader.brokers.loopback.listener import Listener
from livetrader.brokers.loopback.profiles import Dedupe, Profile
from livetrader.brokers.openalgo.loopback import sandbox as analyze
from livetrader.brokers.openalgo.loopback.contracts import Contracts
from livetrader.brokers.openalgo.loopback.control import Control
from livetrader.brokers.openalgo.loopback.data import Data
from livetrader.brokers.openalgo.loopback.door import LIMITS, Door
from livetrader.brokers.openalgo.loopback.gateway import Gateway
from livetrader.brokers.openalgo.loopback.live import LiveAccount
from livetrader.brokers.openalgo.loopback.market import Bars, Market
from livetrader.brokers.openalgo.loopback.sandbox import SandboxAccount
from livetrader.brokers.openalgo.loopback.stream import AUTH_SECONDS, PING_SECONDS, Stream
from livetrader.brokers.openalgo.loopback.switches import Mode, Switches
from livetrader.domain.books import Identity
from livetrader.market.nse import IST
from livetrader.ports import Clock

BROKER = Profile("openalgo", Identity.FINGERPRINT, Dedupe.NEVER, received_only=True, tells_charges=False)
"""The manners of a broker behind OpenAlgo, whose book shows an order at once; give it a lag for harder days."""


def broker_number(placed_at: datetime, count: int) -> str:
    """An order id as Kite has it: the date, and nine digits. For Exchange."""
    return f"{placed_at.astimezone(IST):%y%m%d}{count:09d}"


def sandbox_number(placed_at: datetime, count: int) -> str:
    """An order id as OpenAlgo's sandbox has it: the date, and eight digits."""
    return f"{placed_at.astimezone(IST):%y%m%d}{count:08d}"


class OpenAlgoServer(Listener):
    """OpenAlgo, with `exchange` for its broker, whose calls `line` strikes.

    `sandbox` is the exchange of analyze mode: without one it lists the same, is quoted the same, and has 10,000,000.
    `bars` has the candles of `history`, which are made of the quotes without it. `limits` are per endpoint, by group.
    `history_seconds` keeps answers to `history` apart; OpenAlgo does by 0.35. `delays` is the clock of that, and of
    slow calls (None: real time). Exchanges are quoted, traded on and read in other threads only under `front.lock`.
    ValueError for an exchange that knows orders by their tags.
    """

    front: Gateway

    def __init__(
        self,
        exchange: Exchange,
        line: Line | None = None,
        *,
        key: str | None = None,
        mode: Mode = Mode.LIVE,
        sandbox: Exchange | None = None,
        bars: Bars | None = None,
        limits: Mapping[str, str] = LIMITS,
        history_seconds: float = 0.0,
        delays: Clock | None = None,
        port: int = 0,
        ws_port: int = 0,
        auth_seconds: float = AUTH_SECONDS,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        if exchange.profile.dedupe is not Dedupe.NEVER:
            raise ValueError(f"profile {exchange.profile.name}: OpenAlgo takes every order for another one")
        line = line or Line(exchange.clock)
        self.key = key or secrets.token_hex(32)
        self.switches = Switches(mode=mode)
        self.sandbox = sandbox or Exchange(
            analyze.MANNERS, exchange.clock, exchange.instruments, analyze.CASH, number=sandbox_number
        )
        market, contracts = Market(exchange, bars), Contracts(exchange.instruments)
        exchange.on_quote.append(lambda symbol, quote: self.sandbox.quote(symbol, quote.price, quote.at))
        door = Door(self.key, self.switches, exchange.clock, limits)
        self.stream = Stream(
            market,
            contracts,
            self.switches,
            door,
            exchange.clock,
            ws_port,
            auth_seconds=auth_seconds,
            ping_seconds=ping_seconds,
        )
        exchange.on_quote.append(self.stream.send_tick)
        live = LiveAccount(exchange, self.switches, market, contracts)
        sandboxed = SandboxAccount(self.sandbox, self.switches, market, contracts)
        for account in (live, sandboxed):
            account.exchange.on_order.append(partial(self.stream.send_update, account))
        self.gateway = Gateway(
            {account.mode: account for account in (live, sandboxed)},
            Data(exchange, self.switches, market, contracts),
            self.switches,
            line,
            Control(live, sandboxed, self.switches, self.stream, line),
            door,
            history_seconds,
            delays,
        )
        super().__init__(self.gateway, port, delays)
        self._streaming = Thread(target=self.stream.serve)
        self._streaming.start()

    def server_close(self) -> None:
        self.stream.shutdown()
        self._streaming.join()
        super().server_close()
