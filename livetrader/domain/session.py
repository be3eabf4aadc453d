"""One exchange trading day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

_DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Session:
    """A trading day of an exchange: its date there, and the parts in which it trades.

    Instants are whole epoch seconds (UTC). A part is `[opens, closes)`; a session has one part, or two on the
    Saturdays that NSE splits for a disaster-recovery drill. Bars are counted from the first part's open.
    `square_off` is the instant from which everything intraday is closed and no entry is taken.
    """

    date: date
    parts: tuple[tuple[int, int], ...]
    square_off: int
    kind: str = "regular"

    @property
    def opens(self) -> int:
        return self.parts[0][0]

    @property
    def closes(self) -> int:
        return self.parts[-1][1]

    @property
    def all_day(self) -> bool:
        """Whether the next one begins where it ends: the market never closes, and nobody squares off."""
        return self.closes - self.opens == _DAY

    @property
    def open_at(self) -> datetime:
        return datetime.fromtimestamp(self.opens, UTC)

    @property
    def close_at(self) -> datetime:
        return datetime.fromtimestamp(self.closes, UTC)

    def slots(self, seconds: int) -> tuple[int, ...]:
        """Opens of the bars of `seconds` that the session has, in order.

        Bars are counted from the session's open. A slot exists if any of its time lies in a part, so the last
        hourly bar (15:15) closes with the session. A bar of a day or longer gives one slot, at the open.
        """
        span = self.closes - self.opens
        step = min(seconds, span)
        starts = range(self.opens, self.closes, step)
        return tuple(s for s in starts if any(s < closes and s + step > opens for opens, closes in self.parts))
