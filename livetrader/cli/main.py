"""`livetrader`: one call, from arguments to exit code. The one place that turns errors into lines and exit codes.

What needs no command (the root's help, the version) is answered before Typer is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from livetrader import INTERRUPTED, __version__
from livetrader.cli.commands import COMPLETE, root_help
from livetrader.cli.options import Globals, split_globals
from livetrader.errors import ConfigError, LiveTraderError


def run(arguments: Sequence[str]) -> int:
    """Carry out one call; the exit code."""
    debug = "--debug" in arguments
    try:
        options, rest = split_globals(arguments)
        code = _call(rest, options)
        sys.stdout.flush()
    except LiveTraderError as error:
        return _failed(error, debug)
    except KeyboardInterrupt:
        # Not by _say: it loads modules, and who is impatient presses again.
        print(INTERRUPTED, file=sys.stderr)
        return 130
    except BrokenPipeError:
        # `livetrader trades | head`: nobody reads on.
        _abandon_stdout()
        return 0
    except Exception as error:  # noqa: BLE001 - the boundary: an unexpected error is one line for the user
        return _unexpected(error, debug)
    return code


def _call(arguments: list[str], options: Globals) -> int:
    if COMPLETE in os.environ:
        from livetrader.cli.app import complete

        complete()
    if arguments in ([], ["--help"], ["-h"]):
        print(root_help())
        return 0
    if arguments == ["--version"]:
        print(f"livetrader {__version__}")
        return 0
    from livetrader.cli.app import call

    return call(arguments, options)


def _abandon_stdout() -> None:
    """What is still to be written goes nowhere, and the interpreter does not fail on it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unexpected(error: Exception, debug: bool) -> int:
    from livetrader import files

    if isinstance(error, OSError) and error.errno in files.DISK:
        # `livetrader trades > /full/disk/file`
        _abandon_stdout()
        return _failed(files.unwritable(Path(error.filename or "output"), error), debug)
    if debug:
        _trace()
    else:
        _say(f"{type(error).__name__}: {error}".splitlines()[0] + "; run with --debug to see where")
    return 1


def _failed(error: LiveTraderError, debug: bool) -> int:
    if debug:
        _trace()
    for line in error.problems if isinstance(error, ConfigError) else (str(error),):
        _say(line)
    return error.exit_code


def _trace() -> None:
    import traceback

    traceback.print_exc()


def _say(line: str) -> None:
    # Imported here: it comes with the whole configuration, and errors are rare.
    from livetrader.config.secrets import redact

    print(f"error: {redact(line)}", file=sys.stderr)
