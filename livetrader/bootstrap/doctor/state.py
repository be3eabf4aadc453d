"""Checks of the state: its database, who holds it, what is latched and open, and whether time goes forward."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

from livetrader.bootstrap.account import kill_file, lock_file
from livetrader.bootstrap.doctor.findings import Finding, fail, ok, warn
from livetrader.bootstrap.doctor.subject import Subject
from livetrader.config import Settings
from livetrader.errors import AlreadyRunning
from livetrader.ports import wall_time
from livetrader.store.dialects import database_of
from livetrader.store.faults import NoState
from livetrader.store.latch_file import is_on
from livetrader.store.lock import holder
from livetrader.store.queries import Queries, Status, open_queries

# The clock's own word in a record is not compared closer than this.
BACK_SECONDS = 2.0


def database(subject: Subject) -> Iterator[Finding]:
    """Whether the state opens, is of today's schema and whole, and its audit chain verifies."""
    settings = subject.settings
    try:
        with _queries(settings) as queries:
            rows = queries.check()
            yield ok(f"{queries.where}: whole; {rows['audit']} rows of the audit log follow from each other")
    except NoState as none:
        yield ok(f"{none.where}: there is none yet; the first `livetrader run` makes it")
        return
    made = database_of(settings.state.url, settings.state_name(), read_only=True)
    if doubts := made.doubts():
        yield warn(f"{made.where}: commits may be lost: {doubts}", "set that in the server's configuration")


def lock(subject: Subject) -> Iterator[Finding]:
    """Who trades this account. One since today is the day's trader; an older one hangs."""
    path = lock_file(subject.settings)
    found = holder(path)
    if found is None:
        yield ok("nobody holds the lock")
        return
    who = "another process" if found.pid is None else f"process {found.pid}"
    since = None if found.since is None else found.since.astimezone(subject.now.tzinfo)
    ends = subject.workspace.calendar.name != "24x7"
    if since is not None and ends and since.date() < subject.today:
        stops = f"`kill {found.pid}`, or `kill -9 {found.pid}`; then `livetrader status`"
        what = f"{path}: {who} has held the lock since {since:%a %d %b %H:%M}: a day's trader ends with its session"
        yield fail(what, stops, AlreadyRunning.exit_code)
    else:
        yield ok(f"{who} runs" + ("" if since is None else f" since {since:%H:%M:%S}"))


def kill_switch(subject: Subject) -> Iterator[Finding]:
    """The kill file, which counts whatever the database says."""
    file = kill_file(subject.settings)
    if is_on(file):
        yield warn(f"{file}: is there, so no entry is taken", "`livetrader resume`")


def standing(subject: Subject) -> Iterator[Finding]:
    """Latches, alerts, orders of unknown fate, and another host's lease."""
    with _queries(subject.settings) as queries:
        found, unknown = queries.status(), queries.unknown_orders()
    for latch in found.latches.values():
        symbol = latch.name.removeprefix("symbol:")
        command = "`livetrader resume`" if symbol == latch.name else f"`livetrader resume {symbol}`"
        yield warn(f"latch {latch.name}: {latch.reason}", command)
    for alert in found.alerts:
        yield warn(f"alert: {alert.text}", "`livetrader status`; `livetrader resume` settles what you have seen")
    if unknown:
        names = ", ".join(sorted({one.intent.symbol for one in unknown}))
        yield warn(f"{len(unknown)} orders of unknown fate: {names}", "`livetrader reconcile`")
    yield from _lease(subject, found)


def _lease(subject: Subject, found: Status) -> Iterator[Finding]:
    lease = found.lease
    # The lock keeps those of one host apart, so a lease of our own is no obstacle.
    if lease is None or lease.expires_at <= wall_time(subject.clock):
        return
    if lease.holder.partition(":")[0] != os.uname().nodename:
        what = f"{lease.holder} trades this account, by its lease until {lease.expires_at:%H:%M:%S} UTC"
        yield fail(what, "stop it there, or wait a minute; then `livetrader status`", AlreadyRunning.exit_code)


def clock(subject: Subject) -> Iterator[Finding]:
    """Whether this machine's clock is behind what it has recorded."""
    with _queries(subject.settings) as queries:
        run = queries.status().last_run
    if run is None:
        return
    last = max(run.started_at, run.stopped_at or run.started_at)
    behind = last - wall_time(subject.clock)
    if behind > timedelta(seconds=BACK_SECONDS):
        what = f"the clock is {behind} behind the last run, which it recorded as {last:%Y-%m-%d %H:%M:%S} UTC"
        yield fail(what, "`timedatectl set-ntp true`", 78)


def _queries(settings: Settings) -> AbstractContextManager[Queries]:
    return open_queries(settings.state.url, settings.state_name(), settings.state.directory)
