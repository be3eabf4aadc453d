"""Strategies found by name: built in, in a user's file, or in a package; and what is said when one is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from livetrader.errors import StrategyError
from livetrader.strategies import registry
from livetrader.strategies.equity_intraday import MomentumLong
from livetrader.strategies.registry import Registry, source_digest

# As the built-in ones are written, and as a beginner may write one.
MINE = """
from __future__ import annotations
from dataclasses import dataclass
from typing import ClassVar
from livetrader.domain.candles import Interval
from livetrader.domain.signal import Side
from livetrader.indicators import ta
from livetrader.strategies.base import Strategy

@dataclass(frozen=True)
class Mine(Strategy):
    name: ClassVar = "mine"
    interval: ClassVar = Interval.M5
    side: ClassVar = Side.LONG
    length: int = 5
    ratio: float = 0.5
    quiet: bool = False

    def indicators(self, c):
        return {"entry": c.close > ta.ema(c.close, self.length)}
"""
PLAIN = MINE.replace("from __future__ import annotations\n", "")


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    """What a test loads is gone after it."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("livetrader_user_"):
            del sys.modules[name]


def written(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["momentum_long", "11"])
def test_a_strategy_is_found_by_its_name_or_its_number(name: str) -> None:
    assert Registry().find(name) is MomentumLong


