"""What can go wrong between us and a broker, scripted call by call or drawn from a seeded source.

A `Line` sees every call, counts it and says what strikes it. The venue in process and the server on the wire ask
the same line, so a seed means the same in both. The ids are those of ORDERS.md's fault table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from livetrader.ports import Clock

T = TypeVar("T")

ORDER_CALLS = ("place", "modify", "cancel")
READS = ("orders", "trades", "positions", "funds", "instruments", "quotes")
OPERATIONS = ORDER_CALLS + READS
GATEWAY_READS = ("history", "gateway")  # only where a gateway stands before the broker: its candles, and itself


class Chance(Protocol):
    """A seeded source, such as the standard library's generator: the caller brings it."""

    def random(self) -> float: ...

    def choice(self, seq: Sequence[T], /) -> T: ...


class Fault(StrEnum):
    LOST_REQUEST = "lost_request"  # B1: a timeout, the broker never saw it
    LOST_ANSWER = "lost_answer"  # B2: a timeout, the broker has done it
    REFUSED = "refused"  # B3: no connection, nothing was sent
    HTTP_500 = "http_500"  # B4
    HTML_502 = "html_502"
    EMPTY_BODY = "empty_body"  # B5
    MALFORMED = "malformed"
    WRONG_TYPES = "wrong_types"
    MISSING_FIELDS = "missing_fields"
    UNACKNOWLEDGED = "unacknowledged"  # HTTP 201: sent on, outcome unknown to the broker itself
    RATE_LIMITED = "rate_limited"  # B6: 429, with `seconds` as Retry-After
    BANNED = "banned"  # B6: 418
    DUPLICATED = "duplicated"  # B7: the answer twice; in the books, every line twice
    LATE_BOOK = "late_book"  # B8: the book shows the order `seconds` late (None: the declared worst)
    STALE = "stale"  # B8, B14: the previous answer once more
    EMPTY_LIST = "empty_list"  # a well-formed answer without a line
    PARTIAL = "partial"  # B9: fills in chunks; on a cancel, one chunk fills first
    CANCEL_RACE = "cancel_race"  # B10: the order fills while its cancel is under way
    ASYNC_REJECT = "async_reject"  # B12: taken, and rejected afterwards
    BAD_PRICE = "bad_price"  # B15: a quote of `price`
    AUTH_EXPIRED = "auth_expired"  # B17
    OUTAGE = "outage"  # every call is lost for `seconds`
    SLOW = "slow"  # answered, `seconds` later


GARBLED = frozenset(
    {
        Fault.HTTP_500,
        Fault.HTML_502,
        Fault.EMPTY_BODY,
        Fault.MALFORMED,
        Fault.WRONG_TYPES,
        Fault.MISSING_FIELDS,
        Fault.UNACKNOWLEDGED,
    }
)
TURNED_AWAY = frozenset({Fault.RATE_LIMITED, Fault.BANNED, Fault.AUTH_EXPIRED})
STOPPED = TURNED_AWAY | {Fault.LOST_REQUEST, Fault.REFUSED, Fault.OUTAGE}
SPOILED = STOPPED | GARBLED | {Fault.LOST_ANSWER}
LASTING = frozenset({Fault.OUTAGE, Fault.REFUSED, Fault.AUTH_EXPIRED, Fault.STALE})

_BOOKS = frozenset({"orders", "trades", "positions", "instruments"})
_EVERYWHERE = frozenset(OPERATIONS + GATEWAY_READS)
_NARROW: Mapping[Fault, frozenset[str]] = {
    Fault.UNACKNOWLEDGED: frozenset(ORDER_CALLS),
    Fault.DUPLICATED: frozenset({*ORDER_CALLS, "orders", "trades"}),
    Fault.LATE_BOOK: frozenset({"place"}),
    Fault.STALE: frozenset(READS),
    Fault.EMPTY_LIST: _BOOKS,
    Fault.PARTIAL: frozenset({"place", "cancel"}),
    Fault.CANCEL_RACE: frozenset({"cancel"}),
    Fault.ASYNC_REJECT: frozenset({"place"}),
    Fault.BAD_PRICE: frozenset({"quotes"}),
}
STRIKES: Mapping[Fault, frozenset[str]] = {fault: _NARROW.get(fault, _EVERYWHERE) for fault in Fault}
"""The operations that each fault can strike."""

