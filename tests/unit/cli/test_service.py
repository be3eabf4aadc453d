"""The systemd units: what they promise, and that systemd itself takes them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from livetrader.cli.main import run
from livetrader.errors import (
    AlreadyRunning,
    AuthExpired,
    BrokerUnavailable,
    ConfigError,
    LiveTraderError,
    ReconcileMismatch,
    StoreError,
    UsageError,
)

ANALYZE = shutil.which("systemd-analyze")
with_systemd = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze on this machine")

# freqtrade's unit, which has no sandbox at all, is rated 9 or more of 10.
WORST_SCORE = 2.0


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    (folder / "config.yaml").write_text("mode: paper\n")
    return folder


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    code = run(["service", "install", "--print", *options])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    return shown.out


def unit_of(text: str, name: str = "livetrader.service") -> str:
    return text.split(f"# --- {name} ---\n")[1].split("# --- ")[0]


def settings_of(unit: str) -> Mapping[str, Sequence[str]]:
    """The settings of a unit by name; one that stands there twice has two values."""
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        if line and not line.startswith(("#", "[")):
            name, equals, value = line.partition("=")
            assert equals, line
            found.setdefault(name, []).append(value)
    assert not re.search(r"@[A-Z_]+@", unit), "a field was not filled"
    return found


def codes(*kinds: type[LiveTraderError]) -> list[str]:
    return sorted(str(kind.exit_code) for kind in kinds)


def test_it_starts_again_where_that_helps_and_not_where_a_human_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    found = settings_of(unit_of(printed(capsys)))
    assert found["Restart"] == ["on-failure"]
    again, never = found["RestartForceExitStatus"][0].split(), found["RestartPreventExitStatus"][0].split()
    assert sorted(again) == codes(LiveTraderError, BrokerUnavailable, StoreError)
    assert sorted(never) == codes(UsageError, ReconcileMismatch, AlreadyRunning, AuthExpired, ConfigError)


def test_the_watchdog_outlasts_the_patience_with_a_broker(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "config.yaml").write_text("broker: {patience_seconds: 900}\n")
    found = settings_of(unit_of(printed(capsys)))
    assert found["Type"] == ["notify"]
    assert int(found["WatchdogSec"][0]) > 900


def test_it_may_write_the_folders_of_the_configuration_only(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "config.yaml").write_text("logging: {directory: 50% logs}\ncandles: {tape: data/tape}\n")
    found = settings_of(unit_of(printed(capsys)))
    assert found["ProtectSystem"] == ["strict"]
    assert found["ReadWritePaths"] == [f'"-{desk}/50%% logs" -{desk}/data -{desk}/reports']
    assert found["WorkingDirectory"] == [str(desk)]


@pytest.mark.parametrize(("mode", "confirmed"), [("paper", False), ("live", True)])
def test_live_trading_is_confirmed_in_the_unit(
    desk: Path, capsys: pytest.CaptureFixture[str], mode: str, confirmed: bool
) -> None:
    (desk / "config.yaml").write_text(f"mode: {mode}\n")
    (start,) = settings_of(unit_of(printed(capsys)))["ExecStart"]
    assert ("--yes-live" in start) is confirmed


PORTFOLIOS = "portfolios: {nse: {}, coins: {mode: live, market: {calendar: 24x7}, broker: {patience_seconds: 500}}}\n"


def test_one_service_runs_all_portfolios(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "config.yaml").write_text(PORTFOLIOS)
    found = settings_of(unit_of(printed(capsys)))
    assert "--portfolio" not in found["ExecStart"][0]
    assert "--yes-live" in found["ExecStart"][0], "one of them trades live"
    assert int(found["WatchdogSec"][0]) > 500
    assert run(["service", "install", "--user"]) == 0
    assert "enable --now livetrader.service" in capsys.readouterr().out, "one of them never closes"


def test_a_portfolio_can_have_a_service_of_its_own(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "config.yaml").write_text(PORTFOLIOS)
    found = settings_of(unit_of(printed(capsys, "--portfolio", "nse"), "livetrader-nse.service"))
    assert "--portfolio nse --config" in found["ExecStart"][0]
    assert "--yes-live" not in found["ExecStart"][0]


def test_secrets_come_as_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--credential", "LIVETRADER_OPENALGO_KEY:/etc/livetrader/key")
    assert settings_of(unit_of(text))["LoadCredential"] == ["LIVETRADER_OPENALGO_KEY:/etc/livetrader/key"]


@pytest.mark.parametrize("wrong", ["KEY", "KEY:relative", "KEY:/a b", "9:/a", "KEY:/a\nUser=root"])
def test_a_credential_that_is_none_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["service", "install", "--print", "--credential", wrong]) == 2
    assert "write NAME:/path/to/file" in capsys.readouterr().err


def test_a_unit_of_ones_own_is_written_and_leaves_out_what_needs_root(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["service", "install", "--user"]) == 0
    told = capsys.readouterr().out
    folder = tmp_path / "configuration" / "systemd" / "user"
    found = settings_of((folder / "livetrader.service").read_text())
    assert not {"ProtectSystem", "CapabilityBoundingSet", "User", "PrivateUsers"} & found.keys()
    assert found["NoNewPrivileges"] == ["yes"]
    assert found["WantedBy"] == ["default.target"]
    assert (folder / "livetrader.timer").exists()
    assert "systemctl --user enable --now livetrader.timer" in told
    assert all((desk / name).is_dir() for name in ("data", "logs", "reports")), "the sandbox needs them"


def test_the_timer_starts_every_morning_and_cron_does_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys)
    assert settings_of(unit_of(text, "livetrader.timer"))["OnCalendar"] == ["*-*-* 09:05:00 Asia/Kolkata"]
    lines = [line for line in unit_of(text, "crontab").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "CRON_TZ=Asia/Kolkata"
    assert [line.split()[:2] for line in lines[1:]] == [["50", "8"], ["5", "9"], ["0", "16"]]


def test_without_a_configuration_there_is_nothing_to_install(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "config.yaml").unlink()
    assert run(["service", "install", "--print"]) == 78
    assert "livetrader init" in capsys.readouterr().err


def test_both_scopes_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["service", "install", "--user", "--system"]) == 2
    assert "--user: contradicts --system" in capsys.readouterr().err


def written(folder: Path, text: str) -> Path:
    """Both units in a folder, for systemd-analyze; the service."""
    for name in ("livetrader.service", "livetrader.timer"):
        (folder / name).write_text(unit_of(text, name))
    return folder / "livetrader.service"


@with_systemd
@pytest.mark.parametrize("scope", ["--system", "--user"])
def test_systemd_finds_nothing_wrong_with_the_units(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scope: str
) -> None:
    unit = written(tmp_path, printed(capsys, scope))
    command = [str(ANALYZE), "verify", "--man=no", scope, str(unit), str(unit.with_suffix(".timer"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    ours = [line for line in done.stderr.splitlines() if "livetrader" in line]
    assert (done.returncode, ours) == (0, [])


@with_systemd
def test_systemd_rates_the_sandbox_as_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit = written(tmp_path, printed(capsys))
    command = [str(ANALYZE), "security", "--offline=true", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    score = re.search(r"Overall exposure level for livetrader.service: ([\d.]+)", done.stdout)
    assert score is not None, done.stdout + done.stderr
    assert float(score[1]) <= WORST_SCORE
