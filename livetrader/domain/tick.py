"""Words of a feed between two bars, who tells them and who hears them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple, Protocol


class Tick(NamedTuple):
    """The last trade of a symbol as a feed tells it, at times again and again.

    `at` is when it was traded, in epoch seconds. `volume` is what the day had traded by then; NaN where that is not
    told, as of an index.
    """

    symbol: str
    price: float
    at: float
    volume: float


@dataclass(frozen=True, slots=True)
class LastPrice:
    """The last price that a feed has told of a symbol, the one `before` it (NaN: none), and how long ago it came.

    What repeats the word before it is no price of its own: what is frozen grows old.
    """

    price: float
    before: float
    age_seconds: float


class TickListener(Protocol):
    """Whom a feed of ticks speaks to, from a thread of its own."""

    def subscribed(self, symbols: Collection[str]) -> None:
        """From now on all trades of these are told."""

    def tick(self, tick: Tick) -> None: ...

    def lost(self, why: str) -> None:
        """The connection is gone, and what was subscribed to with it."""

    def stale(self) -> bool:
        """Whether the connection, though healthy, has told nothing new for too long: another one may do better."""


class TickStream(Protocol):
    """A feed of ticks, which speaks to its listener."""

    refused: Mapping[str, str]
    """Symbols of which it tells nothing, and why."""

    def want(self, names: Iterable[str]) -> None:
        """Tell of these, too. Any thread may ask."""

    def run(self, stop: Event) -> None:
        """Hear it until `stop`, whatever becomes of a connection. Never raises for what the other side does."""
