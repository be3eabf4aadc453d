"""A trader under a supervisor: its process, begun again when it ends, and what was measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livetrader.store.writer import RECONNECT_SECONDS
from tests.acceptance.soak.clock import SharedClock
from tests.acceptance.soak.process import Process


@dataclass
class Seen:
    """Seconds of the scans that found nothing, of the passes by close, and of the openings of the session; bytes at
    each close, by process; exit codes."""

    scans: list[float] = field(default_factory=list)
    passes: dict[int, float] = field(default_factory=dict)
    openings: list[float] = field(default_factory=list)
    resident: list[list[int]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)


@dataclass
class Trader:
    """The trader of the settings `name` in `folder`."""

    folder: Path
    name: str
    patience: float = RECONNECT_SECONDS
    process: Process | None = field(default=None, init=False)
    waiting: bool = field(default=False, init=False)
    decided: int = field(default=0, init=False)
    over: bool = field(default=False, init=False)
    seen: Seen = field(default_factory=Seen, init=False)

    def start(self, ahead: float) -> None:
        log = self.folder / f"{self.name}.log"
        self.process = Process("trader", self.folder, self.name, ahead, self.patience, log=log)
        self.seen.resident.append([])
        self.waiting = True

    def ask(self, question: Mapping[str, object]) -> None:
        assert self.process is not None, "who has ended was begun again"
        self.process.ask(question)
        self.waiting = True

    def hear(self, clock: SharedClock) -> None:
        """Take its answer, or its end."""
        assert self.process is not None, "it was asked"
        self.waiting = False
        told = self.process.answer()
        if told is None:
            self.end()
        elif told:
            clock.follow(told["ahead"])
            self._note(told)

    def _note(self, told: Mapping[str, Any]) -> None:
        if told["opened"]:
            self.seen.openings.append(told["seconds"])
        elif told["passed"]:
            self.seen.passes[told["decided"]] = told["seconds"]
            self.seen.resident[-1].append(told["resident"])
        else:
            self.seen.scans.append(told["seconds"])
        self.decided, self.over = max(told["decided"], self.decided), bool(told["over"])

    def end(self) -> None:
        assert self.process is not None, "it runs"
        self.seen.codes.append(self.process.end())
        self.process = None
