"""Importing candle files: formats that are understood, rows that are rejected, files that are refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from livetrader.domain.candles import CandleColumns, Interval
from livetrader.errors import DataError, LiveTraderError, UsageError
from livetrader.market.calendar import Calendar
from livetrader.marketdata.export import export
from livetrader.marketdata.imports import ImportReport, Rejection, import_files
from livetrader.marketdata.store import CandleStore, open_store

if TYPE_CHECKING:
    from conftest import Make

IST = ZoneInfo("Asia/Kolkata")
OPEN = 1_769_485_500  # 2026-01-27 09:15 IST
M1, M5 = Interval.M1, Interval.M5
HEAD = "symbol,ts,open,high,low,close,volume\n"
PRICES = "100.5,102,99.25,101,1500"


def write(folder: Path, text: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def load(store: CandleStore, path: Path, interval: Interval = M5, **options: object) -> ImportReport:
    (report,) = import_files(store, [path], interval, timezone=IST, **options)  # type: ignore[arg-type]
    return report


def refusal(store: CandleStore, path: Path, interval: Interval = M5, **options: object) -> str:
    with pytest.raises(LiveTraderError) as caught:
        load(store, path, interval, **options)
    assert store.intervals() == ()
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert isinstance(caught.value, DataError)
    return message.removeprefix(f"{path}: ")


KLINE = "100.5,102,99.25,101,1500,{close},1,7,1,1,0"
SPLIT = "Ticker,Date,Time,Open,High,Low,Close,Volume\n"
STAMPED = "tradingsymbol,timestamp,O,H,L,C,V\n"
TRADING_VIEW = "time,open,high,low,close,Volume\n"
FORMATS: dict[str, tuple[str, str, str]] = {
    "ours": ("x.csv", HEAD + f"A,2026-01-27T03:45:00Z,{PRICES}", "A"),
    "ours with fraction and offset": ("x.csv", HEAD + f"A,2026-01-27T09:15:00.000+05:30,{PRICES}", "A"),
    "pandas": ("x.csv", HEAD + f"A,2026-01-27 03:45:00+00:00,{PRICES}", "A"),
    "date and time apart": ("x.csv", SPLIT + f"A,20260127,09:15,{PRICES}", "A"),
    "date and time apart, day first": ("x.csv", SPLIT + f"A,27/01/2026,09:15:00,{PRICES}", "A"),
    "compact": ("A.csv", f"datetime,open,high,low,close,volume\n20260127 09:15,{PRICES}", "A"),
    "compact without a space": ("A.csv", f"datetime,open,high,low,close,volume\n202601270915,{PRICES}", "A"),
    "day first": ("x.csv", STAMPED + f"A,27-01-2026 09:15,{PRICES}", "A"),
    "month first": ("x.csv", STAMPED + f"A,01/27/2026 9:15 AM,{PRICES}", "A"),
    "month's name": ("x.csv", (HEAD + f"A,27-Jan-2026 09:15,{PRICES}").replace(",", ";"), "A"),
    "TradingView, seconds": ("NSE_M&M, 5.csv", TRADING_VIEW + f"{OPEN},{PRICES}", "M&M"),
    "TradingView, ISO": (
        "NSE_DLY_NIFTY, 5_1a2b3.csv", TRADING_VIEW + f"2026-01-27T09:15:00+05:30,{PRICES}", "NIFTY",
    ),
    "Binance, ms, no header": (
        "BTCUSDT-5m-2026-01.csv", f"{OPEN}000,{KLINE.format(close=f'{OPEN + 299}999')}", "BTCUSDT",
    ),
    "Binance, µs, header": (
        "BTCUSDT-5m-2026-01-27.csv",
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
        f"taker_buy_quote_volume,ignore\n{OPEN}000000,{KLINE.format(close=f'{OPEN + 299}999999')}", "BTCUSDT",
    ),
    "byte order mark, blank lines, CRLF, quotes": (
        "x.csv", "\ufeff" + HEAD.replace("\n", "\r\n") + f'"A","2026-01-27 09:15:00",{PRICES}\r\n\r\n', "A",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "symbol"), FORMATS.values(), ids=FORMATS.keys())
def test_the_same_bar_is_read_from_every_format(
    store: CandleStore, tmp_path: Path, name: str, text: str, symbol: str
) -> None:
    report = load(store, write(tmp_path, text, name))
    read = store.read(M5, 0, 2**40)
    assert read.symbols == (symbol,)
    assert read.ts.tolist() == [OPEN]
    values = [field[0] for field in (read.open, read.high, read.low, read.close, read.volume)]
    assert values == [100.5, 102.0, 99.25, 101.0, 1500.0]
    assert (report.first, report.inserted, report.rejected) == ("2026-01-27T03:45:00Z", 1, ())
    aware = "Z," in text or "+0" in text or str(OPEN) in text
    assert report.naive_as == (None if aware else "Asia/Kolkata")


FRAMES = {
    "aware timestamps": lambda ts: pd.to_datetime(ts, unit="s", utc=True),
    "timestamps of another zone": lambda ts: pd.to_datetime(ts, unit="s", utc=True).tz_convert("US/Eastern"),
    "naive timestamps": lambda ts: pd.to_datetime(ts, unit="s", utc=True).tz_convert(IST).tz_localize(None),
    "epoch seconds": lambda ts: ts,
    "epoch milliseconds": lambda ts: np.array(ts) * 1000,
    "epoch nanoseconds": lambda ts: np.array(ts) * 10**9,
    "epoch seconds as floats": lambda ts: np.array(ts, float),
    "text": lambda ts: [datetime.fromtimestamp(t, IST).isoformat() for t in ts],
}


@pytest.mark.parametrize("make_ts", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("indexed", [False, True], ids=["a column", "the index"])
def test_parquet_times_of_every_type_are_read(
    store: CandleStore, tmp_path: Path, make_ts: Callable[[list[int]], object], indexed: bool
) -> None:
    ts = [OPEN, OPEN + 300, OPEN + 900]
    columns = {"symbol": pd.Categorical(["A"] * 3), "ts": make_ts(ts), "open": [1, 2, 1], "high": 3.0}
    frame = pd.DataFrame({**columns, "low": 1, "close": 2, "volume": np.array([7, 8, 9], np.int32)})
    if indexed:
        frame = frame.set_index("ts")
        frame.index.name = None
    frame.to_parquet(tmp_path / "x.parquet")
    load(store, tmp_path / "x.parquet")
    read = store.read(M5, 0, 2**40)
    assert (read.ts.tolist(), read.open.tolist(), read.volume.tolist()) == (ts, [1, 2, 1], [7, 8, 9])


def test_a_compressed_csv_is_read(store: CandleStore, tmp_path: Path) -> None:
    (tmp_path / "A.csv.gz").write_bytes(gzip.compress((HEAD + f"A,2026-01-27 09:15,{PRICES}\n").encode()))
    assert load(store, tmp_path / "A.csv.gz").inserted == 1


def test_a_file_without_volume_is_read_as_zero_volume_and_says_so(store: CandleStore, tmp_path: Path) -> None:
    report = load(store, write(tmp_path, f"time,open,high,low,close\n{OPEN},1,2,1,2\n", "NSE_NIFTY, 5.csv"))
    assert report.no_volume
    assert store.read(M5, 0, 2**40).volume.tolist() == [0.0]


def test_the_symbol_given_names_a_file_that_has_none_or_one(store: CandleStore, tmp_path: Path) -> None:
    for text in (f"ts,open,high,low,close\n{OPEN},1,2,1,2\n", HEAD + f"ABC-EQ,{OPEN},{PRICES}\n"):
        load(store, write(tmp_path, text, "lower case name.csv"), symbol="ABC")
        assert store.symbols(M5) == {"ABC"}


BAD_ROWS = {
    "blank": ("1,,1,1,5", "price missing"),
    "null": ("1,null,1,1,5", "price missing"),
    "nan": ("NaN,2,1,1,5", "price missing"),
    "zero": ("1,2,0,1,5", "price zero or negative"),
    "negative": ("1,2,-1,1,5", "price zero or negative"),
    "infinite": ("1,inf,1,1,5", "price infinite"),
    "high below low": ("1,1,2,1,5", "high below open, close or low"),
    "low above close": ("3,4,2,1,5", "low above open or close"),
}


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_rows_without_sane_prices_are_left_out_and_counted(
    store: CandleStore, tmp_path: Path, row: str, reason: str
) -> None:
    times = [f"2026-01-27 09:{15 + 5 * i}" for i in range(4)]
    rows = [PRICES, row, PRICES, row]
    text = HEAD + "".join(f"A,{ts},{values}\n" for ts, values in zip(times, rows, strict=True))
    report = load(store, write(tmp_path, text))
    assert report.rejected == (Rejection(reason, 2, 3),)
    assert (report.rows, report.inserted) == (4, 2)
    assert store.read(M5, 0, 2**40).ts.tolist() == [OPEN, OPEN + 600]


def test_strict_refuses_a_file_with_one_bad_row(store: CandleStore, tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + f"A,2026-01-27 09:15,{PRICES}\nA,2026-01-27 09:20,1,,1,1,5\n")
    assert "1 of 2 rows are unusable (price missing, first in row 3)" in refusal(store, path, strict=True)


def test_a_time_within_a_second_is_left_out_and_counted(store: CandleStore, tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + f"A,2026-01-27 09:15:00.5,{PRICES}\nA,2026-01-27 09:20,{PRICES}\n")
    assert load(store, path).rejected == (Rejection("time within a second", 1, 2),)


def test_duplicates_collapse_and_of_conflicting_rows_the_last_counts(store: CandleStore, tmp_path: Path) -> None:
    ts = "2026-01-27 09:20"
    same, other = f"A,{ts},1,2,1,1,5", f"A,{ts},1,2,1,2,5"
    rows = [same, same, f"A,2026-01-27 09:15,{PRICES}", other, same.replace("A", "B")]
    report = load(store, write(tmp_path, HEAD + "\n".join(rows)))
    assert (report.repeated, report.conflicting, report.conflicting_row, report.inserted) == (1, 1, 5, 3)
    assert store.read(M5, OPEN + 300, OPEN + 301, ["A"]).close.tolist() == [2.0]


def test_importing_again_changes_nothing(store: CandleStore, tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + f"A,2026-01-27 09:15,{PRICES}\nB,2026-01-27 09:15,{PRICES}\n")
    load(store, path)
    digest = store.digest([M5], ["A", "B"], 0, 2**40)
    again = load(store, path)
    assert (again.inserted, again.changed, again.unchanged) == (0, 0, 2)
    assert store.digest([M5], ["A", "B"], 0, 2**40) == digest


def test_misplaced_bars_are_stored_and_counted_where_the_calendar_knows_them(
    store: CandleStore, tmp_path: Path, nse: Calendar
) -> None:
    times = ["2026-01-27 09:15", "2026-01-27 09:16", "2026-01-27 15:30", "2026-01-26 10:00"]
    path = write(tmp_path, HEAD + "".join(f"A,{ts},{PRICES}\n" for ts in times))
    report = load(store, path, calendar=nse)
    assert (report.inserted, report.off_session, report.misaligned) == (4, 2, 1)
    assert load(store, path).off_session is None
    old = load(store, write(tmp_path, HEAD + f"A,1999-01-27 09:15,{PRICES}\n"), calendar=nse)
    assert (old.inserted, old.off_session) == (1, None)


ONE = f"A,{OPEN},{PRICES}\n"


def at(*times: str) -> str:
    return HEAD + "".join(f"A,{time},{PRICES}\n" for time in times)


REFUSED = {
    "empty": ("", "the file is empty"),
    "header alone": (HEAD, "holds no candles"),
    "prose": ("Dear customer,\nhello", "the first line must name the columns"),
    "columns missing": ("symbol,ts,open,close\nA,1,2,3\n", "no column for high, low; found symbol, ts, open"),
    "two columns of a name": ("ts,open,high,low,close,Close\n1,2,3,4,5,6\n", "2 columns are named close"),
    "no symbol": ("ts,open,high,low,close\n1,2,3,4,5\n", "say --symbol NAME"),
    "blank symbol": (HEAD + ONE + ONE.replace("A", " "), "row 3: the symbol is missing"),
    "short row": (HEAD + ONE + "A,1\n", "Row #3: Expected 7 columns, got 2"),
    "price is text": (HEAD + ONE + f"A,{OPEN},1,2,x1,1,1\n", "row 3: low is no number: 'x1'"),
    "thousands comma": (HEAD + f'A,{OPEN},"1,234.5",2,1,1,1\n', "row 2: open is no number: '1,234.5'"),
    "volume is text": (HEAD + f"A,{OPEN},1,2,1,1,many\n", "row 2: volume is no number: 'many'"),
    "no time": (HEAD + ONE + f"A,,{PRICES}\n", "row 3: '' where a time should be"),
    "time is text": (at("noon"), "row 2: 'noon' is no time that is understood"),
    "time unlike the first": (at("2026-01-27 09:15", "27-01-2026 09:15"), "row 3: '27-01-2026 09:15' is not"),
    "number, then text": (at(str(OPEN), "2026-01-27"), "row 3: '2026-01-27' is no epoch"),
    "small number": (at("12345"), "row 2: '12345' is no time"),
    "impossible date": (at("2026-02-28 09:15", "2026-02-30 09:15"), "row 3: '2026-02-30 09:15' is no date"),
    "impossible month": (at("2026-13-01 09:15"), "row 2: '2026-13-01 09:15' is no date"),
    "impossible time": (at("2026-02-27 24:15"), "row 2: '2026-02-27 24:15' is no time of day"),
    "day or month": (at("02-02-2026", "03-02-2026"), "row 3: '03-02-2026' may be day-month"),
    "naive, then aware": (at("2026-01-27 09:15", "2026-01-27 09:20Z"), "row 3: '2026-01-27 09:20Z' has an"),
    "aware, then naive": (at("2026-01-27 09:15Z", "2026-01-27 09:20"), "row 3: '2026-01-27 09:20' has no"),
    "all rows bad": (
        HEAD + f"A,{OPEN},1,0,1,1,1\n",
        "1 of 1 rows are unusable (price zero or negative, first",
    ),
}


@pytest.mark.parametrize(("text", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_cannot_be_understood_is_refused_by_name_and_row(
    store: CandleStore, tmp_path: Path, text: str, problem: str
) -> None:
    assert problem in refusal(store, write(tmp_path, text))


@pytest.mark.parametrize("cut", [0, 3, 4, 100, -8], ids=lambda n: f"cut at {n}")
def test_damaged_parquet_is_refused(store: CandleStore, tmp_path: Path, cut: int) -> None:
    pd.DataFrame({"symbol": ["A"], "ts": [OPEN], "open": 1.0}).to_parquet(tmp_path / "good")
    path = tmp_path / "bad.parquet"
    path.write_bytes((tmp_path / "good").read_bytes()[:cut])
    assert "cannot be read" in refusal(store, path)


def test_a_time_that_the_clocks_skip_is_refused(store: CandleStore, tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + f"A,2026-03-29 02:30,{PRICES}\n")
    with pytest.raises(DataError, match=r"row 2: 2026-03-29 02:30:00 does not exist or happens twice"):
        import_files(store, [path], M5, timezone=ZoneInfo("Europe/Berlin"))


def test_several_symbols_cannot_be_renamed_to_one(store: CandleStore, tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + f"A,{OPEN},{PRICES}\nB,{OPEN},{PRICES}\n")
    assert "holds 2 symbols" in refusal(store, path, symbol="C")


def test_a_missing_file_is_a_usage_error(store: CandleStore, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        load(store, tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("step", "said", "advice"),
    [
        pytest.param(60, M5, "bars are 1m apart, not 5m; say --interval 1m", id="finer"),
        pytest.param(300, M1, "bars are 5m apart, not 1m; say --interval 5m", id="coarser"),
        pytest.param(180, M5, "bars are 180 seconds apart, not 5m; the intervals are", id="none of ours"),
    ],
)
def test_a_file_of_another_interval_is_refused_with_the_right_one(
    store: CandleStore, tmp_path: Path, step: int, said: Interval, advice: str
) -> None:
    path = write(tmp_path, HEAD + "".join(f"A,{OPEN + step * i},{PRICES}\n" for i in range(10)))
    assert advice in refusal(store, path, said)


def test_sparse_bars_pass_as_what_they_are_said_to_be(store: CandleStore, tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "".join(f"A,{OPEN + 120 * i},{PRICES}\n" for i in range(10)))
    assert load(store, path, M1).inserted == 10


def test_a_bad_file_leaves_those_before_it_stored(store: CandleStore, tmp_path: Path) -> None:
    good = write(tmp_path, HEAD + f"A,{OPEN},{PRICES}\n", "good.csv")
    bad = write(tmp_path, HEAD + f"B,{OPEN},{PRICES}\nB,never,{PRICES}\n", "bad.csv")
    with pytest.raises(DataError, match=r"bad\.csv: row 3"):
        import_files(store, [good, bad], M5, timezone=IST)
    assert store.symbols(M5) == {"A"}


def test_progress_is_told_by_file(store: CandleStore, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    path = write(tmp_path, HEAD + f"A,{OPEN},{PRICES}\nB,{OPEN},{PRICES}\n")
    load(store, path, progress=lambda *news: told.append(news))
    assert told == [("file.csv", 2, 2)]


class TestExport:
    """What goes out comes back, value for value."""

    @pytest.mark.parametrize("ending", ["csv", "parquet"])
    def test_round_trip(self, store: CandleStore, tmp_path: Path, ending: str) -> None:
        rng = np.random.default_rng(3)
        n = 400
        ts = OPEN + 300 * np.repeat(np.arange(n // 2), 2) * 60  # spread over many months
        low, high = rng.random(n) * 10 + 1 / 3, rng.random(n) * 10 + 20
        codes = np.tile(np.array([0, 1], np.int32), n // 2)
        volume = rng.integers(0, 10**9, n) / 7
        store.upsert(M5, CandleColumns(("A", "M&M, Ltd"), ts, codes, low, high, low, high, volume))
        path = tmp_path / f"out.{ending}"
        told: list[int] = []
        assert export(store, path, M5, progress=told.append) == n
        assert told[-1] == n
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
        with open_store("sqlite://") as other:
            load(other, path)
            names = ["A", "M&M, Ltd"]
            assert other.digest([M5], names, 0, 2**40) == store.digest([M5], names, 0, 2**40)

    def test_csv_is_iso_utc_ordered_by_time_and_symbol(
        self, store: CandleStore, tmp_path: Path, make: type[Make]
    ) -> None:
        store.upsert(M5, make.bars(make.plain("B", OPEN), make.plain("A", OPEN + 300), make.plain("A", OPEN)))
        export(store, tmp_path / "x.csv", M5, symbols=["A"], start=OPEN, end=OPEN + 300)
        assert (tmp_path / "x.csv").read_text().splitlines() == [
            '"symbol","ts","open","high","low","close","volume"',
            '"A","2026-01-27T03:45:00Z",100,101,99,100.5,10',
        ]

    def test_nothing_to_export_and_other_endings_are_refused(
        self, store: CandleStore, tmp_path: Path, make: type[Make]
    ) -> None:
        store.upsert(M5, make.bars(make.plain("A", OPEN)))
        with pytest.raises(DataError, match="no 1m candles"):
            export(store, tmp_path / "x.csv", M1)
        with pytest.raises(DataError, match="no 5m candles"):
            export(store, tmp_path / "x.csv", M5, symbols=["B"])
        with pytest.raises(UsageError, match="parquet"):
            export(store, tmp_path / "x.xlsx", M5)
        with pytest.raises(LiveTraderError, match="cannot be written"):
            export(store, tmp_path / "no folder" / "x.csv", M5)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "interval", "first"),
    [
        ("nse_5m_vendor_a", M5, date(2026, 1, 27)),
        ("nse_1m_2016", M1, date(2016, 8, 16)),
        ("crypto_5m", M5, date(2025, 7, 5)),
    ],
)
def test_real_files_import_whole(real: Path, store: CandleStore, name: str, interval: Interval, first: date) -> None:
    report = load(store, real / f"{name}.parquet", interval)
    assert report.inserted == report.rows > 10_000
    assert store.dates(UTC)[0] == first
