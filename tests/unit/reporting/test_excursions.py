"""How far a trade went for and against us, and where the price went after it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import at, trade

from livetrader.domain.signal import Side
from livetrader.ports import Bars
from livetrader.reporting.excursions import excursion

START = int(at("10:00").timestamp())


def bars(*rows: tuple[float, float, float, float], start: int = START) -> Bars:
    """One-minute bars (open, high, low, close) from 10:00 on."""
    ts = np.arange(start, start + 60 * len(rows), 60, dtype=np.int64)
    return Bars(ts, ts + 60, *np.array(rows, float).reshape(-1, 4).T, np.full(len(rows), 100.0))


RISE_AND_FALL = bars(
    (100, 101, 99, 100), (100, 104, 100, 103), (103, 103, 97, 98), (98, 99, 96, 97), (97, 106, 97, 105)
)


@pytest.mark.parametrize(
    ("side", "leave", "adverse", "favourable", "result"),
    [
        (Side.LONG, "103", 1.0, 4.0, 3.0),
        (Side.SHORT, "103", 4.0, 1.0, -3.0),
        (Side.LONG, "95", 5.0, 4.0, -5.0),
        (Side.SHORT, "95", 4.0, 5.0, 5.0),
    ],
    ids=["long", "short", "the exit is the worst", "the exit is the best"],
)
def test_whole_bars_and_the_exits_price_count(
    side: Side, leave: str, adverse: float, favourable: float, result: float
) -> None:
    """The third bar reached 97 and counts for nothing: the trade left inside it."""
    one = trade(side=side, entry_price="100", exit_price=leave, entry_at=at("10:00"), exit_at=at("10:02"))
    found = excursion(one, RISE_AND_FALL, None)
    assert (found.adverse_pct, found.favourable_pct, found.result_pct) == (adverse, favourable, result)
    assert (found.after_pct, found.best_after_pct) == (None, None)


def test_what_holding_on_would_have_done_is_measured_to_the_square_off() -> None:
    one = trade(entry_price="100", exit_price="98", entry_at=at("10:00"), exit_at=at("10:03"))
    stopped = excursion(one, RISE_AND_FALL, int(at("10:05").timestamp()))
    assert (stopped.after_pct, stopped.best_after_pct) == (7.0, 6.0)
    sooner = excursion(one, RISE_AND_FALL, int(at("10:04").timestamp()))
    assert (sooner.after_pct, sooner.best_after_pct) == (-1.0, -1.0)


def test_without_a_bar_after_the_exit_nothing_is_said_of_it() -> None:
    one = trade(entry_price="100", exit_price="105", entry_at=at("10:00"), exit_at=at("10:05"))
    assert excursion(one, RISE_AND_FALL, int(at("15:20").timestamp())).after_pct is None


def test_a_trade_within_one_bar_has_its_exit_alone() -> None:
    one = trade(entry_price="100", exit_price="99.5", entry_at=at("10:00"), exit_at=at("10:00"))
    found = excursion(one, RISE_AND_FALL, None)
    assert (found.adverse_pct, found.favourable_pct) == (0.5, 0.0)


@given(st.lists(st.floats(50, 200), min_size=2, max_size=30), st.sampled_from(Side), st.data())
def test_the_result_lies_between_the_worst_and_the_best(prices: list[float], side: Side, data: st.DataObject) -> None:
    flat = bars(*((price, price, price, price) for price in prices))
    last = data.draw(st.integers(1, len(prices) - 1))
    one = trade(
        side=side, entry_price=repr(prices[0]), exit_price=repr(prices[last]), entry_at=at("10:00"),
        exit_at=at(f"10:{last:02}"),
    )  # fmt: skip
    found = excursion(one, flat, None)
    assert -found.adverse_pct <= found.result_pct <= found.favourable_pct
    moves = [side.sign * (price / prices[0] - 1) * 100 for price in prices[: last + 1]]
    assert found.favourable_pct == pytest.approx(max(moves), abs=1e-5)
    assert found.adverse_pct == pytest.approx(-min(moves), abs=1e-5)
