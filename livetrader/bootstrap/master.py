"""The broker's instrument master: what can be traded, and on which grid. It changes at a day's start (fault B16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import structlog

from livetrader.domain.instrument import Instrument
from livetrader.errors import BrokerError, BrokerProtocol
from livetrader.ports import BookKeeper

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Master:
    """Reads the master of `broker` once for each day. `instruments` is the last one read, by symbol."""

    broker: BookKeeper
    instruments: Mapping[str, Instrument] = field(default_factory=dict, init=False)
    _day: date | None = field(default=None, init=False)

    def read(self, day: date) -> bool:
        """Whether the master of `day` is there. A broker that does not give it is asked again at the next call."""
        if self._day == day:
            return True
        try:
            listed = self.broker.instruments()
            if not listed:  # an answer without a line is no market without a share
                raise BrokerProtocol(f"{self.broker.name}: the instrument master is empty")
        except BrokerError as error:
            log.warning("the instrument master cannot be read", day=day.isoformat(), error=str(error))
            return False
        self.instruments, self._day = {one.symbol: one for one in listed}, day
        log.info("instrument master", day=day.isoformat(), symbols=len(self.instruments))
        return True
