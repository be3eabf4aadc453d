"""The made market is as nasty as it claims, and every rule fires on it."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from livetrader.market.calendar import load
from tests.oracle.__main__ import main
from tests.oracle.bars import Bar, by_session, is_traded
from tests.oracle.candles import generate, write
from tests.oracle.rules import signals
from tests.oracle.weekly import weekly_signals

NSE = load("nse")
FIRST, LAST = date(2023, 10, 3), date(2024, 3, 28)
SESSIONS = NSE.sessions(FIRST, LAST)

Candles = dict[str, list[Bar]]


@pytest.fixture(scope="module")
def candles() -> Candles:
    return generate(NSE, FIRST, LAST, stocks=12)


def test_the_same_seed_gives_the_same_bars_whatever_else_is_made(candles: Candles) -> None:
    fewer = generate(NSE, FIRST, LAST, stocks=2)
    assert repr(fewer["STOCK01"]) == repr(candles["STOCK01"])
    assert repr(generate(NSE, FIRST, LAST, stocks=2, seed=2)) != repr(fewer)


def test_it_holds_every_kind_of_dirt(candles: Candles) -> None:
    slots = {slot for session in SESSIONS for slot in session.slots(300)}
    dates = {session.date for session in SESSIONS}
    everything = [bar for bars in candles.values() for bar in bars]
    days = {symbol: by_session(bars, SESSIONS) for symbol, bars in candles.items()}
    kinds = {
        "bad": sum(not is_traded(bar) for bar in everything),
        "ghost": sum(any(bar.ts == s.closes for s in SESSIONS[:20]) for bar in candles["STOCK00"]),
        "misaligned": sum(bar.ts % 300 != 0 for bar in everything),
        "off-session": sum(bar.ts not in slots and bar.ts % 300 == 0 for bar in everything),
        "no volume": sum(bar.volume == 0 for bar in everything),
        "one-bar day": sum(len(bars) == 1 for by_day in days.values() for bars in by_day.values()),
        "missing session": sum(len(dates - set(by_day)) for by_day in days.values()),
        "late listing": sum(min(by_day) > FIRST + timedelta(30) for by_day in days.values()),
        "late first bar": sum(
            by_day[s.date][0].ts > s.opens for by_day in days.values() for s in SESSIONS if s.date in by_day
        ),
        "index without its last slot": sum(
            days["NIFTY"].get(s.date, [Bar(0, 1, 1, 1, 1, 0)])[-1].ts < s.slots(900)[-1] for s in SESSIONS
        ),
        "tie": sum(a.close == b.close for bars in candles.values() for a, b in pairwise(bars)),
    }
    assert not [kind for kind, count in kinds.items() if count == 0]


def test_no_symbol_has_two_bars_at_one_time(candles: Candles) -> None:
    for symbol, bars in candles.items():
        assert len({bar.ts for bar in bars}) == len(bars), symbol


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["original", "large_cap"])
def test_every_strategy_fires_under_both_presets(candles: Candles, preset: str) -> None:
    found = signals(candles, NSE, date(2024, 1, 1), LAST, symbols=list(candles), preset=preset)
    counts = Counter(signal.strategy_id for signal in found)
    assert set(counts) == {"8", "9", "10", "11", "12"}
    once = {(s.strategy_id, s.symbol, s.bar_open_utc.date()) for s in found}
    assert len(once) == len(found)


@pytest.mark.slow
def test_a_signal_needs_nothing_that_comes_after_its_bar(candles: Candles) -> None:
    """With the market cut off at a signal's close, that day's signals are those up to it."""
    symbols = list(candles)[:6]
    found = signals(candles, NSE, date(2024, 3, 1), LAST, symbols=symbols, preset="large_cap")
    for signal in found[:: max(len(found) // 5, 1)]:
        opened = int(signal.bar_open_utc.timestamp())
        closes = opened + (900 if signal.strategy_id in ("8", "12") else 300)
        cut = {symbol: [bar for bar in bars if bar.ts < closes] for symbol, bars in candles.items()}
        day = signal.bar_open_utc.date()
        assert signal in signals(cut, NSE, day, day, symbols=symbols, preset="large_cap")


def test_weekly_signals_are_various_on_the_made_index() -> None:
    index = generate(NSE, date(2021, 1, 1), date(2023, 12, 29), stocks=0)["NIFTY"]
    counts = Counter(s.signal for s in weekly_signals(index, NSE, date(2021, 1, 11), date(2023, 12, 29)))
    assert set(counts) == {f"S{i}" for i in range(1, 9)}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_command_prints_the_signals_of_a_file(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file holds what the generator made, to the last bit, and the order of its rows does not matter."""
    first, last = date(2024, 3, 1), date(2024, 3, 7)
    made = generate(NSE, date(2024, 1, 1), last, stocks=4)
    path = write(made, tmp_path / f"candles{suffix}")
    period = ["--from", f"{first}", "--to", f"{last}"]
    main(["--candles", str(path), *period, "--trend-symbol", "none", "--preset", "large_cap"])
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "strategy_id,symbol,bar_open_utc,side"
    found = signals(made, NSE, first, last, symbols=sorted(made), preset="large_cap", trend_symbol=None)
    expected = [f"{s.strategy_id},{s.symbol},{s.bar_open_utc:%Y-%m-%dT%H:%M:%SZ},{s.side}" for s in found]
    assert lines == expected != []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_file_holds_every_bar(tmp_path: Path, suffix: str) -> None:
    made = generate(NSE, date(2024, 2, 26), date(2024, 3, 5), stocks=1)
    path = write(made, tmp_path / f"candles{suffix}")
    table = pd.read_csv(path, parse_dates=["ts"]) if suffix == ".csv" else pd.read_parquet(path)
    assert list(table) == ["symbol", "ts", "open", "high", "low", "close", "volume"]
    seconds = table["ts"].astype("datetime64[s, UTC]").astype("int64").tolist()
    assert seconds == [bar.ts for bars in made.values() for bar in bars]
    assert table["close"].isna().sum() == sum(bar.close != bar.close for bars in made.values() for bar in bars)
