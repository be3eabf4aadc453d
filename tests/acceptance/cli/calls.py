"""Calling `livetrader` as people do: in this process, or as a process of its own that can be interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from livetrader.market.clock import SystemClock

COMMAND = (sys.executable, "-m", "livetrader")
# What an installed `livetrader` runs, and a file that says when. Before that an interpreter answers a Ctrl+C as it likes.
ENTRY = "from pathlib import Path; from livetrader.__main__ import main; Path('begun').touch(); main()"
PATIENCE = 180.0  # a shared machine may be slow; it costs time only where something never comes


@dataclass(frozen=True)
class Told:
    """What a call came to: exit code, stdout, and the lines of stderr."""

    code: int
    out: str
    err: tuple[str, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        return tuple(line for line in self.err if line.startswith("error: "))

    def fails(self, code: int, *words: str) -> None:
        """One line that says what is wrong, and nothing else; the exit code."""
        assert "Traceback" not in "\n".join(self.err)
        assert len(self.err) == 1, self.err
        assert self.err == self.errors
        assert self.out == ""
        assert self.code == code, self.err
        for word in words:
            assert word in self.err[0]


def start(*arguments: str, cwd: Path, command: tuple[str, ...] = COMMAND, **environ: str) -> subprocess.Popen[str]:
    """A call in a process group of its own, as a terminal has it."""
    return subprocess.Popen(
        [*command, *arguments],
        cwd=cwd, env={**os.environ, **environ}, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> Told:
    out, err = process.communicate(timeout=PATIENCE)
    return Told(process.returncode, out, tuple(err.splitlines()))


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process, for the block; killed if that leaves it behind."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            finish(process)


@contextmanager
def running(folder: Path, ready: Callable[[], object], **environ: str) -> Iterator[subprocess.Popen[str]]:
    """`livetrader run`, come so far that `ready` holds; killed if the test leaves it behind."""
    with ended(start("run", cwd=folder, **environ)) as loop:
        until(ready, loop)
        yield loop


def interrupted(*arguments: str, cwd: Path, after: float) -> Told:
    """A call that gets a Ctrl+C `after` seconds of its own, with its whole process group, unless it has ended before."""
    begun = cwd / "begun"
    begun.unlink(missing_ok=True)
    process = start(*arguments, cwd=cwd, command=(sys.executable, "-c", ENTRY))
    until(begun.exists, process)
    time.sleep(after)  # noqa: TID251 - the moment is the point of the test
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    return finish(process)


def until(ready: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until a process has come so far; fail if it ends before."""
    end = time.monotonic() + PATIENCE
    while not ready():
        assert process.poll() is None, finish(process)
        assert time.monotonic() < end, "it never came so far"
        time.sleep(0.05)  # noqa: TID251 - another process


def holds(lock: Path) -> bool:
    """Whether somebody holds a lock: the work has begun."""
    return lock.exists() and '"pid"' in lock.read_text()


def away_from_midnight(minutes: int) -> None:
    """Skip a test on a market that never closes where its day has begun just now, or ends in so many minutes."""
    now = datetime.fromtimestamp(SystemClock().now(), UTC)
    if not 15 <= now.hour * 60 + now.minute < 24 * 60 - minutes:
        pytest.skip("around midnight UTC the day has no bars yet, or ends during the test")
