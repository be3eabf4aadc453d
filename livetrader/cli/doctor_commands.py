"""`livetrader doctor` and `login`: whether all is ready for the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.call import Json, each_portfolio, one_portfolio, start_log
from livetrader.cli.output import print_json, print_styled
from livetrader.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from livetrader.bootstrap.doctor.findings import Said

_STYLES = {"ok": "", "warn": "yellow", "fail": "bold red"}


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader doctor --live")(doctor)
    app.command(epilog="Example: livetrader login openalgo --wait 300")(login)


def doctor(
    ctx: typer.Context,
    live: Annotated[bool, typer.Option("--live", help="Ask the broker, too: login, symbols, hours.")] = False,
    as_json: Json = False,
) -> None:
    """What will fail when the market opens, and what mends it.

    Configuration, calendar, clock, lock, state, disk, candles. Sends no order and changes nothing. The exit code is
    that of the failure which a start would meet first; 0 if nothing fails.
    """
    from livetrader.bootstrap.doctor.findings import exit_code

    found = _examined(ctx, live)
    if as_json:
        documents = {
            name: {"findings": [_row(one) for one in said], "exit_code": exit_code(said)}
            for name, said in found.items()
        }
        print_json(documents.get("", documents))
    else:
        for name, said in found.items():
            if name:
                print_styled(name, "bold")
            _show(said)
    if code := exit_code([one for said in found.values() for one in said]):
        raise typer.Exit(code)


def _row(one: Said) -> dict[str, object]:
    from livetrader.config.secrets import redact

    found = one.finding
    return {
        "check": one.check,
        "outcome": str(found.level),
        "what": redact(found.what),
        "remedy": found.remedy or None,
        "exit_code": found.exit_code,
    }


def _examined(ctx: typer.Context, live: bool) -> Mapping[str, Sequence[Said]]:
    """What was found of each portfolio, under "" where there is only one."""
    from livetrader.bootstrap.doctor.examination import examine, unreadable
    from livetrader.market.clock import SystemClock

    try:
        found = each_portfolio(ctx)
    except UsageError:
        raise
    except ConfigError as error:
        return {"": unreadable(error)}
    start_log(ctx, next(iter(found.values())), "TOOL")
    return {name: examine(one, SystemClock(), live=live) for name, one in found.items()}


def _show(said: Sequence[Said]) -> None:
    from livetrader.config.secrets import redact

    width = max(len(one.check) for one in said)
    for one in said:
        level, margin = str(one.finding.level), " " * (width + 8)
        print_styled(redact(f"{level:<4}  {one.check:<{width}}  {one.finding.what}"), _STYLES[level])
        if one.finding.remedy:
            print_styled(f"{margin}→ {one.finding.remedy}", _STYLES[level])


def login(
    ctx: typer.Context,
    broker: Annotated[str, typer.Argument(metavar="BROKER", help="openalgo or loopback.")],
    wait: Annotated[float, typer.Option("--wait", min=0, metavar="SECONDS", help="How long to wait.")] = 120.0,
) -> None:
    """Wait until the broker lets us in.

    OpenAlgo logs in to the broker in its own page: open it in a browser. Exit code 77 if that does not come in time.
    """
    found = one_portfolio(ctx)
    kind = found.settings.broker.kind
    if broker != kind:
        raise UsageError(f"BROKER {broker}: broker.kind is {kind or 'null'}; log in to that, or set it in config.yaml")
    if kind == "loopback":
        typer.echo("loopback: there is nothing to log in to")
        return
    start_log(ctx, found, "TOOL")
    from livetrader.bootstrap.doctor.login import wait_for_funds
    from livetrader.market.clock import SystemClock

    url = found.settings.broker.base_url
    cash = wait_for_funds(found, SystemClock(), wait, lambda: typer.echo(f"log in to the broker at {url}", err=True))
    typer.echo(f"openalgo: logged in; {cash:.2f} {found.settings.capital.currency} may be traded with")
