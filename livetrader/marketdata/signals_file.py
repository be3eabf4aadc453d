"""Reading a file of signals: a CSV of `time,symbol,action,tag`."""

from __future__ import annotations

import csv
from datetime import datetime, tzinfo
from pathlib import Path

from livetrader.errors import ConfigError
from livetrader.strategies.from_file import FileSignal

COLUMNS = ("time", "symbol", "action")
ACTIONS = {"buy": "buy", "long": "buy", "sell": "sell", "short": "sell", "exit": "exit", "close": "exit"}


def read_signals(path: Path, timezone: tzinfo) -> tuple[FileSignal, ...]:
    """The signals of a file, in order of time. Times without an offset are exchange time (`timezone`).

    `action` is buy or long, sell or short, exit or close; `tag` may be left out. Raises ConfigError with every bad
    line.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"strategies.signals_file: {path}: cannot be read ({reason})") from error
    table = csv.DictReader(lines)
    missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
    if missing:
        found = ", ".join(table.fieldnames or ()) or "nothing"
        raise ConfigError(f"{path}:1: expected the columns time,symbol,action,tag; found {found}")
    rows, problems = [], []
    for number, row in enumerate(table, 2):
        try:
            rows.append(_signal(row, timezone))
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
    if problems:
        raise ConfigError(problems)
    return tuple(sorted(rows, key=lambda one: one.given))


def _signal(row: dict[str, str], timezone: tzinfo) -> FileSignal:
    text = (row["time"] or "").strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time {text!r} is not ISO 8601, such as 2026-02-02T10:15:00+05:30") from None
    action = ACTIONS.get((row["action"] or "").strip().lower())
    if action is None:
        raise ValueError(f"action {row['action']!r} is none of {', '.join(ACTIONS)}")
    symbol = (row["symbol"] or "").strip()
    if not symbol:
        raise ValueError("symbol is empty")
    given = at if at.tzinfo is not None else at.replace(tzinfo=timezone)
    return FileSignal(int(given.timestamp()), symbol, action, (row.get("tag") or "").strip())
