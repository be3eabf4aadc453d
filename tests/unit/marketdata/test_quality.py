"""The checks find each kind of dirt, and nothing in clean candles."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from livetrader.domain.candles import Interval, grid
from livetrader.market.calendar import Calendar
from livetrader.marketdata.imports import import_files
from livetrader.marketdata.quality import Kind, QualityReport, check
from livetrader.marketdata.store import CandleStore, open_store

if TYPE_CHECKING:
    from conftest import Make, Row

M1, M5 = Interval.M1, Interval.M5
FIRST, LAST = date(2026, 1, 27), date(2026, 2, 2)  # six sessions, the Sunday of the budget among them
DAY2 = date(2026, 1, 28)
Rows = dict[tuple[str, int], "Row"]


@pytest.fixture
def clean(nse: Calendar) -> Rows:
    """Two symbols that trade every bar of the period with small, seeded moves; by symbol and bar number."""
    rng = np.random.default_rng(11)
    rows: Rows = {}
    for symbol in ("A", "B"):
        price = 1000.0
        for number, ts in enumerate(grid(nse.sessions(FIRST, LAST), M5)[0].tolist()):
            close = price * (1 + 0.001 * rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.5))
            low, high = min(price, close) - 0.5, max(price, close) + 0.5
            rows[symbol, number] = (symbol, ts, price, high, low, close, float(rng.integers(100, 200)))
            price = close
    return rows


def examine(nse: Calendar, make: type[Make], rows: Rows, **options: object) -> QualityReport:
    with open_store("sqlite://") as store:
        store.upsert(M5, make.bars(*rows.values()))
        return check(store, nse, M5, None, FIRST, LAST, **options)  # type: ignore[arg-type]


def alter(rows: Rows, key: tuple[str, int], **changes: float) -> None:
    names = ("symbol", "ts", "open", "high", "low", "close", "volume")
    rows[key] = tuple(changes.get(name, old) for name, old in zip(names, rows[key], strict=True))  # type: ignore[assignment]


def drop(rows: Rows, symbol: str, numbers: range) -> None:
    for number in numbers:
        del rows[symbol, number]


def flat(rows: Rows, symbol: str, number: int, price: float) -> None:
    alter(rows, (symbol, number), open=price, high=price, low=price, close=price)


def leap(rows: Rows) -> None:
    up = rows["A", 100][5] * 1.05
    alter(rows, ("A", 100), close=up, high=up + 1)


def freeze(rows: Rows) -> None:
    for number in range(100, 104):
        flat(rows, "A", number, rows["A", 99][5])


def ghost(rows: Rows) -> None:
    last = rows["A", 149]
    rows["A", 1000] = ("A", last[1] + 300, last[5], last[5], last[5], last[5], 3.0)


def early(rows: Rows) -> None:
    rows["A", 1000] = ("A", rows["A", 75][1] - 600, 1.0, 3.0, 1.0, 2.0, 3.0)


def askew(rows: Rows) -> None:
    rows["A", 1000] = ("A", rows["A", 80][1] + 60, 1.0, 3.0, 1.0, 2.0, 3.0)


PLANTED: dict[str, tuple[Callable[[Rows], object], Kind, date, int, str]] = {
    "gap": (lambda r: drop(r, "A", range(75, 78)), Kind.GAP, DAY2, 3, "2026-01-28T03:45:00Z"),
    "no session": (lambda r: drop(r, "A", range(75, 150)), Kind.SESSION_MISSING, DAY2, 1, "0 of 75 bars"),
    "one bar": (lambda r: drop(r, "A", range(76, 150)), Kind.ONE_BAR_SESSION, DAY2, 1, "1 of 75 bars"),
    "late": (lambda r: drop(r, "A", range(75)), Kind.LATE_LISTING, DAY2, 1, "first session 2026-01-28"),
    "stops": (lambda r: drop(r, "A", range(150, 450)), Kind.STOPS_EARLY, DAY2, 4, "last session 2026-01-28"),
    "zero volume": (
        lambda r: alter(r, ("A", 75), volume=0.0), Kind.ZERO_VOLUME_OPEN, DAY2, 1, "2026-01-28T03:45:00Z",
    ),
    "spike": (leap, Kind.SPIKE, DAY2, 1, "2026-01-28T05:50:00Z close"),
    "frozen": (freeze, Kind.FLAT_RUN, DAY2, 4, "2026-01-28T05:50:00Z frozen at"),
    "ghost": (ghost, Kind.GHOST_BAR, DAY2, 1, "2026-01-28T10:00:00Z outside the session"),
    "pre-market": (early, Kind.OFF_SESSION, DAY2, 1, "2026-01-28T03:35:00Z outside the session"),
    "misaligned": (askew, Kind.MISALIGNED, DAY2, 1, "2026-01-28T04:11:00Z off the interval's grid"),
}  # fmt: skip


@pytest.mark.parametrize(("plant", "kind", "day", "count", "example"), PLANTED.values(), ids=PLANTED.keys())
def test_planted_dirt_is_found_and_nothing_else(
    nse: Calendar,
    make: type[Make],
    clean: Rows,
    plant: Callable[[Rows], object],
    kind: Kind,
    day: date,
    count: int,
    example: str,
) -> None:
    plant(clean)
    (finding,) = examine(nse, make, clean).findings
    assert (finding.kind, finding.symbol, finding.date, finding.count) == (kind, "A", day, count)
    assert finding.example.startswith(example)


def test_clean_candles_have_no_findings(nse: Calendar, make: type[Make], clean: Rows) -> None:
    report = examine(nse, make, clean)
    assert report.findings == ()
    assert (report.symbols, report.sessions, report.bars) == (("A", "B"), 6, 900)


def test_a_bad_price_is_found_and_leaves_a_gap(nse: Calendar, make: type[Make], clean: Rows) -> None:
    alter(clean, ("A", 80), high=1.0)
    bad, gap = sorted(examine(nse, make, clean).findings, key=lambda f: f.kind.value)
    assert (bad.kind, gap.kind, bad.date, gap.count) == (Kind.BAD_PRICE, Kind.GAP, DAY2, 1)
    assert "high below open, close or low" in bad.example


def test_a_big_move_that_stays_is_no_spike(nse: Calendar, make: type[Make], clean: Rows) -> None:
    for number in range(100, 450):
        symbol, ts, *prices, volume = clean["A", number]
        clean["A", number] = (symbol, ts, *(price * 1.1 for price in prices), volume)  # type: ignore[assignment]
    assert examine(nse, make, clean).findings == ()


def test_an_index_without_volume_has_no_zero_volume_opens(nse: Calendar, make: type[Make], clean: Rows) -> None:
    for number in range(450):
        alter(clean, ("A", number), volume=0.0)
    assert examine(nse, make, clean).findings == ()


def test_a_symbol_that_is_not_stored_is_absent(nse: Calendar, make: type[Make], clean: Rows) -> None:
    with open_store("sqlite://") as store:
        store.upsert(M5, make.bars(*clean.values()))
        (finding,) = check(store, nse, M5, ["A", "Z"], FIRST, LAST).findings
    assert (finding.kind, finding.symbol, finding.count) == (Kind.ABSENT, "Z", 6)


def test_an_empty_store_and_a_period_without_sessions_are_examined_in_peace(nse: Calendar, store: CandleStore) -> None:
    assert check(store, nse, M5, None, FIRST, LAST).findings == ()
    assert check(store, nse, M5, ["A"], date(2026, 1, 24), date(2026, 1, 25)).findings == ()


def test_two_sources_that_disagree_are_told_apart_by_close_and_volume(
    nse: Calendar, make: type[Make], clean: Rows
) -> None:
    """The second source may be a file's bars, in any order, or a store; duplicates are found in it."""
    other = dict(clean)
    close = clean["A", 80][5]
    alter(other, ("A", 80), close=close * 1.006, high=close * 1.01)
    alter(other, ("B", 90), volume=clean["B", 90][6] * 2.1)
    alter(other, ("B", 91), volume=0.0)
    alter(other, ("B", 92), close=clean["B", 92][5] + 0.1, volume=clean["B", 92][6] * 1.9)
    rows = [("C", 1_769_485_500, 1.0, 1.0, 1.0, 1.0, 1.0), *reversed(other.values()), other["A", 100]]
    columns = make.bars(*rows)  # type: ignore[arg-type]
    report = examine(nse, make, clean, against=columns)
    assert report.by_kind() == {Kind.DUPLICATE: 1, Kind.CLOSE_DIFFERS: 1, Kind.VOLUME_DIFFERS: 2}
    close_differs = next(f for f in report.findings if f.kind is Kind.CLOSE_DIFFERS)
    assert close_differs.example == f"2026-01-28T04:10:00Z {close:g} here, {close * 1.006:g} there"
    with open_store("sqlite://") as second:
        second.upsert(M5, columns)
        report = examine(nse, make, clean, against=second)
    assert report.by_kind() == {Kind.CLOSE_DIFFERS: 1, Kind.VOLUME_DIFFERS: 2}


