"""`livetrader service`: install."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livetrader import files
from livetrader.cli.call import each_portfolio
from livetrader.cli.group import group
from livetrader.cli.units import SERVICE, TIMER, Scope, cron_lines, named, units
from livetrader.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from livetrader.config import Configuration

service = group("service", "The systemd units.", "livetrader service install --print")

_SYSTEM = Path("/etc/systemd/system")


def register(app: typer.Typer) -> None:
    app.add_typer(service)


@service.callback()
def family() -> None:
    """The systemd units."""


@service.command(epilog="Example: livetrader service install --print")
def install(
    ctx: typer.Context,
    user: Annotated[bool, typer.Option("--user", help="For your own systemd; no root, and less of a sandbox.")] = False,
    system: Annotated[bool, typer.Option("--system", help="For the machine's systemd; the default.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Show them, and write nothing.")] = False,
    credential: Annotated[
        list[str] | None,
        typer.Option("--credential", metavar="NAME:PATH", help="A secret that systemd hands over; may be repeated."),
    ] = None,
) -> None:
    """Write the service and its timer, and say how to start them.

    The service restarts after a crash, is watched by systemd, and may write to the folders of its configuration only.
    """
    if user and system:
        raise UsageError("--user: contradicts --system; give one of them")
    scope: Scope = "user" if user else "system"
    each = list(each_portfolio(ctx).values())
    found = each[0]
    if found.file is None:
        raise ConfigError("there is no config.yaml here: make one with `livetrader init`, or name it with --config")
    from livetrader.bootstrap.doctor.places import folders

    settings = [one.settings for one in each]
    places = sorted({place for one in settings for place in folders(one)})
    made = units(settings, found.file.absolute(), scope, places, _credentials(credential or []))
    if only_print:
        for name, text in made.items():
            typer.echo(f"# --- {name} ---\n{text}")
    else:
        _write(made, scope, places, found)
    typer.echo(f"# --- crontab ---\n{cron_lines(found.file.absolute())}" if only_print else _next(scope, each))


def _credentials(given: list[str]) -> list[str]:
    for one in given:
        name, _, path = one.partition(":")
        if not name.isidentifier() or not Path(path).is_absolute() or any(char.isspace() for char in path):
            raise UsageError(f"--credential {one}: write NAME:/path/to/file, without spaces")
    return given


def _write(made: dict[str, str], scope: Scope, places: list[Path], found: Configuration) -> None:
    # A folder that is not there cannot be opened for writing in the sandbox, and not made from inside it.
    for place in places:
        if not place.exists():
            files.make_folder(place)
            _give(place, found.directory)
    for name, text in made.items():
        path = files.write(_folder(scope) / name, text)
        typer.echo(f"written  {path}")


def _give(place: Path, like: Path) -> None:
    """The folder belongs to whoever the desk does: the service runs as him."""
    owner = like.stat()
    if os.geteuid() == 0 and owner.st_uid:
        shutil.chown(place, owner.st_uid, owner.st_gid)


def _folder(scope: Scope) -> Path:
    if scope == "system":
        return _SYSTEM
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "systemd" / "user"


def _next(scope: Scope, each: list[Configuration]) -> str:
    control, found = "systemctl --user" if scope == "user" else "systemctl", each[0]
    endless = any(one.settings.market.calendar == "24x7" for one in each)
    unit = named(SERVICE if endless else TIMER, found.settings.portfolio if len(each) == 1 else "")
    lines = [f"next: {control} daemon-reload && {control} enable --now {unit}"]
    if scope == "user":
        lines.append("and, so that it runs while you are logged out: loginctl enable-linger")
    elif found.directory.owner() == "root":
        lines.append(f"it would run as root: better give {found.directory} to a user of its own, and install it again")
    return "\n".join(lines)
