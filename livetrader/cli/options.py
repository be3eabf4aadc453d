"""The global options: they may stand anywhere on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from livetrader.errors import UsageError

_FLAGS = {"--debug": "debug", "--quiet": "quiet", "-q": "quiet", "--no-input": "no_input"}
_VALUED = {"--config": "the path of a file", "--portfolio": "the name of a portfolio"}


class Globals(NamedTuple):
    """Their values. No dataclass: making one costs a `--help` more than all the rest."""

    config: Path | None = None
    debug: bool = False
    quiet: bool = False
    no_input: bool = False
    portfolio: str | None = None


def split_globals(arguments: Sequence[str]) -> tuple[Globals, list[str]]:
    """The options of every command, wherever they stand before `--`, and the other arguments.

    Typer wants them before the command, and would import pydantic to read `--config`.
    """
    given: dict[str, Any] = {}
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in _FLAGS:
            given[_FLAGS[argument]] = True
        elif name in _VALUED:
            value = value if equals else next(remaining, "")
            if not value:
                raise UsageError(f"{name}: needs {_VALUED[name]}")
            given[name.removeprefix("--")] = value
        else:
            rest.append(argument)
    if "config" in given:
        given["config"] = Path(given["config"])
    return Globals(**given), rest
