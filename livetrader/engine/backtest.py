"""The backtest: the engine's own passes, made only at the closes at which something can happen.

Between signals, fills, exits and the session's end a pass changes nothing, so it is left out. That a pass at every
close gives the same trades is what `replay` shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

from livetrader.domain.candles import Interval, grid
from livetrader.domain.order import OrderIntent, Purpose
from livetrader.domain.session import Session
from livetrader.domain.signal import Signal
from livetrader.engine.book import HeldPosition
from livetrader.engine.cycle import Engine
from livetrader.engine.exits import walk
from livetrader.engine.garbage import uncollected
from livetrader.engine.parents.execution import bar_seconds
from livetrader.engine.parents.schedule import next_turn
from livetrader.engine.parents.under_way import UnderWay
from livetrader.market.clock import VirtualClock


class EventVenue(Protocol):
    """A venue that knows from its tape when an order's fate will be known."""

    def next_event(self, intent: OrderIntent) -> int | None: ...

    def close_market(self) -> None: ...


class KnownSignals:
    """Signals that were found beforehand, by the close at which they are known."""

    def __init__(self, signals: Iterable[Signal]) -> None:
        self._by_close: dict[int, list[Signal]] = {}
        for signal in signals:
            self._by_close.setdefault(signal.as_of, []).append(signal)
        self.closes = sorted(self._by_close)

    def due(self, now: int) -> Sequence[Signal]:
        return self._by_close.get(now, ())


class Backtest:
    """Drives an engine over sessions, from event to event.

    `finest` are the shortest bars of the run, at whose closes the live loop makes its passes; None: each symbol's own.
    """

    def __init__(
        self,
        engine: Engine,
        venue: EventVenue,
        clock: VirtualClock,
        signals: KnownSignals,
        finest: Interval | None = None,
    ) -> None:
        self.engine, self.venue, self.clock, self.signals, self.finest = engine, venue, clock, signals, finest
        engine.signals = signals
        self._exits: dict[str, int | None] = {}

    @uncollected()
    def run(self, sessions: Sequence[Session], progress: Callable[[float], None] = lambda _: None) -> None:
        """Trade all sessions; what is open after the last one closes at the last price."""
        remaining = iter(self.signals.closes)
        due = next(remaining, None)
        for done, session in enumerate(sessions, 1):
            self.engine.start(session)
            self._exits.clear()
            now = session.opens
            while now < session.closes:
                while due is not None and due <= now:
                    due = next(remaining, None)
                now = min(self._next(now, session), session.closes if due is None else due, session.closes)
                self._step(now)
            progress(done / len(sessions))
        if sessions:
            self.venue.close_market()
            self.engine.finish(sessions[-1].closes)

    def _step(self, now: int) -> None:
        self.clock.advance_to(now)
        self.engine.step(now)

    def _next(self, now: int, session: Session) -> int:
        """The first close after `now` at which an order or a position needs a pass."""
        book = self.engine.book
        # A protective stop fills when the exit's levels say so, below.
        orders = book.orders.values()
        times = [self.venue.next_event(order) for order in orders if order.purpose is not Purpose.STOP]
        for held in book.positions.values():
            if held.leaving is None:
                times += [self._exit_known(held, session), self._close(held, held.due, "left")]
                if held.exit.plan.square_off:
                    times.append(session.square_off)
                if self.engine.floor is not None:
                    times.append(self._close(held, now, "right"))
            elif held.closing is None:
                times.append(self._close(held, now, "right"))
        times += [self._next_turn(under, now, session) for under in book.parents.values()]
        return min((at for at in times if at is not None and at > now), default=session.closes)

    def _next_turn(self, under: UnderWay, now: int, session: Session) -> int | None:
        """The first close of the grid, traded or not, at which something of a parent is due, or it is over."""
        due = now + 1 if under.wanted(now) > 0 else next_turn(under.parent.schedule, now)
        if due is None or due == session.square_off:
            return due
        closes = grid((session,), self.finest or self._own(under.entry.symbol))[1]
        return int(closes[min(int(closes.searchsorted(due)), len(closes) - 1)])

    def _own(self, symbol: str) -> Interval:
        width = bar_seconds(self.engine.tape.bars(symbol))
        return next(one for one in Interval if one.seconds == width)

    def _close(self, held: HeldPosition, at: float, side: Literal["left", "right"]) -> int | None:
        """The first close of a position's symbol at `at` (`left`), or after it (`right`)."""
        closes = self.engine.tape.bars(held.entry.symbol).closes
        following = int(closes.searchsorted(at, side=side))
        return int(closes[following]) if following < len(closes) else None

    def _exit_known(self, held: HeldPosition, session: Session) -> int | None:
        """The close of the bar of this session that will reach the position's exit."""
        key = held.entry.intent_id
        if key not in self._exits:
            bars = self.engine.tape.bars(held.entry.symbol)
            start = int(bars.ts.searchsorted(held.walked))
            end = int(bars.ts.searchsorted(session.closes))
            found = walk(held.exit, bars.open, bars.high, bars.low, start, end).bar
            self._exits[key] = None if found is None else int(bars.closes[found])
        return self._exits[key]
