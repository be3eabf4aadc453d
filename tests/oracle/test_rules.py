"""Pins the five equity rules to the page: one hand-made session each, and what silences it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time

import pytest

from livetrader.domain.session import Session
from livetrader.market.calendar import load
from tests.oracle.bars import Bar, OracleSignal
from tests.oracle.rules import signals

NSE = load("nse")
DAY = date(2024, 2, 15)
MARCH = date(2024, 3, 4)
FLAT = (100.0, 100.0, 100.0, 100.0)

Row = tuple[float, float, float, float]
Rows = dict[str, Row]


def session_on(day: date) -> Session:
    session = NSE.session_on(day)
    assert session is not None
    return session


def history(day: date, *, spread: float, sessions: int = 70) -> list[Bar]:
    """Flat sessions at 100 whose daily bar has range `spread` and volume 1,000,000."""
    bars = []
    for session in NSE.before(day, sessions):
        first, *others = session.slots(300)
        bars.append(Bar(first, 100.0, 100 + spread / 2, 100 - spread / 2, 100.0, 1e6))
        bars += [Bar(slot, *FLAT, 0.0) for slot in others]
    return bars


def today(day: date, rows: Rows, volume: float) -> list[Bar]:
    """The day's bars at the given IST times; all of its volume is in the first one."""
    bars: list[Bar] = []
    for clock, row in rows.items():
        opened = time.fromisoformat(clock)
        minutes = (opened.hour - 9) * 60 + opened.minute - 15
        bars.append(Bar(session_on(day).opens + minutes * 60, *row, 0.0 if bars else volume))
    return bars


def ist(signal: OracleSignal) -> str:
    return signal.bar_open_utc.astimezone(NSE.timezone).strftime("%H:%M")


def fired(
    rows: Rows, *, spread: float, volume: float, preset: str = "original", day: date = DAY
) -> list[tuple[str, str, str]]:
    """Id, time and side of the signals of one stock on `day`."""
    bars = history(day, spread=spread) + today(day, rows, volume)
    found = signals({"A": bars}, NSE, day, day, symbols=["A"], preset=preset, trend_symbol=None)
    return [(s.strategy_id, ist(s), s.side) for s in found]


# Up 1 % at 09:20 (the zone), still, then a strong bar at 09:45: range so far 2.
RISE: Rows = {
    "09:15": FLAT,
    "09:20": (100.0, 101.0, 100.0, 101.0),
    "09:25": (101.0, 101.0, 101.0, 101.0),
    "09:45": (101.0, 102.0, 101.0, 102.0),
}
FALL: Rows = {
    "09:15": FLAT,
    "09:20": (100.0, 100.0, 99.0, 99.0),
    "09:25": (99.0, 99.0, 99.0, 99.0),
    "09:45": (99.0, 99.0, 98.0, 98.0),
}
# 15m bars: up 1 % (the zone), then a fall that turns the zero-lag MACD: range so far 2.5.
FADE: Rows = {
    "09:15": FLAT,
    "09:30": (100.0, 101.0, 100.0, 101.0),
    "09:45": (101.0, 101.0, 101.0, 101.0),
    "10:00": (101.0, 101.0, 98.5, 98.5),
}
RECOVERY: Rows = {
    "09:15": FLAT,
    "09:30": (100.0, 100.0, 98.5, 98.5),
    "09:45": (98.5, 98.5, 98.5, 98.5),
    "10:00": (98.5, 101.0, 98.5, 101.0),
}
CASES: dict[str, tuple[Rows, float, float, str, str]] = {
    "8": (FADE, 3.0, 1_000_000, "10:00", "short"),  # effort 1 / (2.5/3) = 1.2
    "9": (RISE, 3.0, 300_000, "09:45", "short"),  # effort 0.3 / (2/3) = 0.45
    "10": (FALL, 5.0, 200_000, "09:45", "short"),  # effort 0.2 / (2/5) = 0.5
    "11": (RISE, 5.0, 80_000, "09:45", "long"),  # effort 0.08 / (2/5) = 0.2
    "12": (RECOVERY, 3.0, 100_000, "10:00", "long"),  # effort 0.1 / (2.5/3) = 0.12
}


