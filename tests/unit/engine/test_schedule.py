"""When how much of a parent goes out: tables of schedules, and what of them is due in a pass."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetrader.domain.instrument import Instrument
from livetrader.domain.parent import Algo, Schedule
from livetrader.engine.parents.schedule import (
    CATCH_UP,
    SLICING_SECONDS,
    iceberg,
    next_turn,
    over,
    resting,
    slices,
    twap,
    vwap,
    wanted,
)
from tests.unit.engine.trading_samples import at, intent

D = Decimal
LAST = at(10)
AS_OF = at(1)


def instrument(lot: str = "1", freeze: str | None = None) -> Instrument:
    return Instrument("A", D("0.05"), D(lot), None if freeze is None else D(freeze))


def told(schedule: Schedule) -> list[tuple[int, str]]:
    """The slots: seconds after the decision, and quantity."""
    return [(slot.at - AS_OF, f"{slot.quantity:f}") for slot in schedule.slots]


@pytest.mark.parametrize(
    ("quantity", "lot", "count", "minutes", "slots"),
    [
        ("90", "1", 3, 15, [(0, "30"), (300, "30"), (600, "30")]),
        ("100", "1", 3, 15, [(0, "33"), (300, "34"), (600, "33")]),
        ("100", "25", 3, 15, [(0, "25"), (300, "50"), (600, "25")]),
        ("2", "1", 5, 20, [(0, "1"), (600, "1")]),
        ("1", "0.001", 3, 3, [(0, "0.333"), (60, "0.334"), (120, "0.333")]),
        ("90", "1", 3, 60, [(0, "30"), (900, "30"), (1800, "30")]),
        ("90", "1", 1, 5, [(0, "90")]),
        ("11", "1", 6, 30, [(0, "2"), (300, "2"), (600, "2"), (900, "1"), (1200, "2"), (1500, "2")]),
    ],
    ids=["even", "a remainder", "lots", "fewer lots than slices", "a coin", "cut at the last", "one", "spread"],
)
def test_twap_is_parts_as_equal_as_lots_allow(
    quantity: str, lot: str, count: int, minutes: int, slots: list[tuple[int, str]]
) -> None:
    """What would be after `last` is spread over the time until then."""
    made = twap(intent(quantity=quantity), instrument(lot), count, minutes * 60, LAST)
    assert told(made) == slots
    assert (made.algo, made.until) == (Algo.TWAP, min(AS_OF + minutes * 60, LAST))


@pytest.mark.parametrize(
    ("quantity", "lot", "shares", "slots"),
    [
        ("100", "1", [3, 1, 1], [(0, "60"), (300, "20"), (600, "20")]),
        ("100", "25", [1, 1, 1], [(0, "25"), (300, "50"), (600, "25")]),
        ("10", "1", [1, 0, 1], [(0, "5"), (600, "5")]),
        ("10", "10", [1, 1, 8], [(600, "10")]),
    ],
    ids=["by volume", "lots", "nothing trades", "one lot"],
)
def test_vwap_is_parts_as_the_market_trades(
    quantity: str, lot: str, shares: list[float], slots: list[tuple[int, str]]
) -> None:
    assert told(vwap(intent(quantity=quantity), instrument(lot), shares, 900, LAST)) == slots


@given(
    quantity=st.integers(1, 5_000),
    lot=st.sampled_from(["1", "5", "75"]),
    shares=st.lists(st.floats(0.01, 1e6), min_size=1, max_size=30),
    over_minutes=st.integers(1, 90),
)
def test_the_slots_make_the_whole_whatever_the_shares(
    quantity: int, lot: str, shares: list[float], over_minutes: int
) -> None:
    """On the lot grid, in the order of time, each before the end."""
    entry = intent(quantity=str(quantity * int(lot)))
    for made in (
        vwap(entry, instrument(lot), shares, over_minutes * 60, LAST),
        twap(entry, instrument(lot), len(shares), over_minutes * 60, LAST),
    ):
        assert sum(slot.quantity for slot in made.slots) == entry.quantity
        assert all(slot.quantity > 0 and slot.quantity % D(lot) == 0 for slot in made.slots)
        times = [slot.at for slot in made.slots]
        assert times == sorted(times)
        assert made.until is not None
        assert AS_OF <= times[0] <= times[-1] < made.until


@pytest.mark.parametrize(
    ("quantity", "freeze", "largest"),
    [("100", None, None), ("100", "100", None), ("101", "100", "100"), ("101", "30", "30")],
    ids=["no limit", "at it", "above it", "four pieces"],
)
def test_only_what_is_above_the_freeze_quantity_goes_out_in_pieces(
    quantity: str, freeze: str | None, largest: str | None
) -> None:
    made = slices(intent(quantity=quantity), instrument(freeze=freeze), LAST)
    assert (None if made is None else f"{made.largest:f}") == largest


TWAP = twap(intent(quantity="90"), instrument(), 3, 900, LAST)
ICEBERG = iceberg(intent(quantity="90"), instrument(), D(40), LAST)
SLICES = slices(intent(quantity="90"), instrument(freeze="40"), LAST)
assert SLICES is not None
WANTED = {
    "the first slot": (TWAP, at(1), "0", "0", None, False, "30"),
    "again in the same pass": (TWAP, at(1), "0", "30", None, True, "0"),
    "the second slot": (TWAP, at(2), "30", "0", at(1), True, "30"),
    "between two slots": (TWAP, at(2) + 60, "60", "0", at(2), False, "0"),
    "what one slot missed": (TWAP, at(2), "0", "0", None, False, "60"),
    "no more than so much at once": (TWAP, at(3), "0", "0", None, False, f"{30 * CATCH_UP}"),
    "what a child left": (TWAP, at(3), "50", "0", at(2), False, "40"),
    "an iceberg's first": (ICEBERG, at(1), "0", "0", None, False, "40"),
    "an iceberg at work": (ICEBERG, at(2), "40", "0", at(1), True, "0"),
    "an iceberg's next": (ICEBERG, at(2), "40", "0", at(1), False, "40"),
    "an iceberg's last": (ICEBERG, at(3), "80", "0", at(2), False, "10"),
    "all pieces": (SLICES, at(1), "0", "0", None, False, "90"),
    "pieces that one of unknown fate kept": (SLICES, at(1) + 60, "40", "0", at(1), True, "50"),
    "pieces too late": (SLICES, at(1) + SLICING_SECONDS, "40", "0", at(1), True, "0"),
}


@pytest.mark.parametrize("case", WANTED)
def test_what_is_due_follows_from_what_went_out_before(case: str) -> None:
    schedule, now, gone, sent, last, works, expected = WANTED[case]
    assert wanted(schedule, now, gone=D(gone), sent=D(sent), last=last, works=works) == D(expected)


@pytest.mark.parametrize(
    ("schedule", "now", "last", "works", "ended"),
    [
        (TWAP, at(3), at(3), True, ""),
        (TWAP, at(3), at(3), False, "its last slot is over"),
        (TWAP, at(3), at(2), False, ""),
        (TWAP, at(4), at(2), True, "its time is over"),
        (ICEBERG, at(9), at(2), False, ""),
        (ICEBERG, LAST, at(9), True, "its time is over"),
        (SLICES, at(2), at(1), True, ""),
        (SLICES, at(2), at(1), False, "its time is over"),
        (resting(intent(), instrument(), None), at(500), None, False, ""),
    ],
    ids=["at work", "last slot", "missed", "until", "iceberg", "square-off", "pieces work", "pieces late", "resting"],
)
def test_a_schedule_is_over(schedule: Schedule, now: int, last: int | None, works: bool, ended: str) -> None:
    assert over(schedule, now, last, works=works) == ended


def test_the_next_turn_is_the_next_slot_or_the_end() -> None:
    assert [next_turn(TWAP, now) for now in (at(1), at(2), at(3), at(4))] == [at(2), at(3), at(4), None]
