"""A few questions at once, in threads of their own: a slow answer keeps no other one waiting."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from livetrader.domain.candle import Candle
from livetrader.errors import BrokerError, DataError
from livetrader.marketdata.history import Piece
from livetrader.ports import CandleHistory

Answer = tuple[Piece, Sequence[Candle] | BrokerError | DataError]
"""What was asked for, and what came: candles, or what the history raised."""


class Asking:
    """Asks `history` for pieces, up to `at_once` at a time. Used from one thread; close it at the end.

    Its threads are daemons: an answer may take a minute, and nobody who leaves waits for it.
    """

    def __init__(self, history: CandleHistory, at_once: int = 3) -> None:
        self._history = history
        self._at_once = at_once
        self._asked: SimpleQueue[Piece | None] = SimpleQueue()
        self._answers: SimpleQueue[Answer | Exception] = SimpleQueue()
        self._threads: list[Thread] = []
        self.in_flight = 0

    @property
    def free(self) -> int:
        """How many questions may be asked now."""
        return self._at_once - self.in_flight

    def ask(self, piece: Piece) -> None:
        """Ask, and go on. ValueError if none may be."""
        if not self.free:
            raise ValueError(f"{self.in_flight} questions are in flight, and no more may be")
        if len(self._threads) <= self.in_flight:
            self._threads.append(Thread(target=self._work, name="history", daemon=True))
            self._threads[-1].start()
        self.in_flight += 1
        self._asked.put(piece)

    def answer(self, seconds: float | None = None) -> Answer | None:
        """The next answer, in the order in which they come; None if there is none within `seconds` of real time."""
        try:
            found = self._answers.get(timeout=seconds)
        except Empty:
            return None
        self.in_flight -= 1
        if isinstance(found, Exception):  # a mistake of ours, told where somebody listens
            raise found
        return found

    def close(self) -> None:
        """No more questions; what is in flight is not waited for."""
        for _ in self._threads:
            self._asked.put(None)

    def _work(self) -> None:
        while (piece := self._asked.get()) is not None:
            try:
                self._answers.put((piece, self._history.history(piece.symbol, piece.interval, *piece.days)))
            except (BrokerError, DataError) as error:
                self._answers.put((piece, error))
            except Exception as error:  # noqa: BLE001 - raised again by `answer`, in the thread that asked
                self._answers.put(error)