def test_a_report_is_one_json_document_with_all_findings(nse: Calendar, make: type[Make], clean: Rows) -> None:
    leap(clean)
    report = json.loads(json.dumps(examine(nse, make, clean).as_dict()))
    assert report["by_kind"] == {"spike": 1}
    assert report["findings"][0]["date"] == "2026-01-28"
    assert (report["interval"], report["from"], report["to"], report["bars"]) == (
        "5m",
        "2026-01-27",
        "2026-02-02",
        900,
    )


def test_many_symbols_are_examined_in_tiles_with_progress(nse: Calendar, make: type[Make]) -> None:
    told: list[tuple[int, int]] = []
    with open_store("sqlite://") as store:
        ts = grid(nse.sessions(FIRST, FIRST), M5)[0].tolist()
        rows = [make.plain(f"S{i:03}", t, 100.0 + (t // 300 + i) % 7) for i in range(201) for t in ts]
        store.upsert(M5, make.bars(*rows[:-1]))
        report = check(store, nse, M5, None, FIRST, FIRST, progress=lambda *news: told.append(news))
    assert told == [(200, 201), (201, 201)]
    assert [(f.kind, f.symbol) for f in report.findings] == [(Kind.GAP, "S200")]
    assert report.bars == len(rows) - 1


class TestRealDirt:
    """The dirt that the real files are known to have."""

    @staticmethod
    def report(real: Path, nse: Calendar, name: str, interval: Interval, first: date, last: date) -> QualityReport:
        with open_store("sqlite://") as store:
            import_files(store, [real / f"{name}.parquet"], interval, timezone=ZoneInfo("Asia/Kolkata"))
            return check(store, nse, interval, None, first, last)

    def test_vendor_a(self, real: Path, nse: Calendar) -> None:
        report = self.report(real, nse, "nse_5m_vendor_a", M5, date(2026, 1, 27), date(2026, 3, 30))
        found = {(f.kind, f.symbol, f.date) for f in report.findings}
        days = {kind: {f.date for f in report.findings if f.kind is kind} for kind in Kind}
        assert (Kind.STOPS_EARLY, "LTIM", date(2026, 2, 26)) in found
        assert days[Kind.SESSION_MISSING] == {date(2026, 2, 1), date(2026, 2, 2)}
        assert sum(f.date == date(2026, 2, 1) for f in report.findings if f.kind is Kind.SESSION_MISSING) == 48
        assert days[Kind.ONE_BAR_SESSION] == {date(2026, 2, 2)}
        assert sum(f.date == date(2026, 2, 2) for f in report.findings if f.symbol != "LTIM") >= 47
        opens = [f for f in report.findings if f.kind is Kind.ZERO_VOLUME_OPEN]
        assert len(opens) > 0.5 * 48 * report.sessions
        assert not days[Kind.BAD_PRICE] | days[Kind.MISALIGNED] | days[Kind.OFF_SESSION] | days[Kind.GHOST_BAR]

    def test_vendor_b(self, real: Path, nse: Calendar) -> None:
        report = self.report(real, nse, "nse_5m_vendor_b", M5, date(2025, 12, 8), date(2026, 3, 30))
        ghosts = [f for f in report.findings if f.kind is Kind.GHOST_BAR]
        assert {f.symbol for f in ghosts} == {"NIFTY", "SENSEX"}
        assert all("T10:00:00Z" in f.example for f in ghosts)
        assert len(ghosts) == 32
        mock = [f for f in report.findings if f.kind is Kind.OFF_SESSION]
        assert [(f.symbol, f.date, f.count) for f in mock] == [("SENSEX", date(2026, 3, 21), 4)]
        gaps = [f for f in report.findings if f.kind is Kind.GAP]
        assert {f.date for f in gaps if f.symbol == "NIFTY"} == {date(2025, 12, 10), date(2026, 1, 9)}
        assert all("T03:45:00Z" in f.example for f in gaps)
        assert not any(f.date == date(2026, 2, 1) for f in report.findings if f.kind is Kind.SESSION_MISSING)

    def test_one_minute_bars(self, real: Path, nse: Calendar) -> None:
        report = self.report(real, nse, "nse_1m_vendor_b", M1, date(2025, 12, 10), date(2026, 3, 30))
        assert report.by_kind()[Kind.GHOST_BAR] == 16
        assert {f.date for f in report.findings if f.kind is Kind.GAP} == {
            date(2025, 12, 10),
            date(2026, 1, 9),
        }

    def test_a_complete_file_is_clean(self, real: Path, nse: Calendar) -> None:
        report = self.report(real, nse, "nse_1m_2016", M1, date(2016, 8, 16), date(2016, 8, 29))
        assert report.findings == ()

    def test_the_vendors_disagree(self, real: Path, nse: Calendar) -> None:
        with open_store("sqlite://") as a, open_store("sqlite://") as b:
            for store, name in ((a, "nse_5m_vendor_a"), (b, "nse_5m_vendor_b")):
                import_files(store, [real / f"{name}.parquet"], M5, timezone=ZoneInfo("Asia/Kolkata"))
            both = sorted(a.symbols(M5) & b.symbols(M5))
            report = check(a, nse, M5, both, date(2026, 1, 27), date(2026, 3, 30), against=b)
        assert report.by_kind()[Kind.CLOSE_DIFFERS] == 7
        opens = [f for f in report.findings if f.kind is Kind.VOLUME_DIFFERS and " 0 here" in f.example]
        assert len(opens) > 100
