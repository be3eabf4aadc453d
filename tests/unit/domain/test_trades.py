"""Round trips from fills, against hand-worked examples and against the plain position fold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.instrument import Product
from livetrader.domain.lots import Lot
from livetrader.domain.order import Action, Fill, OrderIntent, OrderType, Purpose
from livetrader.domain.position import Trade
from livetrader.domain.position import fold as fold_position
from livetrader.domain.signal import Side
from livetrader.domain.trades import OpenPosition, trades

INDIA = ZoneInfo("Asia/Kolkata")
START = datetime(2026, 2, 2, 4, 0, tzinfo=UTC)
BUY, SELL = Action.BUY, Action.SELL

Deal = tuple[Action, str, str]


def history(deals: list[Deal], symbol: str = "INFY", charges: str = "1") -> tuple[dict[str, OrderIntent], list[Fill]]:
    """One intent and one fill, a minute apart, for each (action, quantity, price)."""
    orders: dict[str, OrderIntent] = {}
    fills: list[Fill] = []
    for i, (action, quantity, price) in enumerate(deals):
        name = f"{symbol}-{i}"
        orders[name] = OrderIntent(
            intent_id=name,
            account="main",
            strategy=f"strategy-{i}",
            symbol=symbol,
            side=Side.LONG,
            action=action,
            purpose=Purpose.ENTRY,
            product=Product.MIS,
            order_type=OrderType.MARKET,
            quantity=Decimal(quantity),
            price=Decimal(price),
            as_of=i,
            reason=f"reason-{i}",
        )
        at = START + timedelta(minutes=i)
        fills.append(Fill("sim", name, name, symbol, action, Decimal(quantity), Decimal(price), Decimal(charges), at))
    return orders, fills


def folded(deals: list[Deal], charges: str = "1") -> tuple[list[Trade], list[OpenPosition]]:
    orders, fills = history(deals, charges=charges)
    return trades(orders, fills, INDIA)


def test_a_long_round_trip_is_one_trade() -> None:
    closed, held = folded([(BUY, "10", "100.05"), (SELL, "10", "101.05")])
    assert held == []
    assert closed == [
        Trade(
            trade_id="INFY-0",
            session=date(2026, 2, 2),
            strategy="strategy-0",
            symbol="INFY",
            side=Side.LONG,
            quantity=Decimal(10),
            entry_at=START,
            entry_price=Decimal("100.05"),
            exit_at=START + timedelta(minutes=1),
            exit_price=Decimal("101.05"),
            exit_reason="reason-1",
            gross_pnl=Decimal("10.00"),
            charges=Decimal(2),
            net_pnl=Decimal("8.00"),
        )
    ]


def test_a_short_gains_when_the_price_falls() -> None:
    (trade,), _ = folded([(SELL, "10", "100"), (BUY, "10", "99")])
    assert (trade.side, trade.entry_price, trade.exit_price, trade.gross_pnl) == (Side.SHORT, 100, 99, 10)


def test_partial_fills_make_one_trade_at_weighted_prices() -> None:
    """From flat to flat: the reason is that of the fill that closed it, the charges are those of all four."""
    (trade,), held = folded([(BUY, "4", "100"), (BUY, "6", "101"), (SELL, "1", "110"), (SELL, "9", "100")])
    assert held == []
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (10, Decimal("100.6"), 101)
    assert (trade.exit_reason, trade.gross_pnl, trade.charges) == ("reason-3", 4, 4)


def test_profit_is_exact_where_averages_are_not() -> None:
    """A third of 100 has no end: profit comes from values, not from rounded averages."""
    (trade,), _ = folded([(BUY, "1", "10"), (BUY, "2", "20"), (SELL, "3", "17")])
    assert str(trade.gross_pnl) == "1"


@pytest.mark.parametrize(
    ("exits", "quantity", "charges", "realised", "rest"),
    [([], 10, 1, 0, "1"), ([(SELL, "4", "90")], 6, 2, -40, "0.6")],
    ids=["whole", "part_sold"],
)
def test_what_is_still_held_is_an_open_position(
    exits: list[Deal], quantity: int, charges: int, realised: int, rest: str
) -> None:
    """Of its one lot the part that is left, with that part of the charges of opening it."""
    closed, (held,) = folded([(BUY, "10", "100"), *exits])
    assert closed == []
    assert held == OpenPosition(
        "INFY", Side.LONG, Decimal(quantity), Decimal(100), "strategy-0", "INFY-0", START, Decimal(charges),
        Decimal(realised), (Lot(Decimal(quantity), Decimal(100), Decimal(rest), START),),
    )  # fmt: skip


def test_a_fill_that_turns_the_position_closes_one_trade_and_opens_the_next() -> None:
    """Its charges are split by quantity: 3 of 4 for the part that closes."""
    (trade,), (held,) = folded([(BUY, "3", "100"), (SELL, "4", "101")], charges="8")
    assert (trade.quantity, trade.exit_price, trade.charges) == (3, 101, 14)
    assert (held.side, held.quantity, held.average_price, held.charges) == (Side.SHORT, 1, 101, 2)
    assert (held.intent_id, held.opened_at) == ("INFY-1", START + timedelta(minutes=1))


def test_the_session_is_the_exchanges_date_of_the_exit() -> None:
    """20:00 UTC is the next day in India; profit belongs to the session that made it."""
    orders, (entry, exit_) = history([(BUY, "1", "1"), (SELL, "1", "2")])
    late = Fill(*(getattr(exit_, name) for name in Fill.__slots__[:-1]), datetime(2026, 2, 3, 20, 0, tzinfo=UTC))
    (trade,), _ = trades(orders, [entry, late], INDIA)
    assert trade.session == date(2026, 2, 4)


def test_symbols_do_not_mix_and_trades_come_in_the_order_of_their_exits() -> None:
    orders_a, (a1, a2) = history([(BUY, "1", "1"), (SELL, "1", "2")], "A")
    orders_b, (b1, b2) = history([(SELL, "1", "1"), (BUY, "1", "2")], "B")
    closed, held = trades(orders_a | orders_b, [a1, b1, b2, a2], INDIA)
    assert [t.symbol for t in closed] == ["B", "A"]
    assert held == []


QUANTITIES = st.sampled_from(["0.5", "1", "2", "3"])
PRICES = st.integers(1, 10_000).map(lambda ticks: str(Decimal(ticks) / 20))
DEALS = st.lists(st.tuples(st.sampled_from([BUY, SELL]), QUANTITIES, PRICES), max_size=30)


@given(DEALS)
def test_trades_and_open_positions_are_all_that_the_fills_made(deals: list[Deal]) -> None:
    """No unit, rupee or charge is lost or made: cash moves by the trades' profit and what is held (I3)."""
    orders, fills = history(deals, charges="0.5")
    closed, held = trades(orders, fills, INDIA)
    position = fold_position("INFY", fills)
    signed = sum((p.quantity * p.side.sign for p in held), Decimal(0))
    assert signed == position.quantity
    assert [p.average_price for p in held] == [position.average_price] * len(held)
    charges = sum((t.charges for t in closed), Decimal(0)) + sum((p.charges for p in held), Decimal(0))
    assert charges == pytest.approx(Decimal("0.5") * len(fills), abs=Decimal("1e-20"))
    if not held:
        assert sum((t.gross_pnl - t.charges for t in closed), Decimal(0)) == pytest.approx(
            sum((f.cash for f in fills), Decimal(0)), abs=Decimal("1e-20")
        )
    for trade in closed:
        assert trade.net_pnl == trade.gross_pnl - trade.charges
        assert trade.entry_at <= trade.exit_at
