"""Hears that there are new candles. It only makes a poll come sooner: what is missed, the next poll sees."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import structlog
from psycopg import sql

from livetrader.errors import StoreError
from livetrader.marketdata.postgres.session import Connection, Session

log = structlog.get_logger(__name__)

BURST_SECONDS = 0.05  # who writes symbol by symbol announces as often
HEAR_SECONDS = 0.5  # a listener that is to stop does within it
RETRY_SECONDS = 5.0


@contextmanager
def listening(url: str, channel: str, wake: Callable[[], None]) -> Iterator[None]:
    """Call `wake`, from a thread of its own, whenever somebody has announced something on `channel`.

    A connection that is lost, or cannot be made, is logged and tried again.
    """
    stop = threading.Event()
    thread = threading.Thread(target=partial(_listen, url, channel, wake, stop), name="candles", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _listen(url: str, channel: str, wake: Callable[[], None], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            session = Session(url, read_only=True)
            try:
                session.once(lambda connection: _hear(connection, channel, wake, stop))
            finally:
                session.close()
        except StoreError as error:
            log.warning("new candles are not announced: polling goes on", error=str(error))
            stop.wait(RETRY_SECONDS)


def _hear(connection: Connection, channel: str, wake: Callable[[], None], stop: threading.Event) -> None:
    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    wake()  # for what was announced while nobody listened
    while not stop.is_set():
        if list(connection.notifies(timeout=HEAR_SECONDS, stop_after=1)):
            stop.wait(BURST_SECONDS)
            list(connection.notifies(timeout=0))
            wake()
