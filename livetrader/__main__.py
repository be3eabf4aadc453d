"""Entry point of `livetrader` and of `python -m livetrader`: Ctrl+C is one line at any moment, and is never lost."""

from __future__ import annotations

import atexit
import os
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
    _end(code)


def _end(code: int) -> NoReturn:
    """All is said and done. From here on Ctrl+C would kill an interpreter that is about to end."""
    from signal import SIG_IGN, SIGINT, signal

    signal(SIGINT, SIG_IGN)
    if code == 130:
        # Not by sys.exit: where a Ctrl+C has passed through an exec (dataclasses are made by one), the interpreter
        # remembers it, and kills itself with SIGINT in the end.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _unraised(swallowed: UnraisableHookArgs) -> None:
    """A Ctrl+C that fell into a callback of the interpreter's own (there are many while modules load) comes again."""
    if not issubclass(swallowed.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(swallowed)
        return
    import signal
    import threading
    import time

    left = threading.Event()

    def again() -> None:
        left.wait()
        time.sleep(0.05)  # noqa: TID251 - no Clock is loaded yet
        signal.pthread_kill(main_thread, signal.SIGINT)

    # From another thread, and not before this hook is left: here it would be swallowed once more.
    main_thread = threading.main_thread().ident or 0
    threading.Thread(target=again, daemon=True).start()
    left.set()


if __name__ == "__main__":
    main()
