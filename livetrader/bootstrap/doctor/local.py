"""Checks of this machine: files, candles, disk, calendar."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from livetrader.bootstrap.candles import remedy
from livetrader.bootstrap.checks import problems
from livetrader.bootstrap.doctor.findings import Finding, fail, ok, shortened, warn
from livetrader.bootstrap.doctor.places import folders
from livetrader.bootstrap.doctor.subject import Subject
from livetrader.bootstrap.notifying import outside
from livetrader.bootstrap.trader import OPENALGO_KEY
from livetrader.domain.interval import Interval
from livetrader.domain.session import Session
from livetrader.errors import ConfigError
from livetrader.marketdata.location import place_of
from livetrader.store.location import ballast_path, has_state, state_path

# A disk with less room than this is full tomorrow, or today.
LITTLE_BYTES, TOO_LITTLE_BYTES = 1 << 30, 64 << 20

# NSE publishes the next year's holidays in December.
DAYS_LEFT = 30


def configuration(subject: Subject) -> Iterator[Finding]:
    """What `config check` says, and who may change the file."""
    file, wrong = subject.configuration.file, problems(subject.configuration)
    for line in wrong:
        yield fail(line, "correct it, then `livetrader config check`", ConfigError.exit_code)
    if file is None:
        yield warn("there is no config.yaml: built-in defaults", "`livetrader init`")
    elif file.stat().st_mode & 0o022:
        yield warn(f"{file}: others may change it", f"`chmod go-w {file}`")
    elif not wrong:
        yield ok(f"{file}, mode {subject.settings.mode}")


def secrets(subject: Subject) -> Iterator[Finding]:
    """Whether the broker's key is there, and where it comes from. A `.env` that others may read is never loaded."""
    settings, found = subject.settings, subject.configuration
    env = found.directory / ".env"
    if env.exists():
        yield ok(f"{env}: nobody else may read it")
    if settings.broker.kind != "openalgo":
        return
    needed = settings.mode != "paper" or settings.feed.kind is not None
    if not needed and not subject.live and OPENALGO_KEY not in found.variables:
        yield warn(f"{OPENALGO_KEY}: is not set; paper needs none, live does", f"`chmod 600 {env}` and put it in there")
        return
    found.secret(OPENALGO_KEY)
    yield ok(f"{OPENALGO_KEY}: from {found.variables[OPENALGO_KEY].origin}")


def notifications(subject: Subject) -> Iterator[Finding]:
    """Whether anybody is told."""
    names = [one.name for one in outside(subject.configuration).outlets]
    if names:
        yield ok(f"messages go to {', '.join(names)}; `livetrader notify test` sends one")
    else:
        yield warn("nobody is told of fills, halts and errors", "set notify.targets, then `livetrader notify test`")


def candles(subject: Subject) -> Iterator[Finding]:
    """Whether there are candles, up to the last session, of all symbols, and quickly read."""
    workspace, symbols = subject.workspace, subject.symbols
    stored = workspace.candles.finest(workspace.known(symbols))
    for line in workspace.warnings(symbols):
        what, _, statement = line.partition("; run ")  # of a table without the index that polls need
        yield warn(what, f"run `{statement}` in the database" if statement else remedy(subject.settings))
    allowed = max(one.seconds for one in stored.values()) + workspace.waits()[1]
    session = _begun(subject, allowed)
    if session is not None:
        yield from _candles_of(subject, session, stored, allowed)


def _candles_of(
    subject: Subject, session: Session, stored: Mapping[str, Interval], allowed: float
) -> Iterator[Finding]:
    store, place = subject.workspace.store, place_of(subject.settings.candles.url)
    now, intervals = int(subject.now.timestamp()), set(stored.values())
    newest, having = 0, set()
    for interval in intervals:
        bars = store.read(interval, session.opens, now, sorted(stored))
        newest = max(newest, int(bars.ts.max()) + interval.seconds) if len(bars) else newest
        having |= {bars.symbols[code] for code in set(bars.symbol.tolist())}
    if not newest:
        last = max(one.last for interval in intervals for one in store.coverage(interval).values())
        what = f"{place}: none of the session of {session.date}; the newest bar is of {_shown(subject, last)}"
        yield warn(what, remedy(subject.settings))
        return
    late = min(now, session.closes) - newest
    age = f"{place}: the newest bar closed at {_shown(subject, newest)}"
    if late > allowed:
        yield warn(f"{age}, {late // 60} min before it should have", "see to whatever writes the candles")
    else:
        yield ok(f"{age}; {len(having)} of {len(subject.symbols)} symbols")
    if missing := sorted(set(stored) - having):
        what = f"no candles of {session.date} of {len(missing)} symbols: {shortened(missing)}"
        yield warn(what, "`livetrader data check`")


def _begun(subject: Subject, allowed: float) -> Session | None:
    """The last session that began more than `allowed` seconds ago: some bar of it has closed, and is there."""
    past = subject.workspace.calendar.before(subject.today + timedelta(days=1), 10)
    return next((one for one in reversed(past) if one.opens < subject.now.timestamp() - allowed), None)


def _shown(subject: Subject, instant: int) -> str:
    return f"{datetime.fromtimestamp(instant, subject.workspace.calendar.timezone):%a %d %b %Y %H:%M}"


def calendar(subject: Subject) -> Iterator[Finding]:
    """Whether the calendar knows today, and for how long it goes on."""
    held, today = subject.workspace.calendar, subject.today
    if subject.live or subject.settings.mode == "live":
        held.require_live(today)
    session = held.session_on(today)
    following = session or held.after(today)
    hours = "none is known" if following is None else _hours(subject, following)
    what = f"{held.name}: {'' if session else 'no session today; '}the next session {hours}"
    left = (held.valid_until - today).days
    if left <= DAYS_LEFT:
        yield warn(f"{what}; the calendar ends in {left} days, on {held.valid_until}", "update livetrader")
    else:
        yield ok(what if held.name == "24x7" else f"{what}; the calendar is valid until {held.valid_until}")


def _hours(subject: Subject, session: Session) -> str:
    zone = subject.workspace.calendar.timezone
    opens, closes = session.open_at.astimezone(zone), session.close_at.astimezone(zone)
    kind = "" if session.kind == "regular" else f" ({session.kind})"
    return f"is {opens:%a %d %b %H:%M} to {closes:%H:%M}{kind}"


def disk(subject: Subject) -> Iterator[Finding]:
    """Whether there is room where files are written, and that it may be written to; and the state's ballast."""
    disks: dict[int, list[Path]] = {}
    for folder in folders(subject.settings):
        there = next(one for one in (folder, *folder.parents) if one.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            yield fail(f"{there}: cannot be written", f"`chown -R $USER {there}`, or name another place", 74)
        disks.setdefault(there.stat().st_dev, []).append(there)
    for places in disks.values():
        room = shutil.disk_usage(places[0]).free
        what = f"{room / (1 << 30):.1f} GB are free at {', '.join(sorted({str(one) for one in places}))}"
        if room < TOO_LITTLE_BYTES:
            yield fail(what, "free some space, then `livetrader resume`", 74)
        else:
            yield warn(what, "free some space: `df -h`, `du -sh logs data`") if room < LITTLE_BYTES else ok(what)
    state, mode = subject.settings.state, subject.settings.state_name()
    ballast = ballast_path(state.url, mode)
    if ballast is not None and has_state(state_path(state.url, mode)) and not ballast.exists():
        yield warn(f"{ballast}: is not there, so a full disk stops exits too", "`livetrader resume` makes it anew")
