"""`livetrader init`: the files that a new folder needs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from livetrader import files
from livetrader.cli.call import globals_of
from livetrader.cli.interview import Answers, interview, keep_key, with_answers
from livetrader.cli.units import units


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: livetrader init /srv/trader --no-input")(init)


def init(
    ctx: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder; made if need be.")] = Path("."),
) -> None:
    """Set up a folder: config.yaml, lists, systemd units.

    Also .env.example. On a terminal it asks for the broker, its address and key. No file is replaced without asking.
    """
    ask = not globals_of(ctx).no_input and sys.stdin.isatty()
    answers = interview() if ask and not (directory / "config.yaml").exists() else Answers()
    kept = 0
    for path, text in _files(directory.absolute(), answers.settings):
        if path.exists() and path.read_text("utf-8", errors="replace") == text:
            continue
        if path.exists() and not (ask and typer.confirm(f"{path} is there and differs; replace it?", err=True)):
            typer.echo(f"kept     {path}")
            kept += 1
            continue
        files.write(path, text)
        typer.echo(f"written  {path}")
    if kept and not ask:
        typer.echo("kept files differ from the new ones; remove them first to have them replaced", err=True)
    if answers.key:
        typer.echo(keep_key(directory.absolute() / ".env", answers.key))
    there = "" if directory == Path(".") else f"cd {directory}, then "
    if answers.settings:
        typer.echo(f"next: {there}`livetrader doctor --live`, `livetrader data fetch`, and `livetrader run`")
        return
    typer.echo(
        f"next: {there}bring candles with `livetrader data import FILE --interval 5m` "
        "(or `livetrader data simulate`), and `livetrader run`"
    )


def _files(directory: Path, answers: Mapping[tuple[str, str], str]) -> list[tuple[Path, str]]:
    """Target and content of each file. Symbol lists are the templates that end in .csv."""
    from livetrader.bootstrap.doctor.places import folders
    from livetrader.config import Settings

    templates = resources.files("livetrader.cli") / "templates"
    text = {entry.name: entry.read_text("utf-8") for entry in templates.iterdir() if entry.is_file()}
    config = directory / "config.yaml"
    settings = Settings.model_validate({}, context={"directory": directory})  # the template says the same
    made = units([settings], config, "system", folders(settings))
    return [
        (config, with_answers(text["config.yaml"], answers)),
        (directory / ".env.example", text["env.example"]),
        *((directory / name, unit) for name, unit in made.items()),
        *((directory / "symbol_lists" / name, text[name]) for name in sorted(text) if name.endswith(".csv")),
    ]
