"""Seeds by the thousand in CI, by the hundred elsewhere; and the command that plays them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from math import inf
from pathlib import Path

import pytest
from test_mutations import retry_on_timeout

from livetrader.brokers.loopback.profiles import OPENALGO, STRICT, TAG_SCAN
from livetrader.cli.main import run
from livetrader.domain.exit_plan import ExitKind
from livetrader.domain.order import OrderType, Purpose, TimeInForce
from livetrader.domain.parent import Algo
from livetrader.faultsim import runs
from livetrader.faultsim.desk import ACCOUNT
from livetrader.faultsim.runs import EVERY_PROFILE, trial, trials
from livetrader.faultsim.scenario import play
from livetrader.faultsim.story import tell
from livetrader.faultsim.world import MODE
from livetrader.market.clock import SystemClock
from livetrader.store.database import open_state
from livetrader.store.journal import SqlJournal
from tests.threads import PATIENCE

PARTS = 8
SIZE = 64 if "CI" in os.environ else 25


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", EVERY_PROFILE)
def test_no_seed_breaks_an_invariant(name: str, part: int) -> None:
    """512 seeds a profile in CI, 256 of OpenAlgo, which is played over HTTP besides.

    Each part has orders, fills, faults and crashes, or it would show nothing.
    """
    size = min(SIZE, 32) if name == OPENALGO.name else SIZE
    tally = trial(name, part * size, size)
    assert [(one.again, one.text) for one in tally.broken] == []
    assert min(tally.orders, tally.fills, tally.faults, tally.crashes) > 0


def test_a_seed_is_one_day_whoever_plays_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a seed does depends on nothing but the seed: not on the workers, nor on the seeds before it."""
    monkeypatch.setattr(runs, "CHUNK", 10)
    parts = [trial("kite", first, 10) for first in (0, 10)]
    parts[0].add(parts[1])
    assert trials(["kite", "tag_scan"], 0, 20, 2) == [parts[0]]


def test_its_progress_ends_at_the_whole() -> None:
    told: list[float] = []
    trials(EVERY_PROFILE, 0, 2, 1, told.append)
    assert (sorted(told), told[-1], len(told)) == (told, 1.0, len(EVERY_PROFILE))


@pytest.fixture
def broken_seed(monkeypatch: pytest.MonkeyPatch) -> int:
    """With a bug planted, the first seed that it breaks."""
    retry_on_timeout(monkeypatch)
    return first_broken()


@lru_cache
def first_broken() -> int:
    return next(seed for seed in range(1000) if trial("kite", seed, 1).broken)


