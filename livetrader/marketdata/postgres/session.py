"""A connection to the candles' database that comes back after the server or the network was away."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psycopg
from psycopg.rows import TupleRow
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from livetrader.market.clock import SystemClock
from livetrader.marketdata.location import place_of
from livetrader.marketdata.postgres.arrays import adapt
from livetrader.marketdata.postgres.faults import faults, refused
from livetrader.servers import parameters

RECONNECT_SECONDS = 10.0  # a server restarts in less; a loop that waits longer is better ended and started again
LOCK_SECONDS = 10.0
STATEMENT_SECONDS = 120.0

T = TypeVar("T")
Connection = psycopg.Connection[TupleRow]


class Session:
    """One connection, made anew when it was lost. `where` names the database in messages, without its password."""

    def __init__(self, url: str, *, read_only: bool) -> None:
        self.where = place_of(url)
        refusal = "candles.url: cannot be read; see docs/postgresql.md for what it may say"
        self._parameters = parameters(url, "livetrader candles", refusal)
        self._read_only = read_only
        with faults(self.where):
            self._connection = self._connect()

    def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` gives; it is done again from its start if the connection is lost on the way.

        So whatever it writes must be one transaction that may be done twice. StoreError if that goes on.
        """
        tries = Retrying(
            retry=retry_if_exception(self._passing),
            stop=stop_after_delay(RECONNECT_SECONDS),
            wait=wait_exponential(0.05, max=1.0),
            sleep=SystemClock().sleep,
            reraise=True,
        )
        with faults(self.where):
            done: T = tries(self._try, work)
            return done

    def once(self, work: Callable[[Connection], T]) -> T:
        """What `work` gives on the connection that there is."""
        with faults(self.where):
            return work(self._connection)

    def close(self) -> None:
        self._connection.close()

    def _try(self, work: Callable[[Connection], T]) -> T:
        if self._connection.closed:
            self._connection = self._connect()
        return work(self._connection)

    def _passing(self, error: BaseException) -> bool:
        if not isinstance(error, psycopg.OperationalError) or not self._connection.closed:
            return False
        return not refused(error)

    def _connect(self) -> Connection:
        connection = psycopg.connect(**self._parameters, autocommit=True, prepare_threshold=None)
        try:
            adapt(connection)
            settings = {
                "lock_timeout": f"{LOCK_SECONDS * 1000:.0f}",
                "statement_timeout": f"{STATEMENT_SECONDS * 1000:.0f}",
                # To compile the plan of a read takes longer than the read.
                "jit": "off",
                "work_mem": "64MB",
            }
            if self._read_only:
                settings["default_transaction_read_only"] = "on"
            calls = ", ".join("set_config(%s, %s, false)" for _ in settings)
            # Not as options of the connection, which poolers refuse.
            connection.execute(f"SELECT {calls}", [text for pair in settings.items() for text in pair])
        except BaseException:
            with suppress(psycopg.Error):
                connection.close()
            raise
        return connection
