"""M8: what speaks against a position that was held over night though its quantity is the same."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.bootstrap.desk import objection
from livetrader.bootstrap.workspace import NOT_LISTED, Instruments, Workspace
from livetrader.config import load
from livetrader.domain.instrument import Instrument
from livetrader.domain.session import Session
from livetrader.engine.book import Book
from tests.unit.engine.trading_samples import at, fill, intent, sessions, sizer

DAYS = sessions(3)
PLAIN = {"A": Instrument("A")}


def listed(low: str, high: str) -> Instruments:
    return {"A": Instrument("A", band=(Decimal(low), Decimal(high)))}


def said(folder: Path, listing: Instruments, ex_date: str, session: Session | None, last: float | None = 100.0) -> str:
    """What is said in `session` of a position in A that was opened on the first day, 2 February."""
    (folder / "actions.csv").write_text(f"symbol,ex_date\nA,{ex_date}\nB,2026-02-03\n")
    environ = {"XDG_CONFIG_HOME": str(folder), "LIVETRADER__MARKET__CORPORATE_ACTIONS": str(folder / "actions.csv")}
    book = Book(sizer(), Decimal(10_000))
    book.book(fill(intent()), intent(), at(2))
    book.session = session
    with Workspace(load(None, environ=environ, directory=folder)) as workspace:
        return objection(workspace, listing, book, lambda *_: last)("A", book.positions["A"].opened)


@pytest.mark.parametrize(
    ("listing", "ex_date", "session", "last", "words"),
    [
        pytest.param(PLAIN, "2026-03-01", DAYS[1], 100.0, "", id="nothing"),
        pytest.param(PLAIN, "2026-02-03", DAYS[1], 100.0, "has its ex-date today", id="ex-date today"),
        pytest.param(PLAIN, "2026-02-03", DAYS[2], 100.0, "", id="ex-date of yesterday"),
        pytest.param(PLAIN, "2026-02-02", DAYS[0], 100.0, "", id="ex-date of the day that it was bought on"),
        pytest.param({"B": Instrument("B")}, "2026-03-01", DAYS[1], 100.0, "is not listed any more", id="not listed"),
        pytest.param({"B": Instrument("B")}, "2026-03-01", None, 100.0, "is not listed any more", id="nor at night"),
        pytest.param(NOT_LISTED, "2026-03-01", DAYS[1], 100.0, "", id="no master"),
        pytest.param(PLAIN, "2026-02-03", None, 100.0, "", id="no session"),
        pytest.param(listed("80", "120"), "2026-03-01", DAYS[1], 100.0, "", id="inside the band"),
        pytest.param(listed("80", "100"), "2026-03-01", DAYS[1], 100.0, "", id="at its edge"),
        pytest.param(listed("40", "60"), "2026-03-01", DAYS[1], 100.0, "closed at 100, outside", id="above the band"),
        pytest.param(listed("40", "60"), "2026-03-01", DAYS[1], None, "", id="no price known"),
    ],
)
def test_the_master_the_ex_dates_and_the_days_band_have_a_say(
    tmp_path: Path, listing: Instruments, ex_date: str, session: Session | None, last: float | None, words: str
) -> None:
    found = said(tmp_path, listing, ex_date, session, last)
    assert found.startswith(words)
    assert bool(found) is bool(words)
