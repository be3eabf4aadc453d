"""Finds the configuration, lays file, environment and flags over each other, and checks the whole."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from livetrader.config import document
from livetrader.config.databases import completed
from livetrader.config.environment import Variable, read_environment, setting_path
from livetrader.config.problems import describe
from livetrader.config.secrets import Secret
from livetrader.config.settings import Settings
from livetrader.errors import ConfigError

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, and where they came from.

    `file` is the config.yaml that was read (None: built-in defaults) and `directory` its folder, against
    which relative paths were resolved. `origins` holds the origin of every key that was set, by dotted path.
    """

    settings: Settings
    directory: Path
    file: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict, repr=False)

    def where(self, *paths: str) -> str:
        """Origin of the first of these settings that was set, `default` if none was.

        `config.yaml:41`, `environment LIVETRADER__…` or `flag --mode`.
        """
        return next((self.origins[path] for path in paths if path in self.origins), DEFAULT)

    def secret(self, name: str) -> Secret:
        """The secret of that name from environment, systemd credential or .env; ConfigError if unset."""
        variable = self.variables.get(name)
        if variable is None or not variable.value:
            raise ConfigError(
                f"{name}: is not set; put it into the environment, a systemd credential, "
                f"or {self.directory}/.env (mode 0600)"
            )
        return Secret(variable.value)


def load(
    path: str | Path | None = None,
    *,
    flags: Mapping[str, tuple[str, object]] | None = None,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Configuration:
    """The configuration; ConfigError with every problem in it.

    `path` is the file, searched if None: `directory`/config.yaml, then the user's configuration directory,
    else the built-in defaults. `flags` maps a setting's dotted path to (flag, value), and wins over the
    environment, which wins over the file. `directory` is the current one unless given.
    """
    environ = os.environ if environ is None else environ
    here = (directory or Path.cwd()).absolute()
    file, name = _find(path, here, environ)
    content = document.read(file, name) if file else document.Document("built-in defaults", {}, {})
    base = file.absolute().parent if file else here
    variables = read_environment(environ, base) if file else read_environment(environ, Path(os.devnull))
    values: dict[str, object] = _copy(content.values)
    origins = {key: f"{content.name}:{line}" for key, line in content.lines.items()}
    for variable, held in variables.items():
        if key := setting_path(variable):
            _lay(values, origins, key, document.scalar(held.value), held.origin)
    for key, (flag, value) in (flags or {}).items():
        _lay(values, origins, key, value, f"flag {flag}")
    settings, problems = _checked(values, origins, base, content.name)
    if settings is None or content.problems:
        raise ConfigError(sorted((*content.problems, *problems), key=_line))
    settings = _completed(settings, variables)
    _register_passwords(settings)
    return Configuration(settings, base, file, origins, variables)


def _find(path: str | Path | None, here: Path, environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """The file to read, and its name in messages."""
    if path is not None:
        return here / Path(path).expanduser(), str(path)
    if (here / "config.yaml").exists():
        return here / "config.yaml", "config.yaml"
    user = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "livetrader" / "config.yaml"
    return (user, str(user)) if user.exists() else (None, "")


def _copy(values: Mapping[str, object]) -> dict[str, object]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _lay(values: dict[str, object], origins: dict[str, str], path: str, value: object, origin: str) -> None:
    """Sets `path`; a mapping is laid over what is there key by key."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            _lay(values, origins, f"{path}.{key}", part, origin)
        return
    *sections, last = path.split(".")
    for section in sections:
        inner = values.get(section)
        if not isinstance(inner, dict):
            inner = values[section] = {}
        values = inner
    values[last] = value
    origins[path] = origin


def _checked(
    values: dict[str, object], origins: Mapping[str, str], base: Path, name: str
) -> tuple[Settings | None, list[str]]:
    try:
        return Settings.model_validate(values, context={"directory": base}), []
    except ValidationError as error:
        return None, [describe(detail, origins, name) for detail in error.errors()]


def _line(problem: str) -> int:
    """Problems of the file come first, in its order."""
    match = re.match(r"[^ ]*?:(\d+): ", problem)
    return int(match[1]) if match else sys.maxsize


def _completed(settings: Settings, variables: Mapping[str, Variable]) -> Settings:
    """With what database URLs leave to the environment. A URL that says nothing is that of TIMESCALE_DB_*."""
    state, candles = settings.state, settings.candles
    prefixes = ("STATE_DB", "TIMESCALE_DB") if state.url.endswith("://") else ("STATE_DB",)
    whole = {
        "state": state.model_copy(update={"url": completed(state.url, variables, *prefixes)}),
        "candles": candles.model_copy(update={"url": completed(candles.url, variables, "TIMESCALE_DB")}),
    }
    return settings.model_copy(update=whole)


def _register_passwords(settings: Settings) -> None:
    for url in (settings.candles.url, settings.state.url):
        if password := urlsplit(url).password:
            Secret(password)
            Secret(unquote(password))