@pytest.mark.parametrize("strategy", CASES)
def test_each_strategy_fires_on_its_own_session_and_no_other_does(strategy: str) -> None:
    rows, spread, volume, clock, side = CASES[strategy]
    assert fired(rows, spread=spread, volume=volume) == [(strategy, clock, side)]


@pytest.mark.parametrize(
    ("strategy", "spread", "volume"),
    [
        pytest.param("8", 3.0, 800_000, id="8: effort 0.96"),
        pytest.param("8", 4.5, 1_000_000, id="8: volatility 0.045"),
        pytest.param("9", 3.0, 190_000, id="9: effort 0.285"),
        pytest.param("9", 3.0, 410_000, id="9: effort 0.615"),
        pytest.param("10", 5.0, 100_000, id="10: effort 0.25"),
        pytest.param("10", 5.0, 300_000, id="10: effort 0.75"),
        pytest.param("10", 3.0, 330_000, id="10: volatility 0.03"),
        pytest.param("11", 5.0, 0, id="11: effort 0"),
        pytest.param("11", 5.0, 130_000, id="11: effort 0.325"),
        pytest.param("11", 3.0, 130_000, id="11: volatility 0.03"),
        pytest.param("12", 3.0, 0, id="12: effort 0"),
        pytest.param("12", 3.0, 400_000, id="12: effort 0.48"),
        pytest.param("12", 4.5, 100_000, id="12: volatility 0.045"),
    ],
)
def test_effort_and_volatility_outside_their_limits_silence_it(strategy: str, spread: float, volume: float) -> None:
    ids = [f[0] for f in fired(CASES[strategy][0], spread=spread, volume=volume)]
    assert strategy not in ids


def scaled(rows: Rows, factor: float) -> Rows:
    """The day's moves away from 100, times `factor`."""
    return {
        clock: tuple(100 + (price - 100) * factor for price in row)  # type: ignore[misc] # 4 in, 4 out
        for clock, row in rows.items()
    }


@pytest.mark.parametrize(
    ("strategy", "factor", "original", "large_cap"),
    [
        pytest.param("8", 0.7, False, True, id="8: zone 0.7"),
        pytest.param("8", 1.35, False, False, id="8: zone 1.35"),
        pytest.param("9", 0.7, False, True, id="9: zone 0.7"),
        pytest.param("10", 0.5, False, True, id="10: zone 0.5"),
        pytest.param("11", 0.7, False, True, id="11: zone 0.7"),
        pytest.param("12", 0.5, False, True, id="12: zone 0.76"),
        pytest.param("12", 0.08, False, False, id="12: zone 0.12"),
    ],
)
def test_the_zone_must_be_large_enough_for_the_preset(
    strategy: str, factor: float, original: bool, large_cap: bool
) -> None:
    """Volume moves with the range, so that effort stays where it was."""
    rows, spread, volume, *_ = CASES[strategy]
    for preset, expected in (("original", original), ("large_cap", large_cap)):
        ids = [f[0] for f in fired(scaled(rows, factor), spread=spread, volume=volume * factor, preset=preset)]
        assert (strategy in ids) == expected, preset


def moved(rows: Rows, clock: str) -> Rows:
    """The session with its last bar at another time."""
    *others, last = rows.items()
    return dict(others) | {clock: last[1]}


@pytest.mark.parametrize(
    ("strategy", "clock", "expected"),
    [
        ("9", "13:40", "13:40"),
        ("9", "13:45", None),
        ("10", "13:40", "13:40"),
        ("10", "13:45", None),
        ("11", "13:40", "13:40"),
        ("11", "13:45", None),
        ("11", "09:40", None),
        ("8", "13:30", "13:30"),
        ("8", "13:45", None),
        ("12", "13:40", "13:30"),
        ("12", "13:45", None),
    ],
)
def test_the_window_is_on_the_bar_s_open_and_its_end_is_exclusive(
    strategy: str, clock: str, expected: str | None
) -> None:
    """Before 09:45 there is no mean range either; a 15m bar is named by its own open."""
    rows, spread, volume, _, side = CASES[strategy]
    found = fired(moved(rows, clock), spread=spread, volume=volume)
    assert found == ([(strategy, expected, side)] if expected else [])