def test_a_broken_seed_is_told_up_to_what_broke(broken_seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "--profile", "kite", "--seed", str(broken_seed)]) == 70
    told = capsys.readouterr()
    assert told.err.startswith(f"error: seed {broken_seed} of kite: I1: intent ")
    assert [what for what in ("  fault: ", " written down: ", " is SENT") if what not in told.out] == []


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_a_seed_that_fails_prints_the_line_that_plays_it_again(
    form: list[str], broken_seed: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 70. The workers would not have the planted bug, so its seeds are played here."""
    monkeypatch.setattr("livetrader.faultsim.runs.trials", lambda *_, **__: [trial("kite", broken_seed - 1, 2)])
    assert run(["sim", "--seeds", "2", "--profile", "kite", *form]) == 70
    told, line = capsys.readouterr(), f"livetrader sim --profile tag_scan --seed {broken_seed}"
    assert told.err.splitlines()[-1] == f"error: 1 of 2 seeds broke an invariant: see `{line}`"
    if form:
        (only,) = json.loads(told.out)["profiles"][0]["broken"]
        assert (only["seed"], only["invariant"]) == (broken_seed, "I1")
    else:
        assert told.out.splitlines()[2].startswith(f"{line}   # I1: intent ")


def test_what_was_tried_is_shown_for_each_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "--seeds", "3", "--workers", "1"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["profile", "seeds", "orders", "fills", "faults", "crashes", "broken"]
    assert [row.split()[:2] for row in rows] == [[name, "3"] for name in EVERY_PROFILE]
    assert {row.split()[-1] for row in rows} == {"0"}


def test_sound_seeds_are_told_to_their_end() -> None:
    stories = [tell(seed, TAG_SCAN) for seed in range(3, 6)]
    assert [story.broken for story in stories] == [""] * 3
    lines = [line for story in stories for line in story.lines]
    kinds = (
        "fault: ", "crash: ", "signal ", " written down: ", " booked: ", "alert: ", "amended: ", "is worth ", "parent ",
    )  # fmt: skip
    assert [kind for kind in kinds if not any(kind in line for line in lines)] == []


def done(folder: Path, seed: int) -> set[object]:
    """In which ways entries went out on the day of a seed, and what was done to positions by hand."""
    folder.mkdir()
    world = play(seed, STRICT, folder)
    journal = SqlJournal(open_state(world.url, MODE, ACCOUNT))
    records, parents, replans = journal.orders(), journal.parents(), journal.replans()
    journal.close()
    filled = [one.intent for one in records if one.filled_quantity and one.intent.purpose is not Purpose.RECONCILE]
    entries = [one for one in filled if one.purpose is Purpose.ENTRY]
    later = world.market.sessions[-1].opens if len(world.market.sessions) > 1 else inf
    found: set[object] = {one.order_type for one in entries} | {one.tif for one in entries}
    found |= {one.parent.schedule.algo for one in parents} | {one.reason for one in filled if one.reason == "reduced"}
    found |= {"added" for one in entries if one.entry_id} | {"cancelled" for one in parents if one.reason == "by hand"}
    found |= {"protected" for _ in replans} | {"revised" for one in parents if one.parent.entry.amended}
    over = {one.parent.name: one.parent.entry.as_of for one in parents}
    found |= {"over the night" for one in entries if one.as_of >= later > over.get(one.parent_id, inf)}
    return found | {exit.kind for exit in (one.exit for one in entries) if exit is not None}


def test_orders_of_every_kind_are_among_the_days(tmp_path: Path) -> None:
    """Types, algorithms, brackets, more and less of what is held, other exits and terms, orders that last."""
    awaited = {
        *OrderType, *TimeInForce, *Algo, "reduced", "added", "cancelled", "protected", "revised", "over the night",
        ExitKind.FIXED, ExitKind.TRAILING_ATR,
    }  # fmt: skip
    for seed in range(200):
        if awaited:
            awaited -= done(tmp_path / str(seed), seed)
    assert awaited == set()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["--seed", "3"], "--profile: is missing"), (["--profile", "zerodha"], "no broker profile is called 'zerodha'")],
    ids=["a seed of no profile", "unknown profile"],
)
def test_a_wrong_call_is_one_line(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {problem}")


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that still run."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`livetrader sim` with two workers, as soon as both are there."""
    call = [sys.executable, "-m", "livetrader", "sim", "--seeds", "100000", "--workers", "2"]
    process = subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(children(process.pid)) < 3 and process.poll() is None:  # the pool's resource tracker is one
        SystemClock().sleep(0.05)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks /proc for a process's children")
def test_an_interrupt_ends_it_and_leaves_no_worker_behind(playing: subprocess.Popen[str]) -> None:
    workers, patience = children(playing.pid), SystemClock().monotonic() + PATIENCE
    playing.send_signal(signal.SIGINT)
    _, said = playing.communicate(timeout=PATIENCE)
    assert (playing.returncode, "Traceback" in said) == (130, False), said
    clock = SystemClock()
    while (left := [pid for pid in workers if Path(f"/proc/{pid}").exists()]) and clock.monotonic() < patience:
        clock.sleep(0.05)
    assert left == []
