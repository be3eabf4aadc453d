"""Entry point of `livetrader` and of `python -m livetrader`: Ctrl+C is one line also while modules are loaded."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Carry out the call of this process, and leave with its exit code."""
    try:
        from livetrader.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        print("error: interrupted; what was committed stays, the rest was not done", file=sys.stderr)
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
