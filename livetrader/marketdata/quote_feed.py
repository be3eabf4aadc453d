"""The quotes of a running session, in threads of their own.

One hears the stream. One stores the bars that are made of it, and says which they are, so that the history need not be
asked for them. One asks for the prices of what is held while the stream is silent. None of them touches an engine or a
journal, and none ends the trader: what they do not bring, bars and the venue's stops are there for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Event, Thread

import structlog

from livetrader.domain.candles import CandleColumns
from livetrader.domain.interval import Interval
from livetrader.domain.tick import Tick, TickStream
from livetrader.errors import LiveTraderError, StoreError
from livetrader.marketdata.quotes import LastPrices
from livetrader.marketdata.store import CandleStore
from livetrader.ports import Clock

log = structlog.get_logger(__name__)

STORE_SECONDS = 0.25
ASK_SECONDS = 2.0

# A bar made of ticks may lack a trade that the feed did not show. So the history is asked for the last bar of each half
# hour all the same: it gives the session until then, and what it says counts.
REVISED_SECONDS = 1800


class QuoteFeed:
    """Runs `stream`, which tells `prices`, from `start` to `close`.

    `open_store` is called in the thread that stores. `stored` hears of each bar: symbol, interval, open. `ask` gives
    the last prices of some symbols from elsewhere; LiveTraderError where it cannot.
    """

    def __init__(
        self,
        prices: LastPrices,
        stream: TickStream,
        clock: Clock,
        open_store: Callable[[], CandleStore],
        stored: Callable[[str, Interval, int], None],
        ask: Callable[[Sequence[str]], Iterable[Tick]],
    ) -> None:
        self.prices = prices
        self._stream = stream
        self._clock = clock
        self._open_store = open_store
        self._stored = stored
        self._ask = ask
        self._held: tuple[str, ...] = ()
        self._said = ""
        self._stop = Event()
        jobs = {"quotes": partial(stream.run, self._stop), "bars": self._store, "prices": self._fall_back}
        self._threads = [Thread(target=_guarded, args=job, name=job[0], daemon=True) for job in jobs.items()]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop. A connection is said good-bye to, an answer that is still to come is not waited for."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(1.0)

    def hold(self, symbols: Iterable[str]) -> None:
        """What has a position now: it is subscribed to, and asked for while the stream is silent."""
        held = tuple(sorted(symbols))
        if held != self._held:
            self._held = held
            self._stream.want(held)

    @property
    def text(self) -> str:
        """A few words, for a line of status."""
        refused = f", {len(self._stream.refused)} refused" if self._stream.refused else ""
        silence = self.prices.silence()
        return f"{self.prices.watched} symbols{refused}" + (f": {silence}" if silence else "")

    def _store(self) -> None:
        """Store the bars that are over, every so often."""
        with self._open_store() as store:
            while not self._stop.wait(STORE_SECONDS):
                for interval, columns in self.prices.closed(self._clock.now()).items():
                    try:
                        self._put(store, interval, columns)
                    except StoreError as error:  # the history brings them
                        log.warning("bars of quotes could not be stored", error=str(error))

    def _put(self, store: CandleStore, interval: Interval, columns: CandleColumns) -> None:
        if not len(columns):
            return
        store.upsert(interval, columns)
        for ts, code in zip(columns.ts.tolist(), columns.symbol.tolist(), strict=True):
            if (ts + interval.seconds) % REVISED_SECONDS:
                self._stored(columns.symbols[code], interval, ts)

    def _fall_back(self) -> None:
        """Ask for what is held while the stream is silent, so that exits have prices."""
        while not self._stop.wait(ASK_SECONDS):
            if not self._held or not self.prices.silence():
                continue
            try:
                self.prices.told(self._ask(self._held))
                self._said = ""
            except LiveTraderError as error:
                if str(error) != self._said:
                    self._said = str(error)
                    log.warning("quotes: nothing from elsewhere, either", error=self._said)


def _guarded(name: str, job: Callable[[], None]) -> None:
    try:
        job()
    except Exception as error:  # a thread has nobody to raise it to: the feed falls silent, and that is told
        log.exception("a thread of the quotes has ended", thread=name, error=str(error))
