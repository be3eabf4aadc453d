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
from livetrader.config.environment import PORTFOLIO, Variable, read_environment, setting_path
from livetrader.config.portfolios import SECTION, overlay
from livetrader.config.problems import describe
from livetrader.config.secrets import Secret
from livetrader.config.settings import Settings
from livetrader.errors import ConfigError, UsageError

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, and where they came from.

    `file` is the config.yaml that was read (None: built-in defaults) and `directory` its folder, against
    which relative paths were resolved. `origins` holds the origin of every key that was set, by dotted path.
    `portfolios` names all that the file has; `settings.portfolio` is the one that these settings are of, if any.
    """

    settings: Settings
    directory: Path
    file: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict, repr=False)
    portfolios: tuple[str, ...] = ()

    def where(self, *paths: str) -> str:
        """Origin of the first of these settings that was set, `default` if none was.

        `config.yaml:41`, `environment LIVETRADER__…` or `flag --mode`.
        """
        return next((self.origins[path] for path in paths if path in self.origins), DEFAULT)

    def secret(self, name: str) -> Secret:
        """The secret of that name from environment, systemd credential or .env; ConfigError if unset.

        A portfolio's own one, with the portfolio's name behind it (LIVETRADER_OPENALGO_KEY_CRYPTO), comes first.
        """
        own = f"{name}_{self.settings.portfolio.upper()}"
        variable = self.variables.get(own) or self.variables.get(name)
        if variable is None or not variable.value:
            raise ConfigError(
                f"{name}: is not set; put it into the environment, a systemd credential, "
                f"or {self.directory}/.env (mode 0600)"
            )
        return Secret(variable.value)


def load(
    path: str | Path | None = None,
    *,
    portfolio: str | None = None,
    flags: Mapping[str, tuple[str, object]] | None = None,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Configuration:
    """The configuration; ConfigError with every problem in it, those of all portfolios included.

    `path` is the file, searched if None: `directory`/config.yaml, then the user's configuration directory,
    else the built-in defaults. `portfolio` is the one whose settings are wanted (None: LIVETRADER_PORTFOLIO, else what
    the file says outside of them); UsageError if there is none of that name. `flags` maps a setting's dotted path to
    (flag, value), and wins over the environment, which wins over the file. `directory` is the current one unless given.
    """
    environ = os.environ if environ is None else environ
    here = (directory or Path.cwd()).absolute()
    file, name = _find(path, here, environ)
    content = document.read(file, name) if file else document.Document("built-in defaults", {}, {})
    base = file.absolute().parent if file else here
    variables = read_environment(environ, base) if file else read_environment(environ, Path(os.devnull))
    asked = _asked(portfolio, variables)
    # Flags are about what is asked for: of one portfolio, or of all.
    outside = _layer(content, variables, flags or {}, "")
    layers = {"": outside}
    for one in _names(outside.values):
        layers[one] = _layer(content, variables, flags or {} if asked in ("", one) else {}, one)
    found = {one: layer.checked(base) for one, layer in layers.items()}
    problems = dict.fromkeys(problem for _, wrong in found.values() for problem in wrong)
    if problems or content.problems:
        raise ConfigError(sorted((*content.problems, *problems), key=_line))
    settings = {one: _completed(made, variables) for one, (made, _) in found.items() if made is not None}
    names = tuple(one for one in settings if one)
    if asked not in settings:
        raise UsageError(_unknown(asked, portfolio, name or "the configuration", names))
    _require_apart({one: settings[one] for one in names}, layers)
    _register_passwords(settings[""])
    return Configuration(settings[asked], base, file, layers[asked].origins, variables, names)


def _asked(portfolio: str | None, variables: Mapping[str, Variable]) -> str:
    if portfolio is not None:
        return portfolio
    held = variables.get(PORTFOLIO)
    return "" if held is None else held.value


def _unknown(asked: str, given: str | None, file: str, names: tuple[str, ...]) -> str:
    who = f"{PORTFOLIO if given is None else '--portfolio'} {asked}"
    has = f"it has {', '.join(names)}" if names else "it has no portfolios"
    return f"{who}: there is none of this name in {file}; {has}"


def _names(values: Mapping[str, object]) -> tuple[str, ...]:
    held = values.get(SECTION)
    return tuple(held) if isinstance(held, Mapping) else ()


@dataclass(frozen=True, slots=True)
class _Layer:
    """All that is set of one portfolio's settings (name "": what stands outside of them). `own` has the paths that the
    portfolio sets, with those at which they stand in the file."""

    portfolio: str
    document: str
    values: dict[str, object]
    origins: dict[str, str]
    own: dict[str, str]

    def checked(self, base: Path) -> tuple[Settings | None, list[str]]:
        context = {"directory": base, "portfolio": self.portfolio}
        try:
            return Settings.model_validate(self.values, context=context), []
        except ValidationError as error:
            return None, [describe(detail, self.origins, self.document, self.own) for detail in error.errors()]

    def lay(self, path: str, value: object, origin: str, there: str | None = None) -> None:
        self.own[path] = there or path
        _lay(self.values, self.origins, path, value, origin)


def _layer(
    content: document.Document,
    variables: Mapping[str, Variable],
    flags: Mapping[str, tuple[str, object]],
    portfolio: str,
) -> _Layer:
    """File, the portfolio's part of it, environment and flags, each over what is before it."""
    values, origins = _copy(content.values), {key: f"{content.name}:{line}" for key, line in content.lines.items()}
    own: dict[str, str] = {}
    if portfolio:
        parts = values.pop(SECTION, None)
        part = parts.get(portfolio) if isinstance(parts, dict) else None
        own = overlay(values, origins, part if isinstance(part, Mapping) else {}, portfolio)
    layer = _Layer(portfolio, content.name, values, origins, own)
    for key, there, value, origin in _of_environment(variables, portfolio):
        layer.lay(key, value, origin, there)
    for key, (flag, value) in flags.items():
        layer.lay(key, value, f"flag {flag}")
    return layer


