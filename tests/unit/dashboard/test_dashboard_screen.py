"""The screen says what matters at every size, with and without colour."""

from __future__ import annotations

import io
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from livetrader.dashboard.screen import View, draw
from livetrader.dashboard.table import Cell, Column, Listing, shared
from livetrader.domain.order import Purpose
from livetrader.domain.signal import Side
from livetrader.store.journal import SqlJournal
from tests.unit.dashboard.conftest import FrameMaker
from tests.unit.dashboard.desk import NOON, OPENS, busy_day, fill, hold, intent, trade, work

SIZES = [pytest.param(80, 24, id="80x24"), pytest.param(120, 30, id="120x30"), pytest.param(200, 50, id="200x50")]


def shown(view: View, width: int, height: int | None, colour: bool = False) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    console.print(draw(view, width, height))
    return file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_matters_is_said_at_every_size(journal: SqlJournal, frame: FrameMaker, width: int, height: int) -> None:
    """In words and signs: nothing of it depends on colours."""
    busy_day(journal)
    lines = shown(View(frame(), foot=[Text("said"), Text("keys")]), width, height)
    text = "\n".join(lines)
    assert len(lines) == height
    assert max(map(len, lines)) <= width
    for words in ("PAPER", "12:00:05 IST", "OPEN, closes in 3 h 30 min", "NO TRADER RUNS", "HALTED", "results at noon",
                  "ALERT", "TCS: no stop is known to work", "+₹176.00", "3/3 full", "5/5 full", "0.00 % of 2 %",
                  "max_open_positions", "REJECTED funds"):  # fmt: skip
        assert words in text, words
    assert _row(lines, "INFY").startswith("1  INFY")
    for words in ("long", "1510.00", "+98.50", "1498.00", "0.79 %", "3.0 R"):
        assert words in _row(lines, "INFY"), words
    assert "NONE" in _row(lines, "TCS")
    assert "UNKNOWN" in _row(lines, "RELIANCE")
    assert "−23.00" in _row(lines, "WIPRO")
    assert lines[-1] == "keys"


def _row(lines: list[str], symbol: str) -> str:
    return next(line for line in lines if symbol in line.split()[:2])


def test_a_position_says_what_is_wrong_with_its_stop(journal: SqlJournal, frame: FrameMaker) -> None:
    """There is none, unless an exit is under way for which it was cancelled; or it is for another quantity."""
    fill(journal, work(journal, intent("TCS", Side.LONG, Purpose.ENTRY, OPENS, "100")), "100")
    assert "NONE" in _row(shown(View(frame()), 80, 24), "TCS")
    work(journal, intent("TCS", Side.LONG, Purpose.EXIT, OPENS, "100", reason="manual"))
    assert "leaving" in _row(shown(View(frame()), 80, 24), "TCS")
    fill(journal, work(journal, intent("ABB", Side.LONG, Purpose.ENTRY, OPENS, "100", "7")), "100")
    work(journal, intent("ABB", Side.LONG, Purpose.STOP, OPENS, "99", "5", trigger="99"))
    assert "99.00 for 5" in _row(shown(View(frame()), 80, 24), "ABB")


def test_a_wide_screen_shows_more_columns(journal: SqlJournal, frame: FrameMaker) -> None:
    busy_day(journal)
    narrow, wide = ("\n".join(shown(View(frame()), width, 40)) for width in (80, 200))
    assert "charges" not in narrow
    assert "charges" in wide
    assert "ACCOUNT" in wide, "the account beside the lists"


def test_alarms_are_red_and_modes_have_their_colour(journal: SqlJournal, frame: FrameMaker) -> None:
    busy_day(journal)
    lines = shown(View(frame()), 80, 24, colour=True)
    assert "\x1b[1;31mUNKNOWN" in next(line for line in lines if "RELIANCE" in line)
    assert "\x1b[1;37;41m HALTED" in next(line for line in lines if "HALTED" in line)
    assert "\x1b[1;37;44m PAPER" in lines[0]


