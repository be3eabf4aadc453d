"""The candles of a running session, asked of a broker's history after each close, in a thread of its own.

It writes candles, and nothing else: whoever trades reads the store as if somebody else had filled it. A feed that fails
stops no trader: bars that do not come are too old for entries (`constraints.bar_max_age_seconds`), and exits go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from queue import SimpleQueue
from threading import Event, Thread

import structlog

from livetrader.domain.candle import Candle
from livetrader.domain.candles import Interval
from livetrader.domain.session import Session
from livetrader.errors import AuthExpired, BrokerError, DataError, LiveTraderError
from livetrader.market.calendar import Calendar
from livetrader.marketdata.agenda import Agenda
from livetrader.marketdata.asking import Asking
from livetrader.marketdata.fetching import Series
from livetrader.marketdata.history import Piece, accept, missing
from livetrader.marketdata.store import CandleStore
from livetrader.ports import CandleHistory, Clock

log = structlog.get_logger(__name__)

BACKFILL_SESSIONS = 5  # a long weekend and a day; longer holes are `data fetch`'s
CATCH_UP_SECONDS = 120.0  # a session does not wait longer for the bars before it
HEED_SECONDS = 0.2  # how soon it hears that it shall stop, or that a bar has closed

# After an error, growing; a server that lets nobody in may ban who keeps knocking.
LONGEST_PAUSE = LOCKED_OUT_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How a feed stands. `behind` are the symbols whose last bar is overdue, `lag_seconds` for how long at most.

    `succeeded_at` has the epoch second of each symbol's last answer. `error` is empty once something succeeds.
    """

    symbols: int = 0
    behind: tuple[str, ...] = ()
    lag_seconds: float = 0.0
    succeeded_at: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    caught_up: bool = False

    @property
    def text(self) -> str:
        """A few words, for a line of status."""
        late = f", {self.lag_seconds:.0f} s behind" if self.behind else ""
        error = f": {self.error}" if self.error else ""
        return f"{self.symbols - len(self.behind)} of {self.symbols} symbols{late}{error}"


def fed(store: CandleStore, symbols: Iterable[str]) -> dict[str, tuple[Interval, ...]]:
    """The intervals that a feed has to bring of each symbol: those stored of which longer bars are made.

    5m for a symbol that has none; its finest for one that has long bars only.
    """
    held = {interval: store.symbols(interval) for interval in Interval}
    found = {}
    for symbol in symbols:
        stored = tuple(interval for interval in Interval if symbol in held[interval])
        fine = tuple(interval for interval in stored if interval.seconds <= Interval.M5.seconds)
        found[symbol] = fine or stored[:1] or (Interval.M5,)
    return found