def _of_environment(variables: Mapping[str, Variable], portfolio: str) -> list[tuple[str, str, object, str]]:
    """The settings in the environment: path, path as it is written, value, origin. A portfolio's own ones come last,
    and so win."""
    held = [
        (key, document.scalar(one.value), one.origin) for name, one in variables.items() if (key := setting_path(name))
    ]
    if not portfolio:
        return [(key, key, value, origin) for key, value, origin in held]
    mine = f"{SECTION}.{portfolio}."
    general = [(key, key, value, origin) for key, value, origin in held if not key.startswith(f"{SECTION}.")]
    return general + [
        (key.removeprefix(mine), key, value, origin) for key, value, origin in held if key.startswith(mine)
    ]


def _require_apart(settings: Mapping[str, Settings], layers: Mapping[str, _Layer]) -> None:
    """Two portfolios on one account would each take the other's orders for not theirs."""
    problems = []
    for one, other in _account_conflicts(settings):
        origins = layers[other].origins
        where = next((origins[path] for path in ("mode", "broker.kind", "broker") if path in origins), DEFAULT)
        problems.append(
            f"{where}: portfolios {one} and {other} would trade the same account of {settings[one].broker.kind}, live: "
            "give one of them another broker, or another mode"
        )
    if problems:
        raise ConfigError(problems)


def _account_conflicts(settings: Mapping[str, Settings]) -> list[tuple[str, str]]:
    """Pairs of portfolios that would trade one account of one broker, live."""
    accounts: dict[tuple[str, str], str] = {}
    found = []
    for name, one in settings.items():
        broker = one.broker
        if one.mode != "live" or broker.kind is None:
            continue
        key = (broker.kind, broker.base_url if broker.kind == "openalgo" else broker.url)
        if key in accounts:
            found.append((accounts[key], name))
        accounts.setdefault(key, name)
    return found


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
