"""Candle files that are wrong: one line, exit code 2, and nothing of them in the store."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Told

from livetrader.domain.candles import Interval
from livetrader.marketdata.store import open_store

Call = Callable[..., Told]

HEAD = "symbol,ts,open,high,low,close,volume"
GOOD = "TCS,2026-02-02 09:15:00,10,12,9,11,5"


def table(*rows: str) -> bytes:
    return "\n".join((HEAD, *rows, "")).encode()


REFUSED = {
    "empty": (b"", "the file is empty"),
    "header alone": (table(), "holds no candles"),
    "other columns": (b"a,b,c\n1,2,3\n", "no column for time, open, high, low"),
    "no header": (GOOD.encode(), "the first line must name the columns"),
    "a column twice": (b"ts,open,high,low,close,close\n2026-02-02,1,1,1,1,1\n", "2 columns are named close"),
    "short row": (table("TCS,2026-02-02 09:15:00,10,12"), "Expected 7 columns, got 4"),
    "long row": (table(GOOD + ",6,7"), "Expected 7 columns, got 9"),
    "open quote": (table('TCS,"2026-02-02 09:15:00,10,12,9,11,5'), "cannot be read"),
    "binary": (bytes(range(256)) * 20, "is not UTF-8 text"),
    "UTF-16": (table(GOOD).decode().encode("utf-16"), "is not UTF-8 text; save it as UTF-8"),
    "torn gzip": (gzip.compress(table(GOOD))[:40], "cannot be read"),
    "torn parquet": (b"PAR1", "cannot be read"),
    "text price": (table("TCS,2026-02-02 09:15:00,abc,12,9,11,5"), "row 2: open is no number: 'abc'"),
    "thousands": (table('TCS,2026-02-02 09:15:00,"1,234.5",1300,1200,1250,5'), "open is no number: '1,234.5'"),
    "30 February": (table("TCS,2026-02-30 09:15:00,10,12,9,11,5"), "row 2: '2026-02-30 09:15:00' is no date"),
    "25 o'clock": (table("TCS,2026-02-02 25:15:00,10,12,9,11,5"), "is no time of day"),
    "a word": (table("TCS,yesterday,10,12,9,11,5"), "'yesterday' is no time"),
    "no time": (table("TCS,,10,12,9,11,5"), "row 2: '' where a time should be"),
    "the year 1": (table("TCS,0001-01-01 00:00:00,10,12,9,11,5"), "is not between 1970 and 2099"),
    "the year 9999": (table("TCS,9999-12-31 09:15:00,10,12,9,11,5"), "is not between 1970 and 2099"),
    "no symbol": (table(",2026-02-02 09:15:00,10,12,9,11,5"), "row 2: the symbol is missing"),
    "mixed time zones": (
        table("TCS,2026-02-02T09:15:00+05:30,10,12,9,11,5", "TCS,2026-02-02 09:20:00,10,12,9,11,5"),
        "row 3: '2026-02-02 09:20:00' has no offset, the first row has an offset",
    ),
    "another interval": (
        table(*(f"TCS,2026-02-02 09:{minute}:00,10,12,9,11,5" for minute in range(15, 20))),
        "bars are 1m apart, not 5m; say --interval 1m",
    ),
    "only bad prices": (table("TCS,2026-02-02 09:15:00,-1,12,-1,11,5"), "1 of 1 rows are unusable"),
}  # fmt: skip

FLAWS = {
    "NaN": ("nan,12,9,11", "price missing"),
    "blank": (",12,9,11", "price missing"),
    "infinite": ("inf,inf,9,11", "price infinite"),
    "zero": ("0,12,0,11", "price zero or negative"),
    "negative": ("-10,12,-11,11", "price zero or negative"),
    "high below low": ("10,8,9,10", "high below open, close or low"),
    "low above open": ("10,12,11,12", "low above open or close"),
}


def stored(folder: Path) -> int:
    with open_store(f"sqlite:///{folder / 'data' / 'candles.db'}") as store:
        return sum(one.count for one in store.coverage(Interval.M5).values())


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_understood_leaves_nothing_behind(case: str, empty: Path, call: Call) -> None:
    content, told = REFUSED[case]
    name = {"torn gzip": "TCS.csv.gz", "torn parquet": "TCS.parquet"}.get(case, "TCS.csv")
    (empty / name).write_bytes(content)
    call("data", "import", name, "--interval", "5m").fails(2, f"{name}: ", told)
    assert stored(empty) == 0


@pytest.mark.parametrize(("prices", "reason"), FLAWS.values(), ids=FLAWS)
def test_a_row_without_sane_prices_is_left_out_and_counted(prices: str, reason: str, empty: Path, call: Call) -> None:
    (empty / "in.csv").write_bytes(table(GOOD, f"TCS,2026-02-02 09:20:00,{prices},5"))
    told = call("data", "import", "in.csv", "--interval", "5m")
    assert told.code == 0
    assert f"1 rows left out: {reason} (first in row 3)" in told.out
    assert stored(empty) == 1
    call("data", "import", "in.csv", "--interval", "5m", "--strict").fails(2, reason, "nothing stored")


def test_unsorted_repeated_and_contradicting_rows_are_sorted_out_and_told(empty: Path, call: Call) -> None:
    later, other = GOOD.replace("09:15", "09:20"), GOOD.replace("11,5", "11.5,5")
    (empty / "in.csv").write_bytes(table(later, GOOD, GOOD, other))
    told = call("data", "import", "in.csv", "--interval", "5m")
    assert told.code == 0
    assert "1 rows repeat another one" in told.out
    assert "1 rows contradict an earlier one (first: 5)" in told.out
    assert call("data", "export", "out.csv", "--interval", "5m").code == 0
    bars = [line.split(",") for line in (empty / "out.csv").read_text().splitlines()[1:]]
    assert [(bar[1], bar[5]) for bar in bars] == [('"2026-02-02T03:45:00Z"', "11.5"), ('"2026-02-02T03:50:00Z"', "11")]


def test_times_without_an_offset_are_the_exchanges_and_that_is_told(empty: Path, call: Call) -> None:
    (empty / "naive.csv").write_bytes(table(GOOD))
    assert (
        "times without an offset were taken as Asia/Kolkata"
        in call("data", "import", "naive.csv", "--interval", "5m").out
    )
    (empty / "aware.csv").write_bytes(table("TCS,2026-02-02T03:45:00Z,10,12,9,11,5"))
    (again,) = json.loads(call("data", "import", "aware.csv", "--interval", "5m", "--json").out)
    assert (again["inserted"], again["unchanged"]) == (0, 1), "the two files hold the same bar"


def test_good_files_before_a_bad_one_are_stored_and_told(empty: Path, call: Call) -> None:
    (empty / "good.csv").write_bytes(table(GOOD))
    (empty / "bad.csv").write_bytes(b"")
    told = call("data", "import", "good.csv", "bad.csv", "--interval", "5m")
    assert told.code == 2
    assert told.err == ("error: bad.csv: the file is empty",)
    assert "good.csv: 1 rows" in told.out
    assert stored(empty) == 1


def test_a_symbol_that_no_list_can_name_is_told(empty: Path, call: Call) -> None:
    (empty / "in.csv").write_bytes(table(GOOD.replace("TCS", "tcs ltd")))
    assert "no list can name 'tcs ltd'" in call("data", "import", "in.csv", "--interval", "5m").out
    call("data", "import", "in.csv", "--interval", "5m", "--symbol", "a b").fails(2, "--symbol 'a b': is no symbol")


def test_a_folder_is_no_file(empty: Path, call: Call) -> None:
    (empty / "candles").mkdir()
    call("data", "import", "candles", "--interval", "5m").fails(2, "is a folder; name the files in it")
    call("data", "import", "none.csv", "--interval", "5m").fails(2, "none.csv: no such file")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("export", "out.txt", "--interval", "5m"), 2, "name a .csv or a .parquet file"),
        (("export", "out.csv", "--interval", "1h"), 2, "no 1h candles"),
        (("export", "out.csv", "--interval", "5m", "--symbols", "NOPE"), 2, "no 5m candles of these symbols"),
        (("export", "none/out.csv", "--interval", "5m"), 2, "cannot be written (No such file or directory)"),
        (("export", "config.yaml/out.csv", "--interval", "5m"), 2, "cannot be written (Not a directory)"),
        (("export", "out.csv", "--interval", "5m", "--from", "2026-02-05", "--to", "2026-02-01"), 2, "swap them"),
        (("check", "--interval", "1h"), 2, "no 1h candles are stored"),
        (("check", "--against", "none.csv"), 2, "none.csv: no such file"),
        (("check", "--against", "config.yaml"), 2, "config.yaml: "),
        (("check", "--from", "2026-02-30"), 2, "there is no such date"),
        (("check", "--from", "2031-01-01", "--to", "2031-01-02"), 78, "outside the nse calendar"),
        (("simulate",), 2, "holds candles that were not simulated"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_data_commands_refuse_what_makes_no_sense(
    arguments: tuple[str, ...], code: int, told: str, desk: Path, call: Call
) -> None:
    before = (desk / "candles.db").read_bytes()
    call("data", *arguments).fails(code, told)
    assert (desk / "candles.db").read_bytes() == before
    assert not list(desk.glob("**/*.partial"))
