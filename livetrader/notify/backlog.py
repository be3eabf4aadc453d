"""What is still to be told to one target: bursts are folded, critical events are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from livetrader.notify.events import Event, Severity
from livetrader.ports import Clock, wall_time

# What a phone shows. Of a burst so many events are told in words, and the others counted.
LINES = 10

# The same words are not said again for so long.
REPEAT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Message:
    """One notification. Its text is raw: only a sender lets it out, and masks the secrets in it."""

    severity: Severity
    title: str
    lines: tuple[str, ...]
    attachment: Path | None = None


@dataclass(slots=True)
class _Line:
    event: Event
    text: str
    times: int = 1


@dataclass
class Backlog:
    """Events in, messages out: critical ones first, then the others, then each day's end by itself.

    `label` is the mode in capitals, at the head of every message; `timezone` the exchange's.
    """

    label: str
    timezone: tzinfo
    clock: Clock
    _critical: list[_Line] = field(default_factory=list, init=False)
    _others: list[_Line] = field(default_factory=list, init=False)
    _folded: Counter[str] = field(default_factory=Counter, init=False)
    _first_folded: int = field(default=0, init=False)
    _days: list[Event] = field(default_factory=list, init=False)
    _said: dict[str, float] = field(default_factory=dict, init=False)

    def add(self, event: Event) -> None:
        """Take an event in. It is put into words now, unless it is only counted."""
        critical = event.severity is Severity.CRITICAL
        if event.day is not None:
            self._days.append(event)
        elif not critical and len(self._others) == LINES:
            self._first_folded = self._first_folded or event.seq
            self._folded[event.noun] += 1
        else:
            self._say(event, self._critical if critical else self._others)

    def _say(self, event: Event, lines: list[_Line]) -> None:
        text = event.text()
        same = next((line for line in lines if line.text == text), None)
        if same is not None:
            same.times += 1
        elif self.clock.monotonic() - self._said.get(text, -REPEAT_SECONDS) >= REPEAT_SECONDS:
            lines.append(_Line(event, text))

    def next(self) -> Message | None:
        """What to send next; None where there is nothing. It stays the next until `sent`."""
        if self._critical:
            return self._message(" CRITICAL", self._critical[:LINES])
        if self._others:
            return self._message("", self._others)
        if self._days:
            ended = self._days[0]
            assert ended.day is not None, "it was taken in as a day's end"
            day = ended.day()
            return Message(ended.severity, f"{self.label}: {ended.text()}", day.lines, day.report)
        return None

    def sent(self) -> None:
        """The next message is out."""
        now = self.clock.monotonic()
        self._said = {text: at for text, at in self._said.items() if now - at < REPEAT_SECONDS}
        if self._critical or self._others:
            lines = self._critical[:LINES] or self._others
            self._said |= {line.text: now for line in lines}
            if self._critical:
                del self._critical[:LINES]
            else:
                self._others, self._folded, self._first_folded = [], Counter(), 0
        elif self._days:
            del self._days[0]

    @property
    def oldest(self) -> int | None:
        """The first row of the log that is still to be told; None where there is none."""
        waiting = [line.event.seq for line in (*self._critical, *self._others)] + [day.seq for day in self._days]
        return min([*waiting, *([self._first_folded] if self._folded else [])], default=None)

    @property
    def size(self) -> int:
        """Events that are still to be told."""
        said = sum(line.times for line in (*self._critical, *self._others))
        return said + self._folded.total() + len(self._days)

    def _message(self, mark: str, lines: Sequence[_Line]) -> Message:
        folded = Counter[str]() if mark else self._folded
        count = sum(line.times for line in lines) + folded.total()
        what = lines[0].event.noun if count == 1 else f"{count} events"
        severity = max(line.event.severity for line in lines)
        said = (self._worded(line) for line in lines)
        more = (f"{folded.total()} more: {_listed(folded)}",) if folded else ()
        return Message(severity, f"{self.label}{mark}: {what}", (*said, *more))

    def _worded(self, line: _Line) -> str:
        at, now = line.event.at.astimezone(self.timezone), wall_time(self.clock).astimezone(self.timezone)
        when = f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%d %b %H:%M:%S}"
        return f"{when} {line.text}" + (f" ({line.times} times)" if line.times > 1 else "")


def _listed(counts: Counter[str]) -> str:
    """`30 fills, 1 rejection`, the most frequent first."""
    return ", ".join(f"{count} {noun}{'s' * (count > 1)}" for noun, count in counts.most_common())