def test_a_strategy_fires_once_a_session() -> None:
    again = RISE | {"09:50": (102.0, 103.0, 102.0, 103.0), "09:55": (103.0, 104.0, 103.0, 104.0)}
    assert fired(again, spread=5.0, volume=80_000) == [("11", "09:45", "long")]


@pytest.mark.parametrize(("sessions", "count"), [(10, 1), (9, 0)])
def test_ten_completed_sessions_are_needed(sessions: int, count: int) -> None:
    bars = history(DAY, spread=5.0, sessions=sessions) + today(DAY, RISE, 80_000)
    assert len(signals({"A": bars}, NSE, DAY, DAY, symbols=["A"], trend_symbol=None)) == count


def test_the_first_bar_that_a_symbol_has_is_the_session_s_first() -> None:
    late = {"09:30": FLAT, "09:35": RISE["09:20"], "09:50": RISE["09:45"]}
    assert fired(late, spread=5.0, volume=80_000) == [("11", "09:50", "long")]


def market(*symbols: str, spread: Callable[[str], float] = lambda _: 5.0) -> dict[str, list[Bar]]:
    return {s: history(DAY, spread=spread(s)) + today(DAY, RISE, 80_000) for s in symbols}


def test_indices_are_never_traded() -> None:
    candles = market("NIFTY", "BANKNIFTY", "A")
    found = signals(candles, NSE, DAY, DAY, symbols=list(candles), trend_symbol=None)
    assert [s.symbol for s in found] == ["A"]


def test_a_configured_trend_symbol_without_bars_means_no_entries() -> None:
    assert signals(market("A"), NSE, DAY, DAY, symbols=["A"], trend_symbol="NIFTY") == []


@pytest.mark.parametrize(
    ("trend", "ids"),
    [
        (1.0, {"8", "11"}),
        (0.0, {"8", "9", "10", "11", "12"}),
        (-1.0, {"9", "10", "12"}),
        (float("nan"), set()),
    ],
)
def test_the_trend_allows_some_strategies(trend: float, ids: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """8 needs >= 0, 12 <= 0, 9 and 10 any but +1, 11 any but −1; no trend, no entry."""
    monkeypatch.setattr("tests.oracle.rules.index_trend", lambda *_: trend)
    found = set()
    for rows, spread, volume, *_ in CASES.values():
        bars = history(DAY, spread=spread) + today(DAY, rows, volume)
        found |= {s.strategy_id for s in signals({"A": bars}, NSE, DAY, DAY, symbols=["A"])}
    assert found == ids


def test_signals_of_one_close_follow_precedence_then_the_symbol_list() -> None:
    """The 15m bar of 10:00 and the 5m bar of 10:10 close together."""
    late = {"9": ("10:10", "B"), "11": ("10:10", "Z"), "8": ("10:00", "C"), "10": ("10:10", "E")}
    candles = {}
    for strategy, (clock, symbol) in late.items():
        rows, spread, volume, *_ = CASES[strategy]
        candles[symbol] = history(DAY, spread=spread) + today(DAY, moved(rows, clock), volume)
    candles["Y"] = candles["Z"]
    found = signals(candles, NSE, DAY, DAY, symbols=["B", "C", "Z", "Y", "E"], trend_symbol=None)
    assert [(s.strategy_id, s.symbol) for s in found] == [
        ("11", "Z"),
        ("11", "Y"),
        ("8", "C"),
        ("10", "E"),
        ("9", "B"),
    ]


def test_what_lies_before_the_block_changes_nothing() -> None:
    """The daily block of March begins 60 sessions before 1 March, on 5 December 2023."""
    start = NSE.before(date(2024, 3, 1), 60)[0]
    bars = history(MARCH, spread=5.0, sessions=80) + today(MARCH, RISE, 80_000)
    wild = [b._replace(high=b.high * 9, volume=9e9) if b.ts < start.opens else b for b in bars]
    inside = [b._replace(high=b.high * 9) if b.ts == start.opens else b for b in bars]
    found = [signals({"A": rows}, NSE, MARCH, MARCH, symbols=["A"], trend_symbol=None) for rows in (bars, wild, inside)]
    assert found[0] == found[1] != []
    assert found[0][0].inputs["volatility"] != found[2][0].inputs["volatility"]
