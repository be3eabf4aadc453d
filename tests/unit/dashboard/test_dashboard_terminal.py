"""On a real terminal (a pty): keys reach the trader's latches, and the terminal is left as it was found."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from livetrader.dashboard.data import Frame
from livetrader.dashboard.keys import Dialogue, Request
from livetrader.dashboard.loop import Screen
from livetrader.errors import StoreError
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from livetrader.store.latch_file import is_on
from livetrader.store.location import kill_path
from livetrader.store.queries import open_queries
from tests.unit.dashboard.desk import busy_day

PATIENCE = 180.0
ALTERNATE, ORDINARY, CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


class Sitting:
    """`livetrader dashboard` on a pty of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 100))
        self.before = termios.tcgetattr(self.slave)
        self.output = ""
        self._read_until = 0
        environ = {**os.environ, "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(folder)}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environ.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "livetrader", "dashboard", *arguments],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, cwd=folder, env=environ, start_new_session=True,
        )  # fmt: skip

    def sees(self, words: str) -> None:
        """Wait until the words are written, after what was seen before."""
        until = time.monotonic() + PATIENCE
        while words not in self.output[self._read_until :]:
            assert time.monotonic() < until, f"{words!r} is not in {self.output[-3000:]}"
            self._drain(0.1)
        self._read_until = self.output.index(words, self._read_until) + len(words)

    def types(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def ends(self) -> int:
        """The exit code; the terminal must be what it was, with its cursor and its own screen."""
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < until, "it does not end"
            self._drain(0.05)
        self._drain(0.0)
        assert termios.tcgetattr(self.slave) == self.before
        assert self.output.rindex(ORDINARY) > self.output.rindex(ALTERNATE)
        assert self.output.rindex(CURSOR) > self.output.rindex("\x1b[?25l")
        assert "Traceback" not in self.output
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def _drain(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            with suppress(OSError):
                self.output += os.read(self.master, 1 << 16).decode(errors="replace")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration, and the paper state of a busy day."""
    (tmp_path / "config.yaml").write_text(
        "symbols: INFY,TCS\ncandles: {url: 'sqlite:///candles.db'}\nstate: {url: 'sqlite:///state.db'}\n"
    )
    journal = SqlJournal(open_state(_url(tmp_path), "paper", "simulated"))
    busy_day(journal)
    journal.unlatch("halt", journal.latches()["halt"].since)
    journal.close()
    return tmp_path


@pytest.fixture
def sitting(folder: Path) -> Iterator[Sitting]:
    sat = Sitting(folder)
    yield sat
    sat.close()


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'state.db'}"


def _latches(folder: Path) -> dict[str, str]:
    with open_queries(_url(folder), "paper") as queries:
        return {name: one.reason for name, one in queries.latches().items()}


def test_keys_halt_cancel_resume_and_quit(folder: Path, sitting: Sitting) -> None:
    """Nothing is done before the yes; the answer is shown, and the next frame has it."""
    sitting.sees("POSITIONS (2)")
    sitting.types("hnoon\r")
    sitting.sees("Halt all entries (noon)? [y/n]")
    sitting.types("n")
    sitting.sees("cancelled: nothing was done")
    assert _latches(folder) == {}
    sitting.types("hlunch\r")
    sitting.sees("Halt all entries (lunch)? [y/n]")
    sitting.types("y")
    sitting.sees("halted: no entries until you resume")
    assert _latches(folder) == {"halt": "lunch"}
    sitting.sees("halt: lunch; exits go on")
    sitting.types("r")
    sitting.sees("takes off halt")
    sitting.types("y")
    sitting.sees("taken off: halt")
    assert _latches(folder) == {}
    sitting.types("\x1b[A?")  # an arrow is no key of ours, and no Esc
    sitting.sees("any key leaves it")
    sitting.types(" q")
    assert sitting.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_a_signal_leaves_the_terminal_as_it_was(sitting: Sitting, number: signal.Signals) -> None:
    sitting.sees("POSITIONS (2)")
    sitting.process.send_signal(number)
    assert sitting.ends() == 0


def test_flatten_kills_first_and_says_what_became_of_the_rest(folder: Path, sitting: Sitting) -> None:
    """The typed word does it; without candles the paper venue closes nothing, and the kill stands all the same."""
    sitting.sees("POSITIONS (2)")
    sitting.types("fflatten\r")
    sitting.sees("killed: no entries")
    assert is_on(kill_path(_url(folder), "paper", folder / "data"))
    sitting.types("q")
    assert sitting.ends() == 0


def test_an_exception_leaves_the_terminal_as_it_was() -> None:
    class Broken(Dialogue):
        def press(self, key: str, frame: Frame | None) -> Request | None:
            raise ValueError(key, frame)

    def frames() -> Frame:
        raise StoreError("there is none")

    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with open(slave, "w") as terminal:
        console = Console(file=terminal, force_terminal=True, width=80, height=24)
        os.write(master, b"x")
        with pytest.raises(ValueError, match="x"):
            Screen(frames, lambda: None, lambda _: "", Broken(), console).run(slave)
        assert termios.tcgetattr(slave) == before
        os.set_blocking(master, False)
        output = b""
        with suppress(BlockingIOError):
            while True:
                output += os.read(master, 1 << 16)
    assert ORDINARY in output.decode()
    os.close(master)


def test_a_state_that_does_not_exist_is_said_and_waited_for(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("state: {url: 'sqlite:///state.db'}\n")
    sat = Sitting(tmp_path)
    try:
        sat.sees("`livetrader run` makes it")
        SqlJournal(open_state(_url(tmp_path), "paper", "simulated")).close()
        sat.sees("nothing is held")
        sat.types("q")
        assert sat.ends() == 0
    finally:
        sat.close()


def told(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livetrader", "dashboard", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, timeout=PATIENCE,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_without_a_terminal_it_is_one_picture(folder: Path) -> None:
    """In plain text, for scripts; `--once` is the same."""
    call = told(folder, COLUMNS="100")
    assert (call.returncode, call.stderr) == (0, "")
    assert "\x1b" not in call.stdout
    assert "POSITIONS (2)" in call.stdout
    assert max(map(len, call.stdout.splitlines())) <= 100


def test_json_is_the_document_of_the_frame(folder: Path) -> None:
    call = told(folder, "--json")
    seen: dict[str, Any] = json.loads(call.stdout)
    assert (seen["mode"], seen["running"], seen["halts"]) == ("paper", False, [])
    assert [one["symbol"] for one in seen["positions"]] == ["INFY", "TCS"]
    assert [one["state"] for one in seen["orders"]] == ["UNKNOWN", "ACKED"]
    assert seen["positions"][0]["stop"] == "1498"
    assert "candles.db" in seen["feed"]["problem"]


def test_once_without_a_state_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("state: {url: 'sqlite:///state.db'}\n")
    call = told(tmp_path, "--once")
    assert (call.returncode, call.stdout) == (74, "")
    assert call.stderr.startswith("error: ")
    assert call.stderr.count("\n") == 1
