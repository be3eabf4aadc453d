"""A list as lines of a given width: columns that do not fit go, the least telling first; rows that do not are counted.

Not rich's tables: those wrap, and a screen that is drawn each second must not jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

GAP = "  "


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text in rich's `style`."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; with `rank` above 0 the column may be left out, the highest first."""

    title: str
    rank: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows under a title that stands over the column `named`. `nothing` is what it says without rows."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    nothing: str
    named: int = 0

    @property
    def wanted(self) -> int:
        """Lines that show all of it."""
        return 1 + len(self.rows)

    def lines(self, width: int, height: int) -> list[Text]:
        """At most `height` lines of at most `width` characters; what was left out is said in the last one."""
        if not self.rows:
            return [Text.assemble((self.title, "bold"), GAP, (self.nothing, "dim"))][:height]
        heading = [Cell(column.title, "dim") for column in self.columns]
        heading[self.named] = Cell(f"{self.title} ({len(self.rows)})", "bold")
        more = len(self.rows) - (height - 1)
        shown = self.rows if more <= 0 else self.rows[: max(height - 2, 0)]
        widths = _widths([heading, *self.rows])
        kept = _kept(self.columns, widths, width)
        lines = [_line(row, kept, self.columns, widths, width) for row in (heading, *shown)]
        if more > 0:
            lines.append(Text(f"  +{len(self.rows) - len(shown)} more", "bold yellow"))
        return lines[:height]


def _widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    return [max(len(cell.text) for cell in column) for column in zip(*rows, strict=True)]


def _kept(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """The columns that fit beside each other."""
    kept = list(range(len(columns)))
    while sum(widths[i] for i in kept) + len(GAP) * (len(kept) - 1) > width:
        last = max(kept, key=lambda i: (columns[i].rank, i))
        if not columns[last].rank:
            break
        kept.remove(last)
    return kept


def _line(
    row: Sequence[Cell], kept: Sequence[int], columns: Sequence[Column], widths: Sequence[int], width: int
) -> Text:  # fmt: skip
    line = Text(no_wrap=True)
    for i in kept:
        text = row[i].text
        line.append(text.rjust(widths[i]) if columns[i].right else text.ljust(widths[i]), row[i].style)
        line.append(GAP)
    line.rstrip()
    line.truncate(width, overflow="ellipsis")
    return line


def shared(wanted: Sequence[int], height: int) -> list[int]:
    """`height` lines given to listings in the order of their worth: each has three or all it wants, the first the
    rest. Where there is not even room for that, the last ones go."""
    given: list[int] = []
    for want in wanted:
        given.append(min(want, 3, height - sum(given)))
    for i, want in enumerate(wanted):
        given[i] += min(want - given[i], height - sum(given))
    return given