class Feed:
    """Keeps the store up to date for `symbols`, from its `start` to its `close`.

    `open_store` is called in the feed's own thread, for a store belongs to the thread that opened it. History is asked
    `delay_seconds` after a close. Of `untraded` symbols, indices, nobody tells a volume. With `corrects` the session
    before is asked for at the start though it is whole: what was made of ticks is replaced by what the exchange says.
    `health` is always current enough for a person, and may be read from any thread.
    """

    def __init__(
        self,
        history: CandleHistory,
        open_store: Callable[[], CandleStore],
        calendar: Calendar,
        clock: Clock,
        symbols: Sequence[str],
        *,
        delay_seconds: float = 2.0,
        untraded: Collection[str] = (),
        corrects: bool = False,
        at_once: int = 3,
    ) -> None:
        self.health = FeedHealth(len(symbols))
        self._history = history
        self._open_store = open_store
        self._calendar = calendar
        self._clock = clock
        self._symbols = tuple(symbols)
        self._untraded = untraded
        self._corrects = corrects
        self._at_once = at_once
        self._first: tuple[str, ...] = ()
        self._agenda = Agenda(calendar, delay_seconds)
        self._followed: set[str] = set()
        self._arrived: SimpleQueue[tuple[Series, int]] = SimpleQueue()
        self._succeeded_at: dict[str, float] = {}
        self._error = ""
        self._failures = 0
        self._paused_until = 0.0
        self._said: set[tuple[str, str]] = set()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="feed", daemon=True)
        self._began = clock.monotonic()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop. An answer that is still to come is not waited for."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def prefer(self, symbols: Iterable[str]) -> None:
        """Ask for these first from now on, whether they were followed or not. From any thread."""
        self._first = tuple(dict.fromkeys(symbols))

    def arrived(self, symbol: str, interval: Interval, ts: int) -> None:
        """The bar that opens at `ts` was stored by somebody else, and need not be asked for. From any thread."""
        self._arrived.put(((symbol, interval), ts))

    @property
    def ready(self) -> bool:
        """Whether a session may begin: what it needs from before is there, or is not waited for any more."""
        waited = self._clock.monotonic() - self._began
        return self.health.caught_up or not self._thread.is_alive() or waited >= CATCH_UP_SECONDS

    def wait(self) -> None:
        """Until it is `ready`."""
        while not self.ready:
            self._clock.sleep(HEED_SECONDS)

    def _run(self) -> None:
        try:
            with self._open_store() as store, closing(Asking(self._history, self._at_once)) as asking:
                while not self._stop.is_set():
                    self._turn(store, asking)
        except Exception as error:  # a thread has nobody to raise it to: the trader goes on, and says so
            log.exception("the feed has ended", error=str(error))
            self.health = replace(self.health, behind=self._symbols, error=f"the feed has ended: {error}")

    def _turn(self, store: CandleStore, asking: Asking) -> None:
        """Ask for what is due, and take an answer; wait a little where there is none."""
        try:
            now = self._clock.now()  # of both: what somebody else had stored by then is not asked for
            self._follow(store, now)
            self._ask(asking, now)
            answer = asking.answer(HEED_SECONDS) if asking.in_flight else None
            if answer is not None:
                self._take(store, *answer)
            elif not asking.in_flight:
                self._stop.wait(HEED_SECONDS)
            self._tell()
        except LiveTraderError as error:  # the store's, or the calendar's
            self._failed(error)
            self._stop.wait(HEED_SECONDS)

    def _follow(self, store: CandleStore, now: float) -> None:
        """Take up the symbols that are new, with what is missing of the last days; and what others have stored."""
        zone = self._calendar.timezone
        new = [symbol for symbol in (*self._first, *self._symbols) if symbol not in self._followed]
        if new:
            today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
            sessions = self._calendar.before(today + timedelta(days=1), BACKFILL_SESSIONS + 1)
            again = [one for one in sessions if one.closes <= now][-1:] if self._corrects else []
            series = [(one, symbol) for symbol, intervals in fed(store, new).items() for one in intervals]
            for interval, group in groupby(sorted(series, key=lambda one: one[0].seconds), key=lambda one: one[0]):
                names = [symbol for _, symbol in group]
                holes: dict[str, list[Session]] = {}
                for piece in missing(store, names, interval, sessions, zone, now):
                    holes.setdefault(piece.symbol, []).extend(piece.sessions)
                for symbol in names:
                    self._agenda.follow((symbol, interval), holes.get(symbol, ()), now, again=again)
            self._followed.update(new)
        while not self._arrived.empty():  # nobody else takes from it
            self._agenda.arrived(*self._arrived.get(), now)

    def _ask(self, asking: Asking, now: float) -> None:
        monotonic = self._clock.monotonic()
        if monotonic < self._paused_until or not asking.free:
            return
        for piece in self._agenda.due(now, monotonic, self._first, self._symbols)[: asking.free]:
            self._agenda.asked(piece, now)
            asking.ask(piece)

    def _take(self, store: CandleStore, piece: Piece, came: Sequence[Candle] | BrokerError | DataError) -> None:
        if isinstance(came, DataError):
            self._agenda.refused(piece)
            self._say(piece.symbol, str(came))
            return
        if isinstance(came, BrokerError):
            self._agenda.unanswered(piece, self._clock.monotonic())
            self._failed(came)
            return
        now = self._clock.now()
        found = accept(piece, came, self._calendar.timezone, now, traded=piece.symbol not in self._untraded)
        try:
            store.upsert(piece.interval, found.bars)
        except LiveTraderError:
            self._agenda.unanswered(piece, self._clock.monotonic())
            raise
        newest = int(found.bars.ts.max()) if len(found.bars) else None
        self._agenda.answered(piece, newest, self._clock.monotonic())
        self._succeeded_at[piece.symbol] = now
        for reason, count in found.left_out.items():
            self._say(piece.symbol, f"{count} bars were left out: {reason}", reason)
        self._recovered()

    def _failed(self, error: LiveTraderError) -> None:
        self._failures += 1
        locked_out = isinstance(error, AuthExpired)
        pause = LOCKED_OUT_PAUSE if locked_out else min(2.0 ** (self._failures - 1), LONGEST_PAUSE)
        self._paused_until = self._clock.monotonic() + pause
        if not self._error:
            log.warning("the feed has no answer: entries stop as bars grow old", error=str(error))
        self._error = str(error)
        self.health = replace(self.health, error=self._error)

    def _recovered(self) -> None:
        if self._error:
            log.info("the feed is back")
        self._error, self._failures, self._paused_until = "", 0, 0.0

    def _say(self, symbol: str, what: str, kind: str = "") -> None:
        """Once: the same thing is met after every close."""
        if (symbol, kind or what) not in self._said:
            self._said.add((symbol, kind or what))
            log.warning("the feed lacks something", symbol=symbol, what=what)

    def _tell(self) -> None:
        behind, lag = self._agenda.behind(self._clock.now())
        self.health = FeedHealth(
            len(self._followed), behind, lag, dict(self._succeeded_at), self._error, self._agenda.caught_up
        )
