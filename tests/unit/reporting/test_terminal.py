"""The report in a terminal, and as plain text where there is none."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from report_samples import IST, report

from livetrader.reporting import terminal
from livetrader.reporting.tables import tables


def shown(*, colour: bool | None = None, count: int = 6) -> str:
    file = io.StringIO()
    terminal.show(report(count=count, unknown=count > 0), IST, file, colour=colour)
    return file.getvalue()


def test_a_pipe_gets_plain_text() -> None:
    assert "\x1b" not in shown()
    assert shown() == terminal.plain(report(unknown=True), IST)


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = shown(colour=True)
    assert "\x1b[" in text
    assert "Orders in UNKNOWN state" in text
    assert "M&M" in text


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in shown(colour=True)
    assert "\x1b[31m" not in shown(colour=True)


@pytest.mark.parametrize("colour", [True, False])
def test_both_say_the_mode_the_unknown_orders_and_the_totals(colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    text = shown(colour=colour)
    order = [text.index(part) for part in ("PAPER", "UNKNOWN", "Net P&L", "Trades", "Refused", "Assumptions")]
    assert order == sorted(order)


def test_plain_columns_line_up() -> None:
    lines = terminal.plain(report(), IST).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Trades ("))
    rows = lines[start + 1 : start + 8]
    assert rows[0].endswith("Net P&L")
    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize("colour", [True, False])
def test_a_day_without_trades_is_told_in_words(colour: bool) -> None:
    text = shown(colour=colour, count=0)
    assert "No trade was taken." in text
    assert "Flat: nothing is held." in text


def test_every_row_has_a_cell_for_every_column() -> None:
    for table in tables(report(unknown=True), IST):
        assert table.numeric <= set(table.columns)
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_plain_text_does_not_load_rich() -> None:
    script = "import sys, livetrader.reporting.terminal\nprint('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
