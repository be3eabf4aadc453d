"""A desk: a folder with a configuration, a simulated market, and a replay of its last session."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from calls import Told

from livetrader.cli.main import run
from livetrader.domain.candles import Interval
from livetrader.market.calendar import Calendar
from livetrader.marketdata.simulated import INDEX, simulate
from livetrader.marketdata.store import open_store

LAST = date(2026, 2, 27)
STOCKS = ("RELIANCE", "TCS", "INFY", "SBIN", "ITC", "TITAN", "WIPRO", "ONGC")
CONFIG = f"""\
symbols: "{",".join(STOCKS)}"
candles: {{url: "sqlite:///candles.db"}}
state: {{url: "sqlite:///state.db"}}
"""

Call = Callable[..., Told]


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory, nse: Calendar) -> Path:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "config.yaml").write_text(CONFIG)
    sessions = (*nse.before(LAST, 69), *nse.sessions(LAST, LAST))
    with open_store(f"sqlite:///{folder / 'candles.db'}") as store:
        store.upsert(Interval.M5, simulate((*STOCKS, INDEX), sessions, seed=5))
    assert run(["replay", "--date", str(LAST), "--config", str(folder / "config.yaml")]) == 0
    return folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the current one; no configuration anywhere."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    return folder


@pytest.fixture
def desk(_made: Path, empty: Path) -> Path:
    """A copy of the desk, which is the current folder."""
    shutil.copytree(_made, empty, dirs_exist_ok=True)
    return empty


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls `livetrader` in this process."""

    def called(*arguments: str) -> Told:
        capsys.readouterr()
        code = run(arguments)
        shown = capsys.readouterr()
        return Told(code, shown.out, tuple(shown.err.splitlines()))

    return called


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Path]]:
    """A function that mounts a disk of so many kilobytes and makes it the current folder."""
    import subprocess

    mounted: list[Path] = []

    def mount(kilobytes: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, check=False)
        except OSError:
            pytest.skip("no `mount` on this machine: a full disk cannot be tried")
        if done.returncode:
            pytest.skip("this user may not mount a small disk: a full disk cannot be tried")
        mounted.append(folder)
        monkeypatch.chdir(folder)
        return folder

    yield mount
    monkeypatch.undo()
    for folder in mounted:
        with suppress(OSError):
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)
