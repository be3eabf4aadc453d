"""The account of the simulation at its broker: the truth that the engine never sees but through the broker's books."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from livetrader.brokers.loopback.exchange import Exchange, plain_number
from livetrader.brokers.loopback.faults import Chance
from livetrader.brokers.loopback.profiles import OPENALGO, Profile
from livetrader.brokers.openalgo.loopback.server import broker_number
from livetrader.faultsim.desk import CHARGES
from livetrader.faultsim.market import INSTRUMENT, INSTRUMENTS, SYMBOLS
from livetrader.faultsim.way import carried
from livetrader.ports import Clock, OrderRecord

CAPITAL = Decimal(100_000)


def exchange(
    profile: Profile, clock: Clock, chance: Chance, freeze: Decimal | None, *, partial_fills: bool
) -> Exchange:
    """Behind OpenAlgo only whole shares are traded, and orders have the ids of a broker."""
    gateway = profile is OPENALGO
    special = {} if gateway else INSTRUMENTS
    instruments = {
        symbol: replace(special.get(symbol, INSTRUMENT), symbol=symbol, freeze_quantity=freeze) for symbol in SYMBOLS
    }
    return Exchange(
        profile,
        clock,
        instruments,
        CAPITAL,
        charges=CHARGES,
        partial_fills=partial_fills,
        chance=chance,
        number=broker_number if gateway else plain_number,
    )


def heard(exchange: Exchange, records: Iterable[OrderRecord]) -> set[str]:
    """The orders of other people's, and those of ours that the journal has to their end.

    Of what a broker clears before it was heard nobody could say whose it was.
    """
    filled = {one.intent.intent_id: one.filled_quantity for one in records if one.state.terminal}
    ours = {name: carried(order) for name, order in exchange.orders.items()}
    return {name for name, tag in ours.items() if not tag or filled.get(tag) == exchange.orders[name].filled}