def test_the_documented_strategies_are_there() -> None:
    assert {"breakout_fade_short", "breakdown_fade_long", "momentum_short", "momentum_long", "exhaustion_short"} <= set(
        Registry().classes
    )
    assert {"sma_cross", "macd_momentum", "rsi_reversion"} <= set(Registry().classes)
    assert [Registry().find(number).name for number in ("8", "9", "10", "11", "12")] == [
        "breakout_fade_short",
        "exhaustion_short",
        "momentum_short",
        "momentum_long",
        "breakdown_fade_long",
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("momentum_lnog", "did you mean momentum_long?", id="a typing error"),
        pytest.param("zzz", "there are: breakout_fade_short, ", id="nothing like it"),
        pytest.param("", "there are: breakout_fade_short, ", id="empty: not the ones without a number"),
        pytest.param("13", "there are: ", id="an unknown number"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(StrategyError) as error:
        Registry().find(name)
    assert str(error.value).startswith(f"unknown strategy {name!r}: {hint}")


def test_params_go_over_the_preset_and_the_preset_over_the_defaults() -> None:
    made = Registry().make("11", preset="large_cap", params={"zone_min": 0.42}, trend_symbol="NIFTY")
    assert isinstance(made, MomentumLong)
    assert (made.zone_min, made.effort_max, made.effort_min, made.trend_symbol) == (0.42, 0.5, 0.0, "NIFTY")
    original = Registry().make("11")
    assert isinstance(original, MomentumLong)
    assert (original.zone_min, original.effort_max, original.trend_symbol) == (0.8, 0.3, None)


@pytest.mark.parametrize("text", [MINE, PLAIN], ids=["names of types", "types"])
@pytest.mark.parametrize(
    ("params", "problem"),
    [
        pytest.param({"lenght": 3}, "unknown parameter 'lenght'; did you mean length?", id="a typing error"),
        pytest.param({"zzz": 3}, "unknown parameter 'zzz'; it has: trend_symbol, length, ratio, quiet", id="unknown"),
        pytest.param({"length": "3"}, "parameter length must be int, got '3'", id="text for a whole number"),
        pytest.param({"length": 2.5}, "parameter length must be int, got 2.5", id="a fraction for a whole number"),
        pytest.param({"length": True}, "parameter length must be int, got True", id="truth for a number"),
        pytest.param({"ratio": None}, "parameter ratio must be float, got None", id="nothing for a number"),
        pytest.param({"quiet": 1}, "parameter quiet must be bool, got 1", id="a number for truth"),
    ],
)
def test_a_wrong_parameter_is_named(tmp_path: Path, text: str, params: dict[str, object], problem: str) -> None:
    found = Registry([written(tmp_path, text)])
    with pytest.raises(StrategyError) as error:
        found.make("mine", params=params)
    assert str(error.value) == f"strategy mine: {problem}"


def test_all_wrong_parameters_are_told_at_once() -> None:
    with pytest.raises(StrategyError) as error:
        Registry().make("11", params={"zone_mim": 1.0, "effort_max": "x", "zone_min": 1})
    assert [line.split(";")[0] for line in str(error.value).splitlines()] == [
        "strategy momentum_long: unknown parameter 'zone_mim'",
        "strategy momentum_long: parameter effort_max must be float, got 'x'",
    ]


@pytest.mark.parametrize("text", [MINE, PLAIN], ids=["names of types", "types"])
def test_a_users_file_is_found_alone_or_in_a_folder(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    for path in (file, tmp_path):
        made = Registry([path]).make("mine", params={"length": 7})
        assert (made.name, made.length) == ("mine", 7)  # type: ignore[attr-defined]


def test_a_file_is_named_by_its_whole_path_so_two_of_one_name_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = written(tmp_path / "a", MINE)
    other = written(tmp_path / "b", MINE.replace('"mine"', '"other"') + "\n# another file\n")
    found = Registry([one, other])
    digests = source_digest([found.make("mine"), found.make("other")])
    assert len(set(digests.values())) == 2


WRONG = {
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "no python": ("def", "SyntaxError: invalid syntax (mine.py, line 1)"),
    "imports nothing": ("import there_is_no_such_module", "ModuleNotFoundError: No module named"),
    "without a side": (
        MINE.replace("    side: ClassVar = Side.LONG\n", ""),
        "strategy Mine lacks the class variable `side`",
    ),
    "without a name": (
        MINE.replace('    name: ClassVar = "mine"\n', ""),
        "strategy Mine lacks the class variable `name`",
    ),
    "a built-in's name": (
        MINE.replace('"mine"', '"momentum_long"'),
        "a strategy named 'momentum_long' is there already",
    ),
}


@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    file = written(tmp_path, text)
    before = set(sys.modules)
    with pytest.raises(StrategyError) as error:
        Registry([file])
    assert str(error.value).startswith(f"{file}: {problem}")
    assert "\n" not in str(error.value)
    leftovers = [name for name in set(sys.modules) - before if name.startswith("livetrader_user_")]
    assert not leftovers or "there already" in problem or "lacks" in problem


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match=r"nowhere\.py: no such strategy file; check strategies\.paths"):
        Registry([tmp_path / "nowhere.py"])


def test_two_files_cannot_give_one_name(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="a strategy named 'mine' is there already"):
        Registry([written(tmp_path, MINE), written(tmp_path, MINE, "yours.py")])


def test_what_a_file_imports_is_not_taken_for_its_own(tmp_path: Path) -> None:
    text = "from livetrader.strategies.equity_intraday import MomentumLong, Strategy\n"
    assert set(Registry([written(tmp_path, text)]).classes) == set(Registry().classes)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param("there_is_no_such_package:X", "ModuleNotFoundError: No module named", id="does not load"),
        pytest.param("decimal:Decimal", "the entry point 'x' is not a Strategy class", id="something else"),
    ],
)
def test_a_package_whose_entry_point_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    point = EntryPoint("x", value, registry.ENTRY_POINT)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.ENTRY_POINT else [])
    with pytest.raises(StrategyError) as error:
        Registry()
    assert str(error.value).startswith(f"{value}: {problem}")


def test_a_digest_follows_the_code_and_the_parameters(tmp_path: Path) -> None:
    file = written(tmp_path, MINE)
    first = source_digest([Registry([file]).make("mine")])
    assert source_digest([Registry([file]).make("mine")]) == first
    assert source_digest([Registry([file]).make("mine", params={"length": 6})]) != first
    changed = written(tmp_path, MINE + "\n# changed\n", "changed.py")
    assert source_digest([Registry([changed]).make("mine")]) != first
    assert all(len(digest) == 16 for digest in first.values())
