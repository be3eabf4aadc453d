"""What the dashboard shows, as values read from the state at one moment. Nothing here draws, or asks the time."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

from livetrader.constraints.verdict import Refused
from livetrader.dashboard.gauges import Account, Gauge, gauges, is_trade
from livetrader.domain.account import External
from livetrader.domain.exit_plan import ExitKind, ExitPlan
from livetrader.domain.lots import LotMethod
from livetrader.domain.order import Purpose
from livetrader.domain.order_state import OPEN, OrderState
from livetrader.domain.position import Trade
from livetrader.domain.session import Session
from livetrader.domain.trades import OpenPosition
from livetrader.domain.trades import trades as fold
from livetrader.errors import CalendarError
from livetrader.market.calendar import Calendar
from livetrader.ports import OrderRecord
from livetrader.reporting.live import LiveFigures, live_figures, worth_of
from livetrader.store.queries import Queries, Status

ZERO = Decimal(0)

# The names of latches, as `domain.account.Latch` lists them. Those of the engine come with numba.
KILL, LOSS_LATCH, SYMBOL_LATCH = "kill", "daily_loss:", "symbol:"

# How an order ends that the broker did not want, or that nobody could find again.
_FAILED = frozenset({OrderState.REJECTED, OrderState.ABANDONED})


@dataclass(frozen=True, slots=True)
class Limits:
    """The constraints that fill up during a day; None: no limit. `capital` and `leverage` are the settings', and
    `lots`, what a partial exit closes. `others` are those of `gauges` that are set, by name; `sectors` by symbol."""

    capital: Decimal
    leverage: Decimal
    positions: int | None
    trades: int | None
    loss_pct: Decimal | None
    currency: str = "INR"
    lots: LotMethod = LotMethod.AVERAGE
    others: Mapping[str, Decimal] = field(default_factory=dict)
    sectors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feed:
    """The last closed bars. `prices` by symbol; `newest` is the close of the newest bar (epoch seconds, None: there is
    none), `seconds` how long such a bar is; `problem` says why the candles could not be read."""

    prices: Mapping[str, Decimal] = field(default_factory=dict)
    newest: int | None = None
    seconds: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """Where the exchange's day stands: OPEN or CLOSED, `until` when (epoch seconds; None: not known)."""

    open: bool
    until: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """A position with what is known of it now. `pnl` is net of the charges so far, None without a price.

    `stop` is the trigger of the orders that protect it at the venue (one, or pieces of what one may not be for),
    `stop_quantity` their open quantity (None: there is none). `risk` is what a unit of it was to lose at its first
    stop: the length of 1 R. `leaving` says that an exit is under way, for which the stop was cancelled.
    """

    position: OpenPosition
    last: Decimal | None
    pnl: Decimal | None
    stop: Decimal | None
    stop_quantity: Decimal | None
    risk: Decimal | None
    leaving: bool = False

    @property
    def room(self) -> Decimal | None:
        """How far the price may still go against it until the stop, per unit; negative beyond it."""
        if self.last is None or self.stop is None:
            return None
        return (self.last - self.stop) * self.position.side.sign

    @property
    def room_pct(self) -> Decimal | None:
        return None if self.room is None or not self.last else self.room / self.last * 100

    @property
    def room_r(self) -> Decimal | None:
        """`room` in units of the risk that was taken."""
        return None if self.room is None or not self.risk else self.room / self.risk


