"""The settings made into rules: which there are, and limits that would be none are refused before anything runs."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from livetrader.bootstrap.checks import problems
from livetrader.bootstrap.workspace import Workspace
from livetrader.config import load
from livetrader.config.constraints import PRESETS
from livetrader.constraints.rules.money import SectorConcentration, StrategyAllocation
from livetrader.constraints.rules.score import RiskScore
from livetrader.errors import ConfigError


def workspace(folder: Path, text: str) -> Workspace:
    (folder / "config.yaml").write_text(text, "utf-8")
    return Workspace(load(directory=folder, environ={}), read_only=True)


def rules(folder: Path, text: str) -> list[str]:
    return [type(rule).__name__ for rule in workspace(folder, text).rules(lambda *_: None)]


def test_by_default_no_limit_of_a_desk_is_on(tmp_path: Path) -> None:
    assert rules(tmp_path, "mode: paper\n") == [
        "NotHalted", "SymbolFree", "TradingWindow", "BarFreshness", "PriceSanity", "ExitDefined",
        "OnePositionPerSymbol", "MaxOpenPositions", "MaxTradesPerDay", "MaxTradesPerStrategy", "PriceCollar",
        "LotSanity", "CapitalAllocation",
    ]  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_traded_with_a_small_enough_allocation(tmp_path: Path, name: str) -> None:
    found = rules(tmp_path, f"capital: {{allocation_pct: 4}}\nconstraints: {{preset: {name}}}\n")
    assert {"PositionSize", "Leverage", "FreeMargin", "StopCooldown", "BrokerCircuit", "RiskScore"} <= set(found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "constraints: {preset: nse_intraday}\n",
            "config.yaml:1: constraints.max_position_pct: 10 is less than one entry takes (capital.allocation_pct 30 × "
            "leverage 1): allocate less",
        ),
        (
            "capital: {allocation_pct: 9, leverage: 2}\nconstraints:\n  max_position_pct: 17.9\n",
            "config.yaml:3: constraints.max_position_pct: 17.9 is less than one entry takes (capital.allocation_pct 9 "
            "× leverage 2): allocate less",
        ),
        (
            "constraints: {max_sector_pct: 30}\n",
            "config.yaml:1: constraints.max_sector_pct: needs constraints.sectors, a CSV of symbol,sector",
        ),
        (
            "constraints: {max_risk_score: 0.5, max_open_positions: null}\n",
            "config.yaml:1: constraints.max_risk_score: needs limits that it is reckoned from",
        ),
    ],
    ids=["preset", "leverage", "no sectors", "nothing to score"],
)
def test_limits_that_no_entry_could_pass_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    made = workspace(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        made.rules(lambda *_: None)
    assert caught.value.problems == (problem,)
    assert problem in problems(made.configuration)


def test_an_allocation_of_exactly_the_limit_is_allowed(tmp_path: Path) -> None:
    assert "PositionSize" in rules(tmp_path, "capital: {allocation_pct: 10}\nconstraints: {max_position_pct: 10}\n")


def test_sectors_come_from_a_file_and_a_bad_line_is_named(tmp_path: Path) -> None:
    text = "constraints: {max_sector_pct: 40, sectors: sectors.csv}\n"
    (tmp_path / "sectors.csv").write_text("symbol,sector\nTCS,software\n INFY , software \n")
    (found,) = (r for r in workspace(tmp_path, text).rules(lambda *_: None) if isinstance(r, SectorConcentration))
    assert found.sectors == {"TCS": "software", "INFY": "software"}
    (tmp_path / "sectors.csv").write_text("symbol,sector\nTCS,\n")
    (problem,) = [one for one in problems(workspace(tmp_path, text).configuration) if "expected" in one][:1]
    assert problem.endswith("sectors.csv:2: expected columns symbol,sector")
    with pytest.raises(ConfigError, match="No such file"):
        workspace(tmp_path, text.replace("sectors.csv", "none.csv")).rules(lambda *_: None)


@pytest.mark.parametrize(
    ("limits", "lost"),
    [
        ("max_daily_loss_pct: 2", 20_000),
        ("max_daily_loss: 10000", 10_000),
        ("max_daily_loss_pct: 2, max_daily_loss: 10000", 10_000),
        ("max_daily_loss_pct: 0.5, max_daily_loss: 10000", 5_000),
        ("max_daily_loss: null", None),
    ],
)
def test_of_two_limits_on_the_days_loss_the_smaller_holds(tmp_path: Path, limits: str, lost: int | None) -> None:
    assert workspace(tmp_path, f"constraints: {{{limits}}}\n").limits.daily_loss == lost


def test_the_portfolio_stop_is_a_share_of_the_starting_capital(tmp_path: Path) -> None:
    found = workspace(tmp_path, "capital: {amount: 200000}\nconstraints: {portfolio_stop_pct: 7.5}\n").limits.floor
    assert found == Decimal(185_000)


def test_the_score_is_of_all_that_is_set_and_can_be_measured(tmp_path: Path) -> None:
    text = "constraints: {max_risk_score: 0.7, max_leverage: 2, max_daily_loss: 100, max_order_value: 5}\n"
    (score,) = (rule for rule in workspace(tmp_path, text).rules(lambda *_: None) if isinstance(rule, RiskScore))
    assert [one.name for one in score.graded] == ["max_open_positions", "leverage", "daily_loss"]


def test_an_entry_by_hand_is_held_to_all_but_a_strategys_allocation(tmp_path: Path) -> None:
    made = workspace(tmp_path, "capital: {allocation_pct: 4}\nconstraints: {preset: conservative}\n")
    by_signal, by_hand = ({type(r) for r in of(lambda *_: None)} for of in (made.rules, made.manual_rules))
    assert StrategyAllocation in by_signal - by_hand
    assert {"PositionSize", "StopCooldown", "RiskScore"} <= {one.__name__ for one in by_hand}
