"""What the page is made of: sections with tables, everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from livetrader.reporting.tables import Cell, Table


def section(table: Table, linked: Sequence[bool] = ()) -> str:
    """A table under its title; `linked` as `rows` has it."""
    return f"<section><h2>{heading(table)}</h2>{rows(table, linked)}</section>"


def pair(left: str, right: str) -> str:
    """Two sections beside each other, or below on a small screen."""
    return f'<div class="pair">{left}{right}</div>'


def heading(table: Table) -> str:
    """The table's title, with the number of its rows if that is counted."""
    count = f' <span class="count">{len(table.rows)}</span>' if table.counted and table.rows else ""
    return escape(table.title) + count


def rows(table: Table, linked: Sequence[bool] = ()) -> str:
    """The table itself, or the sentence that stands for its lack of rows.

    Where `linked` is true, the row's first cell leads to the chart of the same number.
    """
    if not table.rows:
        return f'<p class="empty">{escape(table.empty)}</p>'
    head = "".join(_column(table, name) for name in table.columns)
    body = []
    for number, row in enumerate(table.rows):
        to = f"#trade-{number}" if number < len(linked) and linked[number] else ""
        cells = (
            _cell(cell, name in table.numeric, to if i == 0 else "")
            for i, (name, cell) in enumerate(zip(table.columns, row, strict=True))
        )
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="wide"><table class="{table.name}"><thead><tr>{head}</tr></thead>\n<tbody>'
        + "\n".join(body)
        + "</tbody></table></div>"
    )


def _column(table: Table, name: str) -> str:
    kind = ' class="number"' if name in table.numeric else ""
    label = f'<button type="button">{escape(name)}</button>' if table.sortable else escape(name)
    return f'<th scope="col"{kind}>{label}</th>'


def _cell(cell: Cell, numeric: bool, to: str) -> str:
    kind = " ".join(name for name in ("number" if numeric else "", cell.tone) if name)
    text = f'<a href="{to}">{escape(cell.text)}</a>' if to else escape(cell.text)
    # A number that is not there sorts below all others; a text sorts as it is written.
    key = f' data-key="{"" if cell.key is None else repr(cell.key)}"' if numeric or cell.key is not None else ""
    style = f' class="{kind}"' if kind else ""
    return f"<td{style}{key}>{text}</td>"
