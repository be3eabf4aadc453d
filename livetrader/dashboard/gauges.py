"""How much is taken of each limit that is set, reckoned from the state. Limits of a single order are none of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby, takewhile
from typing import Literal

from livetrader.domain.order import Fill, Purpose
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.domain.position import Trade
from livetrader.domain.trades import OpenPosition
from livetrader.ports import OrderRecord

ZERO = Decimal(0)
Unit = Literal["count", "%", "×", "money"]


@dataclass(frozen=True, slots=True)
class Gauge:
    """`taken` of the `limit` that is set as constraints.`name`; None: not known. `who` takes it, where one of several
    does. Of a `reserve` so much has to be left, and `taken` is what is."""

    name: str
    label: str
    unit: Unit
    limit: Decimal
    taken: Decimal | None
    who: str = ""
    reserve: bool = False

    @property
    def share(self) -> Decimal | None:
        """How much of the limit is taken; from 1 on it holds."""
        if self.taken is None:
            return None
        if self.reserve:
            return (100 - self.taken) / (100 - self.limit) if self.limit < 100 else Decimal(1)
        return self.taken / self.limit


@dataclass(frozen=True, slots=True)
class Account:
    """What limits are about. `of_day` are the orders of the session, `closed` its trades, oldest first; `prices` the
    last ones by symbol; `capital`, `leverage` and `sectors` (by symbol) those of the settings."""

    capital: Decimal
    leverage: Decimal
    held: Sequence[OpenPosition]
    of_day: Sequence[OrderRecord]
    closed: Sequence[Trade]
    fills: Sequence[Fill]
    prices: Mapping[str, Decimal]
    day_pnl: Decimal | None
    sectors: Mapping[str, str] = field(default_factory=dict)

    @property
    def worth(self) -> Decimal:
        """Cash and positions: at their last price, or at what they cost where there is none."""
        held = sum((one.side.sign * one.quantity * self._price(one) for one in self.held), ZERO)
        return self.capital + sum((fill.cash for fill in self.fills), ZERO) + held

    @property
    def entries(self) -> list[OrderRecord]:
        """The day's, in the order in which they were decided."""
        return [one for one in self.of_day if one.intent.purpose is Purpose.ENTRY]

    def most(self, of: Callable[[str, str], str]) -> tuple[Decimal, str]:
        """The largest value of what `of` makes of symbol and strategy, in percent of the account's worth, and whose."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for symbol, strategy, value in self._values():
            found[of(symbol, strategy)] += value
        who = max(found, key=lambda one: found[one], default="")
        return self.pct(found[who]) if who else ZERO, who

    @property
    def value(self) -> Decimal:
        """Of all positions and entries under way."""
        return sum((value for _, _, value in self._values()), ZERO)

    def pct(self, value: Decimal) -> Decimal:
        return 100 * value / self.worth if self.worth > 0 else Decimal(100)

    def _values(self) -> Iterator[tuple[str, str, Decimal]]:
        """Symbol, strategy and value of each position, and of each entry under way."""
        for one in self.held:
            yield one.symbol, one.strategy, one.quantity * self._price(one)
        for entry in self.entries:
            if entry.state in OPEN:
                left = entry.intent.quantity - entry.filled_quantity
                yield entry.intent.symbol, entry.intent.strategy, left * entry.intent.price

    def _price(self, one: OpenPosition) -> Decimal:
        return self.prices.get(one.symbol, one.average_price)


def gauges(account: Account, limits: Mapping[str, Decimal]) -> tuple[Gauge, ...]:
    """A gauge for each of `limits`, by the names of their settings; one that is about a single order has none."""
    return tuple(make(account, limits[name]) for name, make in _GAUGES.items() if name in limits)


def _per_strategy(account: Account, limit: Decimal) -> Gauge:
    taken = Counter(one.intent.strategy for one in account.of_day if is_trade(one)).most_common(1)
    who, count = taken[0] if taken else ("", 0)
    return Gauge("max_trades_per_strategy", "per strategy", "count", limit, Decimal(count), who)


def _lost(account: Account, limit: Decimal) -> Gauge:
    lost = None if account.day_pnl is None else max(-account.day_pnl, ZERO)
    return Gauge("max_daily_loss", "loss, money", "money", limit, lost)


def _position(account: Account, limit: Decimal) -> Gauge:
    taken, who = account.most(lambda symbol, _: symbol)
    return Gauge("max_position_pct", "position", "%", limit, taken, who)


def _strategy(account: Account, limit: Decimal) -> Gauge:
    taken, who = account.most(lambda _, strategy: strategy)
    return Gauge("max_strategy_pct", "strategy", "%", limit, taken, who)


def _sector(account: Account, limit: Decimal) -> Gauge:
    taken, who = account.most(lambda symbol, _: account.sectors.get(symbol, symbol))
    return Gauge("max_sector_pct", "sector", "%", limit, taken, who)


def _leverage(account: Account, limit: Decimal) -> Gauge:
    return Gauge("max_leverage", "leverage", "×", limit, account.pct(account.value) / 100)


def _free(account: Account, limit: Decimal) -> Gauge:
    free = 100 - account.pct(account.value / account.leverage)
    return Gauge("min_free_margin_pct", "free margin", "%", limit, free, reserve=True)


def _floor(account: Account, limit: Decimal) -> Gauge:
    lost = 100 * (account.capital - account.worth) / account.capital
    return Gauge("portfolio_stop_pct", "account lost", "%", limit, max(lost, ZERO))


def _losing(account: Account, limit: Decimal) -> Gauge:
    """The longest run: a gain after it does not open the session again."""
    runs = (len(list(group)) for lost, group in groupby(account.closed, lambda one: one.net_pnl < 0) if lost)
    return Gauge("max_consecutive_losses", "losing run", "count", limit, Decimal(max(runs, default=0)))


def _rejected(account: Account, limit: Decimal) -> Gauge:
    count = sum(one.state is OrderState.REJECTED for one in account.entries)
    return Gauge("max_rejections_per_day", "rejections", "count", limit, Decimal(count))


def _unanswered(account: Account, limit: Decimal) -> Gauge:
    """The last entries that were sent and that the broker has said nothing of."""
    sent = [one for one in account.entries if one.sent_at is not None]
    silent = takewhile(lambda one: one.broker_order_id is None and one.state not in _ANSWERED, reversed(sent))
    return Gauge("max_broker_failures", "no answer", "count", limit, Decimal(len(list(silent))))


def is_trade(order: OrderRecord) -> bool:
    """Whether the engine counts it as one of the day's trades: it may fill, has filled, or was recorded."""
    entry = order.intent.purpose is Purpose.ENTRY
    return entry and (order.state in OPEN or bool(order.filled_quantity) or order.state is OrderState.RECORDED)


_ANSWERED = frozenset({OrderState.FILLED, OrderState.REJECTED, OrderState.RECORDED})
_GAUGES: Mapping[str, Callable[[Account, Decimal], Gauge]] = {
    "max_trades_per_strategy": _per_strategy,
    "max_daily_loss": _lost,
    "portfolio_stop_pct": _floor,
    "max_position_pct": _position,
    "max_strategy_pct": _strategy,
    "max_sector_pct": _sector,
    "max_leverage": _leverage,
    "min_free_margin_pct": _free,
    "max_consecutive_losses": _losing,
    "max_rejections_per_day": _rejected,
    "max_broker_failures": _unanswered,
}

# What a source has to give of the settings.
GAUGED = tuple(_GAUGES)