def test_an_empty_account_is_described_and_not_blank(journal: SqlJournal, frame: FrameMaker) -> None:
    del journal
    text = "\n".join(shown(View(frame({})), 80, 24))
    for words in ("it never ran", "nothing is held", "none at the venue", "none closed yet", "no candles", "0/3"):
        assert words in text, words


def test_long_lists_say_how_much_is_not_shown(journal: SqlJournal, frame: FrameMaker) -> None:
    for i in range(30):
        trade(journal, f"S{i}", OPENS + timedelta(minutes=i), "100", "101")
    hold(journal, "INFY", OPENS, "1500", "1498")
    lines = shown(View(frame()), 80, 24)
    assert len(lines) == 24
    assert "TRADES (30)" in "\n".join(lines)
    count = sum(line.split()[1:2] != [] and line.split()[1].startswith("S") for line in lines)
    assert f"+{30 - count} more" in "\n".join(lines)
    assert not any("more" in line for line in shown(View(frame()), 80, None)), "a picture is as long as it needs"


def test_a_state_that_cannot_be_read_is_said_over_the_last_frame(journal: SqlJournal, frame: FrameMaker) -> None:
    busy_day(journal)
    lines = shown(View(frame(), problem="state.db: is locked"), 80, 24)
    assert "CANNOT READ (shown: 12:00:05): state.db: is locked" in lines
    assert shown(View(None, problem="state.db: is not there"), 80, 24)[0] == "CANNOT READ: state.db: is not there"


def test_words_of_others_cannot_move_the_cursor(journal: SqlJournal, frame: FrameMaker) -> None:
    journal.alert("x", "broker says\n\x1b[2J\x1b[H nothing", NOON)
    lines = shown(View(frame()), 80, 24)
    assert len(lines) == 24
    assert not any("\x1b" in line for line in lines)


CELLS = st.text("abc", max_size=12).map(Cell)
COLUMNS = [Column("one"), Column("two", right=True), Column("three", rank=1), Column("four", rank=2)]


@given(rows=st.lists(st.tuples(*[CELLS] * 4), max_size=9), width=st.integers(1, 60), height=st.integers(0, 12))
def test_a_list_keeps_to_its_room(rows: list[tuple[Cell, ...]], width: int, height: int) -> None:
    """And shows each row, or counts it."""
    lines = Listing("LIST", COLUMNS, rows, "nothing").lines(width, height)
    assert len(lines) <= height
    if rows and height > 1:
        assert all(len(line) <= max(width, 10) for line in lines)
        more = [line.plain for line in lines if line.plain.startswith("  +")]
        hidden = int(more[0].split()[0]) if more else 0
        assert len(lines) - 1 - len(more) + hidden == len(rows)


@given(wanted=st.lists(st.integers(1, 40), min_size=3, max_size=3), height=st.integers(0, 60))
def test_lists_share_the_room_and_none_is_starved(wanted: list[int], height: int) -> None:
    given_ = shared(wanted, height)
    assert sum(given_) == min(sum(wanted), height)
    assert all(0 <= part <= want for part, want in zip(given_, wanted, strict=True))
    if height >= 9:
        assert all(part >= min(want, 3) for part, want in zip(given_, wanted, strict=True))


def test_a_day_of_many_trades_is_drawn_on_one_screen(journal: SqlJournal, frame: FrameMaker) -> None:
    """With ten positions and 200 orders."""
    for i in range(10):
        hold(journal, f"HELD{i}", OPENS + timedelta(minutes=i), "1500", "1490")
    for i in range(90):
        trade(journal, f"S{i}", OPENS + timedelta(minutes=i), "100", "101")
    made = frame({f"HELD{i}": Decimal(1510) for i in range(10)})
    assert (len(made.holdings), len(made.trades)) == (10, 90)
    assert len(shown(View(made), 120, 40, colour=True)) <= 40
