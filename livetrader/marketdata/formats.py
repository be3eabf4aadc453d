"""Candle files: CSV and Parquet, with the column names and times that vendors use."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from livetrader.domain.candles import FIELDS, CandleColumns, Floats, Ints
from livetrader.errors import DataError, UsageError
from livetrader.marketdata.times import BadTime, Mask, parse_times

# Names as they are after removing all but letters and digits. The first of a list that is there counts.
_SYMBOL = ("symbol", "tradingsymbol", "ticker", "stockcode", "scrip", "instrument", "pair")
_TIME = ("ts", "timestamp", "datetime", "opentime", "bartime", "unix", "date", "time", "indexlevel0")
_PRICES = {
    "open": ("open", "o", "openprice"),
    "high": ("high", "h", "highprice"),
    "low": ("low", "l", "lowprice"),
    "close": ("close", "c", "closeprice"),
    "volume": ("volume", "vol", "v", "tradedvolume"),
}
_KNOWN = frozenset((*_SYMBOL, *_TIME, *(name for names in _PRICES.values() for name in names)))
_KLINE = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_BLANK = ("", "nan", "null", "none", "na", "n/a", "-")
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$|^[+-]?inf(?:inity)?$"
# "NSE_RELIANCE, 5.csv" (TradingView), "BTCUSDT-5m-2025-07.csv" (Binance), "RELIANCE.csv", "RELIANCE_5m.csv"
_FILE_NAMES = (
    r"^[A-Z]+_(?:DLY_)?(?P<symbol>[A-Z0-9&!.-]+), ?\w+",
    r"^(?P<symbol>[A-Z0-9]+)-\d+[mhd](?:-|$)",
    r"^(?P<symbol>[A-Z0-9][A-Z0-9&-]*)(?:[_-]\d+ ?(?:m|min|minute|h|d))?$",
)


@dataclass(frozen=True, slots=True)
class FileBars:
    """The rows of one file, in the file's order, unchecked.

    `rows` are their numbers in the file (the header is row 1, blank lines do not count; Parquet begins at 1),
    `split` marks times that lie within a second, `naive` says that times had no offset, `no_volume` that
    there is no such column.
    """

    bars: CandleColumns
    rows: Ints
    split: Mask
    naive: bool
    no_volume: bool


def parse_file(path: Path, timezone: tzinfo, symbol: str | None = None) -> FileBars:
    """Read a CSV or Parquet file of candles.

    Times without an offset are taken as `timezone`'s. `symbol` names the bars of a file that has no such
    column (else its name may: "NSE_RELIANCE, 5.csv"), or of one whose column has one symbol. Raises
    UsageError if the file is not there, DataError naming the file, the row and what is wrong otherwise.
    """
    if not path.is_file():
        problem = "is a folder; name the files in it" if path.is_dir() else "no such file"
        raise UsageError(f"{path}: {problem}")
    table, first_row = _table(path)
    if not len(table):
        raise DataError(f"{path}: the file holds no candles")
    columns = _recognise(path, table.column_names)
    column = {name: table.column(i).combine_chunks() for name, i in columns.items()}
    codes, symbols = _symbols(path, column.get("symbol"), symbol, len(table), first_row)
    try:
        times = parse_times(_time(column), timezone)
    except BadTime as error:
        raise DataError(f"{path}: row {first_row + error.index}: {error.problem}") from error
    fields = [
        _numbers(path, name, column[name], first_row) if name in column else np.zeros(len(table)) for name in FIELDS
    ]
    bars = CandleColumns(symbols, times.seconds, codes, *fields)
    rows = np.arange(len(table), dtype=np.int64) + first_row
    return FileBars(bars, rows, times.split, times.naive, "volume" not in column)


def _table(path: Path) -> tuple[pa.Table, int]:
    """The file's table, and the number of its first row of data."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"PAR1" or path.suffix.lower() in (".parquet", ".pq"):
            with pq.ParquetFile(path) as parquet:
                return parquet.read(), 1
        if not path.stat().st_size:
            raise DataError(f"{path}: the file is empty")
        return _read_csv(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read, damaged or not a candle file ({problem[:160]})") from error


def _read_csv(path: Path) -> tuple[pa.Table, int]:
    with pa.input_stream(path) as stream:  # unpacks .gz and the like by the name's ending
        start = stream.read(65536)
    if b"\0" in start:
        raise DataError(f"{path}: is not UTF-8 text; save it as UTF-8")
    head = start.decode("utf-8-sig", errors="ignore").splitlines()
    line = next((line for line in head if line.strip()), "")
    delimiter = max(",;\t|", key=line.count)
    cells = next(csv.reader([line], delimiter=delimiter))
    named = any(_plain(cell) in _KNOWN for cell in cells)
    kline = len(cells) in (11, 12) and re.fullmatch(r"\d{10,16}", cells[0]) is not None
    if not named and not kline:
        raise DataError(f"{path}: the first line must name the columns, such as symbol,ts,open,high,low,close")
    names = cells if named else list(_KLINE[: len(cells)])
    # Text only: an error must name the row, and Arrow's own conversions do not. Threads lose it as well.
    reading = pacsv.ReadOptions(use_threads=False, column_names=names, skip_rows=int(named))
    convert = pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    with pa.input_stream(path) as stream:
        table = pacsv.read_csv(stream, reading, pacsv.ParseOptions(delimiter=delimiter), convert)
    return table, 1 + int(named)


def _recognise(path: Path, names: list[str]) -> dict[str, int]:
    """Which column holds what: `symbol`, `time` and perhaps `date`, and the five fields."""
    plain = [_plain(name) for name in names]
    wanted = {"symbol": _SYMBOL, "time": _TIME, **_PRICES}
    columns: dict[str, int] = {}
    for meaning, spellings in wanted.items():
        found = next((name for name in spellings if name in plain), None)
        if found is None:
            continue
        if plain.count(found) > 1:
            raise DataError(f"{path}: {plain.count(found)} columns are named {found}; leave one")
        columns[meaning] = plain.index(found)
    if plain.count("date") == 1 and plain.count("time") == 1 and plain[columns["time"]] == "date":
        columns["date"], columns["time"] = columns["time"], plain.index("time")
    missing = [meaning for meaning in ("time", "open", "high", "low", "close") if meaning not in columns]
    if missing:
        raise DataError(f"{path}: no column for {', '.join(missing)}; found {', '.join(names)}")
    return columns


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _time(column: dict[str, pa.Array]) -> pa.Array:
    if "date" not in column:
        return column["time"]
    return pc.binary_join_element_wise(column["date"].cast(pa.string()), column["time"].cast(pa.string()), " ")


def _symbols(
    path: Path, column: pa.Array | None, given: str | None, length: int, first_row: int
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Codes and sorted names of the rows' symbols."""
    if column is None:
        name = given or _symbol_in(path.name)
        if name is None:
            raise DataError(f"{path}: no symbol column, and the file's name gives none; say --symbol NAME")
        return np.zeros(length, np.int32), (name,)
    text = pc.utf8_trim_whitespace(column.cast(pa.string()).fill_null(""))
    if pc.any(pc.equal(text, "")).as_py():
        raise DataError(f"{path}: row {first_row + pc.index(text, '').as_py()}: the symbol is missing")
    coded = text.dictionary_encode()
    found = coded.dictionary.to_pylist()
    if given is not None and len(found) > 1:
        raise DataError(f"{path}: holds {len(found)} symbols, so --symbol {given} cannot name them; leave it out")
    names = tuple(sorted(found))
    place = np.array([names.index(name) for name in found], np.int32)
    return place[coded.indices.to_numpy()], names if given is None else (given,)


def _symbol_in(file_name: str) -> str | None:
    stem = file_name.split(".csv")[0].split(".parquet")[0]
    found = next((match for pattern in _FILE_NAMES if (match := re.match(pattern, stem))), None)
    return found["symbol"] if found else None


def _numbers(path: Path, name: str, column: pa.Array, first_row: int) -> Floats:
    """A column as float64, NaN where it is blank."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        text = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.string())))
        text = pc.if_else(pc.is_in(text, pa.array(_BLANK)), pa.scalar(None, pa.string()), text)
        good = pc.match_substring_regex(text, _NUMBER).fill_null(True)
        if not pc.all(good).as_py():
            row = pc.index(good, False).as_py()
            raise DataError(f"{path}: row {first_row + row}: {name} is no number: {column[row].as_py()!r}")
        column = text
    # A copy, because Arrow's memory is read-only.
    return np.array(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
