"""Pre-trade review: every rule looks at every entry, and the verdict is a value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, overload

from livetrader.constraints.verdict import Approved, Check, Refused, Verdict
from livetrader.domain.order import OrderIntent
from livetrader.domain.session import Session


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What the account is worth at the last closes, and what its positions are.

    `equity` is cash and positions, money that was withdrawn left out. `values` are quantity × price by symbol,
    unsigned: positions at the last close, entries under way at theirs; `strategy_values` are the same by strategy.
    `lost` is what the session has lost, negative for a gain, where it has a limit.
    """

    equity: Decimal
    values: Mapping[str, Decimal] = field(default_factory=dict)
    strategy_values: Mapping[str, Decimal] = field(default_factory=dict)
    lost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Exposure:
    """The account as the rules see it, orders whose fate is open included.

    `now` is the time of the review in epoch seconds. `held` are the symbols with a position, `pending` those
    with an entry under way, `closed` those whose position closed on the bar that is being decided. `trades` and
    `trades_by_strategy` count this session's entries, filled or under way. `available` is the money that is
    neither in a position nor reserved for an entry; `leverage` is how far it stretches. `halts` says, by the name of
    the latch, why no entry may go out; `frozen`, by symbol, why none may in that symbol.

    `stopped` is when, in epoch seconds, a stop was last reached in a symbol; `losses` the longest run of losing trades
    in this session, `rejections` how many of its entries the broker rejected. Its last `unanswered` entries have no
    answer of the broker's, the latest was decided at `unanswered_at`. `portfolio`, `sides` (+1 for a long, −1 for a
    short, of what is held or under way) and `returns` (daily, by symbol, oldest first) are there where a rule asks.
    """

    now: int
    session: Session
    held: Collection[str]
    pending: Collection[str]
    closed: Collection[str]
    trades: int
    trades_by_strategy: Mapping[str, int]
    available: Decimal
    leverage: Decimal
    halts: Mapping[str, str] = field(default_factory=dict)
    frozen: Mapping[str, str] = field(default_factory=dict)
    stopped: Mapping[str, int] = field(default_factory=dict)
    losses: int = 0
    rejections: int = 0
    unanswered: int = 0
    unanswered_at: int = 0
    portfolio: Portfolio | None = None
    sides: Mapping[str, int] = field(default_factory=dict)
    returns: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Rule(Protocol):
    """One constraint: a frozen value whose answers depend on its arguments only.

    `passes` decides, for every entry; `check` gives its name and says what it saw in numbers, for whoever asks.
    """

    def passes(self, intent: OrderIntent, exposure: Exposure) -> bool: ...

    def check(self, intent: OrderIntent, exposure: Exposure) -> Check: ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Checks(Sequence[Check]):
    """What all rules say of an entry, equal to the tuple of it, put into words where it is read.

    A backtest decides tens of thousands of entries whose words nobody reads.
    """

    intent: OrderIntent
    exposure: Exposure
    rules: Sequence[Rule]

    def __len__(self) -> int:
        return len(self.rules)

    @overload
    def __getitem__(self, index: int) -> Check: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Check, ...]: ...
    def __getitem__(self, index: int | slice) -> Check | tuple[Check, ...]:
        if isinstance(index, slice):
            return tuple(rule.check(self.intent, self.exposure) for rule in self.rules[index])
        return self.rules[index].check(self.intent, self.exposure)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple | Checks) and self[:] == other[:]

    __hash__ = None  # type: ignore[assignment] # as the checks, which have numbers by name

    def __repr__(self) -> str:
        return repr(self[:])


def review(intent: OrderIntent, exposure: Exposure, rules: Sequence[Rule]) -> Verdict:
    """The verdict of all rules on an entry. The first rule that fails gives the reason."""
    checks = Checks(intent, exposure, tuple(rules))
    for rule in rules:
        if not rule.passes(intent, exposure):
            failed = rule.check(intent, exposure)
            return Refused(intent, failed.rule, failed.reason, failed.numbers, checks)
    return Approved(intent, checks)


def approve_exit(intent: OrderIntent) -> Approved:
    """Exits are never blocked."""
    return Approved(intent, ())
