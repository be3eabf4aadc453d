"""The log: JSON lines in a file a day, readable lines on stderr, secrets in neither.

Modules log with `structlog.get_logger()`; an entry point calls `configure` once. Every line carries the mode,
in capitals. A file that cannot be written (a full disk) never stops trading: stderr then says so, once, and
shows everything that the file does not get.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal, TextIO

from livetrader.config.secrets import HIDDEN, is_secret_key, redact

Label = Literal["PAPER", "DRY-RUN", "LIVE", "REPLAY", "BACKTEST", "TOOL"]
Level = Literal["debug", "info", "warning", "error"]
_NAME = re.compile(r"livetrader_(\d{8})_[A-Z-]+(?:_[a-z0-9_]+)?\.jsonl")
_SEVERITY = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_LINE = ("at", "level", "mode", "portfolio", "event")


@dataclass
class DailyFile:
    """Appends lines to `directory`/livetrader_YYYYMMDD_LABEL.jsonl; files older than `keep_days` go."""

    directory: Path
    label: str
    keep_days: int
    _day: date | None = None
    _descriptor: int = -1
    _torn: bool = False

    def write(self, day: date, line: str) -> None:
        """Append to the file of `day` (exchange date). OSError if the line did not get there whole."""
        if day != self._day or self._descriptor < 0:
            self._open(day)
        # A line that an earlier failure cut short must not swallow this one.
        data = (("\n" if self._torn else "") + line + "\n").encode()
        # One write to a file opened for appending: lines of several processes do not mix.
        written = os.write(self._descriptor, data)
        self._torn = written < len(data)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self, day: date) -> None:
        self.close()
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"livetrader_{day:%Y%m%d}_{self.label}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        self._day = day
        self._remove_before(day - timedelta(days=self.keep_days))

    def _remove_before(self, oldest: date) -> None:
        for path in self.directory.iterdir():
            name = _NAME.fullmatch(path.name)
            if name and name[1] < f"{oldest:%Y%m%d}":
                path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


@dataclass
class Sinks:
    """Where a finished log line goes: structlog calls the method of its level."""

    file: DailyFile | None
    stream: TextIO
    timezone: tzinfo
    shown_from: int
    _file_failed: bool = field(default=False, init=False)

    def write(self, **event: Any) -> None:
        at = datetime.fromisoformat(event["at"]).astimezone(self.timezone)
        if self.file is not None:
            self._file_failed = not self._stored(self.file, at, event)
        if self._file_failed or _SEVERITY[event["level"]] >= self.shown_from:
            self._say(_readable(at, event))

    def _stored(self, file: DailyFile, at: datetime, event: Mapping[str, Any]) -> bool:
        try:
            file.write(at.date(), json.dumps(event, ensure_ascii=False))
        except OSError as error:
            if not self._file_failed:
                reason = f"log file in {file.directory} cannot be written ({error.strerror})"
                self._say(f"{at:%H:%M:%S} {event['mode']} error    {reason}; logging to stderr only")
            return False
        return True

    debug = info = warning = error = critical = write

    def _say(self, text: str) -> None:
        # A closed terminal is no reason to stop trading, nor is a signal whose line falls into another (RuntimeError).
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            print(text, file=self.stream, flush=True)


def configure(
    label: Label,
    *,
    directory: Path | None,
    level: Level,
    keep_days: int,
    now: Callable[[], float],
    timezone: tzinfo,
    portfolio: str = "",
    debug: bool = False,
    quiet: bool = False,
    stream: TextIO | None = None,
) -> Callable[[], None]:
    """Set up logging for this process; returns what closes the file and undoes the set-up.

    `now` gives epoch seconds (a Clock's `now`, so that a replay's lines carry its own time), `timezone` the
    exchange's: it names the day's file and the times on stderr. File and lines carry the `portfolio`, if there is one;
    of several in a process each line has its `mode` and `portfolio` from the context variables of those names. `debug`
    shows every step, `quiet` nothing below a warning on stderr. Without a `directory` there is no file.
    """
    import structlog

    least = 10 if debug else _SEVERITY[level]
    name = f"{label}_{portfolio}" if portfolio else label
    file = DailyFile(directory, name, keep_days) if directory is not None else None
    sinks = Sinks(file, stream or sys.stderr, timezone, max(least, 30) if quiet else least)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _stamp(label, portfolio, now),
            hide_secrets,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: sinks,
        cache_logger_on_first_use=False,
    )
    forwarder = _forward_libraries(logging.INFO if debug else logging.WARNING)

    def undo() -> None:
        structlog.reset_defaults()
        logging.getLogger().removeHandler(forwarder)
        if file is not None:
            file.close()

    return undo


def _stamp(label: str, portfolio: str, now: Callable[[], float]) -> Callable[..., MutableMapping[str, Any]]:
    """Time (ISO 8601 UTC), level, mode, portfolio if any, and event first, in this order; what was bound after them."""

    from structlog.contextvars import get_contextvars

    def stamp(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        at = datetime.fromtimestamp(now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        bound = get_contextvars()  # and not the event, where a caller may have another word for it
        head = {"at": at, "level": event.pop("level"), "mode": bound.get("mode", label)}
        if named := bound.get("portfolio", portfolio):
            head["portfolio"] = named
        head["event"] = event.pop("event")
        return {**head, **{key: value for key, value in event.items() if key not in head}}

    return stamp


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every value under a secret's name, and every secret's value anywhere, as `***`."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: object) -> object:
    if is_secret_key(key):
        return HIDDEN
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # JSON has no NaN and no infinity.
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping):
        return {redact(str(name)): _clean(str(name), part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", part) for part in value]
    return redact(str(value))


def _readable(at: datetime, event: Mapping[str, Any]) -> str:
    extras = [f"{key}={_word(value)}" for key, value in event.items() if key not in (*_LINE, "exception")]
    who = f"{event['mode']} {event['portfolio']}" if "portfolio" in event else event["mode"]
    line = f"{at:%H:%M:%S} {who} {event['level']:<8} {_printable(event['event'])}"
    line = "  ".join([line, " ".join(extras)]) if extras else line
    return f"{line}\n{event['exception']}" if "exception" in event else line


def _word(value: object) -> str:
    text = _printable(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return repr(text) if isinstance(value, str) and (" " in text or not text) else text


def _printable(value: object) -> str:
    """Text from a broker or a file must not move the cursor or fake a line."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value))


class _Forward(logging.Handler):
    """Lines of libraries that log with the standard library (APScheduler, SQLAlchemy)."""

    def emit(self, record: logging.LogRecord) -> None:
        import structlog

        level = record.levelname.lower() if record.levelname.lower() in _SEVERITY else "info"
        log = structlog.get_logger()
        getattr(log, level)(record.getMessage(), library=record.name, exc_info=record.exc_info)


def _forward_libraries(level: int) -> logging.Handler:
    root, forwarder = logging.getLogger(), _Forward()
    root.addHandler(forwarder)
    root.setLevel(level)
    return forwarder
