"""Entry point of `livetrader` and of `python -m livetrader`: Ctrl+C is one line at any moment, and is never lost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

from livetrader import INTERRUPTED

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def main() -> NoReturn:
    """Carry out the call of this process, and leave with its exit code."""
    sys.unraisablehook = _unraised
    try:
        from livetrader.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        code = 130
    sys.exit(code)


def _unraised(swallowed: UnraisableHookArgs) -> None:
    """A Ctrl+C that fell into a callback of the interpreter's own (there are many while modules load) comes again."""
    if not issubclass(swallowed.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(swallowed)
        return
    import signal
    import threading

    # From another thread: here it would be swallowed once more.
    again = threading.Timer(0.01, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    again.daemon = True
    again.start()


if __name__ == "__main__":
    main()
