"""The report as data: refusals by rule, unknown orders, assumptions, the period."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from report_samples import DAY, decision, order, report

from livetrader.domain.order_state import OrderState
from livetrader.domain.signal import Side
from livetrader.domain.trades import OpenPosition
from livetrader.reporting.daily import Holding, assumptions, refusals, unknown_orders


def test_refusals_are_grouped_by_rule_the_most_frequent_first() -> None:
    groups = refusals(
        [decision("b"), decision("a"), decision("c", "X"), decision("c", "Y"), decision("c", "Z")], examples=2
    )
    assert [(group.rule, group.count) for group in groups] == [("c", 3), ("a", 1), ("b", 1)]
    assert [example.symbol for example in groups[0].examples] == ["X", "Y"]
    assert groups[0].examples[0].numbers == {"open": "12", "limit": "12"}


def test_a_signal_without_a_verdict_counts_with_its_note_and_an_approved_one_does_not() -> None:
    (group,) = refusals([decision(None, note="no price in this session"), decision(None)])
    assert (group.rule, group.count, group.examples[0].reason) == ("not_taken", 1, "no price in this session")


def test_only_orders_in_unknown_state_are_unknown() -> None:
    orders = [order(state) for state in OrderState]
    assert [each.state for each in unknown_orders(orders)] == [OrderState.UNKNOWN]


def test_the_assumptions_name_the_slippage_and_the_charge_table() -> None:
    text = " ".join(assumptions(2.5, "nse_intraday"))
    assert "2.5 bps" in text
    assert "nse_intraday" in text
    assert "the stop wins" in text


@pytest.mark.parametrize(
    ("sessions", "period"),
    [
        ((), "no sessions"),
        ((DAY,), "Mon 2 Feb 2026"),
        ((DAY, DAY + timedelta(1), date(2026, 3, 10)), "2 Feb 2026 – 10 Mar 2026, 3 sessions"),
    ],
    ids=["none", "one", "many"],
)
def test_the_period_is_one_phrase(sessions: tuple[date, ...], period: str) -> None:
    assert replace(report(count=0), sessions=sessions).period == period


@pytest.mark.parametrize(
    ("side", "last", "expected"),
    [(Side.LONG, "110", "100"), (Side.SHORT, "110", "-100"), (Side.LONG, None, None)],
    ids=["long", "short", "no price"],
)
def test_what_a_holding_is_worth(side: Side, last: str | None, expected: str | None) -> None:
    position = OpenPosition("X", side, Decimal(10), Decimal(100), "s", "i", order().created_at, Decimal(1))
    found = Holding(position, None if last is None else Decimal(last)).unrealised
    assert found == (None if expected is None else Decimal(expected))


def test_reporting_loads_without_the_number_libraries() -> None:
    """`livetrader report` has 0.35 s: pandas, numpy, numba and rich would take all of it."""
    script = (
        "import sys\n"
        "from livetrader.reporting import csv, daily, document, html, statistics, tables, terminal\n"
        "print(*(name for name in ('pandas', 'numpy', 'numba', 'rich', 'sqlalchemy') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
