"""`livetrader status`, `positions`, `orders`, `trades`, `why`, `report`: what happened, from the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from livetrader.cli.call import Json, chosen_period, configuration, moment, one_of
from livetrader.cli.output import print_json, print_table

Row = Mapping[str, object]
FORMATS = ("terminal", "html", "json", "csv")
_Mode = Annotated[
    str | None,
    typer.Option("--mode", metavar="MODE", help="paper, dry-run, live or replay; from the config."),
]
_Date = Annotated[str | None, typer.Option("--date", metavar="DATE", help="One session, YYYY-MM-DD.")]
_First = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First session.")]
_Last = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last session.")]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader report --date 2026-02-27 --format html --out eod.html")(report)
    app.command(epilog="Example: livetrader status --json")(status)
    app.command(epilog="Example: livetrader positions --mode live")(positions)
    app.command(epilog="Example: livetrader orders --json")(orders)
    app.command(epilog="Example: livetrader trades --from 2026-02-02 --to 2026-02-27")(trades)
    app.command(epilog="Example: livetrader why RELIANCE --at 10:15")(why)


def status(ctx: typer.Context, mode: _Mode = None, as_json: Json = False) -> None:
    """Whether it runs, and what it holds.

    Read from the database: works while the daemon runs and when it is dead.
    """
    from livetrader.bootstrap import state

    found = state.status(configuration(ctx), _checked(mode))
    if as_json:
        print_json(found)
        return
    print_table(("", ""), [(key.replace("_", " "), _text(value)) for key, value in found.items()])


def positions(ctx: typer.Context, mode: _Mode = None, as_json: Json = False) -> None:
    """What is held."""
    from livetrader.bootstrap import state

    _show(state.positions(configuration(ctx), _checked(mode)), "no open positions", as_json)


def orders(
    ctx: typer.Context, on: _Date = None, first: _First = None, last: _Last = None, mode: _Mode = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Orders, and what became of them."""
    from livetrader.bootstrap import state

    span = chosen_period(on, first, last)
    _show(state.orders(configuration(ctx), _checked(mode), span), "no orders", as_json)


def trades(
    ctx: typer.Context, on: _Date = None, first: _First = None, last: _Last = None, mode: _Mode = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Trades, with their profit and loss."""
    from livetrader.bootstrap import state

    span = chosen_period(on, first, last)
    _show(state.trades(configuration(ctx), _checked(mode), span), "no trades", as_json)


def why(
    ctx: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="The bar's close, exchange time; the latest.")
    ] = None,
    mode: _Mode = None,
    as_json: Json = False,
) -> None:
    """Why a symbol was traded, or not.

    Data age, signal, each constraint's verdict with its numbers, and the final action.
    """
    when = moment(at, "--at") if at else None
    from livetrader.bootstrap import state

    _show(state.why(configuration(ctx), _checked(mode), symbol, when), f"nothing about {symbol}", as_json)


def report(
    ctx: typer.Context,
    on: _Date = None,
    first: _First = None,
    last: _Last = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="terminal, html, json or csv.")] = "terminal",
    out: Annotated[Path | None, typer.Option("--out", metavar="PATH", help="File; stdout if not given.")] = None,
    mode: _Mode = None,
) -> None:
    """The end-of-day summary of a session or period.

    Without dates: the latest session.
    """
    one_of(form, "--format", FORMATS)
    span = chosen_period(on, first, last)
    from livetrader.bootstrap import reports

    written = reports.report(configuration(ctx), _checked(mode), span, form, out)
    if written is not None:
        typer.echo(f"report: {written}", err=True)


def _checked(mode: str | None) -> str | None:
    one_of(mode, "--mode", ("paper", "dry-run", "live", "replay"))
    return mode


def _show(rows: Sequence[Row], nothing: str, as_json: bool) -> None:
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo(nothing)
    else:
        print_table(list(rows[0]), [[_text(value) for value in row.values()] for row in rows])


def _text(value: object) -> str:
    return "" if value is None else str(value)
