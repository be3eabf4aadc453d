"""`livetrader sim`: the order path lives through days of faults, a seed each."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader.cli.call import Json, globals_of
from livetrader.cli.output import print_json, print_styled, print_table, progress
from livetrader.errors import ReconcileMismatch, UsageError

if TYPE_CHECKING:
    from livetrader.faultsim.runs import Tally

_HEADER = ("profile", "seeds", "orders", "fills", "faults", "crashes", "broken")


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader sim --seeds 1000 --profile kite")(sim)


def sim(
    ctx: typer.Context,
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Days of each profile.")] = 1000,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="A broker's manners, such as kite; all of them.")
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Over HTTP, through the broker's adapter; slower, and other days.")
    ] = False,
    first: Annotated[int, typer.Option("--first", min=0, metavar="S", help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", min=0, metavar="S", help="One seed, told step by step.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, metavar="N", help="Processes; one for each processor.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The order path under faults: seeded days, invariants checked.

    The real engine on a real database trades at a simulated broker, while answers get lost, books lie, the process
    is killed, people meddle and clocks are set. A seed that breaks an invariant prints the line that plays it again.
    """
    if seed is not None:
        _tell(ctx, seed, profile, http, as_json)
        return
    from livetrader.faultsim.runs import EVERY_PROFILE, trials

    names = EVERY_PROFILE if profile is None else (profile,)
    with progress(globals_of(ctx).quiet) as show:
        tallies = trials(
            names, first, seeds, workers or os.cpu_count() or 1, lambda done: show("seeds", done), http=http
        )
    _show(tallies, as_json)


def _show(tallies: list[Tally], as_json: bool) -> None:
    broken = [one for tally in tallies for one in tally.broken]
    if as_json:
        print_json({"profiles": [asdict(tally) for tally in tallies]})
    else:
        rows = [[str(value) for value in list(asdict(one).values())[:-1]] + [str(len(one.broken))] for one in tallies]
        print_table(_HEADER, rows, alarming=lambda row: row[-1] != "0")
        for one in broken:
            print_styled(f"{one.again}   # {one.text}", "bold red")
    if broken:
        total = sum(tally.seeds for tally in tallies)
        raise ReconcileMismatch(f"{len(broken)} of {total} seeds broke an invariant: see `{broken[0].again}`")


def _tell(ctx: typer.Context, seed: int, name: str | None, http: bool, as_json: bool) -> None:
    """The story of one day."""
    if name is None:
        raise UsageError("--profile: is missing; a seed is another day with each: strict, open_only, tag_scan, ...")
    from livetrader.brokers.loopback.profiles import profile
    from livetrader.faultsim.runs import silence
    from livetrader.faultsim.story import tell

    if not globals_of(ctx).debug:
        silence()
    story = tell(seed, profile(name), http=http)
    if as_json:
        print_json({"seed": seed, "profile": name, "http": http, "story": story.lines, "broken": story.broken})
    else:
        for line in story.lines:
            typer.echo(line)
    if story.broken:
        raise ReconcileMismatch(f"seed {seed} of {name}: {story.broken}: the order path is at fault; do not trade live")
