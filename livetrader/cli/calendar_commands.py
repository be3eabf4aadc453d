"""`livetrader calendar`: show, check."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.call import Json, configuration, day, period
from livetrader.cli.group import group
from livetrader.cli.output import print_json, print_table

if TYPE_CHECKING:
    from livetrader.config.settings import Market
    from livetrader.market.calendar import Calendar
    from livetrader.marketdata.store import CandleStore

calendar = group("calendar", "Sessions and holidays.", "livetrader calendar show")


def register(app: typer.Typer) -> None:
    app.add_typer(calendar)


@calendar.command(epilog="Example: livetrader calendar show --from 2026-11-01 --to 2026-11-30")
def show(
    ctx: typer.Context,
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First day; today.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day; two weeks after the first.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sessions, holidays and special sessions of some days, with the source of each."""
    held = _calendar(ctx)
    days = held.describe(*_span(held, first, last))
    if as_json:
        print_json(
            [{"date": d.date.isoformat(), "kind": d.kind, "hours": d.parts, "provenance": d.provenance} for d in days]
        )
        return
    rows = [(f"{d.date:%Y-%m-%d %a}", d.kind, d.parts, d.provenance) for d in days]
    print_table(("date", "kind", f"hours ({held.timezone})", "source"), rows)


@calendar.command(epilog="Example: livetrader calendar check --date 2026-12-31")
def check(
    ctx: typer.Context,
    on: Annotated[str | None, typer.Option("--date", metavar="DATE", help="The day; today.")] = None,
    as_json: Json = False,
) -> None:
    """Whether the calendar is good for live trading on a day (exit code 78 if it is not)."""
    held = _calendar(ctx)
    asked = day(on, "--date") if on else _today(held)
    held.require_live(asked)
    session = held.session_on(asked)
    if as_json:
        print_json(
            {
                "calendar": held.name,
                "version": held.version,
                "valid_until": held.valid_until.isoformat(),
                "date": asked.isoformat(),
                "session": session is not None,
            }
        )
        return
    what = "no session" if session is None else f"a {session.kind} session"
    typer.echo(f"ok: {held.name} calendar, version {held.version}, valid until {held.valid_until}; {asked} has {what}")


def _calendar(ctx: typer.Context) -> Calendar:
    settings = configuration(ctx).settings
    if settings.market.calendar != "observed":
        return calendar_of(settings.market)
    from livetrader.marketdata.store import open_store

    with open_store(settings.candles.url, read_only=True) as store:
        return calendar_of(settings.market, store)


def calendar_of(market: Market, store: CandleStore | None = None) -> Calendar:
    """The configured calendar; `store` has the dates of an observed one."""
    from livetrader.market.calendar import load, observed

    if market.calendar != "observed" or store is None:
        return load(market.calendar, square_off=market.square_off)
    return observed(store.dates(load("nse").timezone), square_off=market.square_off)


def _today(held: Calendar) -> date:
    from livetrader.market.clock import SystemClock

    return datetime.fromtimestamp(SystemClock().now(), held.timezone).date()


def _span(held: Calendar, first: str | None, last: str | None) -> tuple[date, date]:
    from datetime import timedelta

    start = day(first, "--from") if first else _today(held)
    end = day(last, "--to") if last else min(start + timedelta(days=14), max(held.valid_until, start))
    return period(str(start), str(end))
