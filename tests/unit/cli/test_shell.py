"""Promises of the command line itself: help, errors, exit codes, global options."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from livetrader import INTERRUPTED, __version__
from livetrader.__main__ import main
from livetrader.cli.app import app
from livetrader.cli.commands import COMMANDS
from livetrader.cli.main import run
from livetrader.cli.options import Globals, split_globals
from livetrader.errors import (
    AlreadyRunning,
    AuthExpired,
    BrokerUnavailable,
    CalendarError,
    ConfigError,
    LiveTraderError,
    ReconcileMismatch,
    StoreError,
    UsageError,
)
from tests.threads import PATIENCE

HEAVY = ("pandas", "sqlalchemy", "numba", "rich", "pydantic", "yaml", "numpy", "pyarrow", "structlog")
CONTRACT = {
    "demo": (), "init": (), "status": ("--json",), "positions": ("--json",), "orders": ("--json",),
    "trades": ("--json",), "why": ("--at", "--json"), "scan": ("--at", "--json"),
    "run": ("--symbols", "--mode", "--dry-run", "--max-symbols", "--strategies", "--once", "--yes-live"),
    "replay": ("--date", "--from", "--to", "--speed", "--json"),
    "backtest": ("--from", "--to", "--symbols", "--strategies", "--out", "--workers", "--json"),
    "report": ("--date", "--from", "--to", "--format", "--out"),
    "signals": ("--from", "--to", "--symbols", "--strategies", "--preset", "--out"),
    "data import": ("--interval", "--json"), "data check": ("--json",), "data export": (),
    "strategies list": ("--json",), "strategies show": ("--json",), "strategies check": (),
    "config check": (), "config show": ("--json",), "config schema": (),
    "calendar show": ("--json",), "calendar check": ("--json",),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield " ".join((*path, name)), inner
        yield from commands(inner, (*path, name))


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["data", "import", "--help"], ["--version"]], ids=" ".join
)
def test_help_does_not_wait_for_heavy_imports(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom livetrader.cli.main import run\n"
        f"assert run({arguments!r}) == 0\nprint([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip()
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h", "--debug"], ["--version"]], ids=" ".join)
def test_the_roots_help_does_not_wait_for_typer_or_a_command(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom livetrader.cli.main import run\n"
        f"assert run({arguments!r}) == 0\nprint('typer' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(("Usage: livetrader [OPTIONS]", "livetrader "))
    assert done.stderr.strip() == "False"


def test_the_roots_help_names_every_command_with_the_first_sentence_of_its_own_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = typer.main.get_command(app)
    built = {name: command.get_short_help_str(200) for name, command in root.commands.items()}  # type: ignore[attr-defined]
    assert built == {name: summary for name, (_, summary) in COMMANDS.items()}
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [line for name, text in built.items() if (line := f"  {name:<10}  {text}\n") not in shown] == []
    assert max(map(len, shown.splitlines())) <= 80


def test_only_the_command_that_is_named_is_loaded() -> None:
    code = (
        "import sys\nfrom livetrader.cli.main import run\nassert run(['calendar', '--help']) == 0\n"
        "print(*sorted(m for m in sys.modules if m.endswith('_commands')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["livetrader.cli.calendar_commands"]


def test_the_command_is_installed_and_plain_text() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from livetrader.__main__ import main; main()", "--help"],
        capture_output=True, text=True, check=True, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.stdout.startswith("Usage: livetrader ")
    assert "\x1b" not in done.stdout


def test_every_command_of_the_contract_is_there_with_its_options() -> None:
    known = dict(commands(typer.main.get_command(app)))
    for name, options in CONTRACT.items():
        held = {option for parameter in known[name].params for option in parameter.opts}
        assert set(options) <= held, name


def test_the_help_of_every_command_has_an_example() -> None:
    for name, command in commands(typer.main.get_command(app)):
        assert f"Example: livetrader {name}" in (command.epilog or ""), name
        assert command.help, name


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Usage: livetrader" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"livetrader {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "options", "rest"),
    [
        (["run", "--debug"], Globals(debug=True), ["run"]),
        (
            ["run", "--no-input", "--config", "x", "-h"],
            Globals(Path("x"), no_input=True),
            ["run", "-h"],
        ),
        (["config", "show", "--config=x=y", "-q"], Globals(Path("x=y"), quiet=True), ["config", "show"]),
        (["status", "--portfolio", "nse"], Globals(portfolio="nse"), ["status"]),
        (["data", "import", "--", "--debug"], Globals(), ["data", "import", "--", "--debug"]),
        (["run", "--symbols", "a"], Globals(), ["run", "--symbols", "a"]),
    ],
)
def test_global_options_may_stand_anywhere(arguments: list[str], options: Globals, rest: list[str]) -> None:
    assert split_globals(arguments) == (options, rest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bactest"], "error: No such command 'bactest'. Did you mean 'backtest'?; see `livetrader --help`"),
        (["run", "--bogus"], "error: No such option: --bogus"),
        (["run", "--config"], "error: --config: needs the path of a file"),
        (["run", "--portfolio="], "error: --portfolio: needs the name of a portfolio"),
        (["run", "--mode", "real"], "error: --mode real: must be one of paper, dry-run, live"),
        (["run", "--dry-run", "--mode", "live"], "error: --dry-run: contradicts --mode live"),
        (["run", "--max-symbols", "0"], "error: Invalid value for '--max-symbols'"),
        (["backtest", "--from", "2026-02-02"], "error: Missing option '--to'"),
        (["signals", "--from", "2026-02-30", "--to", "2026-03-01"], "error: --from 2026-02-30: there is no"),
        (["backtest", "--from", "02-03-2026", "--to", "2026-03-01"], "error: --from 02-03-2026: is no date"),
        (
            ["signals", "--from", "2026-03-02", "--to", "2026-03-01"],
            "error: --from 2026-03-02 is after --to 2026-03-01; swap them",
        ),
        (["signals", "--from", "2026-03-01", "--to", "2026-03-02", "--preset", "x"], "error: --preset x"),
        (["replay"], "error: --date: is missing; give --date D, or --from D --to D"),
        (["replay", "--date", "2026-03-01", "--to", "2026-03-02"], "error: --date: cannot stand beside"),
        (["replay", "--from", "2026-03-01"], "error: --to: is missing"),
        (["report", "--format", "pdf"], "error: --format pdf: must be one of terminal, html, png, json, csv"),
        (["why", "TCS", "--at", "25:00"], "error: --at 25:00: is no time; write HH:MM"),
        (["why", "TCS", "--at", "2026-02-30 10:15"], "error: --at 2026-02-30: there is no such date"),
        (["data", "check", "--interval", "7m"], "error: --interval 7m: must be one of 1m, 5m, 15m, 1h, 1d"),
        (["data", "import", "no.csv", "--interval", "5m"], "error: no.csv: "),
        (["config", "check", "--config", "x.yaml", "y"], "error: Got unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_wrong_call_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(message)
    assert len(shown.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LiveTraderError("x"), 1), (ConfigError(["x", "y"]), 78), (UsageError("x"), 2),
        (CalendarError("x"), 78), (BrokerUnavailable("x"), 69), (AuthExpired("x"), 77),
        (StoreError("x"), 74), (AlreadyRunning("x"), 75),
        (ReconcileMismatch("x"), 70), (KeyboardInterrupt(), 130), (RuntimeError("x"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)  # fmt: skip
def test_an_error_is_a_line_a_problem_and_its_exit_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("livetrader.cli.config_commands.each_portfolio", fail)
    assert run(["config", "check"]) == code
    told = capsys.readouterr().err.splitlines()
    assert len(told) == {78: len(getattr(error, "problems", "1"))}.get(code, 1)
    assert all(line.startswith("error: ") for line in told)


def test_a_traceback_is_for_debug_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken\nin two lines")

    monkeypatch.setattr("livetrader.cli.config_commands.each_portfolio", fail)
    assert run(["config", "check"]) == 1
    assert capsys.readouterr().err == "error: RuntimeError: broken; run with --debug to see where\n"
    assert run(["config", "check", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_no_secret_is_in_an_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("postgresql://u:canary@h/db: refused")

    monkeypatch.setattr("livetrader.cli.config_commands.each_portfolio", fail)
    assert run(["config", "check"]) == 74
    assert "canary" not in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = "from livetrader.__main__ import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "config", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_live_needs_a_yes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--mode", "live"]) == 2
    assert "--yes-live: is missing" in capsys.readouterr().err


def test_the_boundary_is_the_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["livetrader", "bogus"])
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as left:
            main()
    finally:
        signal.signal(signal.SIGINT, before)  # a process that ends does not hear it any more
    assert left.value.code == 2


def test_an_interrupt_that_falls_into_a_callback_of_the_interpreter_is_not_lost() -> None:
    code = """
import time
import livetrader.cli.main
from livetrader.__main__ import main

class Callback:
    def __del__(self):
        raise KeyboardInterrupt

def run(_):
    Callback()
    time.sleep(600)

livetrader.cli.main.run = run
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (130, [INTERRUPTED])
