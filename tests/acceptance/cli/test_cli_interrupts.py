"""Ctrl+C, SIGTERM and kill, at any moment: a line, the right exit code, and the next call finds everything."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Told, finish, holds, interrupted, start, until

from livetrader.cli.main import run
from livetrader.domain.candles import Interval
from livetrader.marketdata.store import open_store

Call = Callable[..., Told]

WEEK = ("--from", "2026-02-23", "--to", "2026-02-27")
# From the first import to the middle of the work, whatever the machine's speed.
MOMENTS = (0.3, 1.2, 2.2)
GAVE_UP = "error: interrupted; what was committed stays, the rest was not done"


def tame(told: Told) -> Told:
    """No traceback, and at most a line that says what happened."""
    assert "Traceback" not in "\n".join((*told.err, told.out))
    assert [line for line in told.err if line.startswith("error: ")] in ([], [GAVE_UP])
    return told


@pytest.fixture(scope="module")
def whole(_made: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The document of the week, replayed without a break."""
    folder = tmp_path_factory.mktemp("whole")
    for name in ("config.yaml", "candles.db"):
        (folder / name).write_bytes((_made / name).read_bytes())
    assert run(["replay", *WEEK, "--config", str(folder / "config.yaml"), "--out", str(folder)]) == 0
    document = (folder / "replay.json").read_text()
    assert json.loads(document)["trades"], "a week without a trade would prove nothing"
    return document


def test_a_replay_stopped_at_random_moments_comes_to_the_same_document(whole: str, desk: Path, call: Call) -> None:
    first = True
    for after in MOMENTS:
        told = interrupted("replay", *WEEK, "--json", *(() if first else ("--resume",)), cwd=desk, after=after)
        told = tame(told)
        assert told.code in (0, 130)
        assert (told.code == 130) == (GAVE_UP in told.err)
        if told.code == 0:
            first = False
    last = call("replay", *WEEK, "--json", *(() if first else ("--resume",)))
    assert (last.code, last.out) == (0, whole)


def test_a_replay_that_waits_hears_the_first_interrupt(desk: Path, call: Call) -> None:
    replay = start("replay", "--date", "2026-02-27", "--speed", "1", cwd=desk)
    until(lambda: holds(desk / "state.replay.db.lock"), replay)
    replay.send_signal(signal.SIGINT)
    told = finish(replay)
    tame(told)
    assert told.code == 0
    assert told.err[-1] == "stopped: SIGINT; go on with --resume"
    assert call("replay", "--date", "2026-02-27", "--resume").code == 0


def test_a_killed_replay_goes_on(whole: str, desk: Path, call: Call) -> None:
    for left in desk.glob("state.replay.db*"):  # or the orders of the day replayed before would be taken for its own
        left.unlink()
    replay = start("replay", *WEEK, "--speed", "60000", cwd=desk)
    until(lambda: json.loads(call("status", "--mode", "replay", "--json").out or "{}").get("orders"), replay)
    replay.kill()
    finish(replay)
    told = call("replay", *WEEK, "--resume", "--json")
    assert (told.code, told.out) == (0, whole), told.err


@pytest.mark.parametrize("after", MOMENTS)
def test_an_import_is_whole_or_not_there(after: float, desk: Path, call: Call) -> None:
    days = [f"2025-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    bars = [f"{day} 09:{minute}:00,10,12,9,11,5" for day in days for minute in (15, 20, 25)]
    rows = [f"NEW{i},{bar}" for i in range(150) for bar in bars]
    (desk / "new.csv").write_text("\n".join(("symbol,ts,open,high,low,close,volume", *rows, "")))
    told = tame(interrupted("data", "import", "new.csv", "--interval", "5m", cwd=desk, after=after))
    with open_store(f"sqlite:///{desk / 'candles.db'}", read_only=True) as store:
        held = {symbol: one.count for symbol, one in store.coverage(Interval.M5).items()}
    new = sum(count for symbol, count in held.items() if symbol.startswith("NEW"))
    assert new in (0, len(rows))
    assert (told.code, new) in ((0, len(rows)), (130, 0), (130, len(rows)))
    (again,) = json.loads(call("data", "import", "new.csv", "--interval", "5m", "--json").out)
    assert again["inserted"] + again["unchanged"] == len(rows)


@pytest.mark.parametrize(("after", "workers"), [(0.5, "1"), (1.5, "1"), (2.0, "2")])
def test_a_backtest_gives_up_in_one_line(after: float, workers: str, desk: Path) -> None:
    """The whole process group gets the signal, as from a terminal: the workers keep quiet."""
    told = tame(interrupted("backtest", *WEEK, "--workers", workers, "--json", cwd=desk, after=after))
    if told.code == 130:
        assert told.err == (GAVE_UP,)
        assert told.out == ""
    else:
        assert (told.code, told.err) == (0, ())
