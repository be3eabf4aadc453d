"""Times as candle files write them, to epoch seconds."""

from __future__ import annotations

from datetime import tzinfo
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from livetrader.domain.candles import Ints

Mask = npt.NDArray[np.bool_]

# Years 1970 to 2099: what lies outside is a typing error, or a number that is no time.
EARLIEST, BEYOND = 0, 4_102_444_800

_CLOCK = (
    r"(?:[T ,]*(?P<hour>\d{1,2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?)?$"
)
_YEAR_FIRST = r"^(?P<year>\d{4})[-/.]?(?P<month>\d{2})[-/.]?(?P<day>\d{2})" + _CLOCK
_YEAR_LAST = r"^(?P<one>\d{1,2})[-/.](?P<two>\d{1,2})[-/.](?P<year>\d{4})" + _CLOCK
_NAMED = r"^(?P<day>\d{1,2})[- ](?P<name>[A-Za-z]{3})[a-z]*[- ,]+(?P<year>\d{4})" + _CLOCK
_EPOCH = r"^\d{9,10}(?:\.0*)?$|^\d{13}$|^\d{16}$|^\d{19}$"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class BadTime(Exception):
    """A time that cannot be read: the index of its row and what is wrong with it."""

    def __init__(self, index: int, problem: str) -> None:
        self.index = index
        self.problem = problem
        super().__init__(problem)


class Times(NamedTuple):
    """Epoch seconds, rounded down where `split` says that the time lies within a second."""

    seconds: Ints
    split: Mask
    naive: bool


def parse_times(column: pa.Array, timezone: tzinfo) -> Times:
    """Read a column of text, timestamps, dates or epoch numbers (s, ms, µs or ns, told by their size).

    Times without an offset are taken as `timezone`'s. Dates with the year last are read by the order that the
    column as a whole allows. Raises BadTime for a missing or unreadable time, a mix of times with and without
    offset, day and month that could be either, and a year before 1970 or after 2099.
    """
    times = _times(column, timezone)
    odd = (times.seconds < EARLIEST) | (times.seconds >= BEYOND)
    if odd.any():
        row = int(np.argmax(odd))
        raise BadTime(row, f"{str(column[row].as_py())!r} is not between 1970 and 2099")
    return times


def _times(column: pa.Array, timezone: tzinfo) -> Times:
    if column.null_count:
        raise BadTime(int(np.argmax(column.is_null().to_numpy(zero_copy_only=False))), "the time is missing")
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zone = getattr(kind, "tz", None)
        ns = column.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False).astype("M8[us]").astype(np.int64)
        return _localised(ns, timezone) if zone is None else _whole(ns, naive=False)
    if pa.types.is_integer(kind):
        return _whole(_epoch(column.cast(pa.int64()).to_numpy()), naive=False)
    if pa.types.is_floating(kind):
        numbers = column.to_numpy()
        _require(pa.array(numbers == np.floor(numbers)), column, "is no whole epoch number")
        return _whole(_epoch(numbers.astype(np.int64)), naive=False)
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    _require(pc.not_equal(text, ""), text, "where a time should be")
    if len(text) and pc.match_substring_regex(text, _EPOCH)[0].as_py():
        _require(pc.match_substring_regex(text, _EPOCH), text, "is no epoch number as in the first row")
        digits = pc.replace_substring_regex(text, r"\..*", "")
        return _whole(_epoch(digits.cast(pa.int64()).to_numpy()), naive=False)
    return _parse_text(text, timezone)


def _epoch(numbers: Ints) -> Ints:
    """Microseconds from epoch numbers, whose size tells their unit."""
    _require(pa.array(numbers >= 10**8), pa.array(numbers), "is no epoch number")
    up = np.select([numbers >= 10**14, numbers >= 10**11], [1, 1_000], 1_000_000)
    return np.where(numbers >= 10**17, numbers // 1_000, numbers * up)


def _parse_text(text: pa.Array, timezone: tzinfo) -> Times:
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _NAMED):
        if len(text) and pc.match_substring_regex(text, pattern)[0].as_py():
            break
    else:
        raise BadTime(0, f"{text[0].as_py()!r} is no time that is understood; write 2026-01-27 09:15:00")
    parts = pc.extract_regex(text, pattern=pattern)
    _require(pc.is_valid(parts), text, "is not written like the time in the first row")
    groups = {field.name: pc.struct_field(parts, field.name) for field in parts.type}
    micros = _civil(_day(groups, text), groups, text)
    aware = pc.not_equal(groups["zone"], "").to_numpy(zero_copy_only=False)
    if aware.any() != aware.all():
        first = int(np.argmax(aware != aware[0]))
        has = ("no offset", "an offset") if aware[0] else ("an offset", "none")
        raise BadTime(first, f"{text[first].as_py()!r} has {has[0]}, the first row has {has[1]}")
    if not aware.any():
        return _localised(micros, timezone)
    return _whole(micros - _offset(groups["zone"]), naive=False)


