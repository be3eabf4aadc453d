"""`livetrader config`: check, show, schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import typer

from livetrader.cli.call import Json, configuration, each_portfolio
from livetrader.cli.group import group
from livetrader.cli.output import print_json, print_table
from livetrader.errors import ConfigError

config = group("config", "Check and show the configuration.", "livetrader config check")


def register(app: typer.Typer) -> None:
    app.add_typer(config)


@config.command(epilog="Example: livetrader config check --config /etc/livetrader/config.yaml")
def check(ctx: typer.Context) -> None:
    """Say ok, or everything that is wrong (exit code 78).

    Looks into the symbol list, the strategies, and every file that is named.
    """
    found = each_portfolio(ctx)
    from livetrader.bootstrap.checks import problems

    # What stands outside of the portfolios is wrong in each of them.
    if wrong := list(dict.fromkeys(problem for one in found.values() for problem in problems(one))):
        raise ConfigError(wrong)
    typer.echo(f"ok: {next(iter(found.values())).file or 'built-in defaults'}")


@config.command(epilog="Example: livetrader config show --json")
def show(ctx: typer.Context, as_json: Json = False) -> None:
    """Every setting with its value and where it comes from; passwords are hidden."""
    from livetrader.config.secrets import redact

    found = configuration(ctx)
    rows = [
        (path, redact(value) if isinstance(value, str) else value, found.where(path))
        for path, value in _flat(found.settings.model_dump(mode="json"))
    ]
    if as_json:
        print_json({path: {"value": value, "origin": origin} for path, value, origin in rows})
        return
    print_table(("setting", "value", "origin"), [(path, _text(value), origin) for path, value, origin in rows])


@config.command(epilog="Example: livetrader config schema > config.schema.json")
def schema() -> None:
    """The JSON schema of config.yaml, for editors."""
    from livetrader.config import Settings

    print_json(Settings.model_json_schema())


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            value = {str(i): item for i, item in enumerate(value)}
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "[]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
