"""Each recommendation appears where its numbers say so, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from report_samples import trade

from livetrader.domain.exit_plan import ExitReason
from livetrader.reporting.comparison import StrategyLine, comparison
from livetrader.reporting.excursions import Excursion
from livetrader.reporting.issues import DataIssue
from livetrader.reporting.recommendations import (
    bad_data,
    lost_on_charges,
    recommendations,
    refused_winners,
    round_trip_cost_pct,
    stopped,
    tight_stops,
)
from livetrader.reporting.refused import TAKEN, RefusedOutcome


def strategy(gross: int, net: int, count: int = 20) -> StrategyLine:
    trades = [trade(str(net), gross=str(gross), name=str(i)) for i in range(count)]
    return comparison(trades, [date(2026, 2, 2)], Decimal(100_000), 252).strategies[0]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (strategy(10, -50), True),
        (strategy(10, -50, count=19), False),
        (strategy(10, 5), False),
        (strategy(-10, -50), False),
        (strategy(0, -50), False),
        (strategy(50, 0), False),
    ],
    ids=["charges took it", "too few trades", "it won", "it lost anyway", "it made nothing", "it came out even"],
)
def test_a_strategy_lost_on_charges_only_if_it_won_before_them(line: StrategyLine, told: bool) -> None:
    assert [one.subject for one in lost_on_charges([line], "INR")] == (["momentum_long"] if told else [])


def test_the_charges_are_told_with_their_numbers() -> None:
    (found,) = lost_on_charges([strategy(10, -50)], "INR")
    assert found.n == 20
    assert found.numbers == {"gross_pnl": "200", "charges": "1200", "net_pnl": "-1000"}
    assert "₹200.00 before them, −₹1,000.00 after ₹1,200.00 of them, in 20 trades" in found.text


WINNERS = RefusedOutcome("max_positions", 20, 0.4, 0.6, 2.5)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (WINNERS, True),
        (replace(WINNERS, signals=19), False),
        (replace(WINNERS, t=2.49), False),
        (replace(WINNERS, t=None), False),
        (replace(WINNERS, mean_pct=0.05), False),
        (replace(WINNERS, mean_pct=-0.4, t=-4.0), False),
        (replace(WINNERS, rule=TAKEN), False),
    ],
    ids=["winners", "too few", "by chance", "one value", "less than it costs", "losers", "those taken"],
)
def test_a_rule_refused_winners_only_if_they_won_more_than_it_costs(outcome: RefusedOutcome, told: bool) -> None:
    found = list(refused_winners([outcome], cost_pct=0.05))
    assert [(one.subject, one.n) for one in found] == ([("max_positions", 20)] if told else [])


def test_the_refused_are_told_beside_those_taken() -> None:
    (found,) = refused_winners([RefusedOutcome(TAKEN, 9, -0.1, 0.4, None), WINNERS], 0.05)
    assert "20 signals went on to move +0.40 % on average to the square-off, 60 % of them our way" in found.text
    assert "those taken −0.10 %" in found.text


def stops(count: int, after: float, best: float, spread: float = 0.1) -> list[Excursion]:
    return [Excursion(str(i), 1.0, 0.2, -1.0, after + (spread if i % 2 else -spread), best) for i in range(count)]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (stops(20, 0.5, 0.3), True),
        (stops(19, 0.5, 0.3), False),
        (stops(20, 0.01, 0.3), False),
        (stops(20, -0.5, 0.3), False),
        (stops(20, 0.5, -0.1), False),
        ([*stops(11, 0.5, -0.1), *stops(9, 0.5, 0.3)], False),
        ([replace(one, after_pct=None, best_after_pct=None) for one in stops(40, 0.5, 0.3)], False),
    ],
    ids=[
        "too tight",
        "too few",
        "by chance",
        "it went on falling",
        "none came back",
        "less than half",
        "no bars after",
    ],
)
def test_stops_are_too_tight_only_if_holding_on_paid_and_most_came_back(found: list[Excursion], told: bool) -> None:
    assert [one.subject for one in tight_stops({"s": found})] == (["s"] if told else [])


def test_only_first_stops_count_and_only_with_candles() -> None:
    trades = [
        trade(name="a", reason=ExitReason.STOP),
        trade(name="b", reason=ExitReason.TRAILING),
        trade(name="c", reason=ExitReason.STOP),
    ]
    moves = {name: Excursion(name, 1.0, 0.0, -1.0) for name in "ab"}
    assert {name: [one.trade_id for one in group] for name, group in stopped(trades, moves).items()} == {
        "momentum_long": ["a"]
    }


@pytest.mark.parametrize(
    ("issues", "sessions", "subjects"),
    [
        ([DataIssue("A", "gap", 20)], 1, ["A"]),
        ([DataIssue("A", "gap", 19)], 1, []),
        ([DataIssue("A", "gap", 12), DataIssue("A", "spike", 8)], 20, ["A"]),
        ([DataIssue("A", "gap", 30)], 40, []),
        ([DataIssue("A", "gap", 25), DataIssue("B", "gap", 90)], 5, ["B", "A"]),
        ([DataIssue("A", "no candles", 1)], 250, ["A"]),
    ],
    ids=["a day's gaps", "too few", "kinds together", "less than one a session", "the worst first", "no candles"],
)
def test_bad_data_are_those_with_enough_defects(issues: list[DataIssue], sessions: int, subjects: list[str]) -> None:
    assert [one.subject for one in bad_data(issues, sessions)] == subjects


def test_where_nothing_stands_out_nothing_is_said() -> None:
    quiet = recommendations(
        [strategy(100, 50)], [replace(WINNERS, mean_pct=0.0)], {"s": stops(50, -0.2, 0.1)}, [DataIssue("A", "gap", 3)],
        cost_pct=0.05, sessions=60, currency="INR",
    )  # fmt: skip
    assert quiet == ()


def test_a_round_trips_cost_is_a_part_of_what_was_bought() -> None:
    assert round_trip_cost_pct([trade("0", gross="50", quantity="10", entry_price="1000")]) == 0.5
    assert round_trip_cost_pct([]) == 0.0
