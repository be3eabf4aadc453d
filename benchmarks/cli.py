"""The command line: `--help`, and the end-of-day report of a traded session, whole processes.

.venv/bin/python benchmarks/cli.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from timing import PEERS, in_turns, installed, row, seconds

LIVETRADER = Path(sys.executable).with_name("livetrader")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        run(folder, LIVETRADER, "demo", "--dir", "market", "--speed", "0", "--quiet")
        report = ("report", "--mode", "replay")
        works: dict[str, Callable[[], object]] = {
            "help": lambda: run(folder, LIVETRADER, "--help"),
            "report": lambda: run(f"{folder}/market", LIVETRADER, *report),
            "python": lambda: run(folder, Path(sys.executable), "-c", "pass"),
        }
        if installed("freqtrade"):
            works["freqtrade"] = lambda: run(folder, PEERS / "freqtrade" / "bin" / "freqtrade", "--help")
        taken = in_turns(works, asked.rounds)
    bare = f"bare Python {seconds(taken['python'])}"
    row("`livetrader --help`", seconds(taken["help"]), bare, goal="≤ 0.08 s")
    if "freqtrade" in taken:
        ratio = f"{taken['freqtrade'] / taken['help']:.1f}×"
        row("`--help`", seconds(taken["help"]), f"freqtrade {seconds(taken['freqtrade'])}", ratio)
    row("`livetrader report`", seconds(taken["report"]), bare, goal="≤ 0.35 s")


def run(folder: str, program: Path, *arguments: str) -> None:
    # Of the environment nothing that would point elsewhere.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIVETRADER__")}
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True, env=environment)


if __name__ == "__main__":
    main()