_SECONDS: Mapping[Fault, tuple[float | None, ...]] = {
    Fault.OUTAGE: (5.0, 60.0, 600.0),
    Fault.REFUSED: (None, 5.0, 60.0),
    Fault.AUTH_EXPIRED: (None, 300.0),
    Fault.RATE_LIMITED: (None, 1.0, 30.0, 1e6),
    Fault.BANNED: (None, 120.0),
    Fault.STALE: (None, 5.0, 60.0),
    Fault.SLOW: (0.1, 0.9),
}
_UNTIMED: tuple[float | None, ...] = (None,)
BAD_PRICES = (0.0, -1.0, float("nan"), float("inf"), 1e9)


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at work. `accepted`: for a garbled answer, whether the broker has done what it was asked."""

    fault: Fault
    accepted: bool = False
    seconds: float | None = None
    price: float = 0.0

    @property
    def reaches(self) -> bool:
        """The broker does what it was asked."""
        return self.accepted if self.fault in GARBLED else self.fault not in STOPPED

    @property
    def spoils(self) -> bool:
        """No answer comes back that can be believed."""
        return self.fault in SPOILED


Script = Iterable[tuple[str, int, Fault | Strike]]


class Line:
    """The line to a broker: counts the calls of each operation and decides what strikes them.

    `script` holds (operation, nth call of it from 1, fault); ValueError if that fault cannot strike there. Where the
    script is silent, `chance` strikes a call with probability `rate` by one of `faults`.
    """

    def __init__(
        self,
        clock: Clock,
        script: Script = (),
        chance: Chance | None = None,
        rate: float = 0.0,
        faults: Iterable[Fault] = tuple(Fault),
    ) -> None:
        self.calls = Counter(dict.fromkeys(OPERATIONS, 0))
        self.strikes: list[tuple[str, int, Strike]] = []
        self.rate = rate
        self._clock = clock
        self._chance = chance
        self._script: dict[tuple[str, int], Strike] = {}
        self._lasting: list[tuple[float, Strike, frozenset[str]]] = []
        drawn = tuple(faults)
        self._drawn = {op: tuple(f for f in drawn if op in STRIKES[f]) for op in _EVERYWHERE}
        self.add(script)

    @property
    def order_calls(self) -> int:
        """How often anything was asked that trades (I9: never, in dry-run and paper)."""
        return sum(self.calls[operation] for operation in ORDER_CALLS)

    def add(self, script: Script) -> None:
        """Script further faults; calls are counted from the line's beginning."""
        for operation, nth, fault in script:
            strike = fault if isinstance(fault, Strike) else Strike(fault)
            if operation not in STRIKES[strike.fault]:
                possible = ", ".join(sorted(STRIKES[strike.fault]))
                raise ValueError(f"{strike.fault} cannot strike {operation!r}, only {possible}")
            self._script[operation, nth] = strike

    def begin(self, strike: Strike) -> None:
        """From now on, until `strike.seconds` have passed or `heal`, that fault strikes whatever it can."""
        until = float("inf") if strike.seconds is None else self._clock.monotonic() + strike.seconds
        self._lasting.append((until, strike, STRIKES[strike.fault]))

    def heal(self) -> None:
        """Nothing goes wrong from now on."""
        self._lasting.clear()
        self._script.clear()
        self.rate = 0.0

    def strike(self, operation: str) -> Strike | None:
        """Count a call of `operation`, and say what strikes it."""
        nth = self.calls[operation] = self.calls[operation] + 1
        found = self._under_way(operation) if self._lasting else None
        if found is None:
            found = self._new(operation, nth)
        if found is not None:
            self.strikes.append((operation, nth, found))
        return found

    def _under_way(self, operation: str) -> Strike | None:
        now = self._clock.monotonic()
        self._lasting = [entry for entry in self._lasting if now < entry[0]]
        return next((strike for _, strike, operations in self._lasting if operation in operations), None)

    def _new(self, operation: str, nth: int) -> Strike | None:
        """A fault that begins with this call."""
        strike = self._script.get((operation, nth))
        if strike is None and self._chance is not None and self.rate > 0:
            strike = self._draw(operation, self._chance)
        if strike is not None and strike.seconds is not None and strike.fault in LASTING:
            only = frozenset({operation}) if strike.fault is Fault.STALE else STRIKES[strike.fault]
            self._lasting.append((self._clock.monotonic() + strike.seconds, strike, only))
        return strike

    def _draw(self, operation: str, chance: Chance) -> Strike | None:
        if chance.random() >= self.rate or not self._drawn[operation]:
            return None
        fault = chance.choice(self._drawn[operation])
        seconds = chance.choice(_SECONDS.get(fault, _UNTIMED))
        return Strike(fault, chance.random() < 0.5, seconds, chance.choice(BAD_PRICES))
