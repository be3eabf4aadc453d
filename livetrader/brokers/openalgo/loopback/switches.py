"""How the gateway behaves at the moment: what an operator of OpenAlgo, its broker's plugin or a bad day decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from livetrader.brokers.loopback import wire
from livetrader.brokers.loopback.wire import Reader


class Mode(StrEnum):
    """Which account the gateway means: the broker's, or that of its own sandbox."""

    LIVE = "live"
    ANALYZE = "analyze"


class OrderIds(StrEnum):
    """What placeorder answers for an order that was taken."""

    TEXT = "text"
    NUMBER = "number"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Word:
    """The broker's own answer to a call, which OpenAlgo passes through. `accepted`: it has done it nevertheless."""

    status: int
    message: str
    accepted: bool = False


@dataclass(slots=True)
class Switches:
    """All of them; a fresh one is a good day in live mode.

    `revoked`: no call is let in, as if its key were wrong. `approval`: orders wait for a human (semi-auto mode).
    `raw_statuses` is by order id: a status of the broker's that Zerodha's mapping does not know. Symbols in `nameless`
    are null in the books. `text_quantities`: positions have their quantities as strings. `utc_host`: market timings
    come from a server that runs on UTC. `margins_blocked`: funds lack the margin of positions and not their value.
    `history_lacks`: so many of the last bars are missing. `silent`: no tick comes, though the socket is healthy.
    `words`, by operation of the line: what the broker says to the next call of it.
    """

    mode: Mode = Mode.LIVE
    revoked: bool = False
    approval: bool = False
    order_ids: OrderIds = OrderIds.TEXT
    raw_statuses: dict[str, str] = field(default_factory=dict)
    nameless: list[str] = field(default_factory=list)
    text_quantities: bool = False
    utc_host: bool = False
    margins_blocked: bool = False
    history_lacks: int = 0
    silent: bool = False
    words: dict[str, Word] = field(default_factory=dict)

    def set(self, asked: Any) -> None:
        """Turn the switches of a JSON object, all or none. Raises Unreadable."""
        if not isinstance(asked, dict):
            raise wire.Unreadable("switches are an object")
        unknown = sorted(asked.keys() - READERS.keys())
        if unknown:
            raise wire.Unreadable(f"{unknown[0]!r} is none of {', '.join(READERS)}")
        for name, value in {name: READERS[name](value) for name, value in asked.items()}.items():
            setattr(self, name, value)


def _whole(value: Any) -> int:
    return int(wire.real(value))


def _names(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise wire.Unreadable(f"{value!r} is no list")
    return [wire.name(item) for item in value]


def _statuses(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise wire.Unreadable(f"{value!r} is no object")
    return {order_id: wire.text(status) for order_id, status in value.items()}


def _words(value: Any) -> dict[str, Word]:
    if not isinstance(value, dict):
        raise wire.Unreadable(f"{value!r} is no object")
    return {operation: _word(word) for operation, word in value.items()}


def _word(value: Any) -> Word:
    accepted = wire.boolean(value.get("accepted", False))
    return Word(_whole(wire.member(value, "status")), wire.text(wire.member(value, "message")), accepted)


READERS: Mapping[str, Reader] = {
    "mode": wire.one_of(Mode),
    "revoked": wire.boolean,
    "approval": wire.boolean,
    "order_ids": wire.one_of(OrderIds),
    "raw_statuses": _statuses,
    "nameless": _names,
    "text_quantities": wire.boolean,
    "utc_host": wire.boolean,
    "margins_blocked": wire.boolean,
    "history_lacks": _whole,
    "silent": wire.boolean,
    "words": _words,
}
