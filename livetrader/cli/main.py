"""`livetrader`: parse, call, print. The one place that turns errors into lines and exit codes.

Nothing heavy is imported here or at the head of a command module: `--help` must not wait for pandas.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from livetrader import __version__, files
from livetrader.cli import (
    calendar_commands,
    config_commands,
    data_commands,
    init_commands,
    state_commands,
    strategy_commands,
    trading_commands,
)
from livetrader.cli.call import Globals
from livetrader.cli.group import group
from livetrader.errors import ConfigError, LiveTraderError, UsageError

_FLAGS = {"--debug": "debug", "--quiet": "quiet", "-q": "quiet", "--no-input": "no_input"}
_HELP = """Trade NSE equities, NIFTY options and crypto on a schedule: backtest, replay, paper, live.

\b
Options of every command, before or after its name:
  --config PATH  Default: ./config.yaml, then the user's own.
  --debug        Log step by step; show tracebacks.
  -q, --quiet    No progress; warnings and errors only.
  --no-input     Never ask.
"""

app = group("livetrader", _HELP, "livetrader backtest --from 2026-02-02 --to 2026-02-27 --debug")
for family in (
    trading_commands,
    state_commands,
    strategy_commands,
    data_commands,
    calendar_commands,
    config_commands,
    init_commands,
):
    family.register(app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"livetrader {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Without a command: the help."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


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
        elif name == "--config":
            path = value if equals else next(remaining, "")
            if not path:
                raise UsageError("--config: needs the path of a file")
            given["config"] = Path(path)
        else:
            rest.append(argument)
    return Globals(**given), rest


def run(arguments: Sequence[str]) -> int:
    """Carry out one call; the exit code."""
    debug = "--debug" in arguments
    try:
        options, rest = split_globals(arguments)
        command = typer.main.get_command(app)
        with command.make_context("livetrader", rest, obj=options) as ctx:
            command.invoke(ctx)
        sys.stdout.flush()
        return 0
    except typer.Exit as leave:
        return leave.exit_code
    except typer.TyperException as error:
        return _usage(error)
    except LiveTraderError as error:
        return _failed(error, debug)
    except (KeyboardInterrupt, typer.Abort):
        # Not by _say: it loads modules, and who is impatient presses again.
        typer.echo("error: interrupted; what was committed stays, the rest was not done", err=True)
        return 130
    except BrokenPipeError:
        # `livetrader trades | head`: nobody reads on.
        _abandon_stdout()
        return 0
    except Exception as error:  # noqa: BLE001 - the boundary: an unexpected error is one line for the user
        if isinstance(error, OSError) and error.errno in files.DISK:
            # `livetrader trades > /full/disk/file`
            _abandon_stdout()
            return _failed(files.unwritable(Path(error.filename or "output"), error), debug)
        if debug:
            traceback.print_exc()
        else:
            _say(f"{type(error).__name__}: {error}".splitlines()[0] + "; run with --debug to see where")
        return 1


def _abandon_stdout() -> None:
    """What is still to be written goes nowhere, and the interpreter does not fail on it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: typer.TyperException) -> int:
    ctx = getattr(error, "ctx", None)
    hint = f"; see `{ctx.command_path} --help`" if ctx is not None else ""
    _say(error.format_message().rstrip(".") + hint)
    return error.exit_code


def _failed(error: LiveTraderError, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    for line in error.problems if isinstance(error, ConfigError) else (str(error),):
        _say(line)
    return error.exit_code


def _say(line: str) -> None:
    # Imported here: it comes with the whole configuration, and errors are rare.
    from livetrader.config.secrets import redact

    typer.echo(f"error: {redact(line)}", err=True)
