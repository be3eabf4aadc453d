"""Symbol lists: what `--symbols` and the setting `symbols` mean."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from livetrader.domain.instrument import is_symbol
from livetrader.errors import ConfigError, UsageError

FOLDER = "symbol_lists"


def resolve_symbols(spec: str, directory: Path) -> tuple[str, ...]:
    """The symbols that `spec` names, in order.

    `spec` is a list (`live`: symbol_lists/live.csv in `directory`, else in the current folder, else the one
    that comes with livetrader), the path of a CSV file, or symbols separated by commas (`RELIANCE,TCS`; a
    single one with a trailing comma or in capitals). UsageError if there is no such list, ConfigError with
    every bad line if the file is wrong.
    """
    spec = spec.strip()
    if "," in spec:
        return _checked(enumerate(spec.strip(",").split(","), 1), "symbols, item ")
    if "/" in spec or spec.lower().endswith(".csv"):
        path = directory / Path(spec).expanduser()
        path = path if path.exists() else Path(spec).expanduser()
        return _read(path, spec)
    lists = symbol_lists(directory)
    if spec in lists:
        return _read(lists[spec], f"{FOLDER}/{spec}.csv")
    # A list is written small; `--symbols RELIANCE` means the share.
    if spec.isupper() and is_symbol(spec):
        return (spec,)
    raise UsageError(f"symbols: there is no list {spec!r}; there are {', '.join(sorted(lists)) or 'none'}")


def symbol_lists(directory: Path) -> dict[str, Path]:
    """The named lists: those beside config.yaml, else in the current folder, else livetrader's own."""
    shipped = Path(str(resources.files("livetrader.cli") / "templates"))
    for folder in (directory / FOLDER, Path.cwd() / FOLDER, shipped):
        if files := sorted(folder.glob("*.csv")):
            return {file.stem: file for file in files}
    return {}


def _read(path: Path, name: str) -> tuple[str, ...]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UsageError(f"{name}: no such file") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{name}: cannot be read ({error.strerror})") from None
    rows = [(number, line) for number, line in enumerate(lines, 1) if not line.lstrip().startswith("#")]
    while rows and not rows[-1][1].strip():
        rows.pop()
    if not rows:
        raise ConfigError(f"{name}: is empty; expected a line `symbol` and one symbol a line")
    number, header = rows[0]
    columns = [column.strip().lower() for column in next(csv.reader([header]))]
    if "symbol" not in columns:
        raise ConfigError(f"{name}:{number}: has no column `symbol`; its first line must name it")
    column = columns.index("symbol")
    return _checked(((number, _cell(line, column)) for number, line in rows[1:]), f"{name}:")


def _cell(line: str, column: int) -> str:
    cells = next(csv.reader([line]), [])
    # `RELIANCE  # a note`
    return cells[column].split("#")[0] if column < len(cells) else ""


def _checked(items: Iterable[tuple[int, str]], place: str) -> tuple[str, ...]:
    symbols: dict[str, int] = {}
    problems = []
    for number, text in items:
        symbol = text.strip()
        if not symbol:
            problems.append(f"{place}{number}: is blank; remove the line")
        elif not is_symbol(symbol):
            problems.append(f"{place}{number}: {symbol!r} is no symbol; write it in capitals, such as RELIANCE")
        elif symbol in symbols:
            problems.append(f"{place}{number}: {symbol} is there twice; it is already in {symbols[symbol]}")
        else:
            symbols[symbol] = number
    if problems:
        raise ConfigError(problems)
    if not symbols:
        raise ConfigError(f"{place.rstrip(':')}: has no symbols")
    return tuple(symbols)
