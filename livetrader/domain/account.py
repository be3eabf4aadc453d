"""What stands in an account beside its orders and fills, until somebody changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from livetrader.domain.instrument import Product

# The latches that are put on by hand.
HALT, KILL = "halt", "kill"

# The reason of the first flow: what the account had before we traded on it.
OPENING = "opening balance"


@dataclass(frozen=True, slots=True)
class Latch:
    """What stops trading until it is taken off.

    `name` is halt, kill, daily_loss, portfolio_stop, auth, mismatch, disk, feed, or symbol:NAME for a single one.
    carried:NAME stops nothing: with it the operator has answered for a position that was held over night.
    """

    name: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """What the operator has to look at; open until it is settled. `key` names the matter, `text` says it."""

    key: str
    text: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Flow:
    """Money that came from outside, or went there (negative): cash, and no profit or loss (invariant I3)."""

    amount: Decimal
    reason: str
    at: datetime


class ExternalKind(StrEnum):
    ORDER = "order"
    POSITION = "position"


class ExternalStatus(StrEnum):
    """FROZEN: its symbol is not traded. IGNORED: left alone. ADOPTED: ours from now on."""

    FROZEN = "frozen"
    IGNORED = "ignored"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class External:
    """An order or a position at the broker that we did not make. `quantity` is signed: negative when sold.

    A position is known by symbol and product, an order by its `broker_order_id` as well (empty for a position).
    """

    kind: ExternalKind
    symbol: str
    product: Product
    quantity: Decimal
    status: ExternalStatus
    since: datetime
    broker_order_id: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """What the command line asks of a running trader."""

    id: int
    kind: str
    arguments: Mapping[str, str]
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command, in one line for whoever asked."""

    outcome: str
    ok: bool
    at: datetime
