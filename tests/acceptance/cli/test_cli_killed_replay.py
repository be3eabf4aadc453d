"""A replay that dies between two commits, any two, and is resumed, comes to the trades of one that did not (fault P1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Told

from livetrader.cli.main import run
from livetrader.store.writer import Writer

pytestmark = pytest.mark.slow

Call = Callable[..., Told]

DAYS = ("--from", "2026-02-23", "--to", "2026-02-24")


class Killed(BaseException):
    """As SIGKILL does it: what was committed is there, and nothing else."""


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """`deaths["at"]` is the commit, counted in `deaths["done"]`, that is not made any more; 0: none."""
    counts, commit = {"done": 0, "at": 0}, Writer._commit

    def mortal(writer: Writer, unit: object) -> None:
        counts["done"] += 1
        if counts["done"] == counts["at"]:
            raise Killed
        commit(writer, unit)  # type: ignore[arg-type]  # whatever the writer hands over

    monkeypatch.setattr(Writer, "_commit", mortal)
    return counts


def document(desk: Path, *arguments: str) -> dict[str, object]:
    assert run(["replay", *DAYS, "--config", str(desk / "config.yaml"), "--out", str(desk / "out"), *arguments]) == 0
    made: dict[str, object] = json.loads((desk / "out" / "replay.json").read_text())
    return made


def test_p1_killed_between_any_two_commits_it_comes_to_the_same_document(desk: Path, deaths: dict[str, int]) -> None:
    whole = document(desk)
    assert whole["trades"]
    commits, deaths["done"] = deaths["done"], 0
    # The first ones make the state; from then on every seventh: an order has three commits, a bar without one has one.
    for at in range(8, commits, 7):
        deaths.update(done=0, at=at)
        with pytest.raises(Killed):
            document(desk)
        deaths["at"] = 0
        assert document(desk, "--resume") == whole, f"killed at commit {at} of {commits}"
