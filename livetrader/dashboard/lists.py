"""The dashboard's lists: positions, orders that work at the venue, the day's trades."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal

from livetrader.dashboard.data import Frame, Holding
from livetrader.dashboard.table import Cell, Column, Listing
from livetrader.domain.order import OrderIntent
from livetrader.domain.order_state import OrderState
from livetrader.domain.position import Trade
from livetrader.ports import OrderRecord
from livetrader.reporting.figures import NOTHING, clock, money, price, quantity

ALARM = "bold red"

_POSITIONS = (
    Column("#"),
    Column("symbol"),
    Column("side"),
    Column("qty", right=True),
    Column("entry", right=True),
    Column("last", right=True),
    Column("P&L", right=True),
    Column("stop", right=True),
    Column("to stop", right=True, rank=1),
    Column("R", right=True, rank=2),
    Column("strategy", rank=3),
    Column("since", rank=4),
    Column("charges", right=True, rank=5),
)
_ORDERS = (
    Column("symbol"),
    Column("state"),
    Column("action"),
    Column("qty", right=True),
    Column("type"),
    Column("price", right=True),
    Column("for"),
    Column("since", rank=1),
    Column("filled", right=True, rank=2),
    Column("strategy", rank=3),
    Column("id", rank=4),
)
_TRADES = (
    Column("time"),
    Column("symbol"),
    Column("side"),
    Column("qty", right=True),
    Column("entry", right=True),
    Column("exit", right=True),
    Column("net P&L", right=True),
    Column("reason"),
    Column("strategy", rank=1),
    Column("entered", rank=2),
    Column("charges", right=True, rank=3),
)


def positions(frame: Frame) -> Listing:
    """What is held, numbered for the key that closes one."""
    rows = [_position(number, one, frame) for number, one in enumerate(frame.holdings, 1)]
    return Listing("POSITIONS", _POSITIONS, rows, "nothing is held", named=1)


def working(frame: Frame) -> Listing:
    """Orders that may fill, those of unknown fate first."""
    rows = [_order(one, frame.zone) for one in frame.orders]
    return Listing("WORKING ORDERS", _ORDERS, rows, "none at the venue")


def trades(frame: Frame) -> Listing:
    """The day's trades, the latest first."""
    day = "" if frame.day is None or frame.day == frame.at.date() else f" OF {frame.day:%d %b}".upper()
    rows = [_trade(one, frame) for one in reversed(frame.trades)]
    return Listing(f"TRADES{day}", _TRADES, rows, "none closed yet", named=1)


def tone(value: Decimal | None) -> str:
    """The style of a gain or a loss."""
    return "" if not value else "green" if value > 0 else "red"


def _position(number: int, one: Holding, frame: Frame) -> Sequence[Cell]:
    held = one.position
    return [
        Cell(str(number), "bold"),
        Cell(held.symbol, "bold"),
        Cell(held.side.value),
        Cell(quantity(held.quantity)),
        Cell(_rounded(held.average_price)),
        Cell(NOTHING if one.last is None else price(one.last)),
        Cell(_plain(one.pnl, frame), tone(one.pnl)),
        _stop(one),
        Cell(NOTHING if one.room_pct is None else f"{one.room_pct:.2f} %".replace("-", "−"), _near(one)),
        Cell(NOTHING if one.room_r is None else f"{one.room_r:.1f} R".replace("-", "−"), _near(one)),
        Cell(held.strategy),
        Cell(clock(held.opened_at, frame.zone), "dim"),
        Cell(_plain(held.charges, frame, signed=False), "dim"),
    ]


def _stop(one: Holding) -> Cell:
    """The level of the stop, and what is wrong with it."""
    if one.stop is None:
        return Cell("leaving", "yellow") if one.leaving else Cell("NONE", ALARM)
    if one.stop_quantity is None or one.stop_quantity == one.position.quantity:
        return Cell(price(one.stop))
    return Cell(f"{price(one.stop)} for {quantity(one.stop_quantity)}", ALARM)


def _near(one: Holding) -> str:
    """A stop that is almost reached, or passed, stands out."""
    room = one.room_r
    return "" if room is None else ALARM if room <= 0 else "yellow" if room < Decimal("0.25") else ""


def _order(one: OrderRecord, zone: tzinfo) -> Sequence[Cell]:
    intent, lost = one.intent, one.state is OrderState.UNKNOWN
    style = ALARM if lost else ""
    return [
        Cell(intent.symbol, style or "bold"),
        Cell(one.state.value, style),
        Cell(intent.action.value, style),
        Cell(quantity(intent.quantity), style),
        Cell(intent.order_type.value, style),
        Cell(_at(intent), style),
        Cell(intent.purpose.value, style),
        Cell(clock(one.created_at, zone), style or "dim"),
        Cell(quantity(one.filled_quantity), style),
        Cell(intent.strategy, style),
        Cell(intent.intent_id, style or "dim"),
    ]


def _at(intent: OrderIntent) -> str:
    """The price that an order waits for, else the one it was decided at."""
    level = intent.trigger_price if intent.limit_price is None else intent.limit_price
    return f"~{price(intent.price)}" if level is None else price(level)


def _trade(one: Trade, frame: Frame) -> Sequence[Cell]:
    return [
        Cell(clock(one.exit_at, frame.zone), "dim"),
        Cell(one.symbol, "bold"),
        Cell(one.side.value),
        Cell(quantity(one.quantity)),
        Cell(_rounded(one.entry_price)),
        Cell(_rounded(one.exit_price)),
        Cell(_plain(one.net_pnl, frame), tone(one.net_pnl)),
        Cell(one.exit_reason),
        Cell(one.strategy),
        Cell(clock(one.entry_at, frame.zone), "dim"),
        Cell(_plain(one.charges, frame, signed=False), "dim"),
    ]


def _rounded(value: Decimal) -> str:
    """An average price to the paisa, or where it is small as it is."""
    return price(value.quantize(Decimal("0.01")) if value >= 10 else value)


def _plain(value: Decimal | None, frame: Frame, *, signed: bool = True) -> str:
    """Money without its symbol, which would stand in every row."""
    return money(value, frame.limits.currency, signed=signed).translate(_NO_SYMBOL)


_NO_SYMBOL = str.maketrans("", "", "₹$")