def _day(groups: dict[str, pa.Array], text: pa.Array) -> Ints:
    """Days since 1970-01-01."""
    if "one" in groups:
        one, two = _ints(groups["one"]), _ints(groups["two"])
        if (one > 12).any():
            day, month = one, two
        elif (two > 12).any():
            day, month = two, one
        elif (one == two).all():
            day, month = one, two
        else:
            row = int(np.argmax(one != two))
            raise BadTime(row, f"{text[row].as_py()!r} may be day-month or month-day; write 2026-01-27")
    elif "name" in groups:
        names = pc.index_in(pc.utf8_lower(groups["name"]), pa.array(_MONTHS))
        day, month = _ints(groups["day"]), names.fill_null(-1).to_numpy() + 1
    else:
        day, month = _ints(groups["day"]), _ints(groups["month"])
    months = (_ints(groups["year"]) - 1970) * 12 + month - 1
    days = months.astype("M8[M]").astype("M8[D]") + (day - 1).astype("m8[D]")
    real = (month >= 1) & (month <= 12) & (day >= 1) & (days.astype("M8[M]").astype(np.int64) == months)
    _require(pa.array(real), text, "is no date")
    return np.asarray(days.astype(np.int64))


def _civil(days: Ints, groups: dict[str, pa.Array], text: pa.Array) -> Ints:
    hour, minute, second = (_ints(groups[name]) for name in ("hour", "minute", "second"))
    half = pc.utf8_lower(groups["half"])
    noon = pc.not_equal(half, "").to_numpy(zero_copy_only=False)
    afternoon = pc.equal(half, "pm").to_numpy(zero_copy_only=False)
    valid = np.where(noon, (hour >= 1) & (hour <= 12), hour <= 23) & (minute <= 59) & (second <= 59)
    _require(pa.array(valid), text, "is no time of day")
    hour = np.where(noon, hour % 12 + 12 * afternoon, hour)
    micro = _ints(pc.utf8_slice_codeunits(pc.utf8_rpad(groups["fraction"], 6, "0"), 0, 6))
    clock = (hour * 3600 + minute * 60 + second) * 1_000_000 + micro
    return days * 86_400_000_000 + clock


def _offset(zone: pa.Array) -> Ints:
    digits = pc.replace_substring_regex(zone, r"^(Z|UTC)$", "+0000")
    digits = pc.replace_substring(digits, ":", "")
    hours, minutes = (_ints(pc.utf8_slice_codeunits(digits, at, at + 2)) for at in (1, 3))
    sign = np.where(pc.starts_with(digits, "-").to_numpy(zero_copy_only=False), -1, 1)
    return np.asarray(sign * (hours * 60 + minutes) * 60_000_000, np.int64)


def _localised(micros: Ints, timezone: tzinfo) -> Times:
    """Exchange time to UTC. Times that the clocks skip or repeat cannot be told apart, and are refused."""
    stamps = pd.DatetimeIndex(micros.astype("M8[us]"))
    aware = stamps.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    if aware.hasnans:
        row = int(np.argmax(aware.isna()))
        raise BadTime(row, f"{stamps[row]} does not exist or happens twice in {timezone}; write its offset")
    return _whole(aware.tz_convert("UTC").as_unit("us").asi8, naive=True)


def _whole(micros: Ints, *, naive: bool) -> Times:
    return Times(micros // 1_000_000, micros % 1_000_000 != 0, naive)


def _ints(text: pa.Array) -> Ints:
    filled = pc.if_else(pc.equal(text, ""), "0", text)
    return np.asarray(filled.cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)


def _require(good: pa.Array, text: pa.Array, problem: str) -> None:
    bad = ~good.to_numpy(zero_copy_only=False)
    if bad.any():
        row = int(np.argmax(bad))
        raise BadTime(row, f"{text[row].as_py()!r} {problem}")
