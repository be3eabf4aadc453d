"""A broker's history into a store, piece by piece: what has come is stored, whatever comes next."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, tzinfo

import structlog

from livetrader.domain.candle import Candle
from livetrader.domain.interval import Interval
from livetrader.errors import AuthExpired, BrokerError, BrokerUnavailable, DataError
from livetrader.marketdata.asking import Asking
from livetrader.marketdata.history import Piece, accept
from livetrader.marketdata.store import CandleStore
from livetrader.ports import CandleHistory, Clock

log = structlog.get_logger(__name__)

Series = tuple[str, Interval]
"""The bars of a symbol at an interval."""

TRIES = 3  # of one piece, each of several reads
# So many pieces in a row that were not answered: the server, or the broker behind it, is away. Sooner at the beginning.
GIVE_UP, NOBODY_THERE = 5, 3
LONGEST_WAIT = 30.0


@dataclass(slots=True)
class FetchReport:
    """What a fetch did. `left_out` counts bars by reason; `short` has, by session, the bars that came and the slots.

    `failed` has the last error of each series that could not be fetched whole.
    """

    calls: int = 0
    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    left_out: dict[Series, Counter[str]] = field(default_factory=dict)
    short: dict[Series, dict[date, tuple[int, int]]] = field(default_factory=dict)
    failed: dict[Series, BrokerError | DataError] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        def row(series: Series, **more: object) -> dict[str, object]:
            return {"symbol": series[0], "interval": series[1].value, **more}

        return {
            "calls": self.calls,
            "inserted": self.inserted,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "left_out": [
                row(series, reason=reason, count=count)
                for series, reasons in self.left_out.items()
                for reason, count in reasons.items()
            ],
            "short": [
                row(series, session=day.isoformat(), bars=bars, slots=slots)
                for series, days in self.short.items()
                for day, (bars, slots) in days.items()
            ],
            "failed": [row(series, error=str(error)) for series, error in self.failed.items()],
        }


@dataclass(slots=True)
class Fetch:
    """Brings pieces from `history` into `store`. The symbols `untraded` are indices, which have no volume."""

    history: CandleHistory
    store: CandleStore
    timezone: tzinfo
    clock: Clock
    untraded: Collection[str] = ()
    at_once: int = 3
    report: FetchReport = field(default_factory=FetchReport)
    _tries: Counter[Piece] = field(default_factory=Counter)
    _in_a_row: int = 0
    _answered: bool = False

    def run(self, pieces: Sequence[Piece], progress: Callable[[str, float], None]) -> FetchReport:
        """Ask for `pieces` in their order. `progress` is told what was answered, and the part that is done.

        Raises AuthExpired at once, BrokerUnavailable when nothing is answered any more, StoreError. What was stored
        before stays.
        """
        waiting, done = deque(pieces), 0
        with closing(Asking(self.history, self.at_once)) as asking:
            while waiting or asking.in_flight:
                while waiting and asking.free:
                    asking.ask(waiting.popleft())
                answer = asking.answer()
                assert answer is not None, "it waits for one"
                piece, came = answer
                self.report.calls += 1
                if self._taken(piece, came):
                    done += 1
                else:
                    waiting.append(piece)
                progress(f"{piece.symbol} {piece.interval}", done / len(pieces))
        return self.report

    def _taken(self, piece: Piece, came: Sequence[Candle] | BrokerError | DataError) -> bool:
        """Deal with an answer. False: the piece is to be asked for again, after the others."""
        if isinstance(came, AuthExpired):
            raise came
        if isinstance(came, BrokerUnavailable):
            return self._again(piece, came)
        self._answered, self._in_a_row = True, 0
        if isinstance(came, BrokerError | DataError):
            self.report.failed[piece.symbol, piece.interval] = came
        else:
            self._store(piece, came)
        return True

    def _again(self, piece: Piece, error: BrokerUnavailable) -> bool:
        self._in_a_row += 1
        self._tries[piece] += 1
        if self._in_a_row >= (GIVE_UP if self._answered else NOBODY_THERE):
            raise BrokerUnavailable(f"{error} ({self._in_a_row} times in a row; what has come is stored: run it again)")
        if self._tries[piece] >= TRIES:
            self.report.failed[piece.symbol, piece.interval] = error
            return True
        # A broker that throttles OpenAlgo is a 500 like any other.
        log.info("not answered: asking again later", symbol=piece.symbol, error=str(error))
        self.clock.sleep(min(2.0 ** (self._in_a_row - 1), LONGEST_WAIT))
        return False

    def _store(self, piece: Piece, candles: Sequence[Candle]) -> None:
        series, report = (piece.symbol, piece.interval), self.report
        traded = piece.symbol not in self.untraded
        found = accept(piece, candles, self.timezone, self.clock.now(), traded=traded)
        counts = self.store.upsert(piece.interval, found.bars)
        report.inserted += counts.inserted
        report.changed += counts.changed
        report.unchanged += counts.unchanged
        if found.left_out:
            report.left_out.setdefault(series, Counter()).update(found.left_out)
        if found.short:
            report.short.setdefault(series, {}).update(found.short)
