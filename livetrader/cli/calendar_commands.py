"""`livetrader calendar`: show, check."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.call import Json, configuration, day, period, start_log
from livetrader.cli.group import group
from livetrader.cli.output import print_json, print_table, warn
from livetrader.errors import CalendarError

if TYPE_CHECKING:
    from livetrader.bootstrap.doctor.hours import Comparison
    from livetrader.market.calendar import Calendar

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
    span: Annotated[int, typer.Option("--days", min=1, max=366, metavar="N", help="Days compared.")] = 14,
    as_json: Json = False,
) -> None:
    """Whether the calendar is good for live trading on a day (exit code 78 if it is not).

    Where the broker is OpenAlgo, the days from there on are compared with its market timings, too.
    """
    held = _calendar(ctx)
    asked = day(on, "--date") if on else _today(held)
    held.require_live(asked)
    session = held.session_on(asked)
    compared = _compared(ctx, held, asked, span)
    if as_json:
        print_json(
            {
                "calendar": held.name,
                "version": held.version,
                "valid_until": held.valid_until.isoformat(),
                "date": asked.isoformat(),
                "session": session is not None,
                "broker": _document(compared),
            }
        )
    else:
        what = "no session" if session is None else f"a {session.kind} session"
        told = f"{held.name} calendar, version {held.version}, valid until {held.valid_until}; {asked} has {what}"
        typer.echo(f"differs: {told}" if compared and compared.differences else f"ok: {told}")
        _show(compared)
    if compared is not None and compared.differences:
        raise typer.Exit(CalendarError.exit_code)


def _compared(ctx: typer.Context, held: Calendar, first: date, span: int) -> Comparison | None:
    """The days from `first` on against the broker's; None where no broker tells its hours."""
    found = configuration(ctx)
    if found.settings.broker.kind != "openalgo" or held.name != "nse":
        return None
    start_log(ctx, found, "TOOL")
    from livetrader.bootstrap.doctor.hours import compare, days_from
    from livetrader.bootstrap.doctor.subject import reader
    from livetrader.brokers.openalgo.reader import OpenAlgoReader
    from livetrader.market.clock import SystemClock

    broker = reader(found, SystemClock())
    assert isinstance(broker, OpenAlgoReader), "it is what the settings say"
    return compare(broker, held, found.settings.broker.exchange, days_from(first, span, held))


def _document(compared: Comparison | None) -> dict[str, object] | None:
    if compared is None:
        return None
    differences = [
        {"date": one.date.isoformat(), "ours": one.ours, "theirs": one.theirs} for one in compared.differences
    ]
    return {"days": compared.days, "hours_trusted": compared.trusted, "differences": differences}


def _show(compared: Comparison | None) -> None:
    if compared is None:
        typer.echo("not compared: no broker that tells its hours is configured")
        return
    if compared.differences:
        rows = [(f"{one.date:%Y-%m-%d %a}", one.ours, one.theirs) for one in compared.differences]
        print_table(("date", "ours", "the broker's"), rows)
    else:
        typer.echo(f"the broker has the same {compared.days} days")
    if not compared.trusted:
        warn(["only days were compared, the broker's hours are of another time zone: run it with TZ=Asia/Kolkata"])


def _calendar(ctx: typer.Context) -> Calendar:
    from livetrader.market.calendar import load

    found = configuration(ctx)

    def stored(zone: tzinfo) -> list[date]:
        from livetrader.bootstrap.candles import open_candles

        with open_candles(found, read_only=True) as store:
            return store.dates(zone)

    market = found.settings.market
    return load(market.calendar, square_off=market.square_off, dates=stored)


def _today(held: Calendar) -> date:
    from livetrader.market.clock import SystemClock

    return datetime.fromtimestamp(SystemClock().now(), held.timezone).date()


def _span(held: Calendar, first: str | None, last: str | None) -> tuple[date, date]:
    from datetime import timedelta

    start = day(first, "--from") if first else _today(held)
    end = day(last, "--to") if last else min(start + timedelta(days=14), max(held.valid_until, start))
    return period(str(start), str(end))
