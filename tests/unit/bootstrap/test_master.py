"""The instrument master is the day's own, or the session waits for it (fault B16)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from livetrader.bootstrap.master import Master
from livetrader.brokers.loopback.faults import Fault, Line, Strike
from livetrader.brokers.loopback.venue import LoopbackVenue
from livetrader.brokers.polled import PolledBroker
from livetrader.domain.books import BrokerTrade
from livetrader.domain.instrument import Instrument
from tests.unit.brokers.loopback.loopback_samples import exchange

MONDAY, TUESDAY = date(2026, 2, 2), date(2026, 2, 3)


def free(_: BrokerTrade) -> Decimal:
    return Decimal(0)


def test_b16_each_day_has_its_own_ticks_lots_and_freeze_quantities() -> None:
    made = exchange()
    master = Master(PolledBroker(LoopbackVenue(made), free))
    assert master.read(MONDAY)
    assert master.instruments["NIFTY25000PE"].lot == 75
    made.relist(Instrument("NIFTY25000PE", lot=Decimal(65), freeze_quantity=Decimal(1300)))
    assert master.read(MONDAY)
    assert master.instruments["NIFTY25000PE"].lot == 75, "within a day it is read once"
    assert master.read(TUESDAY)
    assert master.instruments["NIFTY25000PE"] == Instrument(
        "NIFTY25000PE", lot=Decimal(65), freeze_quantity=Decimal(1300)
    )


def test_b16_a_master_that_cannot_be_read_or_is_empty_is_not_there_and_asked_for_again() -> None:
    made = exchange()
    line = Line(made.clock)
    master = Master(PolledBroker(LoopbackVenue(made, line), free))
    line.add([("instruments", 1, Strike(Fault.HTTP_500)), ("instruments", 2, Strike(Fault.EMPTY_LIST))])
    assert not master.read(MONDAY)
    assert not master.read(MONDAY)
    assert master.instruments == {}
    assert master.read(MONDAY)
    assert set(master.instruments) == {"INFY", "NIFTY25000PE"}
