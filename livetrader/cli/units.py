"""The systemd units of a desk, made from its settings."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from livetrader.config import Settings

Scope = Literal["system", "user"]
SERVICE, TIMER = "livetrader.service", "livetrader.timer"

# A loop that waits for its broker completes no scan, and ends by itself when its patience does.
_BEYOND_PATIENCE_SECONDS = 120

# What lies in these is hidden by ProtectHome=yes.
_HOMES = (Path("/home"), Path("~root").expanduser(), Path("/run/user"))


def units(
    settings: Sequence[Settings],
    file: Path,
    scope: Scope,
    folders: Sequence[Path],
    credentials: Sequence[str] = (),
) -> dict[str, str]:
    """The units by name. `settings` are those of all portfolios that run in the one process, `file` is config.yaml,
    `folders` those that are written to, `credentials` NAME:PATH each."""
    home, command = file.parent, _command()
    fields = {
        "DIRECTORY": _escaped(home),  # the one place that takes no quotes
        "COMMAND": _quoted(_escaped(command)),
        "CONFIG": _quoted(_escaped(file)),
        "WATCHDOG": str(int(max(one.broker.patience_seconds for one in settings)) + _BEYOND_PATIENCE_SECONDS),
        "CREDENTIALS": "".join(f"LoadCredential={one}\n" for one in credentials),
        "SANDBOX": _sandbox(home, command, folders) if scope == "system" else "",
        "TARGET": "multi-user.target" if scope == "system" else "default.target",
        "LIVE": " --yes-live" if any(one.mode == "live" for one in settings) else "",
    }
    alone = _alone(settings)
    fields["PORTFOLIO"] = f" --portfolio {alone}" if alone else ""
    return {named(name, alone): _filled(name, fields) for name in (SERVICE, TIMER)}


def named(unit: str, portfolio: str) -> str:
    """The name of a unit: livetrader.service, or livetrader-crypto.service for a portfolio by itself."""
    return unit.replace(".", f"-{portfolio}.") if portfolio else unit


def _alone(settings: Sequence[Settings]) -> str:
    return settings[0].portfolio if len(settings) == 1 else ""


def cron_lines(file: Path) -> str:
    """What does the same without systemd, as far as cron can."""
    fields = {"DIRECTORY": file.parent, "COMMAND": _command(), "CONFIG": file}
    return _filled("crontab", {name: shlex.quote(str(path)).replace("%", r"\%") for name, path in fields.items()})


def _sandbox(home: Path, command: Path, folders: Sequence[Path]) -> str:
    hidden = any(home.is_relative_to(one) or command.is_relative_to(one) for one in _HOMES)
    owner = home.owner() if home.exists() else "root"
    fields = {
        "PROTECT_HOME": "read-only" if hidden else "yes",
        "FOLDERS": " ".join(_quoted(f"-{_escaped(one)}") for one in _outermost(folders)),
        "USER": f"User={owner}\nPrivateUsers=yes\n" if owner != "root" else "# User=trader\n# PrivateUsers=yes\n",
    }
    return _filled("sandbox", fields)


def _outermost(folders: Sequence[Path]) -> list[Path]:
    return [one for one in sorted(set(folders)) if not any(other in one.parents for other in folders)]


def _escaped(path: Path) -> str:
    """A path in a unit: a percent sign begins something else there."""
    return str(path).replace("%", "%%")


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def _filled(name: str, fields: dict[str, str]) -> str:
    text = (resources.files("livetrader.cli") / "templates" / name).read_text("utf-8")
    for field, value in fields.items():
        text = text.replace(f"@{field}@", value)
    return text


def _command() -> Path:
    """The installed command: systemd wants its full path."""
    return Path(sys.executable).with_name("livetrader")
