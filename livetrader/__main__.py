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
    from signal import SIG_BLOCK, SIGINT, pthread_sigmask

    # All is said and done. From here on a Ctrl+C would kill an interpreter that is about to end; so would one that an
    # exec has seen (dataclasses are made by it), because the interpreter kills itself for that in the end.
    pthread_sigmask(SIG_BLOCK, {SIGINT})
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
