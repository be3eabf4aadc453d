"""Exits on quotes, between two bars: a target that is reached, and a stop that the venue has not filled.

A feed may tell nonsense. So a quote is acted on only if it is fresh, not far from the last close, and if the quote
before it says the same. Closed bars test the same levels, whatever the quotes were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import structlog

from livetrader.domain.exit_plan import ExitReason
from livetrader.domain.tick import LastPrice
from livetrader.engine.book import HeldPosition
from livetrader.engine.closing import Closing
from livetrader.ports import Quotes, Tape

log = structlog.get_logger(__name__)

# An older quote says where the price was.
FRESH_SECONDS = 10.0

# The venue's own stop has so long to fill, before its position is closed at market.
STOP_SECONDS = 10.0


@dataclass(slots=True)
class Quoted:
    """Tests positions on `quotes`. One more than `collar_pct` % away from the last close on `tape` is not believed."""

    closing: Closing
    tape: Tape
    quotes: Quotes
    collar_pct: Decimal
    _beyond: dict[str, tuple[str, float]] = field(default_factory=dict, init=False)
    """Since when (monotonic) a symbol is beyond the stop of its position, and which one that is, by its entry."""

    def test(self, held: HeldPosition, now: int) -> None:
        """Leave a position whose target the quotes have reached, or whose stop they have been beyond for too long.

        `now` is the time of the look, epoch seconds. Nothing is begun while the broker cannot be heard: the venue's
        stop may have filled.
        """
        symbol, quote = held.entry.symbol, self._believed(held.entry.symbol, now)
        if quote is None or held.leaving is not None or self.closing.path.silent_since is not None:
            return
        if _past(held, quote, held.exit.target, 1):
            self._leave(held, quote, now, ExitReason.TARGET)
        elif not _past(held, quote, held.exit.stop, -1):
            self._beyond.pop(symbol, None)
        elif self._beyond_seconds(held) >= STOP_SECONDS:
            self._leave(held, quote, now, held.exit.reason)

    def _leave(self, held: HeldPosition, quote: LastPrice, now: int, reason: ExitReason) -> None:
        log.info("leaving on a quote", symbol=held.entry.symbol, reason=reason, price=quote.price, before=quote.before)
        self._beyond.pop(held.entry.symbol, None)
        self.closing.close(held, now, reason)

    def _beyond_seconds(self, held: HeldPosition) -> float:
        """For how long the quotes have been beyond the position's stop, this one included."""
        entry, monotonic = held.entry.intent_id, self.closing.path.clock.monotonic()
        known, since = self._beyond.get(held.entry.symbol, ("", monotonic))
        if known != entry:  # an earlier position's
            since = monotonic
        self._beyond[held.entry.symbol] = entry, since
        return monotonic - since

    def _believed(self, symbol: str, now: int) -> LastPrice | None:
        """The last quote of a symbol, if it is one of this session, fresh, and inside the collar."""
        session, quote = self.closing.book.session, self.quotes.last(symbol)
        if session is None or quote is None or quote.age_seconds > FRESH_SECONDS:
            return None
        if not any(opens <= now < closes for opens, closes in session.parts):
            return None
        bars = self.tape.bars(symbol)
        last = int(bars.closes.searchsorted(now, side="right")) - 1
        if last < 0:
            return None
        close = float(bars.close[last])
        inside = abs(quote.price - close) * 100 <= float(self.collar_pct) * close
        return quote if inside else None


def _past(held: HeldPosition, quote: LastPrice, level: float, towards: int) -> bool:
    """Whether the quote and the one before it are at `level` or past it: on its gaining (1) or its losing side (-1).

    No level, and no quote before, are NaN, and past nothing.
    """
    sign = held.position.side.sign * towards
    return sign * (quote.price - level) >= 0 and sign * (quote.before - level) >= 0