@dataclass(frozen=True, slots=True)
class Use:
    """How much of the day's limits is taken: entries under way count as positions and as trades.

    `capital_pct` is the margin of positions and of entries under way, in percent of `Limits.capital`; `loss_pct` is
    what the day has lost of it, zero on a day with a gain, None while that is not known.
    """

    positions: int
    trades: int
    capital_pct: Decimal
    loss_pct: Decimal | None


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds from a bar's close to the entry that was written down for it: of the last entry, and the day's most."""

    last: float
    most: float


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the account.

    `at` is now, or in a replay the time that it has come to; `session` is the one that the figures are of: the one in
    progress, else the last that began. `orders` are those that work at the venue, UNKNOWN ones first; `trades` those
    that closed in the session. `gauges` say how much is taken of `Limits.others`. `refused` counts signals by the rule
    of ours, `failed` orders by the broker's reason.
    """

    at: datetime
    session: Session | None
    phase: Phase
    status: Status
    limits: Limits
    feed: Feed
    holdings: Sequence[Holding]
    orders: Sequence[OrderRecord]
    trades: Sequence[Trade]
    figures: LiveFigures
    use: Use
    gauges: Sequence[Gauge]
    refused: Sequence[tuple[str, int]]
    failed: Sequence[tuple[str, int]]
    delay: Delay | None
    externals: Sequence[External]

    @property
    def zone(self) -> tzinfo:
        """The exchange's time zone."""
        assert self.at.tzinfo is not None, "times of a frame are the exchange's"
        return self.at.tzinfo

    @property
    def day(self) -> date | None:
        """The date of `session`."""
        return None if self.session is None else self.session.date

    @property
    def late(self) -> bool:
        """Whether the feed owes more than two bars, and a minute, while the exchange is open."""
        if not self.phase.open or self.session is None:
            return False
        since = max(self.feed.newest or 0, self.session.opens)
        return self.at.timestamp() - since > 2 * (self.feed.seconds or 300) + 60

    @property
    def halts(self) -> list[tuple[str, str]]:
        """What stops all entries, name and reason: latches, and a kill file that no trader has taken in yet."""
        latches, today = self.status.latches, f"{LOSS_LATCH}{self.day}"
        found = [(name, one.reason) for name, one in latches.items() if ":" not in name or name == today]
        unseen = self.status.killed and KILL not in latches
        return [(KILL, "the kill file is there"), *found] if unseen else found

    @property
    def locks(self) -> list[tuple[str, str]]:
        """What stops entries in one symbol, symbol and reason."""
        latches = self.status.latches.items()
        return [(name.removeprefix(SYMBOL_LATCH), one.reason) for name, one in latches if name.startswith(SYMBOL_LATCH)]


Prices = Callable[[Sequence[str], float], Feed]
"""(symbols that need a price, now in epoch seconds): the feed."""


def read(queries: Queries, calendar: Calendar, limits: Limits, prices: Prices, now: float) -> Frame:
    """The frame of the state that `queries` reads; `now` in epoch seconds. StoreError if it cannot be read."""
    status = queries.status()
    at = datetime.fromtimestamp(_moment(status, now), calendar.timezone)
    session = _session(calendar, at)
    records, fills = queries.orders(), queries.fills()
    closed, held = fold({one.intent.intent_id: one.intent for one in records}, fills, calendar.timezone, limits.lots)
    feed = prices([one.symbol for one in held], at.timestamp())
    today = [one for one in closed if session is not None and one.session == session.date]
    figures = live_figures(held, today, feed.prices, worth_of(status.equity, fills))
    since = 0 if session is None else session.opens
    of_day = [one for one in records if one.intent.as_of >= since]
    working = [one for one in records if one.state in OPEN]
    account = Account(
        limits.capital, limits.leverage, held, of_day, today, fills, feed.prices, figures.day_pnl, limits.sectors
    )  # fmt: skip
    return Frame(
        at=at,
        session=session,
        phase=_phase(calendar, at),
        status=status,
        limits=limits,
        feed=feed,
        holdings=_holdings(held, records, feed.prices),
        orders=sorted(working, key=lambda one: one.state is not OrderState.UNKNOWN),
        trades=today,
        figures=figures,
        use=_use(held, working, of_day, figures, limits),
        gauges=gauges(account, limits.others),
        refused=_refused(queries, since),
        failed=_failed(of_day),
        delay=_delay(of_day),
        externals=queries.externals(),
    )


def _moment(status: Status, now: float) -> float:
    """A replay has a time of its own: what it has decided until. Other modes live in ours."""
    return float(status.marked) if status.mode == "replay" and status.marked is not None else now


def _session(calendar: Calendar, at: datetime) -> Session | None:
    """The session in progress, else the last one that began: in the evening the day is still to be seen."""
    try:
        begun = calendar.before(at.date() + timedelta(days=1), 2)
    except CalendarError:
        return None
    return next((one for one in reversed(begun) if one.opens <= at.timestamp()), None)


def _phase(calendar: Calendar, at: datetime) -> Phase:
    instant = int(at.timestamp())
    current = calendar.at(instant)
    if current is not None:
        return Phase(True, current.closes)
    try:
        days = [calendar.after(at.date() - timedelta(days=back)) for back in (1, 0)]
    except CalendarError:
        days = []
    following = next((one for one in days if one is not None and one.opens > instant), None)
    return Phase(False, None if following is None else following.opens)


def _holdings(
    held: Sequence[OpenPosition], records: Sequence[OrderRecord], prices: Mapping[str, Decimal]
) -> list[Holding]:
    plans = {one.intent.intent_id: one.intent.exit for one in records}
    working: defaultdict[tuple[str, Purpose], list[OrderRecord]] = defaultdict(list)
    for record in records:
        if record.state in OPEN:
            working[record.intent.symbol, record.intent.purpose].append(record)
    return [
        _holding(
            one,
            plans.get(one.intent_id),
            working[one.symbol, Purpose.STOP],
            prices.get(one.symbol),
            leaving=bool(working[one.symbol, Purpose.EXIT]),
        )
        for one in held
    ]


def _holding(
    one: OpenPosition, plan: ExitPlan | None, stops: Sequence[OrderRecord], last: Decimal | None, *, leaving: bool
) -> Holding:
    earned = one.realised - one.charges
    pnl = None if last is None else one.side.sign * one.quantity * (last - one.average_price) + earned
    return Holding(
        one,
        last,
        pnl,
        stops[0].intent.trigger_price if stops else None,
        sum((stop.intent.quantity - stop.filled_quantity for stop in stops), Decimal(0)) if stops else None,
        _risk(plan, one.average_price),
        leaving,
    )


def _risk(plan: ExitPlan | None, price: Decimal) -> Decimal | None:
    """The distance of the first stop from the price that was paid; None where the plan has no stop."""
    if plan is None or plan.kind is ExitKind.NONE:
        return None
    if plan.kind is ExitKind.FIXED and math.isnan(plan.stop_price):  # a target alone
        return None
    if plan.kind is ExitKind.TRAILING_ATR:
        return Decimal(repr(plan.distance))
    if plan.kind is ExitKind.FIXED:
        return abs(price - Decimal(repr(plan.stop_price)))
    return price * Decimal(repr(plan.stop_loss_pct)) / 100


def _use(
    held: Sequence[OpenPosition],
    working: Sequence[OrderRecord],
    of_day: Sequence[OrderRecord],
    figures: LiveFigures,
    limits: Limits,
) -> Use:
    symbols = {one.symbol for one in held}
    entering = [one for one in working if one.intent.purpose is Purpose.ENTRY]
    reserved = sum(((one.intent.quantity - one.filled_quantity) * one.intent.price for one in entering), ZERO)
    invested = sum((one.quantity * one.average_price for one in held), ZERO)
    counted = [one for one in of_day if is_trade(one)]
    lost = None if figures.day_pnl is None else max(-figures.day_pnl, ZERO)
    return Use(
        positions=len(symbols | {one.intent.symbol for one in entering}),
        trades=len(counted),
        capital_pct=(invested + reserved) / limits.leverage / limits.capital * 100,
        loss_pct=None if lost is None else lost / limits.capital * 100,
    )


def _refused(queries: Queries, since: int) -> list[tuple[str, int]]:
    """Signals that our own rules stopped, by rule, most first."""
    verdicts = (one.verdict for one in queries.decisions(since=since))
    return Counter(one.rule for one in verdicts if isinstance(one, Refused)).most_common()


def _failed(of_day: Sequence[OrderRecord]) -> list[tuple[str, int]]:
    """Orders that the broker rejected, or that were never found again, by the first words of the reason."""
    words = (f"{one.state.value} {one.reason.partition(':')[0]}".strip() for one in of_day if one.state in _FAILED)
    return Counter(words).most_common()


def _delay(of_day: Sequence[OrderRecord]) -> Delay | None:
    entries = [one for one in of_day if one.intent.purpose is Purpose.ENTRY]
    seconds = [one.created_at.timestamp() - one.intent.as_of for one in entries]
    return Delay(seconds[-1], max(seconds)) if seconds else None
